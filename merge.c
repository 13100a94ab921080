#include "base.h"
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "draft.h"
#include "join.h"
#include "net.h"
#include "roster.h"
#include "scope.h"
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
		else
			route_memory_unref(table->refused[i].memory);
	table->refused_count = kept;
}

static void add_want(struct draft *draft, struct want *want)
{
	want->ports = (uint16_t)(want->wish->last - want->wish->port + 1u);
	SYS_GROW(draft->wants, draft->want_count, draft->want_cap);
	draft->wants[draft->want_count++] = *want;
}

static size_t ports_covered(const struct draft *draft, const struct want *want)
{
	size_t count = draft->scope ? 0 : want->ports;

	for (uint16_t i = 0; i < want->ports && draft->scope; i++)
		count += draft_covers(draft, (uint16_t)(net_addr_port(&want->addr) + i));
	return count;
}

/* Makes one for each port that the draft is about. */
static void part_wants(struct draft *draft)
{
	struct want *whole = draft->wants;
	size_t count = draft->want_count, total = 0;

	for (size_t i = 0; i < count; i++)
		total += ports_covered(draft, &whole[i]);
	if (total == count && !draft->scope)
		return;
	draft->wants = sys_alloc(total * sizeof *draft->wants);
	draft->want_count = draft->want_cap = total;
	for (size_t i = 0, at = 0; i < count; i++)
		for (uint16_t ports = whole[i].ports; ports; ports--) {
			if (draft_covers(draft, net_addr_port(&whole[i].addr))) {
				draft->wants[at] = whole[i];
				draft->wants[at++].ports = 1;
			}
			whole[i].offset++;
			net_set_port(&whole[i].addr, (uint16_t)(net_addr_port(&whole[i].addr) + 1));
		}
	free(whole);
}

