/* Lists of two sources, and tables made of them, as text: what the tests of merging and publishing share. */
#ifndef TABLE_H
#define TABLE_H

#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "merge.h"
#include "route.h"

static struct option_label table_labels[] = { { .name = "local" }, { .name = "other" }, { .name = "six" }, { .name = "any" } };
static const struct option_labels table_allowed = { table_labels, ARRAY_LEN(table_labels), 0 };
/* Names, of hosts and of SRV records. A test may change them. */

static struct net_addr table_addresses[5]; /* a test may fill in the last one */

static struct table_host {
	const char *name;
	size_t first, count; /* of table_addresses */
	const char *why;     /* with addresses: they are kept; without: NXDOMAIN is said */
	bool still;          /* it has not moved */
	bool used;           /* it was looked up */
} table_hosts[] = {
	{ .name = "one", .count = 1 }, { .name = "two", .count = 2 }, { .name = "here", .first = 2, .count = 1 },
	{ .name = "old", .count = 1, .why = "SERVFAIL" }
};

struct table_target {
	const char *host;
	uint16_t port, weight;
	bool last;
};

static struct table_srv {
	const char *name;
	enum resolve_state state;
	const char *why;
	size_t count;
	struct table_target targets[4];
	bool still, used;
} table_srvs[] = {
	{ "_pg._tcp.x", RESOLVE_GOOD, NULL, 2, { { "one", 5001, 0, false }, { "two", 5002, 10, false } }, false, false },
	{ "_tier._tcp.x", RESOLVE_GOOD, NULL, 3, { { "one", 5001, 2, false }, { "two", 5002, 3, true }, { "none", 5003, 1, true } }, false, false },
	{ "_kept._tcp.x", RESOLVE_KEPT, "SERVFAIL", 2, { { "one", 5004, 1, false }, { "none", 5003, 1, false } }, false, false },
	{ "_here._tcp.x", RESOLVE_GOOD, NULL, 1, { { "here", 2000, 1, false } }, false, false },
	{ "_port._tcp.x", RESOLVE_GOOD, NULL, 2, { { "two", 0, 1, false }, { "one", 5001, 1, false } }, false, false },
	{ "_new._tcp.x", RESOLVE_ASKED, NULL, 0, { { 0 } }, false, false },
	{ "_spare._tcp.x", RESOLVE_GOOD, NULL, 2, { { "none", 5003, 1, false }, { "two", 5002, 1, true } }, false, false },
};

static inline struct table_host *table_host(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table_hosts); i++)
		if (strcmp(table_hosts[i].name, name) == 0)
			return &table_hosts[i];
	return NULL;
}

static inline struct resolve_host table_resolve(const char *name)
{
	const struct table_host *of = table_host(name);

	if (!of || !of->count)
		return (struct resolve_host){ .name = name, .state = RESOLVE_FAILED, .why = "NXDOMAIN" };
	return (struct resolve_host){
		.name = of->name, .state = of->why ? RESOLVE_KEPT : RESOLVE_GOOD, .why = of->why,
		.addrs = table_addresses + of->first, .count = of->count
	};
}

static inline struct resolve_answer table_lookup_srv(const char *name)
{
	static struct resolve_host hosts[ARRAY_LEN(table_srvs)][ARRAY_LEN(table_srvs->targets)];

	for (size_t i = 0; i < ARRAY_LEN(table_srvs); i++) {
		struct table_srv *srv = &table_srvs[i];
		bool moved = !srv->still;

		if (strcmp(srv->name, name) != 0)
			continue;
		srv->used = true;
		for (size_t k = 0; k < srv->count; k++) {
			const struct table_host *of = table_host(srv->targets[k].host);

			hosts[i][k] = table_resolve(srv->targets[k].host);
			hosts[i][k].port = srv->targets[k].port;
			hosts[i][k].weight = srv->targets[k].weight;
			hosts[i][k].last = srv->targets[k].last;
			moved = moved || (of && !of->still);
		}
		return (struct resolve_answer){ srv->state, srv->why, hosts[i], srv->count, moved };
	}
	return (struct resolve_answer){ .state = RESOLVE_FAILED, .why = "NXDOMAIN" };
}

/* Names that are not there have nothing. */
static inline struct resolve_answer table_lookup(void *arg, const char *name, bool srv)
{
	static struct resolve_host hosts[ARRAY_LEN(table_hosts)], none;
	struct table_host *of = table_host(name);
	struct resolve_host *host = of ? &hosts[of - table_hosts] : &none;

	(void)arg;
	if (srv)
		return table_lookup_srv(name);
	*host = table_resolve(name);
	if (of)
		of->used = true;
	return (struct resolve_answer){ host->state, host->why, host, 1, of && !of->still };
}

static inline void table_open(struct route *route)
{
	static const struct route_rules rules = {
		.admit = { .labels = &table_allowed, .port_min = 1024, .port_max = 49151 }, .balance = SERVICE_ROUND_ROBIN,
		.lookup = table_lookup
	};

	net_numeric(slice_of("127.0.0.1"), 0, &table_labels[0].addr);
	net_numeric(slice_of("127.0.0.2"), 0, &table_labels[1].addr);
	net_numeric(slice_of("::1"), 0, &table_labels[2].addr);
	net_numeric(slice_of("0.0.0.0"), 0, &table_labels[3].addr);
	net_numeric(slice_of("10.9.0.1"), 0, &table_addresses[0]);
	net_numeric(slice_of("10.9.0.2"), 0, &table_addresses[1]);
	net_numeric(slice_of("127.0.0.1"), 0, &table_addresses[2]);
	net_numeric(slice_of("10.9.0.4"), 0, &table_addresses[3]);
	*route = (struct route){ .lock = PTHREAD_MUTEX_INITIALIZER };
	route_open(route, &rules);
	route->dry = true;
}

