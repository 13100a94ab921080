/* aws_sign: Signature Version 4 of a POST, by headers. */
#ifndef AWS_SIGN_H
#define AWS_SIGN_H

#include "base.h"
#include "text.h"

struct aws_keys {
	const char *id, *secret, *token; /* token "": none */
};

struct aws_request {
	const char *service, *region;
	const char *host;         /* as it is sent */
	const char *path;         /* as it is sent, without a query; NULL: "/" */
	const char *target;       /* X-Amz-Target; NULL: none */
	const char *content_type; /* NULL: none */
	struct slice body;
	int64_t now; /* seconds since 1970 */
};

/* Appends the lines of all headers that are signed but Host, and Authorization. */
void aws_sign(const struct aws_request *request, const struct aws_keys *keys, struct buf *out);

#endif
