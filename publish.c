#include "base.h"
#include "publish.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "handed.h"
#include "log.h"
#include "merge.h"
#include "net.h"
#include "service_option.h"
#include "span.h"
#include "sys.h"
#include "text.h"

#define REFUSALS_SAID 20
#define RELEASE_MS 400 /* a closed listener's socket is gone long before */

static bool refused_in(const struct route_table *table, const struct route_refusal *refusal)
{
	size_t count = table->refused_count;

	return count && bsearch(refusal, table->refused, count, sizeof *refusal, route_by_refusal);
}

#define NO_TURN UINT_MAX

static struct route_backend *at_turn(const struct route_entry *entry, const struct route_share *share, unsigned at)
{
	return entry->backends[route_turn(share, at)];
}

/* The backend whose turn it was keeps its turn, wherever it stands now. When it left, the turn goes to the next one
 * that stayed. */
static void keep_turn_in(const struct route_entry *old, const struct route_share *was, const struct route_entry *entry,
                         struct route_share *share)
{
	unsigned at = atomic_load(&was->cursor);

	if (share->round_len == was->round_len && at_turn(entry, share, at) == at_turn(old, was, at)) {
		atomic_store(&share->cursor, at); /* it also keeps its place in the round */
		return;
	}
	for (unsigned i = was->first; i < was->first + was->count; i++)
		old->backends[i]->turn = NO_TURN;
	for (unsigned to = share->round_len; to-- > 0;)
		at_turn(entry, share, to)->turn = to;
	for (unsigned left = was->round_len; left > 1 && at_turn(old, was, at)->turn == NO_TURN; left--)
		at++;
	at = at_turn(old, was, at)->turn;
	atomic_store(&share->cursor, at == NO_TURN ? 0 : at);
}

static int by_share(const void *left, const void *right)
{
	const struct route_share *a = *(const struct route_share *const *)left, *b = *(const struct route_share *const *)right;
	int order = strcmp(a->service, b->service);

	return order ? order : (a > b) - (a < b);
}

/* The shares by service, and then in their order; to be freed. */
static const struct route_share **sort_shares(const struct route_entry *entry)
{
	const struct route_share **sorted = sys_alloc(entry->share_count * sizeof *sorted);

	for (unsigned i = 0; i < entry->share_count; i++)
		sorted[i] = &entry->shares[i];
	if (entry->share_count)
		qsort(sorted, entry->share_count, sizeof *sorted, by_share);
	return sorted;
}

