/* Of route.h: the figures of listeners and backends. */
#include "base.h"
#include "route.h"

#include <stdlib.h>

#include "histogram.h"

unsigned route_listener_active(const struct route_listener *listener)
{
	return atomic_load(&listener->active);
}

unsigned route_backend_active(const struct route_backend *backend)
{
	return atomic_load(&backend->active);
}

struct route_figures route_listener_figures(const struct route_listener *listener)
{
	return (struct route_figures){
		.active = route_listener_active(listener), .connections = atomic_load(&listener->connections),
		.rx = atomic_load(&listener->rx), .tx = atomic_load(&listener->tx)
	};
}

struct route_figures route_backend_figures(const struct route_backend *backend)
{
	return (struct route_figures){
		.active = route_backend_active(backend), .connections = atomic_load(&backend->connections),
		.rx = atomic_load(&backend->rx), .tx = atomic_load(&backend->tx),
		.connect_errors = atomic_load(&backend->connect_errors)
	};
}

void route_add_figures(struct route_figures *sum, const struct route_figures *figures)
{
	sum->active += figures->active;
	sum->connections += figures->connections;
	sum->rx += figures->rx;
	sum->tx += figures->tx;
	sum->connect_errors += figures->connect_errors;
}

void route_connect_times(const struct route_backend *backend, struct histogram *sum)
{
	const struct histogram *times = atomic_load(&backend->connect_time);

	*sum = (struct histogram){ 0 };
	for (int i = 0; times && i < HISTOGRAM_BUCKETS; i++)
		atomic_store(&sum->buckets[i], atomic_load(&times->buckets[i]));
	if (times)
		atomic_store(&sum->sum, atomic_load(&times->sum));
}

void route_connected(struct route_backend *backend, int64_t us)
{
	struct histogram *times = atomic_load_explicit(&backend->connect_time, memory_order_acquire), *none = NULL;

	if (!times) {
		times = calloc(1, sizeof *times);
		if (!times)
			return;
		if (!atomic_compare_exchange_strong(&backend->connect_time, &none, times)) {
			free(times);
			times = none;
		}
	}
	histogram_add(times, us);
}