static inline void table_set_options(struct service *service, struct slice text)
{
	struct slice part, name;

	while (slice_next(&text, ' ', &part)) {
		if (!part.len)
			continue;
		slice_next(&part, '=', &name);
		if (slice_is(name, "instance"))
			service->instance = arena_dup(&service->memory, part.at, part.len);
		else if (slice_is(name, "fault"))
			service->fault = arena_dup(&service->memory, part.at, part.len);
		else if (slice_is(name, "held"))
			service->held = true;
		else if (slice_is(name, "created"))
			service->created = strtoull(part.at, NULL, 10);
		else
			service_set(service, service_option_find(name), part, "origin");
	}
	service->node = service->instance ? "node" : NULL;
}

/* A line each: SOURCE NAME|WISHES|BACKENDS|OPTIONS. The sources are s, static and trusted, or f in its place, a file; and c,
 * Consul. Instances, faults, CreateIndex and that a service is held are options, too. */
static inline void table_lists(const char *text, struct service_list *lists[2])
{
	struct slice rest = slice_of(text), line, part;
	struct arena memory = { 0 };

	for (int i = 0; i < 2; i++) {
		lists[i] = service_list_new();
		lists[i]->source = i ? "consul" : "static";
		lists[i]->title = i ? "Consul" : "the configuration";
		lists[i]->trusted = !i;
		lists[i]->checked = i;
	}
	while (slice_next(&rest, '\n', &line)) {
		const char *field[3];
		struct service *service;

		if (!line.len)
			continue;
		for (int i = 0; i < 3; i++) {
			slice_next(&line, '|', &part);
			field[i] = arena_dup(&memory, part.at, part.len);
		}
		if (field[0][0] == 'f')
			lists[0]->source = "file";
		service = list_add(lists[field[0][0] == 'c'], field[0] + 2, field[1], field[2]);
		table_set_options(service, line);
		service_seal(service);
	}
	arena_free(&memory);
}

/* The table that these lists make: see table_lists(). */
static inline struct route_table *table_merge(struct route *route, const char *text)
{
	struct service_list *lists[2];
	struct route_table *table;

	table_lists(text, lists);
	table = merge_table(route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	return table;
}

/* What the service of a backend asks of clients and of it. */
static inline void table_put_options(struct buf *out, const struct route_entry *entry, unsigned b)
{
	const struct service_options *options = route_options(entry, b);

	if (options->proxy_protocol)
		buf_printf(out, " v%d", options->proxy_protocol);
	if (options->limited)
		buf_printf(out, " allow%zu", options->allow.count);
	if (options->deny.count)
		buf_printf(out, " deny%zu", options->deny.count);
}

/* The names behind the backends: each at its first backend, one without any at the end. */
static inline void table_put_target(struct buf *out, const struct route_entry *entry, unsigned target)
{
	const struct route_target *is = &entry->targets[target];

	buf_printf(out, " (%s%s%s%s%s)", is->name, is->state == RESOLVE_GOOD ? "" : " ",
	           is->state == RESOLVE_GOOD ? "" : resolve_state_names[is->state], is->why ? ": " : "", is->why ? is->why : "");
}

static inline void table_put_targets(struct buf *out, const struct route_entry *entry)
{
	for (unsigned target = 0, b; target < entry->target_count; target++) {
		for (b = 0; b < entry->count && entry->target_of[b] != target + 1;)
			b++;
		if (b == entry->count)
			table_put_target(out, entry, target);
	}
}

static inline void table_put(struct buf *out, const struct route_table *table)
{
	out->len = 0;
	buf_puts(out, "");
	for (size_t i = 0; i < table->count; i++) {
		const struct route_entry *entry = table->entries[i];

		buf_printf(out, "%s %s of %s/%s", entry->listener->name, entry->services, entry->owner.source, entry->owner.service->name);
		for (unsigned b = 0; b < entry->count; b++) {
			for (unsigned k = 0; k < entry->share_count; k++)
				if (entry->shares[k].first == b)
					buf_puts(out, k == entry->share_count - entry->last_shares ? " ||" : k ? " |" : "");
			buf_printf(out, " %s", entry->backends[b]->name);
			if (entry->weights[b] != 1)
				buf_printf(out, "*%u", entry->weights[b]);
			buf_puts(out, entry->backends[b]->unchecked ? "" : "+");
			buf_puts(out, (const char *[]){ "", " ?", " !" }[atomic_load(&entry->backends[b]->returns)]);
			table_put_options(out, entry, b);
			if (entry->target_of && entry->target_of[b] && (!b || entry->target_of[b - 1] != entry->target_of[b]))
				table_put_target(out, entry, entry->target_of[b] - 1);
		}
		table_put_targets(out, entry);
		if (entry->balance)
			buf_printf(out, " %s", service_balance_names[entry->balance]);
		if (entry->conflict)
			buf_printf(out, " (%s)", entry->conflict);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < table->refused_count; i++)
		buf_printf(out, "refused: %s %s [%s] %s\n", table->refused[i].service, table->refused[i].wish, table->refused[i].rule,
		           table->refused[i].reason);
}

#endif
