/* Addresses of backends: which of them a service may have, and which are of this host, where dill listens too. */
#include "base.h"
#include "draft.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "print.h"
#include "resolve_answer.h"
#include "roster.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "socks.h"
#include "sys.h"
#include "text.h"

/* Addresses that are no other host's. */

enum special { ORDINARY, LOOPBACK, UNSPECIFIED, LINK_LOCAL, MULTICAST, BROADCAST };

static const struct {
	const char *name, *v4, *v6;
} specials[] = {
	[LOOPBACK] = { "loopback", "127.0.0.0/8", "::1/128" },
	[UNSPECIFIED] = { "unspecified", "0.0.0.0/8", "::/128" },
	[LINK_LOCAL] = { "link-local", "169.254.0.0/16", "fe80::/10" },
	[MULTICAST] = { "multicast", "224.0.0.0/4", "ff00::/8" },
	[BROADCAST] = { "broadcast", "255.255.255.255/32", NULL },
};

static enum special special_v4(uint32_t host)
{
	return host >> 24 == 0       ? UNSPECIFIED
	       : host >> 16 == 0xa9fe ? LINK_LOCAL
	       : host >> 28 == 14     ? MULTICAST
	       : host == UINT32_MAX   ? BROADCAST
	                              : ORDINARY;
}

static enum special special_of(const struct net_addr *addr)
{
	const struct in6_addr *v6 = &addr->sa.v6.sin6_addr;

	if (net_is_loopback(addr))
		return LOOPBACK;
	if (addr->sa.any.sa_family == AF_INET)
		return special_v4(ntohl(addr->sa.v4.sin_addr.s_addr));
	return IN6_IS_ADDR_UNSPECIFIED(v6) ? UNSPECIFIED
	       : IN6_IS_ADDR_LINKLOCAL(v6) ? LINK_LOCAL
	       : IN6_IS_ADDR_MULTICAST(v6) ? MULTICAST
	                                   : ORDINARY;
}

/* This host. */

/* The system takes 0.0.0.0 for 127.0.0.1. */
static struct net_addr target_of(const struct net_addr *addr)
{
	struct net_addr target = *addr;

	if (net_is_any(addr))
		net_local(slice_of(addr->sa.any.sa_family == AF_INET ? "127.0.0.1" : "::1"), net_addr_port(addr), &target);
	return target;
}

static bool is_here(struct draft *draft, const struct net_addr *target)
{
	struct route_table *table = draft->table;

	if (net_is_loopback(target))
		return true;
	if (!draft->here_known)
		table->here_count = net_here(&table->here);
	draft->here_known = true;
	return route_is_here(table, target);
}

static struct net_addr everywhere(const struct net_addr *addr)
{
	struct net_addr any = { .sa.any.sa_family = addr->sa.any.sa_family };

	net_set_port(&any, net_addr_port(addr));
	return any;
}

/* Whether a connect to the target gets to somebody who listens there. */
static bool reaches(struct draft *draft, const struct net_addr *target, const struct net_addr *listener)
{
	struct net_addr any = everywhere(target);

	return net_compare(target, listener) == 0 || (net_compare(&any, listener) == 0 && is_here(draft, target));
}

/* Listeners. */

static bool is_wanted(const struct draft *draft, uint16_t port)
{
	return draft->ports[port / 8] >> port % 8 & 1;
}

