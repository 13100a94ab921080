#include "base.h"
#include "text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "print.h"
#include "sys.h"

struct slice slice_of(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

struct slice slice_between(const char *from, const char *to)
{
	return (struct slice){ from, (size_t)(to - from) };
}

struct slice slice_first(struct slice s, size_t len)
{
	return (struct slice){ s.at, len };
}

struct slice slice_skip(struct slice s, size_t len)
{
	return (struct slice){ s.at + len, s.len - len };
}

bool slice_starts(struct slice s, const char *word)
{
	size_t len = strlen(word);

	return s.len >= len && (!len || memcmp(s.at, word, len) == 0);
}

bool slice_is(struct slice s, const char *word)
{
	return s.len == strlen(word) && (!s.len || memcmp(s.at, word, s.len) == 0);
}

bool slice_is_nocase(struct slice s, const char *word)
{
	return s.len == strlen(word) && (!s.len || strncasecmp(s.at, word, s.len) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_blank(s.at[0]))
		s.at++, s.len--;
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool slice_next(struct slice *rest, char sep, struct slice *part)
{
	const char *end;
	size_t len;

	if (!rest->at)
		return false;
	end = rest->len ? memchr(rest->at, sep, rest->len) : NULL;
	len = end ? (size_t)(end - rest->at) : rest->len;
	*part = slice_trim((struct slice){ rest->at, len });
	*rest = end ? (struct slice){ end + 1, rest->len - len - 1 } : (struct slice){ NULL, 0 };
	return true;
}

const char *slice_find(struct slice text, struct slice part)
{
	for (; part.len && text.len >= part.len; text = slice_skip(text, 1))
		if (memcmp(text.at, part.at, part.len) == 0)
			return text.at;
	return NULL;
}

bool slice_has_word(struct slice list, const char *word)
{
	struct slice part;

	while (slice_next(&list, ',', &part))
		if (slice_is_nocase(part, word))
			return true;
	return false;
}

void buf_fail(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .may_fail = true, .failed = true };
}

char *buf_room(struct buf *b, size_t size)
{
	char *data;

	if (b->failed)
		return NULL;
	if (b->cap - b->len <= size) {
		size_t cap = b->cap ? b->cap * 2 : 128;

		if (cap < b->len + size + 1)
			cap = b->len + size + 1;
		data = b->may_fail ? realloc(b->data, cap) : sys_realloc(b->data, cap);
		if (!data) {
			buf_fail(b);
			return NULL;
		}
		b->data = data;
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	char *to = buf_room(b, len);

	if (!to)
		return;
	if (len)
		memcpy(to, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
	size_t len = print_args(NULL, 0, fmt, args);
	char *to = buf_room(b, len);

	if (to)
		b->len += print_args(to, len + 1, fmt, args);
}

void buf_number(struct buf *b, unsigned long long n)
{
	char digits[24], *p = digits + sizeof digits;

	do {
		*--p = (char)('0' + n % 10);
	} while (n /= 10);
	buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void buf_puts_number(struct buf *b, const char *before, unsigned long long n)
{
	buf_puts(b, before);
	buf_number(b, n);
}

const char *text_s(unsigned long long n)
{
	return n == 1 ? "" : "s";
}

void buf_seconds(struct buf *b, int64_t ms)
{
	int rest = ms < 0 ? 0 : (int)(ms % 1000);

	buf_number(b, ms < 0 ? 0 : (unsigned long long)(ms / 1000));
	buf_puts(b, rest < 10 ? ".00" : rest < 100 ? ".0" : ".");
	buf_number(b, (unsigned long long)rest);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vprintf(b, fmt, args);
	va_end(args);
}

const char *text_printf(struct arena *memory, const char *fmt, ...)
{
	struct buf text = { 0 };
	const char *copy;
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	copy = arena_dup(memory, text.data, text.len);
	buf_free(&text);
	return copy;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

/* C1 controls reach a terminal as two bytes of UTF-8, 0xc2 0x80-0x9f. */
static size_t control_at(const char *p, size_t len)
{
	unsigned char c = (unsigned char)p[0];

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && len > 1 && ((unsigned char)p[1] & 0xe0) == 0x80 ? 2 : 0;
}

/* C1 controls, U+00A0, U+00AD, U+2000-200F, U+2028-202F, U+205F-206F, U+3000, U+FEFF. */
unsigned text_unseen(const char *at, size_t len)
{
	size_t n = text_utf8(at, len);
	unsigned c = (unsigned char)*at & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)at[i] & 0x3f);
	return n > 1 && ((c >= 0x80 && c <= 0xa0) || c == 0xad || c - 0x2000 <= 0xf || c - 0x2028 <= 7 ||
	                 c - 0x205f <= 0x10 || c == 0x3000 || c == 0xfeff) ? c : 0;
}

static size_t invisible_at(const char *at, size_t len)
{
	return text_unseen(at, len) >= 0xa0 ? text_utf8(at, len) : 0;
}

bool text_controls(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return true;
	return false;
}

bool text_hides(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80 && invisible_at(s.at + i, s.len - i))
			return true;
	return false;
}

size_t text_plain(const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && at[n] >= ' ' && at[n] <= '~' && at[n] != '"' && at[n] != '&' && at[n] != '\'' && at[n] != '<' &&
	       at[n] != '>' && at[n] != '\\')
		n++;
	return n;
}

size_t text_visible(char *out, size_t room, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0, plain; i < len;) {
		size_t hidden;

		plain = text_plain(bytes + i, len - i < room - n ? len - i : room - n);
		memcpy(out + n, bytes + i, plain);
		n += plain, i += plain;
		if (i == len)
			break;
		hidden = control_at(bytes + i, len - i);

		if (!hidden)
			hidden = invisible_at(bytes + i, len - i);
		if (n + (hidden ? hidden * 4 : 1) > room)
			break;
		if (!hidden)
			out[n++] = bytes[i++];
		for (; hidden; hidden--, i++) {
			unsigned char c = (unsigned char)bytes[i];

			memcpy(out + n, (char[4]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
			n += 4;
		}
	}
	return n;
}

void buf_visible(struct buf *b, const char *bytes, size_t len)
{
	char *to = buf_room(b, len * 4);

	if (!to)
		return;
	b->len += text_visible(to, len * 4, bytes, len);
	b->data[b->len] = '\0';
}

void buf_puts_visible(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	buf_visible(b, text, strlen(text));
}

size_t text_utf8(const char *at, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)at;
	size_t n = (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : (*p & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t c = *p & (0xffu >> (n + 1));

	if (*p < 0x80)
		return 1;
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

void buf_utf8(struct buf *b, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	char bytes[4];

	for (size_t i = n; i-- > 1; c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
	buf_add(b, bytes, n);
}

void buf_json(struct buf *b, const char *bytes, size_t len)
{
	buf_add(b, "\"", 1);
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		unsigned char c = (unsigned char)bytes[i];
		unsigned unseen = text_unseen(bytes + i, len - i);

		n = text_plain(bytes + i, len - i);
		if (n) {
			buf_add(b, bytes + i, n);
			continue;
		}
		n = text_utf8(bytes + i, len - i);
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else if (unseen)
			buf_printf(b, "\\u%04x", unseen);
		else if (!n)
			buf_puts(b, "\\ufffd");
		else
			buf_add(b, bytes + i, n);
	}
	buf_add(b, "\"", 1);
}

void buf_puts_json(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	buf_json(b, text, strlen(text));
}

const char *text_number(struct slice s, long min, long max, long *out)
{
	bool minus = s.len && s.at[0] == '-';
	long n = 0;

	if (s.len == (size_t)minus)
		return "is not a number";
	for (size_t i = minus; i < s.len; i++) {
		int digit = s.at[i] - '0';

		if (digit < 0 || digit > 9)
			return "is not a number";
		if (n > (LONG_MAX - digit) / 10)
			return "is too large";
		n = n * 10 + digit;
	}
	if (minus)
		n = -n;
	if (n < min)
		return "is too small";
	if (n > max)
		return "is too large";
	*out = n;
	return NULL;
}

const char *text_octal(struct slice s)
{
	if (s.len < 2 || s.at[0] != '0')
		return NULL;
	for (size_t i = 1; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return NULL;
	return "has a leading zero, which some programs read as octal";
}

/* Units in nanoseconds; a longer name stands before its prefix. */
static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "\302\265s", 1000 }, { "\316\274s", 1000 }, { "ms", 1000000 },
	{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
};

static int64_t take_unit(struct slice *s)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t len = strlen(units[i].name);

		if (s->len >= len && memcmp(s->at, units[i].name, len) == 0) {
			s->at += len;
			s->len -= len;
			return units[i].ns;
		}
	}
	return 0;
}

/* One number and its unit, added to *ns. Of a fraction 18 digits count; a number too long for a double is infinite. */
static bool take_part(struct slice *s, bool bare_ok, double *ns)
{
	double n = 0, scale = 1;
	bool digits = false, point = false;
	int64_t unit;

	for (; s->len && (s->at[0] == '.' || (s->at[0] >= '0' && s->at[0] <= '9')); s->at++, s->len--) {
		if (s->at[0] == '.') {
			if (point)
				return false;
			point = true;
			continue;
		}
		digits = true;
		if (point && scale >= 1e18)
			continue;
		n = n * 10 + (s->at[0] - '0');
		scale *= point ? 10 : 1;
	}
	if (!digits)
		return false;
	unit = s->len == 0 && bare_ok ? 1000000000 : take_unit(s);
	*ns += n / scale * (double)unit;
	return unit != 0;
}

const char *text_duration(struct slice s, int64_t *ms)
{
	static const char wrong[] = "is not a duration (like 250ms, 5s or 1m30s)";
	double ns = 0;
	int64_t whole;
	bool first = true;

	if (!s.len)
		return wrong;
	for (; s.len; first = false)
		if (!take_part(&s, first, &ns))
			return wrong;
	if (ns > 3600e9 * 24 * 3650)
		return "is longer than ten years";
	whole = (int64_t)ns;
	*ms = whole / 1000000 + (whole % 1000000 != 0); /* a duration above zero stays above zero */
	return NULL;
}

uint64_t text_hash(uint64_t seed, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		seed = (seed ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return seed;
}

char text_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

int text_hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *text_unescape(struct slice s, char *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (c == '%') {
			int high = s.len - i > 2 ? text_hex(s.at[i + 1]) : -1;
			int low = high >= 0 ? text_hex(s.at[i + 2]) : -1;

			if (low < 0)
				return "has a % that begins no escape (the character itself is %25)";
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (!c)
			return "has a NUL";
		*out++ = c;
	}
	*out = '\0';
	return NULL;
}

const char *text_bool(struct slice s, bool *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_is_nocase(s, words[i])) {
			*out = i & 1;
			return NULL;
		}
	return "is not true or false";
}

struct text_date text_date(int64_t days)
{
	/* Years that start in March have their leap day at the end; an era has 400 of them. */
	int64_t z = days + 719468, era = z / 146097, day = z % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100), march = (5 * in_year + 2) / 153;
	int64_t month = march < 10 ? march + 3 : march - 9;

	return (struct text_date){
		.year = (int)(era * 400 + year) + (month <= 2), .month = (int)month, .day = (int)(in_year - (153 * march + 2) / 5 + 1)
	};
}

void text_print_duration(int64_t ms, char out[32])
{
	int64_t h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60, rest = ms % 1000;
	size_t n = 0;

	out[0] = '\0';
	if (h)
		n += print_text(out + n, 32 - n, "%lldh", (long long)h);
	if (m)
		n += print_text(out + n, 32 - n, "%lldm", (long long)m);
	if (s || ms == 0)
		n += print_text(out + n, 32 - n, "%llds", (long long)s);
	if (rest)
		print_text(out + n, 32 - n, "%lldms", (long long)rest);
}

#define DISTANCE_MAX 64

int text_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	int row[DISTANCE_MAX + 1];

	if (la > DISTANCE_MAX || lb > DISTANCE_MAX)
		return DISTANCE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= la; i++) {
		int diagonal = row[0];

		row[0] = (int)i;
		for (size_t j = 1; j <= lb; j++) {
			int cost = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			row[j] = cost;
		}
	}
	return row[lb];
}

void text_nearer(const char *candidate, const char *word, int *least, const char **best)
{
	int distance = text_distance(word, candidate), len = (int)strlen(word);

	if (strncmp(candidate, word, (size_t)len) == 0 && candidate[len] == '.')
		distance = 0; /* the table of that name */
	if (distance < *least && (distance <= 2 || distance <= len / 3)) {
		*least = distance;
		*best = candidate;
	}
}
