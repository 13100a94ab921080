/* Cases for text.c: slices, buffers, what is shown of strangers' bytes, and the strict parsers. */
#include "base.h"

#include <stdio.h>

#include "check.h"
#include "../../sys.c"
#include "../../text.c"

#define TEXT(s) s, sizeof(s) - 1

static void slice_cases(void)
{
	static const struct {
		const char *text;
		char sep;
		const char *parts; /* each in brackets */
	} cuts[] = {
		{ "", ',', "[]" }, { "a", ',', "[a]" }, { "a,b", ',', "[a][b]" }, { "a,", ',', "[a][]" }, { ",a", ',', "[][a]" },
		{ ",", ',', "[][]" }, { " a b , c ", ',', "[a b][c]" }, { "a\r\nb\r\n", '\n', "[a][b][]" }, { "a,b", ';', "[a,b]" },
	};
	struct slice none = slice_of(NULL), part;

	check(!none.at && !none.len, "slice_of", "NULL");
	check(slice_is(none, "") && !slice_is(none, "a") && slice_is_nocase(none, ""), "slice_is", "NULL");
	check(!slice_next(&none, ',', &part), "slice_next", "NULL");
	check(slice_trim(none).len == 0, "slice_trim", "NULL");
	check(slice_is(slice_of("abc"), "abc") && !slice_is(slice_of("abc"), "abC"), "slice_is", "abc");
	check(!slice_is(slice_of("ab"), "abc") && !slice_is(slice_of("abc"), "ab"), "slice_is", "another length");
	check(!slice_is((struct slice){ TEXT("a\0b") }, "a"), "slice_is", "a NUL inside");
	check(slice_is_nocase(slice_of("aBc"), "AbC") && !slice_is_nocase(slice_of("aBc"), "AbD"), "slice_is_nocase", "aBc");
	check(slice_is((struct slice){ "abc", 2 }, "ab"), "slice_is", "borrowed bytes end before the NUL");
	check(slice_is(slice_trim(slice_of(" \t\r\na b\n\r\t ")), "a b"), "slice_trim", "a b");
	check(slice_trim(slice_of(" \t\r\n")).len == 0, "slice_trim", "nothing but blanks");
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct slice rest = slice_of(cuts[i].text);
		struct buf got = { 0 };

		while (slice_next(&rest, cuts[i].sep, &part))
			buf_printf(&got, "[%.*s]", (int)part.len, part.at);
		check(strcmp(got.data, cuts[i].parts) == 0, got.data, cuts[i].text);
		buf_free(&got);
	}
}

static void buf_cases(void)
{
	struct buf b = { 0 };
	char *room;
	size_t len = 0;

	buf_add(&b, NULL, 0);
	check(b.data && b.len == 0 && b.data[0] == '\0', "buf_add", "nothing");
	buf_free(&b);
	check(!b.data && !b.len && !b.cap, "buf_free", "");
	for (int i = 0; i < 1000; i++) {
		buf_printf(&b, "%d,", i);
		len += i < 10 ? 2 : i < 100 ? 3 : 4;
		if (b.len != len || b.data[b.len] != '\0')
			break;
	}
	check(b.len == len && b.cap > b.len && strncmp(b.data + b.len - 8, "998,999,", 8) == 0, "buf_printf", "grows");
	buf_printf(&b, "%s", "");
	check(b.len == len, "buf_printf", "nothing");
	b.len = 0;
	for (size_t size = 0; size < 300; size++) { /* every distance to the end of the room */
		room = buf_room(&b, size);
		memset(room, 'x', size + 1); /* the NUL has its place, too */
		b.len += size;
		b.data[b.len] = '\0';
	}
	check(b.len == 299 * 300 / 2 && strlen(b.data) == b.len, "buf_room", "every size");
	buf_free(&b);
}

