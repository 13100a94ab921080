/* peek: the routing table as text, for nc. */
#ifndef PEEK_H
#define PEEK_H

#include "base.h"
#include "loop.h"
#include "route.h"

/* Kinds in the loop that serves it; the loop's owner has its own from PEEK_KINDS on. */
enum peek_kind { PEEK_LISTENER = 1, PEEK_CLIENT, PEEK_KINDS };

void peek_text(const struct route_table *t, struct buf *out);

/* The server. A client gets the text and then the end; one that does not read is given up after a while. */
struct peek {
	struct loop *loop;
	struct route *route; /* borrowed */
	struct loop_io listener;
	struct loop_fifo patience, linger, pause;
	struct loop_timer resume;
	struct peek_client *clients;
	unsigned count;
};

int peek_open(struct peek *p, struct loop *loop, struct route *route, const struct net_addr *at); /* 0 or an errno */
void peek_ready(struct peek *p, struct loop_io *io, unsigned events);
bool peek_expired(struct peek *p, struct loop_fifo *fifo, struct loop_timer *timer); /* false: not peek's */
void peek_close(struct peek *p);

#endif
