/* consul_shape: what must hold of the members of Consul's answers that dill reads. An answer that breaks it tells
 * nothing, and least of all that something is gone. */
#ifndef CONSUL_SHAPE_H
#define CONSUL_SHAPE_H

#include "base.h"
#include "json.h"
#include "text.h"

struct consul_shape;

extern const struct consul_shape consul_shape_instance; /* an element of /v1/health/service/NAME */
extern const struct consul_shape consul_shape_check;    /* of /v1/health/state/any */
extern const struct consul_shape consul_shape_node;     /* of /v1/catalog/nodes */

/* Returns NULL, or the reason, with the member's name. */
const char *consul_shape(const struct json *answer, uint32_t token, const struct consul_shape *shape);
const char *consul_shape_count(size_t count); /* of the elements of a list */
/* Reads one element as it was yielded into *answer. */
const char *consul_shape_read(struct json *answer, struct slice element, const struct consul_shape *shape);

#endif
