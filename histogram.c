#include "base.h"
#include "histogram.h"

const struct histogram_bound histogram_bounds[HISTOGRAM_BUCKETS] = {
	{ 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" }, { 25000, "0.025" }, { 50000, "0.05" },
	{ 100000, "0.1" }, { 250000, "0.25" }, { 500000, "0.5" }, { 1000000, "1" }, { 2500000, "2.5" }, { INT64_MAX, "+Inf" }
};

void histogram_add(struct histogram *histogram, int64_t us)
{
	int i = 0;

	us = us < 0 ? 0 : us;
	while (us > histogram_bounds[i].us)
		i++;
	atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, (unsigned long long)us, memory_order_relaxed);
}

void histogram_add_all(struct histogram *sum, const struct histogram *more)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		atomic_fetch_add(&sum->buckets[i], atomic_load(&more->buckets[i]));
	atomic_fetch_add(&sum->sum, atomic_load(&more->sum));
}
