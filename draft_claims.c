/* Who gets an address that several want, and how many one may have. Each pass below refuses wants; in the end they are
 * sorted by address. */
#include "base.h"
#include "draft.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "net.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
#include "sys.h"
#include "text.h"

#define INSTANCE_PORTS 16 /* that one instance may ask for */

static void refuse(struct draft *draft, struct want *want, const char *rule, const char *why)
{
	draft_refuse(draft, want->service, want->wish->text, rule, why);
	want->lost = true;
}

static void drop_lost(struct draft *draft)
{
	size_t kept = 0;

	for (size_t i = 0; i < draft->want_count; i++)
		if (!draft->wants[i].lost)
			draft->wants[kept++] = draft->wants[i];
	draft->want_count = kept;
}

/* Whether both cannot be bound at once. */
static bool overlap(const struct net_addr *a, const struct net_addr *b)
{
	return a->sa.any.sa_family == b->sa.any.sa_family && net_addr_port(a) == net_addr_port(b) &&
	       (net_is_any(a) || net_is_any(b) || net_compare(a, b) == 0);
}

/* How many ports one instance, and one service, may have. Those that are held are the first to go, and then the highest.
 * This comes before a range becomes many wants, or a few bytes of tags would fill the memory. */

static int by_age(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order;

	if (x->service->held != y->service->held)
		return x->service->held ? 1 : -1;
	order = net_compare(&x->addr, &y->addr);
	return order ? order : (int)x->ports - (int)y->ports;
}

static int order_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int order_instances(const struct want *a, const struct want *b)
{
	int order = order_texts(a->service->node, b->service->node);

	return order ? order : order_texts(a->service->instance, b->service->instance);
}

static int by_want_instance(const void *a, const void *b)
{
	int order = order_instances(a, b);

	return order ? order : by_age(a, b);
}

/* How far those ports of one address reach that wants have taken, which come sorted by_age. */
struct reach {
	const struct want *from; /* one of them */
	uint32_t last; /* port; 0: none has been taken */
};

/* How many of its ports, the first ones, those before it have taken. */
static uint16_t taken_of(struct reach *reach, const struct want *want)
{
	struct net_addr host = want->addr;
	uint16_t first = net_addr_port(&want->addr);
	uint32_t taken;

	if (reach->from)
		net_set_port(&host, net_addr_port(&reach->from->addr));
	if (!reach->from || reach->from->service->held != want->service->held || net_compare(&host, &reach->from->addr) != 0)
		*reach = (struct reach){ .from = want };
	taken = reach->last < first ? 0 : reach->last - first + 1u;
	return (uint16_t)(taken < want->ports ? taken : want->ports);
}

/* Of those that are left. What listeners.bind grants the service by name does not count. */
static size_t ports_that_count(const struct draft *draft, const struct want *want, uint16_t taken, size_t most)
{
	uint32_t first = net_addr_port(&want->addr), last = first + want->ports - 1u;

	return taken == want->ports ? 0
	     : bind_unnamed(draft->route->rules.admit.bind, want->service->name, want->wish->host, (uint16_t)(first + taken),
	                    (uint16_t)last, most);
}

/* Of wants that are sorted by_age. A range is too many whole, or not at all; what is too many does not count. */
static void refuse_beyond(struct draft *draft, struct want *wants, size_t count, size_t most, const char *rule,
                          const char *format)
{
	struct reach reach = { 0 };
	struct buf why = { 0 };
	size_t ports = 0;

	buf_printf(&why, format, most);
	for (struct want *want = wants; want < wants + count; want++) {
		uint16_t taken;
		size_t more;

		if (want->lost)
			continue;
		taken = taken_of(&reach, want);
		more = ports_that_count(draft, want, taken, most);
		if (ports + more > most) {
			refuse(draft, want, rule, why.data);
			continue;
		}
		ports += more;
		if (taken < want->ports)
			reach.last = net_addr_port(&want->addr) + want->ports - 1u;
	}
	buf_free(&why);
}

