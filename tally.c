#include "base.h"
#include "tally.h"

const int64_t tally_bounds[TALLY_BUCKETS - 1] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000
};

void tally_add(struct tally *t, int64_t us)
{
	int i = 0;

	us = us < 0 ? 0 : us;
	while (i < TALLY_BUCKETS - 1 && us > tally_bounds[i])
		i++;
	atomic_fetch_add_explicit(&t->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->sum, (unsigned long long)us, memory_order_relaxed);
}
