/* tally: how often something took how long. Counted from any thread. */
#ifndef TALLY_H
#define TALLY_H

#include "base.h"

#include <stdatomic.h>

#define TALLY_BUCKETS 12
/* Upper bounds, which belong to their buckets, in microseconds and as seconds; the last one holds all the rest. */
struct tally_bound {
	int64_t us;
	const char *seconds;
};
extern const struct tally_bound tally_bounds[TALLY_BUCKETS];

struct tally {
	atomic_ullong sum; /* microseconds */
	atomic_ullong buckets[TALLY_BUCKETS]; /* each by itself, not what lies below it */
};

void tally_add(struct tally *t, int64_t us);

#endif
