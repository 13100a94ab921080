/* place: places for sessions. Each listener has some of its own, which no other can take; the rest is for whoever comes
 * first. */
#ifndef PLACE_H
#define PLACE_H

#include "base.h"
#include "route.h"
#include "session.h"

/* From now on there are `limit` places, and up to `reserve` of each listener's own in the table in force. The control
 * plane's thread only; sessions that live go on, wherever their places belong now. */
void place_share(struct session_shared *shared, struct route *route, unsigned limit, unsigned reserve);

/* The next three: any worker, with the cells that are its own: `worker`, and of the listener `cell`. False: there is no
 * place. Then, when one becomes free that this listener could have, that is said by the next two, once; but places that are
 * spare (see session_spare()) workers have to be asked for. */
bool place_take(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                struct route_cell *cell);
/* True: somebody waits for it. */
bool place_give_back(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                     struct route_cell *cell);
/* The same for all that are spare. */
bool place_return(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                  struct route_cell *cell);

/* Whether the places that others can take, too, are in use; `held`: as many may be only for a moment. */
bool place_common_full(const struct session_shared *shared, unsigned held);

#endif
