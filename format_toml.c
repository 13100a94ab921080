/* TOML 1.0 without multi-line strings, dates, inf and nan. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "text.h"

static const struct doc_quoting toml_quoting = { "b\bt\tn\nf\fr\r\"\"\\\\", "uU", NULL };

static bool toml_line_end(struct doc_reader *reader)
{
	doc_skip_blanks(reader);
	if (doc_peek(reader) == '#')
		doc_skip_line(reader);
	return doc_at_line_end(reader) || doc_fail(reader, "end of line expected");
}

/* Skips blanks, comments and line ends. */
static bool toml_skip(struct doc_reader *reader)
{
	for (;; reader->at++, reader->line++) {
		doc_skip_blanks(reader);
		if (doc_peek(reader) == '#')
			doc_skip_line(reader);
		if (doc_peek(reader) != '\n')
			return true;
	}
}

static bool is_digit_of(char c, int base)
{
	int digit = text_hex(c);

	return digit >= 0 && digit < base;
}

/* Takes the underscores out of the number; each has to stand between two digits. */
static bool drop_underscores(struct buf *number, int base)
{
	size_t kept = 0;

	for (size_t i = 0; i < number->len; i++) {
		const char *p = number->data + i;

		if (*p == '_' && (!i || !is_digit_of(p[-1], base) || !is_digit_of(p[1], base)))
			return false;
		if (*p != '_')
			number->data[kept++] = *p;
	}
	number->len = kept;
	number->data[kept] = '\0';
	return true;
}

/* Turns the number, whose first two bytes name the base, into a decimal one. */
static bool to_decimal(struct buf *number, int base)
{
	uint64_t n = 0;

	for (size_t i = 2; i < number->len; i++) {
		int digit = text_hex(number->data[i]);

		if (digit < 0 || digit >= base || n > ((uint64_t)INT64_MAX - (unsigned)digit) / (unsigned)base)
			return false;
		n = n * (unsigned)base + (unsigned)digit;
	}
	if (number->len == 2)
		return false;
	number->len = 0;
	buf_number(number, n);
	return true;
}

/* Makes the word a number as the flat list has it. False when it is none. */
static bool toml_number(struct buf *word)
{
	char mark = word->data[0] == '0' ? word->data[1] : '\0';
	int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;

	if (!drop_underscores(word, base))
		return false;
	if (base != 10)
		return to_decimal(word, base);
	if (word->data[0] == '+' && doc_is_digit(word->data[1]))
		memmove(word->data, word->data + 1, word->len--);
	return doc_is_decimal(word->data);
}

/* 1979-05-27T07:32:00Z, 07:32:00 and the like? */
static bool toml_is_date(const struct buf *word)
{
	return word->len > 4 && doc_is_digit(word->data[0]) && (word->data[4] == '-' || word->data[2] == ':');
}

static bool toml_scalar(struct doc_reader *reader)
{
	if (doc_at(reader, "\"\"\"") || doc_at(reader, "'''"))
		return doc_fail(reader, "multi-line strings are not supported: a string on one line expected");
	if (doc_peek(reader) == '"')
		return doc_quoted(reader, &toml_quoting) && doc_text(reader);
	if (doc_peek(reader) == '\'')
		return doc_literal(reader) && doc_text(reader);
	doc_word(reader, "+.:");
	if (!reader->text.len)
		return doc_fail(reader, "value expected");
	if (toml_is_date(&reader->text))
		return doc_fail(reader, "dates and times are not supported: put the value into quotes");
	if (!doc_word_is(reader, "true") && !doc_word_is(reader, "false") && !toml_number(&reader->text))
		return doc_fail(reader, "value expected: text in quotes, a number, true or false");
	return doc_text(reader);
}

static bool toml_key_part(struct doc_reader *reader)
{
	int c = doc_peek(reader);

	if (doc_at(reader, "\"\"\"") || doc_at(reader, "'''"))
		return doc_fail(reader, "a key must be on one line");
	if (c == '"')
		return doc_quoted(reader, &toml_quoting);
	if (c == '\'')
		return doc_literal(reader);
	doc_word(reader, "");
	return reader->text.len || doc_fail(reader, "key expected");
}

/* Moves into a table that a longer key names in passing: the latest one of an array of tables. A header may pass
 * through any table that is not closed, a dotted key only through those that dotted keys have made. */
static bool toml_pass(struct doc_reader *reader, bool header)
{
	struct doc_node *node = doc_find(reader);

	if (!node)
		return doc_part(reader, header ? DOC_IMPLICIT : DOC_DOTTED);
	if (node->kind == DOC_VALUE || node->kind == DOC_CLOSED)
		return doc_duplicate(reader, node);
	if (header)
		return node->kind != DOC_LIST || doc_enter_index(reader, node->count - 1);
	if (node->kind != DOC_DOTTED && node->kind != DOC_IMPLICIT)
		return doc_duplicate(reader, node);
	node->kind = DOC_DOTTED;
	return true;
}

static bool toml_key(struct doc_reader *reader, bool header)
{
	for (;;) {
		doc_skip_blanks(reader);
		if (!toml_key_part(reader) || !doc_enter_text(reader))
			return false;
		doc_skip_blanks(reader);
		if (!doc_take(reader, '.'))
			return true;
		if (!toml_pass(reader, header))
			return false;
	}
}

static bool toml_value(struct doc_reader *reader);

static bool toml_pair(struct doc_reader *reader)
{
	size_t back = reader->key.len;

	if (!toml_key(reader, false))
		return false;
	if (!doc_take(reader, '='))
		return doc_fail(reader, "'=' expected behind a key");
	doc_skip_blanks(reader);
	if (!toml_value(reader))
		return false;
	reader->key.len = back;
	return true;
}

static bool toml_inline(struct doc_reader *reader)
{
	struct doc_closed closed;

	if (!doc_deeper(reader) || !doc_open_closed(reader, &closed))
		return false;
	reader->at++;
	doc_skip_blanks(reader);
	for (bool first = true; doc_peek(reader) != '}' || !first; first = false) {
		if (!toml_pair(reader))
			return false;
		doc_skip_blanks(reader);
		if (doc_peek(reader) == '}')
			break;
		if (!doc_take(reader, ','))
			return doc_fail(reader, "',' or '}' expected on the same line");
	}
	reader->at++;
	reader->depth--;
	return doc_close(reader, &closed);
}

static bool toml_value(struct doc_reader *reader)
{
	switch (doc_peek(reader)) {
	case '[':
		return doc_array(reader, toml_skip, toml_value);
	case '{':
		return toml_inline(reader);
	default:
		return toml_scalar(reader);
	}
}

static bool toml_header(struct doc_reader *reader)
{
	bool array = doc_at(reader, "[[");
	const char *close = array ? "]]" : "]";
	struct doc_node *node;

	reader->at += strlen(close);
	reader->key.len = 0;
	if (!toml_key(reader, true))
		return false;
	if (!doc_at(reader, close))
		return doc_fail(reader, "'%s' expected", close);
	reader->at += strlen(close);
	if (array)
		return doc_element(reader);
	node = doc_find(reader);
	if (!node || node->kind != DOC_IMPLICIT)
		return doc_open(reader, DOC_TABLE);
	node->kind = DOC_TABLE;
	return true;
}

static bool toml_read(struct doc_reader *reader)
{
	while (toml_skip(reader) && doc_peek(reader) >= 0)
		if (!(doc_peek(reader) == '[' ? toml_header(reader) : toml_pair(reader)) || !toml_line_end(reader))
			return false;
	return true;
}

const struct format format_toml = { .name = "toml", .endings = ".toml", .lists = true, .read = toml_read };
