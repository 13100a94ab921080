/* consul: watches the services of a Consul catalog (consul.*).
 *
 * Three blocking queries are the bells: one for the names of the catalog with their tags, one for the checks that fail, one
 * for the nodes and their addresses. No single endpoint rings for everything, and one query for each service would use up the
 * agent's connections. When a bell rings, the services that it points at are read at once (/v1/health/service/NAME), and
 * all others soon after, in a sweep. */
#ifndef CONSUL_H
#define CONSUL_H

#include "base.h"
#include "source.h"

extern const struct source_kind consul_kind;

#endif
