#include "base.h"
#include "route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balance.h"
#include "log.h"

/* Objects that tables share. */

struct route_listener *route_listener_ref(struct route_listener *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void route_listener_unref(struct route_listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) == 1)
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

static struct route_listener *listener_new(const struct net_addr *addr)
{
	struct route_listener *l = sys_alloc(sizeof *l);

	l->addr = *addr;
	atomic_init(&l->fd, -1);
	net_print(addr, l->name);
	return l;
}

static struct route_backend *backend_new(const struct net_addr *addr, const struct net_addr *via)
{
	struct route_backend *b = sys_alloc(sizeof *b);

	b->addr = *addr;
	b->via = *via;
	net_print(addr, b->name);
	return b;
}

/* Tables. */

static struct route_table *table_new(void)
{
	struct route_table *t = sys_alloc(sizeof *t);

	atomic_init(&t->refs, 1);
	return t;
}

static void release_listener(struct route_listener *l)
{
	if (atomic_fetch_sub(&l->tables, 1) == 1) {
		/* Every worker has let go of the tables that named it, so none watches it any more. */
		int fd = atomic_exchange(&l->fd, -1);

		if (fd >= 0) {
			close(fd);
			log_info("closed %s", l->name);
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
		release_listener(t->entries[i].listener);
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

/* Admission. */

/* A table under construction. */
struct draft {
	struct route *r;
	struct route_table *t;
	struct want *wants;
	size_t want_count, want_cap, refused_cap;
};

/* One service's wish for one listener. */
struct want {
	struct net_addr addr;
	const struct service *service;
	bool unchecked;
	size_t order;
};

static void refuse(struct draft *d, const struct service *s, const char *wish, const char *reason)
{
	struct route_table *t = d->t;
	const char *name = s->name;

	SYS_GROW(t->refused, t->refused_count, d->refused_cap);
	t->refused[t->refused_count++] = (struct route_refusal){
		.service = arena_dup(&t->memory, name, strlen(name)),
		.wish = arena_dup(&t->memory, wish, strlen(wish)),
		.reason = reason
	};
}

/* True when the options leave the service routable. */
static bool check_options(struct draft *d, const struct service *s)
{
	struct buf text = { 0 };
	bool fine = true;

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		const char *why = admit_option(s, i, &text);

		if (why) {
			refuse(d, s, text.data, why);
			fine = fine && !admit_needs(i);
		}
	}
	buf_free(&text);
	return fine;
}

static int by_refusal(const void *a, const void *b)
{
	const struct route_refusal *x = a, *y = b;
	int order = strcmp(x->service, y->service);

	if (!order)
		order = strcmp(x->wish, y->wish);
	return order ? order : strcmp(x->reason, y->reason);
}

/* Sorted, and what several instances were refused alike said once. */
static void sort_refused(struct route_table *t)
{
	size_t kept = 0;

	if (t->refused_count)
		qsort(t->refused, t->refused_count, sizeof *t->refused, by_refusal);
	for (size_t i = 0; i < t->refused_count; i++)
		if (!kept || by_refusal(&t->refused[kept - 1], &t->refused[i]) != 0)
			t->refused[kept++] = t->refused[i];
	t->refused_count = kept;
}

static void admit_service(struct draft *d, const struct service *s, const struct service_list *list)
{
	if (!check_options(d, s))
		return;
	for (size_t i = 0; i < s->wish_count; i++) {
		struct want w = { .service = s, .unchecked = !list->checked, .order = d->want_count };
		const char *why = admit_wish(&d->r->rules.admit, s->wishes[i], list->trusted, &d->t->memory, &w.addr);

		if (!why && s->fault)
			why = arena_dup(&d->t->memory, s->fault, strlen(s->fault));
		if (why) {
			refuse(d, s, s->wishes[i], why);
			continue;
		}
		SYS_GROW(d->wants, d->want_count, d->want_cap);
		d->wants[d->want_count++] = w;
	}
}

struct named {
	const struct service *service;
	const struct service_list *list;
	size_t order;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->service->name, y->service->name);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void admit_all(struct draft *d, struct service_list *const *lists, size_t count)
{
	struct named *all = NULL;
	size_t n = 0, cap = 0;

	for (size_t l = 0; l < count; l++)
		for (size_t i = 0; lists[l] && i < lists[l]->count; i++) {
			SYS_GROW(all, n, cap);
			all[n] = (struct named){ &lists[l]->items[i], lists[l], n };
			n++;
		}
	if (n)
		qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n; i++)
		admit_service(d, all[i].service, all[i].list);
	sort_refused(d->t);
	free(all);
}

/* Building entries. */

static int by_address(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = net_compare(&x->addr, &y->addr);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* The object of a backend: the one that the old table has, or one that still drains, or a new one. */
static struct route_backend *backend_for(struct route *r, const struct route_entry *old, const struct net_addr *addr,
                                         const struct net_addr *via)
{
	for (unsigned i = 0; old && i < old->count; i++)
		if (net_compare(&old->backends[i]->addr, addr) == 0)
			return old->backends[i];
	for (size_t i = 0; i < r->retired_count; i++)
		if (net_compare(&r->retired[i]->addr, addr) == 0 && net_compare(&r->retired[i]->via, via) == 0)
			return r->retired[i];
	return backend_new(addr, via);
}

/* An entry under construction. */
struct members {
	struct route_backend **backends;
	uint16_t *weights;
	size_t count, cap, weight_cap;
};

static void add_member(struct draft *d, struct members *m, const struct route_entry *old, struct net_addr addr,
                       const struct service_backend *from, const struct want *w)
{
	size_t weights = m->count;
	struct route_backend *b;

	net_set_port(&addr, from->port);
	for (size_t i = 0; i < m->count; i++)
		if (net_compare(&m->backends[i]->addr, &addr) == 0) {
			m->backends[i]->unchecked = m->backends[i]->unchecked || w->unchecked;
			return;
		}
	SYS_GROW(m->weights, weights, m->weight_cap);
	SYS_GROW(m->backends, m->count, m->cap);
	m->weights[m->count] = from->weight ? from->weight : 1;
	b = m->backends[m->count++] = route_backend_ref(backend_for(d->r, old, &addr, &w->addr));
	b->unchecked = w->unchecked;
}

static void add_members(struct draft *d, struct members *m, const struct route_entry *old, const struct want *w)
{
	for (size_t i = 0; i < w->service->backend_count; i++) {
		const struct service_backend *b = &w->service->backends[i];
		const struct net_addr *found;
		struct net_addr addr;
		size_t n;

		if (net_numeric(slice_of(b->host), b->port, &addr)) {
			add_member(d, m, old, addr, b, w);
			continue;
		}
		n = d->r->rules.lookup(d->r->rules.lookup_arg, b->host, &found);
		while (n-- > 0)
			add_member(d, m, old, *found++, b, w);
	}
}

static void *keep(struct arena *a, const void *from, size_t size)
{
	void *to = arena_alloc(a, size);

	if (size)
		memcpy(to, from, size);
	return to;
}

/* Names of the services that share the entry, and the options that lost. */
static void describe(struct draft *d, struct route_entry *e, const struct want *w, size_t count)
{
	struct buf names = { 0 }, conflict = { 0 };
	const char *first = w[0].service->options[SERVICE_BALANCE], *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct service *s = w[i].service;
		const char *balance = s->options[SERVICE_BALANCE];

		if (!last || strcmp(last, s->name) != 0)
			buf_printf(&names, "%s%s", last ? "," : "", s->name);
		last = s->name;
		if (!conflict.len && (balance ? service_balance(balance) : -1) != (first ? service_balance(first) : -1))
			buf_printf(&conflict, "%s asks for balance %s, but %s comes first and has %s", s->name,
			           balance ? balance : "by default", w[0].service->name, first ? first : "the default");
	}
	e->services = arena_dup(&d->t->memory, names.data, names.len);
	e->conflict = conflict.len ? arena_dup(&d->t->memory, conflict.data, conflict.len) : NULL;
	buf_free(&names);
	buf_free(&conflict);
}

static void build_entry(struct draft *d, struct route_entry *e, const struct want *w, size_t count)
{
	const struct route_entry *old = route_find(d->r->table, &w->addr);
	const char *asked = w->service->options[SERVICE_BALANCE];
	int balance = asked ? service_balance(asked) : -1;
	struct members m = { 0 };
	uint16_t *round;

	for (size_t i = 0; i < count; i++)
		add_members(d, &m, old, &w[i]);
	e->listener = route_listener_ref(old ? old->listener : listener_new(&w->addr));
	atomic_fetch_add(&e->listener->tables, 1);
	e->balance = balance >= 0 ? (enum service_balance)balance : d->r->rules.balance;
	e->count = (unsigned)m.count;
	e->backends = keep(&d->t->memory, m.backends, m.count * sizeof *m.backends);
	e->weights = keep(&d->t->memory, m.weights, m.count * sizeof *m.weights);
	round = balance_round(m.weights, e->count, &e->round_len);
	if (round)
		e->round = keep(&d->t->memory, round, e->round_len * sizeof *round);
	describe(d, e, w, count);
	free(round);
	free(m.backends);
	free(m.weights);
}

static void build_entries(struct draft *d)
{
	struct route_table *t = d->t;
	size_t n = d->want_count;

	if (!n)
		return;
	qsort(d->wants, n, sizeof *d->wants, by_address);
	t->entries = arena_alloc(&t->memory, n * sizeof *t->entries);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && net_compare(&d->wants[i].addr, &d->wants[end].addr) == 0;)
			end++;
		build_entry(d, &t->entries[t->count++], d->wants + i, end - i);
	}
}

