#include "base.h"
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "text.h"

#define DRAINED_MS 60000

const char *const route_reject_names[ROUTE_REJECTS] = { "denied", "no_backend", "connect_failed", "limit", "loop" };

/* Objects that tables share. */

struct route_listener *route_listener_new(const struct net_addr *addr, const char *services)
{
	char name[NET_TEXT];
	struct route_listener *listener;
	size_t len;

	net_print(addr, name);
	len = strlen(name) + 1;
	listener = sys_alloc(offsetof(struct route_listener, name) + len + strlen(services) + 1);
	listener->addr = *addr;
	atomic_init(&listener->fd, -1);
	strcpy(listener->name, name);
	listener->services = strcpy(listener->name + len, services);
	return listener;
}

struct route_listener *route_listener_ref(struct route_listener *listener)
{
	atomic_fetch_add(&listener->refs, 1);
	return listener;
}

void route_listener_unref(struct route_listener *listener)
{
	if (atomic_fetch_sub(&listener->refs, 1) != 1)
		return;
	free(listener->samples);
	free(atomic_load(&listener->rejected));
	route_cells_free(atomic_load(&listener->cells));
	free(listener->closing);
	free(listener);
}

struct route_backend *route_backend_ref(struct route_backend *backend)
{
	atomic_fetch_add(&backend->refs, 1);
	return backend;
}

void route_backend_unref(struct route_backend *backend)
{
	if (atomic_fetch_sub(&backend->refs, 1) != 1)
		return;
	if (backend->listener)
		route_listener_unref(backend->listener);
	route_cells_free(atomic_load(&backend->cells));
	free(backend);
}

/* A recovery is told after the fact: who has not seen the one has not seen the other. See balance.c. */
void route_set_health(struct route_backend *backend, bool unhealthy)
{
	if (atomic_load(&backend->unhealthy) == unhealthy)
		return;
	atomic_store(&backend->unhealthy, unhealthy);
	if (!unhealthy && backend->listener)
		atomic_fetch_add(&backend->listener->recoveries, 1);
}

/* Of many backends most are never asked for: the figures are made with the first. Without memory there are none. */
void route_reject(struct route_listener *listener, enum route_reject why)
{
	atomic_ullong *counts = atomic_load_explicit(&listener->rejected, memory_order_acquire), *none = NULL;

	if (!counts) {
		counts = calloc(ROUTE_REJECTS, sizeof *counts);
		if (!counts)
			return;
		if (!atomic_compare_exchange_strong(&listener->rejected, &none, counts)) {
			free(counts);
			counts = none;
		}
	}
	atomic_fetch_add_explicit(&counts[why], 1, memory_order_relaxed);
}

unsigned long long route_rejected(const struct route_listener *listener, enum route_reject why)
{
	const atomic_ullong *counts = atomic_load_explicit(&listener->rejected, memory_order_acquire);

	return counts ? atomic_load_explicit(&counts[why], memory_order_relaxed) : 0;
}

static const char *add_text(char **at, const char *text)
{
	char *start = *at;

	if (!text)
		return NULL;
	strcpy(start, text);
	*at += strlen(text) + 1;
	return start;
}

/* The name that people see: where the backend is, and through which proxy. */
static void put_backend_name(const struct route_backend *backend, struct buf *name)
{
	char text[NET_TEXT];

	net_print(&backend->addr, text);
	buf_printf(name, backend->socks ? "socks5://%s ─➤ " : "%s", text);
	if (backend->socks)
		net_put_host_port(name, backend->socks->host, backend->socks->port);
}

/* Room for a copy of the target with its texts. */
static size_t socks_size(const struct socks_target *socks)
{
	return sizeof *socks + strlen(socks->host) + 1 + (socks->user ? strlen(socks->user) + 1 : 0) +
	       (socks->password ? strlen(socks->password) + 1 : 0);
}

static const struct socks_target *copy_socks(char *at, const struct socks_target *socks)
{
	struct socks_target *copy = (struct socks_target *)(void *)at;

	at += sizeof *copy;
	copy->port = socks->port;
	copy->host = add_text(&at, socks->host);
	copy->user = add_text(&at, socks->user);
	copy->password = add_text(&at, socks->password);
	return copy;
}

struct route_backend *route_backend_new(const struct route_backend *like)
{
	struct buf name = { 0 };
	struct route_backend *backend;
	size_t size;

