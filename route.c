#include "base.h"
#include "route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "merge.h"
#include "log.h"

const char *const route_reject_names[ROUTE_REJECTS] = { "denied", "no_backend", "connect_failed", "limit" };

static bool same_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Objects that tables share. */

struct route_listener *route_listener_ref(struct route_listener *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void route_listener_unref(struct route_listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	free(l->samples);
	free(l->services);
	free(l->closing);
	free(l);
}

struct route_backend *route_backend_ref(struct route_backend *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void route_backend_unref(struct route_backend *b)
{
	if (atomic_fetch_sub(&b->refs, 1) == 1)
		free(b);
}

static int order_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

int route_backend_order(const struct route_backend *a, const struct route_backend *b)
{
	int order = net_compare(&a->addr, &b->addr);

	if (!order)
		order = order_words(a->socks.host, b->socks.host);
	if (!order)
		order = (int)a->socks.port - (int)b->socks.port;
	if (!order)
		order = order_words(a->socks.user, b->socks.user);
	return order ? order : order_words(a->socks.password, b->socks.password);
}

/* Tables. */

/* One stable line whenever a port opens or closes. */
static void audit(const char *what, const struct route_entry *e, const char *why)
{
	struct log_line line;

	if (!log_on(LOG_INFO))
		return;
	log_event(&line, LOG_INFO, what);
	log_line_text(&line, "address", e->listener->name);
	log_line_text(&line, "service", e->services);
	log_line_text(&line, "instance", e->owner.instance);
	log_line_text(&line, "node", e->owner.node);
	log_line_text(&line, "tag", e->owner.tag);
	log_line_text(&line, "source", e->owner.source);
	log_line_text(&line, "why", why);
	log_end(&line);
}

static void release_listener(const struct route_entry *e)
{
	struct route_listener *l = e->listener;

	if (atomic_fetch_sub(&l->tables, 1) == 1) {
		/* Every worker has let go of the tables that named it, so none watches it any more. */
		int fd = atomic_exchange(&l->fd, -1);

		if (fd >= 0) {
			close(fd);
			audit("closed", e, l->closing);
		}
	}
	route_listener_unref(l);
}

void route_release(struct route_table *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	for (size_t i = 0; i < t->count; i++) {
		for (unsigned b = 0; b < t->entries[i].count; b++)
			route_backend_unref(t->entries[i].backends[b]);
		release_listener(&t->entries[i]);
	}
	arena_free(&t->memory);
	free(t->refused);
	free(t);
}

struct route_table *route_take(struct route *r)
{
	struct route_table *t;

	pthread_mutex_lock(&r->lock);
	t = r->table;
	atomic_fetch_add(&t->refs, 1);
	pthread_mutex_unlock(&r->lock);
	return t;
}

bool route_admits(const struct route_table *t, const struct route_entry *e, const struct net_addr *client)
{
	if (t->allow.count && !admit_client(&t->allow, client))
		return false;
	return (!e->limited || admit_client(&e->allow, client)) && !admit_client(&e->deny, client);
}

const struct route_entry *route_find(const struct route_table *t, const struct net_addr *addr)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = net_compare(&t->entries[middle].listener->addr, addr);

		if (order == 0)
			return &t->entries[middle];
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return NULL;
}

/* Comparison and publishing. */

static bool same_ranges(const struct admit_ranges *a, const struct admit_ranges *b)
{
	return a->count == b->count && (!a->count || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

static bool same_entry(const struct route_entry *a, const struct route_entry *b)
{
	return a->listener == b->listener && a->balance == b->balance && a->count == b->count &&
	       a->proxy_protocol == b->proxy_protocol && a->limited == b->limited && same_ranges(&a->allow, &b->allow) &&
	       same_ranges(&a->deny, &b->deny) &&
	       strcmp(a->services, b->services) == 0 && same_words(a->conflict, b->conflict) &&
	       strcmp(a->owner.source, b->owner.source) == 0 &&
	       (!a->count || (memcmp(a->backends, b->backends, a->count * sizeof *a->backends) == 0 &&
	                      memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0));
}

int route_by_refusal(const void *a, const void *b)
{
	const struct route_refusal *x = a, *y = b;
	int order = strcmp(x->service, y->service);

	if (!order)
		order = strcmp(x->wish, y->wish);
	return order ? order : strcmp(x->reason, y->reason);
}

static bool refused_in(const struct route_table *t, const struct route_refusal *r)
{
	return t->refused_count && bsearch(r, t->refused, t->refused_count, sizeof *r, route_by_refusal);
}

static bool same_table(const struct route_table *a, const struct route_table *b)
{
	if (a->count != b->count || a->refused_count != b->refused_count || a->remembered != b->remembered ||
	    !same_ranges(&a->allow, &b->allow))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_entry(&a->entries[i], &b->entries[i]))
			return false;
	for (size_t i = 0; i < a->refused_count; i++)
		if (route_by_refusal(&a->refused[i], &b->refused[i]) != 0)
			return false;
	return true;
}

static const struct route_backend *at_turn(const struct route_entry *e, unsigned at)
{
	at %= e->round_len;
	return e->backends[e->round ? e->round[at] : at];
}

/* The backend whose turn it was keeps its turn, wherever it stands now; when it left, the next one that stayed. */
static void keep_turn(const struct route_entry *old, const struct route_entry *e)
{
	unsigned at = atomic_load(&e->listener->cursor);

	if (!old || !old->count || !e->count)
		return;
	if (e->round_len == old->round_len && at_turn(e, at) == at_turn(old, at))
		return; /* its place in the round too */
	for (unsigned i = 0; i < old->round_len; i++)
		for (unsigned to = 0; to < e->round_len; to++)
			if (at_turn(e, to) == at_turn(old, at + i)) {
				atomic_store(&e->listener->cursor, to);
				return;
			}
	atomic_store(&e->listener->cursor, 0);
}

static void mark(const struct route_table *t, bool in_table)
{
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++)
			t->entries[i].backends[b]->in_table = in_table;
}

/* Those that came back live on; those whose last connection ended are let go. */
static void sweep_retired(struct route *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->retired_count; i++) {
		struct route_backend *b = r->retired[i];

		if (b->in_table)
			atomic_store(&b->gone, false);
		r->moves += b->in_table;
		if (b->in_table || !atomic_load(&b->active))
			route_backend_unref(b);
		else
			r->retired[kept++] = b;
	}
	r->retired_count = kept;
}

