/* publish: puts a new table in force when it differs from the old one: binds its listeners, retires the backends that
 * left, and the news are logged. The control plane's thread only. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "base.h"
#include "route.h"
#include "service.h"

/* Makes a table from the lists, and publishes it when it differs. True: it does, so tell the workers. Lists may be
 * NULL. */
bool publish_update(struct route *route, struct service_list *const *lists, size_t count);
bool publish_bind(struct route *route);  /* retries to bind; true: a listener opened, so tell the workers */
/* Publishes an empty table: all listeners close. why: what is said of them. */
void publish_clear(struct route *route, const char *why);

#endif
