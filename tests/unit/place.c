/* Cases for place.c: no listener takes what is another's own, and the counters hold whatever changes meanwhile. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sys.h"
#include "../../place.c"

#define LISTENERS 5

static struct route_listener listeners[LISTENERS];
static struct session_shared shared;

#define THREADS 4
static struct session_cell workers[THREADS + 1];
static _Thread_local unsigned me = THREADS; /* the worker */

static struct route_cell *cell_of(unsigned which)
{
	return route_listener_cell(&listeners[which], me, THREADS + 1);
}

static bool take(unsigned which)
{
	return place_take(&shared, &workers[me], &listeners[which], cell_of(which));
}

static bool give_back(unsigned which)
{
	return place_give_back(&shared, &workers[me], &listeners[which], cell_of(which));
}

static bool give_spare_back(unsigned which)
{
	return place_return(&shared, &workers[me], &listeners[which], cell_of(which));
}

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
		route_cells_free(atomic_load(&listeners[i].cells));
		atomic_store(&listeners[i].cells, NULL);
	}
	memset(workers, 0, sizeof workers);
	shared.cells = workers;
	shared.cell_count = THREADS + 1;
	atomic_store(&shared.taken, 0);
	atomic_store(&shared.common, 0);
	atomic_store(&shared.waits, false);
	share(count, limit, reserve);
}

static unsigned take_all(unsigned which)
{
	unsigned count = 0;

	while (count < 10000 && take(which))
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
		check(atomic_load(&shared.taken) <= shares[i].limit, "the limit", where);
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
	check(!take(1), "a new listener", "finds a place, though all are taken");
	for (int i = 0; i < 16; i++) {
		give_back(0);
		check(!take(0), "the first one", "takes what is the other's now");
		check(take(1), "the other one", "does not get what has become free");
	}
	share(1, 40, 16);
	check_number(take_all(0), 0, "the other one has left", "with its sessions");
	give_back(1);
	check_number(take_all(0), 1, "one of them has ended", "a place");
	share(2, 60, 16);
	check_number(take_all(1), 16 + 4, "a higher limit", "the other one, which had 15");
	check_number(take_all(0), 0, "a higher limit", "the first one");
	share(2, 10, 16);
	for (int i = 0; i < 50; i++) {
		check(!take(i & 1), "a lower limit", "a place");
		give_back(i < 25);
	}
	check_number(atomic_load(&shared.taken), 10, "the lower limit", "is reached");
}

/* Sessions of a listener that has left are at the cost of all, and not of one that keeps its own. */
static void leave_cases(void)
{
	begin(3, 60, 10);
	for (int i = 0; i < 10; i++)
		check(take(2), "its own", "no place");
	share(2, 60, 10);
	check_number(take_all(0), 40, "one has left", "the first one");
	check_number(take_all(1), 10, "one has left", "the second one");
}

static void wait_cases(void)
{
	begin(2, 8, 2);
	take_all(1);
	check_number(take_all(0), 2, "its own are left", "to it");
	check(give_back(0) && !give_back(0), "its own", "are said once");
	take_all(0);
	check(give_back(1), "what all may take", "is said");
	begin(2, 8, 2);
	take_all(0);
	check(take(1), "the other one", "has a place");
	check(!give_back(1), "another's own", "is none of its business");
	begin(2, 8, 2);
	take(0);
	check(!give_back(0), "nobody waits", "and it is said");
}

static int beyond_all(void)
{
	int beyond = 0;

	for (unsigned i = 0; i < LISTENERS; i++)
		beyond += place_beyond(atomic_load(&listeners[i].places));
	return beyond;
}

/* While there are plenty, clients come and go without a step that other workers see. */
static void spare_cases(void)
{
	unsigned taken, steps = 0, count;

	begin(3, 100000, 16);
	take(0);
	taken = atomic_load(&shared.taken);
	for (int i = 0; i < 1000; i++) {
		check(take(0), "plenty", "a place");
		give_back(0);
		steps += taken != atomic_load(&shared.taken);
	}
	check(!steps && taken > 1, "one after the other", "nobody else is told");
	for (int i = 0; i < 800; i++) {
		taken = atomic_load(&shared.taken);
		take(1);
		steps += taken != atomic_load(&shared.taken);
	}
	check_number(steps, 800 / BATCH, "more and more", "steps that others see");
	for (int i = 0; i < 800; i++)
		give_back(1);
	check(cell_of(1)->spare <= 2 * BATCH, "all have gone", "few places are kept");
	cell_of(1)->listed = false;
	give_spare_back(1);
	give_back(0);
	cell_of(0)->listed = false;
	give_spare_back(0);
	check_number(atomic_load(&shared.taken), 0, "all have gone", "places");
	check_number((unsigned)atomic_load(&shared.common), 0, "all have gone", "common places");
	/* Another worker has some to spare: the limit is reached with these. */
	begin(1, 1000, 0);
	take(0);
	check_number(session_spare(&shared), BATCH - 1, "one worker", "spare places");
	me = 0;
	count = take_all(0);
	check_number(count, 1000 - BATCH, "the other one", "gets the rest");
	me = THREADS;
	check(give_spare_back(0), "the spare ones", "somebody waits for them");
	me = 0;
	check_number(take_all(0), BATCH - 1, "the other one", "gets those that were spare");
	me = THREADS;
	give_back(0);
	check_number(session_spare(&shared), 0, "at the limit", "no place is kept");
	/* The limit falls. */
	begin(2, 1000, 16);
	take(0);
	share(2, 1, 0);
	check(!take(0), "a lower limit", "a spare place is none");
	check_number(session_spare(&shared), 0, "a lower limit", "no place is kept");
	me = THREADS;
}

static atomic_bool ends;
static atomic_uint most;

/* A worker with up to 20 sessions of each listener. */
static void *work(void *arg)
{
	unsigned taken[LISTENERS] = { 0 }, seed = *(unsigned *)arg;

	me = seed;

	while (!atomic_load(&ends)) {
		unsigned which = (unsigned)rand_r(&seed) % LISTENERS;
		bool more = rand_r(&seed) % 2;

		if (more && taken[which] < 20 && take(which)) {
			taken[which]++;
		} else if (!more && taken[which]) {
			give_back(which);
			taken[which]--;
		}
		if (place_common_full(&shared, 0))
			atomic_fetch_add(&most, 1);
	}
	for (unsigned i = 0; i < LISTENERS; i++)
		while (taken[i]--)
			give_back(i);
	for (unsigned i = 0; i < LISTENERS; i++)
		give_spare_back(i);
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
		share((unsigned)rand_r(&seed) % (LISTENERS + 1), (20 + (unsigned)rand_r(&seed) % 100) * (i % 2 ? 1 : 50),
		      (unsigned)rand_r(&seed) % 20);
	atomic_store(&ends, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check(atomic_load(&most), "all places were taken", "now and then");
	check_number((unsigned)atomic_load(&shared.common), (unsigned)beyond_all(), "after all", "common places");
	check_number(atomic_load(&shared.taken), 0, "after all", "sessions");
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
	spare_cases();
	thread_cases();
	begin(0, 0, 0); /* frees the cells */
	return check_sum();
}
