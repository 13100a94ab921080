/* Texts in the spirit of RFC 8259: what all who read JSON must take, what they must refuse, and where. */
#ifndef JSON_CASES_H
#define JSON_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "check.h"
#include "../../text.h"

static const struct {
	const char *text, *want;
} accepted[] = {
	{ "{}", "{}" }, { "[]", "[]" }, { "0", "0" }, { "\"\"", "\"\"" }, { "true", "true" }, { "false", "false" },
	{ "null", "null" }, { " \t\r\n1 \t\r\n", "1" }, { "[ ]", "[]" }, { "{ }", "{}" }, { "[[]   ]", "[[]]" },
	{ "[1,2]", "[1,2]" }, { "[ 1 , 2 ]", "[1,2]" }, { "[null,1,\"1\",{}]", "[null,1,\"1\",{}]" },
	{ "{\"a\":1}", "{\"a\":1}" }, { "{ \"a\" : 1 , \"b\" : [ ] }", "{\"a\":1,\"b\":[]}" },
	{ "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}" }, { "{\"\":0}", "{\"\":0}" },
	{ "{\"a\":{\"b\":[{\"c\":{}}]}}", "{\"a\":{\"b\":[{\"c\":{}}]}}" },
	{ "-0", "-0" }, { "-1", "-1" }, { "10", "10" }, { "0.5", "0.5" }, { "-0.0", "-0.0" }, { "1e5", "1e5" },
	{ "1E+5", "1E+5" }, { "1e-05", "1e-05" }, { "0e1", "0e1" }, { "123.456e78", "123.456e78" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
	{ "\"\\\"\\\\\\/\"", "\"\\\"\\\\/\"" }, { "\"\\b\\f\\n\\r\\t\"", "\"\\u0008\\u000c\\u000a\\u000d\\u0009\"" },
	{ "\"\\u0041\\u00e9\\u20AC\"", "\"A\303\251\342\202\254\"" }, { "\"\\u0000\"", "\"\\u0000\"" },
	{ "\"\\ud83d\\ude00\"", "\"\360\237\230\200\"" }, { "\"\\uD834\\uDD1E\"", "\"\360\235\204\236\"" },
	{ "\"\\udbff\\udfff\"", "\"\364\217\277\277\"" }, { "\"\\ud800\"", "\"\357\277\275\"" },
	{ "\"\\udc00\"", "\"\357\277\275\"" }, { "\"\\ud800x\"", "\"\357\277\275x\"" },
	{ "\"\\ud800\\u0041\"", "\"\357\277\275A\"" }, { "\"\\ud800\\n\"", "\"\357\277\275\\u000a\"" },
	{ "\"\\ud800\\ud83d\\ude00\"", "\"\357\277\275\360\237\230\200\"" },
	{ "\"\\ude00\\ud83d\"", "\"\357\277\275\357\277\275\"" }, { "\"\\\\u0041\"", "\"\\\\u0041\"" },
	{ "\"\303\251\360\237\230\200\"", "\"\303\251\360\237\230\200\"" }, { "\"\177\"", "\"\\u007f\"" },
	{ "\" { } [ ] : , \"", "\" { } [ ] : , \"" }, { "[\"a\",\"\\u005C\"]", "[\"a\",\"\\\\\"]" },
};

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	unsigned at; /* offset of the error */
} refused[] = {
	{ TEXT(""), 0 }, { TEXT("  "), 2 }, { TEXT("\357\273\277{}"), 0 }, { TEXT("\0"), 0 }, { TEXT("1\0"), 1 },
	{ TEXT("[1\0]"), 2 }, { TEXT("\"a\0b\""), 2 },
	/* structure */
	{ TEXT("["), 1 }, { TEXT("]"), 0 }, { TEXT("{"), 1 }, { TEXT("}"), 0 }, { TEXT("[1"), 2 }, { TEXT("[1,"), 3 },
	{ TEXT("[,1]"), 1 }, { TEXT("[1,]"), 3 }, { TEXT("[1,,2]"), 3 }, { TEXT("[1 2]"), 3 }, { TEXT("[1:2]"), 2 },
	{ TEXT("[1}"), 2 }, { TEXT("{]"), 1 }, { TEXT("[]]"), 2 }, { TEXT("{}}"), 2 }, { TEXT("[] []"), 3 },
	{ TEXT("1 2"), 2 }, { TEXT("{\"a\"}"), 4 }, { TEXT("{\"a\":}"), 5 }, { TEXT("{\"a\":1,}"), 7 },
	{ TEXT("{,\"a\":1}"), 1 }, { TEXT("{\"a\" 1}"), 5 }, { TEXT("{\"a\":1 \"b\":2}"), 7 }, { TEXT("{\"a\"::1}"), 5 },
	{ TEXT("{1:1}"), 1 }, { TEXT("{a:1}"), 1 }, { TEXT("{'a':1}"), 1 }, { TEXT("{null:1}"), 1 },
	{ TEXT("{\"a\":1"), 6 }, { TEXT("{\"a\":"), 5 }, { TEXT("{\"a\""), 4 }, { TEXT("{\"a"), 3 },
	{ TEXT("[{}"), 3 }, { TEXT("[{\"a\":1]"), 7 },
	/* words */
	{ TEXT("nul"), 0 }, { TEXT("True"), 0 }, { TEXT("nullx"), 4 }, { TEXT("truefalse"), 4 }, { TEXT("undefined"), 0 },
	{ TEXT("NaN"), 0 }, { TEXT("Infinity"), 0 }, { TEXT("-Infinity"), 1 },
	/* numbers */
	{ TEXT("01"), 1 }, { TEXT("-01"), 2 }, { TEXT("+1"), 0 }, { TEXT(".5"), 0 }, { TEXT("1."), 2 }, { TEXT("1.e5"), 2 },
	{ TEXT("-"), 1 }, { TEXT("--1"), 1 }, { TEXT("1e"), 2 }, { TEXT("1e+"), 3 }, { TEXT("1e1.5"), 3 }, { TEXT("0x10"), 1 },
	{ TEXT("1_000"), 1 }, { TEXT("1,"), 1 }, { TEXT("-.5"), 1 }, { TEXT("1 .5"), 2 }, { TEXT("\357\274\221"), 0 },
	/* strings */
	{ TEXT("\""), 1 }, { TEXT("\"a"), 2 }, { TEXT("\"\\"), 2 }, { TEXT("\"\\\""), 3 }, { TEXT("\"\\x41\""), 2 },
	{ TEXT("\"\\'\""), 2 }, { TEXT("\"\\a\""), 2 }, { TEXT("\"\\\n\""), 2 }, { TEXT("\"\\\0\""), 2 }, { TEXT("\"\\U0041\""), 2 },
	{ TEXT("\"\\u\""), 3 }, { TEXT("\"\\u004\""), 6 }, { TEXT("\"\\u00g0\""), 5 }, { TEXT("\"\\u004"), 6 },
	{ TEXT("\"\n\""), 1 }, { TEXT("\"\t\""), 1 }, { TEXT("\"\037\""), 1 }, { TEXT("'a'"), 0 }, { TEXT("a"), 0 },
	{ TEXT("\"a\"\"b\""), 3 },
	/* blanks and comments */
	{ TEXT("\f1"), 0 }, { TEXT("\v1"), 0 }, { TEXT("\302\2401"), 0 }, { TEXT("[1]\342\200\250"), 3 },
	{ TEXT("1 // c"), 2 }, { TEXT("/* c */ 1"), 0 }, { TEXT("# c\n1"), 0 },
};

