/* Cases for http.c without a network: answers fed in pieces of every size, URLs, headers. */
#include "base.h"

#include <stdio.h>

#include "../../http.c"
#include "../../net.c"
#include "../../sys.c"
#include "../../text.c"

#define TEXT(s) s, sizeof(s) - 1
#define MAX_BODY 64

static int passed, failed;

static void check(bool ok, const char *what, const char *text)
{
	struct buf line = { 0 };

	ok ? passed++ : failed++;
	if (ok)
		return;
	buf_visible(&line, text, strlen(text));
	printf("FAIL %s: %s\n", what, line.data);
	buf_free(&line);
}

/* What becomes of a stream of bytes: every complete answer as status, body, and whether the connection ends with it;
 * then what is wrong. */
struct feed {
	struct http_response r;
	struct buf said;
	bool head_only, over;
};

/* Where bodies go to while `sinking`, and how often one has begun. */
static bool sinking;
static struct buf sunk;
static int begun;

static bool sink(void *arg, const char *bytes, size_t len)
{
	check(arg == &sunk && (begun || !bytes), "sink", "begins with nothing");
	begun += !bytes;
	buf_add(&sunk, bytes, len);
	return true;
}

/* An answer with status 200 has gone to the sink, and no other; these small ones are in the body, too. */
static void check_sunk(const struct http_response *r)
{
	bool fine = r->status == 200;

	check(begun == fine && sunk.len == (fine ? r->body.len : 0) && r->size == r->body.len, "sink", "how much it got");
	check(!sunk.len || memcmp(sunk.data, r->body.data, sunk.len) == 0, "sink", "what it got");
	sunk.len = 0;
	begun = 0;
}

static void say_answer(struct feed *f)
{
	if (sinking)
		check_sunk(&f->r);
	buf_printf(&f->said, "%d<%.*s>%s ", f->r.status, (int)f->r.body.len, f->r.body.data ? f->r.body.data : "", f->r.last ? "." : "");
	http_reset(&f->r);
	f->r.head_only = f->head_only;
}

static void feed(struct feed *f, const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1); /* a byte too far is seen */
	size_t at = 0, used;

	memcpy(copy, bytes, len);
	while (at < len && !f->over) {
		const char *why = http_parse(&f->r, copy + at, len - at, &used);

		if (used > len - at || (!used && !why) || (why && f->r.done) || (!why && !f->r.done && used != len - at))
			buf_puts(&f->said, "(used) ");
		at += used;
		if (why) {
			buf_printf(&f->said, "!%s", why);
			f->over = true;
		} else if (f->r.done) {
			say_answer(f);
		}
	}
	free(copy);
}

/* The connection ends. */
static void finish(struct feed *f)
{
	const char *why = f->over ? NULL : http_parse_end(&f->r);

	if (why)
		buf_printf(&f->said, "!%s", why);
	else if (!f->over)
		say_answer(f);
	http_response_free(&f->r);
}

