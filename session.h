/* session: from the accepted client to the last byte. `struct sessions` is the set of one worker's sessions, and only
 * its thread calls what stands here; the shared figures are read by others. */
#ifndef SESSION_H
#define SESSION_H

#include "base.h"

#include <stdatomic.h>

#include "loop.h"
#include "net.h"
#include "relay.h"
#include "route.h"

/* Kinds of descriptors in a worker's loop; the worker's own start at SESSION_KINDS. */
enum session_kind { SESSION_CLIENT = 1, SESSION_BACKEND, SESSION_KINDS };

/* How a session ended. */
enum session_end {
	SESSION_END_CLIENT, SESSION_END_BACKEND, /* that side was the first to end or to break */
	SESSION_END_IDLE, SESSION_END_DRAIN, SESSION_END_CONNECT_FAILED, SESSION_END_NO_BACKEND, SESSION_END_LIMIT,
	SESSION_END_SHUTDOWN, SESSION_ENDS
};
extern const char *const session_end_names[SESSION_ENDS];

/* What all workers go by and count together. */
struct session_shared {
	atomic_llong connect_timeout, idle_timeout, drain; /* milliseconds; 0: -, never, at once. See sessions_retime */
	atomic_uint sessions, limit; /* live ones, and how many there may be */
	atomic_bool finishing;       /* sessions end by shutdown.grace, no longer by `drain` */
	atomic_bool access;          /* each session has a line in the log, at its end */
	atomic_ullong ended[SESSION_ENDS]; /* sessions, by how they did */
};

/* The sessions of one worker. */
struct sessions {
	struct session_shared *shared;
	struct loop *loop;
	struct route_table *table; /* the worker's, replaced by it */
	struct relay relay;
	struct loop_fifo connecting, idle, draining, waiting, parting;
	struct session *live;
	void (*suspected)(struct sessions *set); /* a backend could not be reached, for the first time since it was trusted */
	bool (*starved)(struct sessions *set); /* no descriptor left for a backend: true when one was made free */
	void (*ended)(struct sessions *set);   /* a session has gone, and its descriptors */
};

/* What is told of a live session. */
struct session_view {
	struct net_addr client;
	struct route_listener *listener; /* held, like the next one */
	struct route_backend *target; /* NULL: there is none */
	uint64_t rx, tx;  /* bytes from and to the client */
	int64_t started;  /* on sys_micros()'s clock */
};
struct session_report {
	struct session_view *views;
	size_t count, cap;
};
void session_report_free(struct session_report *report);

/* The set. */
void sessions_open(struct sessions *set, struct session_shared *shared, struct loop *loop);
void sessions_close(struct sessions *set); /* ends every session */
/* Adds every session to the report; NULL: only brings the counters of listeners and backends up to date. */
void sessions_report(const struct sessions *set, struct session_report *report);
void sessions_retime(struct sessions *set); /* goes by the timeouts that are shared now */
/* After a change of table: finds the sessions whose backend has left or returned. */
void sessions_drain(struct sessions *set);

/* One session. */
/* Takes an accepted client that may connect, and that shared->sessions counts already. */
void session_start(struct sessions *set, const struct route_entry *entry, int fd, const struct net_addr *client);
void session_ready(struct sessions *set, struct loop_io *io, unsigned events);
void session_expired(struct sessions *set, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
