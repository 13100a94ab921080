#include "base.h"
#include "scope.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "resolve_answer.h"
#include "roster.h"
#include "route.h"
#include "service.h"
#include "sys.h"
#include "text.h"

#define ROUNDS 8 /* of what hangs together with what: beyond that all of it is looked at */

static bool add_ports(void *arg, uint16_t first, uint16_t last)
{
	struct scope *scope = arg;

	if (port_set_add_within(&scope->ports, &scope->route->wanted, first, last))
		scope->grew = true;
	return false;
}

/* Looks at all services of a name. `whole`: at each of their ports. */
static void scope_name(struct scope *scope, const char *name, bool whole)
{
	SYS_GROW(scope->names, scope->name_count, scope->name_cap);
	scope->names[scope->name_count++] = name;
	for (size_t list = 0; list < scope->count; list++) {
		struct roster *roster = &scope->rosters[list];
		size_t at = roster_find(roster, name);

		for (; at < roster->count && strcmp(roster->items[at].service->name, name) == 0; at++) {
			roster->items[at].taken = true;
			if (whole)
				roster_each_wish(roster->items[at].service, add_ports, scope);
		}
	}
}

static bool is_taken(const struct scope *scope, const char *name)
{
	for (size_t list = 0; list < scope->count; list++) {
		size_t at = roster_find(&scope->rosters[list], name);

		if (at < scope->rosters[list].count && strcmp(scope->rosters[list].items[at].service->name, name) == 0)
			return scope->rosters[list].items[at].taken;
	}
	return true; /* it has left */
}

/* Whether it may be this host that is dialled. */
static bool dials_here(struct scope *scope, const char *host)
{
	struct net_addr addr;

	if (!net_numeric(slice_of(host), 0, &addr) || net_is_any(&addr) || net_is_loopback(&addr))
		return true;
	if (!scope->here_known)
		scope->here_count = net_here(&scope->here);
	scope->here_known = true;
	return route_is_here(&(struct route_table){ .here = scope->here, .here_count = scope->here_count }, &addr);
}

/* What an SRV name stands for now. */
static struct resolve_answer targets_of(const struct scope *scope, const char *name)
{
	return scope->route->rules.lookup(scope->route->rules.lookup_arg, name, true);
}

static void add_targets(struct scope *scope, const char *name)
{
	struct resolve_answer found = targets_of(scope, name);

	for (size_t i = 0; i < found.count; i++)
		add_ports(scope, found.hosts[i].port, found.hosts[i].port);
}

/* A service that has come, has left, or is one of several of its name of which one has. Nobody but processes on this host has
 * a right to what is listened on here. */
static void add_changed(struct scope *scope, const struct service *service)
{
	roster_each_wish(service, add_ports, scope);
	for (uint32_t i = 0; i < service->backend_count; i++) {
		struct roster_dialled dialled = roster_dialled(service, &service->backends[i]);

		scope->targets_left = scope->targets_left || dialled.srv;
		if (dialled.srv)
			add_targets(scope, dialled.host);
		else if (port_set_meets(&scope->route->wanted, dialled.first, dialled.last) && dials_here(scope, dialled.host))
			add_ports(scope, dialled.first, dialled.last);
	}
}

/* All of a name, whose age and bounds are those of all together. */
static void take_changed(struct scope *scope, const char *name)
{
	scope_name(scope, name, true);
	for (size_t list = 0; list < scope->count; list++) {
		struct roster *roster = &scope->rosters[list];
		size_t at = roster_find(roster, name);

		for (; at < roster->count && strcmp(roster->items[at].service->name, name) == 0; at++)
			add_changed(scope, roster->items[at].service);
	}
}

static int by_changed_name(const void *a, const void *b)
{
	return strcmp((*(struct service *const *)a)->name, (*(struct service *const *)b)->name);
}

static void add_changes(struct scope *scope, const struct roster_changes *changes)
{
	const char *last = NULL;

	if (changes->count)
		qsort(changes->items, changes->count, sizeof *changes->items, by_changed_name);
	for (size_t i = 0; i < changes->count; i++) {
		const char *name = changes->items[i]->name;

		add_changed(scope, changes->items[i]);
		if (!last || strcmp(last, name) != 0)
			take_changed(scope, name);
		last = name;
	}
}

