/* Cases for bind.c: patterns, grants, what is taken out of "*", and who may have what. */
#include "base.h"

#include "check.h"
#include "../../bind.c"

static const struct {
	const char *pattern, *name;
	bool fits;
} names[] = {
	{ "web", "web", true }, { "web", "Web", false }, { "Web", "web", false }, { "web", "web1", false }, { "web", "we", false },
	{ "db-*", "db-", true }, { "db-*", "db-1", true }, { "db-*", "db", false }, { "db-*", "xdb-1", false },
	{ "*-db", "a-db", true }, { "*-db", "-db", true }, { "*-db", "a-db1", false }, { "*-db", "a-db-db", true },
	{ "*", "x", true }, { "*", "", true }, { "**", "x", true }, { "", "", true }, { "", "x", false }, { "x*", "", false },
	{ "a?c", "abc", true }, { "a?c", "ac", false }, { "a?c", "abbc", false }, { "?", "", false }, { "a?", "a", false },
	{ "a?c", "a\303\251c", true }, { "a?c", "a\342\202\254c", true }, { "a??c", "a\303\251c", false },
	{ "?*", "x", true }, { "?*", "", false }, { "*?", "\303\251", true }, { "*??", "\303\251", false },
	{ "a*b*c", "a-b-b-c", true }, { "a*b*c", "abc", true }, { "a*b*c", "acb", false }, { "*a*", "xxaxx", true },
	{ "*aab", "aaaab", true }, { "*a?b", "aaacb", true }, { "*.prod", "web.prod", true }, { "a*", "b*", false },
	{ "web[1]", "web1", false }, { "*\303\251", "a\303\250\303\251", true },
};

static void name_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check(matches(names[i].pattern, names[i].name) == names[i].fits, names[i].pattern, names[i].name);
}

/* A table in one value: how it is written again, or why it is none. */
static const struct {
	const char *value, *want, *why;
} values[] = {
	{ "", "", NULL },
	{ "web=local:80", "web=local:80", NULL },
	{ " db-* = public:5432-5439 , local:5432 ; *=local:8000-8999; ", "db-*=public:5432-5439 , local:5432; *=local:8000-8999",
	  NULL },
	{ "a=local:*,,b:1 - 2,", "a=local:*,,b:1 - 2,", NULL }, { "a = local : 80", "a=local : 80", NULL },
	{ "{\"db-*\": \"public:5432-5439, local:5432\", \"*\": [\"local:1\", \"local:65535\"]}",
	  "db-*=public:5432-5439, local:5432; *=local:1, local:65535", NULL },
	{ "{\"a.b\": \"local:1\"}", "a.b=local:1", NULL },
	{ "web", NULL, "is not a list like db-*=public:5432-5439,local:5432; *=local:8000-8999" },
	{ " ", NULL, "names no pattern" }, { ";", NULL, "names no pattern" }, { "{}", NULL, "names no pattern" },
	{ "{\"a\"", NULL, "is not a JSON object: ':' expected" },
	{ "{\"a\": \"b:1\", \"a\": \"b:2\"}", NULL, "is not a JSON object: a is given twice, first on line 1" },
	{ "=local:1", NULL, "has an empty pattern" }, { "a=", NULL, "has nothing for \"a\"" }, { "a=,", NULL, "has nothing for \"a\"" },
	{ "{\"a\": []}", NULL, "has nothing for \"a\"" }, { "{\"a\": {}}", NULL, "has nothing for \"a\"" },
	{ "a=b:1;c=d:1;a=b:2", NULL, "has the pattern \"a\" twice" },
	{ "a[0-9]=b:1", NULL, "has the pattern \"a[0-9]\": only * and ? stand for others, not [" },
	{ "{a,b}=b:1", NULL, "is not a JSON object: member name expected" },
	{ "x{a}=b:1", NULL, "has the pattern \"x{a}\": only * and ? stand for others, not {" },
	{ "a\\*=b:1", NULL, "has the pattern \"a\\*\": only * and ? stand for others, not \\" },
	{ "a\302\240=b:1", NULL, "has an invisible character (\\xNN) in its pattern" },
	{ "a=b:1\302\240", NULL, "has an invisible character (\\xNN)" },
	{ "a=local", NULL, "has \"local\" for \"a\", which is not label:port, label:first-last or label:*" },
	{ "a=:80", NULL, "has \":80\" for \"a\", which is not label:port, label:first-last or label:*" },
	{ "a=b:1, local: ", NULL, "has \"local:\" for \"a\", which is not label:port, label:first-last or label:*" },
	{ "a=l:0", NULL, "has \"l:0\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:1-65536", NULL, "has \"l:1-65536\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:1-", NULL, "has \"l:1-\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:-1", NULL, "has \"l:-1\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:1-2-3", NULL, "has \"l:1-2-3\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:http", NULL, "has \"l:http\" for \"a\", which has a port out of range (1-65535)" },
	{ "a=l:81-80", NULL, "has \"l:81-80\" for \"a\", which ends before it begins" }, { "a=l:80-80", "a=l:80-80", NULL },
};

