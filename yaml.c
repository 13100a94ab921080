/* YAML: block and flow collections, plain and quoted scalars on one line. No anchors, aliases, tags, block scalars,
 * directives, merge keys or complex keys; one document. Booleans and numbers stay as they are written. */
#include "base.h"
#include "reader.h"

#include <string.h>

#include "text.h"

static const struct quoting yaml_quoting = {
	"a\ab\bt\tn\nv\vf\fr\re\033  \"\"//\\\\", "xuU", NULL
};

/* Is the byte at p, or the end of the text, what separates two tokens? */
static bool is_gap(const struct reader *r, const char *p)
{
	return p >= r->end || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n';
}

/* Does the indicator stand here as a token of its own: "- ", "? "? */
static bool is_mark(const struct reader *r, char indicator)
{
	return reader_peek(r) == indicator && is_gap(r, r->at + 1);
}

static bool at_line_start(const struct reader *r)
{
	return r->at == r->start || r->at[-1] == '\n';
}

static size_t column(const struct reader *r)
{
	const char *p = r->at;

	while (p > r->start && p[-1] != '\n')
		p--;
	return (size_t)(r->at - p);
}

/* Skips blanks, and a comment when something separates it from what is before it. */
static void skip_comment(struct reader *r)
{
	const char *before = r->at;

	reader_blanks(r);
	if (reader_peek(r) == '#' && (r->at > before || at_line_start(r) || is_gap(r, r->at - 1)))
		reader_rest(r);
}

static bool at_line_end(const struct reader *r)
{
	return reader_peek(r) < 0 || reader_peek(r) == '\n';
}

static bool line_end(struct reader *r)
{
	skip_comment(r);
	if (reader_peek(r) == ':')
		return reader_fail(r, "quotes expected around a value with ': ' in it");
	return at_line_end(r) || reader_fail(r, "end of line expected");
}

/* At "---" or "..." in the first column? */
static bool at_marker(const struct reader *r, const char *marker)
{
	return at_line_start(r) && reader_at(r, marker) && is_gap(r, r->at + 3);
}

/* Behind "...": nothing but comments up to the end of the text. */
static bool document_end(struct reader *r)
{
	for (r->at += 3; line_end(r); r->at++, r->line++)
		if (reader_peek(r) < 0)
			return true;
	return false;
}

/* Moves to the next token, on this line or below. */
static bool skip(struct reader *r)
{
	for (;; r->at++, r->line++) {
		const char *indentation = at_line_start(r) ? r->at : NULL;

		if (at_marker(r, "---"))
			return reader_fail(r, "a second document is not supported");
		if (at_marker(r, "..."))
			return document_end(r);
		skip_comment(r);
		if (reader_peek(r) == '\n')
			continue;
		if (indentation && reader_peek(r) >= 0 && memchr(indentation, '\t', (size_t)(r->at - indentation)))
			return reader_fail(r, "tab in the indentation: blanks expected");
		return true;
	}
}

/* Scalars. */

static const char *refused_start(char c)
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

/* Does a plain scalar end at p? Within [] and {} it ends at more places. */
static bool is_plain_end(const struct reader *r, const char *p, bool flow)
{
	switch (*p) {
	case '\n':
		return true;
	case ':':
		return is_gap(r, p + 1) || (flow && strchr(",[]{}", p[1]));
	case '#':
		return p > r->at && is_gap(r, p - 1);
	default:
		return flow && strchr(",[]{}", *p);
	}
}

/* A scalar without quotes, into r->text. */
static bool plain(struct reader *r, bool flow)
{
	const char *p = r->at;
	struct slice text;

	if (p == r->end)
		return reader_fail(r, "value expected, but the text ends");
	if (strchr(",[]{}#&*!|>'\"%@`", *p))
		return reader_fail(r, "%s", refused_start(*p));
	if (is_mark(r, '-'))
		return reader_fail(r, "a list must start on a line of its own");
	if (is_mark(r, '?'))
		return reader_fail(r, "complex keys (\"? \") are not supported");
	while (p < r->end && !is_plain_end(r, p, flow))
		p++;
	text = slice_trim((struct slice){ r->at, (size_t)(p - r->at) });
	if (!text.len)
		return reader_fail(r, "value expected");
	r->text.len = 0;
	buf_add(&r->text, text.at, text.len);
	r->at = text.at + text.len;
	return true;
}

/* A string in single quotes, in which two of them stand for one. */
static bool single(struct reader *r)
{
	const char *start = ++r->at;

	for (r->text.len = 0; reader_peek(r) >= 0 && *r->at != '\n'; start = ++r->at) {
		while (!at_line_end(r) && *r->at != '\'')
			r->at++;
		buf_add(&r->text, start, (size_t)(r->at - start));
		if (at_line_end(r))
			break;
		r->at++;
		if (reader_peek(r) != '\'')
			return true;
		buf_add(&r->text, "'", 1);
	}
	return reader_fail(r, "closing quote expected on the same line");
}

/* A scalar of any style, into r->text. */
static bool scalar(struct reader *r, bool flow)
{
	if (reader_peek(r) == '"')
		return reader_quoted(r, &yaml_quoting);
	return reader_peek(r) == '\'' ? single(r) : plain(r, flow);
}

static bool scalar_value(struct reader *r, bool flow)
{
	static const char *const nulls[] = { "~", "null", "Null", "NULL" };
	bool quoted = reader_peek(r) == '"' || reader_peek(r) == '\'';

	if (!scalar(r, flow))
		return false;
	for (size_t i = 0; !quoted && i < ARRAY_LEN(nulls); i++)
		if (slice_is((struct slice){ r->text.data, r->text.len }, nulls[i]))
			return reader_null(r);
	return reader_text(r);
}

