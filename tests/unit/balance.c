/* Cases for round.c and balance.c: rounds by weight, and whose turn it is. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "figures.h"
#include "../../balance.c"

_Static_assert(offsetof(struct route_backend, name) < sizeof(struct route_backend), "one byte of a name fits");
#include "../../round.c"
#include "../../skip.c"
#include "../../sys.c"

#define BACKENDS 8

static const struct {
	uint16_t weights[BACKENDS]; /* to the first 0 */
	const char *round;          /* NULL: all alike */
} rounds[] = {
	{ { 0 }, NULL }, { { 1 }, NULL }, { { 7 }, NULL }, { { 1, 1, 1 }, NULL }, { { 9, 9 }, NULL },
	{ { 2, 1, 1 }, "ABCA" }, { { 1, 2 }, "BAB" }, { { 3, 1 }, "AABA" }, { { 5, 1, 1 }, "AABACAA" },
	{ { 20, 10, 10 }, "ABCA" }, { { 65535, 13107 }, "AAABAA" }, { { 4, 6 }, "BABAB" }, { { 1, 1, 2 }, "CABC" },
};

static void round_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
		unsigned count = 0, len = 99;
		char got[64] = "";
		uint32_t *round;

		while (count < BACKENDS && rounds[i].weights[count])
			count++;
		round = round_by_weight(rounds[i].weights, count, &len);
		check(!round == !rounds[i].round, "a round", rounds[i].round ? rounds[i].round : "all alike");
		if (!rounds[i].round)
			check(len == count, "length of a round", "all alike");
		for (unsigned k = 0; round && k < len && k < sizeof got - 1; k++)
			got[k] = (char)('A' + round[k]);
		check(!round || strcmp(got, rounds[i].round) == 0, got, rounds[i].round ? rounds[i].round : "");
		free(round);
	}
}

/* Each has its share in one round, and is never far from it on the way. */
static void share_cases(void)
{
	uint16_t weights[40];

	for (unsigned seed = 1; seed < 60; seed++) {
		unsigned count = 2 + seed % 38, sum = 0, len, seen[40] = { 0 };
		bool fair = true;
		uint32_t *round;

		weights[0] = 1;
		for (unsigned i = 0; i < count; i++)
			sum += weights[i] = (uint16_t)(i ? 1 + (i * 7919 + seed * 104729) % 50 : 1);
		round = round_by_weight(weights, count, &len);
		if (!round)
			continue;
		check(len == sum || (len < sum && sum % len == 0), "length", "is the sum of the weights");
		for (unsigned k = 0; k < len; k++) {
			if (round[k] >= count)
				break;
			seen[round[k]]++;
			for (unsigned i = 0; i < count; i++) {
				double due = (double)weights[i] * (k + 1) / sum;

				fair = fair && seen[i] - due < count && due - seen[i] < count;
			}
		}
		for (unsigned i = 0; i < count; i++)
			check(seen[i] * sum == weights[i] * len, "share", "of a round");
		check(fair, "spread", "smoothly");
		free(round);
	}
}

static void long_cases(void)
{
	static uint16_t many[6000];
	uint16_t two[] = { 65535, 65534 }, far[] = { 65535, 1 };
	unsigned len, first = 0;
	uint32_t *round = round_by_weight(two, 2, &len);

	check(round && len <= ROUND_MAX, "a long round", "is cut");
	for (unsigned i = 0; i < len; i++)
		first += round[i] == 0;
	check(first * 100 > len * 49 && first * 100 < len * 51, "a long round", "keeps the shares");
	free(round);
	round = round_by_weight(far, 2, &len);
	first = 0;
	for (unsigned i = 0; i < len; i++)
		first += round[i] == 1;
	check(round && first == 1 && len > 1000, "a cut round", "leaves nobody out");
	free(round);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (uint16_t)(1 + i % 2);
	round = round_by_weight(many, ARRAY_LEN(many), &len);
	check(round && len >= ARRAY_LEN(many), "more backends than a round has places", "all are in it");
	free(round);
}

/* An entry of A, B, C... */
struct fixture {
	struct route_backend backends[BACKENDS], *order[BACKENDS];
	struct route_listener listener;
	uint16_t weights[BACKENDS];
	struct route_share shares[BACKENDS];
	struct route_terms terms[BACKENDS];
	uint32_t terms_of[BACKENDS];
	struct route_entry e;
};

static struct net_addr client;

