#include "base.h"
#include "draft.h"
#include "draft_members.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "round.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "skip.h"
#include "socks.h"
#include "sys.h"
#include "text.h"

static int by_dialled(const void *a, const void *b)
{
	return route_backend_order(*(struct route_backend *const *)a, *(struct route_backend *const *)b);
}

static int find_member(const void *key, const void *item)
{
	const struct member *member = key;
	const struct route_backend *backend = *(struct route_backend *const *)item;

	return route_target_order(&member->addr, member_socks(member), &backend->addr, backend->socks);
}

static void add_known(struct draft *draft, struct route_backend *backend)
{
	SYS_GROW(draft->known, draft->known_count, draft->known_cap);
	draft->known[draft->known_count++] = backend;
}

/* All backends of a listener that there are: those of the old table, and those that still drain. */
static void find_known(struct draft *draft, const struct route_listener *listener)
{
	const struct route *route = draft->route;
	const struct route_entry *old = route_find(route->table, &listener->addr);

	draft->known_count = 0;
	for (unsigned i = 0; old && i < old->count; i++)
		add_known(draft, old->backends[i]);
	for (size_t i = route_retired_at(route, &listener->addr);
	     i < route->retired_count && net_compare(&route->retired[i]->listener->addr, &listener->addr) == 0; i++)
		add_known(draft, route->retired[i]);
	if (draft->known_count > 1)
		qsort(draft->known, draft->known_count, sizeof *draft->known, by_dialled);
}

/* The object for each member: a known one, else a new one. */
static void find_backends(struct draft *draft, struct members *members, struct route_entry *entry)
{
	find_known(draft, entry->listener);
	for (size_t i = 0; i < members->count; i++) {
		struct member *member = &members->items[i];
		struct route_backend like = { .addr = member->addr, .listener = entry->listener, .socks = member_socks(member) }, **found = NULL;

		if (draft->known_count)
			found = bsearch(member, draft->known, draft->known_count, sizeof *found, find_member);
		member->backend = route_backend_ref(found ? *found : route_backend_new(&like));
		entry->rechecked |= found && member->backend->unchecked != member->unchecked;
		member->backend->unchecked = member->unchecked;
		atomic_store_explicit(&member->backend->returns, member->returns, memory_order_relaxed);
	}
}

/* Instances of a service, one after the other, that ask the same have one place in `terms`, and so have all that ask
 * nothing. */
static bool same_terms(const struct route_terms *terms, const struct service *service)
{
	return service_options_equal(terms->options, service->options) &&
	       (strcmp(terms->service->name, service->name) == 0 || !service_options_asked(service->options));
}

static unsigned find_terms(struct draft *draft, struct route_entry *entry, struct service *service)
{
	struct route_terms *last = entry->term_count ? &draft->terms[entry->term_count - 1] : NULL;

	if (!last || !same_terms(last, service)) {
		SYS_GROW(draft->terms, entry->term_count, draft->terms_cap);
		draft->terms[entry->term_count++] = (struct route_terms){ service_ref(service), service->options };
	}
	return entry->term_count - 1;
}

static void keep_terms(struct draft *draft, struct route_entry *entry)
{
	const struct route_entry *before = draft->before;
	size_t size = entry->term_count * sizeof *entry->terms;

	if (before && before->term_count == entry->term_count && memcmp(before->terms, draft->terms, size) == 0) {
		entry->terms = before->terms;
		return;
	}
	entry->terms = arena_alloc(&draft->memory->arena, size);
	memcpy(entry->terms, draft->terms, size);
}

static void keep_weights(struct draft *draft, struct route_entry *entry, const struct member *items)
{
	const struct route_entry *before = draft->before;
	bool same = before && before->count == entry->count;

	for (unsigned i = 0; i < entry->count && same; i++)
		same = before->weights[i] == items[i].weight;
	if (same) {
		entry->weights = before->weights;
		return;
	}
	entry->weights = arena_alloc(&draft->memory->arena, entry->count * sizeof *entry->weights);
	for (unsigned i = 0; i < entry->count; i++)
		entry->weights[i] = items[i].weight;
}

static bool same_targets(const struct route_entry *before, const struct members *members)
{
	bool same = before && before->target_count == members->target_count;

	for (size_t i = 0; i < members->target_count && same; i++) {
		const struct route_target *was = &before->targets[i];
		const struct member_target *target = &members->targets[i];

		same = was->state == target->state && was->why == target->why &&
		       strcmp(was->name, members->names.data + target->name) == 0;
	}
	return same;
}

