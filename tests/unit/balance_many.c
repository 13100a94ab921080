/* Cases for balance.c with many backends: who gets how many clients while most of them are unhealthy, recover, or do not
 * admit the client; and how far the sampled least_conn is from the exact one. */
#include "base.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "figures.h"
#include "../../balance.h"
#include "../../round.h"
#include "../../skip.h"
#include "../../sys.h"

#define MANY 3000

static struct fixture {
	struct arena memory;
	struct route_listener *listener;
	struct route_backend *order[MANY];
	uint16_t weights[MANY];
	uint32_t terms_of[MANY];
	struct route_terms terms[2];
	struct route_share shares[MANY];
	struct route_entry entry;
	unsigned seen[MANY];
} f;

static struct net_addr client;

/* `weighted`: every other one has thrice as much. */
static void open_many(enum service_balance balance, unsigned shares, bool weighted)
{
	memset(&f, 0, sizeof f);
	f.listener = arena_alloc(&f.memory, sizeof *f.listener);
	for (unsigned i = 0; i < MANY; i++) {
		f.order[i] = arena_alloc(&f.memory, sizeof **f.order);
		f.order[i]->listener = f.listener;
		f.weights[i] = weighted && i % 2 ? 3 : 1;
	}
	for (unsigned i = 0; i < shares; i++) {
		struct route_share *share = &f.shares[i];

		share->count = MANY / shares;
		share->first = i * share->count;
		for (unsigned k = 0; k < share->count; k++)
			share->weight += f.weights[share->first + k];
		share->round = round_by_weight(f.weights + share->first, share->count, &share->round_len);
		share->skip = skip_new(&f.memory, share->round_len);
	}
	f.terms[0].options = &service_options_none;
	f.entry = (struct route_entry){
		.listener = f.listener, .backends = f.order, .weights = f.weights, .count = MANY, .balance = balance,
		.shares = f.shares, .share_count = shares, .terms = f.terms, .term_count = 1, .skip = skip_new(&f.memory, shares)
	};
}

static void close_many(void)
{
	for (unsigned i = 0; i < MANY; i++)
		route_cells_free(atomic_exchange(&f.order[i]->cells, NULL));
	for (unsigned i = 0; i < f.entry.share_count; i++)
		free(f.shares[i].round);
	arena_free(&f.memory);
}

static void pick_many(unsigned picks)
{
	memset(f.seen, 0, sizeof f.seen);
	for (unsigned at; picks--;)
		if (balance_pick(&f.entry, &client, NULL, &at))
			f.seen[at]++;
}

/* Each `step`-th backend, from one on, has had so many clients at least and at most, and all others none. */
static bool had(unsigned from, unsigned step, unsigned least, unsigned most)
{
	for (unsigned i = 0; i < MANY; i++) {
		bool one = i >= from && (i - from) % step == 0;

		if (f.seen[i] < (one ? least : 0) || f.seen[i] > (one ? most : 0))
			return false;
	}
	return true;
}

/* All are unhealthy but each `step`-th, from one on. */
static void set_health(unsigned from, unsigned step)
{
	for (unsigned i = 0; i < MANY; i++)
		route_set_health(f.order[i], i < from || (i - from) % step != 0);
}

static void round_cases(void)
{
	for (unsigned shares = 1; shares <= MANY; shares *= MANY) {
		open_many(SERVICE_ROUND_ROBIN, shares, false);
		pick_many(2 * MANY);
		check(had(0, 1, 2, 2), "all are healthy", "and have a turn a round");
		set_health(1, 3);
		pick_many(3 * MANY);
		check(had(1, 3, 9, 9), "a third is healthy", "and has the turns of the others");
		set_health(MANY - 7, MANY);
		pick_many(50);
		check(had(MANY - 7, MANY, 50, 50), "one is healthy", "and has all turns");
		set_health(MANY, MANY);
		pick_many(2 * MANY);
		check(had(0, 1, 2, 2), "none is healthy", "and all have their turns");
		set_health(0, 2);
		pick_many(MANY);
		check(had(0, 2, 2, 2), "half have recovered", "and have the turns of the others");
		set_health(0, 1);
		pick_many(MANY);
		check(had(0, 1, 1, 1), "all have recovered", "and have a turn each");
		close_many();
	}
}

