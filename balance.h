/* balance: which backend is next. */
#ifndef BALANCE_H
#define BALANCE_H

#include "base.h"
#include "route.h"

/* The next backend of an entry by its strategy, NULL when it has none. `tried` are passed over; healthy ones come
 * first, then the others. Any thread; borrowed from the table. */
struct route_backend *balance_pick(const struct route_entry *e, struct route_backend *const *tried, size_t tried_count);

/* One round by weight, spread smoothly (as nginx does): 2,1,1 gives A B C A. Returns places, sys_alloc'ed, and their
 * number; NULL when all weights are equal. */
uint16_t *balance_round(const uint16_t *weights, unsigned count, unsigned *len);

#endif
