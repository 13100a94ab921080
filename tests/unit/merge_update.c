/* A table that is kept up to date is the one that would be made from scratch, whatever comes and goes. Random changes of three
 * lists, for a few ports that listeners and backends have in common, are put in force in two routes: one updates its table, the
 * other forgets each time what it was made of. The first argument is the number of steps, the second the seed. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "figures.h"
#include "table.h"
#include "../../publish.h"

#define LISTS 3  /* of the configuration, Consul and a URL */
#define SLOTS 14 /* services of a list */
#define STEPS 150 /* of one world */

static uint32_t state = 1;

static unsigned below(unsigned most)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % most;
}

static bool one_in(unsigned most)
{
	return !below(most);
}

#define ANY_OF(array) ((array)[below(ARRAY_LEN(array))])

struct world {
	struct route kept, fresh;
	struct service *slots[LISTS][SLOTS];
	bool away[LISTS]; /* it has no list */
	struct route_reserved reserved[4];
	struct bind_table bind;
	struct arena memory;
	unsigned ports;
	unsigned long updates, parts; /* parts: updates that have kept an entry */
};

/* Names stand for something else from time to time. Returns whether one does. */

static bool change_host(struct table_host *host)
{
	struct table_host was = *host;

	host->first = below(ARRAY_LEN(table_addresses));
	host->count = below((unsigned)(ARRAY_LEN(table_addresses) - host->first) + 1);
	host->why = one_in(3) ? "SERVFAIL" : NULL;
	host->still = host->first == was.first && host->count == was.count && !host->why == !was.why;
	return !host->still;
}

static bool change_srv(const struct world *world, struct table_srv *srv)
{
	static const char *const hosts[] = { "one", "two", "here", "here", "none" };
	bool last = false;

	srv->state = below(RESOLVE_STATES);
	srv->why = srv->state >= RESOLVE_KEPT ? "SERVFAIL" : NULL;
	srv->count = srv->state == RESOLVE_GOOD || srv->state == RESOLVE_KEPT ? 1 + below(ARRAY_LEN(srv->targets)) : 0;
	for (size_t i = 0; i < srv->count; i++) {
		uint16_t port = (uint16_t)(one_in(20) ? 0 : one_in(4) ? 80 : 2000 + below(world->ports));

		last = last || (i && one_in(3));
		srv->targets[i] = (struct table_target){ ANY_OF(hosts), port, (uint16_t)below(3), last };
	}
	srv->still = false;
	return true;
}

