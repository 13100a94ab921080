/* Cases for option.c: each type of value, with what it takes and what it says to the rest, and how it is written again. */
#include "base.h"

#include <limits.h>

#include "check.h"
#include "../../option.c"

struct values {
	const char *text;
	long number;
	int64_t duration;
	bool on;
	struct option_labels labels;
	struct bind_table bind;
};

static const char *no_x(const char *value)
{
	return strchr(value, 'x') ? "has an x" : NULL;
}

static const char *const words[] = { "red", "green", NULL };

enum { TEXT, CHECKED, WORDS, SECRET, ADDRESS, NETWORKS, NAMES, NUMBER, NEGATIVE, PORT, WORD, DURATION, ANY_DURATION, SWITCH, LABELS, BIND };

#define AT(field) offsetof(struct values, field)
static const struct option rows[] = {
	[TEXT] = { .key = "text", .type = OPTION_TEXT, .at = AT(text) },
	[CHECKED] = { .key = "checked", .type = OPTION_TEXT, .at = AT(text), .check = no_x },
	[WORDS] = { .key = "words", .type = OPTION_TEXT, .at = AT(text), .words = words, .help = "red or green" },
	[SECRET] = { .key = "secret", .type = OPTION_SECRET, .at = AT(text) },
	[ADDRESS] = { .key = "address", .type = OPTION_ADDRESS, .at = AT(text) },
	[NETWORKS] = { .key = "networks", .type = OPTION_NETWORKS, .at = AT(text) },
	[NAMES] = { .key = "names", .type = OPTION_NAMES, .at = AT(text) },
	[NUMBER] = { .key = "number", .type = OPTION_NUMBER, .at = AT(number), .min = 1, .max = 10 },
	[NEGATIVE] = { .key = "negative", .type = OPTION_NUMBER, .at = AT(number), .min = -5, .max = INT32_MAX },
	[PORT] = { .key = "port", .type = OPTION_PORT, .at = AT(number), .max = 65535 },
	[WORD] = { .key = "word", .type = OPTION_WORD, .at = AT(number), .words = words, .help = "red or green" },
	[DURATION] = { .key = "duration", .type = OPTION_DURATION, .at = AT(duration), .min = 10, .max = 60000 },
	[ANY_DURATION] = { .key = "any_duration", .type = OPTION_DURATION, .at = AT(duration) },
	[SWITCH] = { .key = "switch", .type = OPTION_SWITCH, .at = AT(on) },
	[LABELS] = { .key = "labels", .type = OPTION_LABELS, .at = AT(labels) },
	[BIND] = { .key = "bind", .type = OPTION_BIND, .at = AT(bind) },
};

#define OCTAL "has a leading zero, which some programs read as octal"
#define NO_NAMES "is not a list of host names, without ports and wildcards"
#define HIDDEN "has an invisible character (\\xNN)"

