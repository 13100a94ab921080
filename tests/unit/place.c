/* Cases for place.c: no listener takes what is another's own, and the counters hold whatever changes meanwhile. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "sys.h"
#include "../../place.c"

#define LISTENERS 5

static struct route_listener listeners[LISTENERS];
static struct session_shared shared;

/* The first so many are in the table, the others have left it. */
static void share(unsigned count, unsigned limit, unsigned reserve)
{
	struct route_listener *left[LISTENERS];
	struct route_entry entries[LISTENERS], *places[LISTENERS];
	struct route_table table = { .entries = places, .count = count };
	struct route route = { .table = &table, .retired_listeners = left, .retired_listener_count = LISTENERS - count };

	for (unsigned i = 0; i < LISTENERS; i++)
		if (i < count) {
			entries[i].listener = &listeners[i];
			places[i] = &entries[i];
		} else {
			left[i - count] = &listeners[i];
		}
	place_share(&shared, &route, limit, reserve);
}

static void begin(unsigned count, unsigned limit, unsigned reserve)
{
	for (unsigned i = 0; i < LISTENERS; i++) {
		atomic_store(&listeners[i].places, 0);
		atomic_store(&listeners[i].waits, false);
	}
	atomic_store(&shared.sessions, 0);
	atomic_store(&shared.common, 0);
	atomic_store(&shared.waits, false);
	share(count, limit, reserve);
}

static unsigned take_all(unsigned which)
{
	unsigned count = 0;

	while (count < 10000 && place_take(&shared, &listeners[which]))
		count++;
	return count;
}

static void check_number(unsigned long got, unsigned long want, const char *what, const char *where)
{
	char text[160];

	snprintf(text, sizeof text, "%s: %lu, not %lu", where, got, want);
	check(got == want, what, text);
}

/* most: what the first listener gets that takes all it can; then each other one still gets its own. */
static const struct {
	unsigned count, limit, reserve, most, own;
} shares[] = {
	{ 1, 40, 16, 40, 16 }, { 1, 5, 16, 5, 5 }, { 1, 1, 0, 1, 0 },
	{ 2, 40, 16, 24, 16 }, { 2, 40, 0, 40, 0 }, { 2, 40, 3, 37, 3 }, { 2, 20, 16, 10, 10 }, { 2, 1, 16, 1, 0 },
	{ 2, 2, 16, 1, 1 }, { 2, 3, 16, 2, 1 },
	{ 3, 40, 16, 20, 10 }, { 5, 40, 16, 20, 5 }, { 5, 7, 16, 7, 0 }, { 5, 1000, 16, 936, 16 },
	{ 5, 9, 10000000, 5, 1 },
};

static void share_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		char where[80];

		snprintf(where, sizeof where, "%u listeners, limit %u, reserve %u", shares[i].count, shares[i].limit,
		         shares[i].reserve);
		begin(shares[i].count, shares[i].limit, shares[i].reserve);
		check_number(take_all(0), shares[i].most, "the first, which takes all that it can", where);
		for (unsigned k = 1; k < shares[i].count; k++)
			check_number(take_all(k), shares[i].own, "what another one can always have", where);
		check(atomic_load(&shared.sessions) <= shares[i].limit, "the limit", where);
	}
	begin(0, 40, 16);
	check_number(take_all(0), 40, "of a table without listeners", "one that has left");
}

/* Sessions that outlive a change are counted where they belong now. */
static void change_cases(void)
{
	begin(1, 40, 16);
	check_number(take_all(0), 40, "alone", "it takes all");
	share(2, 40, 16);
	check(!place_take(&shared, &listeners[1]), "a new listener", "finds a place, though all are taken");
	for (int i = 0; i < 16; i++) {
		place_give_back(&shared, &listeners[0]);
		check(!place_take(&shared, &listeners[0]), "the first one", "takes what is the other's now");
		check(place_take(&shared, &listeners[1]), "the other one", "does not get what has become free");
	}
	share(1, 40, 16);
	check_number(take_all(0), 0, "the other one has left", "with its sessions");
	place_give_back(&shared, &listeners[1]);
	check_number(take_all(0), 1, "one of them has ended", "a place");
	share(2, 60, 16);
	check_number(take_all(1), 16 + 4, "a higher limit", "the other one, which had 15");
	check_number(take_all(0), 0, "a higher limit", "the first one");
	share(2, 10, 16);
	for (int i = 0; i < 50; i++) {
		check(!place_take(&shared, &listeners[i & 1]), "a lower limit", "a place");
		place_give_back(&shared, &listeners[i < 25]);
	}
	check_number(atomic_load(&shared.sessions), 10, "the lower limit", "is reached");
}

