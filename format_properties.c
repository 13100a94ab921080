/* Java's .properties: key, a separator, value; a backslash at a line's end goes on with the next line. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "doc_line.h"
#include "text.h"

static bool is_separator(char c)
{
	return doc_is_blank(c) || c == '=' || c == ':';
}

static struct slice trim_start(struct slice line)
{
	while (line.len && doc_is_blank(*line.at))
		line = slice_skip(line, 1);
	return line;
}

/* Behind a backslash at a line's end: the text goes on behind the blanks of the next line. */
static bool properties_go_on(struct doc_reader *reader, struct slice *line)
{
	if (!doc_line_next(reader, line))
		return doc_fail(reader, "another line expected behind the backslash");
	*line = trim_start(*line);
	return true;
}

/* \uXXXX, of a surrogate pair both, added to reader->text; `*line` is behind the u. */
static bool properties_code(struct doc_reader *reader, struct slice *line)
{
	const char *end = line->at + line->len;
	int64_t code = doc_hex(line->at, end, 4);
	size_t len = 4;

	if (code >= 0xd800 && code < 0xdc00 && slice_starts(slice_skip(*line, 4), "\\u")) {
		int64_t low = doc_hex(line->at + 6, end, 4);

		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
			len = 10;
		}
	}
	if (code <= 0 || (code >= 0xd800 && code < 0xe000))
		return doc_fail(reader, "\\u wants the four hexadecimal digits of a character");
	buf_utf8(&reader->text, (uint32_t)code);
	*line = slice_skip(*line, len);
	return true;
}

/* An escape, added to reader->text; `*line` is behind the backslash. */
static bool properties_escape(struct doc_reader *reader, struct slice *line)
{
	static const char from[] = "tnrf", to[] = "\t\n\r\f";
	const char *p;
	char c;

	if (!line->len)
		return properties_go_on(reader, line);
	c = *line->at;
	*line = slice_skip(*line, 1);
	if (c == 'u')
		return properties_code(reader, line);
	p = strchr(from, c);
	if (!p && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || doc_is_digit(c)))
		return doc_fail(reader, "unknown escape (\\\\ is a backslash)");
	buf_add(&reader->text, p ? to + (p - from) : &c, 1);
	return true;
}

/* Moves text from *line to reader->text, without its escapes: a key up to its separator, or a value. Blanks at the end
 * of the last line do not count, unless they are escaped. */
static bool properties_text(struct doc_reader *reader, struct slice *line, bool key)
{
	struct buf *text = &reader->text;
	size_t keep = 0; /* length up to the latest escape */

	for (text->len = 0;; keep = text->len) {
		size_t len = 0;

		while (len < line->len && line->at[len] != '\\' && !(key && is_separator(line->at[len])))
			len++;
		buf_add(text, line->at, len);
		*line = slice_skip(*line, len);
		if (!slice_starts(*line, "\\"))
			break;
		*line = slice_skip(*line, 1);
		if (!properties_escape(reader, line))
			return false;
	}
	while (text->len > keep && doc_is_blank(text->data[text->len - 1]))
		text->len--;
	return true;
}

/* Skips what separates key and value: blanks, ends of lines that go on, one '=' or ':', and blanks again. */
static bool properties_separator(struct doc_reader *reader, struct slice *line)
{
	for (*line = trim_start(*line); slice_is(*line, "\\");)
		if (!properties_go_on(reader, line))
			return false;
	if (slice_starts(*line, "=") || slice_starts(*line, ":"))
		*line = trim_start(slice_skip(*line, 1));
	return true;
}

/* The item stands on the first line of several. */
static bool properties_pair(struct doc_reader *reader, struct slice line)
{
	int first = reader->line, last;
	bool ok;

	if (!properties_text(reader, &line, true) || !doc_enter_text(reader))
		return false;
	if (!properties_separator(reader, &line) || !properties_text(reader, &line, false))
		return false;
	last = reader->line;
	reader->line = first;
	ok = doc_text(reader);
	reader->line = last;
	return ok;
}

static bool properties_read(struct doc_reader *reader)
{
	reader->line = 0;
	for (struct slice line; doc_line_next(reader, &line); reader->key.len = 0) {
		line = trim_start(line);
		if (!line.len || *line.at == '#' || *line.at == '!')
			continue;
		if (*line.at == '[')
			return doc_fail(reader, "key = value expected (this format has no [sections])");
		if (!properties_pair(reader, line))
			return false;
	}
	return true;
}

const struct format format_properties = { .name = "properties", .endings = ".properties", .read = properties_read };
