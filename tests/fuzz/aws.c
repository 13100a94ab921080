/* libFuzzer target for what AWS is sent and says: the fields of a request, signed; the body and date of an error. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "aws_error.h"
#include "aws_sign.h"
#include "date.h"
#include "http.h"
#include "text.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* The next field, up to a zero byte, as a text of its own. */
static char *take_field(struct slice *rest)
{
	size_t len = 0;
	char *field;

	while (len < rest->len && rest->at[len])
		len++;
	field = malloc(len + 1);
	if (len)
		memcpy(field, rest->at, len);
	field[len] = '\0';
	*rest = slice_skip(*rest, len < rest->len ? len + 1 : len);
	return field;
}

static size_t count_lines(const struct buf *text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	return lines;
}

/* A few lines, and the signature at their end, which is the same each time. */
static void check_sign(const struct aws_request *request, const struct aws_keys *keys)
{
	struct buf out = { 0 }, again = { 0 };
	const char *signature;

	aws_sign(request, keys, &out);
	aws_sign(request, keys, &again);
	MUST(out.len == again.len && memcmp(out.data, again.data, out.len) == 0);
	signature = out.data + out.len - 66;
	MUST(out.len > 78 && memcmp(signature - 12, ", Signature=", 12) == 0 && strcmp(signature + 64, "\r\n") == 0);
	MUST(strspn(signature, "0123456789abcdef") == 64);
	if (!strpbrk(keys->id, "\r\n") && !strpbrk(keys->token, "\r\n") && !strpbrk(request->region, "\r\n") &&
	    !strpbrk(request->target, "\r\n"))
		MUST(count_lines(&out) == 4u + !!*keys->token);
	buf_free(&out);
	buf_free(&again);
}

static void fuzz_sign(struct slice rest)
{
	char *fields[7];

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		fields[i] = take_field(&rest);
	check_sign(&(struct aws_request){
		.service = "dynamodb", .region = fields[3], .host = fields[4], .path = fields[5], .target = fields[6],
		.content_type = "application/x-amz-json-1.0", .body = rest, .now = (int64_t)rest.len * 1000003
	}, &(struct aws_keys){ fields[0], fields[1], fields[2] });
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		free(fields[i]);
}

/* What is shown has no control byte, and no secret. */
static void fuzz_error(struct slice text)
{
	static const char *const secrets[] = { "SECRET", NULL, "" };
	struct http_response response = { .status = text.len ? 400 + (unsigned char)text.at[0] : 400 };
	struct aws_error error = { 0 };
	struct buf out = { 0 };

	buf_add(&response.body, text.at, text.len);
	aws_error_read(&error, &response);
	aws_error_put(&error, response.status, secrets, ARRAY_LEN(secrets), &out);
	MUST(!text_controls((struct slice){ out.data, out.len }) && !strstr(out.data, "SECRET") && out.len < 2000);
	buf_free(&response.body);
	buf_free(&out);
	aws_error_free(&error);
}

/* A time that is read is that time when it is written. */
static void fuzz_date(struct slice text)
{
	int64_t seconds;
	struct buf out = { 0 };

	if (date_read_http(text, &seconds) || date_read_iso(text, &seconds)) {
		MUST(seconds >= 0 && seconds <= 253402300800);
		date_put_basic(seconds, &out);
		MUST(out.len >= 16);
		if (text.at[4] == '-' && memcmp(text.at + 17, "60", 2) != 0)
			MUST(memcmp(out.data, text.at, 4) == 0 && memcmp(out.data + 4, text.at + 5, 2) == 0 &&
			     memcmp(out.data + 9, text.at + 11, 2) == 0 && memcmp(out.data + 13, text.at + 17, 2) == 0);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* so that a byte too far is seen */
	struct slice text = { copy, size };

	if (size)
		memcpy(copy, data, size);
	fuzz_sign(text);
	fuzz_error(text);
	fuzz_date(text);
	free(copy);
	return 0;
}
