/* consul_check: which checks fail, as one sum for each service and for each node. An answer about all checks has most
 * of them passing, and says nothing about those; a service whose sum is another one must be read. */
#ifndef CONSUL_CHECK_H
#define CONSUL_CHECK_H

#include "base.h"
#include "digest.h"
#include "json.h"

struct consul_failing {
	struct digest_set services, nodes; /* by name; node: of checks of no service, which all instances there share */
};

/* Adds a check, if it is not passing. */
void consul_failing_add(struct consul_failing *failing, const struct json *answer, uint32_t check);
void consul_failing_clear(struct consul_failing *failing);
void consul_failing_sort(struct consul_failing *failing); /* see digest_sort */
void consul_failing_free(struct consul_failing *failing);
/* Of a member that is a text; of "" when it is missing. */
uint64_t consul_member_digest(const struct json *answer, uint32_t object, const char *key);

#endif
