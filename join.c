#include "base.h"
#include "join.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "roster.h"
#include "service_option.h"
#include "sys.h"
#include "text.h"

static bool same_shares(const struct route_entry *a, const struct route_entry *b)
{
	for (unsigned i = 0; i < a->share_count; i++)
		if (a->shares[i].first != b->shares[i].first || strcmp(a->shares[i].service, b->shares[i].service) != 0)
			return false;
	return true;
}

static bool same_asked(const struct route_entry *a, const struct route_entry *b)
{
	if (!a->terms_of != !b->terms_of ||
	    (a->terms_of && memcmp(a->terms_of, b->terms_of, a->count * sizeof *a->terms_of) != 0))
		return false;
	for (unsigned i = 0; i < a->term_count; i++)
		if (!service_options_equal(a->terms[i].options, b->terms[i].options))
			return false;
	return true;
}

static bool same_entry_targets(const struct route_entry *a, const struct route_entry *b)
{
	for (unsigned i = 0; i < a->target_count; i++)
		if (a->targets[i].state != b->targets[i].state || route_order_words(a->targets[i].why, b->targets[i].why) != 0 ||
		    strcmp(a->targets[i].name, b->targets[i].name) != 0)
			return false;
	return !a->target_count || !a->count || memcmp(a->target_of, b->target_of, a->count * sizeof *a->target_of) == 0;
}

/* Whether it is shown and logged in the same words, and has the same refusals. */
static bool same_owner(const struct route_owner *a, const struct route_owner *b)
{
	return strcmp(a->source, b->source) == 0 && strcmp(a->wish->text, b->wish->text) == 0 &&
	       (a->service == b->service || (strcmp(a->service->name, b->service->name) == 0 &&
	                                     route_order_words(a->service->node, b->service->node) == 0 &&
	                                     route_order_words(a->service->instance, b->service->instance) == 0));
}

static bool same_entry(const struct route_entry *a, const struct route_entry *b)
{
	return !b->rechecked && a->listener == b->listener && a->balance == b->balance && a->count == b->count &&
	       a->share_count == b->share_count && a->last_shares == b->last_shares && a->term_count == b->term_count &&
	       a->target_count == b->target_count && strcmp(a->services, b->services) == 0 &&
	       route_order_words(a->conflict, b->conflict) == 0 &&
	       same_owner(&a->owner, &b->owner) &&
	       (!a->count || (memcmp(a->backends, b->backends, a->count * sizeof *a->backends) == 0 &&
	                      memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0)) &&
	       same_shares(a, b) && same_asked(a, b) && same_entry_targets(a, b);
}

/* Entries. */

struct joint {
	const struct route_table *old;
	struct route_table *now;
	const struct port_set *ports; /* NULL: all */
	struct route_entry **entries;
	size_t count, at, change_cap; /* at: the place in the old table that has been reached */
};

static void note_change(struct joint *joint, const struct route_entry *old, const struct route_entry *now)
{
	SYS_GROW(joint->now->changes, joint->now->change_count, joint->change_cap);
	joint->now->changes[joint->now->change_count++] = (struct route_change){ old, now };
}

/* The old entries up to a place: in the draft there is none of theirs. */
static void keep_entries(struct joint *joint, size_t to)
{
	for (; joint->at < to; joint->at++) {
		struct route_entry *entry = joint->old->entries[joint->at];

		if (!joint->ports || port_set_have(joint->ports, entry->port))
			note_change(joint, entry, NULL);
		else
			joint->entries[joint->count++] = route_entry_ref(entry);
	}
}

static void join_entry(struct joint *joint, struct route_entry *entry)
{
	const struct route_table *old = joint->old;
	struct route_entry *was;

	keep_entries(joint, route_place(old, joint->at, &entry->listener->addr));
	was = joint->at < old->count ? old->entries[joint->at] : NULL;
	if (was && net_compare(&was->listener->addr, &entry->listener->addr) == 0)
		joint->at++;
	else
		was = NULL;
	if (was && same_entry(was, entry)) {
		joint->entries[joint->count++] = route_entry_ref(was);
		route_entries_release(&entry, 1);
	} else {
		note_change(joint, was, entry);
		joint->entries[joint->count++] = entry;
	}
}

static void join_entries(struct joint *joint)
{
	struct route_table *now = joint->now;

	joint->entries = arena_alloc(&now->memory, (joint->old->count + now->count) * sizeof *joint->entries);
	for (size_t i = 0; i < now->count; i++)
		join_entry(joint, now->entries[i]);
	keep_entries(joint, joint->old->count);
	now->entries = joint->entries;
	now->count = joint->count;
}

/* Refusals. */

static int by_refused_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void keep_refused(const struct route_table *old, struct route_table *now, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		atomic_fetch_add(&old->refused[i].memory->refs, 1);
		now->refused[now->refused_count++] = old->refused[i];
	}
}

/* Adds the old ones of all whose names are not there; then they are sorted again. */
static void join_refused(const struct route_table *old, struct route_table *now, const struct scope *scope)
{
	size_t fresh = now->refused_count, at = 0;

	if (!old->refused_count)
		return;
	now->refused = sys_realloc(now->refused, (fresh + old->refused_count) * sizeof *now->refused);
	if (scope->name_count)
		qsort(scope->names, scope->name_count, sizeof *scope->names, by_refused_name);
	for (size_t i = 0; i < scope->name_count; i++) {
		const struct route_refusal *first = route_refused(old, scope->names[i], NULL);

		if (!first)
			continue;
		keep_refused(old, now, at, (size_t)(first - old->refused));
		at = (size_t)(first - old->refused);
		while (at < old->refused_count && strcmp(old->refused[at].service, scope->names[i]) == 0)
			at++;
	}
	keep_refused(old, now, at, old->refused_count);
	if (fresh)
		qsort(now->refused, now->refused_count, sizeof *now->refused, route_by_refusal);
}

static bool same_refused(const struct route_table *a, const struct route_table *b)
{
	if (a->refused_count != b->refused_count)
		return false;
	for (size_t i = 0; i < a->refused_count; i++)
		if (a->refused[i].reason != b->refused[i].reason && route_by_refusal(&a->refused[i], &b->refused[i]) != 0)
			return false;
	return true;
}

bool join_tables(const struct route_table *old, struct route_table *now, const struct scope *scope)
{
	struct joint joint = { .old = old, .now = now, .ports = scope->all ? NULL : &scope->ports };

	join_entries(&joint);
	if (!scope->all)
		join_refused(old, now, scope);
	return now->change_count || !old->remembered != !now->remembered || !net_ranges_equal(&old->allow, &now->allow) ||
	       !same_refused(old, now);
}
