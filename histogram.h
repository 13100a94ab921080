/* histogram: how often something took how long. Counted from any thread. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "base.h"

#include <stdatomic.h>

#define HISTOGRAM_BUCKETS 12
/* Upper bounds, which belong to their buckets, in microseconds and as seconds; the last one has no bound. */
struct histogram_bound {
	int64_t us;
	const char *seconds;
};
extern const struct histogram_bound histogram_bounds[HISTOGRAM_BUCKETS];

struct histogram {
	atomic_ullong sum; /* microseconds */
	atomic_ullong buckets[HISTOGRAM_BUCKETS]; /* not cumulative */
};

void histogram_add_all(struct histogram *sum, const struct histogram *more);
void histogram_add(struct histogram *histogram, int64_t us);

#endif
