/* json: a strict reader (RFC 8259) in linear time. The result is an array of tokens in the order of the document, which
 * point into the caller's text; nothing is copied. Values may nest as deeply as they like: recurse into them with care. */
#ifndef JSON_H
#define JSON_H

#include "base.h"
#include "text.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Small, since a text may have one for every two bytes. */
struct json_token {
	uint32_t at; /* where it begins in the text; a string behind its quote, still escaped */
	union {
		uint32_t len;  /* of a scalar: its bytes */
		uint32_t next; /* of an array or object: index of the first token behind it and all inside it; see json_next() */
	};
	uint32_t count : 29; /* elements of an array, members of an object (each a string token, then its value) */
	enum json_type type : 3;
};

struct json {
	const char *text; /* borrowed */
	struct json_token *tokens;
	uint32_t count;
	size_t cap;
	uint32_t error_at; /* offset of the error */
};

/* Index of the first token behind this value and all inside it. */
static inline uint32_t json_next(const struct json *json, uint32_t token)
{
	return json->tokens[token].type >= JSON_ARRAY ? json->tokens[token].next : token + 1;
}

/* A scalar as it is written, a string without its quotes; nothing for an array or object. */
static inline struct slice json_scalar(const struct json *json, uint32_t token)
{
	const struct json_token *scalar = &json->tokens[token];

	return (struct slice){ json->text + scalar->at, scalar->type >= JSON_ARRAY ? 0 : scalar->len };
}

/* Reads the whole text. Returns NULL or the reason at error_at. Reuses the tokens of an earlier call; start with
 * {0}. Text over 1 GiB is refused, and one that is made of next to nothing but brackets, if it is large: tokens shall
 * not take a multiple of it. */
const char *json_parse(struct json *json, const char *text, size_t len);
void json_free(struct json *json);

/* Returns the token of a member's value; 0 when there is none, or `object` is not an object (the root, token 0, is
 * never a member). Of two equal keys the first counts. Keys are compared after unescaping. */
uint32_t json_get(const struct json *json, uint32_t object, const char *key);
/* Appends the string at `token`, unescaped, to out. A lone surrogate becomes U+FFFD. False, and nothing is appended,
 * when it is not a string. */
bool json_string(const struct json *json, uint32_t token, struct buf *out);
/* Sets *out and returns true when the value at `token` is an integer within min..max. */
bool json_integer(const struct json *json, uint32_t token, long min, long max, long *out);

/* For all who read JSON: past blanks; or past what stands for itself in a string, to a quote, backslash or control byte. */
const char *json_skip_blanks(const char *at, const char *end);
const char *json_skip_plain(const char *at, const char *end);

/* Walks the elements of an array, or the keys of an object: for (JSON_EACH(json, array, element)). The value of a key
 * is the token behind it, key + 1. A scalar has no elements. */
#define JSON_EACH(json, parent, token) \
	uint32_t token = (parent) + 1; token < json_next(json, parent); \
	token = json_next(json, (json)->tokens[parent].type == JSON_OBJECT ? token + 1 : token)

#endif
