/* HCL without expressions, templates and heredocs. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"

static const char *hcl_refuse(const char *at, const char *end)
{
	bool template = (*at == '$' || *at == '%') && at + 1 < end && at[1] == '{';

	return template ? "templates (${ and %{) are not supported" : NULL;
}

static const struct doc_quoting hcl_quoting = { "n\nr\rt\t\"\"\\\\", "uU", hcl_refuse };

static bool hcl_comment(struct doc_reader *reader)
{
	int line = reader->line;

	for (reader->at += 2; !doc_at(reader, "*/"); reader->at++) {
		if (doc_peek(reader) < 0) {
			reader->line = line;
			return doc_fail(reader, "comment without an end");
		}
		reader->line += *reader->at == '\n';
	}
	reader->at += 2;
	return true;
}

/* Skips blanks and comments, and line ends when `lines`. */
static bool hcl_blanks(struct doc_reader *reader, bool lines)
{
	for (;;) {
		doc_skip_blanks(reader);
		if (doc_peek(reader) == '#' || doc_at(reader, "//")) {
			doc_skip_line(reader);
		} else if (doc_at(reader, "/*")) {
			if (!hcl_comment(reader))
				return false;
		} else if (lines && doc_take(reader, '\n')) {
			reader->line++;
		} else {
			return true;
		}
	}
}

static bool hcl_skip(struct doc_reader *reader)
{
	return hcl_blanks(reader, true);
}

/* An identifier or a string, and the blanks behind it; enters it. */
static bool hcl_key(struct doc_reader *reader, const char *expected)
{
	if (doc_peek(reader) == '"') {
		if (!doc_quoted(reader, &hcl_quoting))
			return false;
	} else {
		doc_word(reader, "");
		if (!reader->text.len || doc_is_digit(reader->text.data[0]) || reader->text.data[0] == '-')
			return doc_fail(reader, "%s", expected);
	}
	return doc_enter_text(reader) && hcl_blanks(reader, false);
}

static bool hcl_value(struct doc_reader *reader);

/* key = value, and the blanks behind it. */
static bool hcl_member(struct doc_reader *reader)
{
	if (!hcl_key(reader, "key or '}' expected"))
		return false;
	if (!doc_take(reader, '=') && !doc_take(reader, ':'))
		return doc_fail(reader, "'=' or ':' expected behind a key");
	return hcl_blanks(reader, false) && hcl_value(reader) && hcl_blanks(reader, false);
}

static bool hcl_object(struct doc_reader *reader)
{
	size_t back = reader->key.len;
	struct doc_closed closed;

	if (!doc_deeper(reader) || !doc_open_closed(reader, &closed))
		return false;
	for (reader->at++;; reader->key.len = back) {
		if (!hcl_skip(reader))
			return false;
		if (doc_peek(reader) == '}')
			break;
		if (!hcl_member(reader))
			return false;
		if (!doc_take(reader, ',') && doc_peek(reader) != '\n' && doc_peek(reader) != '}')
			return doc_fail(reader, "',' or end of line expected in the object that starts on line %d", closed.line);
	}
	reader->at++;
	reader->depth--;
	return doc_close(reader, &closed);
}

static bool hcl_value(struct doc_reader *reader)
{
	switch (doc_peek(reader)) {
	case '"':
		return doc_quoted(reader, &hcl_quoting) && doc_text(reader);
	case '[':
		return doc_array(reader, hcl_skip, hcl_value);
	case '{':
		return hcl_object(reader);
	case '<':
		return doc_fail(reader, "heredocs are not supported: a string on one line expected");
	default:
		doc_word(reader, "+.");
	}
	if (!reader->text.len)
		return doc_fail(reader, "value expected");
	if (doc_word_is(reader, "null"))
		return doc_null(reader);
	if (!doc_word_is(reader, "true") && !doc_word_is(reader, "false") && !doc_is_decimal(reader->text.data))
		return doc_fail(reader, "value expected: text in quotes, a number, true, false, [ or {");
	return doc_text(reader);
}

/* Steps from a block's name, or a label, to the label behind it. */
static bool hcl_pass(struct doc_reader *reader)
{
	struct doc_node *node = doc_find(reader);

	if (!node)
		return doc_part(reader, DOC_IMPLICIT);
	return node->kind == DOC_IMPLICIT || node->kind == DOC_TABLE || doc_duplicate(reader, node);
}

static bool hcl_body(struct doc_reader *reader, int start);

/* A block; the cursor is behind its name, which has been entered. Services and apps repeat, all others merge. */
static bool hcl_block(struct doc_reader *reader)
{
	bool list = strcmp(reader->key.data, "services") == 0 || strcmp(reader->key.data, "apps") == 0;
	int line = reader->line;

	for (; doc_peek(reader) != '{'; list = false)
		if (!hcl_pass(reader) || !hcl_key(reader, "'=' or '{' expected on the same line"))
			return false;
	if (!doc_deeper(reader) || !(list ? doc_element(reader) : doc_section(reader)))
		return false;
	reader->at++;
	if (!hcl_body(reader, line))
		return false;
	reader->at++;
	reader->depth--;
	return true;
}

/* One attribute or block. */
static bool hcl_item(struct doc_reader *reader)
{
	if (!hcl_key(reader, "key or block expected"))
		return false;
	if (!doc_take(reader, '='))
		return hcl_block(reader);
	return hcl_blanks(reader, false) && hcl_value(reader);
}

/* Attributes and blocks, up to the end of the text or, in a block that starts on line `start`, up to its '}'. */
static bool hcl_body(struct doc_reader *reader, int start)
{
	size_t back = reader->key.len;

	for (; hcl_skip(reader); reader->key.len = back) {
		if (doc_peek(reader) == (start ? '}' : -1))
			return true;
		if (doc_peek(reader) < 0)
			return doc_fail(reader, "'}' expected for the block that starts on line %d", start);
		if (!hcl_item(reader) || !hcl_blanks(reader, false))
			return false;
		if (!doc_at_line_end(reader) && !(start && doc_peek(reader) == '}'))
			return doc_fail(reader, "end of line expected");
	}
	return false;
}

static bool hcl_read(struct doc_reader *reader)
{
	return hcl_body(reader, 0);
}

const struct format format_hcl = { .name = "hcl", .endings = ".hcl", .lists = true, .read = hcl_read };
