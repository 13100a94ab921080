#include "base.h"
#include "doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ITEM UINT32_MAX

void doc_free(struct doc *doc)
{
	free(doc->items);
	arena_free(&doc->memory);
	*doc = (struct doc){ 0 };
}

void doc_begin(struct doc_reader *reader, struct doc *doc, const char *text, size_t len)
{
	*doc = (struct doc){ 0 };
	*reader = (struct doc_reader){ .doc = doc, .line = 1, .seed = TEXT_HASH ^ sys_random() };
	reader->start = reader->at = len ? text : "";
	reader->end = reader->at + len;
}

static struct slice latest_text(const struct doc_reader *reader)
{
	return (struct slice){ reader->text.data, reader->text.len };
}

/* Drops the items of containers that have turned out not to be empty. */
static void drop_filled(struct doc *doc)
{
	size_t kept = 0;

	for (size_t i = 0; i < doc->count; i++)
		if (doc->items[i].value)
			doc->items[kept++] = doc->items[i];
	doc->count = kept;
}

void doc_end(struct doc_reader *reader, bool ok)
{
	drop_filled(reader->doc);
	if (!ok)
		reader->doc->count = 0;
	free(reader->nodes);
	buf_free(&reader->key);
	buf_free(&reader->text);
}

/* The tree. */

bool doc_fail(struct doc_reader *reader, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reader->doc->error, sizeof reader->doc->error, fmt, args);
	va_end(args);
	reader->doc->error_line = reader->line;
	return false;
}

bool doc_duplicate(struct doc_reader *reader, const struct doc_node *first)
{
	char shown[81];

	shown[text_visible(shown, sizeof shown - 1, first->key, strlen(first->key))] = '\0';
	return doc_fail(reader, "%s is given twice, first on line %d", shown, first->line);
}

bool doc_deeper(struct doc_reader *reader)
{
	return ++reader->depth <= DOC_DEPTH_MAX || doc_fail(reader, "nested too deeply");
}

bool doc_enter(struct doc_reader *reader, struct slice name)
{
	if (!name.len)
		return doc_fail(reader, "empty key");
	if (memchr(name.at, '\0', name.len))
		return doc_fail(reader, "NUL byte in a key");
	if (reader->key.len + name.len + 1 > DOC_KEY_MAX)
		return doc_fail(reader, "key longer than %d bytes", DOC_KEY_MAX);
	if (reader->key.len)
		buf_puts(&reader->key, ".");
	buf_add(&reader->key, name.at, name.len);
	return true;
}

bool doc_enter_text(struct doc_reader *reader)
{
	return doc_enter(reader, latest_text(reader));
}

bool doc_enter_index(struct doc_reader *reader, size_t index)
{
	buf_puts(&reader->key, "[");
	buf_number(&reader->key, index);
	buf_puts(&reader->key, "]");
	return reader->key.len <= DOC_KEY_MAX || doc_fail(reader, "key longer than %d bytes", DOC_KEY_MAX);
}

static uint32_t hash_key(const struct doc_reader *reader, size_t len)
{
	uint64_t hash = text_hash(reader->seed, reader->key.data, len);

	return (uint32_t)(hash ^ hash >> 32);
}

/* The node of the first len bytes of the key, or the free slot for it. */
static struct doc_node *node_slot(const struct doc_reader *reader, size_t len, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		struct doc_node *node = &reader->nodes[i & (reader->node_cap - 1)];

		if (!node->key || (node->hash == hash && strncmp(node->key, reader->key.data, len) == 0 && !node->key[len]))
			return node;
	}
}

static struct doc_node *node_of_prefix(const struct doc_reader *reader, size_t len)
{
	struct doc_node *node = reader->node_cap ? node_slot(reader, len, hash_key(reader, len)) : NULL;

	return node && node->key ? node : NULL;
}

struct doc_node *doc_find(const struct doc_reader *reader)
{
	return node_of_prefix(reader, reader->key.len);
}

static void grow_nodes(struct doc_reader *reader)
{
	struct doc_node *old = reader->nodes;
	size_t cap = reader->node_cap;

	reader->node_cap = cap ? cap * 2 : 64;
	reader->nodes = sys_alloc(reader->node_cap * sizeof *reader->nodes);
	for (size_t i = 0; i < cap; i++) {
		size_t to = old[i].hash;

		if (!old[i].key)
			continue;
		while (reader->nodes[to & (reader->node_cap - 1)].key)
			to++;
		reader->nodes[to & (reader->node_cap - 1)] = old[i];
	}
	free(old);
}

