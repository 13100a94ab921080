/* consul_sweep: which services are read next: first those that a bell has pointed at; then, in a sweep that every ring
 * makes due, all of them. No input or output; the clock is an argument, except that of the CPU. */
#ifndef CONSUL_SWEEP_H
#define CONSUL_SWEEP_H

#include "base.h"
#include "consul_catalog.h"
#include "pace.h"

#define CONSUL_SWEEP_BATCH 64 /* names read in one go; the bells are looked at in between */
#define CONSUL_SWEEP_MS 1000  /* until a service is read again whose reading failed */

struct consul_sweep {
	bool due;      /* a bell has rung since the last sweep began */
	bool running;
	bool complete; /* the first sweep has ended: all services are known */
	size_t next;     /* the next name of the one that is running */
	unsigned number; /* of the newest sweep */
	size_t good;     /* readings that succeeded in it */
	bool skipped;    /* it left out a name whose last reading has just failed */
	const char *why; /* why the last reading that failed did so; borrowed */
	int64_t retry_at; /* when one is due because readings failed; 0: none did */
	int64_t cpu;      /* the thread's CPU time when it began */
	struct pace_bucket bucket;
};

void consul_sweep_restart(struct consul_sweep *sweep); /* the connections are new: one is due, and may begin at once */
void consul_sweep_start(struct consul_sweep *sweep, int64_t now); /* begins one when it is due and may begin */

/* Fills `which` with the places of the names to be read now, and returns how many. None, and no sweep is running: there
 * is nothing to do. */
size_t consul_sweep_choose(struct consul_sweep *sweep, const struct catalog *catalog, size_t which[CONSUL_SWEEP_BATCH],
                           int64_t now);
/* The outcome of each: read, or failed, and not to be tried again before `again_at`. */
void consul_sweep_read(struct consul_sweep *sweep, struct catalog_name *name);
void consul_sweep_failed(struct consul_sweep *sweep, struct catalog_name *name, const char *why, int64_t again_at);

bool consul_sweep_over(const struct consul_sweep *sweep, const struct catalog *catalog); /* no name is left */
/* Ends it. False when not one reading succeeded: sweep->why is the reason, NULL when all names had to be left out. */
bool consul_sweep_end(struct consul_sweep *sweep);
void consul_sweep_moved(struct consul_sweep *sweep); /* names have other places now */

int64_t consul_sweep_at(const struct consul_sweep *sweep); /* when the next one may begin; INT64_MAX: none is due */

#endif
