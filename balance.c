#include "base.h"
#include "balance.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "service.h"
#include "service_option.h"
#include "sys.h"

/* What a client has tried. */

bool balance_add(struct balance_tried *tried, struct route_backend *backend)
{
	unsigned at = tried->count;

	if (!(at & (at - 1))) { /* a power of two, or none: it is full */
		struct route_backend **items = realloc(tried->items, (at ? 2 * at : 1) * sizeof *items);

		if (!items)
			return false;
		tried->items = items;
	}
	for (; at && (uintptr_t)tried->items[at - 1] > (uintptr_t)backend; at--)
		tried->items[at] = tried->items[at - 1];
	tried->items[at] = tried->last = route_backend_ref(backend);
	tried->count++;
	return true;
}

void balance_restart(struct balance_tried *tried)
{
	tried->begun = false;
}

void balance_forget(struct balance_tried *tried)
{
	while (tried->count)
		route_backend_unref(tried->items[--tried->count]);
	free(tried->items);
	*tried = (struct balance_tried){ 0 };
}

static bool was_tried(const struct balance_tried *tried, const struct route_backend *backend)
{
	unsigned low = 0, high = tried->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (tried->items[middle] == backend)
			return true;
		if ((uintptr_t)tried->items[middle] < (uintptr_t)backend)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Strategies. */

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

/* A session counts for as long as dill keeps its connection to the backend, also when the backend has said all that it
 * has to say: it may read on, and whether it has closed both ways nobody here can see. HAProxy's leastconn does the
 * same, and nginx's least_conn with proxy_half_close; without that, nginx ends the session itself. And a backend that
 * ends each session at once would be the least loaded one, and draw all clients. */
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

/* The search begins behind the backend that was tried last, at the first one when that has left the table. */
static void begin(struct balance_tried *tried, const struct route_entry *e)
{
	tried->begun = true;
	tried->start = tried->steps = 0;
	for (unsigned i = 0; i < e->count; i++)
		if (e->backends[i] == tried->last)
			tried->start = i + 1;
}

struct route_backend *balance_pick(const struct route_entry *entry, struct balance_tried *tried)
{
	struct balance_tried none = { 0 };

	if (!entry->count)
		return NULL;
	/* A second attempt starts behind the first; only a first one moves the round. */
	if (!tried)
		none.start = first_choice(entry);
	else if (!tried->begun)
		begin(tried, entry);
	tried = tried ? tried : &none;
	/* Once round for those that are healthy, and once for the others. */
	for (; tried->steps < 2 * entry->count; tried->steps++) {
		bool healthy_only = tried->steps < entry->count;
		unsigned at = (tried->start + tried->steps) % entry->count;

		if (!(healthy_only && is_unhealthy(entry, at)) && !was_tried(tried, entry->backends[at]))
			return entry->backends[at];
	}
	return NULL;
}
