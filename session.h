/* session: facts about sessions for everybody: how they end, the figures of all workers, reports. */
#ifndef SESSION_H
#define SESSION_H

#include "base.h"

#include <stdatomic.h>

#include "net.h"
#include "route.h"

/* How a session ended. */
enum session_end {
	SESSION_END_CLIENT, SESSION_END_BACKEND, /* that side was the first to end or to break */
	SESSION_END_IDLE, SESSION_END_DRAIN, SESSION_END_CONNECT_FAILED, SESSION_END_NO_BACKEND, SESSION_END_LIMIT,
	SESSION_END_SHUTDOWN, SESSION_ENDS
};
extern const char *const session_end_names[SESSION_ENDS];

/* What all workers go by and count together. */
struct session_shared {
	/* Milliseconds; 0: idle_timeout never, drain at once. See sessions_retime(). */
	atomic_llong connect_timeout, idle_timeout, drain;
	atomic_llong try_time;       /* milliseconds, since it was accepted, that a client's backends are tried for */
	atomic_uint tries;           /* backends that are tried for a client */
	atomic_uint limit;           /* live sessions that there may be */
	atomic_int common_limit;     /* those of them that have no place of their listener's own */
	atomic_bool waits;           /* a listener had to stop, for want of a place of that kind */
	atomic_bool finishing;       /* sessions end by shutdown.grace, no longer by `drain` */
	atomic_bool access;          /* each session has a line in the log, at its end */
	struct session_cell *cells;  /* each worker's */
	unsigned cell_count;
	char apart[64];              /* what stands above is written now and then only: workers keep it in their caches */
	atomic_uint taken;           /* places: see place.c */
	atomic_int common;           /* those of them that are not their listener's own */
};

/* What one worker counts. Only that worker writes it. */
struct session_cell {
	atomic_uint live, spare; /* sessions; places that none of them has: see place.c */
	atomic_ullong ended[SESSION_ENDS]; /* sessions, by how they did */
	char apart[64]; /* from the next one's */
};

unsigned session_live(const struct session_shared *shared); /* sessions of all workers */
unsigned session_spare(const struct session_shared *shared); /* places likewise */
unsigned long long session_ended(const struct session_shared *shared, enum session_end how);

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
	bool failed; /* no memory: some are missing */
};
bool session_report_grow(struct session_report *report); /* room for one more; false: it has failed */
void session_report_free(struct session_report *report);

#endif
