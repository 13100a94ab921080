/* consul_shape: what must hold of the members of Consul's answers that dill reads. An answer that breaks it tells
 * nothing, and least of all that something is gone. */
#ifndef CONSUL_SHAPE_H
#define CONSUL_SHAPE_H

#include "base.h"
#include "json.h"

struct consul_shape;

extern const struct consul_shape consul_shape_instances; /* the answer to /v1/health/service/NAME */
extern const struct consul_shape consul_shape_checks;    /* /v1/health/state/any */
extern const struct consul_shape consul_shape_nodes;     /* /v1/catalog/nodes */
extern const struct consul_shape consul_shape_tags;      /* of one service in /v1/catalog/services */

/* Returns NULL, or the reason, with the member's name. */
const char *consul_shape(const struct json *answer, uint32_t token, const struct consul_shape *shape);

#endif
