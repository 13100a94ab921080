/* YAML: block and flow collections, plain and quoted scalars on one line. No anchors, aliases, tags, block scalars,
 * directives, merge keys or complex keys; one document. Booleans and numbers stay as they are written. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "text.h"

static const struct doc_quoting yaml_quoting = {
	"a\ab\bt\tn\nv\vf\fr\re\033  \"\"//\\\\", "xuU", NULL
};

/* Is the byte at `at`, or the end of the text, what separates two tokens? */
static bool yaml_gap(const struct doc_reader *reader, const char *at)
{
	return at >= reader->end || *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n';
}

/* Does the indicator stand here as a token of its own: "- ", "? "? */
static bool yaml_at_mark(const struct doc_reader *reader, char indicator)
{
	return doc_peek(reader) == indicator && yaml_gap(reader, reader->at + 1);
}

/* Is one of these bytes next? */
static bool yaml_at_any(const struct doc_reader *reader, const char *bytes)
{
	int c = doc_peek(reader);

	return c > 0 && strchr(bytes, c);
}

static bool yaml_at_line_start(const struct doc_reader *reader)
{
	return reader->at == reader->start || reader->at[-1] == '\n';
}

static size_t yaml_column(const struct doc_reader *reader)
{
	const char *p = reader->at;

	while (p > reader->start && p[-1] != '\n')
		p--;
	return (size_t)(reader->at - p);
}

/* Skips blanks, and a comment when a blank separates it from the text before it. */
static void yaml_skip_comment(struct doc_reader *reader)
{
	const char *before = reader->at;

	doc_skip_blanks(reader);
	if (doc_peek(reader) != '#')
		return;
	if (reader->at > before || yaml_at_line_start(reader) || yaml_gap(reader, reader->at - 1))
		doc_skip_line(reader);
}

static bool yaml_line_end(struct doc_reader *reader)
{
	yaml_skip_comment(reader);
	if (doc_peek(reader) == ':')
		return doc_fail(reader, "quotes expected around a value with ': ' in it");
	return doc_at_line_end(reader) || doc_fail(reader, "end of line expected");
}

/* At "---" or "..." in the first column? */
static bool yaml_at_marker(const struct doc_reader *reader, const char *marker)
{
	return yaml_at_line_start(reader) && doc_at(reader, marker) && yaml_gap(reader, reader->at + 3);
}

/* Behind "...": nothing but comments up to the end of the text. */
static bool yaml_end(struct doc_reader *reader)
{
	for (reader->at += 3; yaml_line_end(reader); reader->at++, reader->line++)
		if (doc_peek(reader) < 0)
			return true;
	return false;
}

/* Moves to the next token, on this line or below. */
static bool yaml_skip(struct doc_reader *reader)
{
	for (;; reader->at++, reader->line++) {
		const char *indentation = yaml_at_line_start(reader) ? reader->at : NULL;

		if (yaml_at_marker(reader, "---"))
			return doc_fail(reader, "a second document is not supported");
		if (yaml_at_marker(reader, "..."))
			return yaml_end(reader);
		yaml_skip_comment(reader);
		if (doc_peek(reader) == '\n')
			continue;
		if (indentation && doc_peek(reader) >= 0 && memchr(indentation, '\t', (size_t)(reader->at - indentation)))
			return doc_fail(reader, "tab in the indentation: blanks expected");
		return true;
	}
}

/* Scalars. */

static const char *yaml_refused_start(char c)
{
	switch (c) {
	case '&':
		return "anchors are not supported: quotes expected around a value that starts with &";
	case '*':
		return "aliases are not supported: quotes expected around a value that starts with *";
	case '!':
		return "tags are not supported: quotes expected around a value that starts with !";
	case '|':
	case '>':
		return "block scalars are not supported: a value on one line expected";
	case '%':
	case '@':
	case '`':
		return "quotes expected around a value that starts with %, @ or `";
	default:
		return "value expected";
	}
}

/* Does the colon at `at` end a key, as a dash or question mark would be a token of its own there? Within [] and {} it may
 * stand right before one of their marks. */
static bool yaml_ends_key(const struct doc_reader *reader, const char *at, bool flow)
{
	return yaml_gap(reader, at + 1) || (flow && strchr(",[]{}", at[1]));
}

/* Does a plain scalar end at `at`? Within [] and {} it ends at more places. */
static bool yaml_ends_plain(const struct doc_reader *reader, const char *at, bool flow)
{
	switch (*at) {
	case '\n':
		return true;
	case ':':
		return yaml_ends_key(reader, at, flow);
	case '#':
		return at > reader->at && yaml_gap(reader, at - 1);
	default:
		return flow && strchr(",[]{}", *at);
	}
}

