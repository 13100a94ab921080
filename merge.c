#include "base.h"
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "round.h"

/* Admission. */

/* A table under construction. */
struct merge {
	struct route *r;
	struct route_table *t;
	struct want *wants;
	size_t want_count, want_cap, refused_cap;
};

/* One service's wish for one listener. */
struct want {
	struct net_addr addr;
	const char *wish;
	const struct service *service;
	const struct service_list *list;
	size_t order;
};

static const char *list_name(const struct service_list *list)
{
	return list->source ? list->source : "the configuration";
}

static void refuse(struct merge *d, const struct service *s, const char *wish, const char *rule, const char *reason)
{
	struct route_table *t = d->t;
	const char *name = s->name;

	SYS_GROW(t->refused, t->refused_count, d->refused_cap);
	t->refused[t->refused_count++] = (struct route_refusal){
		.service = arena_dup(&t->memory, name, strlen(name)),
		.wish = arena_dup(&t->memory, wish, strlen(wish)),
		.reason = reason, .rule = rule
	};
}

/* True when the options leave the service routable. */
static bool check_options(struct merge *d, const struct service *s)
{
	struct admit_options options;
	struct admit_refusal no;
	bool fine = true;

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		struct buf text = { 0 };

		if (admit_option(s, i, &d->t->memory, &options, &no))
			continue;
		admit_print_option(s, i, &text);
		refuse(d, s, text.data, no.rule, no.why);
		fine = fine && !admit_needs(i);
		buf_free(&text);
	}
	return fine;
}

/* Sorted, and what several instances were refused alike said once. */
static void sort_refused(struct route_table *t)
{
	size_t kept = 0;

	if (t->refused_count)
		qsort(t->refused, t->refused_count, sizeof *t->refused, route_by_refusal);
	for (size_t i = 0; i < t->refused_count; i++)
		if (!kept || route_by_refusal(&t->refused[kept - 1], &t->refused[i]) != 0)
			t->refused[kept++] = t->refused[i];
	t->refused_count = kept;
}

