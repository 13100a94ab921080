#include "base.h"
#include "place.h"

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

/* False: what it takes beyond its own is given back. */
static bool place_leave(struct session_shared *shared, struct route_listener *listener)
{
	bool beyond = place_beyond(atomic_fetch_sub(&listener->places, 1));

	if (beyond)
		atomic_fetch_sub(&shared->common, 1);
	return beyond;
}

/* `limit` is looked at as well: after a change what is taken may be more than there is of one kind. */
static bool place_try(struct session_shared *shared, struct route_listener *listener)
{
	unsigned long long word = atomic_fetch_add(&listener->places, 1);

	if (place_taken(word) < place_own(word) || atomic_fetch_add(&shared->common, 1) < atomic_load(&shared->common_limit)) {
		if (atomic_fetch_add(&shared->sessions, 1) < atomic_load(&shared->limit))
			return true;
		atomic_fetch_sub(&shared->sessions, 1);
	}
	place_leave(shared, listener);
	return false;
}

bool place_take(struct session_shared *shared, struct route_listener *listener)
{
	if (place_try(shared, listener))
		return true;
	atomic_store(&listener->waits, true);
	atomic_store(&shared->waits, true);
	return place_try(shared, listener); /* one that became free before that was said */
}

bool place_give_back(struct session_shared *shared, struct route_listener *listener)
{
	atomic_bool *waits = place_leave(shared, listener) ? &shared->waits : &listener->waits;

	atomic_fetch_sub(&shared->sessions, 1);
	return atomic_load(waits) && atomic_exchange(waits, false);
}

bool place_common_full(const struct session_shared *shared, unsigned held)
{
	return atomic_load(&shared->common) - (int)held >= atomic_load(&shared->common_limit);
}
