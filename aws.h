/* aws: one service of AWS, asked by one thread. Region, endpoint, credentials, signature, clock and repeated attempts
 * are inside; what is asked, and what the answer means, is the caller's. */
#ifndef AWS_H
#define AWS_H

#include "base.h"
#include "aws_credential.h"
#include "aws_error.h"
#include "config.h"
#include "http.h"
#include "http_url.h"
#include "text.h"
#include "tls.h"

struct aws {
	const struct config *config;  /* borrowed, as service and key */
	const char *service;          /* as AWS and the log call it: "dynamodb" */
	const char *key;              /* the value of the service's key for its endpoint, or "" */
	int cancel_fd;
	struct tls_options tls;
	struct aws_credential credential;
	struct http http;             /* response: of the last post */
	struct http_url url;
	struct buf region, host, where, words;
	bool region_sure;             /* not just the default */
	int64_t skew;                 /* seconds that AWS's clock is before this host's */
	struct aws_error error;       /* of the last answer that was none */
	unsigned busy;                /* answers in a row that said so */
	int code;                     /* of the last failure: the answer's status, or 0 */
	int64_t pause;                /* milliseconds before the next attempt, at least */
};

void aws_open(struct aws *aws, const struct config *config, const char *service, const char *key, int cancel_fd);
/* Posts a signed body. NULL: a 200, whose body is aws->http.response.body until the next post; else the reason, without
 * secrets, until then; aws->code is for source_failed, aws->pause for its at_least. */
const char *aws_post(struct aws *aws, const char *target, const char *content_type, struct slice body,
                     int64_t deadline);
const char *aws_where(struct aws *aws); /* the endpoint as the log names it */
void aws_close(struct aws *aws);

#endif
