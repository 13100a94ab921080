#include "base.h"
#include "doc.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "print.h"

void doc_free(struct doc *doc)
{
	free(doc->items);
	free(doc->nulls);
	arena_free(&doc->memory);
	*doc = (struct doc){ 0 };
}

static bool keep_item(void *arg, const struct doc_item *item)
{
	struct doc *doc = arg;

	SYS_GROW(doc->items, doc->count, doc->cap);
	doc->items[doc->count] = *item;
	doc->items[doc->count].key = arena_dup(&doc->memory, item->key, strlen(item->key));
	doc->items[doc->count].value = arena_dup(&doc->memory, item->value, strlen(item->value));
	doc->count++;
	return true;
}

void doc_begin(struct doc_reader *reader, struct doc *doc, const char *text, size_t len,
               bool (*take)(void *arg, const struct doc_item *item), void *arg)
{
	*doc = (struct doc){ 0 };
	*reader = (struct doc_reader){ .doc = doc, .line = 1, .take = take ? take : keep_item, .arg = take ? arg : doc };
	reader->start = reader->at = len ? text : "";
	reader->end = reader->at + len;
}

static struct slice latest_text(const struct doc_reader *reader)
{
	return (struct slice){ reader->text.data, reader->text.len };
}

static bool hand_over(struct doc_reader *reader, const char *key, const char *value, int line, enum doc_shape shape)
{
	struct doc_item item = { .key = (char *)key, .value = (char *)value, .line = line, .shape = (uint8_t)shape };

	if (reader->items++ == DOC_ITEMS_MAX)
		return doc_fail(reader, "more than %d values", DOC_ITEMS_MAX);
	return reader->take(reader->arg, &item);
}

static const char *node_key(const struct doc_reader *reader, const struct doc_node *node)
{
	return reader->keys.data + node->key;
}

/* Tables that have stayed empty: a later header might have gone on with them. */
static bool take_empty(struct doc_reader *reader)
{
	bool ok = true;

	for (size_t i = 0; ok && reader->empty && i < reader->node_count; i++)
		if (reader->nodes[i].empty)
			ok = hand_over(reader, node_key(reader, &reader->nodes[i]), "", reader->nodes[i].line, DOC_EMPTY_TABLE);
	return ok;
}

/* Brings the items from `first` on to their places: they are the empty tables. */
static void place_empty(struct doc *doc, size_t first)
{
	struct doc_item *items = sys_alloc(doc->cap * sizeof *items);
	size_t at = 0, empty = first;

	for (size_t i = 0; i < doc->count; i++) {
		bool next = empty < doc->count && (at == first || doc->items[empty].line <= doc->items[at].line);

		items[i] = doc->items[next ? empty++ : at++];
	}
	free(doc->items);
	doc->items = items;
}

bool doc_end(struct doc_reader *reader, bool ok)
{
	size_t count = reader->doc->count;

	ok = ok && take_empty(reader);
	if (!ok)
		reader->doc->count = reader->doc->null_count = 0;
	if (reader->doc->count > count)
		place_empty(reader->doc, count);
	free(reader->nodes);
	free(reader->slots);
	buf_free(&reader->keys);
	buf_free(&reader->key);
	buf_free(&reader->text);
	return ok;
}

/* The tree. */

bool doc_fail(struct doc_reader *reader, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_args(reader->doc->error, sizeof reader->doc->error, fmt, args);
	va_end(args);
	reader->doc->error_line = reader->line;
	return false;
}

bool doc_duplicate(struct doc_reader *reader, const struct doc_node *first)
{
	char shown[81];

	shown[text_visible(shown, sizeof shown - 1, node_key(reader, first), strlen(node_key(reader, first)))] = '\0';
	return doc_fail(reader, "%s is given twice, first on line %d", shown, first->line);
}

bool doc_deeper(struct doc_reader *reader)
{
	return ++reader->depth <= DOC_DEPTH_MAX || doc_fail(reader, "nested too deeply");
}

