/* worker: threads with a loop each, that accept and own sessions. They share the published table and counters. */
#ifndef WORKER_H
#define WORKER_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "route.h"
#include "session.h"
#include "session_state.h"

/* Why accepting pauses. */
enum worker_pause { WORKER_LIMIT, WORKER_DESCRIPTORS, WORKER_PAUSES };
extern const char *const worker_pause_names[WORKER_PAUSES];

/* Backends that have become suspects; held. */
struct worker_suspects {
	struct route_backend *items[64];
	unsigned count;
	bool more; /* there were too many: any backend may be one */
};

struct worker_pool {
	struct session_shared shared; /* set by the caller before worker_open; `limit` at any time */
	struct route *route;
	void (*ring)(void *arg); /* called by a worker that has news: its last session has ended while finishing, a report is
	                            complete, there are suspects, or a table for route_collect() */
	void *arg;
	struct worker *workers;
	unsigned count;
	atomic_bool stopping, closing;
	atomic_bool suspected; /* there are `suspects` */
	pthread_mutex_t suspects_lock;
	struct worker_suspects suspects; /* under it */
	atomic_bool starved; /* somebody waits for a session to end */
	atomic_ullong pauses[WORKER_PAUSES]; /* of all workers */
	atomic_uint news;    /* counts what workers were told */
	atomic_uint returns; /* how often they were asked for the places that they have to spare */
	atomic_uint meetings; /* how often all were to meet */
	atomic_bool early;    /* another process is in charge, and accepts: workers do not, until it is not and they have met */
	pthread_mutex_t report_lock;
	struct session_report report;             /* under it */
	atomic_bool want_sessions;
	atomic_uint reports, reporters; /* how often all were asked; how many have not answered yet */
};

/* Starts `threads` workers, each of which takes WORKER_FDS descriptors. Returns 0, or the errno that stopped it: then
 * `count` of them run, perhaps none. */
#define WORKER_FDS 4
int worker_open(struct worker_pool *pool, unsigned threads);
void worker_tell(struct worker_pool *pool);   /* there is a new table, or a listener has opened */
void worker_finish(struct worker_pool *pool); /* from now on `ring` is called; sessions live on */
/* Asks all workers to bring their counters up to date, and for their sessions when they are wanted. `ring` is called
 * when all have answered; then worker_told gives the report. Not again before that. */
void worker_ask(struct worker_pool *pool, bool sessions);
bool worker_told(struct worker_pool *pool, struct session_report *report); /* false: not yet */
/* Has all workers see what has been set, and take the table in force, and then look at each listener anew: another process
 * that shared it may have been told of a client, and be gone. `ring` is called when all have done so. */
void worker_meet(struct worker_pool *pool);
bool worker_met(const struct worker_pool *pool); /* false: not yet */
bool worker_take_suspects(struct worker_pool *pool, struct worker_suspects *suspects); /* false: there are none */
int64_t worker_cpu(const struct worker_pool *pool, unsigned worker); /* microseconds, when it was last asked */
void worker_close(struct worker_pool *pool);  /* ends every session and joins the threads */

#endif