/* Depth. */

static inline bool depth_is_read(bool (*reads)(const char *text, size_t len), unsigned levels, const char *open,
                                 const char *core, const char *close)
{
	struct buf text = { 0 };
	bool ok;

	for (unsigned i = 0; i < levels; i++)
		buf_puts(&text, open);
	buf_puts(&text, core);
	for (unsigned i = 0; i < levels; i++)
		buf_puts(&text, close);
	ok = reads(text.data, text.len);
	buf_free(&text);
	return ok;
}

static inline void depth_cases(bool (*reads)(const char *text, size_t len))
{
	for (unsigned levels = 60; levels < 70; levels++)
		check(depth_is_read(reads, levels, "[", "", "]") && depth_is_read(reads, levels, "{\"\":", "1", "}"), "depth", "about 64");
	check(depth_is_read(reads, 1000000, "[", "", "]"), "depth", "a million arrays");
	check(depth_is_read(reads, 400000, "[{\"a\":", "1", "}]"), "depth", "400,000 of both");
	check(depth_is_read(reads, 100000, "[1,{\"b\":[],\"a\":", "1", ",\"c\":2}]"), "depth", "with values around");
	check(!depth_is_read(reads, 100000, "[{\"a\":", "1", "]}"), "depth", "closed in the wrong order");
	check(!depth_is_read(reads, 100000, "[", "1", "]]"), "depth", "closed too often");
	check(!depth_is_read(reads, 100000, "[[", "1", "]"), "depth", "not closed");
}

#endif
