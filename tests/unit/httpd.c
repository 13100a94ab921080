/* Cases for httpd.c: which path a request asks for, however its target is written. */
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

int main(void)
{
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