	put_backend_name(like, &name);
	size = offsetof(struct route_backend, name) + name.len + 1;
	if (like->socks)
		size = (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
	backend = sys_alloc(size + (like->socks ? socks_size(like->socks) : 0));
	backend->addr = like->addr;
	backend->listener = like->listener ? route_listener_ref(like->listener) : NULL;
	backend->socks = like->socks ? copy_socks((char *)backend + size, like->socks) : NULL;
	memcpy(backend->name, name.data, name.len + 1);
	buf_free(&name);
	return backend;
}

int route_order_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int order_socks(const struct socks_target *a, const struct socks_target *b)
{
	int order;

	if (!a || !b)
		return (a != NULL) - (b != NULL);
	order = strcmp(a->host, b->host);
	if (!order)
		order = (int)a->port - (int)b->port;
	if (!order)
		order = route_order_words(a->user, b->user);
	return order ? order : route_order_words(a->password, b->password);
}

int route_target_order(const struct net_addr *left, const struct socks_target *left_socks,
                       const struct net_addr *right, const struct socks_target *right_socks)
{
	int order = net_compare(left, right);

	return order ? order : order_socks(left_socks, right_socks);
}

int route_backend_order(const struct route_backend *left, const struct route_backend *right)
{
	return route_target_order(&left->addr, left->socks, &right->addr, right->socks);
}

/* Tables. */

struct route_table *route_take(struct route *route)
{
	struct route_table *table;

