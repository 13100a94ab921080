/* aws_container: credentials from the endpoint that a container is given (ECS, EKS pod identity). */
#ifndef AWS_CONTAINER_H
#define AWS_CONTAINER_H

#include "base.h"
#include "aws_fetch.h"
#include "aws_found.h"
#include "http_url.h"
#include "text.h"

bool aws_container_given(void); /* the environment names an endpoint */
/* Where it is, and the variable that says so. NULL or the reason, which is in `words`. */
const char *aws_container_url(struct http_url *url, const char **variable, struct buf *words);
/* NULL or the reason, which names whom it is about. */
const char *aws_container_fetch(struct aws_fetch *fetch, struct aws_found *found);

#endif
