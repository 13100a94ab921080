/* explain: why a service is routed or not, tag by tag, in words. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "base.h"
#include "admit.h"
#include "route.h"
#include "service.h"
#include "text.h"

/* What an explanation is made from; all borrowed. */
struct explain {
	const struct admit_rules *rules;
	const struct route_table *table; /* the table in force; NULL: there is none to compare with */
};

/* Adds to `out` an explanation of that service of the list. */
void explain_service(const struct explain *explain, const struct service_list *list, size_t index, struct buf *out);
/* The place of the first service with this name, from one place on; SIZE_MAX: there is none. The list may be NULL. */
size_t explain_find(const struct service_list *list, size_t from, const char *name);
/* Adds to `out` an explanation of every service in the list with this name. Returns how many there are, absent ones
 * included. The list may be NULL. */
size_t explain_list(const struct explain *explain, const struct service_list *list, const char *name, struct buf *out);

#endif
