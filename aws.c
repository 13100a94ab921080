#include "base.h"
#include "aws.h"

#include <stdlib.h>
#include <string.h>

#include "aws_credential.h"
#include "aws_endpoint.h"
#include "aws_error.h"
#include "aws_sign.h"
#include "config.h"
#include "date.h"
#include "http.h"
#include "http_url.h"
#include "log.h"
#include "sys.h"
#include "text.h"

#define BODY_MAX (8u << 20)
#define SKEW_MIN 240     /* seconds; AWS takes 300 */
#define DENIED_MS 5000   /* pause when credentials or rights must be corrected first */
#define BUSY_MS 1000     /* pause after the first answer that says so; it doubles */
#define BUSY_DOUBLES 5
#define RETRY_AFTER_MAX 60

/* What is posted. */
struct aws_ask {
	const char *target, *content_type;
	struct slice body;
};

void aws_open(struct aws *aws, const struct config *config, const char *service, const char *key, int cancel_fd)
{
	*aws = (struct aws){ .config = config, .service = service, .key = key, .cancel_fd = cancel_fd };
	aws->tls.ca = config->tls_ca;
	aws->credential.profile = config->aws_profile;
	aws->credential.tls = &aws->tls;
	http_open(&aws->http, BODY_MAX);
	aws->http.tls = &aws->tls;
	buf_printf(&aws->where, "AWS (%s)", service);
}

void aws_close(struct aws *aws)
{
	http_free(&aws->http);
	aws_credential_close(&aws->credential);
	aws_error_free(&aws->error);
	buf_free(&aws->region);
	buf_free(&aws->host);
	buf_free(&aws->where);
	buf_free(&aws->words);
}

const char *aws_where(struct aws *aws)
{
	return aws->where.data;
}

static int64_t aws_now(const struct aws *aws)
{
	return sys_wall() / 1000 + aws->skew;
}

/* Where to. */

static const char *aws_take_region(struct aws *aws, const char *region, const char *origin)
{
	const char *why = config_check_region(region);

	if (!why) {
		aws->region.len = 0;
		buf_puts(&aws->region, region);
		return NULL;
	}
	aws->words.len = 0;
	buf_puts_visible(&aws->words, origin, region);
	buf_printf(&aws->words, "\" %s", why);
	return aws->words.data;
}

/* The first that tells; *sure: it is not just the default. */
static const char *aws_find_region(struct aws *aws, int64_t deadline, bool *sure)
{
	const char *first = getenv("AWS_REGION"), *second = getenv("AWS_DEFAULT_REGION");
	struct buf found = { 0 };
	const char *why;

	*sure = true;
	if (*aws->config->aws_region)
		return aws_take_region(aws, aws->config->aws_region, "aws.region: \"");
	if (first && *first)
		return aws_take_region(aws, first, "AWS_REGION: \"");
	if (second && *second)
		return aws_take_region(aws, second, "AWS_DEFAULT_REGION: \"");
	*sure = aws_credential_region(&aws->credential, aws->cancel_fd, deadline, &found) && found.len;
	why = aws_take_region(aws, *sure ? found.data : "us-east-1", "the region \"");
	buf_free(&found);
	return why;
}

/* Behind a proxy of the operator's, AWS wants to read its own name. */
static void aws_name_host(struct aws *aws)
{
	const char *origin;

	aws->host.len = 0;
	if (*aws->config->aws_host && aws_endpoint_given(aws->service, aws->key, &origin))
		buf_puts(&aws->host, aws->config->aws_host);
	else
		http_put_host(&aws->host, &aws->url);
}

static void aws_name_where(struct aws *aws)
{
	static const char *const schemes[] = { [HTTP_PLAIN] = "http://", [HTTP_TLS] = "https://", [HTTP_UNIX] = "unix://" };

	aws->where.len = 0;
	buf_puts(&aws->where, schemes[aws->url.scheme]);
	if (aws->url.scheme == HTTP_UNIX)
		buf_visible(&aws->where, aws->url.host, strlen(aws->url.host));
	else
		http_put_host(&aws->where, &aws->url);
	buf_visible(&aws->where, aws->url.prefix, strlen(aws->url.prefix));
}

/* The default region is doubted until it has answered: the metadata may be away for the moment. Elsewhere than on an instance
 * they never come, so this has its own, shorter deadline. */
static const char *aws_settle(struct aws *aws, int64_t deadline)
{
	struct http_url before = aws->url;
	const char *why;

	if (aws->region_sure)
		return NULL;
	why = aws_find_region(aws, deadline, &aws->region_sure);
	if (!why)
		why = aws_endpoint(&aws->url, aws->service, aws->region.data, aws->key, &aws->words);
	if (why) {
		aws->region_sure = false;
		return why;
	}
	if (strcmp(before.host, aws->url.host) != 0)
		http_close(&aws->http);
	aws->credential.region = aws->region.data;
	aws_name_host(aws);
	aws_name_where(aws);
	return NULL;
}

/* The exchange. */

