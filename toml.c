/* TOML 1.0 without multi-line strings, dates, inf and nan; and HCL, without expressions, templates and heredocs. */
#include "base.h"
#include "reader.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

/* What both share. */

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

/* Takes the bytes that may be part of a key, number or word into r->text; `more` are those besides is_word(). */
static void take_word(struct reader *r, const char *more)
{
	const char *start = r->at;

	while (reader_peek(r) >= 0 && (is_word(*r->at) || strchr(more, *r->at)))
		r->at++;
	r->text.len = 0;
	buf_add(&r->text, start, (size_t)(r->at - start));
}

static bool text_is(const struct reader *r, const char *word)
{
	return slice_is((struct slice){ r->text.data, r->text.len }, word);
}

/* A decimal number: no plus, no zero in front of other digits, digits on both sides of the point. */
static bool is_decimal(const char *p)
{
	static const char digits[] = "0123456789";
	size_t n;

	p += *p == '-';
	n = strspn(p, digits);
	if (!n || (n > 1 && *p == '0'))
		return false;
	p += n;
	if (*p == '.') {
		n = strspn(++p, digits);
		if (!n)
			return false;
		p += n;
	}
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '+' || p[1] == '-' ? 2 : 1;
		n = strspn(p, digits);
		if (!n)
			return false;
		p += n;
	}
	return !*p;
}

/* TOML. */

static const struct quoting toml_quoting = { "b\bt\tn\nf\fr\r\"\"\\\\", "uU", NULL };

static bool toml_line_end(struct reader *r)
{
	reader_blanks(r);
	if (reader_peek(r) == '#')
		reader_rest(r);
	if (reader_peek(r) >= 0 && reader_peek(r) != '\n')
		return reader_fail(r, "end of line expected");
	return true;
}

/* Skips blanks, comments and line ends. */
static bool toml_skip(struct reader *r)
{
	for (;; r->at++, r->line++) {
		reader_blanks(r);
		if (reader_peek(r) == '#')
			reader_rest(r);
		if (reader_peek(r) != '\n')
			return true;
	}
}

static int digit_value(char c)
{
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Takes the underscores out of the number in b; each has to stand between two digits. */
static bool drop_underscores(struct buf *b, int base)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		const char *p = b->data + i;

		if (*p == '_' && (!i || digit_value(p[-1]) >= base || digit_value(p[1]) >= base))
			return false;
		if (*p != '_')
			b->data[n++] = *p;
	}
	b->len = n;
	b->data[n] = '\0';
	return true;
}

/* Turns the number in b, whose first two bytes name the base, into a decimal one. */
static bool to_decimal(struct buf *b, int base)
{
	uint64_t n = 0;

	for (size_t i = 2; i < b->len; i++) {
		int digit = digit_value(b->data[i]);

		if (digit >= base || n > ((uint64_t)INT64_MAX - (unsigned)digit) / (unsigned)base)
			return false;
		n = n * (unsigned)base + (unsigned)digit;
	}
	if (b->len == 2)
		return false;
	b->len = 0;
	buf_printf(b, "%" PRIu64, n);
	return true;
}

/* Makes the word in b a number as the flat list has it. False when it is none. */
static bool toml_number(struct buf *b)
{
	char mark = b->data[0] == '0' ? b->data[1] : '\0';
	int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;

	if (!drop_underscores(b, base))
		return false;
	if (base != 10)
		return to_decimal(b, base);
	if (b->data[0] == '+' && is_digit(b->data[1]))
		memmove(b->data, b->data + 1, b->len--);
	return is_decimal(b->data);
}

static bool toml_scalar(struct reader *r)
{
	if (reader_at(r, "\"\"\"") || reader_at(r, "'''"))
		return reader_fail(r, "multi-line strings are not supported: a string on one line expected");
	if (reader_peek(r) == '"')
		return reader_quoted(r, &toml_quoting) && reader_text(r);
	if (reader_peek(r) == '\'')
		return reader_literal(r) && reader_text(r);
	take_word(r, "+.:");
	if (!r->text.len)
		return reader_fail(r, "value expected");
	if (is_digit(r->text.data[0]) && r->text.len > 4 && (r->text.data[4] == '-' || r->text.data[2] == ':'))
		return reader_fail(r, "dates and times are not supported: put the value into quotes");
	if (!text_is(r, "true") && !text_is(r, "false") && !toml_number(&r->text))
		return reader_fail(r, "value expected: text in quotes, a number, true or false");
	return reader_text(r);
}

