/* status: what dill does, over HTTP/1.1 (RFC 9110, 9112), for people, tools and probes. Served by the control plane.
 *
 *     /             a page for people
 *     /status       OK once every source has spoken, 503 before, and while stopping
 *     /connections  the live sessions, as JSON
 *     /routes       listeners, backends, refused wishes and sources, as JSON
 *     /metrics      for Prometheus
 *     /explain/NAME why that service is routed or not, tag by tag, as text
 *
 * A new page of figures is a row of `pages` in status.c. */
#ifndef STATUS_H
#define STATUS_H

#include "base.h"
#include "admin.h"
#include "body.h"
#include "loop.h"
#include "stats.h"

struct status {
	struct admin server;
	struct stats *stats; /* borrowed */
	bool asked;    /* the workers prepare a report */
	bool sessions; /* with every session */
	bool logging;  /* and stats_log waits for it */
	struct body *log; /* the counters, which are being logged; NULL: they are not */
	struct loop_fifo lines;
	struct loop_timer more_lines;
};

void status_open(struct status *status, struct loop *loop); /* the server's kind, and stats, are set by the caller */
void status_woken(struct status *status); /* a report may be complete */
void status_log(struct status *status);   /* stats_log, as soon as the counters are up to date */
bool status_expired(struct status *status, struct loop_fifo *fifo, struct loop_timer *timer); /* false: not its own */
void status_close(struct status *status);

#endif
