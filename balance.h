/* balance: which backend is next. */
#ifndef BALANCE_H
#define BALANCE_H

#include "base.h"
#include "route.h"

/* The next backend of an entry by its strategy, NULL when it has none. Those in `tried` are skipped; healthy ones come
 * first, then the others. Any thread; borrowed from the table. */
struct route_backend *balance_pick(const struct route_entry *entry, struct route_backend *const *tried,
                                   size_t tried_count);

#endif
