/* consul_sweep: chooses the services that are read next: first those that a bell has pointed at, then all of them in a
 * sweep, which every ring makes due. It does no input or output; the clock is an argument, except that of the CPU. */
#ifndef CONSUL_SWEEP_H
#define CONSUL_SWEEP_H

#include "base.h"
#include "consul_catalog.h"
#include "pace.h"

#define CONSUL_SWEEP_BATCH 64 /* most names read in one go, between two looks at the bells */
#define CONSUL_SWEEP_MS 1000  /* before the next reading of a service whose last one failed */

struct consul_sweep {
	bool due;      /* a bell has rung since the last sweep began */
	bool running;
	bool complete; /* the first sweep has ended: all services are known */
	size_t next;     /* index of the next name of the running sweep */
	unsigned number; /* of the newest sweep */
	size_t good;     /* readings that succeeded in it */
	bool skipped;    /* it left out a name that must not be read yet */
	bool behind;     /* it read an answer that is older than what made it due */
	unsigned tries;  /* sweeps that were made due by such ones since the bell rang, up to a limit */
	const char *why; /* why the newest failed reading failed, in `words`; NULL: none did */
	char words[512]; /* a copy: a bell that is refused in between has words, too */
	int64_t retry_at; /* when readings that failed make a sweep due; 0: none failed */
	int64_t wanted_at; /* when a name that is wanted may be read again; 0: none has to wait */
	int64_t cpu;      /* the thread's CPU time when it began */
	struct pace_bucket bucket;
};

void consul_sweep_restart(struct consul_sweep *sweep); /* connections are new: a sweep is due, and may begin at once */
void consul_sweep_ring(struct consul_sweep *sweep);    /* a bell has rung: one is due */
void consul_sweep_start(struct consul_sweep *sweep, int64_t now); /* if one is due and the pace allows it */

/* Fills `which` with the indexes of the names to read now, and returns how many there are. It may be 0 in the middle of
 * a sweep. */
size_t consul_sweep_choose(struct consul_sweep *sweep, const struct catalog *catalog, size_t which[CONSUL_SWEEP_BATCH],
                           int64_t now);
/* How each reading ended: well; with an error, and then a sweep is due at `again_at`, and not before; or it tells nothing
 * yet, and that name alone is read again at `again_at`. */
void consul_sweep_read(struct consul_sweep *sweep, struct catalog_name *name);
void consul_sweep_failed(struct consul_sweep *sweep, struct catalog_name *name, const char *why, int64_t again_at);
void consul_sweep_later(struct consul_sweep *sweep, struct catalog_name *name, int64_t again_at);
/* An answer was older than what made dill ask for it: another sweep is due soon, and again, later each time. The index of
 * an answer is that of its service alone, so most of them are as new as can be, and this ends. */
void consul_sweep_behind(struct consul_sweep *sweep, int64_t now);

/* True when a sweep is running, and no name of it is left. */
bool consul_sweep_over(const struct consul_sweep *sweep, const struct catalog *catalog);
/* Ends the sweep. False when no reading succeeded: sweep->why says why, or is NULL when all names were left out. */
bool consul_sweep_end(struct consul_sweep *sweep);
void consul_sweep_moved(struct consul_sweep *sweep); /* call when names have new indexes */

int64_t consul_sweep_at(const struct consul_sweep *sweep); /* when there is something to read; INT64_MAX: nothing is due */

#endif