/* The share of a service, looked for from one place on, and then from the first; NULL: there is none. */
static const struct route_share *find_share(const struct route_entry *entry, const struct route_share *const *sorted,
                                            unsigned from, const char *service)
{
	unsigned low = 0, high = entry->share_count, at;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (strcmp(sorted[middle]->service, service) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (at = low; at < entry->share_count && strcmp(sorted[at]->service, service) == 0; at++)
		if (sorted[at] >= entry->shares + from)
			return sorted[at];
	return at > low ? sorted[low] : NULL;
}

/* Shares keep their order as a rule: each is looked for behind the last, and in all of them when it is not there. */
static void keep_turn(const struct route_entry *old, const struct route_entry *entry)
{
	unsigned turn = atomic_load(&entry->listener->cursor), from = 0;
	const struct route_share **sorted = NULL, *was;
	bool kept = false; /* by the first one that may: what is tried last may have been a part of it */

	for (unsigned i = 0; old && i < entry->share_count; i++) {
		const char *service = entry->shares[i].service;
		bool next = from < old->share_count && strcmp(old->shares[from].service, service) == 0;

		if (!next && !sorted)
			sorted = sort_shares(old);
		was = next ? &old->shares[from] : find_share(old, sorted, from, service);

		if (!was)
			continue;
		from = (unsigned)(was - old->shares) + 1;
		keep_turn_in(old, was, entry, &entry->shares[i]);
		if (from - 1 == turn && !kept)
			atomic_store(&entry->listener->cursor, i);
		kept = kept || from - 1 == turn;
	}
	free(sorted);
}

static void mark_backends(const struct route_entry *entry, bool in_table)
{
	for (unsigned i = 0; entry && i < entry->count; i++)
		entry->backends[i]->in_table = in_table;
}

/* Retired backends that came back leave the list. */
static void take_back_backends(struct route *route)
{
	size_t kept = 0;

	for (size_t i = 0; i < route->retired_count; i++) {
		struct route_backend *backend = route->retired[i];

		if (!backend->in_table) {
			route->retired[kept++] = backend;
			continue;
		}
		atomic_store(&backend->gone, false);
		route->moves++;
		route_backend_unref(backend);
	}
	route->retired_count = kept;
}

/* Those that the old entry has, and no new one. */
static void retire_backends_of(struct route *route, const struct route_entry *old)
{
	for (unsigned i = 0; old && i < old->count; i++) {
		struct route_backend *backend = old->backends[i];

		if (backend->in_table)
			continue;
		backend->drained_at = 0;
		atomic_store(&backend->gone_at, sys_now());
		atomic_store(&backend->gone, true); /* before the look at `active`: see session_relay_begin() */
		if (!route_backend_active(backend))
			continue;
		SYS_GROW(route->retired, route->retired_count, route->retired_cap);
		route->retired[route->retired_count++] = route_backend_ref(backend);
		route->moves++;
	}
}

static void retire_backends(struct route *route, const struct route_table *now)
{
	size_t kept;

	for (size_t i = 0; i < now->change_count; i++)
		mark_backends(now->changes[i].old, false);
	for (size_t i = 0; i < now->change_count; i++)
		mark_backends(now->changes[i].now, true);
	take_back_backends(route);
	kept = route->retired_count;
	for (size_t i = 0; i < now->change_count; i++)
		retire_backends_of(route, now->changes[i].old);
	if (route->retired_count > kept)
		qsort(route->retired, route->retired_count, sizeof *route->retired, route_by_retired);
}

/* All that leave: a worker that has the old table may still accept a client, and so may one that has an older one. */
static void retire_listener(struct route *route, const struct route_entry *entry)
{
	struct route_listener *listener = entry->listener;

	listener->error = 0;
	listener->drained_at = 0;
	listener->balance = (uint8_t)entry->balance;
	listener->source = entry->owner.source;
	SYS_GROW(route->retired_listeners, route->retired_listener_count, route->retired_listener_cap);
	route->retired_listeners[route->retired_listener_count++] = route_listener_ref(listener);
}

static const struct net_addr *address_of(const struct route_change *change)
{
	return &(change->now ? change->now : change->old)->listener->addr;
}

/* The change at an address, of those behind the place *at; NULL: there is none. */
static const struct route_change *find_change(const struct route_table *now, size_t *at, const struct net_addr *addr)
{
	int order = 1;

	while (*at < now->change_count && (order = net_compare(address_of(&now->changes[*at]), addr)) < 0)
		++*at;
	return order == 0 ? &now->changes[*at] : NULL;
}

static void retire_listeners(struct route *route, const struct route_table *now)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < route->retired_listener_count; i++) {
		struct route_listener *listener = route->retired_listeners[i];

		if (find_change(now, &at, &listener->addr)) /* it is back */
			route_listener_unref(listener);
		else
			route->retired_listeners[kept++] = listener;
	}
	route->retired_listener_count = kept;
	for (size_t i = 0; i < now->change_count; i++)
		if (!now->changes[i].now)
			retire_listener(route, now->changes[i].old);
	if (route->retired_listener_count > kept)
		qsort(route->retired_listeners, route->retired_listener_count, sizeof *route->retired_listeners,
		      route_by_listener);
}

/* The next two say something of a span once it cannot grow: `next` is not of it. NULL: there is no more. */

static void say_conflict(struct span *span, struct route_entry *const *next)
{
	struct buf address = { 0 };

	if (span->count && next && span_add(span, next, strcmp(span->first[0]->conflict, (*next)->conflict) == 0))
		return;
	if (span->count) {
		span_put_address(span, &address);
		log_warn("%s: %s", address.data, span->first[0]->conflict);
	}
	*span = (struct span){ next, next != NULL };
	buf_free(&address);
}

static void say_backends(struct span *span, struct route_entry *const *next)
{
	const struct route_entry *entry = span->count ? span->first[0] : NULL;
	struct buf address = { 0 };

	if (span->count && next && span_add(span, next, entry->count == (*next)->count))
		return;
	if (span->count) {
		span_put_address(span, &address);
		log_info("%s: %u backend%s of %s", address.data, entry->count, text_s(entry->count), entry->services);
	}
	*span = (struct span){ next, next != NULL };
	buf_free(&address);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || strcmp(a, b) == 0;
}

/* Whether the old table has no such refusal, of which it has passed those before the place *at; tables share most. */
static bool is_fresh(const struct route_table *old, size_t *at, const struct route_refusal *refusal)
{
	int order = 1;

	while (*at < old->refused_count && (order = old->refused[*at].reason == refusal->reason ? 0 :
	       route_by_refusal(&old->refused[*at], refusal)) < 0)
		++*at;
	*at += order == 0;
	return order != 0;
}

