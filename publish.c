#include "base.h"
#include "publish.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "merge.h"
#include "net.h"
#include "sys.h"
#include "text.h"

static bool same_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_entry(const struct route_entry *a, const struct route_entry *b)
{
	return a->listener == b->listener && a->balance == b->balance && a->count == b->count &&
	       a->proxy_protocol == b->proxy_protocol && a->limited == b->limited && net_ranges_equal(&a->allow, &b->allow) &&
	       net_ranges_equal(&a->deny, &b->deny) &&
	       strcmp(a->services, b->services) == 0 && same_words(a->conflict, b->conflict) &&
	       strcmp(a->owner.source, b->owner.source) == 0 &&
	       (!a->count || (memcmp(a->backends, b->backends, a->count * sizeof *a->backends) == 0 &&
	                      memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0));
}

static bool refused_in(const struct route_table *table, const struct route_refusal *refusal)
{
	size_t count = table->refused_count;

	return count && bsearch(refusal, table->refused, count, sizeof *refusal, route_by_refusal);
}

static bool same_table(const struct route_table *a, const struct route_table *b)
{
	if (a->count != b->count || a->refused_count != b->refused_count || !a->remembered != !b->remembered ||
	    !net_ranges_equal(&a->allow, &b->allow))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_entry(&a->entries[i], &b->entries[i]))
			return false;
	for (size_t i = 0; i < a->refused_count; i++)
		if (route_by_refusal(&a->refused[i], &b->refused[i]) != 0)
			return false;
	return true;
}

#define NO_TURN UINT_MAX

static struct route_backend *at_turn(const struct route_entry *entry, unsigned at)
{
	return entry->backends[route_turn(entry, at)];
}

/* The backend whose turn it was keeps its turn, wherever it stands now. When it left, the turn goes to the next one
 * that stayed. */
static void keep_turn(const struct route_entry *old, const struct route_entry *entry)
{
	unsigned at = atomic_load(&entry->listener->cursor);

	if (!old || !old->count || !entry->count)
		return;
	if (entry->round_len == old->round_len && at_turn(entry, at) == at_turn(old, at))
		return; /* it also keeps its place in the round */
	for (unsigned i = 0; i < old->count; i++)
		old->backends[i]->turn = NO_TURN;
	for (unsigned to = entry->round_len; to-- > 0;)
		at_turn(entry, to)->turn = to;
	for (unsigned left = old->round_len; left > 1 && at_turn(old, at)->turn == NO_TURN; left--)
		at++;
	at = at_turn(old, at)->turn;
	atomic_store(&entry->listener->cursor, at == NO_TURN ? 0 : at);
}

static void mark_backends(const struct route_table *table, bool in_table)
{
	for (size_t i = 0; i < table->count; i++)
		for (unsigned b = 0; b < table->entries[i].count; b++)
			table->entries[i].backends[b]->in_table = in_table;
}

/* Retired backends leave the list when they came back, or when their last connection has ended. */
static void sweep_retired(struct route *route)
{
	size_t kept = 0;

	for (size_t i = 0; i < route->retired_count; i++) {
		struct route_backend *backend = route->retired[i];

		if (backend->in_table)
			atomic_store(&backend->gone, false);
		route->moves += backend->in_table;
		if (backend->in_table || !atomic_load(&backend->active))
			route_backend_unref(backend);
		else
			route->retired[kept++] = backend;
	}
	route->retired_count = kept;
}

static void retire_backends(struct route *route, const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < route->retired_count; i++)
		route->retired[i]->in_table = false;
	mark_backends(old, false);
	mark_backends(now, true);
	sweep_retired(route);
	for (size_t i = 0; i < old->count; i++)
		for (unsigned k = 0; k < old->entries[i].count; k++) {
			struct route_backend *backend = old->entries[i].backends[k];

			if (backend->in_table)
				continue;
			atomic_store(&backend->gone_at, sys_now());
			atomic_store(&backend->gone, true); /* before the look at `active`: see session_relay_begin() */
			if (!atomic_load(&backend->active))
				continue;
			SYS_GROW(route->retired, route->retired_count, route->retired_cap);
			route->retired[route->retired_count++] = route_backend_ref(backend);
			route->moves++;
		}
}

