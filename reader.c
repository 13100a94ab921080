#include "base.h"
#include "reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define NO_ITEM UINT32_MAX

bool reader_fail(struct reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->doc->error, sizeof r->doc->error, fmt, args);
	va_end(args);
	r->doc->error_line = r->line;
	return false;
}

bool reader_duplicate(struct reader *r, const struct reader_node *first)
{
	char shown[81];

	shown[text_visible(shown, sizeof shown - 1, first->key, strlen(first->key))] = '\0';
	return reader_fail(r, "%s is given twice, first on line %d", shown, first->line);
}

bool reader_deeper(struct reader *r)
{
	return ++r->depth <= READER_DEPTH_MAX || reader_fail(r, "nested too deeply");
}

bool reader_enter(struct reader *r, const char *name, size_t len)
{
	if (!len)
		return reader_fail(r, "empty key");
	if (memchr(name, '\0', len))
		return reader_fail(r, "NUL byte in a key");
	if (r->key.len + len + 1 > READER_KEY_MAX)
		return reader_fail(r, "key longer than %d bytes", READER_KEY_MAX);
	if (r->key.len)
		buf_add(&r->key, ".", 1);
	buf_add(&r->key, name, len);
	return true;
}

bool reader_enter_index(struct reader *r, size_t index)
{
	char digits[24], *p = digits + sizeof digits;

	*--p = ']';
	do
		*--p = (char)('0' + index % 10);
	while (index /= 10);
	*--p = '[';
	buf_add(&r->key, p, (size_t)(digits + sizeof digits - p));
	return r->key.len <= READER_KEY_MAX || reader_fail(r, "key longer than %d bytes", READER_KEY_MAX);
}

static uint32_t hash_key(const struct reader *r, size_t len)
{
	uint32_t h = r->seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)r->key.data[i]) * 16777619u;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	return h ^ h >> 13;
}

/* The node of the first len bytes of the key, or the free slot for it. */
static struct reader_node *find_slot(const struct reader *r, size_t len, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		struct reader_node *n = &r->nodes[i & (r->node_cap - 1)];

		if (!n->key || (n->hash == hash && strncmp(n->key, r->key.data, len) == 0 && !n->key[len]))
			return n;
	}
}

static struct reader_node *find_prefix(const struct reader *r, size_t len)
{
	struct reader_node *n = r->node_cap ? find_slot(r, len, hash_key(r, len)) : NULL;

	return n && n->key ? n : NULL;
}

struct reader_node *reader_find(const struct reader *r)
{
	return find_prefix(r, r->key.len);
}

static void grow_nodes(struct reader *r)
{
	struct reader_node *old = r->nodes;
	size_t cap = r->node_cap;

	r->node_cap = cap ? cap * 2 : 64;
	r->nodes = sys_alloc(r->node_cap * sizeof *r->nodes);
	for (size_t i = 0; i < cap; i++) {
		size_t to = old[i].hash;

		if (!old[i].key)
			continue;
		while (r->nodes[to & (r->node_cap - 1)].key)
			to++;
		r->nodes[to & (r->node_cap - 1)] = old[i];
	}
	free(old);
}

/* The nearest container above the key is not empty: drops the item that stands for it. */
static void fill_parent(struct reader *r)
{
	for (size_t len = r->key.len; len-- > 1;) {
		struct reader_node *n;

		if (r->key.data[len] != '.' && r->key.data[len] != '[')
			continue;
		if (len == r->parent_len && memcmp(r->key.data, r->parent, len) == 0)
			return;
		n = find_prefix(r, len);
		if (!n || n->kind == READER_NULL)
			continue;
		if (n->item != NO_ITEM)
			r->doc->items[n->item].value = NULL;
		r->parent = n->key;
		r->parent_len = len;
		return;
	}
}

/* Adds the key, which must be new: else says so and returns NULL. */
static struct reader_node *add_node(struct reader *r, enum reader_kind kind)
{
	uint32_t hash = hash_key(r, r->key.len);
	struct reader_node *n;

	if (r->node_count >= r->node_cap / 4 * 3)
		grow_nodes(r);
	n = find_slot(r, r->key.len, hash);
	if (n->key) {
		reader_duplicate(r, n);
		return NULL;
	}
	r->node_count++;
	*n = (struct reader_node){
		.key = arena_dup(&r->doc->memory, r->key.data, r->key.len),
		.hash = hash, .item = NO_ITEM, .line = r->line, .kind = kind,
	};
	if (kind != READER_NULL)
		fill_parent(r);
	return n;
}

static void add_item(struct reader *r, const struct reader_node *n, const char *value, size_t len)
{
	struct format_doc *doc = r->doc;

	SYS_GROW(doc->items, doc->count, doc->cap);
	doc->items[doc->count++] = (struct format_item){
		.key = (char *)n->key, .value = arena_dup(&doc->memory, value, len), .line = r->line
	};
}

