#include "base.h"
#include "balance.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "net.h"
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

/* Strategies. What they choose from: the backends of an entry whose service admits the client. */

struct choice {
	const struct route_entry *entry;
	const struct net_addr *client;
};

static unsigned next_of(atomic_uint *cursor, unsigned len)
{
	unsigned at = atomic_load_explicit(cursor, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(cursor, &at, (at + 1) % len, memory_order_relaxed,
	                                              memory_order_relaxed))
		;
	return at;
}

static bool is_unhealthy(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->unhealthy, memory_order_relaxed);
}

static bool is_good(const struct choice *of, unsigned i)
{
	return !is_unhealthy(of->entry, i) && route_admits_to(of->entry, i, of->client);
}

static bool has_good(const struct choice *of, const struct route_share *share)
{
	for (unsigned i = share->first; i < share->first + share->count; i++)
		if (is_good(of, i))
			return true;
	return false;
}

/* The next share with a backend that is good: these share the turns of the others. */
static struct route_share *next_share(const struct choice *of)
{
	const struct route_entry *e = of->entry;
	struct route_share *share = e->shares;

	for (unsigned n = 0; n < e->share_count && e->share_count > 1; n++) {
		share = &e->shares[next_of(&e->listener->cursor, e->share_count) % e->share_count];
		if (has_good(of, share))
			break;
	}
	return share;
}

/* Any share with a backend that is good. */
static struct route_share *any_share(const struct choice *of)
{
	const struct route_entry *e = of->entry;
	struct route_share *share = e->shares;

	for (unsigned n = 0; n < 2 * e->share_count && e->share_count > 1; n++) {
		share = &e->shares[sys_random() % e->share_count];
		if (has_good(of, share))
			break;
	}
	return share;
}

/* The next in the round that is good: these share the turns of the others. */
static unsigned next_good(const struct choice *of)
{
	struct route_share *share = next_share(of);
	unsigned i = route_turn(share, next_of(&share->cursor, share->round_len));

	if (is_good(of, i) || !has_good(of, share))
		return i;
	for (unsigned n = 1; n < share->round_len && !is_good(of, i); n++)
		i = route_turn(share, next_of(&share->cursor, share->round_len));
	return i;
}

static unsigned any_good(const struct choice *of)
{
	struct route_share *share = any_share(of);
	unsigned i = route_turn(share, sys_random() % share->round_len);

	if (is_good(of, i) || !has_good(of, share))
		return i;
	for (unsigned n = 1; n < 2 * share->round_len && !is_good(of, i); n++)
		i = route_turn(share, sys_random() % share->round_len);
	return i;
}

/* A session counts for as long as dill keeps its connection to the backend, also when the backend has said all that it
 * has to say: it may read on, and whether it has closed both ways nobody here can see. HAProxy's leastconn does the
 * same, and nginx's least_conn with proxy_half_close; without that, nginx ends the session itself. And a backend that
 * ends each session at once would be the least loaded one, and draw all clients. */
static unsigned load_of(const struct route_entry *e, unsigned i)
{
	return route_backend_active(e->backends[i]);
}

/* What a backend is to take of its share, between 0 and 1. */
static double part_of(const struct route_entry *e, unsigned i)
{
	unsigned low = 0, high = e->share_count;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		*(e->shares[middle].first <= i ? &low : &high) = middle;
	}
	return (double)e->weights[i] / (double)e->shares[low].weight;
}

/* Whether place a is better than place b: good, then with fewer connections for its part. */
static bool balance_prefers(const struct choice *of, unsigned a, unsigned b)
{
	if (is_good(of, a) != is_good(of, b))
		return is_good(of, a);
	return load_of(of->entry, a) * part_of(of->entry, b) < load_of(of->entry, b) * part_of(of->entry, a);
}

static unsigned least_loaded(const struct choice *of)
{
	unsigned start = next_good(of), best = start;

	for (unsigned i = 1; i < of->entry->count; i++)
		if (balance_prefers(of, (start + i) % of->entry->count, best))
			best = (start + i) % of->entry->count;
	return best;
}

static unsigned first_choice(const struct choice *of)
{
	unsigned a, b;

	switch (of->entry->balance) {
	case SERVICE_RANDOM:
		return any_good(of);
	case SERVICE_P2C:
		a = any_good(of);
		b = any_good(of);
		if (a == b)
			b = (b + 1) % of->entry->count;
		return balance_prefers(of, b, a) ? b : a;
	case SERVICE_LEAST_CONN:
		return least_loaded(of);
	case SERVICE_ROUND_ROBIN:
		break;
	}
	return next_good(of);
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

bool balance_pick(const struct route_entry *entry, const struct net_addr *client, struct balance_tried *tried, unsigned *at)
{
	const struct choice of = { entry, client };
	struct balance_tried none = { 0 };

	if (!entry->count)
		return false;
	/* A second attempt starts behind the first; only a first one moves the round. */
	if (!tried)
		none.start = first_choice(&of);
	else if (!tried->begun)
		begin(tried, entry);
	tried = tried ? tried : &none;
	/* Once round for those that are healthy, and once for the others. */
	for (; tried->steps < 2 * entry->count; tried->steps++) {
		bool healthy_only = tried->steps < entry->count;

		*at = (tried->start + tried->steps) % entry->count;
		if (!(healthy_only && is_unhealthy(entry, *at)) && route_admits_to(entry, *at, client) &&
		    !was_tried(tried, entry->backends[*at]))
			return true;
	}
	return false;
}
