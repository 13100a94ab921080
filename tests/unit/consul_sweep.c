/* Cases for consul_sweep.c and pace.c: which names are read next, and how often. */
#include "base.h"

#include <stdio.h>

#include "../../consul_sweep.c"
#include "../../pace.c"

#define NOW 1000000
#define NAMES 150

static int passed, failed;

static void check(bool ok, const char *what)
{
	ok ? passed++ : failed++;
	if (!ok)
		printf("FAIL %s\n", what);
}

static struct catalog_name names[NAMES];
static struct catalog catalog = { .names = names, .count = NAMES };
static size_t which[CONSUL_SWEEP_BATCH];

static struct consul_sweep begin(void)
{
	struct consul_sweep sweep = { 0 };

	for (size_t i = 0; i < NAMES; i++)
		names[i] = (struct catalog_name){ 0 };
	consul_sweep_restart(&sweep);
	check(sweep.due && consul_sweep_at(&sweep) <= NOW, "one is due after a restart");
	consul_sweep_start(&sweep, NOW);
	check(sweep.running && !sweep.due && sweep.number == 1, "it begins at once");
	return sweep;
}

/* Reads all that is left, and counts it. */
static size_t finish(struct consul_sweep *sweep)
{
	size_t count, all = 0;

	while ((count = consul_sweep_choose(sweep, &catalog, which, NOW)))
		for (size_t i = 0; i < count; i++, all++)
			consul_sweep_read(sweep, &names[which[i]]);
	check(consul_sweep_over(sweep, &catalog), "nothing is left");
	return all;
}

static void order_cases(void)
{
	struct consul_sweep sweep = begin();

	names[140].wanted = true;
	check(consul_sweep_choose(&sweep, &catalog, which, NOW) == 1 && which[0] == 140, "what is wanted comes first");
	consul_sweep_read(&sweep, &names[140]);
	names[140].wanted = false;
	check(consul_sweep_choose(&sweep, &catalog, which, NOW) == CONSUL_SWEEP_BATCH && which[0] == 0 && which[63] == 63,
	      "then a batch of all");
	for (size_t i = 0; i < CONSUL_SWEEP_BATCH; i++)
		consul_sweep_read(&sweep, &names[which[i]]);
	check(!consul_sweep_over(&sweep, &catalog), "more is left");
	consul_sweep_moved(&sweep);
	check(finish(&sweep) == NAMES - CONSUL_SWEEP_BATCH - 1, "each name once, even when names move");
	check(!sweep.complete && consul_sweep_end(&sweep) && sweep.complete && sweep.good == NAMES, "the first one");
	check(!sweep.running && !consul_sweep_choose(&sweep, &catalog, which, NOW), "and then nothing");
	check(consul_sweep_at(&sweep) == INT64_MAX, "none is due");
	names[3].wanted = names[4].wanted = true;
	names[3].again_at = NOW + 1;
	check(consul_sweep_choose(&sweep, &catalog, which, NOW) == 1 && which[0] == 4, "wanted, but not before its time");
}

static void failure_cases(void)
{
	struct consul_sweep sweep = begin();

	catalog.count = 2;
	check(consul_sweep_choose(&sweep, &catalog, which, NOW) == 2, "two names");
	consul_sweep_failed(&sweep, &names[0], "a", NOW + 9000);
	consul_sweep_failed(&sweep, &names[1], "b", NOW + 1000);
	check(consul_sweep_over(&sweep, &catalog) && !consul_sweep_end(&sweep) && sweep.why[0] == 'b', "all failed");
	check(!sweep.complete && sweep.retry_at == NOW + 1000 && consul_sweep_at(&sweep) == NOW + 1000, "the earliest retry");
	consul_sweep_start(&sweep, NOW + 999);
	check(!sweep.running, "not before");
	consul_sweep_start(&sweep, NOW + 1000);
	check(sweep.running && !sweep.retry_at, "a retry is a sweep");
	check(consul_sweep_choose(&sweep, &catalog, which, NOW + 1000) == 1 && which[0] == 1, "without what must wait");
	consul_sweep_failed(&sweep, &names[1], "c", NOW + 9000);
	check(!consul_sweep_end(&sweep), "another outage");
	sweep.due = true;
	sweep.retry_at = 0;
	consul_sweep_start(&sweep, NOW + 2000);
	check(sweep.running && !consul_sweep_choose(&sweep, &catalog, which, NOW + 2000), "all must wait");
	check(sweep.retry_at == NOW + 9000, "and is not forgotten");
	check(!consul_sweep_end(&sweep) && !sweep.why && !sweep.complete, "that says nothing");
	sweep.due = true;
	consul_sweep_start(&sweep, NOW + 10000);
	check(consul_sweep_choose(&sweep, &catalog, which, NOW + 10000) == 2, "both again");
	consul_sweep_later(&sweep, &names[0], NOW + 11000);
	consul_sweep_later(&sweep, &names[1], NOW + 12000);
	check(!consul_sweep_end(&sweep) && !sweep.why && !sweep.complete, "a doubt says nothing");
	check(!consul_sweep_choose(&sweep, &catalog, which, NOW + 10999), "and waits");
	check(!sweep.due && consul_sweep_at(&sweep) == NOW + 11000, "without a sweep");
	check(consul_sweep_choose(&sweep, &catalog, which, NOW + 11000) == 1 && which[0] == 0, "then it alone is read again");
	check(consul_sweep_at(&sweep) == NOW + 12000, "and the next one later");
	catalog.count = 0;
	sweep.due = true;
	consul_sweep_start(&sweep, NOW + 2000);
	check(sweep.running && consul_sweep_over(&sweep, &catalog) && consul_sweep_end(&sweep), "no names: a good sweep");
	check(sweep.complete, "and a complete one");
	catalog.count = NAMES;
}