/* A scalar without quotes, into reader->text. */
static bool yaml_plain(struct doc_reader *reader, bool flow)
{
	const char *end = reader->at;
	struct slice text;

	if (end == reader->end)
		return doc_fail(reader, "value expected, but the text ends");
	if (strchr(",[]{}#&*!|>'\"%@`", *end))
		return doc_fail(reader, "%s", yaml_refused_start(*end));
	if (*end == '-' && yaml_ends_key(reader, end, flow))
		return doc_fail(reader, flow ? "quotes expected around a - within [] and {}"
		                             : "a list must start on a line of its own");
	if (*end == '?' && yaml_ends_key(reader, end, flow))
		return doc_fail(reader, "complex keys (\"? \") are not supported");
	while (end < reader->end && !yaml_ends_plain(reader, end, flow))
		end++;
	text = slice_trim(slice_between(reader->at, end));
	if (!text.len)
		return doc_fail(reader, "value expected");
	doc_set_text(reader, text);
	reader->at = text.at + text.len;
	return true;
}

/* A string in single quotes, in which two of them stand for one. */
static bool yaml_single(struct doc_reader *reader)
{
	for (reader->text.len = 0; !doc_at_line_end(reader); buf_puts(&reader->text, "'")) {
		const char *start = ++reader->at;

		while (!doc_at_line_end(reader) && *reader->at != '\'')
			reader->at++;
		buf_add(&reader->text, start, (size_t)(reader->at - start));
		if (doc_take(reader, '\'') && doc_peek(reader) != '\'')
			return true;
	}
	return doc_fail(reader, "closing quote expected on the same line");
}

/* A scalar of any style, into reader->text. */
static bool yaml_scalar(struct doc_reader *reader, bool flow)
{
	if (doc_peek(reader) == '"')
		return doc_quoted(reader, &yaml_quoting);
	return doc_peek(reader) == '\'' ? yaml_single(reader) : yaml_plain(reader, flow);
}

static bool yaml_scalar_value(struct doc_reader *reader, bool flow)
{
	static const char *const nulls[] = { "~", "null", "Null", "NULL" };
	bool quoted = yaml_at_any(reader, "'\"");

	if (!yaml_scalar(reader, flow))
		return false;
	for (size_t i = 0; !quoted && i < ARRAY_LEN(nulls); i++)
		if (doc_word_is(reader, nulls[i]))
			return doc_null(reader);
	return doc_text(reader);
}

/* A key and its colon; enters it. */
static bool yaml_key(struct doc_reader *reader, bool flow)
{
	bool quoted = yaml_at_any(reader, "'\"");

	if (!yaml_scalar(reader, flow))
		return false;
	if (!quoted && doc_word_is(reader, "<<"))
		return doc_fail(reader, "merge keys (<<) are not supported");
	doc_skip_blanks(reader);
	if (!doc_take(reader, ':') || !((flow && quoted) || yaml_ends_key(reader, reader->at - 1, flow)))
		return doc_fail(reader, "key: value expected, with a blank behind the colon");
	return doc_enter_text(reader);
}

/* Flow style. Its lines stand right of the key or dash that it belongs to; only what closes it may stand below. */

static bool yaml_flow_skip(struct doc_reader *reader)
{
	int line = reader->line;

	if (!yaml_skip(reader))
		return false;
	if (reader->line > line && doc_peek(reader) >= 0 && !yaml_at_any(reader, "]}") && yaml_column(reader) < reader->indent)
		return doc_fail(reader, "wrong indentation: lines within [] and {} stand right of their key or dash");
	return true;
}

static bool yaml_flow_value(struct doc_reader *reader);

/* What follows a key and its colon. */
static bool yaml_flow_member(struct doc_reader *reader)
{
	return yaml_at_any(reader, ",}") ? doc_null(reader) : yaml_flow_value(reader);
}

static bool yaml_flow_map(struct doc_reader *reader)
{
	size_t back = reader->key.len;
	struct doc_closed closed = { .line = reader->line };

	if (!doc_deeper(reader) || (back && !doc_open_closed(reader, &closed)))
		return false;
	for (reader->at++;; reader->key.len = back) {
		if (!yaml_flow_skip(reader))
			return false;
		if (doc_peek(reader) == '}')
			break;
		if (!yaml_key(reader, true) || !yaml_flow_skip(reader) || !yaml_flow_member(reader) || !yaml_flow_skip(reader))
			return false;
		if (!doc_take(reader, ',') && doc_peek(reader) != '}')
			return doc_fail(reader, "',' or '}' expected in the map that starts on line %d", closed.line);
	}
	reader->at++;
	reader->depth--;
	return !back || doc_close(reader, &closed);
}

static bool yaml_flow_value(struct doc_reader *reader)
{
	switch (doc_peek(reader)) {
	case '[':
		return doc_array(reader, yaml_flow_skip, yaml_flow_value);
	case '{':
		return yaml_flow_map(reader);
	default:
		return yaml_scalar_value(reader, true);
	}
}

/* Block style. A collection's column is that of its first key or dash; a line further left ends it. */

static bool yaml_block_value(struct doc_reader *reader, size_t column);

/* Is there one more line of the collection at `column`? */
static bool yaml_goes_on(struct doc_reader *reader, size_t column, bool *more)
{
	if (!yaml_skip(reader))
		return false;
	*more = doc_peek(reader) >= 0 && yaml_column(reader) == column;
	if (doc_peek(reader) >= 0 && yaml_column(reader) > column)
		return doc_fail(reader, "wrong indentation (a value must be on one line)");
	return true;
}

