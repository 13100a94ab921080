/* consul_shape: what must hold of the members of Consul's answers that dill reads. */
#ifndef CONSUL_SHAPE_H
#define CONSUL_SHAPE_H

#include "base.h"
#include "json_shape.h"

extern const struct json_shape consul_shape_instance; /* an element of /v1/health/service/NAME */
extern const struct json_shape consul_shape_check;    /* of /v1/health/state/any */
extern const struct json_shape consul_shape_node;     /* of /v1/catalog/nodes */

#endif
