/* answer: what the answers of Consul and Nomad have in common: JSON as it arrives, and words for what is none. */
#ifndef ANSWER_H
#define ANSWER_H

#include "base.h"
#include "http.h"
#include "json_walk.h"
#include "text.h"

#define ANSWER_BODY_MAX (80u << 20)

/* Lets answers go to a walk as they arrive, and be kept nowhere; NULL: they are kept whole. */
void answer_stream(struct http_response *response, struct json_walk *walk);
bool answer_repeats(const struct http_response *response, const char *secret); /* it is in the body, also behind a zero byte */
/* Appends what an answer of another status than 200 says. `secret`: what it repeats, so that it is not shown; or NULL. */
void answer_put_refusal(const struct http_response *response, const char *secret, struct buf *out);
void answer_put_broken(const struct http_response *response, const char *why, struct buf *out); /* it is no good JSON */
/* Milliseconds for which its sender must not be asked, after an answer of another status than 200; else `pause`. */
int64_t answer_pause(const struct http_response *response, int64_t pause);

#endif
