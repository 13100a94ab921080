/* instance: what one answer of Consul says of one service. */
#ifndef INSTANCE_H
#define INSTANCE_H

#include "base.h"
#include "json.h"
#include "service.h"

/* Whether a tag marks a service: the tag itself, or dyntcp while it is `dill`. */
bool instance_marked(struct slice tag, const char *configured);

/* Adds to `list` a service `name` for each instance of an answer to /v1/health/service/NAME that passes all its checks
 * and has the tag, sorted by node and ID. Returns NULL, or what the answer lacks; the list is then unchanged. */
const char *instance_read(struct service_list *list, const char *name, const struct json *answer, const char *tag);

#endif
