/* consul_instance: makes services from an answer of Consul about the instances of one service. */
#ifndef CONSUL_INSTANCE_H
#define CONSUL_INSTANCE_H

#include "base.h"
#include "consul_check.h"
#include "digest.h"
#include "json.h"
#include "json_walk.h"
#include "service.h"

/* The answer to /v1/health/service/NAME, as it arrives at `walk`. Only the services that it makes are kept, and one
 * element at a time. */
struct instance_reading {
	struct json_walk walk;
	const char *name, *word; /* borrowed: whose instances they are (NULL: what comes is passed over), and their tag */
	const struct consul_failing *known; /* the checks that are known to fail, borrowed */
	/* What has come: */
	struct service_list *list;
	bool differs; /* other checks fail */
	const char *why;
	uint64_t failing; /* the sum of those of the service */
	struct digest_set stamps; /* as catalog_name's */
	struct consul_failing checks; /* of one element, */
	struct json json; /* which is this */
};

void instance_open(struct instance_reading *reading, const char *word, const struct consul_failing *known);
void instance_close(struct instance_reading *reading);

/* The answer is complete. Returns NULL, and `list` has one service `name` for each instance, sorted by node and ID;
 * those that fail a check, or lack the tag `word`, are absent (see service.h). Or the reason why it tells nothing. */
const char *instance_end(struct instance_reading *reading);
/* Of an instance, which is the member Service of an element, or the element of a node's list: it changes with it. */
uint64_t instance_digest(const struct json *answer, uint32_t service);
bool instance_none(const struct instance_reading *reading); /* it has no instance at all */

#endif
