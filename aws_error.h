/* aws_error: what an answer of AWS says went wrong, and what follows from it. */
#ifndef AWS_ERROR_H
#define AWS_ERROR_H

#include "base.h"
#include "http.h"
#include "text.h"

enum aws_error_kind {
	AWS_ERROR_OTHER,
	AWS_ERROR_CLOCK,       /* perhaps this host's clock is wrong: look at the answer's Date */
	AWS_ERROR_CREDENTIALS, /* they have run out, or are not known: others are needed */
	AWS_ERROR_BUSY         /* too many requests, or AWS is unwell: later */
};

/* Start with {0}. */
struct aws_error {
	enum aws_error_kind kind;
	struct buf name, message; /* ExpiredToken, and its words; empty when it says none */
};

void aws_error_read(struct aws_error *error, const struct http_response *response); /* one that is not 200 */
/* Appends "answered 400 NAME: MESSAGE", visible and cut, and without words that have one of the secrets in them; NULL
 * and "" are none. */
void aws_error_put(const struct aws_error *error, int status, const char *const *secrets, size_t count,
                   struct buf *out);
void aws_error_free(struct aws_error *error);

#endif