static void admit_service(struct merge *d, const struct service *s, const struct service_list *list)
{
	if (!check_options(d, s))
		return;
	for (size_t i = 0; i < s->wish_count; i++) {
		struct want w = { .wish = s->wishes[i], .service = s, .list = list, .order = d->want_count };
		struct admit_refusal no;

		if (!admit_wish(&d->r->rules.admit, s->wishes[i], list->trusted, &d->t->memory, &w.addr, &no)) {
			refuse(d, s, s->wishes[i], no.rule, no.why);
		} else if (s->fault) {
			refuse(d, s, s->wishes[i], "instance", arena_dup(&d->t->memory, s->fault, strlen(s->fault)));
		} else {
			SYS_GROW(d->wants, d->want_count, d->want_cap);
			d->wants[d->want_count++] = w;
		}
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

static void admit_all(struct merge *d, struct service_list *const *lists, size_t count)
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

static struct route_listener *listener_new(const struct net_addr *addr, const char *services)
{
	struct route_listener *l = sys_alloc(sizeof *l);

	l->addr = *addr;
	atomic_init(&l->fd, -1);
	net_print(addr, l->name);
	l->services = strcpy(sys_alloc(strlen(services) + 1), services);
	return l;
}

static const char *add_text(char **at, const char *text)
{
	char *start = *at;

	if (!text)
		return NULL;
	strcpy(start, text);
	*at += strlen(text) + 1;
	return start;
}

/* As people see it: where it is, and through what. */
static void name_backend(const struct route_backend *b, struct buf *name)
{
	char text[NET_TEXT];

	net_print(&b->addr, text);
	buf_printf(name, b->socks.host ? "socks5://%s ─➤ " : "%s", text);
	if (!b->socks.host)
		return;
	buf_puts(name, strchr(b->socks.host, ':') ? "[" : "");
	buf_visible(name, b->socks.host, strlen(b->socks.host));
	buf_printf(name, strchr(b->socks.host, ':') ? "]:%u" : ":%u", b->socks.port);
}

/* A copy of what was looked for, with texts of its own. */
static struct route_backend *backend_new(const struct route_backend *like)
{
	const struct socks_target *socks = &like->socks;
	const char *texts[] = { socks->host, socks->user, socks->password };
	struct buf name = { 0 };
	size_t size;
	struct route_backend *b;
	char *at;

	name_backend(like, &name);
	size = name.len + 1;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		size += texts[i] ? strlen(texts[i]) + 1 : 0;
	b = sys_alloc(sizeof *b + size);
	at = b->texts;
	b->addr = like->addr;
	b->via = like->via;
	b->socks.port = socks->port;
	b->socks.host = add_text(&at, socks->host);
	b->socks.user = add_text(&at, socks->user);
	b->socks.password = add_text(&at, socks->password);
	b->name = add_text(&at, name.data);
	buf_free(&name);
	return b;
}

/* The object of a backend: the one that the old table has, or one that still drains, or a new one. */
static struct route_backend *backend_for(struct route *r, const struct route_entry *old,
                                         const struct route_backend *like)
{
	for (unsigned i = 0; old && i < old->count; i++)
		if (route_backend_order(old->backends[i], like) == 0)
			return old->backends[i];
	for (size_t i = 0; i < r->retired_count; i++)
		if (route_backend_order(r->retired[i], like) == 0 && net_compare(&r->retired[i]->via, &like->via) == 0)
			return r->retired[i];
	return backend_new(like);
}

/* An entry under construction. */
struct members {
	struct route_backend **backends;
	uint16_t *weights;
	size_t count, cap, weight_cap;
	const struct route_entry *old;
	const struct admit_options *options;
};

static void add_member(struct merge *d, struct members *m, const struct route_backend *like, uint16_t weight,
                       bool unchecked)
{
	size_t weights = m->count;
	struct route_backend *b;

	for (size_t i = 0; i < m->count; i++)
		if (route_backend_order(m->backends[i], like) == 0) {
			m->backends[i]->unchecked = m->backends[i]->unchecked || unchecked;
			return;
		}
	SYS_GROW(m->weights, weights, m->weight_cap);
	SYS_GROW(m->backends, m->count, m->cap);
	m->weights[m->count] = weight ? weight : 1;
	b = m->backends[m->count++] = route_backend_ref(backend_for(d->r, m->old, like));
	b->unchecked = unchecked;
}

/* One backend for each address of the host that is to be dialled. */
static void add_host(struct merge *d, struct members *m, const char *host, uint16_t port, struct route_backend *like,
                     uint16_t weight, bool unchecked)
{
	const struct net_addr *found;
	size_t n;

	if (net_numeric(slice_of(host), port, &like->addr)) {
		add_member(d, m, like, weight, unchecked);
		return;
	}
	for (n = d->r->rules.lookup(d->r->rules.lookup_arg, host, &found); n-- > 0; found++) {
		like->addr = *found;
		net_set_port(&like->addr, port);
		add_member(d, m, like, weight, unchecked);
	}
}

static void add_members(struct merge *d, struct members *m, const struct want *w)
{
	const struct socks_url *proxy = m->options->through ? &m->options->proxy : NULL;

	for (size_t i = 0; i < w->service->backend_count; i++) {
		const struct service_backend *b = &w->service->backends[i];
		struct route_backend like = { .via = w->addr };

		if (proxy)
			like.socks = (struct socks_target){
				.host = b->host, .port = b->port, .user = proxy->user, .password = proxy->password
			};
		add_host(d, m, proxy ? proxy->host : b->host, proxy ? proxy->port : b->port, &like, b->weight,
		         !w->list->checked);
	}
}

static void *keep(struct arena *a, const void *from, size_t size)
{
	void *to = arena_alloc(a, size);

	if (size)
		memcpy(to, from, size);
	return to;
}

static const char *keep_text(struct arena *a, const char *text)
{
	return text ? arena_dup(a, text, strlen(text)) : NULL;
}

/* Whether an option is not what the first service says: networks and proxies by their spelling. */
static bool differs(int option, const char *first, const char *other)
{
	if (option == SERVICE_BALANCE)
		return (other ? service_balance(other) : -1) != (first ? service_balance(first) : -1);
	if (option == SERVICE_PROXY_PROTOCOL && first && other)
		return !slice_is_nocase(slice_of(first), other);
	return first && other ? strcmp(first, other) != 0 : first != other;
}

static void put_shown(struct buf *out, const char *value, int option)
{
	if (value)
		buf_masked(out, value);
	else
		buf_puts(out, option == SERVICE_BALANCE ? "the default" : "none");
}

/* By name; of two with the same name, by what else tells them apart. */
static void put_who(struct buf *out, const struct want *w, const struct want *other)
{
	buf_puts(out, w->service->name);
	if (strcmp(w->service->name, other->service->name) != 0)
		return;
	if (w->list != other->list || !w->service->instance)
		buf_printf(out, " in %s", list_name(w->list));
	else
		buf_printf(out, " (%s on %s)", w->service->instance, w->service->node);
}

/* The first difference of each option, in words. */
static void describe_conflicts(struct buf *out, const struct want *w, size_t count)
{
	for (int o = 0; o < SERVICE_OPTIONS; o++)
		for (size_t i = 1; i < count; i++) {
			const char *first = w[0].service->options[o], *other = w[i].service->options[o];

			if (!differs(o, first, other))
				continue;
			buf_puts(out, out->len ? "; " : "");
			put_who(out, &w[i], &w[0]);
			buf_printf(out, " asks for %s ", service_option_names[o]);
			put_shown(out, other, o);
			buf_puts(out, ", but ");
			put_who(out, &w[0], &w[i]);
			buf_puts(out, " comes first and has ");
			put_shown(out, first, o);
			break;
		}
}

/* Names of the services that share the entry, and the options that lost. */
static void describe(struct merge *d, struct route_entry *e, const struct want *w, size_t count)
{
	struct arena *memory = &d->t->memory;
	struct buf names = { 0 }, conflict = { 0 };

	e->names = arena_alloc(memory, count * sizeof *e->names);
	for (size_t i = 0; i < count; i++) {
		const char *name = w[i].service->name;

		if (e->name_count && strcmp(e->names[e->name_count - 1], name) == 0)
			continue;
		buf_printf(&names, "%s%s", e->name_count ? "," : "", name);
		e->names[e->name_count++] = arena_dup(memory, name, strlen(name));
	}
	describe_conflicts(&conflict, w, count);
	e->services = arena_dup(memory, names.data, names.len);
	e->conflict = conflict.len ? arena_dup(memory, conflict.data, conflict.len) : NULL;
	buf_free(&names);
	buf_free(&conflict);
}

static void build_entry(struct merge *d, struct route_entry *e, const struct want *w, size_t count)
{
	struct arena *memory = &d->t->memory;
	struct admit_options options = ADMIT_OPTIONS;
	struct admit_refusal no;
	struct slice tag = service_tag(w->service, w->wish);
	struct members m = { .old = route_find(d->r->table, &w->addr), .options = &options };
	uint16_t *round;

	for (int i = 0; i < SERVICE_OPTIONS; i++)
		admit_option(w->service, i, memory, &options, &no);
	for (size_t i = 0; i < count; i++)
		add_members(d, &m, &w[i]);
	describe(d, e, w, count);
	e->listener = route_listener_ref(m.old ? m.old->listener : listener_new(&w->addr, e->services));
	atomic_fetch_add(&e->listener->tables, 1);
	e->balance = options.balance >= 0 ? (enum service_balance)options.balance : d->r->rules.balance;
	e->proxy_protocol = (uint8_t)options.proxy_protocol;
	e->limited = options.limited;
	e->allow = options.allow;
	e->deny = options.deny;
	e->owner = (struct route_owner){
		.source = keep_text(memory, list_name(w->list)),
		.tag = tag.len ? arena_dup(memory, tag.at, tag.len) : keep_text(memory, w->wish),
		.node = keep_text(memory, w->service->node), .instance = keep_text(memory, w->service->instance)
	};
	e->count = (unsigned)m.count;
	e->backends = keep(memory, m.backends, m.count * sizeof *m.backends);
	e->weights = keep(memory, m.weights, m.count * sizeof *m.weights);
	round = round_by_weight(m.weights, e->count, &e->round_len);
	if (round)
		e->round = keep(memory, round, e->round_len * sizeof *round);
	free(round);
	free(m.backends);
	free(m.weights);
}

static void build_entries(struct merge *d)
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

static void keep_ranges(struct merge *d, const struct admit_ranges *from)
{
	d->t->allow.count = from->count;
	d->t->allow.items = keep(&d->t->memory, from->items, from->count * sizeof *from->items);
}

struct route_table *merge_table(struct route *r, struct service_list *const *lists, size_t count)
{
	struct merge d = { .r = r, .t = sys_alloc(sizeof *d.t) };

	atomic_init(&d.t->refs, 1);
	keep_ranges(&d, &r->rules.admit.allow);
	for (size_t i = 0; i < count; i++)
		d.t->remembered = d.t->remembered || (lists[i] && lists[i]->remembered);
	admit_all(&d, lists, count);
	build_entries(&d);
	free(d.wants);
	return d.t;
}
