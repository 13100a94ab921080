/* json: a strict, linear reader (RFC 8259). The answer is an array of tokens in document order that point into the
 * caller's text; nothing is copied. */
#ifndef JSON_H
#define JSON_H

#include "base.h"
#include "text.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_DEPTH_MAX 64

struct json_token {
	uint32_t at, len; /* its bytes in the text; of a string, those between the quotes, still escaped */
	uint32_t next;    /* index of the first token behind this value and all inside it */
	uint32_t count;   /* elements of an array, members of an object (each a string token, then its value) */
	enum json_type type;
};

struct json {
	const char *text; /* borrowed */
	struct json_token *tokens;
	uint32_t count, cap;
	uint32_t error_at; /* offset of what is wrong */
};

/* Reads the whole text. Returns NULL, or what is wrong at error_at. Reuses the tokens of an earlier call; start with
 * {0}. Text over 4 GiB is refused. */
const char *json_parse(struct json *json, const char *text, size_t len);
void json_free(struct json *json);

/* Value of an object's member, 0 when there is none (the root is never a member) or `object` is no object. Of a key
 * that is given twice the first counts. Keys are compared after unescaping. */
uint32_t json_get(const struct json *json, uint32_t object, const char *key);
/* Appends the string at `token`, unescaped, to out. False, and nothing appended, when it is no string. A lone
 * surrogate becomes U+FFFD. */
bool json_string(const struct json *json, uint32_t token, struct buf *out);
/* The number at `token` when it is an integer within min..max. */
bool json_integer(const struct json *json, uint32_t token, long min, long max, long *out);

/* Walks an array's elements or an object's keys: for (t = first; t < end; t = json_after(j, t)). The value of the key
 * token k is k + 1. */
#define JSON_EACH(j, parent, t) \
	uint32_t t = (parent) + 1; t < (j)->tokens[parent].next; \
	t = (j)->tokens[(j)->tokens[parent].type == JSON_OBJECT ? t + 1 : t].next

#endif
