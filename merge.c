#include "base.h"
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "round.h"
#include "sys.h"

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
	const struct wish *wish;
	struct service *service;
	const struct service_list *list;
	size_t order;
};

static void refuse(struct merge *d, const struct service *s, const char *wish, const char *rule, const char *reason)
{
	struct route_table *t = d->t;
	const char *name = s->name;

	SYS_GROW(t->refused, t->refused_count, d->refused_cap);
	t->refused[t->refused_count++] = (struct route_refusal){
		.service = arena_dup(&t->memory, name, strlen(name)),
		.wish = arena_dup(&t->memory, wish, strlen(wish)),
		.reason = arena_dup(&t->memory, reason, strlen(reason)), .rule = rule
	};
}

static void refuse_settings(struct merge *d, const struct service *service)
{
	for (size_t i = 0; i < service->setting_count; i++) {
		const struct service_setting *setting = &service->settings[i];
		struct buf text = { 0 };

		if (!setting->why)
			continue;
		service_put_setting(setting, &text);
		refuse(d, service, text.data, service_option_name(setting->option), setting->why);
		buf_free(&text);
	}
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

static void admit_service(struct merge *d, struct service *service, const struct service_list *list)
{
	refuse_settings(d, service);
	for (size_t i = 0; i < service->wish_count && !service->wrong; i++) {
		struct want want = { .wish = &service->wishes[i], .service = service, .list = list, .order = d->want_count };
		struct admit_refusal no;

		if (!admit_wish(&d->r->rules.admit, want.wish, list->trusted, &d->t->memory, &want.addr, &no)) {
			refuse(d, service, want.wish->text, no.rule, no.why);
		} else if (service->fault) {
			refuse(d, service, want.wish->text, "instance", service->fault);
		} else {
			SYS_GROW(d->wants, d->want_count, d->want_cap);
			d->wants[d->want_count++] = want;
		}
	}
}

struct named {
	struct service *service;
	const struct service_list *list;
	size_t order;
};

static int by_service_name(const void *a, const void *b)
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
			all[n] = (struct named){ lists[l]->items[i], lists[l], n };
			n++;
		}
	if (n)
		qsort(all, n, sizeof *all, by_service_name);
	for (size_t i = 0; i < n; i++)
		admit_service(d, all[i].service, all[i].list);
	sort_refused(d->t);
	free(all);
}

/* Building entries. */

static int by_want_address(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = net_compare(&x->addr, &y->addr);

	return order ? order : (x->order > y->order) - (x->order < y->order);
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
	return route_backend_new(like);
}