/* The next so many backends are one service's. */
static void add_share(struct fixture *f, unsigned count)
{
	unsigned first = f->e.share_count ? f->shares[f->e.share_count - 1].first + f->shares[f->e.share_count - 1].count : 0;
	struct route_share *share = &f->shares[f->e.share_count++];

	*share = (struct route_share){ .first = first, .count = count };
	for (unsigned i = first; i < first + count; i++)
		share->weight += f->weights[i];
	share->round = round_by_weight(f->weights + first, count, &share->round_len);
}

static void open_fixture(struct fixture *f, enum service_balance balance, unsigned count, const uint16_t *weights)
{
	memset(f, 0, sizeof *f);
	for (unsigned i = 0; i < count; i++) {
		f->order[i] = &f->backends[i];
		f->backends[i].name[0] = "ABCDEFGH"[i]; /* there is room for it: see the assertion */
		route_backend_ref(&f->backends[i]);
		f->weights[i] = weights ? weights[i] : 1;
	}
	f->e = (struct route_entry){
		.listener = &f->listener, .backends = f->order, .weights = f->weights, .count = count, .balance = balance,
		.shares = f->shares, .terms = f->terms, .term_count = 1
	};
	f->terms[0].options = &service_options_none;
	add_share(f, count);
}

static void close_fixture(struct fixture *f)
{
	for (unsigned i = 0; i < f->e.share_count; i++)
		free(f->shares[i].round);
	for (unsigned i = 0; i < f->e.count; i++)
		route_cells_free(atomic_exchange(&f->backends[i].cells, NULL));
}

static const struct route_backend *pick(const struct route_entry *e, struct balance_tried *tried)
{
	unsigned at;

	return balance_pick(e, &client, tried, &at) ? e->backends[at] : NULL;
}

static void expect(struct fixture *f, unsigned picks, const char *want, const char *what)
{
	char got[256] = "";

	for (unsigned i = 0; i < picks; i++) {
		const struct route_backend *b = pick(&f->e, NULL);

		got[i] = b ? b->name[0] : '-';
	}
	check(strcmp(got, want) == 0, what, got);
}

static void turn_cases(void)
{
	static const uint16_t weights[] = { 2, 1, 1 };
	struct fixture f;
	unsigned seen[BACKENDS] = { 0 };

	open_fixture(&f, SERVICE_ROUND_ROBIN, 0, NULL);
	check(!pick(&f.e, NULL), "none", "of none");
	open_fixture(&f, SERVICE_ROUND_ROBIN, 1, NULL);
	expect(&f, 3, "AAA", "one alone");
	open_fixture(&f, SERVICE_ROUND_ROBIN, 3, NULL);
	expect(&f, 8, "ABCABCAB", "round robin");
	atomic_store(&f.shares[0].cursor, 7); /* of a longer round, earlier */
	expect(&f, 4, "BCAB", "a cursor beyond the end");
	set_backend_active(&f.backends[1], 1000);
	expect(&f, 3, "CAB", "round robin does not look at the load");
	for (int i = 0; i < 3000; i++)
		seen[pick(&f.e, NULL)->name[0] - 'A']++;
	check(seen[0] == 1000 && seen[1] == 1000 && seen[2] == 1000, "round robin", "is exact");
	close_fixture(&f);
	open_fixture(&f, SERVICE_ROUND_ROBIN, 3, weights);
	expect(&f, 9, "ABCAABCAA", "by weight");
	close_fixture(&f);
}

static void tried_cases(void)
{
	struct fixture f;
	struct route_backend other = { 0 };
	struct balance_tried tried = { 0 };

	open_fixture(&f, SERVICE_ROUND_ROBIN, 4, NULL);
	expect(&f, 2, "AB", "before");
	balance_add(&tried, f.order[1]);
	check(pick(&f.e, &tried) == f.order[2], "after B", "C");
	balance_restart(&tried);
	check(pick(&f.e, &tried) == f.order[2], "after B, again", "C");
	balance_add(&tried, f.order[2]);
	check(pick(&f.e, &tried) == f.order[3], "after B and C", "D");
	balance_add(&tried, f.order[3]);
	check(pick(&f.e, &tried) == f.order[0], "after B, C and D", "A");
	balance_add(&tried, f.order[0]);
	check(!pick(&f.e, &tried), "after all", "none");
	balance_restart(&tried);
	check(!pick(&f.e, &tried), "after all, in another table", "none");
	expect(&f, 3, "CDA", "only a first attempt moves the round");
	balance_forget(&tried);
	balance_add(&tried, route_backend_ref(&other)); /* it has left the table */
	check(pick(&f.e, &tried) == f.order[0], "after a stranger", "A");
	balance_forget(&tried);
	for (unsigned i = 0; i < 4; i++)
		check(f.backends[i].refs == 1, "references", "are given back");
}

