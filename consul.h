/* consul: the services of a Consul catalog (consul.*), as they come and go.
 *
 * Two blocking queries are the bells: the catalog's names with their tags, and all checks. No single endpoint rings
 * for everything, and one query a service would use up the agent's connection limit. When a bell rings, the services
 * that it points at are read at once (/v1/health/service/NAME), all the others soon after, in a sweep. */
#ifndef CONSUL_H
#define CONSUL_H

#include "base.h"
#include "source.h"

extern const struct source_kind consul_kind;

#endif