static void value_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct bind_table bind = { 0 };
		struct arena memory = { 0 };
		struct buf got = { 0 };
		char value[128];
		const char *why;

		snprintf(value, sizeof value, "%s", values[i].value);
		why = bind_set(&bind, value, "here", &memory);
		memset(value, 'Z', sizeof value); /* texts have been copied */
		check(!why == !values[i].why, why ? why : "accepted", values[i].value);
		check(!why || !values[i].why || strcmp(why, values[i].why) == 0, why, values[i].value);
		buf_puts(&got, "");
		bind_put(&bind, &got);
		check(why || !values[i].want || strcmp(got.data, values[i].want) == 0, got.data, values[i].value);
		for (size_t k = 0; k < bind.count; k++)
			check(strcmp(bind.patterns[k].origin, "here") == 0, "the origin of a pattern", values[i].value);
		buf_free(&got);
		arena_free(&memory);
	}
}

/* A value replaces the table, a single pattern only its own, and elements of a list come together. */
static void add_cases(void)
{
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };
	struct buf got = { 0 };

	bind_set(&bind, "a=l:1;b=l:2", "first", &memory);
	bind_set(&bind, "c=l:3; d=l:4", "second", &memory);
	check(!bind_add(&bind, slice_of("c"), slice_of("l:5"), "third", &memory), "a pattern", "c");
	check(!bind_add(&bind, slice_of("e[0]"), slice_of("l:6"), "fourth", &memory), "an element", "e[0]");
	check(!bind_add(&bind, slice_of("e[1]"), slice_of("l:7"), "fifth", &memory), "an element", "e[1]");
	check(!bind_add(&bind, slice_of("d[0]"), slice_of("l:8"), "sixth", &memory), "an element", "d[0]");
	check(!bind_add(&bind, slice_of("e[10]"), slice_of("l:9"), "seventh", &memory), "an element", "e[10]");
	check(bind_add(&bind, slice_of("c"), slice_of("l"), "x", &memory), "no grant", "c");
	check(bind_add(&bind, slice_of("[0]"), slice_of("l:1"), "x", &memory), "no pattern", "[0]");
	check(bind_add(&bind, slice_of("f[]"), slice_of("l:1"), "x", &memory), "no pattern", "f[]");
	bind_put(&bind, &got);
	check(strcmp(got.data, "c=l:5; d=l:8; e=l:6, l:7, l:9") == 0, got.data, "the table");
	check(strcmp(bind.patterns[0].origin, "third") == 0, bind.patterns[0].origin, "the origin of c");
	buf_free(&got);
	arena_free(&memory);
}

#define POLICY "db-*=public:5432-5439,local:5432; web=public:8443,local:8443; w*=public:8444; *=local:8000-8999,local:5400-5499"