static void retire(struct route *r, const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < r->retired_count; i++)
		r->retired[i]->in_table = false;
	mark(old, false);
	mark(now, true);
	sweep_retired(r);
	for (size_t i = 0; i < old->count; i++)
		for (unsigned k = 0; k < old->entries[i].count; k++) {
			struct route_backend *b = old->entries[i].backends[k];

			if (b->in_table)
				continue;
			atomic_store(&b->gone_at, sys_now());
			atomic_store(&b->gone, true); /* before the look at `active`: see session.c, where a session starts */
			if (!atomic_load(&b->active))
				continue;
			SYS_GROW(r->retired, r->retired_count, r->retired_cap);
			r->retired[r->retired_count++] = route_backend_ref(b);
			r->moves++;
		}
}

static void say_what_is_new(const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < now->refused_count; i++)
		if (!refused_in(old, &now->refused[i]))
			log_warn("refused: %s wants %s: %s", now->refused[i].service, now->refused[i].wish, now->refused[i].reason);
	for (size_t i = 0; i < now->count; i++) {
		const struct route_entry *e = &now->entries[i], *was = route_find(old, &e->listener->addr);

		if (e->conflict && (!was || !same_words(e->conflict, was->conflict)))
			log_warn("%s: %s", e->listener->name, e->conflict);
		if (!was || was->count != e->count)
			log_info("%s: %u backend%s of %s", e->listener->name, e->count, e->count == 1 ? "" : "s", e->services);
	}
}