	pthread_mutex_lock(&route->lock);
	table = route->table;
	atomic_fetch_add(&table->refs, 1);
	pthread_mutex_unlock(&route->lock);
	return table;
}

static bool admits(const struct service_options *options, const struct net_addr *client)
{
	return (!options->limited || net_ranges_have(&options->allow, client)) && !net_ranges_have(&options->deny, client);
}

bool route_admits(const struct route_table *table, const struct route_entry *entry, const struct net_addr *client)
{
	if (table->allow.count && !net_ranges_have(&table->allow, client))
		return false;
	for (unsigned i = 0; i < entry->term_count; i++)
		if (admits(entry->terms[i].options, client))
			return true;
	return false;
}

const struct service_options *route_options(const struct route_entry *entry, unsigned i)
{
	return entry->terms[entry->terms_of ? entry->terms_of[i] : 0].options;
}

bool route_admits_to(const struct route_entry *entry, unsigned i, const struct net_addr *client)
{
	return !entry->terms_of || admits(route_options(entry, i), client);
}

unsigned route_turn(const struct route_share *share, unsigned at)
{
	at %= share->round_len;
	return share->first + (share->round ? share->round[at] : at);
}

bool route_is_here(const struct route_table *table, const struct net_addr *addr)
{
	struct net_addr host = *addr;

	net_set_port(&host, 0);
	if (host.sa.any.sa_family == AF_INET6)
		host.sa.v6.sin6_scope_id = 0;
	return !net_is_loopback(addr) && table->here_count &&
	       bsearch(&host, table->here, table->here_count, sizeof host, net_by_address);
}

size_t route_place(const struct route_table *table, size_t from, const struct net_addr *addr)
{
	size_t low = from, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (net_compare(&table->entries[middle]->listener->addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct route_entry *route_find(const struct route_table *table, const struct net_addr *addr)
{
	size_t at = route_place(table, 0, addr);

	return at < table->count && net_compare(&table->entries[at]->listener->addr, addr) == 0 ? table->entries[at] : NULL;
}

/* Entries that did not change are the same in both. */
static size_t compare_entries(const struct route_table *last, const struct route_table *now, struct route_change *out)
{
	size_t count = 0, at = 0, i = 0;

	while (at < last->count || i < now->count) {
		const struct route_entry *old = at < last->count ? last->entries[at] : NULL;
		const struct route_entry *entry = i < now->count ? now->entries[i] : NULL;
		int order = old == entry ? 0 : !old ? 1 : !entry ? -1 : net_compare(&old->listener->addr, &entry->listener->addr);

		at += order <= 0;
		i += order >= 0;
		if (old != entry)
			out[count++] = (struct route_change){ order <= 0 ? old : NULL, order >= 0 ? entry : NULL };
	}
	return count;
}

size_t route_changes(const struct route_table *last, const struct route_table *now, struct route_change **changes)
{
	static const struct route_table none;
	bool next = last && now->serial == last->serial + 1;
	size_t most = next ? now->change_count : (last ? last->count : 0) + now->count;

	*changes = most ? sys_alloc(most * sizeof **changes) : NULL;
	if (!next)
		return compare_entries(last ? last : &none, now, *changes);
	if (most)
		memcpy(*changes, now->changes, most * sizeof **changes);
	return most;
}

unsigned route_healthy(const struct route_entry *entry)
{
	unsigned count = 0;

	for (unsigned i = 0; i < entry->count; i++)
		count += !atomic_load(&entry->backends[i]->unhealthy);
	return count;
}

int route_by_refusal(const void *left, const void *right)
{
	const struct route_refusal *a = left, *b = right;
	int order = strcmp(a->service, b->service);

	if (!order)
		order = strcmp(a->wish, b->wish);
	return order ? order : strcmp(a->reason, b->reason);
}

const struct route_refusal *route_refused(const struct route_table *table, const char *service, const char *wish)
{
	struct route_refusal key = { .service = service, .wish = wish ? wish : "", .reason = "" }, *found;
	size_t low = 0, high = table->refused_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (route_by_refusal(&table->refused[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	found = low < table->refused_count ? &table->refused[low] : NULL;
	return found && strcmp(found->service, service) == 0 && (!wish || strcmp(found->wish, wish) == 0) ? found : NULL;
}

/* The route. */

bool route_zoned(const struct route *route)
{
	for (size_t i = 0; i < route->pending_count; i++)
		if (net_zoned(&route->pending[i]->addr))
			return true;
	return false;
}

bool route_waits(const struct route_entry *entry)
{
	if (atomic_load(&entry->listener->fd) >= 0 || entry->listener->error || entry->count)
		return false;
	for (unsigned i = 0; i < entry->target_count; i++)
		if (entry->targets[i].state == RESOLVE_ASKED)
			return true;
	return false;
}

bool route_unbound(const struct route *route)
{
	for (size_t i = 0; i < route->pending_count; i++)
		if (atomic_load(&route->pending[i]->fd) < 0)
			return true;
	return false;
}

size_t route_draining(const struct route *route)
{
	size_t count = 0;

	for (size_t i = 0; i < route->retired_listener_count; i++)
		count += route_listener_active(route->retired_listeners[i]) != 0;
	return count;
}

static bool has_drained(bool used, int64_t *drained_at)
{
	int64_t now = sys_now();

	if (used || !*drained_at)
		*drained_at = used ? 0 : now;
	return !used && now - *drained_at >= DRAINED_MS;
}

void route_sweep(struct route *route)
{
	size_t backends = 0, listeners = 0;

	for (size_t i = 0; i < route->retired_count; i++) {
		struct route_backend *backend = route->retired[i];

		if (has_drained(route_backend_active(backend), &backend->drained_at))
			route_backend_unref(backend);
		else
			route->retired[backends++] = backend;
	}
	route->retired_count = backends;
	for (size_t i = 0; i < route->retired_listener_count; i++) {
		struct route_listener *listener = route->retired_listeners[i];

		/* `tables` first: a worker that has one of them may still accept. */
		if (has_drained(atomic_load(&listener->tables) || route_listener_active(listener), &listener->drained_at))
			route_listener_unref(listener);
		else
			route->retired_listeners[listeners++] = listener;
	}
	route->retired_listener_count = listeners;
}

int route_by_listener(const void *left, const void *right)
{
	return net_compare(&(*(struct route_listener *const *)left)->addr, &(*(struct route_listener *const *)right)->addr);
}

int route_by_retired(const void *left, const void *right)
{
	const struct route_backend *a = *(struct route_backend *const *)left, *b = *(struct route_backend *const *)right;
	int order = net_compare(&a->listener->addr, &b->listener->addr);

	return order ? order : route_backend_order(a, b);
}

size_t route_retired_at(const struct route *route, const struct net_addr *addr)
{
	size_t low = 0, high = route->retired_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (net_compare(&route->retired[middle]->listener->addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct route_listener *route_listener_at(const struct route *route, const struct net_addr *addr)
{
	const struct route_entry *entry = route_find(route->table, addr);
	struct route_listener like = { .addr = *addr }, *key = &like, **found = NULL;

	if (entry)
		return entry->listener;
	if (route->retired_listener_count)
		found = bsearch(&key, route->retired_listeners, route->retired_listener_count, sizeof key, route_by_listener);
	return found ? *found : NULL;
}

void route_open(struct route *route, const struct route_rules *rules)
{
	*route = (struct route){ .rules = *rules, .table = sys_alloc(sizeof *route->table) };
	atomic_init(&route->table->refs, 1);
	pthread_mutex_init(&route->lock, NULL);
}

void route_forget(struct route *route)
{
	for (size_t i = 0; i < route->roster_count; i++)
		roster_free(&route->rosters[i]);
	free(route->rosters);
	route->rosters = NULL;
	route->roster_count = 0;
}

void route_close(struct route *route)
{
	route_collect(route);
	route_forget(route);
	route_release(route->table);
	for (size_t i = 0; i < route->retired_count; i++)
		route_backend_unref(route->retired[i]);
	for (size_t i = 0; i < route->retired_listener_count; i++)
		route_listener_unref(route->retired_listeners[i]);
	free(route->pending);
	free(route->retired);
	free(route->retired_listeners);
	pthread_mutex_destroy(&route->lock);
}
