/* Of route.h: the figures of listeners and backends. Each worker has a cell of its own, with cache lines of its own; who
 * reads adds up all. */
#include "base.h"
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "histogram.h"

#define LINE 64 /* of a cache */

/* Readers. */

static struct route_cell *cell_at(const struct route_cells *cells, unsigned i)
{
	return cells && i < cells->count ? atomic_load(&((struct route_cells *)(uintptr_t)cells)->of[i]) : NULL;
}

static unsigned count_active(const struct route_cells *cells)
{
	unsigned active = 0;

	for (unsigned i = 0; cells && i < cells->count; i++)
		active += cell_at(cells, i) ? atomic_load(&cell_at(cells, i)->active) : 0;
	return active;
}

unsigned route_listener_active(const struct route_listener *listener)
{
	return count_active(atomic_load(&listener->cells));
}

unsigned route_backend_active(const struct route_backend *backend)
{
	return count_active(atomic_load(&backend->cells));
}

static struct route_figures add_up(const struct route_cells *cells)
{
	struct route_figures sum = { .active = count_active(cells) };

	for (unsigned i = 0; cells && i < cells->count; i++) {
		const struct route_cell *cell = cell_at(cells, i);

		if (!cell)
			continue;
		sum.connections += atomic_load(&cell->connections);
		sum.rx += atomic_load(&cell->rx);
		sum.tx += atomic_load(&cell->tx);
	}
	return sum;
}

struct route_figures route_listener_figures(const struct route_listener *listener)
{
	return add_up(atomic_load(&listener->cells));
}

struct route_figures route_backend_figures(const struct route_backend *backend)
{
	struct route_figures sum = add_up(atomic_load(&backend->cells));

	sum.connect_errors = atomic_load(&backend->connect_errors);
	return sum;
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
	const struct route_cells *cells = atomic_load(&backend->cells);

	*sum = (struct histogram){ 0 };
	for (unsigned i = 0; cells && i < cells->count; i++)
		if (cell_at(cells, i))
			histogram_add_all(sum, cell_at(cells, i)->connect_time);
}

/* Workers. */

/* Lines of its own, up to the end of the last one. */
static struct route_cell *new_cell(size_t size)
{
	struct route_cell *cell;

	size = (size + LINE - 1) / LINE * LINE;
	cell = aligned_alloc(LINE, size);
	if (cell)
		memset(cell, 0, size);
	return cell;
}

/* The first worker that needs cells makes the list of them; two may try at once. */
static struct route_cells *have_cells(_Atomic(struct route_cells *) *at, unsigned workers)
{
	struct route_cells *cells = atomic_load_explicit(at, memory_order_acquire), *none = NULL;

	if (cells)
		return cells;
	cells = calloc(1, sizeof *cells + workers * sizeof *cells->of);
	if (!cells)
		return NULL;
	cells->count = workers;
	if (atomic_compare_exchange_strong(at, &none, cells))
		return cells;
	free(cells);
	return none;
}

static struct route_cell *have_cell(_Atomic(struct route_cells *) *at, unsigned worker, unsigned workers, size_t size)
{
	struct route_cells *cells = have_cells(at, workers);
	struct route_cell *cell = cells ? atomic_load_explicit(&cells->of[worker], memory_order_relaxed) : NULL;

	if (cells && !cell) {
		cell = new_cell(size);
		atomic_store(&cells->of[worker], cell);
	}
	return cell;
}

struct route_cell *route_listener_cell(struct route_listener *listener, unsigned worker, unsigned workers)
{
	return have_cell(&listener->cells, worker, workers, sizeof(struct route_cell));
}

struct route_cell *route_backend_cell(struct route_backend *backend, unsigned worker, unsigned workers)
{
	return have_cell(&backend->cells, worker, workers, sizeof(struct route_cell) + sizeof(struct histogram));
}

struct route_cell *route_listener_own(const struct route_listener *listener, unsigned worker)
{
	return cell_at(atomic_load_explicit(&listener->cells, memory_order_acquire), worker);
}

struct route_cell *route_backend_own(const struct route_backend *backend, unsigned worker)
{
	return cell_at(atomic_load_explicit(&backend->cells, memory_order_acquire), worker);
}

/* Nobody else writes it: that needs no locked instruction. */
void route_cell_add(atomic_ullong *figure, unsigned long long more)
{
	atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + more, memory_order_relaxed);
}

void route_cell_begin(struct route_cell *cell)
{
	atomic_store(&cell->active, atomic_load_explicit(&cell->active, memory_order_relaxed) + 1);
}

void route_cell_end(struct route_cell *cell)
{
	unsigned active = atomic_load_explicit(&cell->active, memory_order_relaxed);

	atomic_store_explicit(&cell->active, active - 1, memory_order_release);
}

/* A reference for each session would be an atomic step on a line that all workers share. So a worker has one for all of
 * its sessions, and keeps it from the first on while its table has the backend. */
void route_backend_hold(struct route_backend *backend, struct route_cell *cell)
{
	cell->listed = true;
	if (!cell->held)
		route_backend_ref(backend);
	cell->held = true;
}

void route_backend_idle(struct route_backend *backend, struct route_cell *cell)
{
	if (cell->listed || !cell->held || atomic_load_explicit(&cell->active, memory_order_relaxed))
		return;
	cell->held = false;
	route_backend_unref(backend);
}

static void set_listed(const struct route_entry *entry, unsigned from, unsigned to, unsigned worker, bool listed)
{
	for (unsigned i = from; i < to; i++) {
		struct route_cell *cell = route_backend_own(entry->backends[i], worker);

		if (cell)
			cell->listed = listed;
	}
}

static void tell_moved(const struct route_entry *entry, unsigned from, unsigned to, unsigned worker,
                       void (*moved)(void *arg, struct route_cell *cell), void *arg)
{
	for (unsigned i = from; moved && i < to; i++) {
		struct route_cell *cell = route_backend_own(entry->backends[i], worker);

		if (cell && cell->sessions)
			moved(arg, cell);
	}
}

/* What is the same at both ends is passed over: of many backends, one comes or goes. */
void route_cells_follow(const struct route_entry *old, const struct route_entry *now, unsigned worker,
                        void (*moved)(void *arg, struct route_cell *cell), void *arg)
{
	unsigned from = 0, end = old ? old->count : 0, to = now ? now->count : 0;

	while (from < end && from < to && old->backends[from] == now->backends[from])
		from++;
	while (end > from && to > from && old->backends[end - 1] == now->backends[to - 1])
		end--, to--;
	if (old)
		set_listed(old, from, end, worker, false);
	if (now)
		set_listed(now, from, to, worker, true);
	tell_moved(old, from, end, worker, moved, arg);
	tell_moved(now, from, to, worker, moved, arg);
	for (unsigned i = from; i < end; i++) {
		struct route_cell *cell = route_backend_own(old->backends[i], worker);

		if (cell)
			route_backend_idle(old->backends[i], cell);
	}
}

void route_cells_free(struct route_cells *cells)
{
	for (unsigned i = 0; cells && i < cells->count; i++)
		free(cell_at(cells, i));
	free(cells);
}
