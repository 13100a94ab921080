#include "base.h"
#include "aws_sign.h"

#include <string.h>

#include "date.h"
#include "http_url.h"
#include "sha256.h"
#include "text.h"

/* In the order of their names, as they are signed. */
enum { CONTENT_TYPE, HOST, DATE, TOKEN, TARGET, HEADERS };

static const char *const names[HEADERS] = {
	"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"
};

static void sign_put_hash(struct buf *out, const void *bytes, size_t len)
{
	unsigned char hash[SHA256_SIZE];

	sha256(bytes, len, hash);
	for (size_t i = 0; i < sizeof hash; i++)
		buf_printf(out, "%02x", hash[i]);
}

/* Trimmed, and runs of blanks as one: what is sent is what is signed. */
static void sign_put_value(struct buf *out, const char *value)
{
	struct slice text = slice_trim(slice_of(value));

	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != ' ' || text.at[i - 1] != ' ')
			buf_add(out, text.at + i, 1);
}

/* What is escaped on the wire is escaped once more here, as AWS has it for all services but S3. */
static void sign_put_path(struct buf *out, const char *path)
{
	for (; *path; path++)
		if (*path == '/')
			buf_puts(out, "/");
		else
			http_escape(out, (char[]){ *path, '\0' });
}

static void sign_put_names(struct buf *out, const char *const values[HEADERS])
{
	const char *before = "";

	for (int i = 0; i < HEADERS; i++)
		if (values[i]) {
			buf_puts(out, before);
			buf_puts(out, names[i]);
			before = ";";
		}
}

static void sign_put_canonical(struct buf *out, const char *method, const char *path,
                               const char *const values[HEADERS], struct slice body)
{
	buf_puts(out, method);
	buf_puts(out, "\n");
	sign_put_path(out, path);
	buf_puts(out, "\n\n");
	for (int i = 0; i < HEADERS; i++)
		if (values[i]) {
			buf_puts(out, names[i]);
			buf_puts(out, ":");
			sign_put_value(out, values[i]);
			buf_puts(out, "\n");
		}
	buf_puts(out, "\n");
	sign_put_names(out, values);
	buf_puts(out, "\n");
	sign_put_hash(out, body.at, body.len);
}

/* The key of one day, region and service. */
static void sign_make_key(unsigned char key[SHA256_SIZE], const char *secret, struct slice day, const char *region,
                          const char *service)
{
	struct buf start = { 0 };

	buf_puts(&start, "AWS4");
	buf_puts(&start, secret);
	sha256_hmac(start.data, start.len, day.at, day.len, key);
	sha256_hmac(key, SHA256_SIZE, region, strlen(region), key);
	sha256_hmac(key, SHA256_SIZE, service, strlen(service), key);
	sha256_hmac(key, SHA256_SIZE, "aws4_request", 12, key);
	buf_free(&start);
}

static void sign_put_signature(struct buf *out, const unsigned char key[SHA256_SIZE], const char *date,
                               const char *scope, const struct buf *canonical)
{
	unsigned char signature[SHA256_SIZE];
	struct buf text = { 0 };

	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n", date, scope);
	sign_put_hash(&text, canonical->data, canonical->len);
	sha256_hmac(key, SHA256_SIZE, text.data, text.len, signature);
	for (size_t i = 0; i < sizeof signature; i++)
		buf_printf(out, "%02x", signature[i]);
	buf_free(&text);
}

static void sign_put_lines(struct buf *out, const char *const values[HEADERS])
{
	for (int i = 0; i < HEADERS; i++)
		if (values[i] && i != HOST) {
			buf_printf(out, "%s: ", names[i]);
			sign_put_value(out, values[i]);
			buf_puts(out, "\r\n");
		}
}

void aws_sign(const struct aws_request *request, const struct aws_keys *keys, struct buf *out)
{
	struct buf date = { 0 }, scope = { 0 }, canonical = { 0 };
	const char *values[HEADERS];
	unsigned char key[SHA256_SIZE];

	date_put_basic(request->now, &date);
	buf_printf(&scope, "%.8s/%s/%s/aws4_request", date.data, request->region, request->service);
	values[CONTENT_TYPE] = request->content_type;
	values[HOST] = request->host;
	values[DATE] = date.data;
	values[TOKEN] = *keys->token ? keys->token : NULL;
	values[TARGET] = request->target;
	sign_put_canonical(&canonical, "POST", request->path ? request->path : "/", values, request->body);
	sign_make_key(key, keys->secret, (struct slice){ date.data, 8 }, request->region, request->service);
	sign_put_lines(out, values);
	buf_printf(out, "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", keys->id, scope.data);
	sign_put_names(out, values);
	buf_puts(out, ", Signature=");
	sign_put_signature(out, key, date.data, scope.data, &canonical);
	buf_puts(out, "\r\n");
	buf_free(&date);
	buf_free(&scope);
	buf_free(&canonical);
}
