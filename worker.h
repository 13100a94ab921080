/* worker: threads with a loop each, that accept and own sessions. They share the published table and counters. */
#ifndef WORKER_H
#define WORKER_H

#include "base.h"
#include "proxy.h"
#include "route.h"

struct worker_pool {
	struct proxy_shared shared; /* set by the caller before worker_open; `limit` at any time */
	struct route *route;
	void (*idle)(void *arg); /* called by a worker that has ended its last session while finishing */
	void *arg;
	struct worker *workers;
	unsigned count;
	atomic_bool stopping, closing;
	atomic_bool starved; /* somebody waits for a session to end */
	atomic_uint news;    /* counts what workers were told */
};

/* Starts `threads` workers. Returns 0 or an errno, and then nothing is left running. */
int worker_open(struct worker_pool *pool, unsigned threads);
void worker_tell(struct worker_pool *pool);   /* there is a new table, or a listener has opened */
void worker_finish(struct worker_pool *pool); /* from now on `idle` is called; sessions live on */
void worker_close(struct worker_pool *pool);  /* ends every session and joins the threads */

#endif