/* Whether names of a service have moved, and the ports that targets have. All are looked up: else they would not be in use any
 * more. */
struct moved {
	const struct route_rules *rules;
	uint64_t ports; /* a mask */
	bool any;
};

static bool note_moved(void *arg, const char *name, bool srv)
{
	struct moved *moved = arg;
	struct resolve_answer found = moved->rules->lookup(moved->rules->lookup_arg, name, srv);

	for (size_t i = 0; i < found.count; i++)
		moved->ports |= (uint64_t)1 << found.hosts[i].port % 64;
	moved->any = moved->any || found.moved;
	return false;
}

/* Those whose names stand for something else now. */
static void add_named(struct scope *scope)
{
	for (size_t list = 0; list < scope->count; list++)
		for (size_t i = 0; i < scope->rosters[list].count; i++) {
			struct roster_item *item = &scope->rosters[list].items[i];
			struct moved moved = { &scope->route->rules, 0, false };

			if (item->asked)
				roster_each_name(item->service, note_moved, &moved);
			if (item->asked && item->srv)
				roster_set_targets(item, moved.ports);
			if (moved.any && !item->taken)
				take_changed(scope, item->service->name);
		}
}

/* A listener that gives way to one of those may be had now. */
static void add_neighbours(struct scope *scope)
{
	const struct route_table *table = scope->route->table;

	for (size_t i = 0; i < table->refused_count; i++)
		if (strcmp(table->refused[i].rule, "neighbour") == 0 && !is_taken(scope, table->refused[i].service))
			scope_name(scope, table->refused[i].service, true);
}

void scope_open(struct scope *scope, const struct roster_changes *changes)
{
	const struct route_claims *claims = &scope->route->rules.claims;

	for (size_t i = 0; i < changes->count; i++) /* also what has left, which makes no difference */
		roster_each_wish(changes->items[i], roster_add_ports, &scope->route->wanted);
	add_changes(scope, changes);
	if (scope->route->names_moved)
		add_named(scope);
	if (scope->targets_left)
		add_neighbours(scope);
	/* Whether they are this host's may have changed, and where their hosts are. */
	for (size_t i = 0; i < claims->reserved_count; i++)
		add_ports(scope, claims->reserved[i].port, claims->reserved[i].port);
}

/* One round. A service of which nothing was refused can be looked at at some of its ports only: at the others nothing is
 * refused now, either. */
static void take_wanting(struct scope *scope)
{
	for (size_t list = 0; list < scope->count; list++)
		for (size_t i = 0; i < scope->rosters[list].count; i++) {
			struct roster_item *item = &scope->rosters[list].items[i];

			if (!item->taken && roster_wants(item, &scope->ports))
				scope_name(scope, item->service->name, route_refused(scope->route->table, item->service->name, NULL));
		}
}

bool scope_complete(struct scope *scope)
{
	bool grew = scope->grew;
	int rounds = 0;

	if (scope->all || !grew)
		return grew;
	for (; scope->grew && rounds < ROUNDS; rounds++) {
		scope->grew = false;
		take_wanting(scope);
	}
	scope->all = scope->grew;
	scope->grew = false;
	return true;
}

/* Also for one with targets. */
static bool dials_one(const struct scope *scope, const struct roster_item *item, struct port_set *ports)
{
	const struct service *service = item->service;
	bool found = roster_dials(item, ports);

	if (!found || !item->srv)
		return found;
	found = false;
	for (uint32_t i = 0; i < service->backend_count && !found; i++) {
		struct roster_dialled dialled = roster_dialled(service, &service->backends[i]);
		struct resolve_answer targets = { 0 };

		if (dialled.srv)
			targets = targets_of(scope, dialled.host);
		else
			found = port_set_meets(ports, dialled.first, dialled.last);
		for (size_t k = 0; k < targets.count && !found; k++)
			found = port_set_have(ports, targets.hosts[k].port);
	}
	return found;
}

void scope_add_dialling(struct scope *scope, struct port_set *moved)
{
	for (size_t list = 0; list < scope->count; list++)
		for (size_t i = 0; i < scope->rosters[list].count; i++) {
			const struct roster_item *item = &scope->rosters[list].items[i];

			if (dials_one(scope, item, moved))
				roster_each_wish(item->service, add_ports, scope);
		}
}

void scope_free(struct scope *scope)
{
	free(scope->names);
	free(scope->here);
}
