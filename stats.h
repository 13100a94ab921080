/* stats: what there is to look at, for the servers that show it, and figures of the process. */
#ifndef STATS_H
#define STATS_H

#include "base.h"
#include "config.h"
#include "histogram.h"
#include "route.h"
#include "supervisor.h"
#include "worker.h"

/* The control plane's thread only. The pointers are borrowed. */
struct stats {
	const struct route *route;
	const struct supervisor *sources;
	struct worker_pool *pool;
	const struct config *config; /* in force */
	int64_t started;             /* sys_wall() at the start */
	struct histogram update;     /* from a source's answer to the table in force */
	unsigned long reloads, failed_reloads;
	int64_t loaded;     /* when the configuration in force was read, on sys_wall()'s clock */
	bool reload_failed; /* the last one */
	bool stopping;
	bool ready; /* every source had spoken once; see stats_ready */
};

/* 200 while there is a table in force to go by, else 503; *why says it in words. A source that is added later changes
 * nothing. */
int stats_ready(struct stats *stats, const char **why);

bool stats_is_open(const struct route_listener *listener);
/* How many listeners of the table are open, and how many cannot listen. */
void stats_listeners(const struct route_table *table, size_t *open, size_t *failed);

/* Figures that the system has of this process. Negative: it does not tell. */
struct stats_process {
	int64_t resident, virtual_size; /* bytes */
	int64_t open_fds, max_fds;
	int64_t cpu; /* microseconds, of all threads */
};
void stats_process(struct stats_process *process);

/* What passed through a listener in each second of the last few. False: it has not been looked at for long enough. */
struct stats_rate {
	double connections, rx, tx;
};
bool stats_rate(struct route_listener *listener, struct stats_rate *out);

/* The counters as lines of the log: all together, each listener, each backend. */
void stats_log(const struct stats *stats);

#endif
