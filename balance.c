#include "base.h"
#include "balance.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net.h"
#include "service_option.h"
#include "skip.h"
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

#define TRIES_AT_RANDOM 16 /* until it is the next one's turn instead */
#define LOOK_AT_ALL 32     /* backends, for the least loaded one; of more, it is the best of some */
#define LOOK_AT_SOME 8

struct choice {
	const struct route_entry *entry;
	const struct net_addr *client;
	unsigned serial;  /* what `skip` of entry and shares goes by */
	uint32_t seed;    /* of random numbers; 0: there was none yet */
	unsigned terms;   /* of those that were looked at last, */
	bool admitted;    /* whether they admit the client */
	bool denied;      /* a backend was passed over that is healthy, and does not */
	/* What it chooses from: all, or those that are tried first, or last. */
	unsigned from, to;     /* shares */
	unsigned first, count; /* their backends */
};

/* Where a backend is in its entry, and in which share. */
struct seat {
	struct route_share *share;
	unsigned at;
};

/* Below a bound. The numbers of all threads come from one place: a choice asks there once (and goes on as PCG does). */
static unsigned draw(struct choice *of, unsigned bound)
{
	uint32_t word;

	of->seed = (of->seed ? of->seed : sys_random()) * 747796405u + 2891336453u;
	word = (of->seed >> ((of->seed >> 28) + 4) ^ of->seed) * 277803737u;
	return (unsigned)((uint64_t)(word >> 22 ^ word) * bound >> 32);
}

static bool is_unhealthy(const struct route_entry *e, unsigned i)
{
	return atomic_load_explicit(&e->backends[i]->unhealthy, memory_order_relaxed);
}

static bool is_admitted(struct choice *of, unsigned i)
{
	const uint32_t *terms_of = of->entry->terms_of;

	if (terms_of && terms_of[i] != of->terms) {
		of->terms = terms_of[i];
		of->admitted = route_admits_to(of->entry, i, of->client);
	}
	return !terms_of || of->admitted;
}

static bool is_good(struct choice *of, unsigned i)
{
	return !is_unhealthy(of->entry, i) && is_admitted(of, i);
}

/* What is unhealthy, one backend or all of a share, is not looked at again before a backend of the listener recovers. */
static void pass_over(const struct choice *of, struct skip *skip, unsigned place)
{
	if (!skip)
		return;
	skip_add(skip, place);
	if (atomic_load(&of->entry->listener->recoveries) != of->serial)
		skip_remove(skip, place);
}

static unsigned place_from(const struct skip *skip, unsigned from)
{
	return skip ? skip_next(skip, from) : from;
}

/* How many places from one on, before the last one, have the same terms: these stand together. */
static unsigned alike_from(const struct route_entry *e, unsigned at, unsigned last)
{
	unsigned end = at + 1, step = 1;

	while (step) {
		bool same = end + step <= last && e->terms_of[end + step - 1] == e->terms_of[at];

		end += same ? step : 0;
		step = same ? step * 2 : step / 2;
	}
	return end - at;
}

/* The first turn in a part of the round whose backend is good; `to`: there is none. */
static unsigned seek_in(struct choice *of, const struct route_share *share, unsigned from, unsigned to)
{
	for (unsigned turn = place_from(share->skip, from), step; turn < to; turn = place_from(share->skip, turn + step)) {
		unsigned i = share->first + (share->round ? share->round[turn] : turn);

		step = 1;
		if (is_unhealthy(of->entry, i)) {
			pass_over(of, share->skip, turn);
			continue;
		}
		if (is_admitted(of, i))
			return turn;
		of->denied = true;
		step = share->round ? 1 : alike_from(of->entry, i, share->first + share->count);
	}
	return to;
}

/* Moves a turn on to the first one whose backend is good; false: there is none. */
static bool seek(struct choice *of, const struct route_share *share, unsigned *turn)
{
	unsigned at;

	if (is_good(of, share->first + (share->round ? share->round[*turn] : *turn)))
		return true;
	if (share->skip)
		skip_renew(share->skip, of->serial);
	at = seek_in(of, share, *turn, share->round_len);
	if (at == share->round_len) {
		at = seek_in(of, share, 0, *turn);
		if (at == *turn)
			return false;
	}
	*turn = at;
	return true;
}

/* Of a longer round, earlier, it may lie beyond the end. */
static unsigned turn_of(unsigned cursor, unsigned from, unsigned to)
{
	return cursor - from < to - from ? cursor : from + cursor % (to - from);
}

static bool has_good(struct choice *of, const struct route_share *share)
{
	unsigned turn = turn_of(atomic_load_explicit(&share->cursor, memory_order_relaxed), 0, share->round_len);

	return seek(of, share, &turn);
}

/* The same two of shares. */