/* A client that tries them all looks at each place twice at most: at the first pick, and as it goes round. */
static void walk_cases(void)
{
	enum { MANY = 3000 };
	static struct route_backend backends[MANY], *order[MANY];
	static uint16_t weights[MANY];
	struct route_listener listener = { 0 };
	struct route_share share = { .count = MANY, .round_len = MANY, .weight = MANY };
	struct route_terms terms = { .options = &service_options_none };
	struct route_entry e = {
		.listener = &listener, .backends = order, .weights = weights, .count = MANY, .shares = &share, .share_count = 1,
		.terms = &terms, .term_count = 1
	};

	for (unsigned i = 0; i < MANY; i++) {
		order[i * 7 % MANY] = route_backend_ref(&backends[i]); /* not as they lie in memory */
		weights[i] = 1;
	}
	for (unsigned sick = 0; sick < 3; sick++) { /* none; every second; all */
		struct balance_tried tried = { 0 };
		struct route_backend *next;
		unsigned late = 0;

		for (unsigned i = 0; i < MANY; i++)
			atomic_store(&order[i]->unhealthy, sick == 2 || (sick == 1 && i % 2));
		next = pick(&e, NULL);
		while (next && tried.count <= MANY) {
			late += tried.count >= MANY / 2 && next->unhealthy;
			balance_add(&tried, next);
			next = pick(&e, &tried);
		}
		check(tried.count == MANY, "of 3,000", "each is picked once");
		check(tried.steps <= 2 * MANY, "of 3,000", "each place is looked at twice at most");
		check(sick != 1 || late == MANY / 2, "of 3,000", "the unhealthy ones come last");
		balance_forget(&tried);
	}
}

static void sick_cases(void)
{
	struct fixture f;
	struct balance_tried tried = { 0 };
	unsigned seen[BACKENDS] = { 0 };

	open_fixture(&f, SERVICE_RANDOM, 3, NULL);
	atomic_store(&f.backends[1].unhealthy, true);
	for (int i = 0; i < 4000; i++)
		seen[pick(&f.e, NULL)->name[0] - 'A']++;
	check(seen[0] > 1800 && seen[2] > 1800 && !seen[1], "random", "B's clients are shared by A and C");
	open_fixture(&f, SERVICE_ROUND_ROBIN, 3, NULL);
	atomic_store(&f.backends[1].unhealthy, true);
	expect(&f, 6, "ACACAC", "B is unhealthy, and its turns are shared");
	balance_add(&tried, f.order[0]);
	check(pick(&f.e, &tried) == f.order[2], "after A", "C");
	balance_add(&tried, f.order[2]);
	check(pick(&f.e, &tried) == f.order[1], "after A and C", "B, at last");
	balance_add(&tried, f.order[1]);
	check(!pick(&f.e, &tried), "after all", "none");
	balance_forget(&tried);
	for (int i = 0; i < 3; i++)
		atomic_store(&f.backends[i].unhealthy, true);
	expect(&f, 4, "ABCA", "all are unhealthy");
	for (int balance = SERVICE_RANDOM; service_balance_names[balance]; balance++) {
		bool well = true;

		open_fixture(&f, (enum service_balance)balance, 3, NULL);
		atomic_store(&f.backends[0].unhealthy, true);
		atomic_store(&f.backends[1].unhealthy, true);
		for (int i = 0; i < 50; i++)
			well = well && pick(&f.e, NULL) == f.order[2];
		check(well, "the healthy one", service_balance_names[balance]);
	}
}

static void load_cases(void)
{
	static const uint16_t weights[] = { 1, 3 }, even[] = { 1, 1 };
	struct fixture f;
	unsigned seen[BACKENDS] = { 0 };
	bool light = true;

	open_fixture(&f, SERVICE_LEAST_CONN, 3, NULL);
	expect(&f, 4, "ABCA", "least_conn, all idle");
	set_backend_active(&f.backends[0], 2);
	set_backend_active(&f.backends[1], 1);
	set_backend_active(&f.backends[2], 2);
	expect(&f, 4, "BBBB", "least_conn");
	close_fixture(&f);
	open_fixture(&f, SERVICE_LEAST_CONN, 2, weights);
	set_backend_active(&f.backends[0], 1);
	set_backend_active(&f.backends[1], 2);
	expect(&f, 2, "BB", "least_conn by weight");
	set_backend_active(&f.backends[1], 4);
	expect(&f, 2, "AA", "least_conn by weight, the other");
	close_fixture(&f);
	open_fixture(&f, SERVICE_P2C, 2, even); /* of two, both are looked at */
	set_backend_active(&f.backends[0], 5);
	for (int i = 0; i < 200; i++)
		light = light && pick(&f.e, NULL) == f.order[1];
	check(light, "p2c", "the lighter one of two");
	close_fixture(&f);
	open_fixture(&f, SERVICE_RANDOM, 2, weights);
	for (int i = 0; i < 4000; i++)
		seen[pick(&f.e, NULL)->name[0] - 'A']++;
	check(seen[0] > 700 && seen[0] < 1300 && seen[0] + seen[1] == 4000, "random", "by weight");
	close_fixture(&f);
	open_fixture(&f, SERVICE_P2C, 1, NULL);
	expect(&f, 2, "AA", "p2c, one alone");
}