/* A service may ask for any number of things that it does not get. */
static void say_refusals(const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0, at = 0, end; i < now->refused_count; i = end) {
		const char *service = now->refused[i].service;
		size_t fresh = 0;

		for (end = i; end < now->refused_count && is_same_text(now->refused[end].service, service); end++)
			if (is_fresh(old, &at, &now->refused[end]) && ++fresh <= REFUSALS_SAID)
				log_warn("refused: %s wants %s: %s", service, now->refused[end].wish, now->refused[end].reason);
		if (fresh > REFUSALS_SAID)
			log_warn("refused: %s wants %zu more, which Peek and /routes list", service, fresh - REFUSALS_SAID);
	}
}

static void say_what_is_new(const struct route_table *old, const struct route_table *now)
{
	struct span conflicts = { 0 }, changed = { 0 };

	say_refusals(old, now);
	for (size_t i = 0; i < now->change_count; i++) {
		const struct route_entry *entry = now->changes[i].now, *was = now->changes[i].old;
		struct route_entry *const *at = entry ? &now->entries[route_place(now, 0, &entry->listener->addr)] : NULL;

		if (entry && entry->conflict && (!was || route_order_words(entry->conflict, was->conflict) != 0))
			say_conflict(&conflicts, at);
		if (entry && (!was || was->count != entry->count || strcmp(was->services, entry->services) != 0))
			say_backends(&changed, at);
	}
	say_conflict(&conflicts, NULL);
	say_backends(&changed, NULL);
}

/* What is to be said of binding, of a range at once. */
struct bind_news {
	struct span opened, failed;
	struct buf why; /* of those opened */
	int64_t now;    /* one time for all: what fails together is said together */
	bool any;       /* one has opened */
};

static void say_opened(struct bind_news *news)
{
	span_audit("opened", &news->opened, news->why.data);
	news->opened.count = 0;
}

static void say_not_bound(struct bind_news *news)
{
	struct buf address = { 0 };

	if (!news->failed.count)
		return;
	span_put_address(&news->failed, &address);
	log_error("cannot listen on %s: %s (retrying)", address.data, strerror(news->failed.first[0]->listener->error));
	buf_free(&address);
	news->failed.count = 0;
}

/* An address in use is not said at once: the socket there may be one of ours that has left the table, such as 127.0.0.1:80
 * before 0.0.0.0:80. It is closed when the workers have let go of it. */
static void bind_failed(struct bind_news *news, struct route_entry *const *entry, int error)
{
	struct route_listener *listener = (*entry)->listener;

	if (!listener->error) {
		listener->failed_at = news->now;
		listener->said = 0;
	}
	listener->error = error;
	if (listener->said == error || (error == EADDRINUSE && news->now - listener->failed_at < RELEASE_MS))
		return;
	listener->said = error;
	if (news->failed.count && span_add(&news->failed, entry, news->failed.first[0]->listener->error == error))
		return;
	say_not_bound(news);
	news->failed = span_of(entry);
}

static void bind_succeeded(struct bind_news *news, struct route_entry *const *entry, int fd, bool handed)
{
	struct route_listener *listener = (*entry)->listener;
	struct buf why = { 0 };

	if (handed)
		buf_puts(&why, "handed over");
	else if (listener->error && listener->said)
		buf_printf(&why, "after: %s", strerror(listener->said));
	else if (atomic_load(&listener->fd) >= 0)
		buf_puts(&why, "its interface has been made anew");
	else
		buf_printf(&why, "new in %s", (*entry)->owner.source);
	if (span_add(&news->opened, entry, route_order_words(why.data, news->why.data) == 0)) {
		buf_free(&why);
	} else {
		say_opened(news);
		buf_free(&news->why);
		news->why = why;
		news->opened = span_of(entry);
	}
	news->any = true;
	listener->error = 0;
	atomic_store(&listener->deaf, 0);
	atomic_store(&listener->fd, fd);
	atomic_fetch_add(&listener->bound, 1);
}

/* Binds a listener that is not bound, or not to the interface that has its name now. */
static void bind_one(struct bind_news *news, struct route_entry *const *entry)
{
	struct route_listener *listener = (*entry)->listener;
	bool handed;
	int fd = handed_listen(&listener->addr, &handed), old = atomic_load(&listener->fd);

	if (fd >= 0 && old >= 0)
		fd = net_replace(old, fd);
	if (fd < 0)
		bind_failed(news, entry, -fd);
	else
		bind_succeeded(news, entry, fd, handed);
}

/* A listener that is to be bound, and the first answer about its names may still come in time. */
static bool is_early(const struct route *route, const struct route_entry *entry, int64_t now)
{
	return route_waits(entry) && now - entry->listener->failed_at < route->rules.name_wait;
}