static bool toml_key_part(struct reader *r)
{
	int c = reader_peek(r);

	if (reader_at(r, "\"\"\"") || reader_at(r, "'''"))
		return reader_fail(r, "a key must be on one line");
	if (c == '"')
		return reader_quoted(r, &toml_quoting);
	if (c == '\'')
		return reader_literal(r);
	take_word(r, "");
	return r->text.len || reader_fail(r, "key expected");
}

/* Moves into a table that a longer key names in passing: the latest one of an array of tables. A header may pass
 * through any table that is not closed, a dotted key only through those that dotted keys have made. */
static bool toml_pass(struct reader *r, bool header)
{
	struct reader_node *n = reader_find(r);

	if (!n)
		return reader_part(r, header ? READER_IMPLICIT : READER_DOTTED);
	if (n->kind == READER_VALUE || n->kind == READER_CLOSED)
		return reader_duplicate(r, n);
	if (header)
		return n->kind != READER_LIST || reader_enter_index(r, n->count - 1);
	if (n->kind != READER_DOTTED && n->kind != READER_IMPLICIT)
		return reader_duplicate(r, n);
	n->kind = READER_DOTTED;
	return true;
}

static bool toml_key(struct reader *r, bool header)
{
	for (;;) {
		reader_blanks(r);
		if (!toml_key_part(r) || !reader_enter(r, r->text.data, r->text.len))
			return false;
		reader_blanks(r);
		if (reader_peek(r) != '.')
			return true;
		r->at++;
		if (!toml_pass(r, header))
			return false;
	}
}

static bool toml_value(struct reader *r);

static bool toml_pair(struct reader *r)
{
	size_t back = r->key.len;

	if (!toml_key(r, false))
		return false;
	if (reader_peek(r) != '=')
		return reader_fail(r, "'=' expected behind a key");
	r->at++;
	reader_blanks(r);
	if (!toml_value(r))
		return false;
	r->key.len = back;
	return true;
}

static bool toml_inline(struct reader *r)
{
	if (!reader_deeper(r) || !reader_open(r, READER_CLOSED))
		return false;
	r->at++;
	reader_blanks(r);
	for (bool first = true; reader_peek(r) != '}' || !first; first = false) {
		if (!toml_pair(r))
			return false;
		reader_blanks(r);
		if (reader_peek(r) == '}')
			break;
		if (reader_peek(r) != ',')
			return reader_fail(r, "',' or '}' expected on the same line");
		r->at++;
	}
	r->at++;
	r->depth--;
	return true;
}

static bool toml_value(struct reader *r)
{
	switch (reader_peek(r)) {
	case '[':
		return reader_array(r, toml_skip, toml_value);
	case '{':
		return toml_inline(r);
	default:
		return toml_scalar(r);
	}
}

static bool toml_header(struct reader *r)
{
	bool array = reader_at(r, "[[");
	struct reader_node *n;

	r->at += array ? 2 : 1;
	r->key.len = 0;
	if (!toml_key(r, true))
		return false;
	if (!reader_at(r, array ? "]]" : "]"))
		return reader_fail(r, "'%s' expected", array ? "]]" : "]");
	r->at += array ? 2 : 1;
	if (array)
		return reader_element(r);
	n = reader_find(r);
	if (!n || n->kind != READER_IMPLICIT)
		return reader_open(r, READER_TABLE);
	n->kind = READER_TABLE;
	return true;
}

bool toml_read(struct reader *r)
{
	while (toml_skip(r) && reader_peek(r) >= 0)
		if (!(reader_peek(r) == '[' ? toml_header(r) : toml_pair(r)) || !toml_line_end(r))
			return false;
	return true;
}

/* HCL. */

static const char *hcl_refuse(const char *at, const char *end)
{
	bool template = (*at == '$' || *at == '%') && at + 1 < end && at[1] == '{';

	return template ? "templates (${ and %{) are not supported" : NULL;
}

static const struct quoting hcl_quoting = { "n\nr\rt\t\"\"\\\\", "uU", hcl_refuse };

static bool hcl_comment(struct reader *r)
{
	int line = r->line;

	for (r->at += 2; !reader_at(r, "*/"); r->at++) {
		if (reader_peek(r) < 0) {
			r->line = line;
			return reader_fail(r, "comment without an end");
		}
		r->line += *r->at == '\n';
	}
	r->at += 2;
	return true;
}

/* Skips blanks and comments, and line ends when `lines`. */
static bool hcl_blanks(struct reader *r, bool lines)
{
	for (;;) {
		reader_blanks(r);
		if (reader_peek(r) == '#' || reader_at(r, "//")) {
			reader_rest(r);
		} else if (reader_at(r, "/*")) {
			if (!hcl_comment(r))
				return false;
		} else if (lines && reader_peek(r) == '\n') {
			r->at++;
			r->line++;
		} else {
			return true;
		}
	}
}

