#include "base.h"
#include "answer.h"

#include <string.h>

#define DENIED_MS 5000 /* pause after 403: the token must be corrected first */
#define WORDS_MAX 120  /* bytes that are shown of the body of an error */

static bool walk_body(void *arg, const char *bytes, size_t len)
{
	struct json_walk *walk = arg;

	if (bytes)
		json_walk_add(walk, bytes, len);
	else
		json_walk_start(walk);
	return !walk->why;
}

void answer_stream(struct http_response *response, struct json_walk *walk)
{
	response->sink = walk ? walk_body : NULL;
	response->sink_arg = walk;
}

bool answer_repeats(const struct http_response *response, struct slice secret)
{
	struct slice body = { response->body.data, response->body.len };

	return slice_find(body, secret) || slice_find(http_header(response, "Location"), secret);
}

void answer_put_refusal(const struct http_response *response, const char *secret, struct buf *out)
{
	const struct buf *body = &response->body;

	buf_printf(out, "answered %d", response->status);
	if (!secret)
		http_put_redirect(response, out);
	buf_puts(out, ": ");
	if (secret)
		buf_printf(out, "(words with the %s in them)", secret);
	else
		buf_visible(out, body->data, body->len > WORDS_MAX ? WORDS_MAX : body->len);
}

void answer_put_broken(const struct http_response *response, const char *why, struct buf *out)
{
	const char *foreign = http_foreign(response);

	if (foreign)
		buf_printf(out, "the answer is %s, not JSON", foreign);
	else
		buf_printf(out, "answered with broken JSON: %s", why);
}

int64_t answer_pause(const struct http_response *response, int64_t pause)
{
	struct slice retry = http_header(response, "Retry-After");
	long seconds;

	if (retry.at && !text_number(retry, 0, 60, &seconds))
		return seconds ? seconds * 1000 : pause;
	return response->status == 403 ? DENIED_MS : pause;
}