static bool bind_one(const struct route_entry *e)
{
	struct route_listener *l = e->listener;
	int fd = net_listen(&l->addr);
	struct buf why = { 0 };

	if (fd >= 0) {
		buf_printf(&why, l->error ? "after: %s" : "new in %s", l->error ? strerror(l->error) : e->owner.source);
		audit("opened", e, why.data);
		buf_free(&why);
		l->error = 0;
		atomic_store(&l->fd, fd);
		return true;
	}
	if (l->error != -fd)
		log_error("cannot listen on %s: %s (it is tried again)", l->name, strerror(-fd));
	l->error = -fd;
	return false;
}

static bool bind_all(const struct route_table *t)
{
	bool opened = false;

	for (size_t i = 0; i < t->count; i++)
		if (atomic_load(&t->entries[i].listener->fd) < 0 && bind_one(&t->entries[i]))
			opened = true;
	return opened;
}

static bool shares(const struct route_entry *e, const char *service)
{
	for (size_t i = 0; i < e->name_count; i++)
		if (strcmp(e->names[i], service) == 0)
			return true;
	return false;
}

/* What to say when the listeners close that the new table lacks. */
static void say_why_gone(const struct route_table *old, const struct route_table *now, const char *why)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct route_entry *e = &old->entries[i];
		struct buf text = { 0 };

		if (route_find(now, &e->listener->addr))
			continue;
		for (size_t k = 0; k < now->refused_count && !why && !text.len; k++)
			if (shares(e, now->refused[k].service))
				buf_printf(&text, "refused: %s", now->refused[k].reason);
		if (!text.len)
			buf_printf(&text, why ? "%s" : "gone from %s", why ? why : e->owner.source);
		free(e->listener->closing);
		e->listener->closing = text.data;
	}
}

/* why: what ends the listeners that the table lacks; NULL: their services ask for them no more. */
static void publish(struct route *r, struct route_table *t, const char *why)
{
	struct route_table *old = r->table;

	say_why_gone(old, t, why);
	r->changes++;
	for (size_t i = 0; i < t->count; i++)
		keep_turn(route_find(old, &t->entries[i].listener->addr), &t->entries[i]);
	retire(r, old, t);
	t->moves = r->moves;
	if (!r->dry) {
		say_what_is_new(old, t);
		bind_all(t);
	}
	pthread_mutex_lock(&r->lock);
	r->table = t;
	pthread_mutex_unlock(&r->lock);
	route_release(old);
}

bool route_update(struct route *r, struct service_list *const *lists, size_t count)
{
	struct route_table *t = merge_table(r, lists, count);

	if (same_table(r->table, t)) {
		route_release(t);
		return false;
	}
	publish(r, t, NULL);
	return true;
}

void route_clear(struct route *r)
{
	publish(r, merge_table(r, NULL, 0), "shutdown");
}

bool route_bind(struct route *r)
{
	return bind_all(r->table);
}

bool route_unbound(const struct route *r)
{
	for (size_t i = 0; i < r->table->count; i++)
		if (atomic_load(&r->table->entries[i].listener->fd) < 0)
			return true;
	return false;
}

static int by_via(const void *a, const void *b)
{
	return net_compare(&(*(struct route_backend *const *)a)->via, &(*(struct route_backend *const *)b)->via);
}

size_t route_draining(const struct route *r)
{
	struct route_backend **left = sys_alloc((r->retired_count + 1) * sizeof *left);
	size_t count = 0, listeners = 0;

	for (size_t i = 0; i < r->retired_count; i++)
		if (atomic_load(&r->retired[i]->active) && !route_find(r->table, &r->retired[i]->via))
			left[count++] = r->retired[i];
	if (count)
		qsort(left, count, sizeof *left, by_via);
	for (size_t i = 0; i < count; i++)
		listeners += !i || by_via(&left[i - 1], &left[i]) != 0;
	free(left);
	return listeners;
}

void route_open(struct route *r, const struct route_rules *rules)
{
	*r = (struct route){ .rules = *rules, .table = sys_alloc(sizeof *r->table) };
	atomic_init(&r->table->refs, 1);
	pthread_mutex_init(&r->lock, NULL);
}

void route_close(struct route *r)
{
	route_release(r->table);
	for (size_t i = 0; i < r->retired_count; i++)
		route_backend_unref(r->retired[i]);
	free(r->retired);
	pthread_mutex_destroy(&r->lock);
}
