/* power: what the process may do. On Linux it cannot gain rights by what it executes, and where runtime.user says so it
 * becomes that user, with nothing of root's but the right to open ports below 1024, if one may be asked for.
 *
 * Rights are a thread's: this comes before the first one is started. Root opens nothing before: the one right that
 * stays does for all sockets, and what could not be written or read again later is found at the start. */
#ifndef POWER_H
#define POWER_H

#include "base.h"
#include "config.h"
#include "text.h"

void power_bound(void); /* no new rights from now on */
/* Becomes the configuration's user. False: it cannot, which has been said. */
bool power_drop(const struct config *config);
void power_put(const struct config *config, struct buf *out); /* for people: what power_drop() would do, if it is to */
const char *power_version(void); /* for people: what this system has of it */

#endif
