#include "base.h"
#include "roster.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "service_option.h"
#include "sys.h"
#include "text.h"

#define GONE UINT32_MAX

/* Ports. */

bool port_set_have(const struct port_set *set, uint16_t port)
{
	return set->bits[port / 8] >> port % 8 & 1;
}

static uint64_t mask_of(unsigned first, unsigned last)
{
	uint64_t mask = last - first >= 63 ? UINT64_MAX : 0;

	for (unsigned port = first; port <= last && mask != UINT64_MAX; port++)
		mask |= (uint64_t)1 << port % 64;
	return mask;
}

/* The bits of a byte that are about these ports. */
static uint8_t bits_of(unsigned byte, unsigned first, unsigned last)
{
	unsigned low = byte * 8 < first ? first - byte * 8 : 0, high = byte * 8 + 7 > last ? last - byte * 8 : 7;

	return (uint8_t)(0xff << low & 0xff >> (7 - high));
}

bool port_set_meets(const struct port_set *set, uint16_t first, uint16_t last)
{
	bool found = false;

	for (unsigned byte = first / 8; byte <= last / 8u && !found; byte++)
		found = set->bits[byte] & bits_of(byte, first, last);
	return found;
}

void port_set_add(struct port_set *set, uint16_t first, uint16_t last)
{
	unsigned from = first / 8, to = last / 8;

	set->bits[from] |= bits_of(from, first, last);
	set->bits[to] |= bits_of(to, first, last);
	if (to > from + 1)
		memset(set->bits + from + 1, 0xff, to - from - 1);
	set->mask |= mask_of(first, last);
}

bool port_set_add_within(struct port_set *set, const struct port_set *within, uint16_t first, uint16_t last)
{
	bool grew = false;

	for (unsigned byte = first / 8; byte <= last / 8u; byte++) {
		uint8_t bits = (uint8_t)(bits_of(byte, first, last) & within->bits[byte] & ~set->bits[byte]);

		set->bits[byte] |= bits;
		set->mask |= (uint64_t)bits << byte % 8 * 8;
		grew = grew || bits;
	}
	return grew;
}

static unsigned longest_range(const struct service *service)
{
	unsigned most = 1;

	for (uint32_t i = 0; i < service->wish_count; i++)
		if (!service->wishes[i].why && service->wishes[i].last - service->wishes[i].port + 1u > most)
			most = service->wishes[i].last - service->wishes[i].port + 1u;
	return most;
}

/* A range of which the end would be beyond the last port is refused: its ports do not matter. */
struct roster_dialled roster_dialled(const struct service *service, const struct service_backend *backend)
{
	const struct service_options *options = service->options;
	struct roster_dialled dialled = { options->proxy.host, options->proxy.port, options->proxy.port, false };
	unsigned last = backend->last;

	if (dialled.host)
		return dialled;
	dialled.host = backend->host;
	dialled.srv = service_asks_srv(backend);
	dialled.first = options->ports && !last ? options->ports : backend->port;
	if (!last)
		last = dialled.first + (options->ports ? longest_range(service) - 1 : 0);
	dialled.last = (uint16_t)(last > UINT16_MAX ? UINT16_MAX : last);
	return dialled;
}

bool roster_each_wish(const struct service *service, bool (*visit)(void *arg, uint16_t first, uint16_t last), void *arg)
{
	for (uint32_t i = 0; i < service->wish_count; i++)
		if (!service->wishes[i].why && visit(arg, service->wishes[i].port, service->wishes[i].last))
			return true;
	return false;
}

bool roster_each_dialled(const struct service *service, bool (*visit)(void *arg, uint16_t first, uint16_t last), void *arg)
{
	for (uint32_t i = 0; i < service->backend_count; i++) {
		struct roster_dialled dialled = roster_dialled(service, &service->backends[i]);

		if (!dialled.srv && visit(arg, dialled.first, dialled.last))
			return true;
	}
	return false;
}

bool roster_add_ports(void *set, uint16_t first, uint16_t last)
{
	port_set_add(set, first, last);
	return false;
}

