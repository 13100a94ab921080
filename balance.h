/* balance: which backend is next. */
#ifndef BALANCE_H
#define BALANCE_H

#include "base.h"
#include "net.h"
#include "route.h"

/* The backends that one client could not reach, and how far the search for another one has come. Start with {0}. */
struct balance_tried {
	struct route_backend **items; /* held; in the order of their addresses in memory */
	struct route_backend *last;   /* one of them */
	unsigned count;
	bool begun;            /* the search; see balance_restart */
	unsigned start, steps; /* the place where it began, and how many it has left behind since */
};

bool balance_add(struct balance_tried *tried, struct route_backend *backend); /* false without memory */
void balance_restart(struct balance_tried *tried); /* the next pick is from another table */
void balance_forget(struct balance_tried *tried);  /* all of it */

/* Sets *at to the place of the next backend of an entry, by its strategy and shares; false when there is none for this
 * client. Those in `tried` (NULL: there are none) are skipped, and those whose service does not admit the client; healthy
 * ones come first, then the others, and of each the first ones before those of the last shares. All picks for one client look at each place twice at most. With `tried` the same comes
 * again until it has been added. Any thread. */
bool balance_pick(const struct route_entry *entry, const struct net_addr *client, struct balance_tried *tried, unsigned *at);

#endif