/* The first want of a listener, in wants that are sorted; NULL: there is none. */
static struct want *find_want(const struct draft *draft, const struct net_addr *addr)
{
	size_t low = 0, high = draft->want_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (net_compare(&draft->wants[middle].addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < draft->want_count && net_compare(&draft->wants[low].addr, addr) == 0 ? &draft->wants[low] : NULL;
}

static bool has_listener(const struct draft *draft, const struct net_addr *addr)
{
	return draft_covers(draft, net_addr_port(addr)) ? find_want(draft, addr) != NULL
	                                                : route_find(draft->route->table, addr) != NULL;
}

enum route_return draft_returns(struct draft *draft, const struct net_addr *addr)
{
	struct net_addr target = target_of(addr), any = everywhere(addr);
	uint16_t port = net_addr_port(addr);

	if (!(draft_covers(draft, port) ? is_wanted(draft, port) : port_set_have(&draft->route->wanted, port)))
		return ROUTE_RETURNS_NOT;
	if (has_listener(draft, &target))
		return ROUTE_RETURNS;
	if (!has_listener(draft, &any))
		return ROUTE_RETURNS_NOT;
	return is_here(draft, &target) ? ROUTE_RETURNS : ROUTE_RETURNS_MAYBE;
}

/* Backends of untrusted sources. */

static void refuse_backend(struct draft *draft, const struct want *want, const struct service_backend *backend,
                           const char *rule, const char *why)
{
	struct buf text = { 0 };

	service_put_dialled(want->service, backend, &text);
	draft_refuse(draft, want->service, text.data, rule, why);
	draft->table->refused[draft->table->refused_count - 1].backend = true;
	buf_free(&text);
}

/* The key of dill's own server that is reached at this address; NULL: none is. */
static const char *find_server(struct draft *draft, const struct net_addr *target)
{
	const struct route_rules *rules = &draft->route->rules;

	for (unsigned i = 0; i < rules->server_count; i++)
		if (reaches(draft, target, &rules->servers[i].addr))
			return rules->servers[i].key;
	return NULL;
}

static const char not_allowed[] = "backends.allow", own_listener[] = "listener";

/* The rule by which an untrusted want may not have an address; NULL: it may. */
static const char *rule_against(struct draft *draft, const struct want *want, const struct net_addr *addr)
{
	struct net_addr target = target_of(addr);
	const char *server = find_server(draft, &target);
	enum special special = special_of(addr);

	if (server)
		return server;
	if (special && !(special == LOOPBACK && net_is_loopback(&want->addr)) &&
	    !net_ranges_have(&draft->route->rules.backends, addr))
		return not_allowed;
	return draft_returns(draft, addr) == ROUTE_RETURNS ? own_listener : NULL;
}

static struct net_addr port_below(const struct net_addr *addr)
{
	struct net_addr below = *addr;

	net_set_port(&below, (uint16_t)(net_addr_port(addr) - 1));
	return below;
}

/* Whether the address, which is not allowed, has been refused to the same wish at the port below: of thousands of ports once
 * will do. A server of dill's own was refused as that. */
static bool said_below(struct draft *draft, const struct want *want, const struct net_addr *addr)
{
	struct want below = *want;
	struct net_addr target = port_below(addr);

	below.addr = port_below(&want->addr);
	target = target_of(&target);
	return want->offset && bsearch(&below, draft->wants, draft->want_count, sizeof below, draft_by_address) &&
	       !find_server(draft, &target);
}

bool draft_refuse_address(struct draft *draft, const struct want *want, const struct service_backend *backend,
                          const struct net_addr *addr)
{
	const char *rule = rule_against(draft, want, addr);
	char text[NET_TEXT], why[2 * NET_TEXT + 64];
	enum special special = special_of(addr);

	if (!rule)
		return false;
	if (rule == not_allowed && said_below(draft, want, addr))
		return true;
	net_print(addr, text);
	if (rule == not_allowed) {
		net_print_host(addr, text);
		print_text(why, sizeof why, "%s address %s, which needs backends.allow = %s", specials[special].name, text,
		         addr->sa.any.sa_family == AF_INET ? specials[special].v4 : specials[special].v6);
	} else if (rule == own_listener) {
		print_text(why, sizeof why, "%s is a listener of dill itself", text);
	} else {
		print_text(why, sizeof why, "%s is dill's own %s", text, rule);
	}
	refuse_backend(draft, want, backend, rule, why);
	return true;
}

/* Listeners beside backends. Where the process of a backend is down, dill could take its port: the process could not start
 * again, and its checks would reach dill and succeed. So the port is the process's, unless it is of a service that came
 * after the one that has the listener, or one to which listeners.bind does not grant by name what it grants the other: nobody
 * can take a listener from its owner by naming its address. */

static bool yields(const struct draft *draft, const struct want *of, const struct want *listener)
{
	if (draft_same_service(of, listener))
		return false;
	return draft_by_owner(of, listener) > 0 || (!of->list->trusted && draft_granted(draft, listener->service->name, listener) &&
	                                            !draft_granted(draft, of->service->name, listener));
}

/* Whose the address of a listener is: an array of them has one for each want, and the one of a listener's first want
 * counts. */
struct neighbour {
	const struct want *of; /* NULL: nobody's but the listener's */
	struct net_addr addr;
};

static void note_neighbour(const struct draft *draft, struct neighbour **all, const struct want *of,
                           const struct net_addr *target, const struct want *listener)
{
	struct neighbour *known;

	if (listener->list->trusted || yields(draft, of, listener))
		return;
	if (!*all)
		*all = sys_alloc(draft->want_count * sizeof **all);
	known = &(*all)[listener - draft->wants];
	if (!known->of || draft_by_owner(of, known->of) < 0)
		*known = (struct neighbour){ of, *target };
}

static void note_address(struct draft *draft, struct neighbour **all, const struct want *of, struct net_addr target)
{
	struct net_addr any = everywhere(&target);
	const struct want *same, *wide;

	target = target_of(&target);
	same = find_want(draft, &target);
	wide = find_want(draft, &any);
	if ((!same && !wide) || !is_here(draft, &target))
		return;
	if (same)
		note_neighbour(draft, all, of, &target, same);
	if (wide)
		note_neighbour(draft, all, of, &target, wide);
}

static void note_host(struct draft *draft, struct neighbour **all, const struct want *of, const struct resolve_host *host,
                      uint16_t port)
{
	for (size_t i = 0; i < host->count; i++) {
		struct net_addr addr = host->addrs[i];

		net_unmap(&addr);
		net_set_port(&addr, port);
		note_address(draft, all, of, addr);
	}
}

static void note_port(struct draft *draft, struct neighbour **all, const struct want *of, const char *host, uint16_t port)
{
	struct net_addr addr;

	if (!is_wanted(draft, port))
		return;
	if (net_numeric(slice_of(host), port, &addr))
		note_address(draft, all, of, addr);
	else
		note_host(draft, all, of, draft_lookup(draft, of, host, false).hosts, port);
}

static void note_targets(struct draft *draft, struct neighbour **all, const struct want *of, const char *name)
{
	struct resolve_answer found = draft_lookup(draft, of, name, true);

	for (size_t i = 0; i < found.count; i++)
		if (is_wanted(draft, found.hosts[i].port))
			note_host(draft, all, of, &found.hosts[i], found.hosts[i].port);
}

/* Of the proxy it is, where there is one. */
static void note_backend(struct draft *draft, struct neighbour **all, const struct want *of,
                         const struct service_backend *backend)
{
	struct roster_dialled dialled = roster_dialled(of->service, backend);

	if (dialled.srv)
		note_targets(draft, all, of, dialled.host);
	for (uint32_t port = dialled.first; port <= dialled.last && !dialled.srv; port++)
		note_port(draft, all, of, dialled.host, (uint16_t)port);
}

static void refuse_listener(struct draft *draft, const struct want *want, const struct neighbour *neighbour)
{
	char text[NET_TEXT];
	struct buf why = { 0 };

	net_print(&neighbour->addr, text);
	buf_printf(&why, "%s is a backend of %s on this host", text, neighbour->of->service->name);
	draft_refuse(draft, want->service, want->wish->text, "neighbour", why.data);
	buf_free(&why);
}

/* Refuses the wants for listeners that have a neighbour. */
static void drop_wants(struct draft *draft, const struct neighbour *neighbours)
{
	struct want *wants = draft->wants;
	size_t kept = 0, count = draft->want_count;

	for (size_t i = 0, first = 0; i < count; i++) {
		if (net_compare(&wants[i].addr, &wants[first].addr) != 0)
			first = i;
		if (neighbours[first].of)
			refuse_listener(draft, &wants[i], &neighbours[first]);
		else
			wants[kept++] = wants[i];
	}
	draft->want_count = kept;
}

void draft_spare_neighbours(struct draft *draft)
{
	struct neighbour *all = NULL;

	for (size_t i = 0; i < draft->want_count; i++) {
		uint16_t port = net_addr_port(&draft->wants[i].addr);

		draft->ports[port / 8] |= (uint8_t)(1 << port % 8);
	}
	if (draft->want_count)
		qsort(draft->wants, draft->want_count, sizeof *draft->wants, draft_by_address);
	for (size_t i = 0; i < draft->service_count; i++)
		for (size_t k = 0; k < draft->services[i].service->backend_count; k++)
			note_backend(draft, &all, &draft->services[i], &draft->services[i].service->backends[k]);
	if (all)
		drop_wants(draft, all);
	free(all);
}
