/* proxy: one session, from the accepted client to the last byte. A worker owns its sessions; nothing here is called
 * from another thread, but for the shared figures. */
#ifndef PROXY_H
#define PROXY_H

#include "base.h"
#include "loop.h"
#include "relay.h"
#include "route.h"

/* Kinds of descriptors and timeouts in a worker's loop; the worker's own start at PROXY_KINDS. */
enum proxy_kind { PROXY_CLIENT = 1, PROXY_BACKEND, PROXY_KINDS };

/* How a session ended. */
enum proxy_end {
	PROXY_BY_CLIENT, PROXY_BY_BACKEND, /* that side was the first to end or to break */
	PROXY_IDLE, PROXY_DRAIN, PROXY_CONNECT_FAILED, PROXY_NO_BACKEND, PROXY_LIMIT, PROXY_SHUTDOWN, PROXY_ENDS
};
extern const char *const proxy_end_names[PROXY_ENDS];

/* What all workers go by and count together. */
struct proxy_shared {
	atomic_llong connect_timeout, idle_timeout, drain; /* milliseconds; 0: -, never, at once. See proxy_retime */
	atomic_uint sessions, limit; /* live ones, and how many there may be */
	atomic_bool finishing;       /* sessions end by shutdown.grace, no longer by `drain` */
	atomic_bool access;          /* each session has a line in the log, at its end */
	atomic_ullong ended[PROXY_ENDS]; /* sessions, by how they did */
};

/* The sessions of one worker. */
struct proxy {
	struct proxy_shared *shared;
	struct loop *loop;
	struct route_table *table; /* the worker's, replaced by it */
	struct relay relay;
	struct loop_fifo connecting, idle, draining, waiting, parting;
	struct session *sessions;
	void (*suspected)(struct proxy *p); /* a backend could not be reached, for the first time since it was trusted */
	bool (*starved)(struct proxy *p); /* no descriptor left for a backend: true when one was made free */
	void (*ended)(struct proxy *p);   /* a session has gone, and its descriptors */
};

/* What is told of a live session. */
struct proxy_view {
	struct net_addr client;
	struct route_listener *listener; /* held, like the next one */
	struct route_backend *target; /* NULL: there is none */
	uint64_t rx, tx;  /* bytes from and to the client */
	int64_t started;  /* on sys_micros()'s clock */
};
struct proxy_report {
	struct proxy_view *views;
	size_t count, cap;
};
/* Adds every session to r; NULL: only brings the counters of listeners and backends up to date. */
void proxy_report(const struct proxy *p, struct proxy_report *r);
void proxy_report_free(struct proxy_report *r);

void proxy_open(struct proxy *p, struct proxy_shared *shared, struct loop *loop);
void proxy_close(struct proxy *p); /* ends every session */

/* Takes an accepted client that may connect, and that shared->sessions counts already. */
void proxy_start(struct proxy *p, const struct route_entry *entry, int fd, const struct net_addr *client);
void proxy_ready(struct proxy *p, struct loop_io *io, unsigned events);
void proxy_expired(struct proxy *p, struct loop_fifo *fifo, struct loop_timer *timer);
void proxy_retime(struct proxy *p); /* goes by the timeouts that are shared now */
void proxy_drain(struct proxy *p); /* after a change of table: looks for sessions whose backend has gone, or come back */

#endif