/* The slot of the first len bytes of the key, or the free one where they belong. */
static uint32_t *node_slot(const struct doc_reader *reader, size_t len, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &reader->slots[i & (reader->slot_cap - 1)];
		const struct doc_node *node = *slot ? &reader->nodes[*slot - 1] : NULL;
		const char *key = node && node->hash == hash ? node_key(reader, node) : NULL;

		if (!node || (key && strncmp(key, reader->key.data, len) == 0 && !key[len]))
			return slot;
	}
}

static struct doc_node *node_of_prefix(const struct doc_reader *reader, size_t len)
{
	uint32_t number = reader->slot_cap ? *node_slot(reader, len, hash_text(reader->key.data, len)) : 0;

	return number ? &reader->nodes[number - 1] : NULL;
}

struct doc_node *doc_find(const struct doc_reader *reader)
{
	return node_of_prefix(reader, reader->key.len);
}

/* In the order of the nodes, so that dropping the latest ones leaves the table as it was before them. */
static void grow_node_slots(struct doc_reader *reader)
{
	if (reader->node_count < reader->slot_cap / 4 * 3)
		return;
	free(reader->slots);
	reader->slot_cap = reader->slot_cap ? reader->slot_cap * 2 : 64;
	reader->slots = sys_alloc(reader->slot_cap * sizeof *reader->slots);
	for (size_t i = 0; i < reader->node_count; i++) {
		size_t to = reader->nodes[i].hash;

		while (reader->slots[to & (reader->slot_cap - 1)])
			to++;
		reader->slots[to & (reader->slot_cap - 1)] = (uint32_t)i + 1;
	}
}

static void drop_nodes(struct doc_reader *reader, size_t left)
{
	for (; reader->node_count > left; reader->node_count--) {
		const struct doc_node *node = &reader->nodes[reader->node_count - 1];
		size_t at = node->hash;

		while (reader->slots[at & (reader->slot_cap - 1)] != reader->node_count)
			at++;
		reader->slots[at & (reader->slot_cap - 1)] = 0;
		reader->keys.len = node->key;
	}
}

/* The nearest table above the key is not empty. */
static void fill_parent(struct doc_reader *reader)
{
	for (size_t len = reader->key.len; reader->empty && len-- > 1;) {
		struct doc_node *node;

		if (reader->key.data[len] != '.' && reader->key.data[len] != '[')
			continue;
		if (reader->parent && len == reader->parent_len &&
		    memcmp(reader->key.data, node_key(reader, &reader->nodes[reader->parent - 1]), len) == 0)
			return;
		node = node_of_prefix(reader, len);
		if (!node || node->kind == DOC_NULL)
			continue;
		reader->empty -= node->empty;
		node->empty = false;
		reader->parent = (size_t)(node - reader->nodes) + 1;
		reader->parent_len = len;
		return;
	}
}

/* Adds the key, which must be new: else says so and returns NULL. */
static struct doc_node *add_node(struct doc_reader *reader, enum doc_kind kind)
{
	uint32_t hash = hash_text(reader->key.data, reader->key.len), *slot;
	struct doc_node *node;

	grow_node_slots(reader);
	slot = node_slot(reader, reader->key.len, hash);
	if (*slot) {
		doc_duplicate(reader, &reader->nodes[*slot - 1]);
		return NULL;
	}
	if (kind != DOC_NULL && !reader->closed)
		fill_parent(reader);
	SYS_GROW(reader->nodes, reader->node_count, reader->node_cap);
	*slot = (uint32_t)reader->node_count + 1;
	node = &reader->nodes[reader->node_count++];
	*node = (struct doc_node){
		.key = (uint32_t)reader->keys.len, .hash = hash, .line = reader->line, .kind = (uint8_t)kind
	};
	buf_add(&reader->keys, reader->key.data, reader->key.len);
	buf_add(&reader->keys, "", 1);
	return node;
}

/* A name that looks like an element of an array, "a[0]", must not meet that array, whose elements have no nodes: "a[" gets
 * one. */
