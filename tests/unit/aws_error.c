/* Cases for aws_error.c: the names and words of errors, in JSON and XML, what follows from them, and what is shown. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../aws_error.c"

static const struct {
	int status;
	const char *body;
	enum aws_error_kind kind;
	const char *want;
} answers[] = {
	{ 400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}",
	  AWS_ERROR_OTHER, "answered 400 ResourceNotFoundException: Requested resource not found" },
	{ 400, "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\",\"Message\":\"The security token is expired\"}",
	  AWS_ERROR_CREDENTIALS, "answered 400 ExpiredTokenException: The security token is expired" },
	{ 400, "{\"__type\":\"a#b#UnrecognizedClientException\"}", AWS_ERROR_CREDENTIALS, "answered 400 UnrecognizedClientException" },
	{ 400, "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":\"Signature expired: x\"}", AWS_ERROR_CLOCK,
	  "answered 400 InvalidSignatureException: Signature expired: x" },
	{ 400, "{\"__type\":\"x#AccessDeniedException\"}", AWS_ERROR_CLOCK, "answered 400 AccessDeniedException" },
	{ 400, "{\"__type\":\"x#ProvisionedThroughputExceededException\"}", AWS_ERROR_BUSY, "answered 400 ProvisionedThroughputExceededException" },
	{ 400, "{\"__type\":\"ThrottlingException\"}", AWS_ERROR_BUSY, "answered 400 ThrottlingException" },
	{ 400, "{\"__type\":\"x#RequestLimitExceeded\"}", AWS_ERROR_BUSY, "answered 400 RequestLimitExceeded" },
	{ 400, " {\"message\":\"only words\"} ", AWS_ERROR_OTHER, "answered 400: only words" },
	{ 400, "{\"__type\":7,\"message\":null}", AWS_ERROR_OTHER, "answered 400" },
	{ 400, "[\"__type\"]", AWS_ERROR_OTHER, "answered 400" }, { 400, "{\"__type\":\"x#Thr", AWS_ERROR_OTHER, "answered 400" },
	{ 400, "", AWS_ERROR_OTHER, "answered 400" }, { 400, "secret words", AWS_ERROR_OTHER, "answered 400" },
	{ 429, "", AWS_ERROR_BUSY, "answered 429" }, { 500, "", AWS_ERROR_BUSY, "answered 500" },
	{ 503, "<html><body>Unwell</body></html>", AWS_ERROR_BUSY, "answered 503" },
	{ 500, "{\"__type\":\"x#InternalServerError\",\"message\":\"m\"}", AWS_ERROR_BUSY, "answered 500 InternalServerError: m" },
	{ 404, "<ErrorResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><Error><Type>Sender</Type>"
	  "<Code>CacheClusterNotFound</Code><Message>CacheCluster not found: x</Message></Error><RequestId>r</RequestId></ErrorResponse>",
	  AWS_ERROR_OTHER, "answered 404 CacheClusterNotFound: CacheCluster not found: x" },
	{ 403, "<?xml version=\"1.0\"?><ErrorResponse><Error><Message>m &lt;1&gt;</Message><Code>InvalidClientTokenId</Code></Error></ErrorResponse>",
	  AWS_ERROR_CREDENTIALS, "answered 403 InvalidClientTokenId: m <1>" },
	{ 403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>", AWS_ERROR_CREDENTIALS, "answered 403 ExpiredToken" },
	{ 403, "<e:ErrorResponse xmlns:e='u'><e:Error><e:Code>SignatureDoesNotMatch</e:Code></e:Error></e:ErrorResponse>", AWS_ERROR_CLOCK,
	  "answered 403 SignatureDoesNotMatch" },
	{ 400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", AWS_ERROR_BUSY, "answered 400 Throttling" },
	{ 400, "<ErrorResponse><Error><Code>Throttling</Code></Error>", AWS_ERROR_OTHER, "answered 400" },
	{ 400, "<E><Other><Code>Throttling</Code></Other><Code>Throttling</Code></E>", AWS_ERROR_OTHER, "answered 400" },
	{ 400, "<E><Error><Deep><Code>Throttling</Code></Deep></Error></E>", AWS_ERROR_OTHER, "answered 400" },
	{ 400, "{\"__type\":\"a\\u001b[1mb\",\"message\":\"x\\u0007y\"}", AWS_ERROR_OTHER, "answered 400 a\\x1b[1mb: x\\x07y" },
	/* What AWS says of a signature goes on with the request. */
	{ 403, "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"does not match.\\n\\nThe Canonical String is\\n'POST\\n/\\n\"}",
	  AWS_ERROR_CLOCK, "answered 403 InvalidSignatureException: does not match." },
	{ 403, "{\"__type\":\"x#AnyException\",\"message\":\"host x-amz-security-token:SESSION/TOKEN== x\"}", AWS_ERROR_OTHER,
	  "answered 403 AnyException: (words with a secret in them)" },
	{ 403, "{\"__type\":\"SE\\/CRET\",\"message\":\"x\"}", AWS_ERROR_OTHER, "answered 403: (words with a secret in them)" },
};

static void answer_cases(void)
{
	const char *const secrets[] = { "SE/CRET", "SESSION/TOKEN==", "", NULL };
	struct aws_error error = { 0 };
	struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct http_response response = { .status = answers[i].status };

		buf_puts(&response.body, answers[i].body);
		aws_error_read(&error, &response);
		out.len = 0;
		aws_error_put(&error, response.status, secrets, ARRAY_LEN(secrets), &out);
		check(error.kind == answers[i].kind && strcmp(out.data, answers[i].want) == 0, answers[i].want, out.data);
		buf_free(&response.body);
	}
	buf_free(&out);
	aws_error_free(&error);
}

/* A long message is cut, and not in the middle of a character. */
static void long_cases(void)
{
	for (size_t before = 0; before < 4; before++) {
		struct http_response response = { .status = 400 };
		struct aws_error error = { 0 };
		struct buf out = { 0 };

		buf_printf(&response.body, "{\"message\":\"%.*s", (int)before, "xxxx");
		for (int i = 0; i < 200; i++)
			buf_puts(&response.body, "\342\202\254");
		buf_puts(&response.body, "\"}");
		aws_error_read(&error, &response);
		aws_error_put(&error, 400, NULL, 0, &out);
		check(out.len <= strlen("answered 400: ") + WORDS_MAX && out.len > WORDS_MAX, "cut", out.data);
		check((out.len - strlen("answered 400: ") - before) % 3 == 0, "between characters", out.data);
		buf_free(&response.body);
		buf_free(&out);
		aws_error_free(&error);
	}
}

int main(void)
{
	answer_cases();
	long_cases();
	return check_sum();
}
