/* consul_instance: makes services from an answer of Consul about the instances of one service. */
#ifndef CONSUL_INSTANCE_H
#define CONSUL_INSTANCE_H

#include "base.h"
#include "json.h"
#include "service.h"

/* Adds to `list` one service `name` for each instance in an answer to /v1/health/service/NAME, sorted by node and ID.
 * Those that fail a check, or lack the tag `word`, are absent (see service.h). Returns NULL or the reason with the
 * answer; the list is then unchanged. */
const char *instance_read(struct service_list *list, const char *name, const struct json *answer, const char *word);
bool instance_none(const struct json *answer); /* it has no instance at all */

#endif
