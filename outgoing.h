/* outgoing: dill's own connections to its own listeners, on this host (route_backend.returns). A client that is one of
 * them and comes to a listener where the first client of all has been already would go round for ever. Any thread. */
#ifndef OUTGOING_H
#define OUTGOING_H

#include "base.h"
#include "net.h"
#include "route.h"

/* As net_connect, for a client of a listener. End with outgoing_end(), before the descriptor is closed. */
int outgoing_connect(const struct net_addr *to, const struct route_listener *listener, const struct net_addr *client);
void outgoing_end(int fd);
/* Whether a client that a listener has accepted has been there before, or has come through very many others. */
bool outgoing_loops(const struct net_addr *client, const struct route_listener *listener);

#endif
