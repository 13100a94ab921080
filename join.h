/* join: makes a draft of what may have changed a whole table: all else comes from the table in force. */
#ifndef JOIN_H
#define JOIN_H

#include "base.h"
#include "route.h"
#include "scope.h"

/* Gives the new table the old one's entries and refusals at all that the scope has not, and also where nothing has changed,
 * and notes what has. False: both tables say the same. */
bool join_tables(const struct route_table *old, struct route_table *now, const struct scope *scope);

#endif
