#include "base.h"
#include "walk.h"

#include <string.h>

static void walk_forget(struct walk *walk)
{
	if (walk->done)
		route_backend_unref(walk->done);
	walk->done = NULL;
	walk->said.len = 0;
}

void walk_begin(struct walk *walk, const struct route *route, bool retired)
{
	walk_end(walk);
	*walk = (struct walk){ .route = route, .retired = retired, .names = walk->names };
}

void walk_end(struct walk *walk)
{
	walk_forget(walk);
	buf_free(&walk->refused);
	buf_free(&walk->said);
}

/* How many of the listeners have an address up to this one. */
static size_t walk_behind_entries(const struct route_table *table, const struct net_addr *addr)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		bool up_to = net_compare(&table->entries[middle]->listener->addr, addr) <= 0;

		*(up_to ? &low : &high) = up_to ? middle + 1 : middle;
	}
	return low;
}

static size_t walk_behind_retired(const struct route *route, const struct net_addr *addr)
{
	size_t low = 0, high = route->retired_listener_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		bool up_to = net_compare(&route->retired_listeners[middle]->addr, addr) <= 0;

		*(up_to ? &low : &high) = up_to ? middle + 1 : middle;
	}
	return low;
}

/* The place behind the backend that was written last. When that is gone, so is the order: the rest is left out, or
 * something might come twice; likewise when the listener had left, and has come back. */
static unsigned walk_behind_backend(const struct walk *walk)
{
	unsigned at = walk->backend;

	if (!walk->done)
		return walk->without ? walk->count : 0;
	if (at <= walk->count && walk->entry->backends[at - 1] == walk->done)
		return at;
	for (at = 0; at < walk->count; at++)
		if (walk->entry->backends[at] == walk->done)
			return at + 1;
	return walk->count;
}

/* Likewise the place behind the last name. */
static unsigned walk_behind_name(const struct walk *walk)
{
	const struct route_entry *entry = walk->entry;
	unsigned at = walk->target;

	if (!walk->said.len)
		return 0;
	if (at <= entry->target_count && strcmp(entry->targets[at - 1].name, walk->said.data) == 0)
		return at;
	for (at = 0; at < entry->target_count; at++)
		if (strcmp(entry->targets[at].name, walk->said.data) == 0)
			return at + 1;
	return at;
}

/* Finds its place again. True: it is inside of a listener. */
static bool walk_return(struct walk *walk)
{
	const struct route_table *table = walk->route->table;

	walk->paused = false;
	walk->place = walk_behind_entries(table, &walk->last);
	walk->left = walk->retired ? walk_behind_retired(walk->route, &walk->last) : 0;
	if (!walk->inside)
		return false;
	walk->entry = route_find(table, &walk->last);
	walk->listener = walk->entry ? walk->entry->listener : NULL;
	walk->span = walk->entry ? span_of(&table->entries[walk->place - 1]) : (struct span){ 0 };
	walk->count = walk->entry ? walk->entry->count : 0;
	walk->backend = walk->entry ? walk_behind_backend(walk) : 0;
	walk->target = walk->entry ? walk_behind_name(walk) : 0;
	if (!walk->listener && walk->retired && walk->left &&
	    net_compare(&walk->route->retired_listeners[walk->left - 1]->addr, &walk->last) == 0)
		walk->listener = walk->route->retired_listeners[walk->left - 1];
	walk_forget(walk);
	return true;
}

bool walk_on(struct walk *walk)
{
	const struct route *route = walk->route;
	const struct route_table *table = route->table;
	const struct route_listener *left = NULL;
	bool more;

	if (walk->paused && walk_return(walk))
		return true;
	walk->inside = false;
	walk->backend = walk->target = walk->count = 0;
	if (walk->retired && walk->left < route->retired_listener_count)
		left = route->retired_listeners[walk->left];
	more = walk->place < table->count;
	walk->entry = more && (!left || net_compare(&table->entries[walk->place]->listener->addr, &left->addr) <= 0) ?
	              table->entries[walk->place] : NULL;
	if (walk->entry) {
		walk->span = span_of(&table->entries[walk->place++]);
		walk->count = walk->entry->count;
	} else if (left) {
		walk->left++;
	}
	walk->listener = walk->entry ? walk->entry->listener : left;
	return walk->listener;
}