/* Answers that are older than the ring: again after 0.5 s, 1 s, 2 s, and at last no more. */
static void behind_cases(void)
{
	struct consul_sweep sweep = begin();
	int64_t now = NOW, rest = 500;

	for (int i = 0; i < 7; i++, rest *= 2) {
		consul_sweep_behind(&sweep, now);
		consul_sweep_behind(&sweep, now + 1);
		check(sweep.retry_at == now + rest, "one more sweep, however many answers are old");
		finish(&sweep);
		check(consul_sweep_end(&sweep), "such a sweep is a good one");
		consul_sweep_start(&sweep, now + rest - 1);
		check(!sweep.running, "not before");
		now += rest + 2000;
		consul_sweep_start(&sweep, now);
		check(sweep.running && !sweep.retry_at && !sweep.behind, "again");
	}
	consul_sweep_behind(&sweep, now);
	check(!sweep.retry_at, "that is enough");
	consul_sweep_ring(&sweep);
	check(sweep.due, "a ring makes one due");
	consul_sweep_behind(&sweep, now);
	check(sweep.retry_at == now + 500, "and begins anew");
}

/* Sweeps that began in `ms` milliseconds, each of which was due at once. */
static int sweeps_within(struct consul_sweep *sweep, int64_t from, int64_t ms)
{
	int count = 0;

	for (int64_t now = from; now < from + ms; now++) {
		sweep->due = true;
		consul_sweep_start(sweep, now);
		count += sweep->running;
		sweep->running = false;
	}
	return count;
}

static void pace_cases(void)
{
	struct consul_sweep sweep = begin();

	sweep.running = false;
	check(sweeps_within(&sweep, NOW, 1000) == 3, "the rest of a burst of 4");
	check(sweeps_within(&sweep, NOW + 1000, 10000) == 10, "then one in a second");
	check(consul_sweep_at(&sweep) == NOW + 11000, "the next one");
	check(sweeps_within(&sweep, NOW + 60000, 999) == 4, "a burst after a rest");
	pace_cost(&sweep.bucket, 200000);
	check(sweeps_within(&sweep, NOW + 100000, 50000) == 8, "one that took 200 ms of CPU: one in 10 s");
	pace_cost(&sweep.bucket, 1000);
	check(sweeps_within(&sweep, NOW + 200000, 1000) == 4 && sweep.bucket.tokens == 0, "a cheap one: as before");
}

static void allowance_cases(void)
{
	struct pace_allowance allowance;
	int64_t used = 0, pause;

	pace_allow(&allowance, NOW);
	check(!pace_pause(&allowance, NOW), "a burst is free");
	allowance.left = 0;
	while (used < 3000)
		used = sys_thread_cpu() - allowance.cpu_at;
	pause = pace_pause(&allowance, NOW);
	check(pause >= 300 && pause < 1000, "3 ms of CPU: a pause of 300 ms");
	check(pace_pause(&allowance, NOW + pause + 100) <= 100, "which is over after that time");
	allowance.left = -9000000;
	check(pace_pause(&allowance, allowance.at) == 1000, "no pause is longer than a second");
	pace_pause(&allowance, allowance.at + 3600000);
	check(allowance.left == 100000, "no rest earns more than the burst");
}

int main(void)
{
	order_cases();
	failure_cases();
	behind_cases();
	pace_cases();
	allowance_cases();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