static bool note_brackets(struct doc_reader *reader, size_t from)
{
	size_t whole = reader->key.len;
	bool ok = true;

	reader->brackets = true;
	for (size_t len = from + 1; ok && len + 1 < whole; len++) {
		const struct doc_node *node = reader->key.data[len] == '[' ? node_of_prefix(reader, len) : NULL;

		if (node && node->kind == DOC_CLOSED)
			return doc_duplicate(reader, node);
		reader->key.len = len + 1;
		ok = reader->key.data[len] != '[' || doc_find(reader) || add_node(reader, DOC_NULL);
		reader->key.len = whole;
	}
	return ok;
}

static bool meets_brackets(struct doc_reader *reader)
{
	const struct doc_node *node;

	buf_puts(&reader->key, "[");
	node = doc_find(reader);
	reader->key.len--;
	return node && !doc_duplicate(reader, node);
}

bool doc_enter(struct doc_reader *reader, struct slice name)
{
	size_t from;

	if (!name.len)
		return doc_fail(reader, "empty key");
	if (memchr(name.at, '\0', name.len))
		return doc_fail(reader, "NUL byte in a key");
	if (reader->key.len + name.len + 1 > DOC_KEY_MAX)
		return doc_fail(reader, "key longer than %d bytes", DOC_KEY_MAX);
	if (reader->key.len)
		buf_puts(&reader->key, ".");
	from = reader->key.len;
	buf_add(&reader->key, name.at, name.len);
	reader->indexed = false;
	return !memchr(name.at, '[', name.len) || note_brackets(reader, from);
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
	reader->indexed = true;
	return reader->key.len <= DOC_KEY_MAX || doc_fail(reader, "key longer than %d bytes", DOC_KEY_MAX);
}

bool doc_value(struct doc_reader *reader, struct slice value)
{
	if (value.len && memchr(value.at, '\0', value.len))
		return doc_fail(reader, "NUL byte in a string");
	if (!reader->indexed && !add_node(reader, DOC_VALUE))
		return false;
	if (value.at != reader->text.data)
		doc_set_text(reader, value);
	buf_add(&reader->text, "", 0); /* a NUL behind it */
	return hand_over(reader, reader->key.data, reader->text.data, reader->line, DOC_SCALAR);
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
	struct doc *doc = reader->doc;

	if (reader->indexed)
		return true;
	if (!add_node(reader, DOC_NULL))
		return false;
	if (reader->take != keep_item)
		return true;
	SYS_GROW(doc->nulls, doc->null_count, doc->null_cap);
	doc->nulls[doc->null_count++] = (struct doc_item){
		.key = arena_dup(&doc->memory, reader->key.data, reader->key.len), .value = "", .line = reader->line
	};
	return true;
}

bool doc_open(struct doc_reader *reader, enum doc_kind kind)
{
	struct doc_node *node = add_node(reader, kind);

	if (node)
		node->empty = true;
	reader->empty += node != NULL;
	return node;
}

bool doc_open_closed(struct doc_reader *reader, struct doc_closed *closed)
{
	closed->element = reader->indexed;
	closed->list = doc_peek(reader) == '[';
	if (reader->brackets && meets_brackets(reader))
		return false;
	if (!closed->element && !add_node(reader, DOC_CLOSED))
		return false;
	closed->items = reader->items;
	closed->nodes = reader->node_count;
	closed->line = reader->line;
	reader->closed++;
	return true;
}

bool doc_close(struct doc_reader *reader, const struct doc_closed *closed)
{
	reader->closed--;
	if (closed->element)
		drop_nodes(reader, closed->nodes);
	buf_add(&reader->key, "", 0); /* a NUL where the way back has cut it */
	return reader->items > closed->items || hand_over(reader, reader->key.data, "", closed->line,
	                                                  closed->list ? DOC_EMPTY_LIST : DOC_EMPTY_TABLE);
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
	struct doc_closed closed;

	if (!doc_deeper(reader) || !doc_open_closed(reader, &closed))
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
			return doc_fail(reader, "',' or ']' expected in the list that starts on line %d", closed.line);
	}
	reader->at++;
	reader->depth--;
	return doc_close(reader, &closed);
}
