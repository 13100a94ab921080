#include "base.h"
#include "log_line.h"

#include <stdio.h>
#include <string.h>

#include "sys.h"
#include "text.h"

#define VALUE_MAX 512
#define END_ROOM 32 /* for ,"cut":N} and the line end */

/* What does not fit raises `full`, and nothing is added any more until somebody cuts back. */

static void add(struct log_line *l, const char *bytes, size_t len)
{
	if (l->full || len > sizeof l->text - END_ROOM - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void add_word(struct log_line *l, const char *word)
{
	add(l, word, strlen(word));
}

static void add_digits(struct log_line *l, unsigned long long n, size_t width)
{
	char digits[24], *p = digits + sizeof digits;
	char *least = p - width;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n || p > least);
	add(l, p, (size_t)(digits + sizeof digits - p));
}

/* RFC 3339 in UTC. */
static void add_time(struct log_line *l)
{
	int64_t now = sys_wall(), ms = now % 86400000;
	struct text_date date = text_date(now / 86400000);
	const struct {
		int64_t n;
		size_t width;
		const char *behind;
	} parts[] = {
		{ date.year, 4, "-" }, { date.month, 2, "-" }, { date.day, 2, "T" },
		{ ms / 3600000, 2, ":" }, { ms / 60000 % 60, 2, ":" }, { ms / 1000 % 60, 2, "." }, { ms % 1000, 3, "Z" },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		add_digits(l, (unsigned long long)parts[i].n, parts[i].width);
		add(l, parts[i].behind, 1);
	}
}

void log_line_begin(struct log_line *l, const char *level, bool json)
{
	l->len = 0;
	l->cut = 0;
	l->full = false;
	l->json = json;
	if (json)
		add_word(l, "{\"time\":\"");
	add_time(l);
	add_word(l, json ? "\",\"level\":\"" : " ");
	add_word(l, level);
	if (json)
		add_word(l, "\",\"message\":");
	else
		add(l, "      ", 6 - strlen(level));
}

static bool is_c1(const char *at, size_t left)
{
	return left > 1 && (unsigned char)at[0] == 0xc2 && ((unsigned char)at[1] & 0xe0) == 0x80;
}

/* A JSON string without its quotes. In text C1 controls are escaped as well, for they reach a terminal. */
static void add_escaped(struct log_line *l, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)bytes[i];
		size_t n = text_utf8(bytes + i, len - i);
		bool c1 = !l->json && is_c1(bytes + i, len - i);

		if (c1)
			c = (unsigned char)bytes[i + 1];
		if (c == '"' || c == '\\')
			add(l, (char[2]){ '\\', (char)c }, 2);
		else if (c < 0x20 || c == 0x7f || c1)
			add(l, (char[6]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
		else if (!n)
			add(l, "\\ufffd", 6);
		else
			add(l, bytes + i, n);
		i += n ? n : 1;
	}
}

void log_line_message(struct log_line *l, const char *text, size_t len)
{
	if (l->json) {
		add(l, "\"", 1);
		add_escaped(l, text, len);
		add(l, "\"", 1);
	} else {
		l->len += text_visible(l->text + l->len, sizeof l->text - END_ROOM - l->len, text, len);
	}
}

void log_line_repeated(struct log_line *l, unsigned long n, int64_t within_ms)
{
	char window[32], note[96];

	text_print_duration(within_ms, window);
	snprintf(note, sizeof note, l->json ? ",\"repeated\":%lu" : " (%lu more within %s)", n, window);
	add_word(l, note);
}

void log_line_name(struct log_line *l, const char *name)
{
	add_word(l, l->json ? "\"" : "");
	add_word(l, name);
	add_word(l, l->json ? "\"" : "");
}

/* Fields. */

static void add_key(struct log_line *l, const char *key)
{
	add_word(l, l->json ? ",\"" : " ");
	add_word(l, key);
	add_word(l, l->json ? "\":" : "=");
}

/* Did the field fit that began at `mark`? If not, it is taken back. */
static bool keep(struct log_line *l, size_t mark)
{
	bool fits = !l->full;

	if (!fits)
		l->len = mark;
	l->full = false;
	return fits;
}

static bool is_plain(const char *value, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)value[i];

		n = c < 0x80 ? 1 : text_utf8(value + i, len - i);
		if (c <= ' ' || c == '"' || c == '=' || c == 0x7f || !n || is_c1(value + i, len - i))
			return false;
	}
	return len > 0;
}

static void add_value(struct log_line *l, const char *value, size_t max)
{
	size_t len = strnlen(value, max + 1);
	bool cut = len > max, plain;

	if (cut) {
		len = max - 3;
		for (int i = 0; i < 3 && ((unsigned char)value[len] & 0xc0) == 0x80; i++)
			len--;
	}
	plain = !l->json && is_plain(value, len);
	if (plain) {
		add(l, value, len);
	} else {
		add(l, "\"", 1);
		add_escaped(l, value, len);
	}
	if (cut)
		add(l, "...", 3);
	if (!plain)
		add(l, "\"", 1);
}

void log_line_text(struct log_line *l, const char *key, const char *value)
{
	size_t mark = l->len;

	for (size_t max = VALUE_MAX; max >= 16; max /= 2) {
		add_key(l, key);
		if (value)
			add_value(l, value, max);
		else
			add_word(l, l->json ? "null" : "-");
		if (keep(l, mark))
			return;
	}
	l->cut++;
}

void log_line_number(struct log_line *l, const char *key, unsigned long long n)
{
	size_t mark = l->len;

	add_key(l, key);
	add_digits(l, n, 1);
	l->cut += !keep(l, mark);
}

void log_line_seconds(struct log_line *l, const char *key, int64_t us)
{
	size_t mark = l->len;

	if (us < 0) {
		log_line_text(l, key, NULL);
		return;
	}
	add_key(l, key);
	add_digits(l, (unsigned long long)us / 1000000, 1);
	add(l, ".", 1);
	add_digits(l, (unsigned long long)us % 1000000, 6);
	l->cut += !keep(l, mark);
}

void log_line_end(struct log_line *l)
{
	if (l->cut)
		l->len += (size_t)snprintf(l->text + l->len, END_ROOM - 2, l->json ? ",\"cut\":%u" : " cut=%u", l->cut);
	if (l->json)
		l->text[l->len++] = '}';
	l->text[l->len++] = '\n';
}
