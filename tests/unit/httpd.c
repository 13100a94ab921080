/* Cases for httpd.c: which path a request asks for, however its target is written, and whether it is meant for us. */
#include "base.h"

#include <stdio.h>

#include "check.h"
#include "../../httpd.c"

/* want: the path; a code, when there is none. */
static const struct {
	const char *target, *want;
} targets[] = {
	{ "/", "/" }, { "/status", "/status" }, { "/status?x=1", "/status" }, { "/?/status", "/" }, { "/a?b?c", "/a" },
	{ "//x/status", "//x/status" }, { "/http://x/status", "/http://x/status" }, { "/a@b", "/a@b" },
	/* absolute */
	{ "http://h/metrics", "/metrics" }, { "HTTP://h/metrics", "/metrics" }, { "http://h:80/metrics?x=/y", "/metrics" },
	{ "http://[::1]:80/metrics", "/metrics" }, { "http://h", "/" }, { "http://h:80", "/" }, { "http://h/", "/" },
	{ "http://h?x=/metrics", "/" }, { "http://h?/metrics", "/" }, { "http://h/?x=/metrics", "/" }, { "http://h?", "/" },
	{ "http://h//metrics", "//metrics" }, { "http://h?x=u@h/metrics", "/" }, { "http://h/u@h", "/u@h" },
	/* wrong */
	{ "http://", "400" }, { "http:///metrics", "400" }, { "http://?/metrics", "400" }, { "http://:80/metrics", "400" },
	{ "http://u:p@h/metrics", "400" }, { "http://u@h", "400" }, { "http://@h/metrics", "400" },
	{ "/metrics#x", "400" }, { "http://h#/metrics", "400" }, { "http://h/#", "400" }, { "/?#", "400" }, { "#", "400" },
	{ "http:/", "400" }, { "http:/h/metrics", "400" }, { "https://h/metrics", "400" }, { "h/metrics", "400" },
	{ "*", "400" }, { "?x=/metrics", "400" }, { "h:80", "400" }, { "", "400" },
};

/* yes: a server that is known as dill and Dill.Example is meant. */
static const struct {
	const char *target, *host;
	bool yes;
} hosts[] = {
	{ "/", "127.0.0.1", true }, { "/", "127.0.0.1:8001", true }, { "/", "10.255.0.1:", true }, { "/", "[::1]", true },
	{ "/", "[::1]:80", true }, { "/", "[fe80::1%25eth0]:80", true }, { "/", "[fe80::1%nowhere]", true }, { "/", "[::ffff:1.2.3.4]", true },
	{ "/", "localhost", true }, { "/", "LOCALHOST:1", true }, { "/", "localhost.", true }, { "/", "localhost.:80", true },
	{ "/", "dill", true }, { "/", "DILL:80", true }, { "/", "dill.", true }, { "/", "dill.example", true },
	{ "/", "Dill.Example.:80", true }, { "/", "last", true },
	/* of others */
	{ "/", "evil", false }, { "/", "evil:80", false }, { "/", "dill.example.evil", false }, { "/", "evil.dill", false },
	{ "/", "dil", false }, { "/", "dilll", false }, { "/", "dill..", false }, { "/", "localhost.evil", false },
	{ "/", "localhost..", false }, { "/", "127.0.0.1.evil", false }, { "/", "127.0.0.1.evil.example:80", false },
	{ "/", "127.1", false }, { "/", "0x7f.1", false }, { "/", "1.2.3.4x", false }, { "/", "a.localhost", false },
	/* wrong */
	{ "/", "", false }, { "/", ":80", false }, { "/", ".", false }, { "/", "dill:x", false }, { "/", "dill:80:80", false },
	{ "/", "dill@127.0.0.1", false }, { "/", "evil@127.0.0.1", false }, { "/", "127.0.0.1@evil", false },
	{ "/", "127.0.0.1, evil", false }, { "/", "dill,last", false }, { "/", "dill evil", false }, { "/", "::1", false },
	{ "/", "[::1", false }, { "/", "[::1]x", false }, { "/", "[::1]:x", false }, { "/", "[]", false }, { "/", "[", false },
	{ "/", "[evil]", false }, { "/", "http://127.0.0.1", false }, { "/", "127.0.0.1/", false }, { "/", "127.0.0.1:8x", false },
	/* The host of the target counts, and the other one does not. */
	{ "http://127.0.0.1/", "evil", true }, { "http://dill:80", "evil", true }, { "http://[::1]?x", "evil", true },
	{ "http://evil/", "127.0.0.1", false }, { "HTTP://evil", "dill", false }, { "http://evil:80/", "dill", false },
	{ "http://evil?x", "dill", false }, { "/http://evil/", "dill", true }, { "/?http://dill/", "evil", false },
};