static bool hcl_skip(struct reader *r)
{
	return hcl_blanks(r, true);
}

/* An identifier or a string, and the blanks behind it; enters it. */
static bool hcl_key(struct reader *r, const char *expected)
{
	if (reader_peek(r) == '"') {
		if (!reader_quoted(r, &hcl_quoting))
			return false;
	} else {
		take_word(r, "");
		if (!r->text.len || is_digit(r->text.data[0]) || r->text.data[0] == '-')
			return reader_fail(r, "%s", expected);
	}
	return reader_enter(r, r->text.data, r->text.len) && hcl_blanks(r, false);
}

static bool hcl_value(struct reader *r);

static bool hcl_object(struct reader *r)
{
	size_t back = r->key.len;
	int line = r->line;

	if (!reader_deeper(r) || !reader_open(r, READER_CLOSED))
		return false;
	for (r->at++;; r->key.len = back) {
		if (!hcl_skip(r))
			return false;
		if (reader_peek(r) == '}')
			break;
		if (!hcl_key(r, "key or '}' expected"))
			return false;
		if (reader_peek(r) != '=' && reader_peek(r) != ':')
			return reader_fail(r, "'=' or ':' expected behind a key");
		r->at++;
		if (!hcl_blanks(r, false) || !hcl_value(r) || !hcl_blanks(r, false))
			return false;
		if (reader_peek(r) == ',')
			r->at++;
		else if (reader_peek(r) != '\n' && reader_peek(r) != '}')
			return reader_fail(r, "',' or end of line expected in the object that starts on line %d", line);
	}
	r->at++;
	r->depth--;
	return true;
}

static bool hcl_value(struct reader *r)
{
	switch (reader_peek(r)) {
	case '"':
		return reader_quoted(r, &hcl_quoting) && reader_text(r);
	case '[':
		return reader_array(r, hcl_skip, hcl_value);
	case '{':
		return hcl_object(r);
	case '<':
		return reader_fail(r, "heredocs are not supported: a string on one line expected");
	default:
		take_word(r, "+.");
	}
	if (!r->text.len)
		return reader_fail(r, "value expected");
	if (text_is(r, "null"))
		return reader_null(r);
	if (!text_is(r, "true") && !text_is(r, "false") && !is_decimal(r->text.data))
		return reader_fail(r, "value expected: text in quotes, a number, true, false, [ or {");
	return reader_text(r);
}

/* Steps from a block's name, or a label, to the label behind it. */
static bool hcl_pass(struct reader *r)
{
	struct reader_node *n = reader_find(r);

	if (!n)
		return reader_part(r, READER_IMPLICIT);
	return n->kind == READER_IMPLICIT || n->kind == READER_TABLE || reader_duplicate(r, n);
}

static bool hcl_body(struct reader *r, int start);

/* A block; the cursor is behind its name, which has been entered. Services and apps repeat, all others merge. */
static bool hcl_block(struct reader *r)
{
	bool list = strcmp(r->key.data, "services") == 0 || strcmp(r->key.data, "apps") == 0;
	int line = r->line;

	for (; reader_peek(r) != '{'; list = false)
		if (!hcl_pass(r) || !hcl_key(r, "'=' or '{' expected on the same line"))
			return false;
	if (!reader_deeper(r) || !(list ? reader_element(r) : reader_section(r)))
		return false;
	r->at++;
	if (!hcl_body(r, line))
		return false;
	r->at++;
	r->depth--;
	return true;
}

/* Attributes and blocks, up to the end of the text or, in a block that starts on line `start`, up to its '}'. */
static bool hcl_body(struct reader *r, int start)
{
	size_t back = r->key.len;

	for (; hcl_skip(r); r->key.len = back) {
		if (reader_peek(r) == (start ? '}' : -1))
			return true;
		if (reader_peek(r) < 0)
			return reader_fail(r, "'}' expected for the block that starts on line %d", start);
		if (!hcl_key(r, "key or block expected"))
			return false;
		if (reader_peek(r) != '=') {
			if (!hcl_block(r))
				return false;
		} else {
			r->at++;
			if (!hcl_blanks(r, false) || !hcl_value(r))
				return false;
		}
		if (!hcl_blanks(r, false))
			return false;
		if (reader_peek(r) >= 0 && reader_peek(r) != '\n' && !(start && reader_peek(r) == '}'))
			return reader_fail(r, "end of line expected");
	}
	return false;
}

bool hcl_read(struct reader *r)
{
	return hcl_body(r, 0);
}
