#include "base.h"
#include "draft_members.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "socks.h"
#include "sys.h"
#include "text.h"

/* What one want adds. */
struct addition {
	struct members *members;
	struct draft *draft;
	const struct want *want;
	const struct service_backend *backend;
};

static void add_member(struct members *members, const struct member *like)
{
	SYS_GROW(members->items, members->count, members->cap);
	members->items[members->count] = *like;
	members->items[members->count].order = members->count;
	members->count++;
}

/* The name as it was written, an SRV name without a port, and through which proxy. */
static uint32_t add_target(const struct addition *add, const char *host, uint16_t port, enum resolve_state state, const char *why)
{
	const struct socks_url *proxy = &add->want->service->options->proxy;
	struct members *members = add->members;
	struct member_target *target;

	SYS_GROW(members->targets, members->target_count, members->target_cap);
	target = &members->targets[members->target_count++];
	*target = (struct member_target){ .name = members->names.len, .state = state, .why = why };
	if (proxy->host) {
		buf_puts(&members->names, "socks5://");
		net_put_host_port(&members->names, proxy->host, proxy->port);
		buf_puts(&members->names, " ─➤ ");
	}
	if (port)
		net_put_host_port(&members->names, host, port);
	else
		buf_visible(&members->names, host, strlen(host));
	buf_add(&members->names, "", 1);
	return (uint32_t)members->target_count;
}

/* The backend's port for a listener. It does not go beyond the last one: see service_seal(). */
static uint16_t port_for(const struct want *want, const struct service_backend *backend)
{
	uint16_t first = want->service->options->ports;

	if (backend->last)
		return (uint16_t)(backend->port + want->offset);
	return first ? (uint16_t)(first + want->offset) : backend->port;
}

/* Adds one that dials like->addr, unless its service may not have that address. */
static void add_address(const struct addition *add, struct member *like)
{
	like->returns = draft_returns(add->draft, &like->addr);
	if (add->want->list->trusted || !draft_refuse_address(add->draft, add->want, add->backend, &like->addr))
		add_member(add->members, like);
}

/* Adds one backend for each address of the host that is dialled: the proxy's, where there is one. `target`: of an SRV name it
 * is that one; else NULL. */
static void add_host(const struct addition *add, const char *host, uint16_t port, const struct resolve_host *target,
                     struct member *like)
{
	const struct socks_url *proxy = &add->want->service->options->proxy;
	const char *dialled = proxy->host ? proxy->host : host;
	uint16_t at = proxy->host ? proxy->port : port;

	if (proxy->host)
		like->socks = (struct socks_target){ .host = host, .port = port, .user = proxy->user, .password = proxy->password };
	if (net_numeric(slice_of(dialled), at, &like->addr)) {
		like->target = target ? add_target(add, host, port, target->state, target->why) : 0;
		add_address(add, like);
		return;
	}
	if (proxy->host || !target)
		target = draft_lookup(add->draft, add->want, dialled, false).hosts;
	like->target = add_target(add, host, port, target->state, target->why);
	for (size_t i = 0; i < target->count; i++) {
		like->addr = target->addrs[i];
		net_unmap(&like->addr);
		net_set_port(&like->addr, at);
		add_address(add, like);
	}
}

/* Adds those of an SRV name's targets. A proxy is asked for these by name: their addresses are its to find. */
static void add_srv(const struct addition *add, const struct member *like)
{
	struct resolve_answer found = draft_lookup(add->draft, add->want, add->backend->host, true);
	bool proxy = add->want->service->options->proxy.host;

	if (!found.count)
		add_target(add, add->backend->host, 0, found.state, found.why);
	for (size_t i = 0; i < found.count; i++) {
		struct resolve_host target = found.hosts[i];
		struct member member = *like;

		if (!target.port) {
			add_target(add, target.name, 0, RESOLVE_FAILED, "its SRV record has no port");
			continue;
		}
		if (proxy)
			target.count = 0;
		if (proxy || target.state == RESOLVE_GOOD) {
			target.state = found.state;
			target.why = found.why;
		}
		member.weight = target.weight ? target.weight : 1;
		member.parts = target.count > 1 ? (uint16_t)target.count : 1;
		member.last = target.last;
		add_host(add, target.name, target.port, &target, &member);
	}
}

