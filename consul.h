/* consul: the services of a Consul catalog, as they come and go.
 *
 * Two blocking queries are the bells: the catalog's names with their tags, and all checks. No single endpoint rings
 * for everything, and one query a service would use up the agent's connection limit. When a bell rings, the services
 * that it points at are read at once (/v1/health/service/NAME), all the others soon after, in a sweep. */
#ifndef CONSUL_H
#define CONSUL_H

#include "base.h"
#include "config.h"
#include "consul_api.h"
#include "source.h"

struct consul_settings consul_settings_of(const struct config *config); /* its strings are the configuration's */

void consul_run(struct source *source); /* goes by consul.* and state.path */

#endif