/* An entry under construction. */
struct members {
	struct route_backend **backends;
	uint16_t *weights;
	size_t count, cap, weight_cap;
	const struct route_entry *old;
	const struct socks_url *proxy; /* of the owner; host NULL: there is none */
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
	const struct socks_url *proxy = m->proxy->host ? m->proxy : NULL;

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

static void *keep_array(struct arena *a, const void *from, size_t size)
{
	void *to = arena_alloc(a, size);

	if (size)
		memcpy(to, from, size);
	return to;
}

/* Whether an option is not what the first service says: networks and proxies by their spelling. NULL: not given. */
static bool differs(int option, const struct service_setting *first, const struct service_setting *other)
{
	bool by_value = option == SERVICE_BALANCE || option == SERVICE_PROXY_PROTOCOL;

	if (!first || !other)
		return first != other;
	return by_value ? !slice_is_nocase(slice_of(first->value), other->value) : strcmp(first->value, other->value) != 0;
}

static void put_shown(const struct service_setting *setting, int option, struct buf *out)
{
	if (setting)
		buf_masked(out, setting->value);
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
		buf_printf(out, " in %s", w->list->source);
	else
		buf_printf(out, " (%s on %s)", w->service->instance, w->service->node);
}

/* NULL: not given, or with a value that does not count. */
static const struct service_setting *valid_setting(const struct service *service, int option)
{
	const struct service_setting *setting = service_setting(service, option);

	return setting && !setting->why ? setting : NULL;
}

static void put_conflict(const struct want *want, const struct want *owner, int option, struct buf *out)
{
	buf_puts(out, out->len ? "; " : "");
	put_who(out, want, owner);
	buf_printf(out, " asks for %s ", service_option_name(option));
	put_shown(valid_setting(want->service, option), option, out);
	buf_puts(out, ", but ");
	put_who(out, owner, want);
	buf_puts(out, " comes first and has ");
	put_shown(valid_setting(owner->service, option), option, out);
}

/* The first difference of each option, in words. */
static void describe_conflicts(struct buf *out, const struct want *wants, size_t count)
{
	for (int option = 0; option < SERVICE_OPTIONS; option++) {
		const struct service_setting *first = valid_setting(wants[0].service, option);
		size_t i = 1;

		while (i < count && !differs(option, first, valid_setting(wants[i].service, option)))
			i++;
		if (i < count)
			put_conflict(&wants[i], &wants[0], option, out);
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

/* Its backends, with their weights and their turns. */
static void build_backends(struct merge *d, struct route_entry *entry, const struct want *wants, size_t count,
                           const struct route_entry *old)
{
	struct members m = { .old = old, .proxy = &wants->service->options.proxy };
	struct arena *memory = &d->t->memory;
	uint16_t *round;

	for (size_t i = 0; i < count; i++)
		add_members(d, &m, &wants[i]);
	entry->count = (unsigned)m.count;
	entry->backends = keep_array(memory, m.backends, m.count * sizeof *m.backends);
	entry->weights = keep_array(memory, m.weights, m.count * sizeof *m.weights);
	round = round_by_weight(m.weights, entry->count, &entry->round_len);
	if (round)
		entry->round = keep_array(memory, round, entry->round_len * sizeof *round);
	free(round);
	free(m.backends);
	free(m.weights);
}

/* The first of the wants makes the listener open, and its options count. */
static void build_entry(struct merge *d, struct route_entry *entry, const struct want *wants, size_t count)
{
	const struct service_options *options = &wants->service->options;
	const struct route_entry *old = route_find(d->r->table, &wants->addr);

	build_backends(d, entry, wants, count, old);
	describe(d, entry, wants, count);
	entry->listener = route_listener_ref(old ? old->listener : route_listener_new(&wants->addr, entry->services));
	atomic_fetch_add(&entry->listener->tables, 1);
	entry->balance = options->balance >= 0 ? (enum service_balance)options->balance : d->r->rules.balance;
	entry->proxy_protocol = (uint8_t)options->proxy_protocol;
	entry->limited = options->limited;
	entry->allow = options->allow;
	entry->deny = options->deny;
	entry->owner = (struct route_owner){ service_ref(wants->service), wants->wish, wants->list->source };
}

static void build_entries(struct merge *d)
{
	struct route_table *t = d->t;
	size_t n = d->want_count;

	if (!n)
		return;
	qsort(d->wants, n, sizeof *d->wants, by_want_address);
	t->entries = arena_alloc(&t->memory, n * sizeof *t->entries);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && net_compare(&d->wants[i].addr, &d->wants[end].addr) == 0;)
			end++;
		build_entry(d, &t->entries[t->count++], d->wants + i, end - i);
	}
}

static void keep_ranges(struct merge *d, const struct net_ranges *from)
{
	d->t->allow.count = from->count;
	d->t->allow.items = keep_array(&d->t->memory, from->items, from->count * sizeof *from->items);
}

struct route_table *merge_table(struct route *r, struct service_list *const *lists, size_t count)
{
	struct merge d = { .r = r, .t = sys_alloc(sizeof *d.t) };

	atomic_init(&d.t->refs, 1);
	keep_ranges(&d, &r->rules.admit.allow);
	for (size_t i = 0; i < count; i++)
		if (lists[i] && lists[i]->remembered)
			d.t->remembered = lists[i]->title;
	admit_all(&d, lists, count);
	build_entries(&d);
	free(d.wants);
	return d.t;
}
