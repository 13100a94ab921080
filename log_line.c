#include "base.h"
#include "log_line.h"

#include <string.h>

#include "print.h"
#include "sys.h"
#include "text.h"

#define VALUE_MAX 512
#define END_ROOM 32 /* for ,"cut":N} and the line end */

/* What does not fit raises `full`, and nothing is added any more until somebody cuts back. */

static void log_line_add(struct log_line *line, const char *bytes, size_t len)
{
	if (line->full || len > sizeof line->text - END_ROOM - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
}

static void log_line_add_word(struct log_line *line, const char *word)
{
	log_line_add(line, word, strlen(word));
}

static void log_line_add_digits(struct log_line *line, unsigned long long n, size_t width)
{
	char digits[24], *p = digits + sizeof digits;
	char *least = p - width;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n || p > least);
	log_line_add(line, p, (size_t)(digits + sizeof digits - p));
}

/* RFC 3339 in UTC. */
static void log_line_add_time(struct log_line *line)
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
		log_line_add_digits(line, (unsigned long long)parts[i].n, parts[i].width);
		log_line_add(line, parts[i].behind, 1);
	}
}

void log_line_begin(struct log_line *line, const char *level, bool json)
{
	line->len = 0;
	line->cut = 0;
	line->full = line->audit = false;
	line->json = json;
	if (json)
		log_line_add_word(line, "{\"time\":\"");
	log_line_add_time(line);
	log_line_add_word(line, json ? "\",\"level\":\"" : " ");
	log_line_add_word(line, level);
	if (json)
		log_line_add_word(line, "\",\"message\":");
	else
		log_line_add(line, "      ", 6 - strlen(level));
}

/* A JSON string without its quotes. What cannot be seen is escaped as well: it reaches a terminal, or ends a line. */
static void log_line_add_escaped(struct log_line *line, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)bytes[i];
		size_t n = text_utf8(bytes + i, len - i);
		unsigned unseen = c < 0x20 || c == 0x7f ? c : text_unseen(bytes + i, len - i);

		if (c == '"' || c == '\\')
			log_line_add(line, (char[2]){ '\\', (char)c }, 2);
		else if (unseen)
			log_line_add(line, (char[6]){ '\\', 'u', hex[unseen >> 12], hex[unseen >> 8 & 15], hex[unseen >> 4 & 15],
			                              hex[unseen & 15] }, 6);
		else if (!n)
			log_line_add(line, "\\ufffd", 6);
		else
			log_line_add(line, bytes + i, n);
		i += n ? n : 1;
	}
}

void log_line_message(struct log_line *line, const char *text, size_t len)
{
	if (line->json) {
		log_line_add(line, "\"", 1);
		log_line_add_escaped(line, text, len);
		log_line_add(line, "\"", 1);
	} else {
		line->len += text_visible(line->text + line->len, sizeof line->text - END_ROOM - line->len, text, len);
	}
}

void log_line_repeated(struct log_line *line, unsigned long count, const char *noun, int64_t within_ms)
{
	char window[32], note[96];

	text_print_duration(within_ms, window);
	if (line->json)
		print_text(note, sizeof note, ",\"repeated\":%lu", count);
	else
		print_text(note, sizeof note, " (%lu more%s%s%s within %s)", count, *noun ? " " : "", noun, *noun ? text_s(count) : "", window);
	log_line_add_word(line, note);
}

void log_line_name(struct log_line *line, const char *name)
{
	log_line_add_word(line, line->json ? "\"" : "");
	log_line_add_word(line, name);
	log_line_add_word(line, line->json ? "\"" : "");
}

/* Fields. */

static void log_line_add_key(struct log_line *line, const char *key)
{
	log_line_add_word(line, line->json ? ",\"" : " ");
	log_line_add_word(line, key);
	log_line_add_word(line, line->json ? "\":" : "=");
}

/* Whether the field that begins at `mark` fits. If not, it is taken back. */
static bool log_line_keep(struct log_line *line, size_t mark)
{
	bool fits = !line->full;

	if (!fits)
		line->len = mark;
	line->full = false;
	return fits;
}

static bool is_plain(const char *value, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)value[i];

		n = c < 0x80 ? 1 : text_utf8(value + i, len - i);
		if (c <= ' ' || c == '"' || c == '=' || c == 0x7f || !n || text_unseen(value + i, len - i))
			return false;
	}
	return len > 0;
}

static void log_line_add_value(struct log_line *line, const char *value, size_t max)
{
	size_t len = strnlen(value, max + 1);
	bool cut = len > max, plain;

	if (cut) {
		len = max - 3;
		for (int i = 0; i < 3 && ((unsigned char)value[len] & 0xc0) == 0x80; i++)
			len--;
	}
	plain = !line->json && is_plain(value, len);
	if (plain) {
		log_line_add(line, value, len);
	} else {
		log_line_add(line, "\"", 1);
		log_line_add_escaped(line, value, len);
	}
	if (cut)
		log_line_add(line, "...", 3);
	if (!plain)
		log_line_add(line, "\"", 1);
}

void log_line_text(struct log_line *line, const char *key, const char *value)
{
	size_t mark = line->len;

	for (size_t max = VALUE_MAX; max >= 16; max /= 2) {
		log_line_add_key(line, key);
		if (value)
			log_line_add_value(line, value, max);
		else
			log_line_add_word(line, line->json ? "null" : "-");
		if (log_line_keep(line, mark))
			return;
	}
	line->cut++;
}

void log_line_number(struct log_line *line, const char *key, unsigned long long number)
{
	size_t mark = line->len;

	log_line_add_key(line, key);
	log_line_add_digits(line, number, 1);
	line->cut += !log_line_keep(line, mark);
}

void log_line_seconds(struct log_line *line, const char *key, int64_t us)
{
	size_t mark = line->len;

	if (us < 0) {
		log_line_text(line, key, NULL);
		return;
	}
	log_line_add_key(line, key);
	log_line_add_digits(line, (unsigned long long)us / 1000000, 1);
	log_line_add(line, ".", 1);
	log_line_add_digits(line, (unsigned long long)us % 1000000, 6);
	line->cut += !log_line_keep(line, mark);
}

void log_line_end(struct log_line *line)
{
	if (line->cut)
		line->len += print_text(line->text + line->len, END_ROOM - 2, line->json ? ",\"cut\":%u" : " cut=%u",
		                              line->cut);
	if (line->json)
		line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
}
