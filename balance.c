#include "base.h"
#include "balance.h"

#include <stdatomic.h>

#include "service.h"
#include "service_option.h"
#include "sys.h"

static bool untried(struct route_backend *b, struct route_backend *const *tried, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tried[i] == b)
			return false;
	return true;
}

static unsigned next_in_round(const struct route_entry *e)
{
	atomic_uint *cursor = &e->listener->cursor;
	unsigned at = atomic_load_explicit(cursor, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(cursor, &at, (at + 1) % e->round_len, memory_order_relaxed,
	                                              memory_order_relaxed))
		;
	return at;
}

static bool is_unhealthy(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->unhealthy, memory_order_relaxed);
}

static bool none_healthy(const struct route_entry *e)
{
	for (unsigned i = 0; i < e->count; i++)
		if (!is_unhealthy(e, i))
			return false;
	return true;
}

/* The next in the round that is healthy: the healthy ones share the turns of the others. */
static unsigned next_healthy(const struct route_entry *e)
{
	unsigned i = route_turn(e, next_in_round(e));

	if (!is_unhealthy(e, i) || none_healthy(e))
		return i;
	for (unsigned n = 1; n < e->round_len && is_unhealthy(e, i); n++)
		i = route_turn(e, next_in_round(e));
	return i;
}

static unsigned any_healthy(const struct route_entry *e)
{
	unsigned i = route_turn(e, sys_random() % e->round_len);

	if (!is_unhealthy(e, i) || none_healthy(e))
		return i;
	for (unsigned n = 1; n < 2 * e->round_len && is_unhealthy(e, i); n++)
		i = route_turn(e, sys_random() % e->round_len);
	return i;
}

static unsigned load_of(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->active, memory_order_relaxed);
}

/* Whether place a is better than place b: healthy, then with fewer connections for its weight. */
static bool balance_prefers(const struct route_entry *e, unsigned a, unsigned b)
{
	if (is_unhealthy(e, a) != is_unhealthy(e, b))
		return is_unhealthy(e, b);
	return (uint64_t)load_of(e, a) * e->weights[b] < (uint64_t)load_of(e, b) * e->weights[a];
}

static unsigned least_loaded(const struct route_entry *e)
{
	unsigned start = route_turn(e, next_in_round(e)), best = start;

	for (unsigned i = 1; i < e->count; i++)
		if (balance_prefers(e, (start + i) % e->count, best))
			best = (start + i) % e->count;
	return best;
}

static unsigned first_choice(const struct route_entry *entry)
{
	unsigned a, b;

	switch (entry->balance) {
	case SERVICE_RANDOM:
		return any_healthy(entry);
	case SERVICE_P2C:
		a = any_healthy(entry);
		b = any_healthy(entry);
		if (a == b)
			b = (b + 1) % entry->count;
		return balance_prefers(entry, b, a) ? b : a;
	case SERVICE_LEAST_CONN:
		return least_loaded(entry);
	case SERVICE_ROUND_ROBIN:
		break;
	}
	return next_healthy(entry);
}

struct route_backend *balance_pick(const struct route_entry *entry, struct route_backend *const *tried,
                                   size_t tried_count)
{
	unsigned start;

	if (!entry->count)
		return NULL;
	/* A second attempt starts behind the first; only a first one moves the round. */
	start = tried_count ? 0 : first_choice(entry);
	for (unsigned i = 0; tried_count && i < entry->count; i++)
		if (entry->backends[i] == tried[tried_count - 1])
			start = i + 1;
	for (int last = 0; last < 2; last++)
		for (unsigned i = 0; i < entry->count; i++) {
			unsigned at = (start + i) % entry->count;

			if (is_unhealthy(entry, at) == last && untried(entry->backends[at], tried, tried_count))
				return entry->backends[at];
		}
	return NULL;
}
