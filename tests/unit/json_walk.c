/* Cases for json_walk.c: it reads what json.c reads, however the text is cut. */
#include "base.h"

#include <stdio.h>

#include "check.h"
#include "json_cases.h"
#include "../../json.c"
#include "../../json_walk.c"
#include "../../sys.c"
#include "../../text.c"

/* Puts each piece as NAME=VALUE; those of `split` in brackets. */
static struct buf got;
static const char *refusal; /* of the second piece */
static struct json_walk walk;

static const char *put_piece(void *arg, struct slice name, struct slice value)
{
	buf_puts(&got, walk.inside ? "(" : "");
	buf_add(&got, name.at, name.len);
	buf_puts(&got, name.at ? "=" : "");
	buf_add(&got, value.at, value.len);
	buf_puts(&got, walk.inside ? ") " : " ");
	return arg && walk.count == 2 ? arg : NULL;
}

/* Walks over copies that end where each part ends, so that a byte too far is seen. */
static const char *walk_cut(const char *text, size_t len, size_t part, size_t first)
{
	walk.take = put_piece;
	walk.arg = (void *)refusal;
	json_walk_start(&walk);
	got.len = 0;
	buf_puts(&got, "");
	for (size_t at = 0, n; at < len; at += n) {
		char *copy;

		n = at == 0 && first ? first : part;
		n = n < len - at ? n : len - at;
		copy = malloc(n);
		memcpy(copy, text + at, n);
		json_walk_add(&walk, copy, n);
		free(copy);
	}
	return json_walk_end(&walk);
}

/* Each text whole, byte by byte, and cut in two at every byte. */
static void both_ways(const char *text, size_t len, const char *want, bool fine)
{
	for (size_t cut = 0; cut <= len + 1; cut++) {
		const char *why = walk_cut(text, len, cut > len ? 1 : len, cut > len ? 0 : cut);

		check(!why == fine, why ? why : "accepted", text);
		check(!fine || !want || strcmp(got.data, want) == 0, got.data, text);
	}
}

static void shared_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
		both_ways(accepted[i].text, strlen(accepted[i].text), NULL, true);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		both_ways(refused[i].text, refused[i].len, NULL, false);
}

static const struct {
	const char *text, *want;
} pieces[] = {
	{ "[]", "" }, { " { } ", "" }, { "7", "" }, { "\"a\"", "" }, { "[1]", "1 " },
	{ "[ 1 , -2.5e+3,\"x\", null ]", "1 -2.5e+3 \"x\" null " },
	{ "[[],{},[[1],2],{\"a\":[3]}]", "[] {} [[1],2] {\"a\":[3]} " },
	{ "[\n    {\n        \"Node\": \"a\\\"b\"\n    },\n    true\n]", "{\n        \"Node\": \"a\\\"b\"\n    } true " },
	{ "{\"a\":1,\"b\" : [ 1, 2 ] , \"\":{},\"c\\u0041\":\"]}\"}", "a=1 b=[ 1, 2 ] ={} c\\u0041=\"]}\" " },
	{ "{\"s\":[1,{\"s\":[2]},[3]],\"t\":4}", "(s=1) (s={\"s\":[2]}) (s=[3]) t=4 " },
	{ "{\"t\":[1],\"s\":[ ],\"s\":[5],\"u\":[6]}", "t=[1] (s=5) u=[6] " },
	{ "{\"s\":null,\"s\":{\"s\":[1]}}", "s=null s={\"s\":[1]} " }, { "[{\"s\":[1]},[2]]", "{\"s\":[1]} [2] " },
	{ "{\"ss\":[1],\"\":[2],\"x\":{\"s\":[3]}}", "ss=[1] =[2] x={\"s\":[3]} " },
	{ "[\"0123456789abcdef0123456789abcdef\\n\",\"\303\251\303\251\303\251\303\251\303\251\303\251\"]",
	  "\"0123456789abcdef0123456789abcdef\\n\" \"\303\251\303\251\303\251\303\251\303\251\303\251\" " },
};

static void piece_cases(void)
{
	walk.split = "s";
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		both_ways(pieces[i].text, strlen(pieces[i].text), pieces[i].want, true);
	walk.split = NULL;
	both_ways("{\"s\":[1]}", 9, "s=[1] ", true);
	/* What was complete has been yielded when the rest is wrong. */
	check(walk_cut("[1,2,3", 6, 2, 0) && strcmp(got.data, "1 2 ") == 0, got.data, "cut short");
	check(walk_cut("[1,2}", 5, 2, 0) && strcmp(got.data, "1 2 ") == 0, got.data, "a wrong end");
	check(!walk_cut("[1,2]", 5, 2, 0) && walk.root == JSON_ARRAY && walk.count == 2, "root and count", "[1,2]");
	check(!walk_cut("{\"a\":2}", 7, 2, 0) && walk.root == JSON_OBJECT && walk.count == 1, "root and count", "{\"a\":2}");
	check(!walk_cut("7", 1, 1, 0) && walk.root == JSON_NULL && walk.count == 0, "root and count", "7");
	refusal = "not this one";
	check(walk_cut("[1,2,3]", 7, 7, 0) == refusal && strcmp(got.data, "1 2 ") == 0, got.data, "refused by its taker");
	refusal = NULL;
}

/* A control byte, quote or backslash is seen at each place of a word. */
static void word_cases(void)
{
	for (size_t at = 0; at < 20; at++)
		for (int byte = 1; byte < 256; byte++) {
			char text[] = "[\"aaaaaaaaaaaaaaaaaaaa\\\\\"]";
			bool fine = byte >= 0x20 && byte != '"' && byte != '\\';

			text[2 + at] = (char)byte;
			check(!walk_cut(text, strlen(text), 99, 0) == fine, "a byte in a string", text);
		}
}

static bool is_read(const char *text, size_t len)
{
	return !walk_cut(text, len, 1000, 0);
}

static void string_cases(void)
{
	static const struct {
		const char *text, *want, *rest;
	} cases[] = {
		{ "[]", "", "]" }, { "[ ]", "", "]" }, { "[\"a\", \"\" ,\"\\\\\",\"b\\\"\"]", "a||\\\\|b\\\"|", "]" },
		{ "[\"a\",7,\"b\"]", "a|", "7,\"b\"]" }, { "null", "", "null" }, { "[[\"a\"]]", "", "[\"a\"]]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice rest = slice_of(cases[i].text), string;

		got.len = 0;
		buf_puts(&got, "");
		while (json_walk_string(&rest, &string)) {
			buf_add(&got, string.at, string.len);
			buf_puts(&got, "|");
		}
		check(strcmp(got.data, cases[i].want) == 0 && slice_is(rest, cases[i].rest), got.data, cases[i].text);
	}
}

int main(void)
{
	shared_cases();
	piece_cases();
	word_cases();
	depth_cases(is_read);
	string_cases();
	json_walk_free(&walk);
	buf_free(&got);
	return check_sum();
}
