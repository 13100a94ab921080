/* nomad_sweep: which services are read next, and when. It does no input or output; the clock is an argument. */
#ifndef NOMAD_SWEEP_H
#define NOMAD_SWEEP_H

#include "base.h"
#include "consul_catalog.h"
#include "pace.h"

struct nomad_sweep {
	struct catalog *catalog; /* borrowed */
	unsigned number; /* of the newest one: names that it has reached have it as their `sweep` */
	size_t next;     /* index of the name at which it goes on */
	size_t wanted;   /* index of the name at which the next look for those that are wanted begins */
	bool running;    /* names are left */
	bool due;        /* the bell has rung since it began */
	bool complete;   /* each name has been read, or has failed, since the start; the caller says so */
	int64_t at;      /* when the next one may begin */
	bool hurry;      /* it may begin whatever that costs */
	struct pace_bucket bucket;
	struct pace_bytes waste; /* of what brought nothing */
};

void nomad_sweep_open(struct nomad_sweep *sweep, struct catalog *catalog, int64_t now);
/* All names are to be read. A sweep that runs goes once more around, from where it is. `at_once`: whatever it costs. */
void nomad_sweep_ring(struct nomad_sweep *sweep, bool at_once);
bool nomad_sweep_start(struct nomad_sweep *sweep, int64_t now); /* when one is due, and may begin; true: it does */
/* Chooses up to `most` names: first those that are wanted, then those of the sweep. Returns how many, as indexes. */
size_t nomad_sweep_choose(struct nomad_sweep *sweep, size_t *which, size_t most, int64_t now);
/* What has been chosen last has been read. True when that was the end of a sweep. */
bool nomad_sweep_over(struct nomad_sweep *sweep, int64_t now);
bool nomad_sweep_whole(const struct nomad_sweep *sweep); /* no listed name waits for its first reading */
/* What the one that has ended took: bytes of answers, if they brought nothing, and microseconds of CPU time. */
void nomad_sweep_cost(struct nomad_sweep *sweep, size_t bytes, int64_t cpu, int64_t now);
int64_t nomad_sweep_at(const struct nomad_sweep *sweep); /* when there is something to read next; INT64_MAX: not known */

#endif
