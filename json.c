#include "base.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"

#define NONE UINT32_MAX
#define TEXT_MAX (1u << 30) /* more elements than half of that could not be counted */
#define COUNT_MAX 1000000   /* values and names, and one more for each 8 bytes: what people and programs write has fewer */

#define EACH_BYTE(byte) (0x0101010101010101u * (byte))
#define HIGH_BITS(word) ((word) & EACH_BYTE(0x80u))

static uint64_t word_at(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

const char *json_skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
		for (at++; end - at >= 8 && word_at(at) == EACH_BYTE(' ');)
			at += 8; /* as programs indent */
	return at;
}

/* Whether one of eight bytes is a quote, a backslash or a control byte. */
static bool word_stops(const char *at)
{
	uint64_t word = word_at(at), quote = word ^ EACH_BYTE('"'), slash = word ^ EACH_BYTE('\\');

	return HIGH_BITS(((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash) |
	                 ((word - EACH_BYTE(0x20)) & ~word));
}

const char *json_skip_plain(const char *at, const char *end)
{
	while (end - at >= 8 && !word_stops(at))
		at += 8;
	while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
		at++;
	return at;
}

/* A parse in progress. Nesting is kept in the tokens, never on the C stack: while an array or object is open, `next` is
 * the token of the one around it. */
struct json_parser {
	struct json *json;
	size_t at, len;
	uint32_t open; /* the innermost one; NONE: none is open */
};

static int json_peek(const struct json_parser *parser)
{
	return parser->at < parser->len ? (unsigned char)parser->json->text[parser->at] : -1;
}

static const char *json_end(const struct json_parser *parser)
{
	return parser->json->text + parser->len;
}

static void json_pass_blanks(struct json_parser *parser)
{
	parser->at = (size_t)(json_skip_blanks(parser->json->text + parser->at, json_end(parser)) - parser->json->text);
}

static uint32_t json_add(struct json_parser *parser, enum json_type type, size_t at, size_t len)
{
	struct json *json = parser->json;

	SYS_GROW(json->tokens, json->count, json->cap);
	json->tokens[json->count] = (struct json_token){
		.at = (uint32_t)at, .len = (uint32_t)len, .type = type
	};
	return json->count++;
}

static const char *json_skip_escape(struct json_parser *parser)
{
	int c = json_peek(parser);

	if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c)
		return "unknown escape in a string";
	parser->at++;
	for (int i = 0; c == 'u' && i < 4; i++, parser->at++)
		if (text_hex(json_peek(parser)) < 0)
			return "\\u wants four hexadecimal digits";
	return NULL;
}

static const char *json_read_string(struct json_parser *parser)
{
	size_t start = ++parser->at;

	for (;;) {
		int byte;
		const char *why;

		parser->at = (size_t)(json_skip_plain(parser->json->text + parser->at, json_end(parser)) - parser->json->text);
		byte = json_peek(parser);
		if (byte < 0)
			return "string without an end";
		if (byte < 0x20)
			return "control character in a string";
		parser->at++;
		if (byte == '"')
			break;
		if (byte == '\\' && (why = json_skip_escape(parser)))
			return why;
	}
	json_add(parser, JSON_STRING, start, parser->at - 1 - start);
	return NULL;
}

static bool json_skip_digits(struct json_parser *parser)
{
	size_t start = parser->at;

	while (json_peek(parser) >= '0' && json_peek(parser) <= '9')
		parser->at++;
	return parser->at > start;
}

static const char *json_read_number(struct json_parser *parser)
{
	size_t start = parser->at;

	if (json_peek(parser) == '-')
		parser->at++;
	if (json_peek(parser) == '0')
		parser->at++;
	else if (!json_skip_digits(parser))
		return "value expected";
	if (json_peek(parser) == '.') {
		parser->at++;
		if (!json_skip_digits(parser))
			return "digit expected";
	}
	if (json_peek(parser) == 'e' || json_peek(parser) == 'E') {
		parser->at++;
		if (json_peek(parser) == '+' || json_peek(parser) == '-')
			parser->at++;
		if (!json_skip_digits(parser))
			return "digit expected";
	}
	json_add(parser, JSON_NUMBER, start, parser->at - start);
	return NULL;
}

static const char *json_read_word(struct json_parser *parser)
{
	static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		if (parser->len - parser->at >= len && memcmp(parser->json->text + parser->at, words[i], len) == 0) {
			json_add(parser, (enum json_type)i, parser->at, len);
			parser->at += len;
			return NULL;
		}
	}
	return "value expected";
}

/* Reads a scalar, or opens an array or object. */
static const char *json_read_value(struct json_parser *parser)
{
	int byte = json_peek(parser);
	uint32_t around;

	if (byte == '"')
		return json_read_string(parser);
	if (byte == '-' || (byte >= '0' && byte <= '9'))
		return json_read_number(parser);
	if (byte != '[' && byte != '{')
		return byte < 0 ? "value expected, but the text ends" : json_read_word(parser);
	around = parser->open;
	parser->open = json_add(parser, byte == '[' ? JSON_ARRAY : JSON_OBJECT, parser->at, 0);
	parser->json->tokens[parser->open].next = around;
	parser->at++;
	return NULL;
}

