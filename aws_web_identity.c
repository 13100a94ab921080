#include "base.h"
#include "aws_web_identity.h"

#include <string.h>

#include "aws_endpoint.h"
#include "aws_error.h"
#include "date.h"
#include "format.h"
#include "http.h"
#include "http_url.h"
#include "xml.h"

#define ASK_MS 5000
#define TOKEN_MAX 20000 /* STS takes no longer ones */

#define TOKEN_FILE "AWS_WEB_IDENTITY_TOKEN_FILE"

bool aws_web_identity_given(void)
{
	return *aws_variable(TOKEN_FILE);
}

/* The file is replaced from time to time: it is read each time. */
static const char *identity_token(struct buf *token)
{
	struct buf text = { 0 };
	int error = format_load(aws_variable(TOKEN_FILE), &text);
	struct slice trimmed = slice_trim((struct slice){ text.data, text.len });
	const char *why = error ? strerror(error) : NULL;

	if (!why && !trimmed.len)
		why = "has no token in it";
	if (!why && trimmed.len > TOKEN_MAX)
		why = "is longer than 20000 bytes, which no token is";
	if (!why && text_controls(trimmed))
		why = "has a control character in its token";
	if (!why)
		aws_found_put(token, trimmed);
	buf_free(&text);
	return why;
}

static void identity_field(struct buf *form, const char *name, const char *value)
{
	buf_printf(form, "&%s=", name);
	http_escape(form, value);
}

static void identity_request(struct buf *request, const struct http_url *url, const char *token)
{
	const char *session = aws_variable("AWS_ROLE_SESSION_NAME");
	struct buf form = { 0 };

	buf_puts(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
	identity_field(&form, "RoleArn", aws_variable("AWS_ROLE_ARN"));
	identity_field(&form, "RoleSessionName", *session ? session : "dill");
	identity_field(&form, "WebIdentityToken", token);
	http_request(request, "POST", url, *url->prefix ? "" : "/");
	buf_printf(request, "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
	                    "Content-Length: %zu\r\n\r\n", form.len);
	buf_add(request, form.data, form.len);
	buf_free(&form);
}

/* One member of Credentials. False: its text is no good. */
static bool identity_member(struct aws_found *found, struct slice name, struct slice text)
{
	if (slice_is(name, "AccessKeyId"))
		aws_found_put(&found->id, text);
	else if (slice_is(name, "SecretAccessKey"))
		aws_found_put(&found->secret, text);
	else if (slice_is(name, "SessionToken"))
		aws_found_put(&found->token, text);
	else if (slice_is(name, "Expiration"))
		return date_read_iso(text, &found->expires);
	return true;
}

const char *aws_web_identity_read(struct aws_found *found, struct slice text)
{
	enum xml_event event, before = XML_END;
	unsigned inside = 0; /* depth of the members of Credentials; 0: not in there */
	const char *why = NULL;
	struct xml xml;

	xml_open(&xml, text.at ? text.at : "", text.len);
	while (!why && (event = xml_next(&xml)) != XML_END) {
		if (event == XML_BROKEN)
			why = "answered with broken XML";
		else if (event == XML_OPEN && !inside && slice_is(xml.name, "Credentials"))
			inside = xml.depth + 1;
		else if (event == XML_CLOSE && xml.depth + 1 == inside)
			inside = 0;
		else if (event == XML_TEXT && before == XML_OPEN && xml.depth == inside &&
		         !identity_member(found, xml.name, slice_trim((struct slice){ xml.text.data, xml.text.len })))
			why = "answered with an Expiration that is no date";
		before = event;
	}
	xml_close(&xml);
	return why ? why : aws_found_check(found);
}

static const char *identity_judge(struct aws_fetch *fetch)
{
	const struct http_response *response = &fetch->http.response;
	struct aws_error error = { 0 };

	if (response->status == 200)
		return NULL;
	fetch->why.len = 0;
	aws_error_read(&error, response);
	aws_error_put(&error, response->status, (const char *const[]){ fetch->secret.data }, 1, &fetch->why);
	aws_error_free(&error);
	return fetch->why.data;
}

static const char *identity_ask(struct aws_fetch *fetch, const struct http_url *url, struct aws_found *found)
{
	struct buf request = { 0 };
	const char *why;

	identity_request(&request, url, fetch->secret.data);
	why = aws_fetch_ask(fetch, url, &request, ASK_MS);
	buf_free(&request);
	if (!why)
		why = identity_judge(fetch);
	return why ? why : aws_web_identity_read(found, aws_fetch_body(fetch));
}

const char *aws_web_identity_fetch(struct aws_fetch *fetch, const char *region, struct aws_found *found)
{
	struct buf who = { 0 };
	struct http_url url;
	const char *why = identity_token(&fetch->secret);

	if (why)
		return aws_fetch_name(fetch, TOKEN_FILE, why);
	if (!*aws_variable("AWS_ROLE_ARN"))
		return TOKEN_FILE " is set without AWS_ROLE_ARN";
	why = aws_endpoint(&url, "sts", region, "", &fetch->why);
	buf_puts(&who, "STS");
	if (!why) {
		buf_puts(&who, " at ");
		http_put_host(&who, &url);
		why = identity_ask(fetch, &url, found);
	}
	why = aws_fetch_name(fetch, who.data, why);
	buf_free(&who);
	return why;
}
