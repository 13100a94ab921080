/* consul_instance: what one answer of Consul says of one service. */
#ifndef CONSUL_INSTANCE_H
#define CONSUL_INSTANCE_H

#include "base.h"
#include "json.h"
#include "service.h"

/* Whether a tag marks a service: the tag itself, or dyntcp while it is `dill`. */
bool instance_marked(struct slice tag, const char *configured);

/* What a tag says: dill alone, dill.listener=VALUE, dill.OPTION=VALUE (INSTANCE_OPTION + enum service_option), dill.
 * something else, or nothing to do with it. *value: all behind the first '=', set for those that have one. */
enum instance_tag { INSTANCE_FOREIGN, INSTANCE_MARK, INSTANCE_UNKNOWN, INSTANCE_LISTENER, INSTANCE_OPTION };
enum instance_tag instance_tag(struct slice tag, const char *configured, struct slice *value);

/* Adds to `list` a service `name` for each instance of an answer to /v1/health/service/NAME, sorted by node and ID.
 * Those that fail a check, or lack the tag, are absent (see service.h). Returns NULL, or what the answer lacks; the list
 * is then unchanged. */
const char *instance_read(struct service_list *list, const char *name, const struct json *answer, const char *tag);

#endif