static unsigned seek_share_in(struct choice *of, unsigned from, unsigned to)
{
	const struct route_entry *e = of->entry;

	for (unsigned at = place_from(e->skip, from); at < to; at = place_from(e->skip, at + 1)) {
		of->denied = false;
		if (has_good(of, &e->shares[at]))
			return at;
		if (!of->denied)
			pass_over(of, e->skip, at);
	}
	return to;
}

static bool seek_share(struct choice *of, unsigned *turn)
{
	unsigned at;

	if (of->entry->skip)
		skip_renew(of->entry->skip, of->serial);
	at = seek_share_in(of, *turn, of->to);
	if (at == of->to) {
		at = seek_share_in(of, of->from, *turn);
		if (at == *turn)
			return false;
	}
	*turn = at;
	return true;
}

static bool take_turn(atomic_uint *cursor, unsigned *was, unsigned turn, unsigned from, unsigned to)
{
	return atomic_compare_exchange_weak_explicit(cursor, was, turn + 1 < to ? turn + 1 : from, memory_order_relaxed,
	                                             memory_order_relaxed);
}

/* The next share with a backend that is good: these share the turns of the others. */
static struct route_share *next_share(struct choice *of)
{
	const struct route_entry *e = of->entry;
	unsigned was, turn;

	if (of->to - of->from == 1)
		return &e->shares[of->from];
	was = atomic_load_explicit(&e->listener->cursor, memory_order_relaxed);
	do {
		turn = turn_of(was, of->from, of->to);
		seek_share(of, &turn);
	} while (!take_turn(&e->listener->cursor, &was, turn, of->from, of->to));
	return &e->shares[turn];
}

/* The next in the round that is good: these share the turns of the others. */
static struct seat next_in(struct choice *of, struct route_share *share)
{
	unsigned was = atomic_load_explicit(&share->cursor, memory_order_relaxed), turn;

	do {
		turn = turn_of(was, 0, share->round_len);
		seek(of, share, &turn);
	} while (!take_turn(&share->cursor, &was, turn, 0, share->round_len));
	return (struct seat){ share, route_turn(share, turn) };
}

static struct seat next_good(struct choice *of)
{
	return next_in(of, next_share(of));
}

static struct route_share *any_share(struct choice *of)
{
	const struct route_entry *e = of->entry;

	for (unsigned n = 0; n < TRIES_AT_RANDOM && of->to - of->from > 1; n++) {
		struct route_share *share = &e->shares[of->from + draw(of, of->to - of->from)];

		if (has_good(of, share))
			return share;
	}
	return next_share(of);
}

static struct seat any_good(struct choice *of)
{
	struct route_share *share = any_share(of);

	for (unsigned n = 0; n < TRIES_AT_RANDOM; n++) {
		unsigned i = route_turn(share, draw(of, share->round_len));

		if (is_good(of, i) || (!n && !has_good(of, share)))
			return (struct seat){ share, i };
	}
	return next_in(of, share);
}

/* Any, but none that is known to be unhealthy, where there is another one. */
static unsigned any_place(struct choice *of, const struct skip *skip, unsigned from, unsigned to)
{
	unsigned drawn = from + draw(of, to - from), at = place_from(skip, drawn);

	if (at >= to)
		at = place_from(skip, from);
	return at < to ? at : drawn;
}

static struct seat sample(struct choice *of)
{
	struct route_share *share = &of->entry->shares[any_place(of, of->entry->skip, of->from, of->to)];

	return (struct seat){ share, route_turn(share, any_place(of, share->skip, 0, share->round_len)) };
}

/* The one behind it. */
static struct seat seat_after(const struct choice *of, struct seat seat)
{
	const struct route_entry *e = of->entry;

	if (++seat.at < seat.share->first + seat.share->count)
		return seat;
	if (seat.share == &e->shares[of->to - 1])
		return (struct seat){ &e->shares[of->from], of->first };
	return (struct seat){ seat.share + 1, seat.at };
}

/* Connections, for what the backend is to take of its share.
 * A session counts for as long as dill keeps its connection to the backend, also when the backend has said all that it
 * has to say: it may read on, and whether it has closed both ways nobody here can see. HAProxy's leastconn does the
 * same, and nginx's least_conn with proxy_half_close; without that, nginx ends the session itself. And a backend that
 * ends each session at once would be the least loaded one, and draw all clients. */
static double load_of(const struct choice *of, struct seat seat)
{
	double active = route_backend_active(of->entry->backends[seat.at]);

	return active * (double)seat.share->weight / of->entry->weights[seat.at];
}

/* Whether it is better than another one: good, then with a lower load. */
static bool is_better(struct choice *of, struct seat seat, bool other_good, double other_load)
{
	bool good = is_good(of, seat.at);

	return good == other_good ? load_of(of, seat) < other_load : good;
}