/* `like` has the service. */
static void admit_service(struct draft *draft, const struct want *like)
{
	struct service *service = like->service;

	refuse_settings(draft, service);
	for (size_t i = 0; i < service->wish_count && !service->wrong; i++) {
		struct want want = *like;
		struct admit_refusal no;

		want.wish = &service->wishes[i];
		if (!admit_wish(&draft->route->rules.admit, service->name, want.wish, want.list->trusted, &draft->table->memory,
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

/* The age of all instances of a name in a list is that of the oldest. */
static uint64_t date_of(const struct roster *roster, size_t start, size_t end)
{
	uint64_t created = UINT64_MAX;

	for (size_t i = start; i < end; i++) {
		uint64_t since = service_since(roster->items[i].service);

		if (since && since < created)
			created = since;
	}
	return created;
}

/* The services of one name in a list: who dials a port of the draft is noted, and whose name is taken is admitted. */
static void add_group(struct draft *draft, struct scope *scope, uint32_t slot, size_t start, size_t end)
{
	const struct roster *roster = &scope->rosters[slot];
	uint64_t created = date_of(roster, start, end);

	for (size_t i = start; i < end; i++) {
		struct roster_item *item = &roster->items[i];
		struct want like = {
			.service = item->service, .item = item, .list = roster->list, .created = created, .slot = slot, .place = item->place
		};

		if (item->service->backend_count && (scope->all || roster_dials(item, &scope->ports))) {
			SYS_GROW(draft->services, draft->service_count, draft->service_cap);
			draft->services[draft->service_count++] = like;
		}
		if (scope->all || item->taken)
			admit_service(draft, &like);
	}
}

static void add_roster(struct draft *draft, struct scope *scope, uint32_t slot)
{
	const struct roster *roster = &scope->rosters[slot];

	for (size_t i = 0; i < roster->count; i++) {
		size_t start = i, end;

		if (!scope->all && !roster->items[i].taken && !roster_dials(&roster->items[i], &scope->ports))
			continue;
		end = roster_end(roster, start);
		while (start && strcmp(roster->items[start - 1].service->name, roster->items[i].service->name) == 0)
			start--;
		add_group(draft, scope, slot, start, end);
		i = end - 1;
	}
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
	entry->port = net_addr_port(&wants->addr);
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

/* Of the wants that are left, sorted by address; they go to the table. */
static void build_entries(struct draft *draft)
{
	struct route_table *table = draft->table;
	size_t count = draft->want_count;

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

/* A draft. */

/* What the table has needed, or the scope. */
static void keep_here(struct draft *draft, const struct scope *scope)
{
	size_t size = scope->here_count * sizeof *scope->here;

	if (!size)
		return;
	draft->table->here = sys_alloc(size);
	draft->table->here_count = scope->here_count;
	draft->here_known = true;
	memcpy(draft->table->here, scope->here, size);
}

static void open_draft(struct draft *draft, const struct scope *scope)
{
	*draft = (struct draft){ .route = scope->route, .table = sys_alloc(sizeof *draft->table) };
	atomic_init(&draft->table->refs, 1);
	if (!scope->all) {
		draft->scope = &scope->ports;
		keep_here(draft, scope);
	}
	keep_ranges(draft, &scope->route->rules.admit.allow);
	for (size_t i = 0; i < scope->count; i++)
		if (scope->rosters[i].list && scope->rosters[i].list->remembered)
			draft->table->remembered = scope->rosters[i].list->title;
}

static void free_draft(struct draft *draft)
{
	free(draft->known);
	free(draft->terms);
	free(draft->services);
	free(draft->wants);
}

static void claim_all(struct draft *draft, struct scope *scope)
{
	for (size_t i = 0; i < scope->count; i++)
		add_roster(draft, scope, (uint32_t)i);
	draft_bounds(draft);
	part_wants(draft);
	draft_spare_neighbours(draft);
	draft_claims(draft);
}

struct route_table *merge_table(struct route *route, struct service_list *const *lists, size_t count)
{
	static const struct roster none;
	struct roster_changes changes = { 0 };
	struct scope scope = { .route = route, .count = count, .all = true, .rosters = sys_alloc(count * sizeof *scope.rosters) };
	struct draft draft;

	for (size_t i = 0; i < count; i++)
		scope.rosters[i] = roster_follow(&none, lists[i], &changes);
	open_draft(&draft, &scope);
	claim_all(&draft, &scope);
	build_entries(&draft);
	sort_refused(draft.table);
	free_draft(&draft);
	for (size_t i = 0; i < count; i++)
		roster_free(&scope.rosters[i]);
	free(scope.rosters);
	free(changes.items);
	return draft.table;
}

/* An update: a draft of what may have changed, and the rest of the table in force. */

/* Then all are counted, see draft_claims(). What it refused before keeps the table at that bound, so it is not below it now. */
static bool may_be_too_many(const struct draft *draft)
{
	size_t most = draft->route->rules.claims.most;

	return most && draft->route->table->count + draft->want_count >= most;
}

static void add_port(struct port_set *ports, const struct net_addr *addr)
{
	port_set_add(ports, net_addr_port(addr), net_addr_port(addr));
}

/* Where the draft, after its claims, has a listener and the table has none, or the other way round. */
static void find_moved(const struct draft *draft, struct port_set *moved)
{
	const struct route_table *old = draft->route->table;
	const struct want *want = draft->wants, *end = want + draft->want_count;

	for (size_t i = 0; i < old->count; i++) {
		const struct net_addr *addr;
		int order = 1;

		if (!draft_covers(draft, old->entries[i]->port))
			continue;
		addr = &old->entries[i]->listener->addr;
		for (; want < end && (order = net_compare(&want->addr, addr)) < 0; want++)
			add_port(moved, &want->addr);
		if (want == end || order)
			add_port(moved, addr);
		while (want < end && net_compare(&want->addr, addr) == 0)
			want++;
	}
	for (; want < end; want++)
		add_port(moved, &want->addr);
}

/* Drafts until all is in the scope that the draft changes. */
static void make_draft(struct draft *draft, struct scope *scope)
{
	for (scope_complete(scope);;) {
		struct port_set moved = { 0 };

		open_draft(draft, scope);
		claim_all(draft, scope);
		if (scope->all)
			return;
		scope->all = may_be_too_many(draft);
		find_moved(draft, &moved);
		if (moved.mask)
			scope_add_dialling(scope, &moved);
		if (!scope_complete(scope) && !scope->all)
			return;
		route_release(draft->table);
		free_draft(draft);
	}
}

static bool same_list(const struct service_list *a, const struct service_list *b)
{
	return !a || !b || (a->trusted == b->trusted && a->checked == b->checked && strcmp(a->source, b->source) == 0 &&
	                    strcmp(a->title, b->title) == 0);
}

/* Whether this host's addresses are those that the table goes by, if it has needed them. */
static bool same_here(const struct route_table *table, struct scope *scope)
{
	bool same = true;

	scope->here_known = table->here_count;
	if (scope->here_known)
		same = (scope->here_count = net_here(&scope->here)) == table->here_count;
	for (size_t i = 0; i < table->here_count && same; i++)
		same = net_compare(&scope->here[i], &table->here[i]) == 0;
	return same;
}

/* Whether the table before can be the ground: rules, sources and this host are what they were. */
static bool is_ground(struct scope *scope, struct service_list *const *lists)
{
	const struct route *route = scope->route;
	bool same = route->rosters && route->roster_count == scope->count;

	for (size_t i = 0; i < scope->count && same; i++)
		same = same_list(route->rosters[i].list, lists[i]);
	return same && same_here(route->table, scope);
}

/* The lists that the next update is compared with. */
static void keep_rosters(struct route *route, struct scope *scope)
{
	if (scope->all)
		route->wanted = (struct port_set){ 0 };
	for (size_t i = 0; i < scope->count && scope->all; i++)
		for (size_t k = 0; k < scope->rosters[i].count; k++)
			roster_each_wish(scope->rosters[i].items[k].service, roster_add_ports, &route->wanted);
	route_forget(route);
	route->rosters = scope->rosters;
	route->roster_count = scope->count;
	route->names_moved = false;
}

struct route_table *merge_update(struct route *route, struct service_list *const *lists, size_t count)
{
	static const struct roster none;
	struct roster_changes changes = { 0 };
	struct scope scope = { .route = route, .count = count };
	struct draft draft;
	size_t total = 0;
	bool ground, differs;

	ground = is_ground(&scope, lists);
	scope.all = !ground;
	scope.rosters = sys_alloc(count * sizeof *scope.rosters);
	for (size_t i = 0; i < count; i++) {
		scope.rosters[i] = roster_follow(scope.all ? &none : &route->rosters[i], lists[i], &changes);
		total += scope.rosters[i].count;
	}
	scope.all = scope.all || (changes.count && changes.count >= total); /* most is new: it is looked at once */
	if (!scope.all)
		scope_open(&scope, &changes);
	make_draft(&draft, &scope);
	build_entries(&draft);
	sort_refused(draft.table);
	differs = join_tables(route->table, draft.table, &scope);
	free_draft(&draft);
	keep_rosters(route, &scope);
	route->names_gone = !ground || changes.named;
	scope_free(&scope);
	free(changes.items);
	if (differs)
		return draft.table;
	route_release(draft.table);
	return NULL;
}
