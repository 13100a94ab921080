#include "base.h"
#include "aws_instance.h"

#include <string.h>

#include "aws_endpoint.h"
#include "http.h"
#include "http_url.h"

#define ADDRESS "http://169.254.169.254"
#define ENDPOINT "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define REGION "/latest/meta-data/placement/region"
#ifndef ASK_MS
#define ASK_MS 1000 /* each question: where there is no such service, that is how long it takes to see it */
#endif
#define WORD_MAX 256 /* bytes of a role's or region's name */

bool aws_instance_disabled(void)
{
	return aws_fetch_set("AWS_EC2_METADATA_DISABLED");
}

const char *aws_instance_given(const char **variable)
{
	*variable = ENDPOINT;
	return aws_variable(ENDPOINT);
}

/* One visit: its token, and what the service did not say to the PUT. */
struct visit {
	struct aws_fetch *fetch;
	struct http_url url;
	bool silent; /* it is there, and has not answered the PUT */
};

static const char *instance_find(struct http_url *url)
{
	const char *given = aws_variable(ENDPOINT), *why = http_url_parse(url, *given ? given : ADDRESS, 80);

	for (size_t len = why ? 0 : strlen(url->prefix); len && url->prefix[len - 1] == '/';)
		url->prefix[--len] = '\0';
	return why;
}

/* Nothing in it that a request's line or header could not have. */
static bool instance_is_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] > '~' || strchr("?#%/\\", text.at[i]))
			return false;
	return text.len && text.len <= WORD_MAX;
}

/* The token is fetch->secret; none, when the service has none and may do without. */
static const char *instance_take_token(struct visit *visit, const char *why)
{
	struct aws_fetch *fetch = visit->fetch;
	int status = fetch->http.response.status;
	struct slice body = slice_trim(aws_fetch_body(fetch));

	if (why && (!fetch->reached || strcmp(why, "stopped") == 0))
		return why;
	visit->silent = why != NULL;
	if (!why && status == 200) {
		if (!body.len || text_controls(body))
			return "gave a token that is none";
		buf_add(&fetch->secret, body.at, body.len);
		return NULL;
	}
	if (!why && status != 403 && status != 404 && status != 405)
		return aws_fetch_judge(fetch);
	if (aws_fetch_set("AWS_EC2_METADATA_V1_DISABLED"))
		return visit->silent ? "no answer to the PUT for a token" : "gives no tokens";
	return NULL;
}

static const char *instance_token(struct visit *visit)
{
	struct buf request = { 0 };
	const char *why;

	visit->fetch->secret.len = 0;
	http_request(&request, "PUT", &visit->url, "/latest/api/token");
	buf_puts(&request, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n");
	why = aws_fetch_ask(visit->fetch, &visit->url, &request, ASK_MS);
	buf_free(&request);
	return instance_take_token(visit, why);
}

static const char *instance_get(struct visit *visit, const char *path)
{
	struct buf request = { 0 };
	const char *why;

	http_request(&request, "GET", &visit->url, path);
	if (visit->fetch->secret.len)
		buf_printf(&request, "X-aws-ec2-metadata-token: %s\r\n", visit->fetch->secret.data);
	buf_puts(&request, "\r\n");
	why = aws_fetch_ask(visit->fetch, &visit->url, &request, ASK_MS);
	buf_free(&request);
	return why ? why : aws_fetch_judge(visit->fetch);
}

/* Asks for a name, which is the first line of the answer. */
static const char *instance_word(struct visit *visit, const char *path, struct buf *word)
{
	const char *why = instance_get(visit, path);
	struct slice rest = aws_fetch_body(visit->fetch), line = { 0 };

	if (why)
		return why;
	slice_next(&rest, '\n', &line);
	if (!instance_is_word(line))
		return "answered with what is no name";
	buf_add(word, line.at, line.len);
	return NULL;
}

static const char *instance_credentials(struct visit *visit, struct aws_found *found)
{
	struct buf path = { 0 };
	const char *why;

	buf_puts(&path, ROLES);
	why = instance_word(visit, ROLES, &path);
	if (why && visit->fetch->http.response.status == 404)
		why = "the instance has no role";
	if (!why)
		why = instance_get(visit, path.data);
	if (!why)
		why = aws_found_json(found, aws_fetch_body(visit->fetch), &visit->fetch->why);
	buf_free(&path);
	return why;
}

/* In a container a packet more is needed than the answer to the PUT has hops, by default. */
static const char *instance_name(const struct visit *visit, const char *why)
{
	struct buf who = { 0 };

	buf_puts(&who, "the instance's metadata service at ");
	http_put_host(&who, &visit->url);
	if (visit->silent)
		buf_puts(&who, ", which did not answer the PUT for a token (in a container, its hop limit must be 2)");
	why = aws_fetch_name(visit->fetch, who.data, why);
	buf_free(&who);
	return why;
}

const char *aws_instance_fetch(struct aws_fetch *fetch, struct aws_found *found)
{
	struct visit visit = { .fetch = fetch };
	const char *why = instance_find(&visit.url);

	if (why)
		return aws_fetch_name(fetch, ENDPOINT, why);
	why = instance_token(&visit);
	if (!why)
		why = instance_credentials(&visit, found);
	return instance_name(&visit, why);
}

const char *aws_instance_region(struct aws_fetch *fetch, struct buf *region)
{
	struct visit visit = { .fetch = fetch };
	const char *why = instance_find(&visit.url);

	if (why)
		return aws_fetch_name(fetch, ENDPOINT, why);
	why = instance_token(&visit);
	if (!why)
		why = instance_word(&visit, REGION, region);
	return instance_name(&visit, why);
}
