/* merge: a new table out of what the sources say: admission, and then listeners with their backends. */
#ifndef MERGE_H
#define MERGE_H

#include "base.h"
#include "route.h"
#include "service.h"

/* Never NULL; with one reference. Listeners and backends that the table in force has, or that drain, are the same
 * objects here. Lists may be NULL. */
struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count);

#endif