static void check_host(const char *target, const char *host, bool old, bool yes)
{
	static const char names[] = "dill, Dill.Example., ,last";
	struct buf head = { 0 };
	struct httpd_request request;

	buf_printf(&head, "GET %s HTTP/1.%d\r\nHost: %s\r\n\r\n", target, !old, host);
	check(!httpd_read((struct slice){ head.data, head.len }, &request), "the head", head.data);
	check(httpd_is_for(&request, names) == yes, "is for us", head.data);
	buf_free(&head);
}

static void check_hosts(void)
{
	static const char none[] = "GET / HTTP/1.0\r\n\r\n", evil[] = "GET http://evil/ HTTP/1.0\r\n\r\n";
	struct httpd_request request;

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		check_host(hosts[i].target, hosts[i].host, false, hosts[i].yes);
		if (*hosts[i].host)
			check_host(hosts[i].target, hosts[i].host, true, hosts[i].yes);
	}
	check(!httpd_read(slice_of(none), &request) && httpd_is_for(&request, ""), "HTTP/1.0 without Host", none);
	check(!httpd_read(slice_of(evil), &request) && !httpd_is_for(&request, ""), "HTTP/1.0 without Host", evil);
}

/* Chunks end before the body does, and none of them is empty. */
static void check_chunks(void)
{
	struct buf out = { 0 };
	char large[300] = { 0 };

	httpd_put_chunk(&out, "one", 3, true);
	httpd_put_chunk(&out, "", 0, true);
	httpd_put_chunk(&out, "sixteen is ten!!", 16, false);
	check(strcmp(out.data, "3\r\none\r\n10\r\nsixteen is ten!!\r\n0\r\n\r\n") == 0, "chunks", out.data);
	out.len = 0;
	httpd_put_chunk(&out, "", 0, false);
	check(strcmp(out.data, "0\r\n\r\n") == 0, "the last chunk", out.data);
	out.len = 0;
	httpd_put_chunk(&out, large, sizeof large, true);
	check(out.len == 5 + sizeof large + 2 && memcmp(out.data, "12c\r\n", 5) == 0, "a larger one", out.data);
	buf_free(&out);
}

/* What is said of the length. */
static void check_lengths(void)
{
	static const struct {
		size_t length;
		const char *want, *not;
	} lengths[] = {
		{ 12, "\r\nContent-Length: 12\r\n", "chunked" }, { 0, "\r\nContent-Length: 0\r\n", "chunked" },
		{ HTTPD_CHUNKED, "\r\nTransfer-Encoding: chunked\r\n", "Content-Length" },
		{ HTTPD_UNTIL_CLOSE, "\r\nConnection: close\r\n", "Content-Length" },
		{ HTTPD_UNTIL_CLOSE, "\r\nConnection: close\r\n", "chunked" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf out = { 0 };

		httpd_put_head(&out, &(struct httpd_answer){ .code = 200, .type = "text/plain", .length = lengths[i].length, .last = true });
		check(strstr(out.data, lengths[i].want) && !strstr(out.data, lengths[i].not), lengths[i].want, out.data);
		buf_free(&out);
	}
}

int main(void)
{
	check_hosts();
	check_chunks();
	check_lengths();
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct buf head = { 0 }, got = { 0 };
		struct httpd_request request;
		int code;

		buf_printf(&head, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i].target);
		check(httpd_head_length((struct slice){ head.data, head.len }) == head.len, "the head", targets[i].target);
		code = httpd_read((struct slice){ head.data, head.len }, &request);
		if (code)
			buf_printf(&got, "%d", code);
		else
			buf_add(&got, request.path.at, request.path.len);
		check(strcmp(got.data, targets[i].want) == 0, got.data, targets[i].target);
		buf_free(&head);
		buf_free(&got);
	}
	return check_sum();
}
