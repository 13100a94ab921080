/* Cases for json.c. */
#include "base.h"

#include <stdio.h>

#include "check.h"
#include "json_cases.h"
#include "../../json.c"
#include "../../sys.c"
#include "../../text.c"

/* Parses a copy that ends where the text ends, so that a byte too far is seen. */
static const char *parse(struct json *j, char **copy, const char *text, size_t len)
{
	*copy = malloc(len ? len : 1);
	memcpy(*copy, text, len);
	return json_parse(j, *copy, len);
}

/* The whole tree in the shortest spelling, out of the tokens alone. */
static void print(struct buf *out, const struct json *j, uint32_t t)
{
	const struct json_token *token = &j->tokens[t];
	bool object = token->type == JSON_OBJECT;
	struct buf text = { 0 };
	uint32_t n = 0;

	if (object || token->type == JSON_ARRAY) {
		buf_puts(out, object ? "{" : "[");
		for (JSON_EACH(j, t, e)) {
			buf_puts(out, n++ ? "," : "");
			print(out, j, e);
			if (object) {
				buf_puts(out, ":");
				print(out, j, e + 1);
			}
		}
		buf_puts(out, object ? "}" : "]");
		check(n == token->count, "count", j->text);
	} else if (token->type == JSON_STRING) {
		check(json_string(j, t, &text), "json_string", j->text);
		buf_json(out, text.data, text.len);
	} else {
		buf_add(out, j->text + token->at, token->len);
	}
	buf_free(&text);
}

static void accept_cases(void)
{
	struct json j = { 0 }; /* one for all: its tokens are used again */

	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct buf got = { 0 };
		char *copy;
		const char *why = parse(&j, &copy, accepted[i].text, strlen(accepted[i].text));

		check(!why, why ? why : "accepted", accepted[i].text);
		if (!why) {
			struct buf text = { 0 }; /* print() shows it */

			buf_puts(&text, accepted[i].text);
			j.text = text.data;
			print(&got, &j, 0);
			check(strcmp(got.data, accepted[i].want) == 0, got.data, accepted[i].text);
			check(json_next(&j, 0) == j.count, "next of the root", accepted[i].text);
			buf_free(&text);
		}
		free(copy);
		buf_free(&got);
	}
	json_free(&j);
	check(!j.tokens && !j.count, "json_free", "");
}

static void refuse_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct json j = { 0 };
		char *copy;
		const char *why = parse(&j, &copy, refused[i].text, refused[i].len);

		check(why, "refused", refused[i].text);
		check(j.error_at == refused[i].at, "error_at", refused[i].text);
		if (j.error_at != refused[i].at)
			printf("  is %u, not %u: %s\n", (unsigned)j.error_at, refused[i].at, why ? why : "");
		free(copy);
		json_free(&j);
	}
}

static bool is_read(const char *text, size_t len)
{
	struct json j = { 0 };
	bool ok = !json_parse(&j, text, len);

	json_free(&j);
	return ok;
}

/* How many values a text may have: a million, and one more for 8 bytes. */
static void count_cases(void)
{
	static const struct {
		const char *part;
		size_t times, values; /* what must have been taken */
	} cases[] = { { "[", 16 << 20, 3097153 }, { "[0,", 1 << 23, 4145729 }, { "{\"\":", 1 << 22, 3097153 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text = { 0 };
		struct json j = { 0 };
		const char *why;

		for (size_t n = 0; n < cases[i].times; n++)
			buf_puts(&text, cases[i].part);
		why = json_parse(&j, text.data, text.len);
		check(why && strcmp(why, "too many values for a text of its size") == 0, why ? why : "accepted", cases[i].part);
		check(j.count >= cases[i].values && j.count <= cases[i].values + 2, "it stops there", cases[i].part);
		text.len = 0;
		buf_puts(&text, "[1");
		for (int n = 0; n < 999990; n++)
			buf_puts(&text, ",1");
		buf_puts(&text, "]");
		check(!json_parse(&j, text.data, text.len) && j.count == 999992, "a million", cases[i].part);
		buf_free(&text);
		json_free(&j);
	}
}

static void access_cases(void)
{
	static const char text[] =
		"{\"a\": 1, \"b\\u0041\": [10, -5, 1.0, \"1\", 4294967376], \"c\": {\"a\": \"x\"}, \"a\": 2, \"\": null}";
	struct json j = { 0 };
	struct buf out = { 0 };
	uint32_t b, c;
	long n = 7;

	check(!json_parse(&j, text, strlen(text)), "parse", text);
	check(j.tokens[0].count == 5 && j.tokens[0].at == 0 && json_next(&j, 0) == j.count, "root", text);
	check(json_get(&j, 0, "a") && j.text[j.tokens[json_get(&j, 0, "a")].at] == '1', "the first of two", text);
	check(json_get(&j, 0, ""), "empty name", text);
	check(j.tokens[json_get(&j, 0, "")].type == JSON_NULL, "null", text);
	check(!json_get(&j, 0, "x") && !json_get(&j, 0, "b") && !json_get(&j, 0, "bAx"), "no such member", text);
	b = json_get(&j, 0, "bA");
	c = json_get(&j, 0, "c");
	check(b && j.tokens[b].type == JSON_ARRAY && j.tokens[b].count == 5, "an escaped name", text);
	check(!json_get(&j, b, "a") && !json_get(&j, b + 1, "a"), "members of no object", text);
	check(c && json_get(&j, c, "a") && j.tokens[json_get(&j, c, "a")].type == JSON_STRING, "nested", text);
	check(json_integer(&j, b + 1, 0, 10, &n) && n == 10, "upper end", text);
	check(json_integer(&j, b + 2, -5, 10, &n) && n == -5, "lower end", text);
	n = 7;
	check(!json_integer(&j, b + 1, 0, 9, &n) && !json_integer(&j, b + 1, 11, 20, &n), "out of range", text);
	check(!json_integer(&j, b + 3, 0, 10, &n) && !json_integer(&j, b + 4, 0, 10, &n), "no integer", text);
	check(!json_integer(&j, b + 5, 0, 65535, &n) && n == 7, "4294967376 is not 80", text);
	buf_puts(&out, "<");
	check(json_string(&j, json_get(&j, c, "a"), &out) && strcmp(out.data, "<x") == 0, "appended", text);
	check(!json_string(&j, b, &out) && strcmp(out.data, "<x") == 0, "no string", text);
	buf_free(&out);
	json_free(&j);
}

int main(void)
{
	accept_cases();
	refuse_cases();
	depth_cases(is_read);
	count_cases();
	access_cases();
	return check_sum();
}