/* The nearest container above the key is not empty: drops the item that stands for it. */
static void fill_parent(struct doc_reader *reader)
{
	for (size_t len = reader->key.len; len-- > 1;) {
		struct doc_node *node;

		if (reader->key.data[len] != '.' && reader->key.data[len] != '[')
			continue;
		if (len == reader->parent_len && memcmp(reader->key.data, reader->parent, len) == 0)
			return;
		node = node_of_prefix(reader, len);
		if (!node || node->kind == DOC_NULL)
			continue;
		if (node->item != NO_ITEM)
			reader->doc->items[node->item].value = NULL;
		reader->parent = node->key;
		reader->parent_len = len;
		return;
	}
}

/* Adds the key, which must be new: else says so and returns NULL. */
static struct doc_node *add_node(struct doc_reader *reader, enum doc_kind kind)
{
	uint32_t hash = hash_key(reader, reader->key.len);
	struct doc_node *node;

	if (reader->node_count >= reader->node_cap / 4 * 3)
		grow_nodes(reader);
	node = node_slot(reader, reader->key.len, hash);
	if (node->key) {
		doc_duplicate(reader, node);
		return NULL;
	}
	reader->node_count++;
	*node = (struct doc_node){
		.key = arena_dup(&reader->doc->memory, reader->key.data, reader->key.len),
		.hash = hash, .item = NO_ITEM, .line = reader->line, .kind = kind,
	};
	if (kind != DOC_NULL)
		fill_parent(reader);
	return node;
}

static void add_item(struct doc_reader *reader, const struct doc_node *node, struct slice value)
{
	struct doc *doc = reader->doc;

	SYS_GROW(doc->items, doc->count, doc->cap);
	doc->items[doc->count++] = (struct doc_item){
		.key = (char *)node->key, .value = arena_dup(&doc->memory, value.at, value.len), .line = reader->line
	};
}

bool doc_value(struct doc_reader *reader, struct slice value)
{
	struct doc_node *node;

	if (value.len && memchr(value.at, '\0', value.len))
		return doc_fail(reader, "NUL byte in a string");
	node = add_node(reader, DOC_VALUE);
	if (node)
		add_item(reader, node, value);
	return node;
}

bool doc_text(struct doc_reader *reader)
{
	return doc_value(reader, latest_text(reader));
}

bool doc_part(struct doc_reader *reader, enum doc_kind kind)
{
	return add_node(reader, kind);
}

bool doc_null(struct doc_reader *reader)
{
	return add_node(reader, DOC_NULL);
}

bool doc_open(struct doc_reader *reader, enum doc_kind kind)
{
	struct doc_node *node = add_node(reader, kind);

	if (node) {
		node->item = (uint32_t)reader->doc->count;
		add_item(reader, node, slice_of(""));
		reader->doc->items[node->item].shape = kind == DOC_CLOSED && doc_peek(reader) == '[' ? DOC_EMPTY_LIST : DOC_EMPTY_TABLE;
	}
	return node;
}

bool doc_section(struct doc_reader *reader)
{
	struct doc_node *node = doc_find(reader);

	if (!node || (node->kind != DOC_TABLE && node->kind != DOC_IMPLICIT))
		return doc_open(reader, DOC_TABLE);
	node->kind = DOC_TABLE;
	return true;
}

bool doc_element(struct doc_reader *reader)
{
	struct doc_node *node = doc_find(reader);

	if (!node && !(node = add_node(reader, DOC_LIST)))
		return false;
	if (node->kind != DOC_LIST)
		return doc_duplicate(reader, node);
	return doc_enter_index(reader, node->count++) && doc_open(reader, DOC_TABLE);
}

/* The text. */

void doc_skip_blanks(struct doc_reader *reader)
{
	while (doc_is_blank(doc_peek(reader)) || doc_peek(reader) == '\r')
		reader->at++;
}

void doc_skip_line(struct doc_reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);
	const char *feed = left ? memchr(reader->at, '\n', left) : NULL;

	reader->at = feed ? feed : reader->end;
}

void doc_set_text(struct doc_reader *reader, struct slice text)
{
	reader->text.len = 0;
	buf_add(&reader->text, text.at, text.len);
}

int64_t doc_hex(const char *at, const char *end, size_t digits)
{
	int64_t n = 0;

	if ((size_t)(end - at) < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		int digit = text_hex(at[i]);

		if (digit < 0)
			return -1;
		n = n << 4 | digit;
	}
	return n;
}

/* The code point behind \x, \u or \U. */
static bool read_code(struct doc_reader *reader, char letter)
{
	size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
	int64_t code = doc_hex(reader->at, reader->end, digits);

	if (code < 0)
		return doc_fail(reader, "\\%c wants %zu hexadecimal digits", letter, digits);
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return doc_fail(reader, "\\%c wants the number of a character", letter);
	reader->at += digits;
	buf_utf8(&reader->text, (uint32_t)code);
	return true;
}

