/* watch: a worker's interest in the listeners of its table. Only the worker's thread calls what stands here. */
#ifndef WATCH_H
#define WATCH_H

#include "base.h"
#include "loop.h"
#include "loop_backend.h"
#include "route.h"

/* Each worker has one for each listener, so it is kept small. */
struct watched {
	struct loop_io io;
	uint16_t bound;    /* the listener's, of the socket that is watched, as far as it fits */
	uint8_t failures;  /* of accept, in a row */
	bool later;        /* it is in watches.later */
	struct watched_pause *rest; /* it is not watched for a moment; NULL: it is */
	const struct route_entry *entry; /* borrowed from the worker's table; NULL: it has left that, and is to be freed */
};

struct watched_pause {
	struct loop_timer timer; /* its end depends on the FIFO */
	struct watched *watched;
};

struct watches {
	struct loop *loop;
	struct watched **all; /* in the table's order, one for each entry */
	size_t count;
	struct watched **later; /* whose sockets come, or are replaced, without a change of the table */
	size_t later_count, later_cap;
	struct loop_fifo resting, full, again; /* full: also until a session ends; again: just a moment */
	uint8_t kind; /* of their descriptors */
	bool paused;  /* none is watched */
	bool early;   /* nor now: another process accepts */
	void (*left)(struct watches *watches, struct route_listener *listener); /* the worker's table */
	void (*stuck)(struct watches *watches); /* no memory is left to let one of them rest: all should */
};

void watch_open(struct watches *watches, struct loop *loop, uint8_t kind);
void watch_close(struct watches *watches);
/* The next table, and what differs from the last one: see route_changes(). May be nothing: then a listener may have been
 * bound. */
void watch_follow(struct watches *watches, const struct route_table *table, struct route_change *changes, size_t count);
void watch_renew(struct watches *watches); /* looks at each socket anew: who waits there is seen */
void watch_pause(struct watches *watches, bool paused); /* all of them */
void watch_stop(struct watches *watches, struct watched *watched, struct loop_fifo *rest); /* this one, for a moment */
/* Again; what waits is to be accepted by the caller: nobody may be there to be accepted, and only a try tells whether it can. */
void watch_again(struct watches *watches, struct watched *watched);
void watch_again_full(struct watches *watches); /* those that had no place */
bool watch_is_rest(const struct watches *watches, const struct loop_fifo *fifo);
struct watched *watch_of(struct loop_timer *timer); /* whose rest is over */
/* The system does not let this listener accept or be watched. It is tried again soon; the others go on. */
void watch_refused(struct watches *watches, struct watched *watched, int error);
void watch_accepts(struct watched *watched); /* it lets it */

#endif