/* Sessions of a listener that has left are at the cost of all, and not of one that keeps its own. */
static void leave_cases(void)
{
	begin(3, 60, 10);
	for (int i = 0; i < 10; i++)
		check(place_take(&shared, &listeners[2]), "its own", "no place");
	share(2, 60, 10);
	check_number(take_all(0), 40, "one has left", "the first one");
	check_number(take_all(1), 10, "one has left", "the second one");
}

static void wait_cases(void)
{
	begin(2, 8, 2);
	take_all(1);
	check_number(take_all(0), 2, "its own are left", "to it");
	check(place_give_back(&shared, &listeners[0]) && !place_give_back(&shared, &listeners[0]), "its own", "are said once");
	take_all(0);
	check(place_give_back(&shared, &listeners[1]), "what all may take", "is said");
	begin(2, 8, 2);
	take_all(0);
	check(place_take(&shared, &listeners[1]), "the other one", "has a place");
	check(!place_give_back(&shared, &listeners[1]), "another's own", "is none of its business");
	begin(2, 8, 2);
	place_take(&shared, &listeners[0]);
	check(!place_give_back(&shared, &listeners[0]), "nobody waits", "and it is said");
}

static int beyond_all(void)
{
	int beyond = 0;

	for (unsigned i = 0; i < LISTENERS; i++)
		beyond += place_beyond(atomic_load(&listeners[i].places));
	return beyond;
}

#define THREADS 4
static atomic_bool ends;
static atomic_uint most;

/* A worker with up to 20 sessions of each listener. */
static void *work(void *arg)
{
	unsigned taken[LISTENERS] = { 0 }, seed = *(unsigned *)arg;

	while (!atomic_load(&ends)) {
		unsigned which = (unsigned)rand_r(&seed) % LISTENERS;
		bool more = rand_r(&seed) % 2;

		if (more && taken[which] < 20 && place_take(&shared, &listeners[which])) {
			taken[which]++;
		} else if (!more && taken[which]) {
			place_give_back(&shared, &listeners[which]);
			taken[which]--;
		}
		if (place_common_full(&shared, 0))
			atomic_fetch_add(&most, 1);
	}
	for (unsigned i = 0; i < LISTENERS; i++)
		while (taken[i]--)
			place_give_back(&shared, &listeners[i]);
	return NULL;
}

static void thread_cases(void)
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS], seed = 7;

	begin(LISTENERS, 100, 16);
	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = i;
		if (sys_thread(&threads[i], work, &seeds[i]))
			abort();
	}
	for (int i = 0; i < 20000 || (!atomic_load(&most) && i < 10000000); i++)
		share((unsigned)rand_r(&seed) % (LISTENERS + 1), 20 + (unsigned)rand_r(&seed) % 100, (unsigned)rand_r(&seed) % 20);
	atomic_store(&ends, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check(atomic_load(&most), "all places were taken", "now and then");
	check_number((unsigned)atomic_load(&shared.common), (unsigned)beyond_all(), "after all", "common places");
	check_number(atomic_load(&shared.sessions), 0, "after all", "sessions");
	for (unsigned i = 0; i < LISTENERS; i++)
		check_number(place_taken(atomic_load(&listeners[i].places)), 0, "after all", "places of a listener");
	share(2, 40, 16);
	check_number(take_all(0), 24, "after all", "the share of one");
	check_number(take_all(1), 16, "after all", "the share of the other");
}

int main(void)
{
	share_cases();
	change_cases();
	leave_cases();
	wait_cases();
	thread_cases();
	return check_sum();
}