static const struct {
	const char *text;
	size_t len;
	const char *visible, *json;
} shown[] = {
	{ TEXT(""), "", "" },
	{ TEXT("plain \"text\" \\"), "plain \"text\" \\", "plain \\\"text\\\" \\\\" },
	{ TEXT("\0"), "\\x00", "\\u0000" },
	{ TEXT("\x01\x1b[31m\x7f"), "\\x01\\x1b[31m\\x7f", "\\u0001\\u001b[31m\\u007f" },
	{ TEXT("a\tb\r\nc"), "a\\x09b\\x0d\\x0ac", "a\\u0009b\\u000d\\u000ac" },
	{ TEXT("\302\200\302\237"), "\\xc2\\x80\\xc2\\x9f", "\\u0080\\u009f" }, /* C1 */
	{ TEXT("\302\241\303\251"), "\302\241\303\251", "\302\241\303\251" },
	{ TEXT("\302"), "\302", "\\ufffd" },
	{ TEXT("\302\x1f"), "\302\\x1f", "\\ufffd\\u001f" },
	{ TEXT("\200x\377"), "\200x\377", "\\ufffdx\\ufffd" },
	{ TEXT("\342\202\254\360\237\230\200"), "\342\202\254\360\237\230\200", "\342\202\254\360\237\230\200" },
	{ TEXT("\300\200"), "\300\200", "\\ufffd\\ufffd" }, /* overlong */
	{ TEXT("\340\237\277"), "\340\237\277", "\\ufffd\\ufffd\\ufffd" },
	{ TEXT("\340\240\200"), "\340\240\200", "\340\240\200" },
	{ TEXT("\355\237\277"), "\355\237\277", "\355\237\277" },
	{ TEXT("\355\240\200"), "\355\240\200", "\\ufffd\\ufffd\\ufffd" }, /* a surrogate */
	{ TEXT("\360\217\277\277"), "\360\217\277\277", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ TEXT("\364\217\277\277"), "\364\217\277\277", "\364\217\277\277" },
	{ TEXT("\364\220\200\200"), "\364\220\200\200", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ TEXT("\342\202"), "\342\202", "\\ufffd\\ufffd" }, /* cut short */
	/* What cannot be seen; JSON is for programs. */
	{ TEXT("80\302\240"), "80\\xc2\\xa0", "80\\u00a0" }, { TEXT("\302\255\302\251"), "\\xc2\\xad\302\251", "\\u00ad\302\251" },
	{ TEXT("a\342\200\213b"), "a\\xe2\\x80\\x8bb", "a\\u200bb" },
	{ TEXT("\357\273\277\343\200\200"), "\\xef\\xbb\\xbf\\xe3\\x80\\x80", "\\ufeff\\u3000" },
	{ TEXT("\342\200\220\342\200\252"), "\342\200\220\\xe2\\x80\\xaa", "\342\200\220\\u202a" },
	{ TEXT("\342\202\"\360\237\230"), "\342\202\"\360\237\230", "\\ufffd\\ufffd\\\"\\ufffd\\ufffd\\ufffd" },
};

static void shown_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		char *copy = malloc(shown[i].len + 1);
		size_t want = strlen(shown[i].visible);
		struct buf got = { 0 };

		memcpy(copy, shown[i].text, shown[i].len);
		copy = realloc(copy, shown[i].len ? shown[i].len : 1); /* a byte too far is seen */
		buf_puts(&got, "<");
		buf_visible(&got, copy, shown[i].len);
		check(strcmp(got.data + 1, shown[i].visible) == 0, "buf_visible", got.data);
		got.len = 0;
		buf_json(&got, copy, shown[i].len);
		got.data[got.len - 1] = '\0';
		check(strcmp(got.data + 1, shown[i].json) == 0, "buf_json", got.data);
		buf_free(&got);
		for (size_t room = 0; room <= want; room++) {
			char *out = malloc(room ? room : 1);
			size_t n = text_visible(out, room, copy, shown[i].len);

			check(n <= room && memcmp(out, shown[i].visible, n) == 0, "text_visible, cut", shown[i].visible);
			check(room < want || n == want, "text_visible, whole", shown[i].visible);
			check(room - n < 12, "text_visible leaves room", shown[i].visible);
			free(out);
		}
		free(copy);
	}
}

