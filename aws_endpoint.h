/* aws_endpoint: where a service of AWS is asked: where the operator says, else where the environment says, else where
 * AWS has it in a region. */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

#include "base.h"
#include "http_url.h"
#include "text.h"

const char *aws_variable(const char *name); /* of the environment; "" when it is not set */

/* What somebody has given for the service ("dynamodb", "elasticache", "sts"): `key`, the value of its key, or that of a
 * variable, whose name is in *origin then (else NULL). NULL: nobody has. */
const char *aws_endpoint_given(const char *service, const char *key, const char **origin);

/* The service's URL. NULL or the reason, which is in `words`. */
const char *aws_endpoint(struct http_url *url, const char *service, const char *region, const char *key,
                         struct buf *words);
/* Whether there can be one at all, whatever the region: it may be https in a dill without TLS. The same way. */
const char *aws_endpoint_check(const char *service, const char *key, struct buf *words);
const char *aws_endpoint_check_key(const char *value); /* of an endpoint's row: NULL or the reason */

#endif
