/* consul_shape: what must hold of the members of Consul's answers that dill reads. An answer that breaks it tells
 * nothing, and least of all that something is gone. */
#ifndef CONSUL_SHAPE_H
#define CONSUL_SHAPE_H

#include "base.h"
#include "json.h"

/* Each returns NULL, or the reason with the member's name in it. */
const char *consul_shape_instance(const struct json *answer, uint32_t instance); /* of /v1/health/service/NAME */
const char *consul_shape_tags(const struct json *answer, uint32_t tags);
const char *consul_shape_check(const struct json *answer, uint32_t check); /* of that, or of /v1/health/state/any */
const char *consul_shape_node(const struct json *answer, uint32_t node);   /* likewise, or of /v1/catalog/nodes */

#endif
