/* consul: the services of a Consul catalog, as they come and go.
 *
 * Two blocking queries are the bells: the catalog's names with their tags, and all checks. No single endpoint rings
 * for everything, and one query a service would use up the agent's connection limit. When a bell rings, the services
 * that it points at are read at once (/v1/health/service/NAME), all the others soon after, in a sweep. */
#ifndef CONSUL_H
#define CONSUL_H

#include "base.h"
#include "http.h"
#include "source.h"

struct consul_options {
	struct http_url url;
	const char *address; /* as it was given, for the log */
	const char *token, *datacenter, *namespace_, *consistency; /* "" when not given */
	const char *tag;
	int64_t wait; /* milliseconds */
	const char *state_path; /* where the last good services are kept; "" nowhere */
};

void consul_run(struct source *s); /* s->config is a struct consul_options */

#endif
