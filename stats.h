/* stats: the state and the figures of the program, for the servers that show them. */
#ifndef STATS_H
#define STATS_H

#include "base.h"
#include "body.h"
#include "config.h"
#include "histogram.h"
#include "resolve.h"
#include "route.h"
#include "supervisor.h"
#include "worker.h"

/* The control plane's thread only. The pointers are borrowed. */
struct stats {
	const struct route *route;
	const struct supervisor *sources;
	const struct resolver *resolver; /* NULL: there is none */
	struct worker_pool *pool;
	const struct config *config; /* in force */
	int64_t started;             /* sys_now() at the start */
	int64_t began;               /* sys_wall() then: shown as it was, for who looks at it sees restarts by its changes */
	struct histogram update;     /* time from a source's answer to its table in force */
	unsigned long reloads, failed_reloads;
	int64_t loaded;     /* when the configuration in force was read, on sys_wall()'s clock: shown as `began` */
	bool reload_failed; /* the last one */
	bool stopping;
	bool named; /* the names of the first table have had their first answers, or dns.timeout for that */
	bool ready; /* see stats_ready */
};

/* The HTTP status that tells whether dill is ready: 200 once every source has answered, and `named`; 503 before that and when
 * dill is stopping. *why says the same in words. A source that is added later does not change it. */
int stats_ready(struct stats *stats, const char **why);

bool stats_is_open(const struct route_listener *listener); /* whether it accepts clients */
/* How many listeners are open, wait for their names (see route_waits()), and cannot listen. */
struct stats_listeners {
	size_t open, waiting, failed;
};
void stats_count(struct stats_listeners *counts, const struct route_entry *entry); /* one more */

/* Figures of this process from the system. Negative: the system does not tell. */
struct stats_process {
	int64_t resident, virtual_size; /* bytes */
	int64_t open_fds, max_fds;
	int64_t cpu; /* microseconds, of all threads */
};
void stats_process(struct stats_process *process);

/* What passes through a listener in a second, over the last few seconds. False: nobody has asked about it for long
 * enough. */
struct stats_rate {
	double connections, rx, tx;
};
bool stats_rate(struct route_listener *listener, struct stats_rate *out);

/* A body of nothing that logs the counters, a line each: for the whole program, each listener and each backend, the retired
 * ones too. Borrows stats. */
struct body *stats_log(const struct stats *stats);

#endif