/* Within a round of thrice a turn for one half, which is 4 turns for two backends. */
static void weight_cases(void)
{
	open_many(SERVICE_ROUND_ROBIN, 1, true);
	set_health(0, 4);
	pick_many(MANY);
	check(had(0, 4, 4, 4), "the light ones", "have a turn a round");
	set_health(1, 2);
	pick_many(MANY);
	check(had(1, 2, 2, 2), "the heavy ones", "have three, and nobody else has any");
	set_health(0, 1);
	pick_many(2 * MANY);
	for (unsigned i = 0; i < MANY; i++)
		f.seen[i] /= f.weights[i];
	check(had(0, 1, 1, 1), "all", "by weight");
	close_many();
}

/* A hundred of the 3,000 are left, and each has 200 clients, more or less. */
static void random_cases(void)
{
	for (unsigned shares = 1; shares <= MANY; shares *= MANY) {
		open_many(SERVICE_RANDOM, shares, false);
		set_health(0, 30);
		pick_many(20000);
		check(had(0, 30, 120, 300), "random, of 3 in 100", "all alike");
		set_health(0, 1);
		pick_many(60 * MANY);
		check(had(0, 1, 20, 120), "random", "all alike");
		close_many();
	}
}

/* So many connections live, and each time one ends another one comes: the most that a backend has for its part. */
static double most_of(unsigned live)
{
	uint32_t *of = sys_alloc(live * sizeof *of);
	double most = 0, weight = 0;

	for (unsigned i = 0; i < live + 100000; i++) {
		unsigned k = i < live ? i : sys_random() % live, at;

		if (i >= live)
			set_backend_active(f.order[of[k]], route_backend_active(f.order[of[k]]) - 1);
		balance_pick(&f.entry, &client, NULL, &at);
		of[k] = at;
		set_backend_active(f.order[at], route_backend_active(f.order[at]) + 1);
	}
	for (unsigned i = 0; i < MANY; i++)
		weight += f.order[i]->unhealthy ? 0 : f.weights[i];
	for (unsigned i = 0; i < MANY; i++) {
		double part = route_backend_active(f.order[i]) / (live * f.weights[i] / weight);

		most = part > most ? part : most;
	}
	free(of);
	return most;
}

/* The exact one has 1.0 here; one that knows nothing of the load has 2.0 and more. */
static void load_cases(void)
{
	for (unsigned shares = 1; shares <= MANY; shares *= MANY) {
		open_many(SERVICE_LEAST_CONN, shares, false);
		check(most_of(20 * MANY) < 1.15, "least_conn", "is nearly exact");
		close_many();
		open_many(SERVICE_LEAST_CONN, shares, false);
		set_health(0, 10);
		check(most_of(2 * MANY) < 1.15, "least_conn, of 1 in 10", "is nearly exact");
		close_many();
		open_many(SERVICE_P2C, shares, false);
		check(most_of(20 * MANY) < 1.4, "p2c", "is near");
		close_many();
	}
	open_many(SERVICE_LEAST_CONN, 1, true);
	check(most_of(20 * MANY) < 1.25, "least_conn, by weight", "is nearly exact");
	close_many();
}