/* want: how the value is written again, when it is fine. */
static const struct {
	int row;
	const char *value, *want, *why;
} cases[] = {
	{ TEXT, "a b = c", "a b = c", NULL }, { TEXT, "", "", NULL }, { TEXT, "\xc3\xa9", "\xc3\xa9", NULL },
	{ TEXT, "a\tb", NULL, "has a control character" }, { TEXT, "a\x7f", NULL, "has a control character" },
	{ CHECKED, "abc", "abc", NULL }, { CHECKED, "axc", NULL, "has an x" }, { CHECKED, "", "", NULL },
	{ WORDS, "green", "green", NULL }, { WORDS, "GREEN", "GREEN", NULL }, { WORDS, "blue", NULL, "is not one of red or green" },
	{ SECRET, "s3cret!", "s3cret!", NULL }, { SECRET, "a\nb", NULL, "has a control character" },
	{ ADDRESS, "", "", NULL }, { ADDRESS, "127.0.0.1:80", "127.0.0.1:80", NULL }, { ADDRESS, ":80", ":80", NULL },
	{ ADDRESS, "[::1]:80", "[::1]:80", NULL }, { ADDRESS, "localhost:80", "localhost:80", NULL },
	{ ADDRESS, "nowhere:80", NULL, "has no IP address before its port" }, { ADDRESS, "127.0.0.1", NULL, "is not host:port" },
	{ ADDRESS, "127.0.0.1:0", NULL, "has a port out of range (1-65535)" },
	{ ADDRESS, ":1,:2", NULL, "is a list: one host:port expected" }, { ADDRESS, ":08080", ":08080", NULL },
	/* A number of its own with a leading zero: YAML 1.1 reads 010 as eight. One with a unit is text everywhere. */
	{ NUMBER, "07", NULL, OCTAL }, { NUMBER, "00", NULL, OCTAL }, { PORT, "02000", NULL, OCTAL }, { DURATION, "010", NULL, OCTAL },
	{ PORT, "099999", NULL, OCTAL }, { PORT, "0x50", NULL, "is not a port (0-65535)" }, { PORT, "0o17", NULL, "is not a port (0-65535)" },
	{ PORT, "1_000", NULL, "is not a port (0-65535)" }, { DURATION, "05s", "5s", NULL }, { ANY_DURATION, "1m05s", "1m5s", NULL }, { DURATION, "0.5", "500ms", NULL },
	{ TEXT, "007", "007", NULL }, { NETWORKS, "10.0.0.0/08", "10.0.0.0/08", NULL },
	/* What cannot be seen; within a text it may be meant. */
	{ PORT, "80\302\240", NULL, HIDDEN }, { DURATION, "\342\200\2135s", NULL, HIDDEN }, { WORD, "red\357\273\277", NULL, HIDDEN },
	{ ADDRESS, ":80\342\200\217", NULL, HIDDEN }, { NETWORKS, "::1\302\255", NULL, HIDDEN }, { SWITCH, "on\302\240", NULL, HIDDEN },
	{ SECRET, "a\302\240b", NULL, HIDDEN }, { TEXT, "a\343\200\200b", "a\343\200\200b", NULL }, { TEXT, "ab\302\240", NULL, HIDDEN },
	{ TEXT, "\302\240", NULL, HIDDEN }, { TEXT, "a\302\240b", "a\302\240b", NULL }, { LABELS, "a=127.0.0.1\302\240", NULL, HIDDEN },
	{ ADDRESS, "::1:80", NULL, "needs brackets around its IPv6 address, like [::1]:80" },
	{ NETWORKS, "", "", NULL }, { NETWORKS, "10.0.0.0/8,::1", "10.0.0.0/8,::1", NULL },
	{ NETWORKS, ",", NULL, "names no network" },
	{ NAMES, "", "", NULL }, { NAMES, "dill", "dill", NULL }, { NAMES, "dill, Dill.Example.,", "dill, Dill.Example.,", NULL },
	{ NAMES, "dill:80", NULL, NO_NAMES }, { NAMES, "a,*.example", NULL, NO_NAMES }, { NAMES, "http://dill", NULL, NO_NAMES },
	{ NAMES, "a b", NULL, NO_NAMES }, { NAMES, "a/", NULL, NO_NAMES }, { NAMES, "u@a", NULL, NO_NAMES },
	{ NUMBER, "1", "1", NULL }, { NUMBER, "10", "10", NULL }, { NUMBER, "0", NULL, "is not a number from 1 to 10" },
	{ NUMBER, "11", NULL, "is not a number from 1 to 10" }, { NUMBER, "", NULL, "is not a number from 1 to 10" },
	{ NUMBER, "1.5", NULL, "is not a number from 1 to 10" }, { NUMBER, "4294967297", NULL, "is not a number from 1 to 10" },
	{ NEGATIVE, "-5", "-5", NULL }, { NEGATIVE, "2147483647", "2147483647", NULL },
	{ NEGATIVE, "-6", NULL, "is not a number from -5 to 2147483647" },
	{ PORT, "0", "0", NULL }, { PORT, "65535", "65535", NULL }, { PORT, "65536", NULL, "is not a port (0-65535)" },
	{ PORT, "http", NULL, "is not a port (0-65535)" }, { PORT, "-1", NULL, "is not a port (0-65535)" },
	{ WORD, "red", "red", NULL }, { WORD, "Green", "green", NULL }, { WORD, "gree", NULL, "is not one of red or green" },
	{ WORD, "", NULL, "is not one of red or green" },
	{ DURATION, "10ms", "10ms", NULL }, { DURATION, "1m", "1m", NULL }, { DURATION, "5", "5s", NULL },
	{ DURATION, "9ms", NULL, "is too short" }, { DURATION, "60001ms", NULL, "is too long" },
	{ DURATION, "soon", NULL, "is not a duration (like 250ms, 5s or 1m30s)" },
	{ ANY_DURATION, "0", "0s", NULL }, { ANY_DURATION, "90s", "1m30s", NULL }, { ANY_DURATION, "1h", "1h", NULL },
	{ SWITCH, "true", "true", NULL }, { SWITCH, "off", "false", NULL }, { SWITCH, "YES", "true", NULL },
	{ SWITCH, "0", "false", NULL }, { SWITCH, "maybe", NULL, "" }, { SWITCH, "", NULL, "" },
	{ LABELS, "", "", NULL }, { LABELS, "local=127.0.0.1", "local=127.0.0.1", NULL },
	{ LABELS, " a = 127.0.0.1 , , b=::1", "a=127.0.0.1,b=::1", NULL },
	{ LABELS, "a=127.0.0.1,a=127.0.0.2", "a=127.0.0.2", NULL },
	{ LABELS, "{\"a\": \"127.0.0.1\", \"b\": \"10.0.0.1\"}", "a=127.0.0.1,b=10.0.0.1", NULL },
	{ LABELS, "local", NULL, "is not a list like local=127.0.0.1,any=0.0.0.0" },
	{ LABELS, "=127.0.0.1", NULL, "has an empty label" }, { LABELS, "a=example.com", NULL, "is not an IP address" },
	{ LABELS, "a=", NULL, "is not an IP address" }, { LABELS, "{\"a\":", NULL, "is not a JSON object" },
	{ LABELS, "{\"a\": \"x\"}", NULL, "is not an IP address" },
	{ BIND, "", "", NULL }, { BIND, "a*=l:1-2;b=m:*", "a*=l:1-2; b=m:*", NULL }, { BIND, "a", NULL, "is not a list like "
	  "db-*=public:5432-5439,local:5432; *=local:8000-8999" }, { BIND, "a=l:1\302\240", NULL, HIDDEN },
};

