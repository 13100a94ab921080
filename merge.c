#include "base.h"
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "net.h"
#include "round.h"
#include "service_option.h"
#include "socks.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

/* Admission. */

/* A table under construction. */
struct merge {
	struct route *route;
	struct route_table *table;
	struct want *wants;
	size_t want_count, want_cap, refused_cap;
	bool held; /* one of the wants is of a service that is held */
	struct route_backend **known; /* sorted by listener, and what they dial */
	size_t known_count;
};

/* One service's wish for one listener. */
struct want {
	struct net_addr addr;
	const struct wish *wish;
	struct service *service;
	const struct service_list *list;
	size_t order;
};

static const char *keep_text(struct arena *memory, const char *text)
{
	return arena_dup(memory, text, strlen(text));
}

static void refuse_wish(struct merge *merge, const struct service *service, const char *wish, const char *rule,
                        const char *reason)
{
	struct route_table *table = merge->table;

	SYS_GROW(table->refused, table->refused_count, merge->refused_cap);
	table->refused[table->refused_count++] = (struct route_refusal){
		.service = keep_text(&table->memory, service->name), .wish = keep_text(&table->memory, wish),
		.reason = keep_text(&table->memory, reason), .rule = rule
	};
}

/* A wish that is none may be anything. */
static void refuse_text(struct merge *merge, const struct service *service, const char *wish, const char *rule,
                        const char *reason)
{
	struct buf shown = { 0 };

	buf_masked(&shown, wish);
	refuse_wish(merge, service, shown.data ? shown.data : "", rule, reason);
	buf_free(&shown);
}

static void refuse_settings(struct merge *merge, const struct service *service)
{
	for (size_t i = 0; i < service->setting_count; i++) {
		const struct service_setting *setting = &service->settings[i];
		struct buf text = { 0 };

		if (!setting->why)
			continue;
		service_put_setting(setting, &text);
		refuse_wish(merge, service, text.data, service_option_name(setting->option), setting->why);
		buf_free(&text);
	}
}

/* Sorts them, and keeps one of those that several instances share. */
static void sort_refused(struct route_table *table)
{
	size_t kept = 0;

	if (table->refused_count)
		qsort(table->refused, table->refused_count, sizeof *table->refused, route_by_refusal);
	for (size_t i = 0; i < table->refused_count; i++)
		if (!kept || route_by_refusal(&table->refused[kept - 1], &table->refused[i]) != 0)
			table->refused[kept++] = table->refused[i];
	table->refused_count = kept;
}