/* Who may have what: "by name" is said of what narrower patterns than "*" grant. */
static const struct {
	const char *table, *service, *label;
	uint16_t first, last;
	bool granted, by_name;
	const char *pattern, *naming;
} grants[] = {
	{ POLICY, "db-1", "public", 5432, 5432, true, true, "db-*", "db-*" },
	{ POLICY, "db-1", "public", 5432, 5439, true, true, "db-*", "db-*" },
	{ POLICY, "db-1", "public", 5431, 5432, false, false, NULL, "db-*" },
	{ POLICY, "db-1", "public", 5439, 5440, false, false, "db-*", "db-*" },
	{ POLICY, "db-1", "local", 5432, 5432, true, true, "db-*", "db-*" },
	{ POLICY, "db-1", "publi", 5432, 5432, false, false, NULL, NULL }, { POLICY, "db-1", "publicc", 5432, 5432, false, false, NULL, NULL },
	/* One that a narrower pattern matches has what "*" grants, too: the union counts. */
	{ POLICY, "db-1", "local", 8000, 8000, true, false, "*", NULL },
	{ POLICY, "db-1", "local", 5400, 5499, true, false, "*", "db-*" }, /* one port of it by name */
	/* What a narrower pattern names is not for others. */
	{ POLICY, "other", "local", 5432, 5432, false, false, NULL, "db-*" }, { POLICY, "other", "local", 5431, 5431, true, false, "*", NULL },
	{ POLICY, "other", "local", 5433, 5433, true, false, "*", NULL }, { POLICY, "other", "local", 5400, 5499, false, false, "*", "db-*" },
	{ POLICY, "other", "local", 8443, 8443, false, false, NULL, "web" }, { POLICY, "db-1", "local", 8443, 8443, false, false, NULL, "web" },
	{ POLICY, "other", "local", 8000, 8442, true, false, "*", NULL }, { POLICY, "other", "local", 8444, 8999, true, false, "*", NULL },
	{ POLICY, "other", "local", 8444, 9000, false, false, "*", NULL }, { POLICY, "other", "local", 7999, 7999, false, false, NULL, NULL },
	/* Several patterns together. */
	{ POLICY, "web", "public", 8443, 8444, true, true, "web", "w*" }, { POLICY, "www", "public", 8443, 8444, false, false, NULL, "w*" },
	{ POLICY, "web", "local", 8400, 8500, true, false, "*", "web" },
	/* The order makes no difference. */
	{ "*=l:1-9; a=l:5", "b", "l", 5, 5, false, false, NULL, "a" }, { "a=l:5; *=l:1-9", "b", "l", 5, 5, false, false, NULL, "a" },
	{ "a*=l:1-9; ab=l:5", "ac", "l", 5, 5, true, true, "a*", "ab" }, { "ab=l:5; a*=l:1-9", "ac", "l", 1, 9, true, true, "a*", "ab" },
	/* Spans within and over each other. */
	{ "a=l:1-100; b=l:10-20; c=l:15", "a", "l", 50, 60, true, true, "a", "a" },
	{ "a=l:1-100; b=l:10-20; c=l:15", "a", "l", 15, 15, true, true, "a", "c" },
	{ "a=l:1-10,l:11,l:12-20", "a", "l", 1, 20, true, true, "a", "a" }, { "a=l:1-10,l:12-20", "a", "l", 1, 20, false, false, "a", "a" },
	{ "a=l:10-20;*=l:1-15,l:5-30,l:5-12", "b", "l", 1, 9, true, false, "*", NULL },
	{ "a=l:10-20;*=l:1-15,l:5-30,l:5-12", "b", "l", 9, 10, false, false, "*", "a" },
	{ "a=l:10-20;*=l:1-15,l:5-30,l:5-12", "b", "l", 21, 30, true, false, "*", NULL },
	{ "a=l:10-20;*=l:1-15,l:5-30,l:5-12", "b", "l", 31, 31, false, false, NULL, NULL },
	{ "a=l:1,l:65535;*=l:*", "b", "l", 2, 65534, true, false, "*", NULL }, { "a=l:1,l:65535;*=l:*", "b", "l", 65535, 65535, false, false, NULL, "a" },
	{ "a=l:1,l:65535;*=l:*", "a", "l", 1, 65535, true, false, "a", "a" }, { "a=l:*", "a", "l", 1, 65535, true, true, "a", "a" },
	{ "a=l:*; *=l:80,m:80", "b", "l", 80, 80, false, false, NULL, "a" }, { "a=l:*; *=l:80,m:80", "b", "m", 80, 80, true, false, "*", NULL },
	{ "a=la:80; *=l:80", "b", "l", 80, 80, true, false, "*", NULL },
	/* No policy. */
	{ "", "b", "l", 80, 80, true, false, NULL, NULL },
};

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void grant_cases(void)
{
	struct bind_table some = { 0 };
	struct arena memory = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
		struct slice label = slice_of(grants[i].label);
		const char *service = grants[i].service, *pattern, *naming;
		uint16_t first = grants[i].first, last = grants[i].last;
		struct bind_table bind = { 0 };
		struct arena own = { 0 };
		char what[200];

		snprintf(what, sizeof what, "%s to %s:%u-%u, %s", service, grants[i].label, first, last, grants[i].table);
		check(!bind_set(&bind, grants[i].table, "here", &own), "a table", what);
		bind_seal(&bind, &own);
		check(bind_grants(&bind, service, label, first, last) == grants[i].granted, "granted", what);
		check(!bind_unnamed(&bind, service, label, first, last, 0) == grants[i].by_name, "by name", what);
		pattern = bind_granting(&bind, service, label, first);
		check(same_text(pattern, grants[i].pattern), pattern ? pattern : "no pattern", what);
		naming = bind_naming(&bind, label, first, last);
		check(same_text(naming, grants[i].naming), naming ? naming : "nobody named", what);
		arena_free(&own);
	}
	check(bind_grants(NULL, "a", slice_of("l"), 1, 2), "granted", "no table");
	check(bind_unnamed(NULL, "a", slice_of("l"), 1, 2, 9) == 2, "by name", "no table");
	bind_set(&some, "a*=l:10-19,l:15-29; *=l:*", "here", &memory);
	bind_seal(&some, &memory);
	check(bind_unnamed(&some, "ab", slice_of("l"), 5, 34, 100) == 10, "on both sides of what is granted", "count");
	check(bind_unnamed(&some, "ab", slice_of("l"), 5, 34, 7) == 8, "one beyond the most", "count");
	check(bind_unnamed(&some, "b", slice_of("l"), 1, 65535, 65535) == 65535, "of another name all", "count");
	arena_free(&memory);
	check(!bind_granting(NULL, "a", slice_of("l"), 1), "a pattern", "no table");
	check(!bind_naming(NULL, slice_of("l"), 1, 2), "a pattern", "no table");
}

