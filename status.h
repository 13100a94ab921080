/* status: what dill does, over HTTP/1.1 (RFC 9110, 9112), for tools and probes. Served by the control plane.
 *
 *     /status       OK once every source has spoken, 503 before, and while stopping
 *     /connections  the live sessions, as JSON
 *     /routes       listeners, backends, refused wishes and sources, as JSON */
#ifndef STATUS_H
#define STATUS_H

#include "base.h"
#include "route.h"
#include "server.h"
#include "sources.h"
#include "worker.h"

struct status {
	struct server server;
	const struct route *route; /* these three borrowed */
	const struct sources *sources;
	struct worker_pool *pool;
	bool stopping; /* set by the caller */
	bool ready;    /* every source had spoken once */
	bool asked;    /* the workers prepare a report */
};

void status_open(struct status *s, struct loop *loop);
void status_woken(struct status *s); /* a report may be complete */

#endif
