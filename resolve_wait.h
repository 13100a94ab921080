/* resolve_wait: the addresses of a host name, for a thread that may wait for them. */
#ifndef RESOLVE_WAIT_H
#define RESOLVE_WAIT_H

#include "base.h"
#include "net.h"
#include "resolve.h"

/* What all of them go by from now on. Any thread. */
void resolve_wait_set(const struct resolve_rules *rules);
/* Asks on a loop of its own until there is an answer, the deadline (on sys_now()'s clock) has passed, or cancel_fd (-1: none)
 * becomes readable. The first *count addresses of the name, as they are sorted, without a port; `count` comes in as their room.
 * Returns NULL or why there is none; "stopped" when it was cancelled. Any thread. */
const char *resolve_wait(const char *name, int cancel_fd, int64_t deadline, struct net_addr *addrs, size_t *count);

#endif
