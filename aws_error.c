#include "base.h"
#include "aws_error.h"

#include <string.h>

#include "http.h"
#include "json.h"
#include "text.h"
#include "xml.h"

#define WORDS_MAX 200 /* bytes of a message that are shown */

static const struct {
	const char *name;
	enum aws_error_kind kind;
} kinds[] = {
	{ "InvalidSignatureException", AWS_ERROR_CLOCK }, { "SignatureDoesNotMatch", AWS_ERROR_CLOCK },
	{ "RequestExpired", AWS_ERROR_CLOCK }, { "RequestInTheFuture", AWS_ERROR_CLOCK },
	{ "RequestTimeTooSkewed", AWS_ERROR_CLOCK }, { "AuthFailure", AWS_ERROR_CLOCK },
	{ "AccessDeniedException", AWS_ERROR_CLOCK },
	{ "ExpiredToken", AWS_ERROR_CREDENTIALS }, { "ExpiredTokenException", AWS_ERROR_CREDENTIALS },
	{ "UnrecognizedClientException", AWS_ERROR_CREDENTIALS }, { "InvalidClientTokenId", AWS_ERROR_CREDENTIALS },
	{ "ProvisionedThroughputExceededException", AWS_ERROR_BUSY }, { "Throttling", AWS_ERROR_BUSY },
	{ "ThrottlingException", AWS_ERROR_BUSY }, { "RequestLimitExceeded", AWS_ERROR_BUSY }
};

static enum aws_error_kind error_kind(struct slice name, int status)
{
	if (status == 429 || status >= 500)
		return AWS_ERROR_BUSY;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (slice_is(name, kinds[i].name))
			return kinds[i].kind;
	return AWS_ERROR_OTHER;
}

/* com.amazonaws.dynamodb.v20120810#ResourceNotFoundException */
static void error_of_json(struct aws_error *error, struct slice body)
{
	struct json json = { 0 };
	struct buf type = { 0 };
	const char *name;

	if (body.len && !json_parse(&json, body.at, body.len)) {
		if (json_get(&json, 0, "__type") && json_string(&json, json_get(&json, 0, "__type"), &type) && type.len) {
			name = strrchr(type.data, '#');
			buf_puts(&error->name, name ? name + 1 : type.data);
		}
		if (json_get(&json, 0, "message"))
			json_string(&json, json_get(&json, 0, "message"), &error->message);
		else if (json_get(&json, 0, "Message"))
			json_string(&json, json_get(&json, 0, "Message"), &error->message);
	}
	buf_free(&type);
	json_free(&json);
}

/* <ErrorResponse><Error><Code>, and beside it <Message>. */
static void error_of_xml(struct aws_error *error, struct slice body)
{
	bool inside = false; /* of Error */
	enum xml_event event;
	struct xml xml;

	xml_open(&xml, body.at, body.len);
	while ((event = xml_next(&xml)) < XML_END) {
		if (xml.depth == 2)
			inside = event != XML_CLOSE && slice_is(xml.name, "Error");
		if (!inside || event != XML_TEXT || xml.depth != 3)
			continue;
		if (slice_is(xml.name, "Code") && !error->name.len)
			buf_add(&error->name, xml.text.data, xml.text.len);
		else if (slice_is(xml.name, "Message") && !error->message.len)
			buf_add(&error->message, xml.text.data, xml.text.len);
	}
	if (event == XML_BROKEN)
		error->name.len = error->message.len = 0;
	xml_close(&xml);
}

void aws_error_read(struct aws_error *error, const struct http_response *response)
{
	struct slice body = slice_trim((struct slice){ response->body.data, response->body.len });

	error->name.len = error->message.len = 0;
	if (slice_starts(body, "<"))
		error_of_xml(error, body);
	else
		error_of_json(error, body);
	error->kind = error_kind((struct slice){ error->name.data, error->name.len }, response->status);
}

static bool error_has_secret(const struct buf *text, const char *const *secrets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_find((struct slice){ text->data, text->len }, slice_of(secrets[i])))
			return true;
	return false;
}

/* Its first line: that of a wrong signature goes on with the request. */
static void error_put_words(const struct buf *text, struct buf *out)
{
	size_t len = strcspn(text->data, "\r\n");

	if (len > WORDS_MAX)
		for (len = WORDS_MAX; (text->data[len] & 0xc0) == 0x80;)
			len--;
	buf_visible(out, text->data, len);
}

void aws_error_put(const struct aws_error *error, int status, const char *const *secrets, size_t count,
                   struct buf *out)
{
	bool hide_name = error_has_secret(&error->name, secrets, count);

	buf_printf(out, "answered %d", status);
	if (error->name.len && !hide_name) {
		buf_puts(out, " ");
		error_put_words(&error->name, out);
	}
	if (hide_name || error_has_secret(&error->message, secrets, count)) {
		buf_puts(out, ": (words with a secret in them)");
	} else if (error->message.len) {
		buf_puts(out, ": ");
		error_put_words(&error->message, out);
	}
}

void aws_error_free(struct aws_error *error)
{
	buf_free(&error->name);
	buf_free(&error->message);
}