/* The value on the lines below a key or dash at `column`, or null. A list may stand right below its key. */
static bool yaml_value_below(struct doc_reader *reader, size_t column, bool below_key)
{
	int line = reader->line, next;
	size_t at;
	bool ok;

	if (!yaml_skip(reader))
		return false;
	at = doc_peek(reader) < 0 ? 0 : yaml_column(reader);
	if (at > column || (at == column && below_key && yaml_at_mark(reader, '-')))
		return yaml_block_value(reader, column);
	next = reader->line;
	reader->line = line;
	ok = doc_null(reader);
	reader->line = next;
	return ok;
}

/* What follows a dash. */
static bool yaml_block_element(struct doc_reader *reader, size_t column)
{
	const char *gap = reader->at;

	yaml_skip_comment(reader);
	if (doc_at_line_end(reader))
		return yaml_value_below(reader, column, false);
	if (memchr(gap, '\t', (size_t)(reader->at - gap)))
		return doc_fail(reader, "tab behind a dash: blanks expected");
	return yaml_block_value(reader, column);
}

static bool yaml_block_list(struct doc_reader *reader)
{
	size_t back = reader->key.len, column = yaml_column(reader), i = 0;
	struct doc_closed closed;
	bool more = true;

	if (!doc_open_closed(reader, &closed))
		return false;
	closed.list = true;
	for (; more && yaml_at_mark(reader, '-'); reader->key.len = back) {
		reader->at++;
		if (!doc_enter_index(reader, i++) || !yaml_block_element(reader, column) || !yaml_goes_on(reader, column, &more))
			return false;
	}
	return doc_close(reader, &closed);
}

/* What follows a key and its colon. */
static bool yaml_block_member(struct doc_reader *reader, size_t column)
{
	bool ok;

	yaml_skip_comment(reader);
	if (doc_at_line_end(reader))
		return yaml_value_below(reader, column, true);
	reader->indent = column + 1;
	ok = yaml_at_any(reader, "[{") ? yaml_flow_value(reader) : yaml_scalar_value(reader, false);
	return ok && yaml_line_end(reader);
}

static bool yaml_block_map(struct doc_reader *reader)
{
	size_t back = reader->key.len, column = yaml_column(reader);
	struct doc_closed closed;
	bool more = true;

	if (back && !doc_open_closed(reader, &closed))
		return false;
	for (; more; reader->key.len = back)
		if (!yaml_key(reader, false) || !yaml_block_member(reader, column) || !yaml_goes_on(reader, column, &more))
			return false;
	return !back || doc_close(reader, &closed);
}

/* Is what comes next a key? Leaves the cursor where it is. */
static bool yaml_at_key(struct doc_reader *reader, bool *yes)
{
	const char *start = reader->at;

	if (!yaml_scalar(reader, false))
		return false;
	doc_skip_blanks(reader);
	*yes = doc_peek(reader) == ':';
	reader->at = start;
	return true;
}

/* A map, or a scalar on a line of its own. */
static bool yaml_map_or_scalar(struct doc_reader *reader)
{
	bool map;

	if (!yaml_at_key(reader, &map))
		return false;
	return map ? yaml_block_map(reader) : yaml_scalar_value(reader, false) && yaml_line_end(reader);
}

/* A collection or scalar that comes first on its line, or behind the dash of a list; its key or dash is at `column`. */
static bool yaml_block_value(struct doc_reader *reader, size_t column)
{
	bool ok;

	if (!doc_deeper(reader))
		return false;
	reader->indent = column + 1;
	if (yaml_at_mark(reader, '-'))
		ok = yaml_block_list(reader);
	else if (yaml_at_any(reader, "[{"))
		ok = yaml_flow_value(reader) && yaml_line_end(reader);
	else
		ok = yaml_map_or_scalar(reader);
	reader->depth--;
	return ok;
}

/* Moves to the first token, over a "---" in front of it. */
static bool yaml_begin(struct doc_reader *reader)
{
	for (;; reader->at++, reader->line++) {
		yaml_skip_comment(reader);
		if (doc_peek(reader) != '\n')
			break;
	}
	if (!yaml_at_marker(reader, "---")) {
		reader->at -= yaml_column(reader); /* yaml_skip() looks at the indentation */
	} else {
		reader->at += 3;
		if (!yaml_line_end(reader))
			return false;
	}
	return yaml_skip(reader);
}

static bool yaml_read(struct doc_reader *reader)
{
	bool ok;

	if (!yaml_begin(reader))
		return false;
	if (doc_peek(reader) < 0)
		return true;
	if (yaml_at_mark(reader, '-') || doc_peek(reader) == '[')
		return doc_fail(reader, "key: value expected, not a list");
	if (doc_peek(reader) == '{')
		ok = yaml_flow_map(reader) && yaml_line_end(reader) && yaml_skip(reader);
	else
		ok = yaml_block_map(reader);
	return ok && (doc_peek(reader) < 0 || doc_fail(reader, "end of the text expected, or a key indented like the others"));
}

const struct format format_yaml = { .name = "yaml", .endings = ".yaml .yml", .lists = true, .read = yaml_read };