bool reader_value(struct reader *r, const char *value, size_t len)
{
	struct reader_node *n;

	if (len && memchr(value, '\0', len))
		return reader_fail(r, "NUL byte in a string");
	n = add_node(r, READER_VALUE);
	if (n)
		add_item(r, n, value, len);
	return n;
}

bool reader_text(struct reader *r)
{
	return reader_value(r, r->text.data, r->text.len);
}

bool reader_part(struct reader *r, enum reader_kind kind)
{
	return add_node(r, kind);
}

bool reader_null(struct reader *r)
{
	return add_node(r, READER_NULL);
}

bool reader_open(struct reader *r, enum reader_kind kind)
{
	struct reader_node *n = add_node(r, kind);

	if (n) {
		n->item = (uint32_t)r->doc->count;
		add_item(r, n, "", 0);
		r->doc->items[n->item].container = true;
	}
	return n;
}

bool reader_section(struct reader *r)
{
	struct reader_node *n = reader_find(r);

	if (!n || (n->kind != READER_TABLE && n->kind != READER_IMPLICIT))
		return reader_open(r, READER_TABLE);
	n->kind = READER_TABLE;
	return true;
}

bool reader_element(struct reader *r)
{
	struct reader_node *n = reader_find(r);

	if (!n && !(n = add_node(r, READER_LIST)))
		return false;
	if (n->kind != READER_LIST)
		return reader_duplicate(r, n);
	return reader_enter_index(r, n->count++) && reader_open(r, READER_TABLE);
}

void reader_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

void reader_rest(struct reader *r)
{
	const char *lf = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;

	r->at = lf ? lf : r->end;
}

int64_t reader_hex(const char *p, const char *end, size_t digits)
{
	int64_t n = 0;

	if ((size_t)(end - p) < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		int digit = text_hex(p[i]);

		if (digit < 0)
			return -1;
		n = n << 4 | digit;
	}
	return n;
}

/* An escape; the cursor is behind its backslash. */
static bool read_escape(struct reader *r, const struct quoting *how)
{
	char c = r->at < r->end ? *r->at++ : '\n';
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
	int64_t code;

	for (const char *p = how->pairs; *p; p += 2)
		if (*p == c) {
			buf_add(&r->text, p + 1, 1);
			return true;
		}
	if (!strchr(how->hex, c))
		return reader_fail(r, c == '\n' || c == '\r' ? "closing quote expected on the same line"
		                                             : "unknown escape in a string (\\\\ is a backslash)");
	code = reader_hex(r->at, r->end, digits);
	if (code < 0)
		return reader_fail(r, "\\%c wants %zu hexadecimal digits", c, digits);
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return reader_fail(r, "\\%c wants the number of a character", c);
	r->at += digits;
	buf_utf8(&r->text, (uint32_t)code);
	return true;
}

bool reader_quoted(struct reader *r, const struct quoting *how)
{
	const char *start = ++r->at;

	for (r->text.len = 0; reader_peek(r) >= 0 && *r->at != '\n'; r->at++) {
		const char *why = how->refuse ? how->refuse(r->at, r->end) : NULL;

		if (why)
			return reader_fail(r, "%s", why);
		if (*r->at != '"' && *r->at != '\\')
			continue;
		buf_add(&r->text, start, (size_t)(r->at - start));
		if (*r->at++ == '"')
			return true;
		if (!read_escape(r, how))
			return false;
		start = r->at--;
	}
	return reader_fail(r, "closing quote expected on the same line");
}

bool reader_literal(struct reader *r)
{
	const char *start = ++r->at, *close;

	reader_rest(r);
	close = memchr(start, '\'', (size_t)(r->at - start));
	if (!close)
		return reader_fail(r, "closing quote expected on the same line");
	r->text.len = 0;
	buf_add(&r->text, start, (size_t)(close - start));
	r->at = close + 1;
	return true;
}

bool reader_array(struct reader *r, bool (*skip)(struct reader *), bool (*value)(struct reader *))
{
	size_t back = r->key.len;
	int line = r->line;

	if (!reader_deeper(r) || !reader_open(r, READER_CLOSED))
		return false;
	r->at++;
	for (size_t i = 0;; i++) {
		if (!skip(r))
			return false;
		if (reader_peek(r) == ']')
			break;
		if (!reader_enter_index(r, i) || !value(r) || !skip(r))
			return false;
		r->key.len = back;
		if (reader_peek(r) == ',')
			r->at++;
		else if (reader_peek(r) != ']')
			return reader_fail(r, "',' or ']' expected in the list that starts on line %d", line);
	}
	r->at++;
	r->depth--;
	return true;
}