void members_add(struct members *members, struct draft *draft, const struct want *want, unsigned share, unsigned terms)
{
	struct addition add = { members, draft, want, NULL };

	for (size_t i = 0; i < want->service->backend_count; i++) {
		struct member like = { .share = share, .terms = terms, .parts = 1, .unchecked = !want->list->checked };

		add.backend = &want->service->backends[i];
		like.weight = add.backend->weight ? add.backend->weight : 1;
		if (service_asks_srv(add.backend))
			add_srv(&add, &like);
		else
			add_host(&add, add.backend->host, port_for(want, add.backend), NULL, &like);
	}
}

/* Each once. */

static int by_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = x->last - y->last;

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_target(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = route_target_order(&x->addr, member_socks(x), &y->addr, member_socks(y));

	return order ? order : by_order(a, b);
}

/* Keeps the first of each backend. */
static void drop_repeated(struct members *members)
{
	size_t kept = 0;

	if (members->count > 1)
		qsort(members->items, members->count, sizeof *members->items, by_target);
	for (size_t i = 0; i < members->count; i++) {
		struct member *item = &members->items[i], *last = kept ? &members->items[kept - 1] : NULL;

		if (last && route_target_order(&last->addr, member_socks(last), &item->addr, member_socks(item)) == 0)
			last->unchecked = last->unchecked || item->unchecked;
		else
			members->items[kept++] = *item;
	}
	members->count = kept;
	if (kept > 1)
		qsort(members->items, kept, sizeof *members->items, by_order);
}

/* A target's name, for sorting. */
struct written {
	const char *name;
	size_t place;
};

static int by_written(const void *a, const void *b)
{
	const struct written *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Of each target the place of the first of its name; to be freed. */
static size_t *find_first(const struct members *members)
{
	struct written *sorted = sys_alloc(members->target_count * sizeof *sorted), *first = sorted;
	size_t *first_of = sys_alloc(members->target_count * sizeof *first_of);

	for (size_t i = 0; i < members->target_count; i++)
		sorted[i] = (struct written){ members->names.data + members->targets[i].name, i };
	qsort(sorted, members->target_count, sizeof *sorted, by_written);
	for (struct written *at = sorted; at < sorted + members->target_count; at++) {
		if (strcmp(first->name, at->name) != 0)
			first = at;
		first_of[at->place] = first->place;
	}
	free(sorted);
	return first_of;
}

/* Keeps the first of each target. */
static void drop_repeated_targets(struct members *members)
{
	size_t *place_of = find_first(members), kept = 0;

	for (size_t i = 0; i < members->target_count; i++) {
		if (place_of[i] != i) {
			place_of[i] = place_of[place_of[i]];
			continue;
		}
		place_of[i] = kept;
		members->targets[kept++] = members->targets[i];
	}
	members->target_count = kept;
	for (size_t i = 0; i < members->count; i++)
		if (members->items[i].target)
			members->items[i].target = (uint32_t)place_of[members->items[i].target - 1] + 1;
	free(place_of);
}

/* Weights. */

size_t members_share_end(const struct members *members, size_t start)
{
	const struct member *items = members->items;
	size_t end = start + 1;

	while (end < members->count && items[end].share == items[start].share && items[end].last == items[start].last)
		end++;
	return end;
}

/* A target has its weight once, however many addresses it has: all weights of a share are multiplied until each of them can be
 * parted, or nearly so. */
static void part_weights(struct member *items, size_t count)
{
	unsigned factor = 1, heaviest = 1;

	for (size_t i = 0; i < count; i++) {
		unsigned step = factor;

		heaviest = items[i].weight > heaviest ? items[i].weight : heaviest;
		while (factor <= UINT16_MAX && items[i].weight * factor % items[i].parts)
			factor += step;
	}
	if (factor > UINT16_MAX / heaviest)
		factor = UINT16_MAX / heaviest;
	for (size_t i = 0; i < count; i++)
		items[i].weight = (uint16_t)((items[i].weight * factor + items[i].parts - 1) / items[i].parts);
}

void members_settle(struct members *members)
{
	drop_repeated(members);
	for (size_t i = 0, end; i < members->count; i = end) {
		end = members_share_end(members, i);
		part_weights(members->items + i, end - i);
	}
	if (members->target_count > 1)
		drop_repeated_targets(members);
}

void members_free(struct members *members)
{
	free(members->items);
	free(members->targets);
	buf_free(&members->names);
}
