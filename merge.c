#include "base.h"
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "draft.h"
#include "net.h"
#include "service_option.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

/* Admission. */

static void refuse_settings(struct draft *draft, const struct service *service)
{
	for (size_t i = 0; i < service->setting_count; i++) {
		const struct service_setting *setting = &service->settings[i];
		struct buf text = { 0 };

		if (!setting->why)
			continue;
		service_put_setting(setting, &text);
		draft_refuse(draft, service, text.data, service_option_name(setting->option), setting->why);
		buf_free(&text);
	}
}

/* A wish that is none may be anything. */
static void refuse_text(struct draft *draft, const struct service *service, const char *wish, const char *rule,
                        const char *reason)
{
	struct buf shown = { 0 };

	buf_masked(&shown, wish);
	draft_refuse(draft, service, shown.data ? shown.data : "", rule, reason);
	buf_free(&shown);
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

/* A service, and what want.created says. */
struct named {
	struct service *service;
	const struct service_list *list;
	uint64_t created;
	size_t order;
};

static void add_want(struct draft *draft, struct want *want)
{
	want->ports = (uint16_t)(want->wish->last - want->wish->port + 1u);
	want->order = draft->want_count;
	SYS_GROW(draft->wants, draft->want_count, draft->want_cap);
	draft->wants[draft->want_count++] = *want;
}

/* Makes one for each port of those that are about many. */
static void part_wants(struct draft *draft)
{
	struct want *whole = draft->wants;
	size_t count = draft->want_count, total = 0;

	for (size_t i = 0; i < count; i++)
		total += whole[i].ports;
	if (total == count)
		return;
	draft->wants = sys_alloc(total * sizeof *draft->wants);
	draft->want_count = draft->want_cap = total;
	for (size_t i = 0, at = 0; i < count; i++)
		for (uint16_t ports = whole[i].ports; ports; ports--) {
			draft->wants[at] = whole[i];
			draft->wants[at++].ports = 1;
			whole[i].offset++;
			net_set_port(&whole[i].addr, (uint16_t)(net_addr_port(&whole[i].addr) + 1));
		}
	free(whole);
}

static void admit_service(struct draft *draft, const struct named *named)
{
	struct service *service = named->service;
	const struct service_list *list = named->list;

	refuse_settings(draft, service);
	if (service->backend_count) {
		SYS_GROW(draft->services, draft->service_count, draft->service_cap);
		draft->services[draft->service_count++] = (struct want){
			.service = service, .list = list, .created = named->created, .order = draft->want_count
		};
	}
	for (size_t i = 0; i < service->wish_count && !service->wrong; i++) {
		struct want want = {
			.wish = &service->wishes[i], .service = service, .list = list, .created = named->created
		};
		struct admit_refusal no;

		if (!admit_wish(&draft->route->rules.admit, service->name, want.wish, list->trusted, &draft->table->memory,
		                &want.addr, &no)) {
			refuse_text(draft, service, want.wish->text, no.rule, no.why);
		} else if (service->fault) {
			draft_refuse(draft, service, want.wish->text, "instance", service->fault);
		} else {
			add_want(draft, &want);
			draft->held = draft->held || service->held;
		}
	}
}

static int by_service_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->service->name, y->service->name);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Gives all instances of a name in a list the age of the oldest. */
static void date_services(struct named *all, size_t total)
{
	for (size_t i = 0, end; i < total; i = end) {
		uint64_t created = UINT64_MAX;

		for (end = i; end < total && all[end].list == all[i].list &&
		              strcmp(all[end].service->name, all[i].service->name) == 0; end++)
			if (all[end].service->created && all[end].service->created < created)
				created = all[end].service->created;
		for (size_t k = i; k < end; k++)
			all[k].created = created;
	}
}