static struct feed feed_new(bool head_only)
{
	sunk.len = 0;
	begun = 0;
	return (struct feed){ .r = { .max_body = MAX_BODY, .head_only = head_only, .sink = sinking ? sink : NULL,
	                             .sink_arg = &sunk }, .head_only = head_only };
}

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define CLOSED "!connection closed"
#define SHORT "!answer cut short"
#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct answer {
	const char *bytes;
	size_t len;
	const char *want; /* to the end of the connection */
	bool head_only;
} answers[] = {
	/* by length */
	{ TEXT(OK "Content-Length: 5\r\n\r\nhello"), "200<hello> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 0\r\n\r\n"), "200<> " CLOSED, 0 },
	{ TEXT(OK "content-LENGTH:5  \r\nX: y\r\n\r\nhello"), "200<hello> " CLOSED, 0 },
	{ TEXT("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx"), "200<x> " CLOSED, 0 },
	{ TEXT("HTTP/1.1 500 Internal Server Error\nContent-Length: 3\n\nNo!"), "500<No!> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 2\r\n\r\n\r\n"), "200<\r\n> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 64\r\n\r\n" SIXTY "abcd"), "200<" SIXTY "abcd> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 5\r\n\r\nhell"), SHORT, 0 },
	{ TEXT(OK "Content-Length: 65\r\n\r\n"), "!answer too large", 0 },
	{ TEXT(OK "Content-Length: 99999999999999999\r\n\r\n"), "!answer too large", 0 },
	{ TEXT(OK "Content-Length: 18446744073709551621\r\n\r\nhello"), "!wrong Content-Length", 0 },
	{ TEXT(OK "Content-Length: -5\r\n\r\nhello"), "!wrong Content-Length", 0 },
	{ TEXT(OK "Content-Length: +5\r\n\r\nhello"), "!wrong Content-Length", 0 },
	{ TEXT(OK "Content-Length: 5, 5\r\n\r\nhello"), "!wrong Content-Length", 0 },
	{ TEXT(OK "Content-Length: 0x5\r\n\r\nhello"), "!wrong Content-Length", 0 },
	{ TEXT(OK "Content-Length:\r\n\r\nhello"), "!wrong Content-Length", 0 },
	/* chunked */
	{ TEXT(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), "200<hello> " CLOSED, 0 },
	{ TEXT(CHUNKED "0\r\n\r\n"), "200<> " CLOSED, 0 },
	{ TEXT(CHUNKED "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), "200<hello> " CLOSED, 0 },
	{ TEXT(CHUNKED "a;name=\"value\";x\r\n" TEN "\r\n0 ;last\r\n\r\n"), "200<" TEN "> " CLOSED, 0 },
	{ TEXT(CHUNKED "00A\r\n" TEN "\r\n000\r\n\r\n"), "200<" TEN "> " CLOSED, 0 },
	{ TEXT(CHUNKED "5 \r\nhello\r\n0\r\nTrailer: a\r\nX: b\r\n\r\n"), "200<hello> " CLOSED, 0 },
	{ TEXT(CHUNKED "5\nhello\n0\n\n"), "200<hello> " CLOSED, 0 },
	{ TEXT(CHUNKED "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), "200<\r\n0\r\n\r\n> " CLOSED, 0 },
	{ TEXT(OK "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n"), "200<> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "200<hello> " CLOSED, 0 },
	{ TEXT(CHUNKED "3c\r\n" SIXTY "\r\n4\r\nabcd\r\n0\r\n\r\n"), "200<" SIXTY "abcd> " CLOSED, 0 },
	{ TEXT(CHUNKED "3c\r\n" SIXTY "\r\n5\r\nabcde\r\n0\r\n\r\n"), "!answer too large", 0 },
	{ TEXT(CHUNKED "41\r\n"), "!answer too large", 0 },
	{ TEXT(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"), "!answer too large", 0 },
	{ TEXT(CHUNKED "\r\nhello"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED ";x\r\n"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "-5\r\nhello"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "0x5\r\nhello"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "5g\r\nhello"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "5\0\r\nhello"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "\0"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "5\r\nhello!\r\n0\r\n\r\n"), "!chunk longer than its size", 0 },
	{ TEXT(CHUNKED "5\r\nhello\r\n\r\n0\r\n\r\n"), "!wrong chunk size", 0 },
	{ TEXT(CHUNKED "5\r\nhello\r\n0\r\n"), SHORT, 0 },
	{ TEXT(CHUNKED "5\r\nhello\r\n"), SHORT, 0 },
	{ TEXT(CHUNKED "5\r\nhello\r\n0\r\nTrailer: a\r\n"), SHORT, 0 },
	{ TEXT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "!unknown Transfer-Encoding", 0 },
	{ TEXT(OK "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx"), "!unknown Transfer-Encoding", 0 },
	/* no body, or one to the end of the connection */
	{ TEXT("HTTP/1.1 204 No Content\r\n\r\n"), "204<> " CLOSED, 0 },
	{ TEXT("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), "304<> " CLOSED, 0 },
	{ TEXT(OK "Content-Length: 5\r\n\r\n"), "200<> " CLOSED, 1 },
	{ TEXT(CHUNKED), "200<> " CLOSED, 1 },
	{ TEXT(OK "\r\nto the end"), "200<to the end>. ", 0 },
	{ TEXT(OK "\r\n"), "200<>. ", 0 },
	{ TEXT(OK "Connection: keep-alive\r\n\r\nto the end"), "200<to the end>. ", 0 },
	{ TEXT(OK "\r\n" SIXTY "abcd"), "200<" SIXTY "abcd>. ", 0 },
	{ TEXT(OK "\r\n" SIXTY "abcde"), "!answer too large", 0 },
	/* who closes */
	{ TEXT(OK "Connection: close\r\nContent-Length: 1\r\n\r\nx"), "200<x>. " CLOSED, 0 },
	{ TEXT(OK "connection: a, CLOSE\r\nContent-Length: 1\r\n\r\nx"), "200<x>. " CLOSED, 0 },
	{ TEXT(OK "Connection: closed\r\nContent-Length: 1\r\n\r\nx"), "200<x> " CLOSED, 0 },
	{ TEXT("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"), "200<x>. " CLOSED, 0 },
	{ TEXT("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx"), "200<x> " CLOSED, 0 },
	{ TEXT("HTTP/1.0 200 OK\r\n\r\nold"), "200<old>. ", 0 },
	/* interim answers, pipelining */
	{ TEXT("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx"), "200<x> " CLOSED, 0 },
	{ TEXT("HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nConnection: close\r\n\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n"), "200<x> " CLOSED, 0 },
	{ TEXT("HTTP/1.1 100 Continue\r\n\r\n"), CLOSED, 0 },
	{ TEXT("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5\r\n\r\n"), "200<> " CLOSED, 1 },
	{ TEXT(OK "Content-Length: 1\r\n\r\na" CHUNKED "1\r\nb\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n" OK "Content-Length: 0\r\n\r\n"),
	  "200<a> 200<b> 204<> 200<> " CLOSED, 0 },
	{ TEXT(CHUNKED "1\r\na\r\n0\r\nX: y\r\n\r\n" OK "Content-Length: 2\r\n\r\nb"), "200<a> " SHORT, 0 },
	{ TEXT(OK "Content-Length: 1\r\n\r\na\r\n"), "200<a> !connection closed within the headers", 0 },
	/* no answer at all */
	{ TEXT(""), CLOSED, 0 },
	{ TEXT(OK "Content-Length: 1\r\n"), "!connection closed within the headers", 0 },
	{ TEXT("\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("\n\n"), "!not an HTTP answer", 0 },
	{ TEXT("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/2.0 200 OK\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/1.1 20 OK\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\nx"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/1.1 099 OK\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/1.1 600 OK\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("HTTP/1.1  200 OK\r\n\r\n"), "!not an HTTP answer", 0 },
	{ TEXT("http/1.1 200 OK\r\n\r\n"), "!not an HTTP answer", 0 },
};

static void expect(struct feed *f, const struct answer *a, const char *how)
{
	struct buf what = { 0 };

	finish(f);
	buf_printf(&what, "%s: is %s, not %s", how, f->said.data, a->want);
	check(strcmp(f->said.data, a->want) == 0, what.data, a->bytes);
	buf_free(&what);
	buf_free(&f->said);
}

static void answer_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct answer *a = &answers[i];
		struct feed f = feed_new(a->head_only);

		feed(&f, a->bytes, a->len);
		expect(&f, a, "whole");
		f = feed_new(a->head_only);
		for (size_t k = 0; k < a->len; k++)
			feed(&f, a->bytes + k, 1);
		expect(&f, a, "byte by byte");
		for (size_t k = 1; k < a->len; k++) {
			f = feed_new(a->head_only);
			feed(&f, a->bytes, k);
			feed(&f, "", 0);
			feed(&f, a->bytes + k, a->len - k);
			expect(&f, a, "in two");
		}
	}
}

/* Of an answer whose end it tells itself, no part is a whole one. */
static void cut_cases(void)
{
	unsigned seen = 0;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct answer *a = &answers[i];
		const char *first = strchr(a->want, '<');

		if (!first || strchr(first + 1, '<') || !(first = strstr(first, "> " CLOSED)) || strcmp(first, "> " CLOSED) != 0)
			continue; /* not one answer alone */
		seen++;
		for (size_t k = 0; k < a->len; k++) {
			struct http_response r = { .max_body = MAX_BODY, .head_only = a->head_only };
			size_t used;

			check(!http_parse(&r, a->bytes, k, &used) && used == k && !r.done, "cut, but done", a->bytes);
			check(http_parse_end(&r) && !r.done, "cut, but complete", a->bytes);
			http_response_free(&r);
		}
	}
	check(seen > 15, "answers to cut", "");
}

static void bound_cases(void)
{
	struct http_response r = { .max_body = MAX_BODY };
	struct buf text = { 0 };
	const char *why = NULL;
	size_t used;

	buf_puts(&text, OK);
	while (text.len < HEAD_MAX - 6)
		buf_puts(&text, "X: y\r\n");
	check(!http_parse(&r, text.data, text.len, &used) && !r.done && used == text.len, "a large head", "");
	while (text.len < 2 * HEAD_MAX)
		buf_puts(&text, "X: y\r\n");
	http_reset(&r);
	why = http_parse(&r, text.data, text.len, &used);
	check(why && strcmp(why, "headers too large") == 0 && used <= HEAD_MAX + 1 && !r.done, "headers too large", why ? why : "");
	/* The same memory serves the next answer. */
	http_reset(&r);
	check(r.max_body == MAX_BODY, "http_reset", "");
	check(!http_parse(&r, TEXT(OK "Content-Length: 1\r\n\r\nx"), &used) && r.done && r.body.len == 1, "after a reset", "");
	check(!http_parse(&r, "more", 4, &used) && used == 0 && r.done, "behind the end", "");
	check(!http_parse_end(&r) && r.done, "closed behind the end", "");
	http_response_free(&r);
	check(!r.head.data && !r.body.data, "http_response_free", "");
	buf_free(&text);
}

static bool refuse(void *arg, const char *bytes, size_t len)
{
	return !arg && bytes && len;
}

/* A sink that has no use for the rest: it is read to its end, for the connection can be kept, unless it is long. */
static void refuse_cases(void)
{
	static const char *const heads[] = { OK "Content-Length: 5000000\r\n\r\n", OK "Content-Length: 4000000\r\n\r\n" };
	static char part[100000];

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct http_response r = { .max_body = 80u << 20, .sink = refuse, .sink_arg = part };
		const char *why;
		size_t used;

		why = http_parse(&r, heads[i], strlen(heads[i]), &used);
		while (!why && !r.done)
			why = http_parse(&r, part, sizeof part, &used);
		check(i ? !why : why && strcmp(why, "answer too large") == 0, "sink", heads[i]);
		check(r.size <= (4u << 20) + sizeof part, "sink", "what was read in vain");
		http_response_free(&r);
	}
}

/* What goes to a sink is bounded as ever, and its beginning stays; so does that of an error. */
static void sink_cases(void)
{
	static const char *const status[] = { OK, "HTTP/1.1 500 No\r\n" };

	for (size_t i = 0; i < ARRAY_LEN(status); i++) {
		struct http_response r = { .max_body = 3 * BODY_BEGINNING, .sink = sink, .sink_arg = &sunk };
		struct buf text = { 0 };
		const char *why;
		size_t used;

		begun = 0;
		sunk.len = 0;
		buf_printf(&text, "%s\r\n", status[i]);
		while (text.len < 2 * BODY_BEGINNING)
			buf_puts(&text, "a few bytes of a body");
		check(!http_parse(&r, text.data, text.len, &used) && !r.done && r.body.len == BODY_BEGINNING, "sink", "the body's beginning");
		check(sunk.len == (i ? 0 : r.size) && r.size > BODY_BEGINNING, "sink", "all of it");
		why = http_parse(&r, text.data, text.len, &used);
		check(why && strcmp(why, "answer too large") == 0 && !r.done, "sink", "answer too large");
		http_reset(&r);
		check(r.sink == sink && !r.size, "sink", "stays after a reset");
		http_response_free(&r);
		buf_free(&text);
	}
}

static void header_cases(void)
{
	static const char text[] = "HTTP/1.1 200 A: b\r\nX-Consul-Knownleader:  true \r\nEmpty:\r\nX-consul-index: 5\r\nTwice: 1\r\n"
	                           "no colon\r\nTwice: 2\r\nTime: 10:20:30\r\nConnection: close\r\n\r\n";
	struct http_response r = { .max_body = MAX_BODY };
	size_t used;

	check(!http_header(&r, "X").at, "no answer yet", "X");
	check(!http_parse(&r, text, sizeof text - 1, &used), "parsed", text);
	check(slice_is(http_header(&r, "X-Consul-KnownLeader"), "true"), "any case, trimmed", text);
	check(slice_is(http_header(&r, "x-consul-INDEX"), "5"), "any case", text);
	check(http_header(&r, "Empty").at && http_header(&r, "Empty").len == 0, "there, but empty", text);
	check(!http_header(&r, "X-Consul").at && !http_header(&r, "X-Consul-Index2").at, "not there", text);
	check(!http_header(&r, "no colon").at && !http_header(&r, "").at, "no header", text);
	check(slice_is(http_header(&r, "twice"), "1"), "the first of two", text);
	check(slice_is(http_header(&r, "Time"), "10:20:30"), "colons in the value", text);
	check(slice_is(http_header(&r, "Connection"), "close"), "the last one", text);
	http_response_free(&r);
}

/* What is said of answers that are none. */
static const struct {
	const char *text;
	size_t len;
	const char *foreign, *redirect;
} others[] = {
	{ TEXT(OK "Content-Length: 2\r\n\r\n{}"), NULL, "" },
	{ TEXT(OK "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}"), NULL, "" },
	{ TEXT(OK "Content-Encoding: GZIP\r\nContent-Length: 2\r\n\r\n\x1f\x8b"), "compressed (gzip or the like)", "" },
	{ TEXT(OK "Content-Length: 3\r\n\r\n\x1f\x8b\x08"), "compressed (gzip or the like)", "" },
	{ TEXT(OK "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nxx"), "compressed (gzip or the like)", "" },
	{ TEXT(OK "Content-Length: 17\r\n\r\n\n <!DOCTYPE html>"), "HTML or XML", "" },
	{ TEXT(OK "Location: /x\r\nContent-Length: 0\r\n\r\n"), NULL, "" },
	{ TEXT("HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\n\r\n"), NULL, "" },
	{ TEXT("HTTP/1.1 301 Moved Permanently\r\nLocation: https://h/x\r\nContent-Length: 0\r\n\r\n"), NULL,
	  ", which points to https://h/x and is not followed" },
	{ TEXT("HTTP/1.1 302 Found\r\nLocation: http://u:secret@h/x?token=secret\r\nContent-Length: 0\r\n\r\n"), NULL,
	  ", which points to http://********@h/x?******** and is not followed" },
	{ TEXT("HTTP/1.1 302 Found\r\nLocation: http://u:se?cret@h/x\r\nContent-Length: 0\r\n\r\n"), NULL,
	  ", which points to http://******** and is not followed" },
	{ TEXT("HTTP/1.1 302 Found\r\nLocation: /login?token=secret\r\nContent-Length: 0\r\n\r\n"), NULL,
	  ", which points to /login?******** and is not followed" },
	{ TEXT("HTTP/1.1 308 P\r\nlocation: /\x1b\302\240\r\nContent-Length: 0\r\n\r\n"), NULL,
	  ", which points to /\\x1b\\xc2\\xa0 and is not followed" },
};

static void other_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct http_response r = { .max_body = MAX_BODY };
		struct buf said = { 0 };
		const char *foreign;
		size_t used;

		check(!http_parse(&r, others[i].text, others[i].len, &used) && r.done, "parsed", others[i].text);
		foreign = http_foreign(&r);
		check(!foreign == !others[i].foreign && (!foreign || strcmp(foreign, others[i].foreign) == 0), foreign ? foreign : "nothing",
		      others[i].text);
		buf_puts(&said, "");
		http_put_redirect(&r, &said);
		check(strcmp(said.data, others[i].redirect) == 0, said.data, others[i].text);
		buf_free(&said);
		http_response_free(&r);
	}
}

static const struct {
	const char *text, *host, *prefix; /* host NULL: refused */
	unsigned port;
} urls[] = {
	{ "127.0.0.1:8500", "127.0.0.1", "", 8500 }, { "http://127.0.0.1:8500", "127.0.0.1", "", 8500 },
	{ "consul", "consul", "", 8500 }, { "http://consul", "consul", "", 80 }, { "http://consul/", "consul", "/", 80 },
	{ "http://[::1]:8500/", "::1", "/", 8500 }, { "[::1]", "::1", "", 8500 }, { "http://[::1]", "::1", "", 80 },
	{ "http://[::1]/x", "::1", "/x", 80 }, { "http://h:1/a/b", "h", "/a/b", 1 }, { "http://h:1/a/b//", "h", "/a/b//", 1 },
	{ "h:1/a", "h", "/a", 1 }, { "h/a:2", "h", "/a:2", 8500 }, { "http://h:65535", "h", "", 65535 },
	{ "http://h?x=/y", NULL, "", 0 }, { "h?x", NULL, "", 0 }, { "http://h/?x=/y", "h", "/?x=/y", 80 },
	{ "", NULL, "", 0 }, { "http://", NULL, "", 0 }, { "http:///x", NULL, "", 0 }, { "http://:80", NULL, "", 0 }, { ":8500", NULL, "", 0 },
	{ "https://h", "h", "", 443 }, { "ftp://h", NULL, "", 0 }, { "unix:///run/consul.sock", "/run/consul.sock", "", 0 },
	{ "unix://run/x", NULL, "", 0 }, { "unix://", NULL, "", 0 }, { "unix:///a\nb", NULL, "", 0 }, { "UNIX:///A b?c", "/A b?c", "", 0 },
	{ "HTTP://h", "h", "", 80 }, { "Http://h:1/A", "h", "/A", 1 }, { "HTTPS://h:1/x", "h", "/x", 1 }, { "h:0", NULL, "", 0 }, { "h:65536", NULL, "", 0 }, { "h:x", NULL, "", 0 }, { "h:", NULL, "", 0 },
	{ "::1", NULL, "", 0 }, { "::1:8500", NULL, "", 0 }, { "u:p@h:80", NULL, "", 0 }, { "u@h", NULL, "", 0 },
	{ "a b", NULL, "", 0 }, { "h:1/a b", NULL, "", 0 }, { "h:1/a\r\nX: y", NULL, "", 0 }, { "h\n:1", NULL, "", 0 }, { " h:1", NULL, "", 0 },
};

static void url_cases(void)
{
	struct http_url u;
	struct buf text = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const char *why = http_url_parse(&u, urls[i].text, 8500);

		if (!urls[i].host || (strncasecmp(urls[i].text, "https:", 6) == 0 && !tls_library))
			check(why, "refused", urls[i].text);
		else
			check(!why && strcmp(u.host, urls[i].host) == 0 && strcmp(u.prefix, urls[i].prefix) == 0 && u.port == urls[i].port,
			      why ? why : "parts", urls[i].text);
	}
	for (size_t len = 0; len < 600; len++) { /* each part may be too long for its place */
		static const char *const shapes[] = { "http://h:1/%s", "http://%s:1", "[:%s]:1", "%s" };

		for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
			char word[600] = "";

			memset(word, 'a', len);
			text.len = 0;
			buf_printf(&text, shapes[s], word);
			if (len && len <= 250)
				check(!http_url_parse(&u, text.data, 8500), "long", text.data);
			else if (len > 255)
				check(http_url_parse(&u, text.data, 8500), "too long", text.data);
		}
	}
	buf_free(&text);
}

static void request_cases(void)
{
	struct buf out = { 0 };
	struct http_url u = { .host = "::1", .prefix = "/c", .port = 8500 };

	http_escape(&out, "AZaz09-._~");
	check(strcmp(out.data, "AZaz09-._~") == 0, "unreserved", out.data);
	out.len = 0;
	http_escape(&out, "a b/c?d&e=f#g%h+i\"\r\n\x7f\303\251");
	check(strcmp(out.data, "a%20b%2Fc%3Fd%26e%3Df%23g%25h%2Bi%22%0D%0A%7F%C3%A9") == 0, "http_escape", out.data);
	out.len = 0;
	http_request(&out, "GET", &u, "/v1/x?y");
	check(strncmp(out.data, TEXT("GET /c/v1/x?y HTTP/1.1\r\nHost: [::1]:8500\r\n")) == 0, "http_request", out.data);
	check(strcmp(out.data + out.len - 2, "\r\n") == 0 && !strstr(out.data, "\r\n\r\n"), "headers may follow", out.data);
	check(!strstr(out.data, "Accept-Encoding"), "no compression", out.data);
	u = (struct http_url){ .host = "h", .port = 80 };
	out.len = 0;
	http_request(&out, "HEAD", &u, "/");
	check(strncmp(out.data, TEXT("HEAD / HTTP/1.1\r\nHost: h\r\n")) == 0, "the usual port is not said", out.data);
	u = (struct http_url){ .scheme = HTTP_UNIX, .host = "/run/x" };
	out.len = 0;
	http_request(&out, "GET", &u, "/");
	check(strncmp(out.data, TEXT("GET / HTTP/1.1\r\nHost: localhost\r\n")) == 0, "a socket", out.data);
	u = (struct http_url){ .scheme = HTTP_TLS, .host = "::1", .port = 80 };
	out.len = 0;
	http_put_host(&out, &u);
	check(strcmp(out.data, "[::1]:80") == 0, "the usual port of another scheme", out.data);
	u.port = 443;
	out.len = 0;
	http_put_host(&out, &u);
	check(strcmp(out.data, "[::1]") == 0, "the usual port of https", out.data);
	buf_free(&out);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		sinking = i;
		answer_cases();
		cut_cases();
	}
	sink_cases();
	refuse_cases();
	buf_free(&sunk);
	bound_cases();
	header_cases();
	other_cases();
	url_cases();
	request_cases();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