static void say_what_is_new(const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < now->refused_count; i++)
		if (!refused_in(old, &now->refused[i]))
			log_warn("refused: %s wants %s: %s", now->refused[i].service, now->refused[i].wish, now->refused[i].reason);
	for (size_t i = 0; i < now->count; i++) {
		const struct route_entry *entry = &now->entries[i], *was = route_find(old, &entry->listener->addr);
		const char *name = entry->listener->name;

		if (entry->conflict && (!was || !same_words(entry->conflict, was->conflict)))
			log_warn("%s: %s", name, entry->conflict);
		if (!was || was->count != entry->count)
			log_info("%s: %u backend%s of %s", name, entry->count, entry->count == 1 ? "" : "s", entry->services);
	}
}

static bool bind_one(const struct route_entry *entry)
{
	struct route_listener *listener = entry->listener;
	int fd = net_listen(&listener->addr);
	struct buf why = { 0 };

	if (fd >= 0) {
		buf_printf(&why, listener->error ? "after: %s" : "new in %s",
		           listener->error ? strerror(listener->error) : entry->owner.source);
		route_audit("opened", entry, why.data);
		buf_free(&why);
		listener->error = 0;
		atomic_store(&listener->fd, fd);
		return true;
	}
	if (listener->error != -fd)
		log_error("cannot listen on %s: %s (retrying)", listener->name, strerror(-fd));
	listener->error = -fd;
	return false;
}

static bool bind_all(const struct route_table *table)
{
	bool opened = false;

	for (size_t i = 0; i < table->count; i++)
		if (atomic_load(&table->entries[i].listener->fd) < 0 && bind_one(&table->entries[i]))
			opened = true;
	return opened;
}

/* The first refusal of a service that shares the entry. Both are sorted by the service's name. */
static const struct route_refusal *refusal_of(const struct route_entry *entry, const struct route_table *table)
{
	for (size_t i = 0; i < entry->name_count; i++) {
		size_t low = 0, high = table->refused_count;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (strcmp(table->refused[middle].service, entry->names[i]) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < table->refused_count && strcmp(table->refused[low].service, entry->names[i]) == 0)
			return &table->refused[low];
	}
	return NULL;
}

/* For each listener that the new table lacks: notes why it closes, which the log says when the last table that has it
 * goes (route.c). */
static void note_why_gone(const struct route_table *old, const struct route_table *now, const char *why)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct route_entry *entry = &old->entries[i];
		const struct route_refusal *refusal;
		struct buf text = { 0 };

		if (route_find(now, &entry->listener->addr))
			continue;
		refusal = why ? NULL : refusal_of(entry, now);
		if (refusal)
			buf_printf(&text, "refused: %s", refusal->reason);
		else
			buf_printf(&text, why ? "%s" : "gone from %s", why ? why : entry->owner.source);
		free(entry->listener->closing);
		entry->listener->closing = text.data;
	}
}

/* why: what closes the listeners that the table lacks; NULL: no service asks for them any more. */
static void publish_table(struct route *route, struct route_table *table, const char *why)
{
	struct route_table *old = route->table;

	note_why_gone(old, table, why);
	route->changes++;
	for (size_t i = 0; i < table->count; i++)
		keep_turn(route_find(old, &table->entries[i].listener->addr), &table->entries[i]);
	retire_backends(route, old, table);
	table->moves = route->moves;
	if (!route->dry) {
		say_what_is_new(old, table);
		bind_all(table);
	}
	pthread_mutex_lock(&route->lock);
	route->table = table;
	pthread_mutex_unlock(&route->lock);
	route_release(old);
}

bool publish_update(struct route *route, struct service_list *const *lists, size_t count)
{
	struct route_table *table = merge_table(route, lists, count);

	if (same_table(route->table, table)) {
		route_release(table);
		return false;
	}
	publish_table(route, table, NULL);
	return true;
}

void publish_clear(struct route *route)
{
	publish_table(route, merge_table(route, NULL, 0), "shutdown");
}

bool publish_bind(struct route *route)
{
	return bind_all(route->table);
}

