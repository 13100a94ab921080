/* aws_found: credentials as a place gives them. */
#ifndef AWS_FOUND_H
#define AWS_FOUND_H

#include "base.h"
#include "text.h"

/* Start with {0}. */
struct aws_found {
	struct buf id, secret, token; /* empty: not given */
	int64_t expires; /* in seconds since 1970; 0: never */
};

/* NULL, or why requests cannot be signed with them, in words that follow the place: "has no secret access key". */
const char *aws_found_check(const struct aws_found *found);
/* What the endpoints of containers and instances answer. Returns NULL or the reason, which may be in `words`. */
const char *aws_found_json(struct aws_found *found, struct slice text, struct buf *words);
void aws_found_put(struct buf *out, struct slice text); /* a value that was read, instead of what is there */
void aws_found_free(struct aws_found *found);

#endif