static const char *aws_text(const struct buf *text)
{
	return text->len ? text->data : "";
}

static void aws_put_request(struct aws *aws, const struct aws_ask *ask, struct buf *out)
{
	const struct aws_credential *credential = &aws->credential;
	struct aws_keys keys = { aws_text(&credential->id), aws_text(&credential->secret), aws_text(&credential->token) };
	struct buf path = { 0 };

	buf_printf(&path, "%s/", aws->url.prefix);
	buf_printf(out, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: dill/" DILL_VERSION "\r\nContent-Length: %zu\r\n",
	           path.data, aws->host.data, ask->body.len);
	aws_sign(&(struct aws_request){
		.service = aws->service, .region = aws->region.data, .host = aws->host.data, .path = path.data,
		.target = ask->target, .content_type = ask->content_type, .body = ask->body, .now = aws_now(aws)
	}, &keys, out);
	buf_puts(out, "\r\n");
	buf_add(out, ask->body.at, ask->body.len);
	buf_free(&path);
}

static const char *aws_exchange(struct aws *aws, const struct aws_ask *ask, int64_t deadline)
{
	struct buf request = { 0 };
	const char *why;

	aws_put_request(aws, ask, &request);
	why = http_ask_kept(&aws->http, &aws->url, &request, aws->cancel_fd, deadline);
	buf_free(&request);
	return why;
}

/* Answers. */

/* AWS's clock is not as far from ours as was thought: whoever signs by it may be heard. */
static bool aws_follow_clock(struct aws *aws)
{
	int64_t date, off;
	char text[32];

	if (!date_read_http(http_header(&aws->http.response, "Date"), &date))
		return false;
	off = date - aws_now(aws);
	if (off > -SKEW_MIN && off < SKEW_MIN)
		return false;
	aws->skew += off;
	text_print_duration((aws->skew < 0 ? -aws->skew : aws->skew) * 1000, text);
	log_warn("%s: this host's clock is %s %s AWS's, by which requests are signed now", aws->service, text,
	         aws->skew < 0 ? "ahead of" : "behind");
	return true;
}

static void aws_judge_pause(struct aws *aws)
{
	const struct http_response *response = &aws->http.response;
	struct slice retry = http_header(response, "Retry-After");
	long seconds;

	if (aws->error.kind == AWS_ERROR_CREDENTIALS || aws->error.kind == AWS_ERROR_CLOCK || response->status == 403)
		aws->pause = DENIED_MS;
	if (aws->error.kind == AWS_ERROR_BUSY) {
		aws->pause = BUSY_MS << aws->busy;
		aws->busy += aws->busy < BUSY_DOUBLES;
	}
	if (retry.at && !text_number(retry, 0, RETRY_AFTER_MAX, &seconds) && aws->pause < seconds * 1000)
		aws->pause = seconds * 1000;
}

static const char *aws_complain(struct aws *aws)
{
	const char *const secrets[] = { aws->credential.secret.data, aws->credential.token.data };
	const struct http_response *response = &aws->http.response;

	aws->code = response->status;
	aws_judge_pause(aws);
	aws->words.len = 0;
	aws_error_put(&aws->error, response->status, secrets, ARRAY_LEN(secrets), &aws->words);
	http_put_redirect(response, &aws->words);
	return aws->words.data;
}

static const char *aws_try(struct aws *aws, const struct aws_ask *ask, int64_t deadline)
{
	const char *why = aws_credential_get(&aws->credential, aws_now(aws), aws->cancel_fd, deadline);

	return why ? why : aws_exchange(aws, ask, deadline);
}

/* Whether another try may help, for a reason for which there has been none yet. */
static bool aws_again(struct aws *aws, bool *clock, bool *anew)
{
	aws_error_read(&aws->error, &aws->http.response);
	if (aws->error.kind == AWS_ERROR_CLOCK && !*clock && aws_follow_clock(aws))
		return *clock = true;
	/* If it is not the clock, it is the secret, or what its owner may do: the next post takes what the place has then. */
	if (aws->error.kind == AWS_ERROR_CLOCK)
		aws_credential_refused(&aws->credential);
	if (aws->error.kind != AWS_ERROR_CREDENTIALS || *anew)
		return false;
	aws_credential_refused(&aws->credential);
	return *anew = true;
}

const char *aws_post(struct aws *aws, const char *target, const char *content_type, struct slice body, int64_t deadline)
{
	struct aws_ask ask = { target, content_type, body };
	bool clock = false, anew = false;
	const char *why;

	aws->code = 0;
	aws->pause = 0;
	why = aws_settle(aws, sys_now() + (deadline - sys_now()) / 2);
	if (why)
		return why;
	do {
		why = aws_try(aws, &ask, deadline);
	} while (!why && aws->http.response.status != 200 && aws_again(aws, &clock, &anew));
	if (why)
		return why;
	if (aws->http.response.status != 200)
		return aws_complain(aws);
	aws->busy = 0;
	aws->region_sure = true;
	return NULL;
}