static bool is_in(void *set, uint16_t first, uint16_t last)
{
	return port_set_meets(set, first, last);
}

bool roster_wants(const struct roster_item *item, struct port_set *ports)
{
	return item->wishes & ports->mask && roster_each_wish(item->service, is_in, ports);
}

bool roster_dials(const struct roster_item *item, struct port_set *ports)
{
	return item->backends & ports->mask && (item->srv || roster_each_dialled(item->service, is_in, ports));
}

/* Items. */

static bool add_to_mask(void *arg, uint16_t first, uint16_t last)
{
	*(uint64_t *)arg |= mask_of(first, last);
	return false;
}

/* Of a proxy that is visited for each backend, or targets are asked of it by name. */
bool roster_each_name(const struct service *service, bool (*visit)(void *arg, const char *name, bool srv), void *arg)
{
	for (uint32_t i = 0; i < service->backend_count; i++) {
		struct roster_dialled dialled = roster_dialled(service, &service->backends[i]);
		struct net_addr addr;

		if (!dialled.srv && !net_numeric(slice_of(dialled.host), 0, &addr) && visit(arg, dialled.host, false))
			return true;
		if (service_asks_srv(&service->backends[i]) && visit(arg, service->backends[i].host, true))
			return true;
	}
	return false;
}

static bool note_name(void *arg, const char *name, bool srv)
{
	struct roster_item *item = arg;

	(void)name;
	item->named = true;
	item->srv = item->srv || (srv && !item->service->options->proxy.host);
	return item->srv;
}

void roster_set_targets(struct roster_item *item, uint64_t ports)
{
	item->backends = ports;
	roster_each_dialled(item->service, add_to_mask, &item->backends);
}

static struct roster_item item_of(struct service *service, size_t place)
{
	struct roster_item item = { .service = service, .place = (uint32_t)place };

	roster_each_name(service, note_name, &item);
	roster_each_wish(service, add_to_mask, &item.wishes);
	roster_set_targets(&item, item.srv ? UINT64_MAX : 0);
	return item;
}

