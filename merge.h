/* merge: makes a table from what the sources say: admits each wish, then builds the listeners with their backends. */
#ifndef MERGE_H
#define MERGE_H

#include "base.h"
#include "route.h"
#include "service.h"

/* Returns a new table with one reference, never NULL: from scratch, but for the objects of listeners and backends, which it
 * shares with the table in force, and with what still drains. Any list may be NULL. The control plane's thread only. */
struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count);
/* The same for an update of the table in force, whose entries it shares where nothing has changed; `changes` are the others.
 * It costs what the services cost that differ from those of the update before. NULL: the two tables say the same. */
struct route_table *merge_update(struct route *route, struct service_list *const *lists, size_t count);

#endif
