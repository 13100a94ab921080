#include "base.h"
#include "place.h"

#define BATCH 8 /* places that a worker takes at once for a listener, at most; it keeps up to twice as many */
#define PLENTY 64 /* such a batch is no more than this part of those left */

/* A listener's word: how many places it has taken in the low half, how many are its own in the high one. Whoever takes or
 * gives back one learns both at once, so `common` is exact, whatever the control plane changes meanwhile: it counts what
 * all listeners have taken beyond their own. No session has to remember which kind it has. */

static unsigned place_taken(unsigned long long word)
{
	return (unsigned)(word & UINT32_MAX);
}

static unsigned place_own(unsigned long long word)
{
	return (unsigned)(word >> 32);
}

static int place_beyond(unsigned long long word)
{
	return place_taken(word) > place_own(word) ? (int)(place_taken(word) - place_own(word)) : 0;
}

/* Between the two steps `common` may be below 0 for a moment. */
static void place_set_own(struct session_shared *shared, struct route_listener *listener, unsigned own)
{
	unsigned long long old = atomic_load(&listener->places), word;

	if (place_own(old) == own)
		return;
	do
		word = (unsigned long long)own << 32 | place_taken(old);
	while (!atomic_compare_exchange_weak(&listener->places, &old, word));
	atomic_fetch_add(&shared->common, place_beyond(word) - place_beyond(old));
}

/* What is set aside for others leaves half of all to any one listener. One that has left has nothing of its own. */
void place_share(struct session_shared *shared, struct route *route, unsigned limit, unsigned reserve)
{
	const struct route_table *table = route->table;
	unsigned count = (unsigned)table->count, most = count > 1 ? limit / 2 / (count - 1) : limit;

	if (reserve > most)
		reserve = most;
	atomic_store(&shared->limit, limit);
	atomic_store(&shared->common_limit, (int)(limit - reserve * count));
	for (size_t i = 0; i < table->count; i++)
		place_set_own(shared, table->entries[i]->listener, reserve);
	for (size_t i = 0; i < route->retired_listener_count; i++)
		place_set_own(shared, route->retired_listeners[i], 0);
}

/* How many of them are no longer beyond the listener's own. */
static int place_leave(struct session_shared *shared, struct route_listener *listener, unsigned count)
{
	unsigned long long word = atomic_fetch_sub(&listener->places, count);
	int less = place_beyond(word) - place_beyond(word - count);

	if (less)
		atomic_fetch_sub(&shared->common, less);
	return less;
}

/* All of them or none. `limit` is looked at as well: after a change what is taken may be more than there is of one kind. */
static bool place_try(struct session_shared *shared, struct route_listener *listener, unsigned count)
{
	unsigned long long word = atomic_fetch_add(&listener->places, count);
	int more = place_beyond(word + count) - place_beyond(word);

	if (!more || atomic_fetch_add(&shared->common, more) + more <= atomic_load(&shared->common_limit)) {
		if (atomic_fetch_add(&shared->taken, count) + count <= atomic_load(&shared->limit))
			return true;
		atomic_fetch_sub(&shared->taken, count);
	}
	place_leave(shared, listener, count);
	return false;
}

/* Three steps on lines that all workers share, for each client that comes or goes: while there are plenty of places, a
 * worker takes some at once, and keeps those of clients that have gone for the next ones. None when that could be felt by
 * others. */
static unsigned place_batch(const struct session_shared *shared)
{
	long free = (long)atomic_load(&shared->limit) - (long)atomic_load(&shared->taken);
	long common = (long)atomic_load(&shared->common_limit) - atomic_load(&shared->common);
	long part = (common < free ? common : free) / PLENTY;

	return part < 2 ? 0 : part < BATCH ? (unsigned)part : BATCH;
}

static void place_spare(struct session_cell *worker, struct route_cell *cell, int change)
{
	unsigned all = atomic_load_explicit(&worker->spare, memory_order_relaxed);

	cell->spare += (unsigned)change;
	atomic_store_explicit(&worker->spare, all + (unsigned)change, memory_order_relaxed);
}

static bool place_waited(atomic_bool *waits)
{
	return atomic_load(waits) && atomic_exchange(waits, false);
}

static bool place_leave_some(struct session_shared *shared, struct route_listener *listener, unsigned count)
{
	int less = place_leave(shared, listener, count);
	bool waited = less && place_waited(&shared->waits);

	atomic_fetch_sub(&shared->taken, count);
	return ((unsigned)less < count && place_waited(&listener->waits)) || waited;
}

/* What is spare was taken under limits that may have changed since. */
static bool place_take_spare(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                             struct route_cell *cell)
{
	unsigned batch;

	cell->listed = true;
	if (cell->spare && (atomic_load(&shared->taken) > atomic_load(&shared->limit) ||
	                    atomic_load(&shared->common) > atomic_load(&shared->common_limit)))
		place_return(shared, worker, listener, cell);
	batch = cell->spare ? 0 : place_batch(shared);
	if (batch && place_try(shared, listener, batch))
		place_spare(worker, cell, (int)batch);
	if (!cell->spare)
		return false;
	place_spare(worker, cell, -1);
	return true;
}

bool place_take(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                struct route_cell *cell)
{
	if (place_take_spare(shared, worker, listener, cell) || place_try(shared, listener, 1))
		return true;
	atomic_store(&listener->waits, true);
	atomic_store(&shared->waits, true);
	return place_try(shared, listener, 1); /* one that became free before that was said */
}

bool place_give_back(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                     struct route_cell *cell)
{
	if (!cell->listed || atomic_load(&listener->waits) || atomic_load(&shared->waits) || !place_batch(shared))
		return place_leave_some(shared, listener, 1);
	place_spare(worker, cell, 1);
	if (cell->spare <= 2 * BATCH)
		return false;
	place_spare(worker, cell, -BATCH);
	return place_leave_some(shared, listener, BATCH);
}

bool place_return(struct session_shared *shared, struct session_cell *worker, struct route_listener *listener,
                  struct route_cell *cell)
{
	unsigned count = cell->spare;

	if (!count)
		return false;
	place_spare(worker, cell, -(int)count);
	return place_leave_some(shared, listener, count);
}

bool place_common_full(const struct session_shared *shared, unsigned held)
{
	return atomic_load(&shared->common) - (int)held >= atomic_load(&shared->common_limit);
}