static void admit_service(struct merge *merge, struct service *service, const struct service_list *list)
{
	refuse_settings(merge, service);
	for (size_t i = 0; i < service->wish_count && !service->wrong; i++) {
		struct want want = { .wish = &service->wishes[i], .service = service, .list = list, .order = merge->want_count };
		struct admit_refusal no;

		if (!admit_wish(&merge->route->rules.admit, want.wish, list->trusted, &merge->table->memory, &want.addr, &no)) {
			refuse_text(merge, service, want.wish->text, no.rule, no.why);
		} else if (service->fault) {
			refuse_wish(merge, service, want.wish->text, "instance", service->fault);
		} else {
			SYS_GROW(merge->wants, merge->want_count, merge->want_cap);
			merge->wants[merge->want_count++] = want;
			merge->held = merge->held || service->held;
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

static void admit_all(struct merge *merge, struct service_list *const *lists, size_t count)
{
	struct named *all = NULL;
	size_t total = 0, cap = 0;

	for (size_t list = 0; list < count; list++)
		for (size_t i = 0; lists[list] && i < lists[list]->count; i++) {
			SYS_GROW(all, total, cap);
			all[total] = (struct named){ lists[list]->items[i], lists[list], total };
			total++;
		}
	if (total)
		qsort(all, total, sizeof *all, by_service_name);
	for (size_t i = 0; i < total; i++)
		admit_service(merge, all[i].service, all[i].list);
	sort_refused(merge->table);
	free(all);
}

/* A port that a service has moved from one address to every address, or back. */

static int by_service_port(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = strcmp(x->service->name, y->service->name);

	if (!order)
		order = (int)net_addr_port(&x->addr) - (int)net_addr_port(&y->addr);
	return order ? order : (int)x->addr.sa.any.sa_family - (int)y->addr.sa.any.sa_family;
}

/* Of wants of one service, for one port: those that are held give way to one that cannot be bound beside them. */
static size_t let_go(struct want *to, const struct want *wants, size_t count)
{
	bool any = false, one = false;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		any = any || (!wants[i].service->held && net_is_any(&wants[i].addr));
		one = one || (!wants[i].service->held && !net_is_any(&wants[i].addr));
	}
	for (size_t i = 0; i < count; i++)
		if (!wants[i].service->held || !(net_is_any(&wants[i].addr) ? one : any))
			to[kept++] = wants[i];
	return kept;
}

static void let_moved_go(struct merge *merge)
{
	struct want *wants = merge->wants;
	size_t kept = 0;

	qsort(wants, merge->want_count, sizeof *wants, by_service_port);
	for (size_t i = 0, end; i < merge->want_count; i = end) {
		for (end = i + 1; end < merge->want_count && by_service_port(&wants[i], &wants[end]) == 0;)
			end++;
		kept += let_go(wants + kept, wants + i, end - i);
	}
	merge->want_count = kept;
}

/* Building entries. */

static int by_want_address(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = net_compare(&x->addr, &y->addr);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* A backend of an entry under construction. */
struct member {
	struct net_addr addr;      /* to be dialled */
	const struct net_addr *via; /* of the listener */
	struct socks_target socks;
	struct route_backend *backend;
	size_t order;
	uint16_t weight;
	bool unchecked;
};

struct members {
	struct member *items;
	size_t count, cap;
	const struct socks_url *proxy; /* of the owner; host NULL: there is none */
};

static int by_target(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = route_target_order(&x->addr, &x->socks, &y->addr, &y->socks);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

static int by_listener(const void *a, const void *b)
{
	const struct route_backend *x = *(struct route_backend *const *)a, *y = *(struct route_backend *const *)b;
	int order = net_compare(&x->via, &y->via);

	return order ? order : route_backend_order(x, y);
}

static int find_member(const void *key, const void *item)
{
	const struct member *member = key;
	const struct route_backend *backend = *(struct route_backend *const *)item;
	int order = net_compare(member->via, &backend->via);

	return order ? order : route_target_order(&member->addr, &member->socks, &backend->addr, &backend->socks);
}

/* All backends that there are: those of the old table, and those that still drain. */
static void find_known(struct merge *merge)
{
	const struct route *route = merge->route;
	size_t count = route->retired_count;

	for (size_t i = 0; i < route->table->count; i++)
		count += route->table->entries[i].count;
	merge->known = sys_alloc(count * sizeof *merge->known);
	for (size_t i = 0; i < route->retired_count; i++)
		merge->known[merge->known_count++] = route->retired[i];
	for (size_t i = 0; i < route->table->count; i++)
		for (unsigned k = 0; k < route->table->entries[i].count; k++)
			merge->known[merge->known_count++] = route->table->entries[i].backends[k];
	if (count)
		qsort(merge->known, count, sizeof *merge->known, by_listener);
}

/* The object for each member: a known one, else a new one. */
static void find_backends(const struct merge *merge, struct members *members)
{
	for (struct member *member = members->items; member < members->items + members->count; member++) {
		struct route_backend like = { .addr = member->addr, .via = *member->via, .socks = member->socks }, **found = NULL;

		if (merge->known_count)
			found = bsearch(member, merge->known, merge->known_count, sizeof *found, find_member);
		member->backend = route_backend_ref(found ? *found : route_backend_new(&like));
		member->backend->unchecked = member->unchecked;
	}
}

static void add_member(struct members *members, const struct member *like)
{
	SYS_GROW(members->items, members->count, members->cap);
	members->items[members->count] = *like;
	members->items[members->count].order = members->count;
	members->count++;
}

/* Keeps the first of each target. */
static void drop_repeated(struct members *members)
{
	size_t kept = 0;

	if (members->count > 1)
		qsort(members->items, members->count, sizeof *members->items, by_target);
	for (size_t i = 0; i < members->count; i++) {
		struct member *item = &members->items[i], *last = kept ? &members->items[kept - 1] : NULL;

		if (last && route_target_order(&last->addr, &last->socks, &item->addr, &item->socks) == 0)
			last->unchecked = last->unchecked || item->unchecked;
		else
			members->items[kept++] = *item;
	}
	members->count = kept;
	if (kept > 1)
		qsort(members->items, kept, sizeof *members->items, by_order);
}

/* Adds one backend for each address of the host that is dialled. */
static void add_host(const struct merge *merge, struct members *members, const char *host, uint16_t port,
                     struct member *like)
{
	const struct net_addr *found;
	size_t count;

	if (net_numeric(slice_of(host), port, &like->addr)) {
		add_member(members, like);
		return;
	}
	for (count = merge->route->rules.lookup(merge->route->rules.lookup_arg, host, &found); count-- > 0; found++) {
		like->addr = *found;
		net_set_port(&like->addr, port);
		add_member(members, like);
	}
}

static void add_members(const struct merge *merge, struct members *members, const struct want *want)
{
	const struct socks_url *proxy = members->proxy->host ? members->proxy : NULL;

	for (size_t i = 0; i < want->service->backend_count; i++) {
		const struct service_backend *backend = &want->service->backends[i];
		struct member like = {
			.via = &want->addr, .weight = backend->weight ? backend->weight : 1, .unchecked = !want->list->checked
		};

		if (proxy)
			like.socks = (struct socks_target){
				.host = backend->host, .port = backend->port, .user = proxy->user, .password = proxy->password
			};
		add_host(merge, members, proxy ? proxy->host : backend->host, proxy ? proxy->port : backend->port, &like);
	}
}

static void *keep_array(struct arena *memory, const void *from, size_t size)
{
	void *to = arena_alloc(memory, size);

	if (size)
		memcpy(to, from, size);
	return to;
}

/* Whether the other service has another option than the first. Networks and proxies are compared as they are written.
 * NULL: the option was not given. */
static bool setting_differs(int option, const struct service_setting *first, const struct service_setting *other)
{
	bool by_value = option == SERVICE_BALANCE || option == SERVICE_PROXY_PROTOCOL;

	if (!first || !other)
		return first != other;
	return by_value ? !slice_is_nocase(slice_of(first->value), other->value) : strcmp(first->value, other->value) != 0;
}

static void put_value(const struct service_setting *setting, int option, struct buf *out)
{
	if (setting)
		buf_masked(out, setting->value);
	else
		buf_puts(out, option == SERVICE_BALANCE ? "the default" : "none");
}

/* The service by name, and when the other has the same name, by what tells the two apart. */
static void put_who(struct buf *out, const struct want *want, const struct want *other)
{
	buf_puts(out, want->service->name);
	if (strcmp(want->service->name, other->service->name) != 0)
		return;
	if (want->list != other->list || !want->service->instance)
		buf_printf(out, " in %s", want->list->source);
	else
		buf_printf(out, " (%s on %s)", want->service->instance, want->service->node);
}

/* NULL: the option was not given, or its value is wrong. */
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
	put_value(valid_setting(want->service, option), option, out);
	buf_puts(out, ", but ");
	put_who(out, owner, want);
	buf_puts(out, " comes first and has ");
	put_value(valid_setting(owner->service, option), option, out);
}

/* The first difference of each option, in words. */
static void describe_conflicts(struct buf *out, const struct want *wants, size_t count)
{
	for (int option = 0; option < SERVICE_OPTIONS; option++) {
		const struct service_setting *first = valid_setting(wants[0].service, option);
		size_t i = 1;

		while (i < count && !setting_differs(option, first, valid_setting(wants[i].service, option)))
			i++;
		if (i < count)
			put_conflict(&wants[i], &wants[0], option, out);
	}
}

/* Notes the names of the services that share the entry, and the options that do not count. */
static void describe_entry(struct merge *merge, struct route_entry *entry, const struct want *wants, size_t count)
{
	struct arena *memory = &merge->table->memory;
	struct buf names = { 0 }, conflict = { 0 };

	entry->names = arena_alloc(memory, count * sizeof *entry->names);
	for (size_t i = 0; i < count; i++) {
		const char *name = wants[i].service->name;

		if (entry->name_count && strcmp(entry->names[entry->name_count - 1], name) == 0)
			continue;
		buf_printf(&names, "%s%s", entry->name_count ? "," : "", name);
		entry->names[entry->name_count++] = keep_text(memory, name);
	}
	describe_conflicts(&conflict, wants, count);
	entry->services = arena_dup(memory, names.data, names.len);
	entry->conflict = conflict.len ? arena_dup(memory, conflict.data, conflict.len) : NULL;
	buf_free(&names);
	buf_free(&conflict);
}

/* Gives the entry its backends, with their weights and the round. */
static void build_backends(struct merge *merge, struct route_entry *entry, const struct want *wants, size_t count)
{
	struct members members = { .proxy = &wants->service->options->proxy };
	struct arena *memory = &merge->table->memory;
	uint32_t *round;

	for (size_t i = 0; i < count; i++)
		add_members(merge, &members, &wants[i]);
	drop_repeated(&members);
	find_backends(merge, &members);
	entry->count = (unsigned)members.count;
	entry->backends = arena_alloc(memory, members.count * sizeof *entry->backends);
	entry->weights = arena_alloc(memory, members.count * sizeof *entry->weights);
	for (size_t i = 0; i < members.count; i++) {
		entry->backends[i] = members.items[i].backend;
		entry->weights[i] = members.items[i].weight;
	}
	round = round_by_weight(entry->weights, entry->count, &entry->round_len);
	if (round)
		entry->round = keep_array(memory, round, entry->round_len * sizeof *round);
	free(round);
	free(members.items);
}

/* The first want owns the listener: its options count. */
static void build_entry(struct merge *merge, struct route_entry *entry, const struct want *wants, size_t count)
{
	const struct service_options *options = wants->service->options;
	struct route_listener *listener;

	build_backends(merge, entry, wants, count);
	describe_entry(merge, entry, wants, count);
	listener = route_listener_at(merge->route, &wants->addr);
	entry->listener = route_listener_enter(listener ? listener : route_listener_new(&wants->addr, entry->services));
	entry->balance = options->balance >= 0 ? (enum service_balance)options->balance : merge->route->rules.balance;
	entry->proxy_protocol = (uint8_t)options->proxy_protocol;
	entry->limited = options->limited;
	entry->allow = options->allow;
	entry->deny = options->deny;
	entry->owner = (struct route_owner){ service_ref(wants->service), wants->wish, wants->list->source };
}

static void build_entries(struct merge *merge)
{
	struct route_table *table = merge->table;
	size_t count;

	if (merge->held)
		let_moved_go(merge);
	count = merge->want_count;
	if (!count)
		return;
	qsort(merge->wants, count, sizeof *merge->wants, by_want_address);
	table->entries = arena_alloc(&table->memory, count * sizeof *table->entries);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && net_compare(&merge->wants[i].addr, &merge->wants[end].addr) == 0;)
			end++;
		build_entry(merge, &table->entries[table->count++], merge->wants + i, end - i);
	}
}

static void keep_ranges(struct merge *merge, const struct net_ranges *from)
{
	merge->table->allow.count = from->count;
	merge->table->allow.items = keep_array(&merge->table->memory, from->items, from->count * sizeof *from->items);
}

struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count)
{
	struct merge merge = { .route = route, .table = sys_alloc(sizeof *merge.table) };

	atomic_init(&merge.table->refs, 1);
	keep_ranges(&merge, &route->rules.admit.allow);
	for (size_t i = 0; i < count; i++)
		if (lists[i] && lists[i]->remembered)
			merge.table->remembered = lists[i]->title;
	admit_all(&merge, lists, count);
	find_known(&merge);
	build_entries(&merge);
	free(merge.known);
	free(merge.wants);
	return merge.table;
}
