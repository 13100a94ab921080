/* explain: why a service is routed or not, tag by tag, in words. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "base.h"
#include "admit.h"
#include "route.h"
#include "service.h"
#include "text.h"

/* Borrowed. */
struct explain {
	const struct admit_rules *rules;
	const struct route_table *table; /* in force; NULL: nobody has one */
};

/* Adds what is to be said of each service `name` of the list, which may be NULL. Returns how many there are; they may
 * all be absent. */
size_t explain_list(const struct explain *explain, const struct service_list *list, const char *name, struct buf *out);

#endif