/* Of many, that of some at random and the next in the round: see tests/unit/balance_many.c for how much that takes. */
static struct seat least_loaded(struct choice *of)
{
	bool all = of->count <= LOOK_AT_ALL;
	struct seat best = next_good(of), seat = best;
	bool good = is_good(of, best.at);
	double load = load_of(of, best);

	for (unsigned n = 1; n < (all ? of->count : LOOK_AT_SOME); n++) {
		seat = all ? seat_after(of, seat) : sample(of);
		if (!is_better(of, seat, good, load))
			continue;
		best = seat;
		good = is_good(of, best.at);
		load = load_of(of, best);
	}
	return best;
}

static struct seat lighter_of_two(struct choice *of)
{
	struct seat a = any_good(of), b = any_good(of);

	if (a.at == b.at)
		b = seat_after(of, b);
	return is_better(of, b, is_good(of, a.at), load_of(of, a)) ? b : a;
}

static void choose_from(struct choice *of, unsigned from, unsigned to)
{
	const struct route_share *shares = of->entry->shares;

	of->from = from;
	of->to = to;
	of->first = shares[from].first;
	of->count = shares[to - 1].first + shares[to - 1].count - of->first;
}

static bool have_good(struct choice *of, unsigned from, unsigned to)
{
	unsigned turn = from;

	choose_from(of, from, to);
	return seek_share(of, &turn);
}

/* The first ones, unless only last ones are good. */
static void choose_tier(struct choice *of)
{
	unsigned shares = of->entry->share_count, last = shares - of->entry->last_shares;

	if (!have_good(of, 0, last) && !have_good(of, last, shares))
		choose_from(of, 0, last);
}

static unsigned first_choice(struct choice *of)
{
	switch (of->entry->balance) {
	case SERVICE_RANDOM:
		return any_good(of).at;
	case SERVICE_P2C:
		return lighter_of_two(of).at;
	case SERVICE_LEAST_CONN:
		return least_loaded(of).at;
	case SERVICE_ROUND_ROBIN:
		break;
	}
	return next_good(of).at;
}

/* Of a few, the place behind the backend that was tried last; the first one when that has left the table. Of many it would
 * take long to be found: any place that is good. */
static unsigned place_to_begin(struct choice *of, const struct route_backend *last)
{
	unsigned place = 0;

	if (of->entry->count > LOOK_AT_ALL)
		return any_good(of).at;
	for (unsigned i = 0; i < of->entry->count; i++)
		if (of->entry->backends[i] == last)
			place = i + 1;
	return place;
}

/* Where no backend is healthy, once round is enough. */
static void begin(struct choice *of, struct balance_tried *tried, unsigned start)
{
	const struct route_entry *e = of->entry;

	tried->begun = true;
	tried->start = start;
	tried->steps = is_good(of, start % e->count) || have_good(of, 0, e->share_count) ? 0 : e->count;
}

/* Once round for those that are healthy, and once for the others; each time those that are tried last stand at the end. */
static bool walk(struct choice *of, struct balance_tried *tried, unsigned *at)
{
	const struct route_entry *e = of->entry;
	unsigned last = e->last_shares ? e->shares[e->share_count - e->last_shares].first : e->count;

	while (tried->steps < 2 * e->count) {
		bool healthy_only = tried->steps < e->count;
		unsigned step = tried->steps % e->count, from = step < last ? 0 : last, to = step < last ? last : e->count, alike;

		*at = from + (tried->start + step) % (to - from);
		if (!is_admitted(of, *at)) {
			alike = alike_from(e, *at, to);
			tried->steps += alike < to - step ? alike : to - step;
			continue;
		}
		if (!(healthy_only && is_unhealthy(e, *at)) && !was_tried(tried, e->backends[*at]))
			return true;
		tried->steps++;
	}
	return false;
}

/* There was none at once that is good. */
static bool pick_another(struct choice *of, unsigned start, unsigned *at)
{
	struct balance_tried none = { 0 };

	begin(of, &none, start);
	return walk(of, &none, at);
}

bool balance_pick(const struct route_entry *entry, const struct net_addr *client, struct balance_tried *tried, unsigned *at)
{
	struct choice of = {
		.entry = entry, .client = client, .terms = UINT_MAX,
		.serial = atomic_load_explicit(&entry->listener->recoveries, memory_order_acquire),
		.to = entry->share_count, .count = entry->count
	};

	if (!entry->count)
		return false;
	if (entry->last_shares && !(tried && tried->begun))
		choose_tier(&of);
	/* A second attempt starts behind the first; only a first one moves the round. */
	if (!tried) {
		*at = first_choice(&of);
		return is_good(&of, *at) || pick_another(&of, *at, at);
	}
	if (!tried->begun)
		begin(&of, tried, place_to_begin(&of, tried->last));
	return walk(&of, tried, at);
}