/* Comparison and publishing. */

static bool same_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_entry(const struct route_entry *a, const struct route_entry *b)
{
	return a->listener == b->listener && a->balance == b->balance && a->count == b->count &&
	       strcmp(a->services, b->services) == 0 && same_words(a->conflict, b->conflict) &&
	       (!a->count || (memcmp(a->backends, b->backends, a->count * sizeof *a->backends) == 0 &&
	                      memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0));
}

static bool refused_in(const struct route_table *t, const struct route_refusal *r)
{
	return t->refused_count && bsearch(r, t->refused, t->refused_count, sizeof *r, by_refusal);
}

static bool same_table(const struct route_table *a, const struct route_table *b)
{
	if (a->count != b->count || a->refused_count != b->refused_count || a->remembered != b->remembered)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_entry(&a->entries[i], &b->entries[i]))
			return false;
	for (size_t i = 0; i < a->refused_count; i++)
		if (by_refusal(&a->refused[i], &b->refused[i]) != 0)
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
			atomic_store(&b->gone, true); /* before the look at `active`: see proxy.c, where a session starts */
			if (!atomic_load(&b->active))
				continue;
			SYS_GROW(r->retired, r->retired_count, r->retired_cap);
			r->retired[r->retired_count++] = route_backend_ref(b);
			r->removals++;
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

	if (fd >= 0) {
		l->error = 0;
		atomic_store(&l->fd, fd);
		log_info("listening on %s for %s", l->name, e->services);
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

static void publish(struct route *r, struct route_table *t)
{
	struct route_table *old = r->table;

	for (size_t i = 0; i < t->count; i++)
		keep_turn(route_find(old, &t->entries[i].listener->addr), &t->entries[i]);
	retire(r, old, t);
	t->removals = r->removals;
	say_what_is_new(old, t);
	bind_all(t);
	pthread_mutex_lock(&r->lock);
	r->table = t;
	pthread_mutex_unlock(&r->lock);
	route_release(old);
}

bool route_update(struct route *r, struct service_list *const *lists, size_t count)
{
	struct draft d = { .r = r, .t = table_new() };

	for (size_t i = 0; i < count; i++)
		d.t->remembered = d.t->remembered || (lists[i] && lists[i]->remembered);
	admit_all(&d, lists, count);
	build_entries(&d);
	free(d.wants);
	if (same_table(r->table, d.t)) {
		route_release(d.t);
		return false;
	}
	publish(r, d.t);
	return true;
}

void route_clear(struct route *r)
{
	publish(r, table_new());
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

void route_open(struct route *r, const struct route_rules *rules)
{
	*r = (struct route){ .rules = *rules, .table = table_new() };
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
