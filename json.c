#include "base.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"

/* A parse in progress. Nesting is kept in `open`, never on the C stack. */
struct parse {
	struct json *j;
	size_t at, len;
	uint32_t open[JSON_DEPTH_MAX];
	unsigned depth;
};

static int peek_byte(const struct parse *r)
{
	return r->at < r->len ? (unsigned char)r->j->text[r->at] : -1;
}

static void skip_blanks(struct parse *r)
{
	while (r->at < r->len && strchr(" \t\r\n", r->j->text[r->at]) && r->j->text[r->at])
		r->at++;
}

static uint32_t add_token(struct parse *r, enum json_type type, size_t at, size_t len)
{
	struct json *j = r->j;

	SYS_GROW(j->tokens, j->count, j->cap);
	j->tokens[j->count] = (struct json_token){
		.at = (uint32_t)at, .len = (uint32_t)len, .next = j->count + 1, .type = type
	};
	return j->count++;
}

static const char *skip_escape(struct parse *r)
{
	int c = peek_byte(r);

	if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c)
		return "unknown escape in a string";
	r->at++;
	for (int i = 0; c == 'u' && i < 4; i++, r->at++)
		if (text_hex(peek_byte(r)) < 0)
			return "\\u wants four hexadecimal digits";
	return NULL;
}

static const char *read_string(struct parse *r)
{
	size_t start = ++r->at;

	for (;;) {
		int c = peek_byte(r);
		const char *why;

		if (c < 0)
			return "string without an end";
		if (c < 0x20)
			return "control character in a string";
		r->at++;
		if (c == '"')
			break;
		if (c == '\\' && (why = skip_escape(r)))
			return why;
	}
	add_token(r, JSON_STRING, start, r->at - 1 - start);
	return NULL;
}

static bool skip_digits(struct parse *r)
{
	size_t start = r->at;

	while (peek_byte(r) >= '0' && peek_byte(r) <= '9')
		r->at++;
	return r->at > start;
}

static const char *read_number(struct parse *r)
{
	size_t start = r->at;

	if (peek_byte(r) == '-')
		r->at++;
	if (peek_byte(r) == '0')
		r->at++;
	else if (!skip_digits(r))
		return "value expected";
	if (peek_byte(r) == '.') {
		r->at++;
		if (!skip_digits(r))
			return "digit expected";
	}
	if (peek_byte(r) == 'e' || peek_byte(r) == 'E') {
		r->at++;
		if (peek_byte(r) == '+' || peek_byte(r) == '-')
			r->at++;
		if (!skip_digits(r))
			return "digit expected";
	}
	add_token(r, JSON_NUMBER, start, r->at - start);
	return NULL;
}

static const char *read_word(struct parse *r)
{
	static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		if (r->len - r->at >= len && memcmp(r->j->text + r->at, words[i], len) == 0) {
			add_token(r, (enum json_type)i, r->at, len);
			r->at += len;
			return NULL;
		}
	}
	return "value expected";
}

/* Reads a scalar, or opens an array or object. */
static const char *read_value(struct parse *r)
{
	int c = peek_byte(r);

	if (c == '"')
		return read_string(r);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r);
	if (c != '[' && c != '{')
		return c < 0 ? "value expected, but the text ends" : read_word(r);
	if (r->depth == JSON_DEPTH_MAX)
		return "nested too deeply";
	r->open[r->depth++] = add_token(r, c == '[' ? JSON_ARRAY : JSON_OBJECT, r->at, 0);
	r->at++;
	return NULL;
}

static const char *read_key(struct parse *r)
{
	const char *why;

	if (peek_byte(r) != '"')
		return "member name expected";
	if ((why = read_string(r)))
		return why;
	skip_blanks(r);
	if (peek_byte(r) != ':')
		return "':' expected";
	r->at++;
	skip_blanks(r);
	return NULL;
}

static void close_top(struct parse *r)
{
	struct json_token *t = &r->j->tokens[r->open[--r->depth]];

	t->len = (uint32_t)(++r->at - t->at);
	t->next = r->j->count;
}

/* Inside an array or object: its end, or what comes before the next value. *more tells which. */
static const char *read_between(struct parse *r, bool *more)
{
	struct json_token *t = &r->j->tokens[r->open[r->depth - 1]];
	int end = t->type == JSON_ARRAY ? ']' : '}';

	skip_blanks(r);
	*more = peek_byte(r) != end;
	if (!*more) {
		close_top(r);
		return NULL;
	}
	if (t->count) {
		if (peek_byte(r) != ',')
			return end == ']' ? "',' or ']' expected" : "',' or '}' expected";
		r->at++;
		skip_blanks(r);
	}
	t->count++;
	return end == '}' ? read_key(r) : NULL;
}

static const char *read_document(struct parse *r)
{
	const char *why;
	bool more = true;

	skip_blanks(r);
	do {
		if (more && (why = read_value(r)))
			return why;
		if (r->depth && (why = read_between(r, &more)))
			return why;
	} while (r->depth);
	skip_blanks(r);
	return r->at < r->len ? "text behind the end" : NULL;
}

const char *json_parse(struct json *j, const char *text, size_t len)
{
	struct parse r = { .j = j, .len = len };
	const char *why;

	j->text = text;
	j->count = 0;
	j->error_at = 0;
	if (len >= UINT32_MAX)
		return "text too large";
	why = read_document(&r);
	j->error_at = (uint32_t)r.at;
	return why;
}

void json_free(struct json *j)
{
	free(j->tokens);
	*j = (struct json){ 0 };
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (unsigned)text_hex((unsigned char)p[i]);
	return n;
}

/* One escape at p (behind the backslash), appended to out. Returns its length. */
static size_t unescape(const char *p, const char *end, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;

	if (*p != 'u') {
		buf_add(out, &to[strchr(from, *p) - from], 1);
		return 1;
	}
	c = hex4(p + 1);
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 11 && p[5] == '\\' && p[6] == 'u' &&
	    (low = hex4(p + 7)) >= 0xdc00 && low < 0xe000) {
		buf_utf8(out, 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)));
		return 11;
	}
	buf_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return 5;
}

bool json_string(const struct json *j, uint32_t token, struct buf *out)
{
	const struct json_token *t = &j->tokens[token];
	const char *p = j->text + t->at, *end = p + t->len;

	if (t->type != JSON_STRING)
		return false;
	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));

		buf_add(out, p, (size_t)((escape ? escape : end) - p));
		if (!escape)
			break;
		p = escape + 1;
		p += unescape(p, end, out);
	}
	return true;
}

static bool key_is(const struct json *j, uint32_t token, const char *key)
{
	const struct json_token *t = &j->tokens[token];
	struct slice raw = { j->text + t->at, t->len };
	struct buf plain = { 0 };
	bool same;

	if (!raw.len || !memchr(raw.at, '\\', raw.len))
		return slice_is(raw, key);
	json_string(j, token, &plain);
	same = slice_is((struct slice){ plain.data, plain.len }, key);
	buf_free(&plain);
	return same;
}

uint32_t json_get(const struct json *j, uint32_t object, const char *key)
{
	if (j->tokens[object].type != JSON_OBJECT)
		return 0;
	for (JSON_EACH(j, object, k))
		if (key_is(j, k, key))
			return k + 1;
	return 0;
}

bool json_integer(const struct json *j, uint32_t token, long min, long max, long *out)
{
	const struct json_token *t = &j->tokens[token];

	return t->type == JSON_NUMBER && !text_number((struct slice){ j->text + t->at, t->len }, min, max, out);
}
