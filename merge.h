/* merge: makes a table from what the sources say: admits each wish, then builds the listeners with their backends. */
#ifndef MERGE_H
#define MERGE_H

#include "base.h"
#include "route.h"
#include "service.h"

/* Returns a new table with one reference, never NULL. It shares the objects of listeners and backends with the table in
 * force, and with what still drains. Any list may be NULL. The control plane's thread only. */
struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count);

#endif