void walk_span(struct walk *walk)
{
	const struct route_table *table = walk->route->table;
	size_t place = (size_t)(walk->span.first - table->entries);

	walk->span = span_at(table, place);
	walk->place = place + walk->span.count;
}

/* How many names come before the next backend, or with it; behind the last one, at all. */
static unsigned walk_due(const struct walk *walk)
{
	if (walk->backend == walk->count)
		return walk->entry->target_count;
	return walk->entry->target_of ? walk->entry->target_of[walk->backend] : 0;
}

/* The next one of those. */
static bool walk_find_name(struct walk *walk, unsigned due)
{
	for (; walk->target < due; walk->target++) {
		walk->name = &walk->entry->targets[walk->target];
		if (walk->names || !route_target_is_resolved(walk->name))
			return true;
	}
	walk->name = NULL;
	return false;
}

bool walk_more(struct walk *walk)
{
	while (walk->entry) {
		unsigned due = walk_due(walk);

		if (walk_find_name(walk, due))
			return true;
		if (!walk->names || !due || walk->backend == walk->count)
			break;
		walk->backend++; /* it has stood there by its name */
	}
	return walk->backend < walk->count;
}

void walk_past(struct walk *walk)
{
	*(walk->name ? &walk->target : &walk->backend) += 1;
}

bool walk_is_served(const struct walk *walk)
{
	bool served = route_waits(walk->entry);

	for (unsigned i = 0; i < walk->count && !served; i++)
		served = !atomic_load(&walk->entry->backends[i]->unhealthy);
	return served;
}

bool walk_pause(struct walk *walk, bool inside)
{
	const struct route_listener *last = walk->listener;

	if (walk->entry && !inside)
		last = walk->span.first[walk->span.count - 1]->listener;
	if (last)
		walk->last = last->addr;
	if (inside && walk->entry && walk->target)
		buf_puts(&walk->said, walk->entry->targets[walk->target - 1].name);
	if (inside && walk->entry && walk->backend)
		walk->done = route_backend_ref(walk->entry->backends[walk->backend - 1]);
	walk->without = !walk->entry;
	walk->inside = inside;
	walk->paused = true;
	return true;
}

/* Refused wishes. */

static void walk_return_refused(struct walk *walk)
{
	const struct route_table *table = walk->route->table;
	struct route_refusal last = { .service = walk->refused.data };
	size_t low = 0, high = table->refused_count;

	last.wish = last.service + strlen(last.service) + 1;
	last.reason = last.wish + strlen(last.wish) + 1;
	while (low < high) {
		size_t middle = (low + high) / 2;
		bool up_to = route_by_refusal(&table->refused[middle], &last) <= 0;

		*(up_to ? &low : &high) = up_to ? middle + 1 : middle;
	}
	walk->refusal = low;
	buf_free(&walk->refused);
}

const struct route_refusal *walk_refused(struct walk *walk)
{
	const struct route_table *table = walk->route->table;

	if (walk->refused.data)
		walk_return_refused(walk);
	return walk->refusal < table->refused_count ? &table->refused[walk->refusal++] : NULL;
}

bool walk_pause_refused(struct walk *walk)
{
	const struct route_refusal *last = &walk->route->table->refused[walk->refusal - 1];

	buf_add(&walk->refused, last->service, strlen(last->service) + 1);
	buf_add(&walk->refused, last->wish, strlen(last->wish) + 1);
	buf_add(&walk->refused, last->reason, strlen(last->reason) + 1);
	return true;
}
