/* Cases for consul_sweep.c and pace.c: which names are read next, and how often. */
#include "base.h"

#include <stdio.h>

#include "../../consul_nodes.h"
#include "../../consul_sweep.c"
#include "../../pace.c"

#define NOW 1000000
#define NAMES 150
#define MANY 1000
#define NODES 50

static int passed, failed;

static void check(bool ok, const char *what)
{
	ok ? passed++ : failed++;
	if (!ok)
		printf("FAIL %s\n", what);
}

static struct catalog_name names[MANY];
static struct catalog catalog = { .names = names, .count = NAMES };
static struct consul_nodes nodes;
static size_t which[CONSUL_SWEEP_BATCH];

static void start(struct consul_sweep *sweep, int64_t now)
{
	consul_sweep_start(sweep, &catalog, &nodes, now);
}

static struct consul_sweep begin(void)
{
	struct consul_sweep sweep = { 0 };

	for (size_t i = 0; i < MANY; i++)
		names[i] = (struct catalog_name){ 0 };
	consul_sweep_restart(&sweep);
	check(sweep.due && consul_sweep_at(&sweep) <= NOW, "one is due after a restart");
	start(&sweep, NOW);
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

#define EXPLAIN 5 /* milliseconds */

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
	start(&sweep, NOW + 999);
	check(!sweep.running, "not before");
	start(&sweep, NOW + 1000);
	check(sweep.running && !sweep.retry_at, "a retry is a sweep");
	check(consul_sweep_choose(&sweep, &catalog, which, NOW + 1000) == 1 && which[0] == 1, "without what must wait");
	consul_sweep_failed(&sweep, &names[1], "c", NOW + 9000);
	check(!consul_sweep_end(&sweep), "another outage");
	sweep.due = true;
	sweep.retry_at = 0;
	start(&sweep, NOW + 2000);
	check(sweep.running && !consul_sweep_choose(&sweep, &catalog, which, NOW + 2000), "all must wait");
	check(sweep.retry_at == NOW + 9000, "and is not forgotten");
	check(!consul_sweep_end(&sweep) && !sweep.why && !sweep.complete, "that says nothing");
	sweep.due = true;
	start(&sweep, NOW + 10000);
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
	start(&sweep, NOW + 2000);
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
		start(&sweep, now + rest - 1);
		check(!sweep.running, "not before");
		now += rest + 2000;
		start(&sweep, now);
		check(sweep.running && !sweep.retry_at && !sweep.behind, "again");
	}
	consul_sweep_behind(&sweep, now);
	check(!sweep.retry_at, "that is enough");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
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
		start(sweep, now);
		count += sweep->running;
		sweep->running = false;
	}
	return count;
}

static void bytes_cases(void)
{
	struct pace_bytes bytes = { .burst = 1000, .rate = 10, .left = 1000, .at = NOW };

	pace_spend(&bytes, 1500, NOW);
	check(pace_debt(&bytes, NOW) == 50, "a debt");
	pace_refund(&bytes, 600);
	check(!pace_debt(&bytes, NOW) && bytes.left == 100, "is paid by what was well spent");
	pace_refund(&bytes, 9000);
	check(bytes.left == 1000, "up to the burst");
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
	allowance.left = 0;
	allowance.cpu_at = sys_thread_cpu() - 30000;
	pace_news(&allowance);
	pause = pace_pause(&allowance, allowance.at);
	check(pause >= 300 && pause < 1000, "30 ms for news count as 3");
	allowance.left = -9000000;
	check(pace_pause(&allowance, allowance.at) == 1000, "no pause is longer than a second");
	pace_pause(&allowance, allowance.at + 3600000);
	check(allowance.left == 100000, "no rest earns more than the burst");
}

/* The first sweep over many names, all of which were wanted, has ended; nodes are known. */
static struct consul_sweep begin_many(void)
{
	static struct consul_node items[NODES];
	struct consul_sweep sweep;

	for (size_t i = 0; i < NODES; i++)
		items[i] = (struct consul_node){ .digest = (i + 1) * 1000 };
	catalog.count = MANY;
	nodes = (struct consul_nodes){ .items = items, .count = NODES };
	sweep = begin();
	finish(&sweep);
	check(!sweep.by_node && consul_sweep_end(&sweep) && sweep.complete, "the first sweep reads all by name");
	return sweep;
}

/* Asks the nodes of the running sweep as it allows it, each of which answers with so many bytes, up to `until`; returns how
 * many were asked. */
static size_t ask_nodes(struct consul_sweep *sweep, size_t bytes, int64_t *now, int64_t until)
{
	size_t all = 0;

	while (!consul_sweep_over(sweep, &catalog) && *now < until) {
		size_t count = consul_sweep_choose(sweep, &catalog, which, *now);

		check(!count, "no name is read in a sweep by node");
		count = consul_sweep_nodes(sweep, &nodes, which, *now);
		for (size_t i = 0; i < count; i++)
			consul_sweep_listed(sweep, &nodes.items[which[i]], false);
		if (count)
			consul_sweep_spend(sweep, &catalog, count * bytes, 1, *now);
		all += count;
		*now = consul_sweep_over(sweep, &catalog) || consul_sweep_busy(sweep, *now) ? *now : consul_sweep_at(sweep);
	}
	return all;
}