/* A key and its colon; enters it. */
static bool key(struct reader *r, bool flow)
{
	bool quoted = reader_peek(r) == '"' || reader_peek(r) == '\'';

	if (!scalar(r, flow))
		return false;
	if (!quoted && slice_is((struct slice){ r->text.data, r->text.len }, "<<"))
		return reader_fail(r, "merge keys (<<) are not supported");
	reader_blanks(r);
	if (reader_peek(r) != ':' || !(is_gap(r, r->at + 1) || (flow && (quoted || strchr(",[]{}", r->at[1])))))
		return reader_fail(r, "key: value expected, with a blank behind the colon");
	r->at++;
	return reader_enter(r, r->text.data, r->text.len);
}

/* Flow style. Its indentation means nothing. */

static bool flow_value(struct reader *r);

static bool flow_map(struct reader *r)
{
	size_t back = r->key.len;
	int line = r->line;

	if (!reader_deeper(r) || (back && !reader_open(r, READER_CLOSED)))
		return false;
	for (r->at++;; r->key.len = back) {
		if (!skip(r))
			return false;
		if (reader_peek(r) == '}')
			break;
		if (!key(r, true) || !skip(r))
			return false;
		if (!(reader_peek(r) == ',' || reader_peek(r) == '}' ? reader_null(r) : flow_value(r)) || !skip(r))
			return false;
		if (reader_peek(r) == ',')
			r->at++;
		else if (reader_peek(r) != '}')
			return reader_fail(r, "',' or '}' expected in the map that starts on line %d", line);
	}
	r->at++;
	r->depth--;
	return true;
}

static bool flow_value(struct reader *r)
{
	switch (reader_peek(r)) {
	case '[':
		return reader_array(r, skip, flow_value);
	case '{':
		return flow_map(r);
	default:
		return scalar_value(r, true);
	}
}

/* Block style. A collection's column is that of its first key or dash; what is further left ends it. */

static bool block_value(struct reader *r);

/* Is there one more line of the collection at `col`? */
static bool goes_on(struct reader *r, size_t col, bool *more)
{
	if (!skip(r))
		return false;
	*more = reader_peek(r) >= 0 && column(r) == col;
	if (reader_peek(r) >= 0 && column(r) > col)
		return reader_fail(r, "wrong indentation (a value must be on one line)");
	return true;
}

/* The value on the lines below a key or dash at `col`, or null. A list may stand right below its key. */
static bool value_below(struct reader *r, size_t col, bool below_key)
{
	if (!skip(r))
		return false;
	if (reader_peek(r) < 0 || column(r) < col || (column(r) == col && !(below_key && is_mark(r, '-'))))
		return reader_null(r);
	return block_value(r);
}

static bool block_list(struct reader *r)
{
	size_t back = r->key.len, col = column(r), i = 0;
	bool more = true;

	if (!reader_open(r, READER_CLOSED))
		return false;
	for (; more && is_mark(r, '-'); r->key.len = back) {
		const char *gap = ++r->at;

		skip_comment(r);
		if (!at_line_end(r) && memchr(gap, '\t', (size_t)(r->at - gap)))
			return reader_fail(r, "tab behind a dash: blanks expected");
		if (!reader_enter_index(r, i++) || !(at_line_end(r) ? value_below(r, col, false) : block_value(r)) ||
		    !goes_on(r, col, &more))
			return false;
	}
	return true;
}

static bool block_map(struct reader *r)
{
	size_t back = r->key.len, col = column(r);
	bool more = true;

	if (back && !reader_open(r, READER_CLOSED))
		return false;
	for (; more; r->key.len = back) {
		if (!key(r, false))
			return false;
		skip_comment(r);
		if (at_line_end(r)) {
			if (!value_below(r, col, true))
				return false;
		} else if (!(strchr("[{", *r->at) ? flow_value(r) : scalar_value(r, false)) || !line_end(r)) {
			return false;
		}
		if (!goes_on(r, col, &more))
			return false;
	}
	return true;
}

/* Is what comes next a key? Leaves the cursor where it is. */
static bool at_key(struct reader *r, bool *yes)
{
	const char *start = r->at;

	if (!scalar(r, false))
		return false;
	reader_blanks(r);
	*yes = reader_peek(r) == ':';
	r->at = start;
	return true;
}

/* A collection or scalar that comes first on its line, or behind the dash of a list. */
static bool block_value(struct reader *r)
{
	bool map = false, ok;

	if (!reader_deeper(r))
		return false;
	if (is_mark(r, '-'))
		ok = block_list(r);
	else if (reader_peek(r) == '[' || reader_peek(r) == '{')
		ok = flow_value(r) && line_end(r);
	else
		ok = at_key(r, &map) && (map ? block_map(r) : scalar_value(r, false) && line_end(r));
	r->depth--;
	return ok;
}

/* Moves to the first token, over a "---" in front of it. */
static bool document_start(struct reader *r)
{
	for (;; r->at++, r->line++) {
		skip_comment(r);
		if (reader_peek(r) != '\n')
			break;
	}
	if (!at_marker(r, "---")) {
		r->at -= column(r); /* skip() looks at the indentation */
	} else {
		r->at += 3;
		if (!line_end(r))
			return false;
	}
	return skip(r);
}

bool yaml_read(struct reader *r)
{
	if (!document_start(r))
		return false;
	if (reader_peek(r) < 0)
		return true;
	if (is_mark(r, '-') || reader_peek(r) == '[')
		return reader_fail(r, "key: value expected, not a list");
	if (!(reader_peek(r) == '{' ? flow_value(r) && line_end(r) && skip(r) : block_map(r)))
		return false;
	return reader_peek(r) < 0 || reader_fail(r, "end of the text expected, or a key indented like the others");
}