static const struct {
	const char *text;
	long min, max, want;
	const char *why;
} numbers[] = {
	{ "0", 0, 9, 0, NULL }, { "9", 0, 9, 9, NULL }, { "-1", -1, 1, -1, NULL }, { "-0", 0, 1, 0, NULL },
	{ "007", 0, 9, 7, NULL }, { "65535", 1, 65535, 65535, NULL }, { "2147483647", 0, 0x7fffffff, 0x7fffffff, NULL },
	{ "-2147483647", -0x7fffffff, 0, -0x7fffffff, NULL },
	{ "10", 0, 9, 0, "is too large" }, { "0", 1, 9, 0, "is too small" }, { "-2", -1, 1, 0, "is too small" },
	{ "65536", 1, 65535, 0, "is too large" }, { "4294967376", 1, 65535, 0, "is too large" },
	{ "2147483648", 0, 0x7fffffff, 0, "is too large" }, { "18446744073709551696", 1, 65535, 0, "is too large" },
	{ "99999999999999999999999999", 0, 9, 0, "is too large" },
	{ "", 0, 9, 0, "is not a number" }, { "-", -9, 9, 0, "is not a number" }, { "+1", 0, 9, 0, "is not a number" },
	{ "--1", -9, 9, 0, "is not a number" }, { " 1", 0, 9, 0, "is not a number" }, { "1 ", 0, 9, 0, "is not a number" },
	{ "0x1", 0, 9, 0, "is not a number" }, { "1.0", 0, 9, 0, "is not a number" }, { "1e0", 0, 9, 0, "is not a number" },
	{ "1-", 0, 9, 0, "is not a number" }, { "\357\274\221", 0, 9, 0, "is not a number" },
};

static void number_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		long n = 4711;
		const char *why = text_number(slice_of(numbers[i].text), numbers[i].min, numbers[i].max, &n);

		check(numbers[i].why ? why && strcmp(why, numbers[i].why) == 0 : !why, why ? why : "no reason", numbers[i].text);
		check(n == (numbers[i].why ? 4711 : numbers[i].want), "value", numbers[i].text);
	}
	check(text_number((struct slice){ TEXT("1\0") }, 0, 9, &(long){ 0 }), "a NUL behind", "1");
	check(text_number(slice_of(NULL), 0, 9, &(long){ 0 }), "nothing", "NULL");
}

static const struct {
	const char *text;
	int64_t ms; /* -1: refused */
} durations[] = {
	{ "0", 0 }, { "0s", 0 }, { "5", 5000 }, { "1.5", 1500 }, { "250ms", 250 }, { "5s", 5000 }, { "1m30s", 90000 },
	{ "1.5h", 5400000 }, { "1h", 3600000 }, { "24h", 86400000 }, { "1h1m1s1ms", 3661001 }, { "1s1m", 61000 },
	{ "1m1m", 120000 }, { ".5s", 500 }, { "1.s", 1000 }, { "0.001s", 1 }, { "0.1s", 100 }, { "1.001s", 1001 },
	{ "4.35s", 4350 }, { "1000us", 1 }, { "1us", 1 }, { "1ns", 1 }, { "1000001ns", 2 }, { "1500\302\265s", 2 },
	{ "1500\316\274s", 2 }, { "87600h", 315360000000 }, { "315360000", 315360000000 }, { "0.9999s", 1000 },
	{ "", -1 }, { "s", -1 }, { ".", -1 }, { ".s", -1 }, { "-1s", -1 }, { "+1s", -1 }, { "1 s", -1 }, { " 1s", -1 },
	{ "1s ", -1 }, { "1m30", -1 }, { "30 1m", -1 }, { "1..5s", -1 }, { "1.5.5s", -1 }, { "1d", -1 }, { "1S", -1 },
	{ "1e3s", -1 }, { "0x1s", -1 }, { "1m,30s", -1 }, { "inf", -1 }, { "nan", -1 }, { "1\302", -1 }, { "5mss", -1 },
	{ "87600h1ms", -1 }, { "315360001", -1 }, { "999999999999999999999999h", -1 },
};

static void plural_cases(void)
{
	check(!*text_s(1) && strcmp(text_s(0), "s") == 0 && strcmp(text_s(2), "s") == 0, "1 thing", "0 or 2 things");
	check(strcmp(text_s((1ULL << 32) + 1), "s") == 0, "not cut", "to 32 bits");
}

static void duration_cases(void)
{
	char text[32];
	struct buf many = { 0 };
	int64_t ms;

	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		const char *why;

		ms = -1;
		why = text_duration(slice_of(durations[i].text), &ms);
		check(ms == durations[i].ms && (ms < 0) == (why != NULL), why ? why : "duration", durations[i].text);
	}
	for (int64_t n = 0; n < 315360000000; n = n * 3 + (n % 7) + 1) {
		text_print_duration(n, text);
		check(!text_duration(slice_of(text), &ms) && ms == n, "there and back", text);
	}
	/* Four hundred digits: more than a double holds, in front of the point and behind it. */
	buf_puts(&many, "1.");
	for (int i = 0; i < 400; i++)
		buf_puts(&many, "0");
	buf_puts(&many, "s");
	ms = -1;
	check(!text_duration((struct slice){ many.data, many.len }, &ms) && ms == 1000, "duration", many.data);
	many.data[1] = '0';
	ms = -1;
	check(text_duration((struct slice){ many.data, many.len }, &ms) && ms == -1, "duration", many.data);
	buf_free(&many);
}