static const char *json_read_key(struct json_parser *parser)
{
	const char *why;

	if (json_peek(parser) != '"')
		return "member name expected";
	if ((why = json_read_string(parser)))
		return why;
	json_pass_blanks(parser);
	if (json_peek(parser) != ':')
		return "':' expected";
	parser->at++;
	json_pass_blanks(parser);
	return NULL;
}

static void json_close(struct json_parser *parser)
{
	struct json_token *token = &parser->json->tokens[parser->open];

	parser->open = token->next;
	parser->at++;
	token->next = parser->json->count;
}

/* Inside an array or object: its end, or what comes before the next value. *more tells which. */
static const char *json_read_between(struct json_parser *parser, bool *more)
{
	struct json_token *token = &parser->json->tokens[parser->open];
	int end = token->type == JSON_ARRAY ? ']' : '}';

	json_pass_blanks(parser);
	*more = json_peek(parser) != end;
	if (!*more) {
		json_close(parser);
		return NULL;
	}
	if (token->count) {
		if (json_peek(parser) != ',')
			return end == ']' ? "',' or ']' expected" : "',' or '}' expected";
		parser->at++;
		json_pass_blanks(parser);
	}
	token->count++;
	return end == '}' ? json_read_key(parser) : NULL;
}

static const char *json_read_text(struct json_parser *parser)
{
	const char *why;
	bool more = true;

	json_pass_blanks(parser);
	do {
		if (parser->json->count > COUNT_MAX + parser->len / 8)
			return "too many values for a text of its size";
		if (more && (why = json_read_value(parser)))
			return why;
		if (parser->open != NONE && (why = json_read_between(parser, &more)))
			return why;
	} while (parser->open != NONE);
	json_pass_blanks(parser);
	return parser->at < parser->len ? "text behind the end" : NULL;
}

const char *json_parse(struct json *json, const char *text, size_t len)
{
	struct json_parser parser = { .json = json, .len = len, .open = NONE };
	const char *why;

	json->text = text;
	json->count = 0;
	json->error_at = 0;
	if (len > TEXT_MAX)
		return "text too large";
	why = json_read_text(&parser);
	json->error_at = (uint32_t)parser.at;
	return why;
}

void json_free(struct json *json)
{
	free(json->tokens);
	*json = (struct json){ 0 };
}

static unsigned json_hex4(const char *digits)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (unsigned)text_hex((unsigned char)digits[i]);
	return n;
}

/* Appends the character of an escape to out; `at` is behind the backslash. Returns the length of the escape. */
static size_t json_unescape(const char *at, const char *end, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned code, low;

	if (*at != 'u') {
		buf_add(out, &to[strchr(from, *at) - from], 1);
		return 1;
	}
	code = json_hex4(at + 1);
	if (code >= 0xd800 && code < 0xdc00 && end - at >= 11 && at[5] == '\\' && at[6] == 'u' &&
	    (low = json_hex4(at + 7)) >= 0xdc00 && low < 0xe000) {
		buf_utf8(out, 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00)));
		return 11;
	}
	buf_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
	return 5;
}

bool json_string(const struct json *json, uint32_t token, struct buf *out)
{
	const struct json_token *string = &json->tokens[token];
	const char *at = json->text + string->at, *end = at + string->len;

	if (string->type != JSON_STRING)
		return false;
	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));

		buf_add(out, at, (size_t)((escape ? escape : end) - at));
		if (!escape)
			break;
		at = escape + 1;
		at += json_unescape(at, end, out);
	}
	return true;
}

static bool json_key_is(const struct json *json, uint32_t token, struct slice key)
{
	struct slice raw = json_scalar(json, token);
	struct buf plain = { 0 };
	bool same;

	if (raw.len < key.len || (key.len && *raw.at != *key.at && *raw.at != '\\'))
		return false; /* most of them */
	if (!raw.len || !memchr(raw.at, '\\', raw.len))
		return raw.len == key.len && memcmp(raw.at, key.at, raw.len) == 0;
	json_string(json, token, &plain);
	same = plain.len == key.len && memcmp(plain.data, key.at, key.len) == 0;
	buf_free(&plain);
	return same;
}

uint32_t json_get(const struct json *json, uint32_t object, const char *key)
{
	struct slice name = slice_of(key);

	if (json->tokens[object].type != JSON_OBJECT)
		return 0;
	for (JSON_EACH(json, object, k))
		if (json_key_is(json, k, name))
			return k + 1;
	return 0;
}

bool json_integer(const struct json *json, uint32_t token, long min, long max, long *out)
{
	const struct json_token *t = &json->tokens[token];

	return t->type == JSON_NUMBER && !text_number(json_scalar(json, token), min, max, out);
}
