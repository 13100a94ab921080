#include "base.h"
#include "aws_fetch.h"

#include <poll.h>
#include <string.h>
#include <strings.h>

#include "aws_endpoint.h"
#include "sys.h"

#define BODY_MAX (64 * 1024)
#define WORDS_MAX 120 /* bytes that are shown of the body of an error */

void aws_fetch_open(struct aws_fetch *fetch, const struct tls_options *tls, int cancel_fd, int64_t deadline)
{
	*fetch = (struct aws_fetch){ .cancel_fd = cancel_fd, .deadline = deadline };
	http_open(&fetch->http, BODY_MAX);
	fetch->http.tls = tls;
}

void aws_fetch_close(struct aws_fetch *fetch)
{
	http_free(&fetch->http);
	buf_free(&fetch->secret);
	buf_free(&fetch->why);
}

const char *aws_fetch_ask(struct aws_fetch *fetch, const struct http_url *url, const struct buf *request,
                          int64_t limit)
{
	int64_t now = sys_now(), deadline = fetch->deadline - now < limit ? fetch->deadline : now + limit;
	const char *why = http_connect(&fetch->http, url, fetch->cancel_fd, deadline);

	fetch->reached = !why;
	return why ? why : http_ask(&fetch->http, url, request, fetch->cancel_fd, deadline);
}

struct slice aws_fetch_body(const struct aws_fetch *fetch)
{
	return (struct slice){ fetch->http.response.body.data, fetch->http.response.body.len };
}

/* What was sent may come back in the words, and what was asked for may come with an odd status. */
static bool fetch_tells_secret(const struct aws_fetch *fetch)
{
	struct slice body = aws_fetch_body(fetch);

	return fetch->http.response.status < 400 || slice_find(body, slice_of("Secret")) ||
	       slice_find(body, (struct slice){ fetch->secret.data, fetch->secret.len });
}

const char *aws_fetch_judge(struct aws_fetch *fetch)
{
	const struct http_response *response = &fetch->http.response;
	struct slice body = slice_trim(aws_fetch_body(fetch));

	if (response->status == 200)
		return NULL;
	fetch->why.len = 0;
	buf_printf(&fetch->why, "answered %d", response->status);
	http_put_redirect(response, &fetch->why);
	if (body.len && !fetch_tells_secret(fetch)) {
		buf_puts(&fetch->why, ": ");
		buf_visible(&fetch->why, body.at, body.len < WORDS_MAX ? body.len : WORDS_MAX);
	}
	return fetch->why.data;
}

const char *aws_fetch_name(struct aws_fetch *fetch, const char *who, const char *why)
{
	struct buf words = { 0 };

	if (!why || strcmp(why, "stopped") == 0)
		return why;
	buf_printf(&words, "%s: %s", who, why);
	buf_free(&fetch->why);
	fetch->why = words;
	return words.data;
}

bool aws_fetch_pause(const struct aws_fetch *fetch, int64_t ms)
{
	struct pollfd cancel = { .fd = fetch->cancel_fd, .events = POLLIN };

	return sys_now() + ms < fetch->deadline && poll(&cancel, 1, (int)ms) == 0;
}

bool aws_fetch_set(const char *variable)
{
	return strcasecmp(aws_variable(variable), "true") == 0;
}
