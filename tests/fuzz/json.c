/* libFuzzer target for json.c and json_walk.c: every token of what parses stays inside the text, and every accessor takes
 * it. However the text is cut, the walk takes the same texts, and yields their pieces. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "json_walk.h"

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

/* What the walk must yield next, of what json.c has read. */
struct expected {
	const struct json *json;
	const struct json_walk *walk;
	uint32_t key; /* of the root, in an object; 0: none */
	uint32_t value;
};

static bool is_split(const struct json *j, uint32_t key)
{
	return slice_is(json_scalar(j, key), "s") && j->tokens[key + 1].type == JSON_ARRAY;
}

/* Goes on to the next piece, over arrays that are taken apart. */
static void expected_settle(struct expected *e)
{
	const struct json *j = e->json;

	while (j->tokens[0].type == JSON_OBJECT && e->value >= (e->key ? json_next(j, e->key + 1) : 1)) {
		e->key = e->key ? json_next(j, e->key + 1) : 1;
		if (e->key >= j->count)
			break;
		e->value = is_split(j, e->key) ? e->key + 2 : e->key + 1;
	}
}

static const char *expected_take(void *arg, struct slice name, struct slice value)
{
	struct expected *e = arg;
	const struct json *j = e->json;
	const struct json_token *token;
	struct json again = { 0 };

	expected_settle(e);
	MUST(e->value < j->count);
	token = &j->tokens[e->value];
	MUST(!name.at == !e->key && e->walk->inside == (e->key && is_split(j, e->key)));
	MUST(!e->key || (name.len == json_scalar(j, e->key).len && memcmp(name.at, json_scalar(j, e->key).at, name.len) == 0));
	MUST(memcmp(value.at, j->text + token->at - (token->type == JSON_STRING), value.len) == 0);
	MUST(!json_parse(&again, value.at, value.len) && again.count == json_next(j, e->value) - e->value);
	json_free(&again);
	e->value = json_next(j, e->value);
	return NULL;
}

static const char *ignore(void *arg, struct slice name, struct slice value)
{
	(void)arg, (void)name, (void)value;
	return NULL;
}

static void check_walk(const struct json *j, const char *why, const char *text, size_t size, size_t part)
{
	struct expected expected = { .json = j, .value = 1 };
	struct json_walk walk = { .take = why ? ignore : expected_take, .arg = &expected, .split = "s" };

	expected.walk = &walk;
	json_walk_start(&walk);
	for (size_t at = 0; at < size; at += part) {
		size_t len = size - at < part ? size - at : part;
		char *copy = malloc(len); /* so that a byte too far is seen */

		memcpy(copy, text + at, len);
		json_walk_add(&walk, copy, len);
		free(copy);
	}
	MUST(!json_walk_end(&walk) == !why);
	if (!why) {
		expected_settle(&expected);
		MUST(expected.value >= j->count);
		MUST(walk.root == (j->tokens[0].type < JSON_ARRAY ? JSON_NULL : j->tokens[0].type));
	}
	json_walk_free(&walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json j = { 0 };
	const char *why = json_parse(&j, (const char *)data, size);

	check_walk(&j, why, (const char *)data, size, size + 1);
	check_walk(&j, why, (const char *)data, size, size ? 1 + data[0] % 11 : 1);
	if (why) {
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