/* The next part of many names' sweep waits so long for a bell that explains the ring. */
static void explain_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000;

	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now);
	start(&sweep, now + EXPLAIN - 1);
	check(!sweep.running, "not yet");
	consul_sweep_explain(&sweep, &catalog, now + EXPLAIN - 1);
	check(!sweep.due && sweep.cover_at, "explained: later");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now);
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now + 1);
	consul_sweep_explain(&sweep, &catalog, now + 2);
	check(sweep.due, "one of two is explained");
	start(&sweep, now + 1 + EXPLAIN);
	check(sweep.running, "the other is not");
	consul_sweep_explain(&sweep, &catalog, now + 10);
	check(sweep.running, "too late");
}

static void ring_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000;

	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now);
	check(!sweep.due && consul_sweep_at(&sweep) == now + 5000, "an explained ring makes a sweep due, but later");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now + 4000);
	check(consul_sweep_at(&sweep) == now + 5000, "more of them do not put it off");
	start(&sweep, now + 4999);
	check(!sweep.running, "not before");
	start(&sweep, now + 5000);
	check(sweep.running && sweep.by_node && sweep.paced && !sweep.cover_at, "then it asks the nodes");
	now += 5000;
	check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && now == NOW + 6000, "each once, and at once within a burst");
	check(consul_sweep_end(&sweep) && consul_sweep_at(&sweep) == INT64_MAX, "and that is all");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now + 1000);
	check(sweep.cover_at == now + 24000, "the next one: 3,000,000 bytes are 125 a millisecond");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now + 1000 - EXPLAIN);
	check(sweep.due && consul_sweep_at(&sweep) <= now + 1000, "a ring that nothing explains makes one due at once");
	start(&sweep, now + 1000);
	check(sweep.running && !sweep.cover_at, "which is for the others, too");
	sweep.running = false;
	catalog.count = NAMES;
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now);
	check(!sweep.due && sweep.cover_at == now + 2000, "of few names, sooner");
}

static void budget_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000, began;
	size_t asked;

	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && now == NOW + 1000 && consul_sweep_end(&sweep), "within a burst");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	began = now;
	asked = ask_nodes(&sweep, 60000, &now, now + 60000);
	check(asked == NODES && now - began > 4000 && now - began < 7000, "beyond it, 300 bytes a millisecond");
	consul_sweep_end(&sweep);
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	check(!consul_sweep_busy(&sweep, now) && consul_sweep_at(&sweep) > now, "the next one waits, too");
	now = consul_sweep_at(&sweep);
	start(&sweep, now);
	began = now;
	asked = ask_nodes(&sweep, 1000000, &now, now + 60000);
	check(asked == NODES && now - began > 5000 && now - began <= 7000, "but no longer than 7 s, whatever it costs");
	consul_sweep_end(&sweep);
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now);
	check(sweep.cover_at == began + 60000, "nor do explained rings hide something for more than a minute");
}

/* A sweep that has found something pays nothing: the next one runs at once, too. */
static void found_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000;

	for (int i = 0; i < 5; i++) {
		consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
		start(&sweep, now);
		check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && now == NOW + 1000, "at once");
		consul_sweep_listed(&sweep, &nodes.items[0], true);
		check(consul_sweep_end(&sweep), "it has found something");
	}
}

/* What an explained ring may hide has waited for its bytes: a change right behind it does not wait for them again. */
static void cover_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 5000;

	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, NOW);
	start(&sweep, now);
	check(sweep.cover && ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && consul_sweep_end(&sweep), "for explained rings");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	check(!sweep.cover && ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && now == NOW + 5000, "at once behind it");
	consul_sweep_end(&sweep);
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_EXPLAINED, now);
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, sweep.cover_at - EXPLAIN);
	start(&sweep, sweep.cover_at);
	check(sweep.running && !sweep.cover, "one that is due for both pays");
}

static void circle_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000, rang;
	size_t asked;

	sweep.bytes.left = -1;
	sweep.bytes.at = now;
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	asked = ask_nodes(&sweep, 60000, &now, now + 3000);
	check(asked >= 8 && asked < NODES, "a part of the nodes");
	rang = now;
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	check(!sweep.due, "a ring meanwhile does not make another one due");
	check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && now <= rang + 7000, "it goes around once more, in as much time");
	check(consul_sweep_end(&sweep), "and ends");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	nodes.count = NODES - 8;
	check(ask_nodes(&sweep, 60000, &now, now + 1) >= 8 && !consul_sweep_over(&sweep, &catalog), "without the last nodes");
	nodes.count = NODES;
	consul_sweep_new_node(&sweep, now);
	sweep.node_at = 0;
	check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES && consul_sweep_end(&sweep), "nodes that come put nobody out of the circle");
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_WHOLE, now);
	sweep.bucket.tokens = 1;
	start(&sweep, now);
	check(sweep.running && !sweep.by_node && !sweep.paced, "another server's data is read by name");
	check(finish(&sweep) == MANY && consul_sweep_end(&sweep), "at once");
}

