#include "base.h"
#include "balance.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_MAX 4096

static unsigned gcd(unsigned a, unsigned b)
{
	return b ? gcd(b, a % b) : a;
}

uint16_t *balance_round(const uint16_t *weights, unsigned count, unsigned *len)
{
	unsigned common = 0, total = 0;
	uint16_t *round;
	int *current;
	bool same = true;

	for (unsigned i = 0; i < count; i++) {
		common = gcd(weights[i], common);
		total += weights[i];
		same = same && weights[i] == weights[0];
	}
	*len = count;
	if (same)
		return NULL;
	while (total / common > ROUND_MAX)
		common++; /* a very long round is cut; the shares stay close */
	current = sys_alloc(count * sizeof *current);
	*len = 0;
	for (unsigned i = 0; i < count; i++)
		*len += weights[i] / common ? weights[i] / common : 1;
	total = *len;
	round = sys_alloc(total * sizeof *round);
	for (unsigned at = 0; at < total; at++) {
		unsigned best = 0;

		for (unsigned i = 0; i < count; i++) {
			current[i] += weights[i] / common ? (int)(weights[i] / common) : 1;
			if (current[i] > current[best])
				best = i;
		}
		current[best] -= (int)total;
		round[at] = (uint16_t)best;
	}
	free(current);
	return round;
}

static bool usable(struct route_backend *b, struct route_backend *const *tried, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tried[i] == b)
			return false;
	return true;
}

static unsigned place(const struct route_entry *e, unsigned at)
{
	return e->round ? e->round[at % e->round_len] : at % e->count;
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

static bool sick(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->unhealthy, memory_order_relaxed);
}

static bool all_sick(const struct route_entry *e)
{
	for (unsigned i = 0; i < e->count; i++)
		if (!sick(e, i))
			return false;
	return true;
}

/* The next in the round that is healthy, so that the turns of those who are not are shared by all others. */
static unsigned next_healthy(const struct route_entry *e)
{
	unsigned i = place(e, next_in_round(e));

	if (!sick(e, i) || all_sick(e))
		return i;
	for (unsigned n = 1; n < e->round_len && sick(e, i); n++)
		i = place(e, next_in_round(e));
	return i;
}

static unsigned any_healthy(const struct route_entry *e)
{
	unsigned i = place(e, sys_random() % e->round_len);

	if (!sick(e, i) || all_sick(e))
		return i;
	for (unsigned n = 1; n < 2 * e->round_len && sick(e, i); n++)
		i = place(e, sys_random() % e->round_len);
	return i;
}

static unsigned load_of(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->active, memory_order_relaxed);
}

/* Whether place a is to be preferred to place b: healthy, and then carrying less for its weight. */
static bool better(const struct route_entry *e, unsigned a, unsigned b)
{
	if (sick(e, a) != sick(e, b))
		return sick(e, b);
	return (uint64_t)load_of(e, a) * e->weights[b] < (uint64_t)load_of(e, b) * e->weights[a];
}

static unsigned least_loaded(const struct route_entry *e)
{
	unsigned start = place(e, next_in_round(e)), best = start;

	for (unsigned i = 1; i < e->count; i++)
		if (better(e, (start + i) % e->count, best))
			best = (start + i) % e->count;
	return best;
}

static unsigned first_choice(const struct route_entry *e)
{
	unsigned a, b;

	switch (e->balance) {
	case SERVICE_RANDOM:
		return any_healthy(e);
	case SERVICE_P2C:
		a = any_healthy(e);
		b = any_healthy(e);
		if (a == b)
			b = (b + 1) % e->count;
		return better(e, b, a) ? b : a;
	case SERVICE_LEAST_CONN:
		return least_loaded(e);
	case SERVICE_ROUND_ROBIN:
		break;
	}
	return next_healthy(e);
}

struct route_backend *balance_pick(const struct route_entry *e, struct route_backend *const *tried, size_t tried_count)
{
	unsigned start;

	if (!e->count)
		return NULL;
	/* A second attempt goes on behind the first; only a first one moves the round. */
	start = tried_count ? 0 : first_choice(e);
	for (unsigned i = 0; tried_count && i < e->count; i++)
		if (e->backends[i] == tried[tried_count - 1])
			start = i + 1;
	for (int last = 0; last < 2; last++)
		for (unsigned i = 0; i < e->count; i++) {
			unsigned at = (start + i) % e->count;

			if (sick(e, at) == last && usable(e->backends[at], tried, tried_count))
				return e->backends[at];
		}
	return NULL;
}