/* Binds what is not bound. */
static bool bind_pending(const struct route *route, const struct route_table *table)
{
	struct bind_news news = { .now = sys_now() };

	for (size_t i = 0; i < route->pending_count; i++) {
		const struct route_listener *listener = route->pending[i];
		int fd = atomic_load(&listener->fd);
		struct route_entry *const *entry;

		if (fd >= 0 && !net_moved(fd, &listener->addr))
			continue;
		entry = &table->entries[route_place(table, 0, &listener->addr)];
		if (!is_early(route, *entry, news.now) && handed_may_bind(&listener->addr))
			bind_one(&news, entry);
	}
	say_opened(&news);
	say_not_bound(&news);
	buf_free(&news.why);
	return news.any;
}

static bool is_pending(const struct route_listener *listener)
{
	return atomic_load(&listener->fd) < 0 || net_zoned(&listener->addr);
}

/* Of those that pended with the old table, the ones that are left; and of those that are new. */
static void renew_pending(struct route *route, const struct route_table *now)
{
	struct route_listener **all = sys_alloc((route->pending_count + now->change_count) * sizeof *all);
	size_t count = 0, at = 0;

	for (size_t i = 0; i < route->pending_count; i++) {
		const struct route_change *change = find_change(now, &at, &route->pending[i]->addr);

		if (is_pending(route->pending[i]) && (!change || change->now))
			all[count++] = route->pending[i];
	}
	for (size_t i = 0; i < now->change_count; i++)
		if (!now->changes[i].old && is_pending(now->changes[i].now->listener)) {
			all[count] = now->changes[i].now->listener;
			all[count++]->failed_at = sys_now();
		}
	if (count)
		qsort(all, count, sizeof *all, route_by_listener);
	free(route->pending);
	route->pending = all;
	route->pending_count = count;
}

/* That of the owner's wish; or else the first of a service that shares the entry, if it is new; none of its backends.
 * Entries' names and refusals are sorted by the service's name. */
static const struct route_refusal *refusal_of(const struct route_entry *entry, const struct route_table *old,
                                              const struct route_table *table)
{
	const struct route_refusal *refusal = route_refused(table, entry->owner.service->name, entry->owner.wish->text);

	for (size_t i = 0; i < entry->name_count && !refusal; i++) {
		const struct route_refusal *at = route_refused(table, entry->names[i], NULL);

		for (; at && !refusal && at < table->refused + table->refused_count && strcmp(at->service, entry->names[i]) == 0; at++)
			if (!at->backend && !refused_in(old, at))
				refusal = at;
	}
	return refusal;
}

/* For each listener that the new table lacks: notes why it closes, which the log says when the last table that has it
 * goes (route.c). True: there is one. */
static bool note_why_gone(const struct route_table *old, const struct route_table *now, const char *why)
{
	bool any = false;

	for (size_t i = 0; i < now->change_count; i++) {
		const struct route_entry *entry = now->changes[i].old;
		const struct route_refusal *refusal;
		struct buf text = { 0 };

		if (now->changes[i].now)
			continue;
		refusal = why ? NULL : refusal_of(entry, old, now);
		if (refusal)
			buf_printf(&text, "refused: %s", refusal->reason);
		else
			buf_printf(&text, why ? "%s" : "gone from %s", why ? why : entry->owner.source);
		free(entry->listener->closing);
		entry->listener->closing = text.data;
		any = true;
	}
	return any;
}

/* why: what closes the listeners that the table lacks; NULL: no service asks for them any more. */
static void publish_table(struct route *route, struct route_table *table, const char *why)
{
	struct route_table *old = route->table;

	if (note_why_gone(old, table, why))
		route->left_at = sys_now();
	route->changes++;
	for (size_t i = 0; i < table->change_count; i++)
		if (table->changes[i].now)
			keep_turn(table->changes[i].old, table->changes[i].now);
	retire_backends(route, table);
	retire_listeners(route, table);
	route_sweep(route);
	table->serial = (unsigned)route->changes;
	if (!route->dry) {
		renew_pending(route, table);
		say_what_is_new(old, table);
		bind_pending(route, table);
	}
	pthread_mutex_lock(&route->lock);
	route->table = table;
	pthread_mutex_unlock(&route->lock);
	route_release(old);
}

bool publish_update(struct route *route, struct service_list *const *lists, size_t count)
{
	struct route_table *table = merge_update(route, lists, count);

	if (table)
		publish_table(route, table, NULL);
	return table;
}

void publish_clear(struct route *route, const char *why)
{
	struct route_table *table = merge_update(route, NULL, 0);

	if (table)
		publish_table(route, table, why);
}

bool publish_bind(struct route *route)
{
	return bind_pending(route, route->table);
}