static void node_failure_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000;

	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	check(consul_sweep_nodes(&sweep, &nodes, which, now) == CONSUL_SWEEP_NODES && which[0] == 0, "the first nodes");
	consul_sweep_node_failed(&sweep, &nodes.items[0], "a", now + 10000);
	for (size_t i = 1; i < CONSUL_SWEEP_NODES; i++)
		consul_sweep_listed(&sweep, &nodes.items[which[i]], false);
	check(ask_nodes(&sweep, 60000, &now, now + 60000) == NODES - CONSUL_SWEEP_NODES, "the others go on");
	check(consul_sweep_end(&sweep) && !sweep.due && consul_sweep_at(&sweep) == now + 10000, "no outage, and later");
	check(!consul_sweep_nodes(&sweep, &nodes, which, now + 9999), "not before");
	check(consul_sweep_nodes(&sweep, &nodes, which, now + 10000) == 1 && which[0] == 0, "that node alone");
	consul_sweep_listed(&sweep, &nodes.items[0], false);
	check(consul_sweep_at(&sweep) == INT64_MAX, "and it is well");
	nodes.refused_until = now + 20000;
	consul_sweep_ring(&sweep, &catalog, CONSUL_RING_PLAIN, now - EXPLAIN);
	start(&sweep, now);
	check(sweep.running && !sweep.by_node && sweep.paced, "without nodes: by name, in the budget");
	sweep.bytes.left = -1;
	sweep.bytes.at = now;
	check(consul_sweep_choose(&sweep, &catalog, which, now) == CONSUL_SWEEP_BATCH, "a part of the names");
	consul_sweep_spend(&sweep, &catalog, 90000, 1, now);
	check(!consul_sweep_choose(&sweep, &catalog, which, now) && consul_sweep_at(&sweep) > now, "and then it waits");
	names[900].wanted = true;
	check(consul_sweep_choose(&sweep, &catalog, which, now) == 1 && which[0] == 900, "what is wanted does not wait");
}

/* Of many names, one that cannot be read must not make a sweep of all due each second. */
static void lost_cases(void)
{
	struct consul_sweep sweep = begin_many();
	int64_t now = NOW + 1000;

	names[7].wanted = true;
	check(consul_sweep_choose(&sweep, &catalog, which, now) == 1 && which[0] == 7, "one name");
	names[7].wanted = false;
	consul_sweep_failed(&sweep, &names[7], "a", now + 1000);
	check(!sweep.retry_at && !consul_sweep_choose(&sweep, &catalog, which, now), "it failed");
	check(consul_sweep_at(&sweep) == now + 1000 && consul_sweep_choose(&sweep, &catalog, which, now + 1000) == 1, "it alone again");
	for (size_t i = 0; i < CONSUL_SWEEP_BATCH - 2; i++)
		consul_sweep_failed(&sweep, &names[i], "b", now);
	check(!consul_sweep_lost(&sweep), "many fail");
	consul_sweep_failed(&sweep, &names[100], "c", now);
	check(consul_sweep_lost(&sweep) && consul_sweep_lost(&sweep)[0] == 'c', "a whole batch: an outage");
	consul_sweep_read(&sweep, &names[100]);
	check(!consul_sweep_lost(&sweep), "one that is read: none");
}

/* All names are wanted: to find them must not cost a look at all of them for each batch. */
static void wanted_cases(void)
{
	struct consul_sweep sweep = begin_many();
	size_t all = 0, count;

	for (size_t i = 0; i < MANY; i++)
		names[i] = (struct catalog_name){ .wanted = true, .listed = i % 10 };
	while ((count = consul_sweep_choose(&sweep, &catalog, which, NOW))) {
		check(all < 900 ? names[which[0]].listed : !names[which[0]].listed, "those that leave come last");
		all += count;
		for (size_t i = 0; i < count; i++)
			names[which[i]].wanted = false;
		check(all >= 900 || sweep.wanted <= which[count - 1] + 1, "it goes on where it was");
	}
	check(all == MANY, "each once");
}

int main(void)
{
	explain_cases();
	ring_cases();
	budget_cases();
	found_cases();
	cover_cases();
	circle_cases();
	node_failure_cases();
	lost_cases();
	wanted_cases();
	catalog.count = NAMES;
	nodes.count = 0;
	order_cases();
	failure_cases();
	behind_cases();
	pace_cases();
	bytes_cases();
	allowance_cases();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