/* Backends A to D: of one service A, of the other B, C and D. */
static void open_shared(struct fixture *f, enum service_balance balance, const uint16_t *weights)
{
	open_fixture(f, balance, 4, weights);
	close_fixture(f);
	f->e.share_count = 0;
	add_share(f, 1);
	add_share(f, 3);
}

static void count_picks(struct fixture *f, unsigned picks, unsigned seen[BACKENDS])
{
	memset(seen, 0, BACKENDS * sizeof *seen);
	for (unsigned i = 0; i < picks; i++)
		seen[pick(&f->e, NULL)->name[0] - 'A']++;
}

/* Each service has its share, whatever its weights and the number of its backends. */
static void shared_cases(void)
{
	static const uint16_t greedy[] = { 1, 65535, 65535, 65535 }, uneven[] = { 9, 2, 1, 1 };
	unsigned seen[BACKENDS];
	struct fixture f;

	open_shared(&f, SERVICE_ROUND_ROBIN, greedy);
	expect(&f, 8, "ABACADAB", "the services take turns, and each its own backends");
	atomic_store(&f.backends[2].unhealthy, true);
	count_picks(&f, 400, seen);
	check(seen[0] == 200 && seen[1] == 100 && seen[3] == 100, "an unhealthy one's turns", "are its own service's");
	atomic_store(&f.backends[0].unhealthy, true);
	expect(&f, 4, "DBDB", "a service without a healthy backend has none");
	atomic_store(&f.listener.cursor, 9); /* of more shares, earlier */
	check(pick(&f.e, NULL) != NULL, "a cursor beyond the end", "");
	close_fixture(&f);
	open_shared(&f, SERVICE_ROUND_ROBIN, uneven);
	count_picks(&f, 800, seen);
	check(seen[0] == 400 && seen[1] == 200 && seen[2] == 100 && seen[3] == 100, "weights", "count within a share");
	close_fixture(&f);
	open_shared(&f, SERVICE_RANDOM, greedy);
	count_picks(&f, 4000, seen);
	check(seen[0] > 1700 && seen[0] < 2300 && seen[1] > 500 && seen[2] > 500, "random", "by shares");
	close_fixture(&f);
	for (int balance = SERVICE_P2C; service_balance_names[balance]; balance++) {
		open_shared(&f, (enum service_balance)balance, greedy);
		for (int i = 0; i < 1200; i++) {
			unsigned at;

			balance_pick(&f.e, &client, NULL, &at);
			set_backend_active(&f.backends[at], route_backend_active(&f.backends[at]) + 1);
		}
		check(route_backend_active(&f.backends[0]) > 500 && route_backend_active(&f.backends[0]) < 700, "the load", service_balance_names[balance]);
		check(route_backend_active(&f.backends[1]) > 150 && route_backend_active(&f.backends[3]) > 150, "the load", service_balance_names[balance]);
		close_fixture(&f);
	}
}

/* A client gets backends only of services that admit it. */
static void admit_cases(void)
{
	struct arena memory = { 0 };
	struct service_options some = { .balance = -1, .limited = true };
	struct fixture f;

	net_ranges_parse(slice_of("10.0.0.0/8"), &memory, &some.allow);
	for (int balance = SERVICE_ROUND_ROBIN; service_balance_names[balance]; balance++) {
		struct balance_tried tried = { 0 };
		unsigned seen[BACKENDS];
		bool well = true;

		open_shared(&f, (enum service_balance)balance, NULL);
		f.terms[1].options = &some; /* of B and D */
		f.terms_of[1] = f.terms_of[3] = 1;
		f.e.terms_of = f.terms_of;
		f.e.term_count = 2;
		net_numeric(slice_of("192.0.2.1"), 0, &client);
		for (int i = 0; i < 200; i++) {
			const struct route_backend *b = pick(&f.e, NULL);

			well = well && (b == f.order[0] || b == f.order[2]);
		}
		check(well, "those that admit the client", service_balance_names[balance]);
		balance_add(&tried, f.order[0]);
		check(pick(&f.e, &tried) == f.order[2], "after A", "C");
		balance_add(&tried, f.order[2]);
		check(!pick(&f.e, &tried), "after A and C", "none: the others do not admit it");
		balance_forget(&tried);
		net_numeric(slice_of("10.1.2.3"), 0, &client);
		count_picks(&f, 400, seen);
		check(seen[0] && seen[1] && seen[2] && seen[3], "a client that all admit", service_balance_names[balance]);
		close_fixture(&f);
	}
	arena_free(&memory);
}

