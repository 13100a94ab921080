/* walk: through the listeners and refused wishes of the table in force, in parts. Between two parts it holds no table (who
 * holds one keeps the ports open that it has): it goes on behind the last listener, by address, in the table that is in
 * force then. What is in both tables is come to once. */
#ifndef WALK_H
#define WALK_H

#include "base.h"
#include "net.h"
#include "route.h"
#include "span.h"
#include "text.h"

/* Start with {0} and walk_begin(). */
struct walk {
	const struct route *route;
	bool retired; /* also to listeners that have left the table */
	/* Where it is. */
	const struct route_entry *entry;       /* NULL: it has left the table */
	const struct route_listener *listener; /* NULL: it has left, while it was being written */
	struct span span;   /* see walk_span() */
	unsigned backend;   /* of the entry, the next one to be written: the caller moves it on, or walk_past() */
	unsigned count;     /* of those */
	unsigned target;    /* of the entry, the next name; see walk_more() */
	const struct route_target *name; /* likewise */
	bool names;         /* likewise, set by the caller */
	bool inside;        /* it was here before, and goes on with that backend */
	/* Its own. */
	bool paused;
	size_t place, left;    /* the next ones in the table, and of those that left it */
	struct net_addr last;  /* while it pauses: the listener it has come to */
	bool without;          /* likewise: that had left the table */
	struct route_backend *done; /* likewise, held: the last backend that was written of that */
	struct buf said;       /* likewise: the last name; none, or an empty one: there is none */
	size_t refusal;
	struct buf refused;    /* likewise, the last refusal: its three texts */
};

void walk_begin(struct walk *walk, const struct route *route, bool retired);
void walk_end(struct walk *walk);
/* Moves on to the next listener, or back into the one that it paused in. False: there is none. */
bool walk_on(struct walk *walk);
void walk_span(struct walk *walk); /* takes in all that people read as one with this listener */
/* Where to go on below the listener, names in the order in which they were written: at `name`, which has no address, or, where
 * that is NULL, at `backend`. With `names` each name stands once in the place of its addresses. False: all is done. */
bool walk_more(struct walk *walk);
void walk_past(struct walk *walk); /* that is done */
bool walk_is_served(const struct walk *walk); /* the entry has a healthy backend; or waits for its names, which is no alarm */
/* Before the part ends. `inside`: of this listener something is still to be written. Returns true. */
bool walk_pause(struct walk *walk, bool inside);

const struct route_refusal *walk_refused(struct walk *walk); /* the next one; NULL: there is none */
bool walk_pause_refused(struct walk *walk); /* true */

#endif