/* An escape; the cursor is behind its backslash. */
static bool read_escape(struct doc_reader *reader, const struct doc_quoting *quoting)
{
	char c = reader->at < reader->end ? *reader->at++ : '\n';

	for (const char *pair = quoting->pairs; *pair; pair += 2)
		if (*pair == c) {
			buf_add(&reader->text, pair + 1, 1);
			return true;
		}
	if (strchr(quoting->hex, c))
		return read_code(reader, c);
	return doc_fail(reader, c == '\n' || c == '\r' ? "closing quote expected on the same line"
	                                               : "unknown escape in a string (\\\\ is a backslash)");
}

bool doc_quoted(struct doc_reader *reader, const struct doc_quoting *quoting)
{
	const char *start = ++reader->at;

	for (reader->text.len = 0; !doc_at_line_end(reader); reader->at++) {
		const char *why = quoting->refuse ? quoting->refuse(reader->at, reader->end) : NULL;

		if (why)
			return doc_fail(reader, "%s", why);
		if (*reader->at != '"' && *reader->at != '\\')
			continue;
		buf_add(&reader->text, start, (size_t)(reader->at - start));
		if (*reader->at++ == '"')
			return true;
		if (!read_escape(reader, quoting))
			return false;
		start = reader->at--;
	}
	return doc_fail(reader, "closing quote expected on the same line");
}

bool doc_literal(struct doc_reader *reader)
{
	const char *start = ++reader->at, *close;

	doc_skip_line(reader);
	close = memchr(start, '\'', (size_t)(reader->at - start));
	if (!close)
		return doc_fail(reader, "closing quote expected on the same line");
	doc_set_text(reader, slice_between(start, close));
	reader->at = close + 1;
	return true;
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || doc_is_digit(c) || c == '_' || c == '-';
}

void doc_word(struct doc_reader *reader, const char *more)
{
	const char *start = reader->at;

	while (doc_peek(reader) >= 0 && (is_word(*reader->at) || strchr(more, *reader->at)))
		reader->at++;
	doc_set_text(reader, slice_between(start, reader->at));
}

bool doc_word_is(const struct doc_reader *reader, const char *word)
{
	return slice_is(latest_text(reader), word);
}

static const char *behind_digits(const char *at)
{
	size_t count = strspn(at, "0123456789");

	return count ? at + count : NULL;
}

bool doc_is_decimal(const char *text)
{
	const char *at = text + (*text == '-'), *end = behind_digits(at);

	if (!end || (end - at > 1 && *at == '0'))
		return false;
	if (*end == '.')
		end = behind_digits(end + 1);
	if (end && (*end == 'e' || *end == 'E'))
		end = behind_digits(end + (end[1] == '+' || end[1] == '-' ? 2 : 1));
	return end && !*end;
}

bool doc_array(struct doc_reader *reader, bool (*skip)(struct doc_reader *), bool (*value)(struct doc_reader *))
{
	size_t back = reader->key.len;
	int line = reader->line;

	if (!doc_deeper(reader) || !doc_open(reader, DOC_CLOSED))
		return false;
	reader->at++;
	for (size_t i = 0;; i++) {
		if (!skip(reader))
			return false;
		if (doc_peek(reader) == ']')
			break;
		if (!doc_enter_index(reader, i) || !value(reader) || !skip(reader))
			return false;
		reader->key.len = back;
		if (!doc_take(reader, ',') && doc_peek(reader) != ']')
			return doc_fail(reader, "',' or ']' expected in the list that starts on line %d", line);
	}
	reader->at++;
	reader->depth--;
	return true;
}

bool doc_next_line(struct doc_reader *reader, struct slice *line)
{
	const char *start = reader->at;

	if (start == reader->end)
		return false;
	doc_skip_line(reader);
	*line = slice_between(start, reader->at);
	if (line->len && start[line->len - 1] == '\r')
		line->len--;
	reader->at += reader->at < reader->end;
	reader->line++;
	return true;
}

struct slice doc_cut_comment(struct slice text, const char *marks)
{
	for (size_t i = 1; i < text.len; i++)
		if (doc_is_blank(text.at[i - 1]) && strchr(marks, text.at[i]))
			text.len = i;
	return slice_trim(text);
}

bool doc_is_rest(struct slice text, const char *marks)
{
	struct slice rest = slice_trim(text);

	return !rest.len || (rest.at > text.at && strchr(marks, *rest.at));
}