/* Of one instance's ranges, which are sorted by_age, each has the ports that those before it have not. */
static void part_ranges(struct want *wants, size_t count)
{
	struct reach reach = { 0 };

	for (struct want *want = wants; want < wants + count; want++) {
		uint16_t taken;

		if (want->lost || want->ports == 1)
			continue;
		taken = taken_of(&reach, want);
		want->lost = taken == want->ports;
		if (want->lost)
			continue;
		want->ports = (uint16_t)(want->ports - taken);
		want->offset = taken;
		net_set_port(&want->addr, (uint16_t)(want->wish->port + taken));
		reach.last = want->wish->last;
	}
}

static void bound_service(struct draft *draft, struct want *wants, size_t count)
{
	size_t most = draft->route->rules.claims.per_service;

	qsort(wants, count, sizeof *wants, by_want_instance);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && order_instances(&wants[i], &wants[end]) == 0;)
			end++;
		if (wants[i].service->instance)
			refuse_beyond(draft, wants + i, end - i, INSTANCE_PORTS, "instance", "more than %zu ports for one instance");
		part_ranges(wants + i, end - i);
	}
	qsort(wants, count, sizeof *wants, by_age);
	if (most)
		refuse_beyond(draft, wants, count, most, "listeners.max_per_service",
		              "more ports than listeners.max_per_service, %zu");
}

void draft_bounds(struct draft *draft)
{
	size_t most = draft->route->rules.claims.per_service, few = most && most < INSTANCE_PORTS ? most : INSTANCE_PORTS;

	for (size_t i = 0, end; i < draft->want_count; i = end) {
		size_t ports = draft->wants[i].ports;

		for (end = i + 1; end < draft->want_count && draft_same_service(&draft->wants[i], &draft->wants[end]); end++)
			ports += draft->wants[end].ports;
		if (ports > few && !draft->wants[i].list->trusted)
			bound_service(draft, draft->wants + i, end - i);
	}
	drop_lost(draft);
}

/* What is reserved for the operator. */

struct place {
	struct net_addr addr;
	const struct route_reserved *of;
	bool unknown; /* its name has no address yet: addr is every address of a family */
};

struct places {
	struct place *items; /* sorted by port */
	size_t count, cap;
};

static int by_place_port(const void *a, const void *b)
{
	return (int)net_addr_port(&((const struct place *)a)->addr) - (int)net_addr_port(&((const struct place *)b)->addr);
}

static void add_place(struct places *places, struct place place)
{
	net_set_port(&place.addr, place.of->port);
	SYS_GROW(places->items, places->count, places->cap);
	places->items[places->count++] = place;
}

static void add_unknown(struct places *places, const struct route_reserved *of)
{
	add_place(places, (struct place){ { .sa.any.sa_family = AF_INET }, of, true });
	add_place(places, (struct place){ { .sa.any.sa_family = AF_INET6 }, of, true });
}

/* Names have the addresses that are known now. */
static void find_places(const struct draft *draft, struct places *places)
{
	const struct route_rules *rules = &draft->route->rules;

	for (size_t i = 0; i < rules->claims.reserved_count; i++) {
		const struct route_reserved *reserved = &rules->claims.reserved[i];
		const struct net_addr *found = &reserved->addr;
		size_t count = 1;

		if (reserved->host) {
			struct resolve_answer answer = rules->lookup(rules->lookup_arg, reserved->host, false);

			found = answer.hosts->addrs;
			count = answer.hosts->count;
		}
		if (!count)
			add_unknown(places, reserved);
		while (count-- > 0)
			add_place(places, (struct place){ *found++, reserved, false });
	}
	if (places->count)
		qsort(places->items, places->count, sizeof *places->items, by_place_port);
}

/* An agent on another host takes nothing of this one. One whose name has no address yet may be on this host: nothing that it
 * could want is opened meanwhile, and what is open stays. */
static bool takes(const struct draft *draft, const struct place *place, const struct net_addr *addr)
{
	if (place->unknown)
		return overlap(&place->addr, addr) && !route_find(draft->route->table, addr);
	return overlap(&place->addr, addr) && (!place->of->dialled || !net_is_any(addr) || net_is_here(&place->addr));
}

