/* session_set: the sessions of one worker: starts them, and hands events to the handlers of their states. Only the
 * worker's thread calls what stands here. */
#ifndef SESSION_SET_H
#define SESSION_SET_H

#include "base.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "route.h"
#include "session.h"
#include "session_state.h"

/* The set. */
void sessions_open(struct sessions *set, struct session_shared *shared, unsigned worker, struct loop *loop);
void sessions_close(struct sessions *set); /* ends every session */
/* Adds every session to the report; NULL: only brings the counters of listeners and backends up to date. */
void sessions_report(const struct sessions *set, struct session_report *report);
void sessions_retime(struct sessions *set); /* goes by the timeouts that are shared now */
/* After a change of table: the sessions of a backend that has left or returned, by the first of them. */
void sessions_drain(struct sessions *set, struct session *first);

/* One session. */
/* Takes an accepted client that may connect, and has a place, until set->ended. */
void session_start(struct sessions *set, const struct route_entry *entry, int fd, const struct net_addr *client);
void session_ready(struct sessions *set, struct loop_io *io, unsigned events);
void session_expired(struct sessions *set, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
