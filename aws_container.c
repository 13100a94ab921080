#include "base.h"
#include "aws_container.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "aws_endpoint.h"
#include "format.h"
#include "http.h"
#include "http_url.h"
#include "net.h"
#include "text.h"

#define TRIES 3
#ifndef TRY_MS
#define TRY_MS 2000
#endif
#define PAUSE_MS 250 /* before the next */
#define TOKEN_MAX (16 * 1024)

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

bool aws_container_given(void)
{
	return *aws_variable(RELATIVE) || *aws_variable(FULL);
}

/* The token, which goes along, must not be sent to others in clear text. */
static bool container_is_near(const struct http_url *url)
{
	static const char *const near[] = { "169.254.170.2", "169.254.170.23", "fd00:ec2::23" };
	struct net_addr addr, other;

	if (url->scheme == HTTP_TLS || (url->scheme == HTTP_PLAIN && strcasecmp(url->host, "localhost") == 0))
		return true;
	if (url->scheme != HTTP_PLAIN || !net_numeric(slice_of(url->host), 0, &addr))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(near); i++)
		if (net_numeric(slice_of(near[i]), 0, &other) && net_same_host(&addr, &other))
			return true;
	return net_is_loopback(&addr);
}

const char *aws_container_url(struct http_url *url, const char **variable, struct buf *words)
{
	const char *relative = aws_variable(RELATIVE), *why;
	struct buf text = { 0 };

	*variable = *relative ? RELATIVE : FULL;
	buf_puts(&text, *relative ? "http://169.254.170.2" : aws_variable(FULL));
	if (*relative && *relative != '/')
		buf_puts(&text, "/");
	buf_puts(&text, relative);
	why = http_url_parse(url, text.data, 80);
	if (!why && !container_is_near(url))
		why = "must be https, or a loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]";
	if (why) {
		words->len = 0;
		buf_printf(words, "%s: ", *variable);
		buf_masked(words, text.data);
		buf_printf(words, " %s", why);
	}
	buf_free(&text);
	return why ? words->data : NULL;
}

/* What is put behind Authorization:, read each time. */
static const char *container_token(struct buf *token)
{
	const char *path = aws_variable(TOKEN_FILE);
	int error = 0;

	token->len = 0;
	if (*path)
		error = format_load(path, token);
	else
		buf_puts(token, aws_variable(TOKEN));
	if (error)
		return strerror(error);
	if (*path && !token->len)
		return "is empty";
	if (token->len > TOKEN_MAX)
		return "is longer than 16 KiB, which no token is";
	if (text_controls((struct slice){ token->data, token->len }))
		return "has a line break or another control character in it";
	return NULL;
}

static const char *container_ask(struct aws_fetch *fetch, const struct http_url *url, struct aws_found *found)
{
	struct buf request = { 0 };
	const char *why;

	http_request(&request, "GET", url, *url->prefix ? "" : "/");
	if (fetch->secret.len)
		buf_printf(&request, "Authorization: %s\r\n", fetch->secret.data);
	buf_puts(&request, "\r\n");
	why = aws_fetch_ask(fetch, url, &request, TRY_MS);
	buf_free(&request);
	if (!why)
		why = aws_fetch_judge(fetch);
	return why ? why : aws_found_json(found, aws_fetch_body(fetch), &fetch->why);
}

/* Another try may bring more. */
static bool container_may_heal(const struct aws_fetch *fetch)
{
	int status = fetch->http.response.status;

	return status < 400 || status == 429 || status >= 500;
}

const char *aws_container_fetch(struct aws_fetch *fetch, struct aws_found *found)
{
	struct buf who = { 0 };
	struct http_url url;
	const char *variable, *why = aws_container_url(&url, &variable, &fetch->why);

	if (why)
		return why;
	why = container_token(&fetch->secret);
	if (why)
		return aws_fetch_name(fetch, *aws_variable(TOKEN_FILE) ? TOKEN_FILE : TOKEN, why);
	for (int tries = 1; tries <= TRIES; tries++) {
		why = container_ask(fetch, &url, found);
		if (!why || strcmp(why, "stopped") == 0 || !container_may_heal(fetch))
			break;
		if (tries < TRIES && !aws_fetch_pause(fetch, PAUSE_MS))
			break;
	}
	buf_puts(&who, "the container's endpoint at ");
	http_put_host(&who, &url);
	why = aws_fetch_name(fetch, who.data, why);
	buf_free(&who);
	return why;
}
