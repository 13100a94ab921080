/* aws_fetch: questions to those who give credentials, each over a connection of its own. */
#ifndef AWS_FETCH_H
#define AWS_FETCH_H

#include "base.h"
#include "http.h"
#include "http_url.h"
#include "text.h"
#include "tls.h"

struct aws_fetch {
	int cancel_fd;
	int64_t deadline;  /* of all questions together, on sys_now()'s clock */
	struct http http;  /* and the newest answer */
	bool reached;      /* who was asked the last time is there, even if no answer came */
	struct buf secret; /* what the last question had in it that nobody may see */
	struct buf why;
};

void aws_fetch_open(struct aws_fetch *fetch, const struct tls_options *tls, int cancel_fd, int64_t deadline);
void aws_fetch_close(struct aws_fetch *fetch);
/* Sends the request, and waits for `limit` milliseconds at most. NULL: an answer is there, of any status; else the reason. */
const char *aws_fetch_ask(struct aws_fetch *fetch, const struct http_url *url, const struct buf *request,
                          int64_t limit);
struct slice aws_fetch_body(const struct aws_fetch *fetch); /* of the newest answer */
const char *aws_fetch_judge(struct aws_fetch *fetch); /* NULL for a status of 200; else its words */
/* Makes the reason one that names whom it is about, without secrets; "stopped" stays as it is. */
const char *aws_fetch_name(struct aws_fetch *fetch, const char *who, const char *why);
bool aws_fetch_pause(const struct aws_fetch *fetch, int64_t ms); /* false: it must stop, or has not so much time */
bool aws_fetch_set(const char *variable); /* of the environment: it is "true" */

#endif