static void set_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct values values = { .text = "" };
		struct arena memory = { 0 };
		struct buf got = { 0 };
		char value[64];
		const char *why;

		snprintf(value, sizeof value, "%s", cases[i].value);
		why = option_set(&rows[cases[i].row], &values, value, "here", &memory);
		memset(value, 'Z', sizeof value); /* texts have been copied */
		check(!why == !cases[i].why, why ? why : "accepted", cases[i].value);
		if (why && cases[i].why)
			check(*cases[i].why ? strcmp(why, cases[i].why) == 0 : *why, why, cases[i].value);
		buf_puts(&got, "");
		option_put(&rows[cases[i].row], &values, &got);
		check(why || strcmp(got.data, cases[i].want) == 0, got.data, cases[i].value);
		for (size_t k = 0; k < values.labels.count; k++)
			check(strcmp(values.labels.items[k].origin, "here") == 0, "the origin of a label", cases[i].value);
		buf_free(&got);
		arena_free(&memory);
	}
}

/* A list replaces what was there, a single label adds to it. */
static void label_cases(void)
{
	struct values values = { .text = "" };
	struct arena memory = { 0 };
	struct buf got = { 0 };

	option_set(&rows[LABELS], &values, "a=127.0.0.1,b=127.0.0.2", "first", &memory);
	option_set(&rows[LABELS], &values, "c=127.0.0.3", "second", &memory);
	check(!option_add_label(&values.labels, slice_of("d"), slice_of("::1"), "third", &memory), "a label", "d");
	check(!option_add_label(&values.labels, slice_of("c"), slice_of("127.0.0.9"), "fourth", &memory), "a label", "c");
	check(option_add_label(&values.labels, slice_of("c"), slice_of("127.0.0"), "x", &memory), "no address", "c");
	check(option_add_label(&values.labels, slice_of("c"), slice_of("127.0.0.1\302\240"), "x", &memory), "no address", "c");
	check(option_add_label(&values.labels, slice_of("c[0]"), slice_of("127.0.0.1"), "x", &memory), "in a list", "c[0]");
	check(option_add_label(&values.labels, slice_of(""), slice_of("127.0.0.1"), "x", &memory), "no label", "");
	option_put(&rows[LABELS], &values, &got);
	check(strcmp(got.data, "c=127.0.0.9,d=::1") == 0, got.data, "labels");
	check(strcmp(values.labels.items[0].origin, "fourth") == 0, values.labels.items[0].origin, "the last one counts");
	buf_free(&got);
	arena_free(&memory);
}

static void name_cases(void)
{
	struct option row = { .key = "a.b", .other = "c", .other_is = OPTION_FLAG };
	struct buf got = { 0 };

	check(option_is(&row, OPTION_FLAG, "c"), "the other name", "a flag");
	check(!option_is(&row, OPTION_KEY, "c") && !option_is(&row, OPTION_FLAG, "d"), "another name", "a flag");
	check(!option_is(&rows[TEXT], OPTION_FLAG, "c"), "another name", "none");
	option_put_variable("peek.listener_x2", &got);
	check(strcmp(got.data, "PEEK_LISTENER_X2") == 0, got.data, "the variable");
	buf_free(&got);
}

int main(void)
{
	set_cases();
	label_cases();
	name_cases();
	return check_sum();
}