static void admit_cases(void)
{
	struct service_options some = { .balance = -1, .limited = true };
	struct arena memory = { 0 };

	net_ranges_parse(slice_of("10.0.0.0/8"), &memory, &some.allow);
	net_numeric(slice_of("192.0.2.1"), 0, &client);
	for (int balance = SERVICE_ROUND_ROBIN; service_balance_names[balance]; balance++) {
		open_many((enum service_balance)balance, 1, false);
		f.terms[1].options = &some;
		f.entry.terms_of = f.terms_of;
		f.entry.term_count = 2;
		for (unsigned i = 0; i < MANY; i++)
			f.terms_of[i] = i >= 100;
		set_health(0, 2); /* 50 of the first 100 */
		pick_many(5000);
		for (unsigned i = 0; i < MANY; i++)
			f.seen[i] = i % 2 || i >= 100 ? f.seen[i] * 1000 : f.seen[i] && balance != SERVICE_ROUND_ROBIN ? 100 : f.seen[i];
		for (unsigned i = 100; i < MANY; i += 2)
			f.seen[i] += 100;
		check(had(0, 2, 100, 100), "those that admit the client, and are healthy", service_balance_names[balance]);
		net_numeric(slice_of("10.1.2.3"), 0, &client);
		pick_many(200 * MANY);
		check(had(0, 2, 100, 1000), "a client that all admit", service_balance_names[balance]);
		net_numeric(slice_of("192.0.2.1"), 0, &client);
		close_many();
	}
	arena_free(&memory);
}

/* Every other service does not admit the one client, and all admit the other one. */
static void admit_share_cases(void)
{
	struct service_options some = { .balance = -1, .limited = true };
	struct arena memory = { 0 };

	net_ranges_parse(slice_of("10.0.0.0/8"), &memory, &some.allow);
	open_many(SERVICE_ROUND_ROBIN, MANY, false);
	f.terms[1].options = &some;
	f.entry.terms_of = f.terms_of;
	f.entry.term_count = 2;
	for (unsigned i = 0; i < MANY; i++)
		f.terms_of[i] = i % 2;
	net_numeric(slice_of("192.0.2.1"), 0, &client);
	pick_many(MANY);
	check(had(0, 2, 2, 2), "services that admit the client", "take turns");
	net_numeric(slice_of("10.1.2.3"), 0, &client);
	pick_many(MANY);
	check(had(0, 1, 1, 1), "services that all admit the client", "take turns");
	close_many();
	arena_free(&memory);
}

/* Of four shares with 750 each the first or the last half. */
static void tier_cases(void)
{
	open_many(SERVICE_ROUND_ROBIN, 4, false);
	f.entry.last_shares = 2;
	pick_many(MANY);
	check(had(0, 1, 0, 2) && !f.seen[MANY / 2], "all are healthy", "the first half");
	for (unsigned i = 0; i < MANY / 2; i++)
		route_set_health(f.order[i], true);
	pick_many(MANY);
	check(had(MANY / 2, 1, 2, 2), "half are healthy", "the last ones have two turns");
	route_set_health(f.order[7], false);
	pick_many(20);
	check(had(7, MANY, 20, 20), "one has recovered", "and has all turns");
	close_many();
}

static atomic_bool over;

static void *picks(void *arg)
{
	while (!atomic_load(&over)) {
		unsigned at;

		balance_pick(&f.entry, &client, NULL, &at);
	}
	return arg;
}

/* Backends fail and recover while others choose: none that is healthy in the end is left out. */
static void thread_cases(void)
{
	pthread_t threads[2];

	for (unsigned shares = 1; shares <= MANY; shares *= MANY) {
		open_many(SERVICE_ROUND_ROBIN, shares, false);
		atomic_store(&over, false);
		for (int i = 0; i < 2; i++)
			sys_thread(&threads[i], picks, NULL);
		for (unsigned round = 0; round < 40; round++) {
			set_health(0, 2 + round % 5);
			set_health(round % 7, 3);
		}
		atomic_store(&over, true);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		pick_many(MANY);
		check(had(39 % 7, 3, 1, MANY), "those that are healthy in the end", "have clients");
		close_many();
	}
}

int main(void)
{
	round_cases();
	weight_cases();
	random_cases();
	load_cases();
	admit_cases();
	admit_share_cases();
	tier_cases();
	thread_cases();
	return check_sum();
}