static void print_cases(void)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 250, "250ms" }, { 1000, "1s" }, { 1500, "1s500ms" }, { 60000, "1m" },
		{ 90000, "1m30s" }, { 300000, "5m" }, { 3600000, "1h" }, { 3600001, "1h1ms" }, { 5400000, "1h30m" },
		{ 86400000, "24h" }, { 315360000000, "87600h" }, { INT64_MAX, "2562047788015h12m55s807ms" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[32];

		text_print_duration(cases[i].ms, out);
		check(strcmp(out, cases[i].want) == 0, out, cases[i].want);
	}
}

static void bool_cases(void)
{
	static const char *const yes[] = { "true", "yes", "on", "1", "TRUE", "Yes" };
	static const char *const no[] = { "false", "no", "off", "0", "False", "OFF" };
	static const char *const wrong[] = { "", "t", "y", "truee", "2", "01", " true", "enabled", "-1" };
	bool out;

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		out = false;
		check(!text_bool(slice_of(yes[i]), &out) && out, "true", yes[i]);
		out = true;
		check(!text_bool(slice_of(no[i]), &out) && !out, "false", no[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check(text_bool(slice_of(wrong[i]), &out), "neither", wrong[i]);
}

static void distance_cases(void)
{
	static const struct {
		const char *a, *b;
		int want;
	} cases[] = {
		{ "", "", 0 }, { "a", "", 1 }, { "abc", "abc", 0 }, { "abc", "abd", 1 }, { "abc", "ab", 1 }, { "abc", "xabc", 1 },
		{ "kitten", "sitting", 3 }, { "flaw", "lawn", 2 }, { "ab", "ba", 2 }, { "abc", "xyz", 3 },
		{ "listener", "listners", 2 }, { "a", "A", 1 },
	};
	char words[2][DISTANCE_MAX + 2] = { { 0 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(text_distance(cases[i].a, cases[i].b) == cases[i].want, cases[i].a, cases[i].b);
		check(text_distance(cases[i].b, cases[i].a) == cases[i].want, cases[i].b, cases[i].a);
	}
	memset(words[0], 'a', DISTANCE_MAX);
	memset(words[1], 'a', DISTANCE_MAX - 1);
	check(text_distance(words[0], words[1]) == 1, "distance", "the longest words");
	memset(words[1], 'b', DISTANCE_MAX + 1);
	check(text_distance(words[0], words[1]) == DISTANCE_MAX, "distance", "too long a word");
	check(text_distance(words[1], words[1]) == DISTANCE_MAX, "distance", "too long a word, twice");
}

static void masked_cases(void)
{
	static const char *const cases[][2] = {
		{ "", "" }, { "10.0.0.1:80", "10.0.0.1:80" }, { "http://h:80/x", "http://h:80/x" }, { "/etc/a@b.toml", "/etc/a@b.toml" },
		{ "./a@b", "./a@b" }, { "/x?a@b", "/x?********" }, { "10.0.0.0/8, ::1", "10.0.0.0/8, ::1" }, { "unix:///run/x", "unix:///run/x" },
		{ "socks5://u:p@h:1", "socks5://********@h:1" }, { "socks5://u@h:1", "socks5://********@h:1" },
		{ "http://h/x?token=s", "http://h/x?********" }, { "http://u:p@h/?q", "http://********@h/?********" },
		{ "h:8500/x?token=s", "h:8500/x?********" }, { "h?token", "h?********" }, { "http://h/x#token", "http://h/x#********" },
		{ "u:p@h:1", "********@h:1" }, { "u:p@q@h:1", "********@h:1" }, { "socks5:/u:p@h:1", "********@h:1" }, { "u@h", "********@h" },
		{ "proxy=u:p@h:1", "proxy=********@h:1" }, { "a=b://u:p@h", "a=b://********@h" }, { "u:p=q@h", "********@h" },
		{ "//u:p@h:1", "********@h:1" }, { "/u:p@h", "********@h" }, { ".u:p@h", "********@h" }, { "/x?u:a@b", "/x?********" }, { "/u:p?q@h", "********" },
		{ "token=s@h", "token=********@h" }, { "http://u:p/w@h:1/x", "http://********@h:1/x" },
		/* An '@' behind a '?'. */
		{ "http://h:1/x?user=me@corp&token=s", "http://h:1/********" }, { "http://[::1]:1/?a@b", "http://[::1]:1/********" },
		{ "HTTPS://h?a@b", "HTTPS://h?********" }, { "h:1/x?user=me@corp&token=s", "********" }, { "u:p?q@h:1", "********" },
		{ "http://u:p?q@h:1", "http://********" }, { "socks5://u:p?q@h:1", "socks5://********" },
		{ "socks5://u:p#q@h:1", "socks5://********" }, { "socks5://h?q@h:1", "socks5://********" },
		{ "http://u:p@h/?me@corp", "http://********" }, { "http://h/a@b?me@corp", "http://********" },
		{ "/login?next=http://u:p@h", "/login?********" }, { "login?next=http://u:p@h", "********" },
		{ "http://a?b=c, http://u:p@h:1", "http://a?********" },
		{ "-----BEGIN PRIVATE KEY-----\nMIIE\n", "********" }, { "/etc/key-----.pem", "/etc/key-----.pem" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf shown = { 0 };

		buf_masked(&shown, cases[i][0]);
		check(strcmp(shown.data, cases[i][1]) == 0, cases[i][0], shown.data);
		buf_free(&shown);
	}
}

/* A secret with anything around it, in a password or a query. */
static void masked_random_cases(void)
{
	static const char *const heads[] = {
		"", "http://", "https://", "socks5://", "HTTP://", "proxy=", "proxy=socks5://", "socks5:/", "//", "a, b=", "http:/", "://",
	}, *const tails[] = { "@h", "@h:1", "@h:1/x", "@h/x?a@b", "@[::1]:1/?q", "@h#@" };
	static const char odd[] = "@?#/:&=%.1[] -,a";
	uint64_t random = 1;

	for (size_t i = 0; i < 20000; i++) {
		struct buf text = { 0 }, shown = { 0 };
		char around[2][4] = { "", "" };

		for (size_t k = 0; k < 6; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			around[k / 3][k % 3] = (random >> 33) % 3 ? '\0' : odd[(random >> 40) % (sizeof odd - 1)];
		}
		if (i % 2)
			buf_printf(&text, "%suser:%sS3CRET%s%s", heads[i % ARRAY_LEN(heads)], around[0], around[1],
			           tails[i / 16 % ARRAY_LEN(tails)]);
		else
			buf_printf(&text, "%sh:1/x?%sS3CRET%s%s", heads[i % ARRAY_LEN(heads)], around[0], around[1], i % 3 ? "" : "&user=me@h");
		buf_masked(&shown, text.data);
		check(!strstr(shown.data, "S3CRET"), shown.data, text.data);
		buf_free(&shown);
		buf_free(&text);
	}
}

static void unescape_cases(void)
{
	static const struct {
		const char *text, *want; /* want NULL: refused */
	} cases[] = {
		{ "", "" }, { "a", "a" }, { "a%20b", "a b" }, { "%41%4a%4A", "AJJ" }, { "%25", "%" }, { "%2525", "%25" }, { "+", "+" },
		{ "%c3%a9", "\303\251" }, { "%ff", "\377" }, { "%", NULL }, { "%2", NULL }, { "a%", NULL }, { "%2g", NULL }, { "%g2", NULL },
		{ "%-1", NULL }, { "%00", NULL }, { "a%00b", NULL },
	};
	char out[16];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = text_unescape(slice_of(cases[i].text), out);

		check(!why == (cases[i].want != NULL) && (why || strcmp(out, cases[i].want) == 0), "unescape", cases[i].text);
	}
	check(text_unescape((struct slice){ "a\0b", 3 }, out) != NULL, "unescape", "a NUL");
	for (int c = -1; c < 256; c++)
		check(text_hex(c) == (c > 0 && c < 128 && strchr("0123456789abcdefABCDEF", c) ? (int)strtol((char[2]){ (char)c, 0 }, NULL, 16) : -1), "hex", "every byte");
}

int main(void)
{
	slice_cases();
	buf_cases();
	shown_cases();
	number_cases();
	plural_cases();
	duration_cases();
	print_cases();
	bool_cases();
	distance_cases();
	masked_cases();
	masked_random_cases();
	unescape_cases();
	return check_sum();
}