static const struct place *find_place(const struct draft *draft, const struct places *places, const struct net_addr *addr)
{
	size_t low = 0, high = places->count;
	uint16_t port = net_addr_port(addr);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (net_addr_port(&places->items[middle].addr) < port)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < places->count && net_addr_port(&places->items[low].addr) == port; low++)
		if (takes(draft, &places->items[low], addr))
			return &places->items[low];
	return NULL;
}

static void refuse_place(struct draft *draft, struct want *want, const struct place *place)
{
	struct buf why = { 0 };
	char text[NET_TEXT];

	net_print(&place->addr, text);
	if (!place->unknown && net_compare(&place->addr, &want->addr) != 0)
		buf_printf(&why, "overlaps %s, which ", text);
	if (place->unknown)
		buf_printf(&why, "may be in %s: %s has no address yet", place->of->rule, place->of->host);
	else
		buf_puts(&why, place->of->why);
	refuse(draft, want, place->of->rule, why.data);
	buf_free(&why);
}

static void refuse_reserved(struct draft *draft)
{
	struct places places = { 0 };

	find_places(draft, &places);
	for (size_t i = 0; i < draft->want_count; i++) {
		struct want *want = &draft->wants[i];
		const struct place *place = want->list->trusted ? NULL : find_place(draft, &places, &want->addr);

		if (place)
			refuse_place(draft, want, place);
	}
	free(places.items);
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

static int by_service_address(const void *a, const void *b)
{
	int order = by_service_port(a, b);

	return order ? order : net_compare(&((const struct want *)a)->addr, &((const struct want *)b)->addr);
}

/* Of wants of one service, for one port, by address: those that are held give way to one that cannot be bound beside them,
 * and to one for the same address, of a range that has changed. */
static void let_go(struct want *wants, size_t count)
{
	bool any = false, one = false, live = false;

	for (size_t i = 0; i < count; i++) {
		any = any || (!wants[i].service->held && net_is_any(&wants[i].addr));
		one = one || (!wants[i].service->held && !net_is_any(&wants[i].addr));
	}
	for (size_t i = 0, end = 0; i < count; i++) {
		for (live = live && i < end; end < count && net_compare(&wants[i].addr, &wants[end].addr) == 0; end++)
			live = live || !wants[end].service->held;
		wants[i].lost = wants[i].service->held && (live || (net_is_any(&wants[i].addr) ? one : any));
	}
}

static void let_moved_go(struct draft *draft)
{
	struct want *wants = draft->wants;

	qsort(wants, draft->want_count, sizeof *wants, by_service_address);
	for (size_t i = 0, end; i < draft->want_count; i = end) {
		for (end = i + 1; end < draft->want_count && by_service_port(&wants[i], &wants[end]) == 0;)
			end++;
		let_go(wants + i, end - i);
	}
}

/* A wildcard and an address with one port: the owner of the one keeps it, and the other is refused. */

/* Within a service the oldest instance comes first. */
static int by_first_claim(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	uint64_t mine = x->service->created - 1, other = y->service->created - 1; /* not known: the youngest */

	if (mine != other && draft_same_service(x, y))
		return mine < other ? -1 : 1;
	return draft_by_owner(a, b);
}

static int by_port(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = (int)x->addr.sa.any.sa_family - (int)y->addr.sa.any.sa_family;

	if (!order)
		order = (int)net_addr_port(&x->addr) - (int)net_addr_port(&y->addr);
	return order ? order : by_first_claim(a, b);
}

static void refuse_overlap(struct draft *draft, struct want *want, const struct want *owner)
{
	struct buf why = { 0 };

	buf_printf(&why, "overlaps %s of ", owner->wish->text);
	draft_put_who(&why, owner, want);
	buf_puts(&why, ", which came first");
	refuse(draft, want, "overlap", why.data);
	buf_free(&why);
}

static void refuse_overlaps(struct draft *draft)
{
	const struct want *owner = draft->wants;

	qsort(draft->wants, draft->want_count, sizeof *draft->wants, by_port);
	for (struct want *want = draft->wants; want < draft->wants + draft->want_count; want++) {
		if (want->addr.sa.any.sa_family != owner->addr.sa.any.sa_family ||
		    net_addr_port(&want->addr) != net_addr_port(&owner->addr))
			owner = want;
		if (net_is_any(&want->addr) != net_is_any(&owner->addr))
			refuse_overlap(draft, want, owner);
	}
}

/* Who shares a listener. */

/* Strangers join no listener of the configuration. Those of routing.file may be shared. */
static bool is_fixed(const struct want *want)
{
	return want->list->trusted && strcmp(want->list->source, "static") == 0;
}

static void refuse_share(struct draft *draft, struct want *want, const struct want *owner, bool fixed)
{
	struct buf why = { 0 };

	if (fixed)
		buf_printf(&why, "%s in %s has it for itself", owner->service->name, owner->list->title);
	else
		buf_printf(&why, "%.100s came first, and listeners.share is name", owner->service->name);
	refuse(draft, want, fixed ? "static" : "listeners.share", why.data);
	buf_free(&why);
}

static void refuse_shares(struct draft *draft)
{
	bool by_name = draft->route->rules.claims.by_name;
	const struct want *owner = draft->wants, *fixed = owner;

	qsort(draft->wants, draft->want_count, sizeof *draft->wants, draft_by_address);
	for (struct want *want = draft->wants; want < draft->wants + draft->want_count; want++) {
		if (net_compare(&want->addr, &owner->addr) != 0)
			owner = fixed = want;
		if (!is_fixed(fixed) && is_fixed(want))
			fixed = want;
		if (!want->list->trusted && is_fixed(fixed))
			refuse_share(draft, want, fixed, true);
		else if (by_name && strcmp(owner->service->name, want->service->name) != 0)
			refuse_share(draft, want, owner, false);
	}
}

/* How many listeners there may be. The last owners are the first to go. */

static int by_rank(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = draft_same_service(x, y) ? (int)net_addr_port(&x->addr) - (int)net_addr_port(&y->addr) : 0;

	return order ? order : draft_by_owner(a, b);
}

/* The wants are sorted by address, and the owner's comes first of each. */
static bool has_other_address(const struct draft *draft, size_t i)
{
	return !i || net_compare(&draft->wants[i - 1].addr, &draft->wants[i].addr) != 0;
}

static void refuse_latest(struct draft *draft)
{
	size_t most = draft->route->rules.claims.most, count = 0;
	struct want *owners;
	struct buf why = { 0 };
	bool out = false;

	if (!most || draft->want_count <= most)
		return;
	owners = sys_alloc(draft->want_count * sizeof *owners);
	for (size_t i = 0; i < draft->want_count; i++)
		if (has_other_address(draft, i) && !draft->wants[i].list->trusted)
			owners[count++] = draft->wants[i];
	if (count > most)
		qsort(owners, count, sizeof *owners, by_rank);
	buf_printf(&why, "more than %zu listeners, half of the limit of open files (ulimit -n)", most);
	for (size_t i = 0; count > most && i < draft->want_count; i++) {
		if (has_other_address(draft, i))
			out = by_rank(&owners[most], &draft->wants[i]) <= 0;
		if (out)
			refuse(draft, &draft->wants[i], "ulimit", why.data);
	}
	free(owners);
	buf_free(&why);
}

void draft_claims(struct draft *draft)
{
	void (*const passes[])(struct draft *draft) = {
		refuse_reserved, draft->held ? let_moved_go : drop_lost, refuse_overlaps, refuse_shares, refuse_latest
	};

	/* The first one asks for the names' addresses, or they would not be looked up any more. */
	for (size_t i = 0; i < ARRAY_LEN(passes) && (draft->want_count || !i); i++) {
		passes[i](draft);
		drop_lost(draft);
	}
}
