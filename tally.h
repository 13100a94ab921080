/* tally: how often something took how long. Counted from any thread. */
#ifndef TALLY_H
#define TALLY_H

#include "base.h"

#include <stdatomic.h>

#define TALLY_BUCKETS 12
/* Upper bounds in microseconds, both ends included; the last one holds all the rest. */
extern const int64_t tally_bounds[TALLY_BUCKETS - 1];

struct tally {
	atomic_ullong sum; /* microseconds */
	atomic_ullong buckets[TALLY_BUCKETS]; /* each by itself, not what lies below it */
};

void tally_add(struct tally *t, int64_t us);

#endif
