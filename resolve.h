/* resolve: addresses of host names, looked up again when their TTL has passed, by threads of its own. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "base.h"
#include "net.h"

struct resolver;

/* Starts the thread. `ring` is called from it when an answer has changed. NULL: errno says why. */
struct resolver *resolve_open(void (*ring)(void *arg), void *arg);
void resolve_close(struct resolver *resolver);

/* The addresses of a name (port unset), sorted; 0 of them while it has none yet. A name is looked up from the first
 * time it is asked for until a round (resolve_round) goes by without it. *addrs lives until the next resolve_round.
 * The control plane's thread only. */
size_t resolve_lookup(void *resolver, const char *host, const struct net_addr **addrs);
bool resolve_settled(struct resolver *resolver); /* each name that was asked for has been looked up once */
/* Before a round of lookups. `gone`: names may not be used any more. False: this is no round, and all stays as it is; else
 * all names that are in use are to be asked for. */
bool resolve_round(struct resolver *resolver, bool gone);

#endif
