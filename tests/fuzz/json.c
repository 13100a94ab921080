/* libFuzzer target for json.c: every token of what parses stays inside the text, and every accessor takes it. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static void check_token(const struct json *j, uint32_t t, size_t size)
{
	const struct json_token *token = &j->tokens[t];
	struct buf plain = { 0 };
	uint32_t members = 0;
	long n;

	MUST((size_t)token->at + json_scalar(j, t).len <= size && json_next(j, t) > t && json_next(j, t) <= j->count);
	MUST(json_string(j, t, &plain) == (token->type == JSON_STRING));
	json_integer(j, t, -1000, 1000, &n);
	if (token->type == JSON_ARRAY || token->type == JSON_OBJECT) {
		for (JSON_EACH(j, t, e)) {
			MUST(e < json_next(j, t) && j->tokens[e].at > token->at);
			members++;
		}
		MUST(members == token->count);
	} else {
		MUST(json_next(j, t) == t + 1);
	}
	if (token->type == JSON_OBJECT && token->count) {
		buf_add(&plain, "", 0); /* an empty name leaves no data else */
		MUST(json_string(j, t + 1, &plain));
		MUST(strlen(plain.data) < plain.len || json_get(j, t, plain.data) == t + 2);
	}
	buf_free(&plain);
}

/* What json.c reads back from what buf_json() has written is the same, unless it was no UTF-8. */
static void check_writer(const char *text, size_t size)
{
	struct json j = { 0 };
	struct buf out = { 0 }, back = { 0 };

	buf_json(&out, text, size);
	MUST(!json_parse(&j, out.data, out.len) && j.count == 1 && json_string(&j, 0, &back));
	MUST(strstr(out.data, "\\ufffd") || (back.len == size && (!size || memcmp(back.data, text, size) == 0)));
	buf_free(&out);
	buf_free(&back);
	json_free(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json j = { 0 };

	if (json_parse(&j, (const char *)data, size)) {
		MUST(j.error_at <= size);
	} else {
		MUST(j.count && json_next(&j, 0) == j.count);
		for (uint32_t t = 0; t < j.count; t++)
			check_token(&j, t, size);
	}
	json_free(&j);
	check_writer((const char *)data, size);
	return 0;
}
