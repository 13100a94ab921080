/* aws_asked: whom AWS's variables have us ask, beside the key of an endpoint. */
#ifndef AWS_ASKED_H
#define AWS_ASKED_H

#include "base.h"
#include "http_url.h"

#define AWS_ASKED 4

/* The n-th of AWS_ASKED: its URL, and the variable that names it. False: no variable does, or it is no URL. */
bool aws_asked(const char *service, size_t n, struct http_url *url, const char **variable);

#endif