/* A round of the resolver: what has not moved says so. */
static bool change_names(const struct world *world, unsigned often)
{
	bool moved = false;

	for (size_t i = 0; i < ARRAY_LEN(table_hosts); i++) {
		table_hosts[i].still = true;
		moved |= one_in(often) && change_host(&table_hosts[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(table_srvs); i++) {
		table_srvs[i].still = true;
		moved |= one_in(often) && change_srv(world, &table_srvs[i]);
	}
	return moved;
}

#define NAMES (ARRAY_LEN(table_hosts) + ARRAY_LEN(table_srvs))

/* Which names have been looked up since the last time. */
static void take_used(bool used[NAMES])
{
	for (size_t i = 0; i < NAMES; i++) {
		bool *at = i < ARRAY_LEN(table_hosts) ? &table_hosts[i].used : &table_srvs[i - ARRAY_LEN(table_hosts)].used;

		used[i] = *at;
		*at = false;
	}
}

static void put_wish(struct world *world, struct buf *out, bool trusted)
{
	static const char *const labels[] = { "local", "local", "local", "other", "six", "any", "any", "lan" };
	unsigned port = 2000 + below(world->ports);

	buf_puts(out, out->len ? "," : "");
	if (trusted && one_in(4))
		buf_printf(out, "127.0.0.%u:%u", 1 + below(3), port);
	else
		buf_printf(out, "%s:%u", ANY_OF(labels), one_in(20) ? 80 : port);
	if (one_in(5))
		buf_printf(out, "-%u", port + below(4));
	if (one_in(40))
		buf_puts(out, ":x");
}

/* An address of this host that others reach, if it has one. */
static char own[NET_TEXT] = "127.0.0.3";

static void find_own(void)
{
	struct net_addr *here;

	for (size_t i = net_here(&here); i-- > 0;)
		if (here[i].sa.any.sa_family == AF_INET && !net_is_loopback(&here[i]))
			net_print_host(&here[i], own);
	free(here);
}

static void put_backend(struct world *world, struct buf *out)
{
	const char *const hosts[] = {
		"127.0.0.1", own, own, "127.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.3", "one", "two", "none", "here", "0.0.0.0", "[::1]",
		"169.254.0.1"
	};
	const char *srv = table_srvs[below(ARRAY_LEN(table_srvs))].name;

	if (one_in(5)) {
		buf_printf(out, "%s%s", out->len ? " " : "", srv);
		return;
	}

	buf_printf(out, "%s%s:%u", out->len ? " " : "", ANY_OF(hosts), one_in(3) ? 80 : 2000 + below(world->ports));
	if (one_in(6))
		buf_printf(out, "*%u", 1 + below(3));
}

static void put_options(struct world *world, struct buf *out, unsigned instance)
{
	static const char *const options[] = {
		"balance=p2c", "balance=random", "balance=wrong", "allow=1.1.1.1", "deny=2.2.2.2", "allow=x", "proxy=socks5://10.0.0.9:1080",
		"proxy=socks5://one:1080", "proxy=socks5://127.0.0.1:2001", "fault=broken", "held"
	};

	if (instance)
		buf_printf(out, "instance=i%u ", instance);
	if (one_in(2))
		buf_printf(out, "created=%u ", 1 + below(6));
	if (one_in(6))
		buf_printf(out, "ports=%u ", 2000 + below(world->ports));
	if (one_in(4))
		buf_printf(out, "%s ", ANY_OF(options));
}

/* Names are the more, the later the slot: as Consul's lists have them, which are sorted. */
static struct service *new_service(struct world *world, unsigned which, unsigned slot)
{
	bool trusted = !which;
	struct service_list *list = service_list_new();
	struct buf wishes = { 0 }, backends = { 0 }, options = { 0 };
	struct service *service;
	char name[2] = { (char)('a' + slot / 2), 0 };

	for (unsigned i = below(8) ? 1 + below(2) : 0; i; i--)
		put_wish(world, &wishes, trusted);
	for (unsigned i = below(6) ? 1 + below(3) : 0; i; i--)
		put_backend(world, &backends);
	put_options(world, &options, which == 1 ? 1 + slot % 2 : 0);
	service = list_add(list, name, wishes.data ? wishes.data : "", backends.data ? backends.data : "");
	if (options.data)
		table_set_options(service, slice_of(options.data));
	service_seal(service);
	service_ref(service);
	service_list_unref(list);
	buf_free(&wishes);
	buf_free(&backends);
	buf_free(&options);
	return service;
}

static void change_slot(struct world *world, unsigned which, unsigned slot)
{
	struct service **at = &world->slots[which][slot];

	if (*at)
		service_unref(*at);
	*at = one_in(3) ? NULL : new_service(world, which, slot);
}

/* Lists of documents are in no order, and may have a name more than once. */
static void swap_slots(struct world *world, unsigned which)
{
	struct service **slots = world->slots[which], *service;
	unsigned a = below(SLOTS), b = below(SLOTS);

	service = slots[a];
	slots[a] = slots[b];
	slots[b] = service;
}

/* Services that are held stand behind all others. Other lists have theirs as they were written. */
static struct service_list *make_list(struct world *world, unsigned which)
{
	static const char *const titles[LISTS] = { "the configuration", "Consul", "the routing URL" };
	static const char *const sources[LISTS] = { "static", "consul", "http" };
	struct service_list *list = service_list_new();
	unsigned first = which == 1 || below(8) ? 0 : below(SLOTS);

	list->source = !which && one_in(50) ? "file" : sources[which];
	list->title = titles[which];
	list->trusted = !which;
	list->checked = which == 1;
	list->remembered = which == 1 && one_in(50);
	for (unsigned held = 0; held < 2; held++)
		for (unsigned i = 0; i < SLOTS; i++) {
			struct service *service = world->slots[which][(first + i) % SLOTS];

			if (service && service->held == held)
				service_share(list, service);
		}
	return list;
}

/* All that a table says, also what table_put() leaves out. */
static void put_table(struct buf *out, const struct route_table *table)
{
	table_put(out, table);
	for (size_t i = 0; i < table->count; i++) {
		const struct route_entry *entry = table->entries[i];
		const struct route_owner *owner = &entry->owner;

		buf_printf(out, "%s: %s of %s, %zu names, %u terms", entry->listener->name, owner->wish->text,
		           owner->service->instance ? owner->service->instance : "", entry->name_count, entry->term_count);
		for (unsigned t = 0; t < entry->term_count; t++)
			if (service_options_asked(entry->terms[t].options))
				buf_printf(out, " asked by %s", entry->terms[t].service->name);
		for (unsigned s = 0; s < entry->share_count; s++)
			buf_printf(out, " %s:%u+%u/%u", entry->shares[s].service, entry->shares[s].first, entry->shares[s].count,
			           entry->shares[s].round_len);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < table->refused_count; i++)
		buf_printf(out, "%d", table->refused[i].backend);
	buf_printf(out, " %s\n", table->remembered ? table->remembered : "");
}

/* Also of its objects. */
static void put_route(struct buf *out, const struct route *route)
{
	put_table(out, route->table);
	for (size_t i = 0; i < route->table->count; i++)
		buf_printf(out, "%u ", atomic_load(&route->table->entries[i]->listener->tables));
	buf_printf(out, "%zu retired, %zu listeners\n", route->retired_count, route->retired_listener_count);
}

/* Listeners of both have their clients at the same places. */
static void connect_clients(struct world *world)
{
	for (size_t i = 0; i < world->kept.table->count; i++)
		for (unsigned b = 0; b < world->kept.table->entries[i]->count; b++)
			if (one_in(8)) {
				unsigned active = below(2);

				set_backend_active(world->kept.table->entries[i]->backends[b], active);
				set_backend_active(world->fresh.table->entries[i]->backends[b], active);
			}
}

/* The list of changes leads from the old entries to the new ones; what it leaves out is the same. */
static bool changes_fit(const struct route_table *old, const struct route_table *now)
{
	size_t at = 0, is = 0;

	for (size_t i = 0; i < now->change_count; i++) {
		const struct route_change *change = &now->changes[i];

		while (at < old->count && is < now->count && old->entries[at] != change->old && now->entries[is] != change->now)
			if (old->entries[at++] != now->entries[is++])
				return false;
		if (change->old && (at == old->count || old->entries[at++] != change->old))
			return false;
		if (change->now && (is == now->count || now->entries[is++] != change->now))
			return false;
	}
	while (at < old->count && is < now->count)
		if (old->entries[at++] != now->entries[is++])
			return false;
	return at == old->count && is == now->count;
}

static bool same_changes(const struct route_table *a, const struct route_table *b)
{
	bool same = a->change_count == b->change_count;

	for (size_t i = 0; i < a->change_count && same; i++) {
		const struct route_entry *x = a->changes[i].old ? a->changes[i].old : a->changes[i].now;
		const struct route_entry *y = b->changes[i].old ? b->changes[i].old : b->changes[i].now;

		same = !a->changes[i].old == !b->changes[i].old && !a->changes[i].now == !b->changes[i].now &&
		       net_compare(&x->listener->addr, &y->listener->addr) == 0;
	}
	return same;
}

/* Nothing of the tables before is in there; but while an agent has no address yet, it matters what is open. */
static void compare_with_scratch(struct world *world, struct service_list *const *lists, const char *step)
{
	struct buf kept = { 0 }, scratch = { 0 }, what = { 0 };
	struct route_table *table;

	if (!table_host("one")->count && world->kept.rules.claims.reserved_count > 1)
		return;
	table = merge_table(&world->kept, lists, LISTS);
	put_table(&kept, world->kept.table);
	put_table(&scratch, table);
	buf_printf(&what, "%s:\n%s\nand not\n%s", step, kept.data, scratch.data);
	check(strcmp(kept.data, scratch.data) == 0, "as from scratch", what.data);
	route_release(table);
	buf_free(&kept);
	buf_free(&scratch);
	buf_free(&what);
}

static void update(struct world *world, const char *step)
{
	struct service_list *lists[LISTS];
	struct route_table *before = route_take(&world->kept), *other = route_take(&world->fresh);
	struct buf kept = { 0 }, fresh = { 0 }, what = { 0 };
	bool news, again, round = world->kept.names_moved, used[NAMES], in_use[NAMES];

	for (unsigned i = 0; i < LISTS; i++)
		lists[i] = world->away[i] ? NULL : make_list(world, i);
	world->fresh.names_moved = round;
	route_forget(&world->fresh);
	take_used(used);
	news = publish_update(&world->kept, lists, LISTS);
	take_used(used);
	again = publish_update(&world->fresh, lists, LISTS);
	take_used(in_use);
	for (size_t i = 0; i < NAMES && round; i++)
		check(used[i] || !in_use[i], "in a round all that are in use", "are looked up");
	check(news == again, news ? "news" : "no news", step);
	put_route(&kept, &world->kept);
	put_route(&fresh, &world->fresh);
	buf_printf(&what, "%s:\n%s\nand not\n%s", step, kept.data, fresh.data);
	check(strcmp(kept.data, fresh.data) == 0, "the same table", what.data);
	if (news)
		check(changes_fit(before, world->kept.table) && same_changes(world->kept.table, world->fresh.table), "changes", what.data);
	compare_with_scratch(world, lists, step);
	world->updates += news;
	world->parts += news && world->kept.table->change_count < world->kept.table->count;
	route_release(before);
	route_release(other);
	for (unsigned i = 0; i < LISTS; i++)
		service_list_unref(lists[i]);
	buf_free(&kept);
	buf_free(&fresh);
	buf_free(&what);
}

static void change_rules(struct world *world)
{
	struct route_rules *rules = &world->kept.rules;

	rules->claims.reserved_count = below(3);
	rules->claims.by_name = one_in(3);
	rules->claims.per_service = one_in(2) ? 0 : 2 + below(6);
	rules->claims.most = one_in(2) ? 0 : 4 + below(40);
	rules->server_count = below(2);
}

static void open_world(struct world *world)
{
	struct route_rules *rules = &world->kept.rules;

	*world = (struct world){ .ports = 3 + below(12) };
	table_open(&world->kept);
	table_open(&world->fresh);
	world->reserved[0] = (struct route_reserved){ .port = 2001, .rule = "listeners.reserved", .why = "is reserved" };
	world->reserved[1] = (struct route_reserved){ .port = 2002, .rule = "consul.address", .why = "is Consul's", .host = "one", .dialled = true };
	net_numeric(slice_of("127.0.0.1"), 2001, &world->reserved[0].addr);
	rules->claims.reserved = world->reserved;
	change_rules(world);
	rules->servers[0].key = "peek.listener";
	net_numeric(slice_of("127.0.0.1"), 2003, &rules->servers[0].addr);
	if (one_in(2))
		net_ranges_parse(slice_of("127.0.0.0/8,169.254.0.0/16"), &world->memory, &rules->backends);
	if (one_in(3)) {
		bind_set(&world->bind, "a=local:2000-2004;*=local:*,any:*,other:2000-2006,six:*", "here", &world->memory);
		bind_seal(&world->bind, &world->memory);
		rules->admit.bind = &world->bind;
	}
	world->fresh.rules = *rules;
	change_names(world, 1);
}

/* Now and then a source comes or goes, or the configuration is read again. */
static void change_world(struct world *world)
{
	unsigned which = below(LISTS);

	if (one_in(30))
		world->away[which] = !world->away[which];
	if (one_in(10))
		swap_slots(world, 2 * below(2));
	if (one_in(50)) {
		change_rules(world);
		world->fresh.rules = world->kept.rules;
		route_forget(&world->kept);
	}
	if (one_in(5))
		world->kept.names_moved = change_names(world, 6) || one_in(2);
}

static void close_world(struct world *world)
{
	route_close(&world->kept);
	route_close(&world->fresh);
	for (unsigned i = 0; i < LISTS * SLOTS; i++)
		if (world->slots[i / SLOTS][i % SLOTS])
			service_unref(world->slots[i / SLOTS][i % SLOTS]);
	arena_free(&world->memory);
}

int main(int argc, char **argv)
{
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 6000, parts = 0, updates = 0;
	static struct world world;

	find_own();
	net_numeric(slice_of(own), 0, &table_addresses[4]);
	state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	for (unsigned long step = 0; step < steps && failed < 3; step++) {
		char text[40];

		if (step % STEPS == 0) {
			if (step)
				close_world(&world);
			open_world(&world);
		}
		snprintf(text, sizeof text, "step %lu", step);
		for (unsigned i = step % STEPS ? 1 + below(2) : SLOTS; i; i--)
			change_slot(&world, below(LISTS), below(SLOTS));
		change_world(&world);
		connect_clients(&world);
		parts -= world.parts;
		updates -= world.updates;
		update(&world, text);
		parts += world.parts;
		updates += world.updates;
	}
	close_world(&world);
	check(steps < 1000 || (updates > steps / 2 && parts > updates / 2), "most updates", "keep most entries");
	return check_sum();
}