static int by_item_place(const void *a, const void *b)
{
	const struct roster_item *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

static int by_item_name(const void *a, const void *b)
{
	const struct roster_item *x = a, *y = b;
	int order = strcmp(x->service->name, y->service->name);

	return order ? order : by_item_place(a, b);
}

size_t roster_find(const struct roster *roster, const char *name)
{
	size_t low = 0, high = roster->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(roster->items[middle].service->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t roster_end(const struct roster *roster, size_t start)
{
	size_t end = start + 1;

	while (end < roster->count && strcmp(roster->items[start].service->name, roster->items[end].service->name) == 0)
		end++;
	return end;
}

/* What two lists have in common: as a rule nearly all at both ends. Of what is between, by pointer, what comes in the same
 * order. */

struct match {
	struct service **was, **is;
	size_t was_count, is_count, head, tail;
	uint32_t *moved_to; /* of the old ones between: the new place, or GONE */
	struct roster_item *fresh; /* of the new ones between: those that are not among the old ones */
	size_t fresh_count;
};

static void match_ends(struct match *match)
{
	size_t least = match->was_count < match->is_count ? match->was_count : match->is_count;

	while (match->head < least && match->was[match->head] == match->is[match->head])
		match->head++;
	while (match->tail < least - match->head &&
	       match->was[match->was_count - match->tail - 1] == match->is[match->is_count - match->tail - 1])
		match->tail++;
}

static size_t hash_of(const struct service *service)
{
	return (size_t)((uint64_t)(uintptr_t)service * 0x9e3779b97f4a7c15u >> 32);
}

/* The places of the old ones between, plus 1, by pointer; *size is a power of two. To be freed. */
static uint32_t *hash_between(const struct match *match, size_t between, size_t *size)
{
	uint32_t *slots;

	for (*size = 4; *size < 2 * between;)
		*size *= 2;
	slots = sys_alloc(*size * sizeof *slots);
	for (size_t i = 0; i < between; i++) {
		size_t at = hash_of(match->was[match->head + i]) & (*size - 1);

		while (slots[at])
			at = (at + 1) & (*size - 1);
		slots[at] = (uint32_t)i + 1;
	}
	return slots;
}

static void match_between(struct match *match)
{
	size_t was = match->was_count - match->head - match->tail, is = match->is_count - match->head - match->tail;
	size_t size, next = 0;
	uint32_t *slots = hash_between(match, was, &size);

	match->moved_to = sys_alloc(was * sizeof *match->moved_to);
	match->fresh = sys_alloc(is * sizeof *match->fresh);
	memset(match->moved_to, 0xff, was * sizeof *match->moved_to);
	for (size_t i = 0; i < is; i++) {
		struct service *service = match->is[match->head + i];
		size_t at = hash_of(service) & (size - 1);

		while (slots[at] && (match->was[match->head + slots[at] - 1] != service || slots[at] <= next))
			at = (at + 1) & (size - 1);
		if (slots[at]) {
			next = slots[at];
			match->moved_to[next - 1] = (uint32_t)(match->head + i);
		} else {
			match->fresh[match->fresh_count++] = item_of(service, match->head + i);
		}
	}
	free(slots);
}

/* The new place of an old item. */
static uint32_t service_place(const struct match *match, uint32_t place)
{
	if (place < match->head)
		return place;
	if (place >= match->was_count - match->tail)
		return (uint32_t)(place - match->was_count + match->is_count);
	return match->moved_to[place - match->head];
}

static void add_change(struct roster_changes *changes, struct service *service)
{
	SYS_GROW(changes->items, changes->count, changes->cap);
	changes->items[changes->count++] = service;
}

/* Takes over the old items up to a place. */
static void keep_items(struct roster *now, const struct roster *old, size_t *at, size_t to, const struct match *match,
                       struct roster_changes *changes)
{
	for (; *at < to; ++*at) {
		struct roster_item item = old->items[*at];

		item.place = service_place(match, item.place);
		item.taken = false;
		if (item.place != GONE) {
			now->items[now->count++] = item;
			continue;
		}
		add_change(changes, item.service);
		changes->named = changes->named || item.named;
	}
}

/* Joins old items and fresh ones, which are sorted. */
static void join_items(struct roster *now, const struct roster *old, const struct match *match, struct roster_changes *changes)
{
	size_t at = 0;

	for (size_t i = 0, end; i < match->fresh_count; i = end) {
		const char *name = match->fresh[i].service->name;
		size_t first, to = at;

		keep_items(now, old, &at, roster_find(old, name), match, changes);
		first = now->count;
		for (to = at; to < old->count && strcmp(old->items[to].service->name, name) == 0;)
			to++;
		keep_items(now, old, &at, to, match, changes);
		for (end = i; end < match->fresh_count && strcmp(match->fresh[end].service->name, name) == 0; end++) {
			now->items[now->count++] = match->fresh[end];
			add_change(changes, match->fresh[end].service);
		}
		qsort(now->items + first, now->count - first, sizeof *now->items, by_item_place);
	}
	keep_items(now, old, &at, old->count, match, changes);
}

struct roster roster_follow(const struct roster *old, struct service_list *list, struct roster_changes *changes)
{
	struct roster now = { .list = list ? service_list_ref(list) : NULL };
	struct match match = {
		.was = old->list ? old->list->items : NULL, .was_count = old->count,
		.is = list ? list->items : NULL, .is_count = list ? list->count : 0
	};

	now.items = sys_alloc(match.is_count * sizeof *now.items);
	match_ends(&match);
	match_between(&match);
	if (match.fresh_count)
		qsort(match.fresh, match.fresh_count, sizeof *match.fresh, by_item_name);
	join_items(&now, old, &match, changes);
	free(match.moved_to);
	free(match.fresh);
	return now;
}

void roster_free(struct roster *roster)
{
	service_list_unref(roster->list);
	free(roster->items);
	*roster = (struct roster){ 0 };
}