static void keep_targets(struct draft *draft, struct route_entry *entry, const struct members *members)
{
	struct arena *memory = &draft->memory->arena;

	entry->target_count = (unsigned)members->target_count;
	if (same_targets(draft->before, members)) {
		entry->targets = draft->before->targets;
		return;
	}
	entry->targets = arena_alloc(memory, entry->target_count * sizeof *entry->targets);
	for (unsigned i = 0; i < entry->target_count; i++) {
		const struct member_target *target = &members->targets[i];
		const char *name = members->names.data + target->name;

		entry->targets[i] = (struct route_target){ arena_dup(memory, name, strlen(name)), target->state, target->why };
	}
}

/* Adds the backends of all, by service: each has one share of the clients. */
static void gather_members(struct draft *draft, struct members *members, struct route_entry *entry,
                           const struct want *wants, size_t count)
{
	for (unsigned i = 0, share = 0; i < count; i++) {
		share = draft_same_service(&wants[share], &wants[i]) ? share : i;
		members_add(members, draft, &wants[i], share, find_terms(draft, entry, wants[i].service));
	}
	keep_terms(draft, entry);
	members_settle(members);
	find_backends(draft, members, entry);
}

/* Of a range of ports all have one round. */
static void fill_round(struct draft *draft, const struct route_entry *entry, struct route_share *share)
{
	const struct route_entry *before = draft->before;
	size_t at = (size_t)(share - entry->shares);
	uint32_t *round;

	if (before && before->weights == entry->weights && at < before->share_count && before->shares[at].first == share->first &&
	    before->shares[at].count == share->count) {
		share->round = before->shares[at].round;
		share->round_len = before->shares[at].round_len;
		return;
	}
	round = round_by_weight(entry->weights + share->first, share->count, &share->round_len);
	if (round) {
		share->round = arena_alloc(&draft->memory->arena, share->round_len * sizeof *round);
		memcpy(share->round, round, share->round_len * sizeof *round);
	}
	free(round);
}

/* A share of which no backend is left is none. */
static void count_shares(struct route_entry *entry, const struct members *members)
{
	for (size_t i = 0; i < members->count; i = members_share_end(members, i)) {
		entry->share_count++;
		entry->last_shares += members->items[i].last;
	}
	if (entry->last_shares == entry->share_count)
		entry->last_shares = 0;
}

static void fill_shares(struct draft *draft, struct route_entry *entry, const struct members *members,
                        const struct want *wants)
{
	const struct member *items = members->items;
	struct route_share *share = entry->shares;

	for (size_t i = 0, end; i < members->count; i = end, share++) {
		end = members_share_end(members, i);
		share->service = draft_name(entry, wants[items[i].share].service->name);
		share->first = (unsigned)i;
		share->count = (unsigned)(end - i);
		for (size_t k = i; k < end; k++)
			share->weight += items[k].weight;
		fill_round(draft, entry, share);
		share->skip = skip_new(&draft->memory->arena, share->round_len);
	}
	entry->skip = skip_new(&draft->memory->arena, entry->share_count);
}

void draft_backends(struct draft *draft, struct route_entry *entry, const struct want *wants, size_t count)
{
	struct arena *memory = &draft->memory->arena;
	struct members members = { 0 };

	gather_members(draft, &members, entry, wants, count);
	count_shares(entry, &members);
	entry->count = (unsigned)members.count;
	entry->shares = arena_alloc(memory, entry->share_count * sizeof *entry->shares +
	                                    members.count * sizeof *entry->backends);
	entry->backends = (struct route_backend **)(void *)(entry->shares + entry->share_count);
	keep_weights(draft, entry, members.items);
	keep_targets(draft, entry, &members);
	if (entry->term_count > 1)
		entry->terms_of = arena_alloc(memory, members.count * sizeof *entry->terms_of);
	if (entry->target_count)
		entry->target_of = arena_alloc(memory, members.count * sizeof *entry->target_of);
	for (size_t i = 0; i < members.count; i++) {
		entry->backends[i] = members.items[i].backend;
		if (entry->terms_of)
			entry->terms_of[i] = members.items[i].terms;
		if (entry->target_of)
			entry->target_of[i] = members.items[i].target;
	}
	fill_shares(draft, entry, &members, wants);
	members_free(&members);
}