/* A to D are two services', and so are E to H, which are tried last. */
static void open_tiers(struct fixture *f, enum service_balance balance)
{
	open_fixture(f, balance, 8, NULL);
	close_fixture(f);
	f->e.share_count = 0;
	for (unsigned i = 0; i < 4; i++)
		add_share(f, 2);
	f->e.last_shares = 2;
}

static void set_sick(struct fixture *f, const char *names)
{
	for (unsigned i = 0; i < f->e.count; i++)
		atomic_store(&f->backends[i].unhealthy, strchr(names, 'A' + (int)i) != NULL);
}

/* They have clients, each at least one unless that is `some`, and no others. */
static bool only(struct fixture *f, const char *names, bool some)
{
	unsigned seen[BACKENDS];
	bool well = true;

	count_picks(f, 400, seen);
	for (unsigned i = 0; i < BACKENDS; i++)
		well = well && (strchr(names, 'A' + (int)i) ? some || seen[i] : !seen[i]);
	return well;
}

/* Those that are tried last have clients while no other one is healthy. */
static void tier_cases(void)
{
	struct fixture f;

	for (int balance = SERVICE_ROUND_ROBIN; service_balance_names[balance]; balance++) {
		const char *name = service_balance_names[balance];

		open_tiers(&f, (enum service_balance)balance);
		check(only(&f, "ABCD", false), "the first ones", name);
		set_sick(&f, "ABDEFGH");
		check(only(&f, "C", false), "the only healthy one of them", name);
		set_sick(&f, "ABCDF");
		check(only(&f, "EGH", false), "else the last ones", name);
		set_sick(&f, "ABCDEFG");
		check(only(&f, "H", false), "the only healthy one of all", name);
		set_sick(&f, "ABCDEFGH");
		check(only(&f, "ABCD", true), "none is healthy: the first ones", name);
		set_sick(&f, "");
		check(only(&f, "ABCD", false), "all have recovered", name);
		close_fixture(&f);
	}
	open_tiers(&f, SERVICE_ROUND_ROBIN);
	expect(&f, 5, "ACBDA", "the first services take turns");
	set_sick(&f, "ABCD");
	expect(&f, 5, "GEHFG", "the last ones likewise");
	set_sick(&f, "ABCDE");
	expect(&f, 4, "FHFG", "one is unhealthy");
	set_sick(&f, "");
	expect(&f, 3, "BCA", "the first ones go on");
	set_sick(&f, "ABCDEFGH");
	expect(&f, 5, "DBCAD", "and when none is healthy");
	close_fixture(&f);
	open_tiers(&f, SERVICE_LEAST_CONN);
	set_sick(&f, "ABCD");
	for (unsigned i = 4; i < BACKENDS; i++)
		set_backend_active(&f.backends[i], i == 5 ? 1 : 2);
	expect(&f, 6, "FFFFFF", "the least loaded of the last ones");
	close_fixture(&f);
}

/* One that recovers while somebody finds it unhealthy is not left out for good. */
static void recovery_cases(void)
{
	struct arena memory = { 0 };
	struct skip *skip = skip_new(&memory, 100);
	struct fixture f;
	struct choice of = { .entry = &f.e };

	open_fixture(&f, SERVICE_ROUND_ROBIN, 1, NULL);
	pass_over(&of, skip, 7);
	check(skip_next(skip, 7) == 8, "an unhealthy one", "is left out");
	f.backends[0].listener = &f.listener;
	f.backends[0].unhealthy = true;
	route_set_health(&f.backends[0], false);
	pass_over(&of, skip, 9);
	check(skip_next(skip, 9) == 9, "one that recovers meanwhile", "is not left out");
	arena_free(&memory);
}

int main(void)
{
	round_cases();
	share_cases();
	long_cases();
	turn_cases();
	tried_cases();
	walk_cases();
	sick_cases();
	load_cases();
	shared_cases();
	admit_cases();
	tier_cases();
	recovery_cases();
	return check_sum();
}
