/* publish: puts a new table in force where it differs from the old one: listeners are bound, backends that left are retired,
 * and what is new is said. The control plane's thread only. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "base.h"
#include "route.h"
#include "service.h"

/* Joins the lists into a table and publishes it when it differs. True when workers must be told. */
bool publish_update(struct route *route, struct service_list *const *lists, size_t count);
bool publish_bind(struct route *route);  /* tries again to bind; true when a listener opened: tell the workers */
void publish_clear(struct route *route); /* publishes an empty table */

#endif