static void admit_all(struct draft *draft, struct service_list *const *lists, size_t count)
{
	struct named *all = NULL;
	size_t total = 0, cap = 0;

	for (size_t list = 0; list < count; list++)
		for (size_t i = 0; lists[list] && i < lists[list]->count; i++) {
			SYS_GROW(all, total, cap);
			all[total] = (struct named){ .service = lists[list]->items[i], .list = lists[list], .order = total };
			total++;
		}
	if (total)
		qsort(all, total, sizeof *all, by_service_name);
	date_services(all, total);
	for (size_t i = 0; i < total; i++)
		admit_service(draft, &all[i]);
	free(all);
}

/* Building entries. */

/* What it asks for; "the default": nothing, or a wrong value. */
static const char *balance_of(const struct want *want)
{
	int balance = want->service->options->balance;

	return balance >= 0 ? service_balance_names[balance] : "the default";
}

/* The first service that asks for another balance than the owner, in words. NULL: there is none. */
static const char *find_conflict(struct arena *memory, const struct want *wants, size_t count)
{
	const struct want *owner = wants;
	const char *text = NULL;
	struct buf out = { 0 };

	for (const struct want *want = owner + 1; want < wants + count && !out.len; want++) {
		if (want->service->options->balance == owner->service->options->balance)
			continue;
		draft_put_who(&out, want, owner);
		buf_printf(&out, " asks for balance %s, but ", balance_of(want));
		draft_put_who(&out, owner, want);
		buf_printf(&out, " comes first and has %s", balance_of(owner));
		text = arena_dup(memory, out.data, out.len);
	}
	buf_free(&out);
	return text;
}

/* The first want owns the listener: its balance counts. */
static struct route_entry *build_entry(struct draft *draft, const struct want *wants, size_t count)
{
	const struct service_options *options = wants->service->options;
	struct route_entry *entry = sys_alloc(sizeof *entry);
	struct route_listener *listener;

	atomic_init(&entry->refs, 1);
	draft_names(draft, entry, wants, count);
	listener = route_listener_at(draft->route, &wants->addr);
	entry->listener = route_listener_enter(listener ? listener : route_listener_new(&wants->addr, entry->services));
	draft_backends(draft, entry, wants, count);
	entry->conflict = find_conflict(&draft->memory->arena, wants, count);
	entry->balance = options->balance >= 0 ? (enum service_balance)options->balance : draft->route->rules.balance;
	entry->owner = (struct route_owner){ service_ref(wants->service), wants->wish, wants->list->source };
	draft->before = entry;
	return entry;
}

static void build_entries(struct draft *draft)
{
	struct route_table *table = draft->table;
	size_t count = draft->want_count;

	if (!count)
		return;
	table->entries = arena_alloc(&table->memory, count * sizeof *table->entries);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && net_compare(&draft->wants[i].addr, &draft->wants[end].addr) == 0;)
			end++;
		table->entries[table->count++] = build_entry(draft, draft->wants + i, end - i);
	}
}

static void keep_ranges(struct draft *draft, const struct net_ranges *from)
{
	struct net_ranges *to = &draft->table->allow;
	size_t size = from->count * sizeof *from->items;

	to->count = from->count;
	to->items = arena_alloc(&draft->table->memory, size);
	if (size)
		memcpy(to->items, from->items, size);
}

struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count)
{
	struct draft draft = { .route = route, .table = sys_alloc(sizeof *draft.table) };

	atomic_init(&draft.table->refs, 1);
	keep_ranges(&draft, &route->rules.admit.allow);
	for (size_t i = 0; i < count; i++)
		if (lists[i] && lists[i]->remembered)
			draft.table->remembered = lists[i]->title;
	admit_all(&draft, lists, count);
	draft_bounds(&draft);
	part_wants(&draft);
	draft_spare_neighbours(&draft);
	draft_claims(&draft);
	draft_find_known(&draft);
	build_entries(&draft);
	sort_refused(draft.table);
	free(draft.known);
	free(draft.terms);
	free(draft.services);
	free(draft.wants);
	return draft.table;
}
