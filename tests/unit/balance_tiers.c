/* Whoever is healthy, whatever the terms, and however many backends and shares there are (of many, balance.c remembers which need
 * no look): a client gets the best one that admits it, and tries all of these once, the healthy ones first, and of each those
 * that are not tried last. Random entries, in which health changes from pick to pick. The first argument is their number. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../balance.h"
#include "../../round.h"
#include "../../skip.h"
#include "../../sys.h"

#define MANY 150
#define STEPS 60 /* of one entry */

static struct world {
	struct arena memory;
	struct route_listener *listener;
	struct route_backend *order[MANY];
	uint16_t weights[MANY];
	uint32_t terms_of[MANY];
	struct route_terms terms[MANY];
	struct route_share shares[MANY];
	struct route_entry e;
	unsigned split; /* the first place of those that are tried last */
} w;

static struct net_addr client;
static struct service_options some = { .balance = -1, .limited = true };

static unsigned below(unsigned most)
{
	return sys_random() % most;
}

static void add_share(unsigned first, unsigned count)
{
	struct route_share *share = &w.shares[w.e.share_count++];

	*share = (struct route_share){ .service = "", .first = first, .count = count };
	for (unsigned i = first; i < first + count; i++)
		share->weight += w.weights[i];
	share->round = round_by_weight(w.weights + first, count, &share->round_len);
	share->skip = skip_new(&w.memory, share->round_len);
}

/* Terms stand together, but for those that are tried last: these begin anew. */
static void set_terms(void)
{
	unsigned often = 1 + below(8);

	w.e.terms_of = w.terms_of;
	w.e.term_count = MANY;
	for (unsigned i = 0; i < MANY; i++)
		w.terms[i].options = below(2) ? &some : &service_options_none;
	for (unsigned i = 0; i < w.e.count; i++)
		w.terms_of[i] = i && i != w.split ? w.terms_of[i - 1] + !below(often) : 0;
}

static void open_world(void)
{
	unsigned most = 1 + below(below(2) ? 60 : 4), alike = 1 + below(3), count = 1 + below(MANY);

	memset(&w, 0, sizeof w);
	w.listener = arena_alloc(&w.memory, sizeof *w.listener);
	w.e = (struct route_entry){
		.listener = w.listener, .backends = w.order, .weights = w.weights, .count = count, .balance = (enum service_balance)below(4),
		.shares = w.shares, .terms = w.terms, .term_count = 1
	};
	w.terms[0].options = &service_options_none;
	for (unsigned i = 0; i < count; i++) {
		w.order[i] = route_backend_ref(arena_alloc(&w.memory, sizeof **w.order));
		w.order[i]->listener = w.listener;
		w.weights[i] = (uint16_t)(1 + below(alike));
	}
	for (unsigned at = 0, more; at < count; at += more) {
		more = 1 + below(most < count - at ? most : count - at);
		add_share(at, more);
	}
	w.e.skip = skip_new(&w.memory, w.e.share_count);
	w.e.last_shares = below(w.e.share_count);
	w.split = w.e.last_shares ? w.shares[w.e.share_count - w.e.last_shares].first : count;
	if (below(2))
		set_terms();
}

static void close_world(void)
{
	for (unsigned i = 0; i < w.e.share_count; i++)
		free(w.shares[i].round);
	arena_free(&w.memory);
}

static bool admits(unsigned i)
{
	return !w.e.terms_of || w.terms[w.terms_of[i]].options != &some;
}

static unsigned tier_of(unsigned i)
{
	return 2 * atomic_load(&w.order[i]->unhealthy) + (i >= w.split);
}

/* As the control plane does; or a worker, which says nothing to the others. */
static void change_health(void)
{
	unsigned first = below(w.e.count), last = below(2) ? first : first + below(w.e.count - first), sick = below(3);

	for (unsigned i = first; i <= last; i++)
		if (sick == 2)
			atomic_store(&w.order[i]->unhealthy, true);
		else if (atomic_load(&w.order[i]->unhealthy) != sick)
			route_set_health(w.order[i], sick);
}

static void pick_best(void)
{
	unsigned best = 4, at = 0;
	bool any;

	for (unsigned i = 0; i < w.e.count; i++)
		if (admits(i) && tier_of(i) < best)
			best = tier_of(i);
	any = balance_pick(&w.e, &client, NULL, &at);
	check(any == (best < 4), "a pick", "if one admits the client");
	check(!any || (at < w.e.count && admits(at) && tier_of(at) == best), "a pick", "the best that admits the client");
}

static void try_all(void)
{
	struct balance_tried tried = { 0 };
	unsigned admitted = 0, last = 0, at;
	bool ordered = true;

	for (unsigned i = 0; i < w.e.count; i++)
		admitted += admits(i);
	for (bool any = balance_pick(&w.e, &client, NULL, &at); any && tried.count <= admitted; any = balance_pick(&w.e, &client, &tried, &at)) {
		ordered = ordered && admits(at) && tier_of(at) >= last;
		last = tier_of(at);
		balance_add(&tried, w.order[at]);
	}
	check(tried.count == admitted, "all that admit the client", "each once");
	check(ordered, "all that admit the client", "the healthy ones first, and of each those that are not last");
	check(tried.steps <= 2 * w.e.count, "all that admit the client", "each place is looked at twice at most");
	balance_forget(&tried);
}

int main(int argc, char **argv)
{
	unsigned long worlds = argc > 1 ? strtoul(argv[1], NULL, 10) : 400;

	net_numeric(slice_of("192.0.2.1"), 0, &client);
	while (worlds-- && !failed) {
		open_world();
		for (unsigned i = 0; i < STEPS && !failed; i++) {
			change_health();
			pick_best();
			if (!below(4))
				try_all();
		}
		close_world();
	}
	return check_sum();
}