/* Every port of a small table, against the rule in its own words. */
static bool is_granted(const struct bind_table *bind, const char *service, uint16_t port)
{
	bool by_any = false, named = false;

	for (size_t i = 0; i < bind->count; i++) {
		struct slice rest = slice_of(bind->patterns[i].grants), part;

		while (slice_next(&rest, ',', &part)) {
			struct bind_span span;

			read_grant(part, &span);
			if (port < span.first || port > span.last)
				continue;
			if (is_everybody(&bind->patterns[i]))
				by_any = true;
			else if (matches(bind->patterns[i].name, service))
				return true;
			else
				named = true;
		}
	}
	return by_any && !named;
}

static void put_random(struct buf *out, unsigned *seed)
{
	static const char *const patterns[] = { "*", "a", "b", "a*", "?b" };

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		buf_printf(out, "%s%s=", i ? ";" : "", patterns[i]);
		for (int k = 0; k < 3; k++) {
			unsigned first = 1 + (*seed = *seed * 1103515245u + 12345u) / 65536u % 30u;
			unsigned len = (*seed = *seed * 1103515245u + 12345u) / 65536u % 8u;

			buf_printf(out, "%sl:%u-%u", k ? "," : "", first, first + len);
		}
	}
}

static void random_cases(void)
{
	static const char *const services[] = { "a", "b", "ab", "c" };
	unsigned seed = 1;

	for (int round = 0; round < 300; round++) {
		struct bind_table bind = { 0 };
		struct arena memory = { 0 };
		struct buf text = { 0 };
		bool same = true;

		put_random(&text, &seed);
		bind_set(&bind, text.data, "here", &memory);
		bind_seal(&bind, &memory);
		for (size_t i = 0; i < ARRAY_LEN(services); i++)
			for (uint16_t port = 1; port < 45; port++) {
				bool want = is_granted(&bind, services[i], port), next = is_granted(&bind, services[i], port + 1);

				same = same && bind_grants(&bind, services[i], slice_of("l"), port, port) == want &&
				       bind_grants(&bind, services[i], slice_of("l"), port, port + 1) == (want && next);
			}
		check(same, "as the rule says", text.data);
		buf_free(&text);
		arena_free(&memory);
	}
}

static void shown_is(const char *table, const char *service, const char *want)
{
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };
	struct buf got = { 0 };

	bind_set(&bind, table, "here", &memory);
	bind_seal(&bind, &memory);
	bind_put_granted(&bind, service, &got);
	check(strcmp(got.data, want) == 0, got.data, table);
	buf_free(&got);
	arena_free(&memory);
}

int main(void)
{
	name_cases();
	value_cases();
	add_cases();
	grant_cases();
	random_cases();
	shown_is(POLICY, "db-1", "local:5432 (\"db-*\"), public:5432-5439 (\"db-*\"), local:5400-5431 (\"*\"), local:5433-5499 (\"*\"), "
	         "local:8000-8442 (\"*\"), local:8444-8999 (\"*\")");
	shown_is("a=l:1; *=m:*", "b", "m:* (\"*\")");
	shown_is("a=l:1", "b", "nothing");
	shown_is("a=l:1,l:3,l:5,l:7,l:9,l:11,l:13,l:15", "a", "l:1 (\"a\"), l:3 (\"a\"), l:5 (\"a\"), l:7 (\"a\"), l:9 (\"a\"), "
	         "l:11 (\"a\"), l:13 (\"a\"), l:15 (\"a\")");
	shown_is("a=l:1,l:3,l:5,l:7,l:9,l:11,l:13,l:15,l:17,l:19", "a", "l:1 (\"a\"), l:3 (\"a\"), l:5 (\"a\"), l:7 (\"a\"), "
	         "l:9 (\"a\"), l:11 (\"a\"), l:13 (\"a\"), l:15 (\"a\"), and more");
	return check_sum();
}
