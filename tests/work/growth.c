/* Work against size: what strangers can make more of (services, instances, backends, tags, wishes, names, refused wishes,
 * draining backends, elements of a document) may cost n log n, not more. Work is counted, not timed: a step for each branch
 * that is taken in our code, which the compiler calls us for (-fsanitize-coverage=trace-pc), and one for each eight bytes
 * that libc looks at or moves for us. It is measured at SIZE and at four times that: n log n gives a ratio below 5, the
 * square one of 16. What must not depend on the size at all has a ratio of 1. */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/answers.h"
#include "../unit/check.h"
#include "../unit/figures.h"
#include "../unit/table.h"
#include "../../balance.h"
#include "../../body.h"
#include "../../consul_catalog.h"
#include "../../consul_nodes.h"
#include "../../consul_sweep.h"
#include "../../explain.h"
#include "../../format.h"
#include "../../health.h"
#include "../../hold.h"
#include "../../manifest.h"
#include "../../metrics.h"
#include "../../nomad_sweep.h"
#include "../../page.h"
#include "../../peek.h"
#include "../../publish.h"
#include "../../routes.h"
#include "../../state.h"
#include "../../plan.c"
#include "../../resolve.c"

#define SIZE 3000
#define RATIO_MOST 6.0
#define LEVEL_MOST 1.5

/* Counting. */

#ifdef __clang__
#define NOT_COUNTED __attribute__((no_sanitize("coverage")))
#else
#define NOT_COUNTED __attribute__((no_sanitize_coverage))
#endif

static unsigned long long steps;
static bool counting;

static inline NOT_COUNTED void take(size_t n)
{
	if (counting)
		steps += n;
}

void __sanitizer_cov_trace_pc(void);
NOT_COUNTED void __sanitizer_cov_trace_pc(void)
{
	if (counting)
		steps++;
}

size_t __real_strlen(const char *text);
size_t __wrap_strlen(const char *text);
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __real_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__real_memchr(const void *bytes, int c, size_t n);
void *__wrap_memchr(const void *bytes, int c, size_t n);
char *__real_strchr(const char *text, int c);
char *__wrap_strchr(const char *text, int c);
int __real_vsnprintf(char *out, size_t room, const char *format, va_list args);
int __wrap_vsnprintf(char *out, size_t room, const char *format, va_list args);

NOT_COUNTED size_t __wrap_strlen(const char *text)
{
	size_t n = __real_strlen(text);

	take(1 + n / 8);
	return n;
}

NOT_COUNTED int __wrap_strcmp(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	take(1 + n / 8);
	return __real_strcmp(a, b);
}

NOT_COUNTED int __wrap_memcmp(const void *a, const void *b, size_t n)
{
	take(1 + n / 8);
	return __real_memcmp(a, b, n);
}

NOT_COUNTED void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	take(1 + n / 8);
	return __real_memcpy(to, from, n);
}

NOT_COUNTED void *__wrap_memmove(void *to, const void *from, size_t n)
{
	take(1 + n / 8);
	return __real_memmove(to, from, n);
}

NOT_COUNTED void *__wrap_memchr(const void *bytes, int c, size_t n)
{
	char *found = __real_memchr(bytes, c, n);

	take(1 + (found ? (size_t)(found - (const char *)bytes) : n) / 8);
	return found;
}

NOT_COUNTED char *__wrap_strchr(const char *text, int c)
{
	char *found = __real_strchr(text, c);

	take(1 + (found ? (size_t)(found - text) : __real_strlen(text)) / 8);
	return found;
}

NOT_COUNTED int __wrap_vsnprintf(char *out, size_t room, const char *format, va_list args)
{
	int n = __real_vsnprintf(out, room, format, args);

	take(1 + (size_t)(n < 0 ? 0 : n) / 8);
	return n;
}

/* Allocations: what the program's own functions ask libc for. */

static unsigned long allocations;

static void *count_calloc(size_t count, size_t size)
{
	allocations += counting;
	return calloc(count, size);
}

static void *count_realloc(void *old, size_t size)
{
	allocations += counting;
	return realloc(old, size);
}

#define calloc count_calloc
#define realloc count_realloc
#include "../../sys.c"
#undef calloc
#undef realloc

/* What is measured. Each gets a size, and counts from start() to stop(). */

static void start(void)
{
	steps = 0;
	allocations = 0;
	counting = true;
}

static void stop(void)
{
	counting = false;
}

static struct service_list *new_list(bool trusted)
{
	struct service_list *list = service_list_new();

	list->source = "consul";
	list->title = "Consul";
	list->checked = !trusted;
	list->trusted = trusted;
	list->word = arena_dup(&list->memory, "dill", 4);
	return list;
}

/* A service with one wish, which is of a listener of its own below the 44,000th. */
static struct service *add_service(struct service_list *list, const char *name, size_t number, size_t port)
{
	struct service *service;
	struct buf text = { 0 };

	buf_printf(&text, "%s%06zu", name, number);
	service = service_add(list, slice_of(text.data));
	text.len = 0;
	buf_printf(&text, "local:%zu", 2000 + port);
	service_wish(service, slice_of(text.data), service_text(service, text.data));
	service->node = "node";
	service->instance = service->name;
	buf_free(&text);
	return service;
}

static void add_backend(struct service *service, size_t number, uint16_t weight)
{
	char host[32];

	snprintf(host, sizeof host, "10.%zu.%zu.%zu", number >> 16 & 255, number >> 8 & 255, number & 255);
	service_backend(service, slice_of(host), 80, weight);
}

static struct service_list *many_services(const char *name, size_t n)
{
	struct service_list *list = new_list(false);

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, name, i, i);

		add_backend(service, i, 1);
		service_seal(service);
	}
	return list;
}

/* n instances of one service; backends are numbered from `first`. Weights differ when they are `weighted`. */
static struct service_list *many_instances(size_t n, size_t first, bool weighted)
{
	struct service_list *list = new_list(false);

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", 0, 0);

		add_backend(service, first + i, weighted ? (uint16_t)(1 + i % 9) : 1);
		service_seal(service);
	}
	return list;
}

static void publish(struct route *route, struct service_list *list)
{
	publish_update(route, &list, 1);
	service_list_unref(list);
}

/* The table. */

static void new_backends(size_t n)
{
	struct route route;

	table_open(&route);
	start();
	publish(&route, many_instances(n, 0, false));
	stop();
	route_close(&route);
}

static void same_backends_again(size_t n)
{
	struct route route;

	table_open(&route);
	publish(&route, many_instances(n, 0, false));
	start();
	publish(&route, many_instances(n, 1, false));
	stop();
	route_close(&route);
}

static void other_backends(size_t n)
{
	struct route route;

	table_open(&route);
	publish(&route, many_instances(n, 0, false));
	start();
	publish(&route, many_instances(n, 1000000, false));
	stop();
	route_close(&route);
}

static void weighted_backends(size_t n)
{
	struct route route;

	table_open(&route);
	start();
	publish(&route, many_instances(n, 0, true));
	stop();
	route_close(&route);
}

/* The list with one service more, one less, or one that is another; all others are the same. */
static struct service_list *change_one(const struct service_list *old, size_t at, bool keep, bool add, uint16_t dialled)
{
	struct service_list *list = new_list(false);

	for (size_t i = 0; i < old->count; i++) {
		if (i != at || keep)
			service_share(list, old->items[i]);
		if (i == at && add) {
			add_backend(add_service(list, "web", i, 40001), 1, 1);
			list->items[list->count - 1]->backends[0].port = dialled;
			service_seal(list->items[list->count - 1]);
		}
	}
	return list;
}

/* Of many services one changes: that takes as much memory, however many they are, and of each of the others no more than a
 * look at pointers. */
static void one_of_many(size_t n, bool keep, bool add, uint16_t dialled, const char *what)
{
	struct service_list *list = many_services("web", n), *other;
	const size_t changed = (size_t)!keep + add;
	struct route_entry *first;
	struct route route;
	char text[120];

	for (size_t i = 0; i < n; i++)
		list->items[i]->backends[0].port = dialled;
	other = change_one(list, n / 2, keep, add, dialled);
	table_open(&route);
	publish_update(&route, &list, 1);
	first = route.table->entries[0];
	start();
	publish_update(&route, &other, 1);
	stop();
	snprintf(text, sizeof text, "%zu changes, %lu allocations, %.1f steps a service", route.table->change_count, allocations,
	         (double)steps / (double)n);
	check(route.table->change_count == changed && route.table->entries[0] == first, what, text);
	check(allocations < 50 && steps < 100 * n, what, text);
	service_list_unref(list);
	service_list_unref(other);
	route_close(&route);
}

static void one_comes(size_t n)
{
	one_of_many(n, true, true, 80, "one_comes");
}

static void one_leaves(size_t n)
{
	one_of_many(n, false, false, 80, "one_leaves");
}

static void one_moves(size_t n)
{
	one_of_many(n, false, true, 80, "one_moves");
}

/* One of them has a listener at the port that all dial on other hosts. */
static void one_moves_beside_one(size_t n)
{
	one_of_many(n, false, true, 2000, "one_moves_beside_one");
}

/* Names in a table. */

static struct {
	const char *moved; /* the only one */
	bool all, other;   /* all have; each has another address */
	size_t lookups;
} asked;

/* Each has one address, or one target. */
static struct resolve_answer look_it_up(void *arg, const char *name, bool srv)
{
	static struct resolve_host host;

	(void)arg;
	asked.lookups++;
	host = (struct resolve_host){ .name = name, .port = srv ? 80 : 0, .state = RESOLVE_GOOD, .addrs = &table_addresses[asked.other], .count = 1 };
	return (struct resolve_answer){ RESOLVE_GOOD, NULL, &host, 1, asked.all || (asked.moved && strcmp(name, asked.moved) == 0) };
}

static void add_name(struct service *service, size_t number, bool srv)
{
	char name[40];

	snprintf(name, sizeof name, srv ? "_a._tcp.host%zu.test" : "host%zu.test", number);
	service_backend(service, slice_of(name), srv ? 0 : 80, 1);
}

/* Each of many services has a name, and one of these moves: all are looked up, and its service alone is drafted. */
static void one_of_names(size_t n, bool srv, const char *what)
{
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < n; i++) {
		add_name(add_service(list, "web", i, i), i, srv);
		service_seal(list->items[i]);
	}
	table_open(&route);
	route.rules.lookup = look_it_up;
	asked.moved = NULL;
	publish_update(&route, &list, 1);
	asked.moved = list->items[n / 2]->backends[0].host;
	asked.lookups = 0;
	route.names_moved = true;
	start();
	publish_update(&route, &list, 1);
	stop();
	check(asked.lookups >= n && asked.lookups <= n + 4, "each name is looked up once, but the one that moves", what);
	check(allocations < 100, "one service is drafted", what);
	publish(&route, list);
	route_close(&route);
}

/* All of them move. */
static void all_names_move(size_t n)
{
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < n; i++) {
		add_name(add_service(list, "web", i, i), i, i % 2);
		service_seal(list->items[i]);
	}
	table_open(&route);
	route.rules.lookup = look_it_up;
	publish_update(&route, &list, 1);
	asked.all = asked.other = route.names_moved = true;
	start();
	check(publish_update(&route, &list, 1) && route.table->change_count == n, "all entries are others", "all_names_move");
	stop();
	asked.all = asked.other = false;
	service_list_unref(list);
	route_close(&route);
}

static void one_name_moves(size_t n) { one_of_names(n, false, "one_name_moves"); }
static void one_srv_name_moves(size_t n) { one_of_names(n, true, "one_srv_name_moves"); }

/* All of one listener, and each of them twice. */
static void names_of_one_listener(size_t n)
{
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < 2 * n; i++) {
		add_name(add_service(list, "web", i, 0), i * 7 % n, false);
		service_seal(list->items[i]);
	}
	table_open(&route);
	route.rules.lookup = look_it_up;
	start();
	publish(&route, list);
	stop();
	check(route.table->entries[0]->target_count == n && route.table->entries[0]->count == 1, "each once", "names_of_one_listener");
	route_close(&route);
}

/* All leave with a live connection, and come back. */
static void draining_backends(size_t n)
{
	struct service_list *list = new_list(false);
	struct route route;

	table_open(&route);
	publish(&route, many_services("web", n));
	for (size_t i = 0; i < route.table->count; i++)
		set_backend_active(route.table->entries[i]->backends[0], 1);
	start();
	publish(&route, list);
	route_draining(&route);
	publish(&route, many_services("web", n));
	stop();
	for (size_t i = 0; i < route.table->count; i++)
		set_backend_active(route.table->entries[i]->backends[0], 0);
	route_close(&route);
}

/* As many patterns as services: each grants its own what it asks for, and refuses it to another. */
static void bound_by_name(size_t n)
{
	struct service_list *list = many_services("web", n);
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };
	struct buf text = { 0 };
	struct route route;

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "web%06zu=local:%zu;", i, 2000 + i);
	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "db", i, i);

		add_backend(service, i, 1);
		service_seal(service);
	}
	buf_puts(&text, "*=local:*");
	check(!bind_set(&bind, text.data, "here", &memory), "a table", "as many patterns as services");
	table_open(&route);
	route.rules.admit.bind = &bind;
	start();
	bind_seal(&bind, &memory);
	publish(&route, list);
	stop();
	check(route.table->count == n && route.table->refused_count == n, "half are refused", "as many patterns as services");
	route_close(&route);
	buf_free(&text);
	arena_free(&memory);
}

static void listeners_become_refused(size_t n)
{
	struct route route;

	table_open(&route);
	publish(&route, many_services("web", n));
	route.rules.admit.port_max = 2000;
	route_forget(&route);
	start();
	publish(&route, many_services("web", n));
	stop();
	route_close(&route);
}

/* All services ask for one listener, each with an option of its own. */
static void shared_listener(size_t n)
{
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", i, 0);

		add_backend(service, 0, 1);
		service_set(service, SERVICE_ALLOW, slice_of("10.0.0.0/8"), "tag");
		service_seal(service);
	}
	table_open(&route);
	start();
	publish(&route, list);
	stop();
	route_close(&route);
}

static struct service_list *ranges_to(size_t n, size_t backend)
{
	struct service_list *list = new_list(false);
	struct service *service = add_service(list, "web", 0, 40000);
	char wish[40];

	service->instance = NULL; /* it is not one that may have only a few */
	for (size_t first = 2000; first < 2000 + n; first += SIZE) {
		snprintf(wish, sizeof wish, "local:%zu-%zu", first, first + SIZE - 1);
		service_wish(service, slice_of(wish), "tag");
	}
	add_backend(service, backend, 1);
	service_set(service, SERVICE_PORTS, slice_of("20000"), "tag"); /* not a listener, whatever n is */
	service_seal(service);
	return list;
}

/* Ports in ranges open, get another backend, are looked at, and close. */
static void ranges_of_ports(size_t n)
{
	struct service_list *list = ranges_to(n, 1);
	struct explain explain;
	struct buf out = { 0 };
	struct route route;

	table_open(&route);
	start();
	publish(&route, service_list_ref(list));
	check(route.table->count == n + 1, "a listener a port", "ranges_of_ports");
	publish(&route, ranges_to(n, 2));
	body_put_all(peek_body(&route), &out);
	explain = (struct explain){ &route.rules.admit, route.table };
	explain_list(&explain, list, "web000000", &out);
	publish(&route, new_list(false));
	stop();
	check(out.len < 200 * (n / SIZE + 2), "a range is a few lines", "ranges_of_ports");
	service_list_unref(list);
	buf_free(&out);
	route_close(&route);
}

static const struct {
	const char *label, *address;
} claim_labels[] = { { "local", "127.0.0.1" }, { "any", "0.0.0.0" } };

/* n services, each with these wishes: of one port for all, or of one each. Names go down while services get younger. */
static void claim(size_t n, const char *first, const char *second, size_t ports, struct route_claims claims)
{
	struct option_label labels[ARRAY_LEN(claim_labels)];
	struct option_labels allowed = { labels, ARRAY_LEN(labels), 0 };
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		labels[i] = (struct option_label){ .name = claim_labels[i].label };
		net_numeric(slice_of(claim_labels[i].address), 0, &labels[i].addr);
	}
	for (size_t i = 0; i < n; i++) {
		const char *wishes[] = { first, second };
		struct buf text = { 0 };
		struct service *service;

		buf_printf(&text, "web%06zu", n - i);
		service = service_add(list, slice_of(text.data));
		for (size_t k = 0; k < 2; k++) {
			text.len = 0;
			buf_printf(&text, "%s:%zu", wishes[k], 2000 + i % ports);
			service_wish(service, slice_of(text.data), "tag");
		}
		service->created = i + 1;
		add_backend(service, i, 1);
		service_seal(service);
		buf_free(&text);
	}
	table_open(&route);
	route.rules.admit.labels = &allowed;
	route.rules.claims = claims;
	start();
	publish(&route, list);
	stop();
	route_close(&route);
}

/* All want one port, everywhere and at one address; all lose the one or the other. */
static void overlaps_at_one_port(size_t n)
{
	claim(n, "local", "any", 1, (struct route_claims){ 0 });
}

static void overlaps_at_many_ports(size_t n)
{
	claim(n, "any", "local", SIZE_MAX, (struct route_claims){ 0 });
}

static void one_name_has_it(size_t n)
{
	claim(n, "local", "local", 1, (struct route_claims){ .by_name = true });
}

static void more_than_fit(size_t n)
{
	claim(n, "local", "local", SIZE_MAX, (struct route_claims){ .most = n / 2 });
}

static void reserved_addresses(size_t n)
{
	struct route_reserved *reserved = sys_alloc(n * sizeof *reserved);

	for (size_t i = 0; i < n; i++) {
		reserved[i] = (struct route_reserved){ .rule = "r", .why = "is reserved", .port = (uint16_t)(2000 + i) };
		net_numeric(slice_of("127.0.0.1"), reserved[i].port, &reserved[i].addr);
	}
	claim(n, "local", "any", SIZE_MAX, (struct route_claims){ .reserved = reserved, .reserved_count = n });
	free(reserved);
}

/* n instances of one service, with a port each; a bound lets half of them through. */
static void ports_of_one_service(size_t n)
{
	struct service_list *list = new_list(false);
	struct route route;

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", 0, i);
		char id[32];

		snprintf(id, sizeof id, "web%06zu", n - i);
		service->instance = service_text(service, id);
		add_backend(service, i, 1);
		service_seal(service);
	}
	table_open(&route);
	route.rules.claims.per_service = n / 2;
	start();
	publish(&route, list);
	stop();
	route_close(&route);
}

/* Each service has a listener, and a backend at 127.0.0.1 with the port of a listener so many places further on. All
 * are then explained. */
static void neighbours(size_t n, size_t further, const char *allow)
{
	struct service_list *list = new_list(false);
	struct arena memory = { 0 };
	struct buf out = { 0 };
	struct route route;

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", i, i);

		service_backend(service, slice_of(*allow ? "127.0.0.1" : "169.254.0.1"), (uint16_t)(2000 + (i + further) % n), 1);
		service_seal(service);
	}
	table_open(&route);
	net_ranges_parse(slice_of(allow), &memory, &route.rules.backends);
	start();
	publish_update(&route, &list, 1);
	for (size_t i = 0; i < n; i++)
		explain_list(&(struct explain){ &route.rules.admit, route.table },
		             &(struct service_list){ .items = &list->items[i], .count = 1, .source = "consul" }, list->items[i]->name, &out);
	stop();
	check(route.table->refused_count >= n - 1, "each", "is refused once");
	service_list_unref(list);
	route_close(&route);
	arena_free(&memory);
	buf_free(&out);
}

/* One instance asks for many ranges of many ports, of which it gets none. */
static void ranges_too_long(size_t n)
{
	struct service_list *list = new_list(false);
	struct service *service = add_service(list, "web", 0, 0);
	struct route route;
	char wish[40];

	for (size_t i = 0; i < n / 4; i++) {
		snprintf(wish, sizeof wish, "local:%zu-%zu", 2100 + i, 2100 + i + n / 3);
		service_wish(service, slice_of(wish), "tag");
	}
	add_backend(service, 0, 1);
	service_seal(service);
	table_open(&route);
	start();
	publish(&route, list);
	stop();
	check(route.table->count == 1 && route.table->refused_count == n / 4, "ranges are refused whole", "ranges_too_long");
	route_close(&route);
}

/* The same where listeners.bind grants them all. */
static void ranges_that_overlap(size_t n)
{
	struct service_list *list = new_list(false);
	struct service *service = add_service(list, "web", 0, 0);
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };
	struct route route;
	char wish[40];

	for (size_t i = 0; i < n / 4; i++) {
		snprintf(wish, sizeof wish, "local:%zu-%zu", 2100 + i, 2100 + i + n / 3);
		service_wish(service, slice_of(wish), "tag");
	}
	add_backend(service, 0, 1);
	service_seal(service);
	bind_set(&bind, "web*=local:*", "here", &memory);
	bind_seal(&bind, &memory);
	table_open(&route);
	route.rules.admit.bind = &bind;
	start();
	publish(&route, list);
	stop();
	check(route.table->count == n / 4 + n / 3 + 1 && !route.table->refused_count, "a listener a port", "ranges_that_overlap");
	route_close(&route);
	arena_free(&memory);
}

/* A range of n ports with two backends, whose weights make a long round. */
static void ranges_by_weight(size_t n)
{
	struct service_list *list = new_list(true);
	struct service *service;
	struct route route;
	char wish[40];

	snprintf(wish, sizeof wish, "local:2000-%zu", 1999 + n / 3);
	service = service_add(list, slice_of("web"));
	service_wish(service, slice_of(wish), "tag");
	add_backend(service, 0, (uint16_t)(n / 3));
	add_backend(service, 1, (uint16_t)(n / 3 - 1));
	service_seal(service);
	table_open(&route);
	start();
	publish(&route, list);
	stop();
	check(route.table->count == n / 3, "a listener a port", "ranges_by_weight");
	route_close(&route);
}

/* All services that share a listener go, and others come. */
static void other_shares(size_t n)
{
	struct service_list *lists[] = { new_list(false), new_list(false) };
	struct route route;

	for (size_t i = 0; i < 2 * n; i++) {
		struct service *service = add_service(lists[i % 2], i % 2 ? "web" : "db", i, 0);

		add_backend(service, i, 1);
		service_seal(service);
	}
	table_open(&route);
	publish(&route, lists[0]);
	start();
	publish(&route, lists[1]);
	stop();
	check(route.table->entries[0]->share_count == n, "a share each", "other_shares");
	route_close(&route);
}

static void backends_not_allowed(size_t n) { neighbours(n, 0, ""); }
static void listeners_beside_backends(size_t n) { neighbours(n, 0, "127.0.0.0/8"); }
static void backends_that_are_listeners(size_t n) { neighbours(n, n - 1, "127.0.0.0/8"); }

/* The health checks of all backends, whose order is not that of the table. */
static void followed_by_health(size_t n)
{
	static const struct loop_ops none = { NULL, NULL, NULL };
	struct service_list *list = new_list(true);
	struct health health;
	struct route route;
	struct loop loop;

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", i, i);

		add_backend(service, n - i, 1);
		service_seal(service);
	}
	table_open(&route);
	publish(&route, list);
	loop_open(&loop, &none, NULL);
	health_open(&health, &loop, 0, 1);
	health_set(&health, &(struct health_rules){ HEALTH_ON, 5000, 1000, 3, 3 }, route.table);
	route_close(&route);
	table_open(&route);
	publish(&route, many_services("web", n));
	start();
	health_follow(&health, route.table);
	stop();
	health_close(&health);
	loop_close(&loop);
	route_close(&route);
}

/* One listener more, one whose backend is another one, and one that leaves; and a suspect. */
static void followed_change(size_t n)
{
	static const struct loop_ops none = { NULL, NULL, NULL };
	struct service_list *list = many_services("web", n), *next = new_list(false);
	struct route_backend *backend;
	struct route_table *before;
	struct health health;
	struct route route;
	struct loop loop;

	table_open(&route);
	loop_open(&loop, &none, NULL);
	health_open(&health, &loop, 0, 1);
	publish_update(&route, &list, 1);
	health_set(&health, &(struct health_rules){ HEALTH_ON, 5000, 1000, 3, 3 }, route.table);
	for (size_t i = 1; i < n; i++) {
		struct service *service = add_service(next, "web", i, i);

		add_backend(service, i == n / 2 ? 5 * n : i, 1);
		service_seal(service);
	}
	for (size_t i = 0; i < 20; i++) {
		struct service *service = add_service(next, "new", i, n + i);

		add_backend(service, n + i, 1);
		service_seal(service);
	}
	before = route_take(&route); /* its end is not what is measured */
	publish(&route, next);
	backend = route.table->entries[n / 3]->backends[0];
	atomic_store(&backend->error, ECONNREFUSED);
	atomic_store(&backend->suspect, true);
	start();
	health_follow(&health, route.table);
	health_suspected(&health, backend);
	stop();
	route_release(before);
	check(backend->unhealthy && health.count == n + 19, "all but one are followed, and the new ones", "followed_change");
	service_list_unref(list);
	health_close(&health);
	loop_close(&loop);
	route_close(&route);
}

/* Whose turn it is. All backends but each `step`-th are unhealthy. */
static void pick_some(struct route_entry *entry, size_t step)
{
	struct net_addr client;
	unsigned at;

	net_numeric(slice_of("192.0.2.1"), 0, &client);
	for (unsigned i = 0; i < entry->count; i++)
		route_set_health(entry->backends[i], i % step != step / 2);
	for (int i = 0; i < 108; i++) {
		bool found;

		entry->balance = (enum service_balance)(i % 4);
		counting = i >= 8; /* the first ones may look for long */
		found = balance_pick(entry, &client, NULL, &at);
		stop();
		check(found && (step > entry->count || !entry->backends[at]->unhealthy) && route_admits_to(entry, at, &client),
		      "a backend", "is healthy, where one is, and admits the client");
	}
}

static void pick_of(struct service_list *list)
{
	struct route route;

	table_open(&route);
	publish(&route, list);
	check(route.table->count == 1, "one listener", "pick_of");
	steps = 0;
	pick_some(route.table->entries[0], 1);
	pick_some(route.table->entries[0], 2);
	pick_some(route.table->entries[0], route.table->entries[0]->count);
	pick_some(route.table->entries[0], SIZE_MAX);
	route_close(&route);
}

static void picked_backends(size_t n) { pick_of(many_instances(n, 0, false)); }
static void picked_by_weight(size_t n) { pick_of(many_instances(n, 0, true)); }

static void picked_shares(size_t n)
{
	struct service_list *list = new_list(false);

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", i, 0);

		add_backend(service, i, 1);
		service_seal(service);
	}
	pick_of(list);
}

/* The first half does not admit the client. */
static void picked_by_terms(size_t n)
{
	struct service_list *list = new_list(false);

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "web", 0, 0);

		add_backend(service, i, 1);
		if (i < n / 2)
			service_set(service, SERVICE_ALLOW, slice_of("10.0.0.0/8"), "tag");
		service_seal(service);
	}
	pick_of(list);
}

/* Names on their way. */

static void names_ring(void *arg)
{
	(void)arg;
}

static const struct loop_ops names_ops = { .ready = NULL };

/* Answers one that is on its way, of both families, with NXDOMAIN. */
static void answer_name(struct resolver *resolver, struct resolve_name *name)
{
	struct resolve_outcome outcome = { .status = DNS_NO_NAME };
	struct resolve_query *queries = name->inquiry->queries;
	bool both = queries[0].busy && queries[1].busy;

	for (int i = !queries[0].busy, last = i + both; i <= last; i++) {
		resolve_query_drop(resolver->desk.queries, &queries[i]);
		resolve_inquiry_answered(&queries[i], &outcome);
	}
	resolver_follow(resolver);
}

/* From the place on, and round; NULL: none is on its way. */
static NOT_COUNTED struct resolve_name *name_on_its_way(const struct resolver *resolver, size_t *place)
{
	for (size_t i = 0; i < resolver->names.bucket_count; i++, (*place)++)
		for (struct resolve_name *name = resolver->names.buckets[*place % resolver->names.bucket_count]; name; name = name->next)
			if (name->inquiry)
				return name;
	return NULL;
}

static bool round_of_leaving(struct resolver *resolver)
{
	resolve_left(resolver);
	return resolve_round(resolver);
}

static void ask_for_names(struct resolver *resolver, size_t n)
{
	char name[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "host%zu.test.", i);
		resolve_lookup(resolver, name, false);
	}
}

/* Names come, have an answer, are due again, and leave. Nothing is sent: the loop does not run. */
static void looked_up_names(size_t n)
{
	struct resolver *resolver;
	struct resolve_name *name;
	struct loop loop;

	loop_open(&loop, &names_ops, NULL);
	resolver = resolve_open(&loop, 1, names_ring, NULL);
	resolve_set(resolver, &(struct resolve_rules){ .quiet = true });
	start();
	for (size_t round = 0, place = 0, answers = 0; round < 2; round++) {
		round_of_leaving(resolver);
		ask_for_names(resolver, n);
		for (answers = 0; (name = name_on_its_way(resolver, &place)); answers++)
			answer_name(resolver, name);
		check(resolve_settled(resolver) && answers == n, "all names have an answer", "looked_up_names");
		resolve_names_each(&resolver->names, ask_now, resolver);
		resolver_turn(resolver);
	}
	round_of_leaving(resolver);
	round_of_leaving(resolver);
	stop();
	check(!resolver->names.dues.count, "names that nobody uses are gone", "looked_up_names");
	resolve_close(resolver);
	loop_close(&loop);
}

static void answer_names(struct catalog *catalog, size_t from, size_t to, const char *more)
{
	struct buf text = { 0 };
	unsigned news;

	buf_puts(&text, "{\"consul\":[]");
	for (size_t i = from; i < to; i++)
		buf_printf(&text, ",\"web%06zu\":[\"dill\"]", i);
	buf_printf(&text, "%s}", more);
	answer_bell(catalog, CONSUL_BELL_NAMES, (struct slice){ text.data, text.len }, &news);
	buf_free(&text);
}

/* Reads all names that are wanted, in batches, and joins them as the source does. `there`: they have an instance. */
static void read_wanted(struct catalog *catalog, bool there, int64_t now)
{
	struct consul_sweep sweep = { 0 };
	size_t which[CONSUL_SWEEP_BATCH], count;
	struct buf text = { 0 };

	while ((count = consul_sweep_choose(&sweep, catalog, which, now))) {
		for (size_t i = 0; i < count; i++) {
			struct catalog_name *name = &catalog->names[which[i]];

			text.len = 0;
			buf_puts(&text, "[");
			if (there)
				buf_printf(&text, "{\"Node\":{\"Node\":\"n\"},\"Service\":{\"ID\":\"%s\",\"Address\":\"10.0.0.1\",\"Port\":80,"
				           "\"Tags\":[\"dill\",\"dill.listener=local:%d\"]}}", name->name, 2000 + atoi(name->name + 3));
			buf_puts(&text, "]");
			answer_reading(catalog, name, (struct slice){ text.data, text.len }, now);
			name->wanted = false;
		}
		if (count < CONSUL_SWEEP_BATCH || catalog_ripe(catalog))
			service_list_unref(catalog_compose(catalog, now));
	}
	service_list_unref(catalog_compose(catalog, now));
	buf_free(&text);
}

static void open_catalog(struct catalog *catalog, size_t n)
{
	catalog_open(catalog, "dill");
	answer_names(catalog, 0, n, "");
	read_wanted(catalog, true, 1000);
}

static void services_come(size_t n)
{
	struct catalog catalog;

	start();
	open_catalog(&catalog, n);
	stop();
	catalog_close(&catalog);
}

/* All leave at once; a second later that is confirmed. */
static void services_leave(size_t n)
{
	struct catalog catalog;

	open_catalog(&catalog, n);
	start();
	answer_names(&catalog, 0, 0, "");
	read_wanted(&catalog, false, 2000);
	catalog_confirm(&catalog, 3100);
	read_wanted(&catalog, false, 3100);
	stop();
	check(!catalog.list->count, "all are gone", "services_leave");
	catalog_close(&catalog);
}

/* Those of Nomad are all wanted, and read in batches by a sweep. */
static void nomad_names_come(size_t n)
{
	size_t which[64], count, read = 0;
	struct nomad_sweep sweep;
	struct catalog catalog;
	char name[20];

	catalog_open(&catalog, "dill");
	nomad_sweep_open(&sweep, &catalog, 1000);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "web%06zu", i);
		catalog_add(&catalog, name, 2);
	}
	start();
	catalog_listed(&catalog);
	nomad_sweep_ring(&sweep, true);
	nomad_sweep_start(&sweep, 1000);
	for (; (count = nomad_sweep_choose(&sweep, which, ARRAY_LEN(which), 1000)); nomad_sweep_over(&sweep, 1000), read += count)
		for (size_t i = 0; i < count; i++)
			catalog.names[which[i]].wanted = false;
	stop();
	check(read == n && !sweep.running, "each is read once", "nomad_names_come");
	catalog_close(&catalog);
}

/* A foreign service comes: all names are compared. */
static void names_stay(size_t n)
{
	struct catalog catalog;

	open_catalog(&catalog, n);
	start();
	answer_names(&catalog, 0, n, ",\"x\":[]");
	stop();
	check(consul_sweep_choose(&(struct consul_sweep){ 0 }, &catalog, (size_t[CONSUL_SWEEP_BATCH]){ 0 }, 2000) == 0, "none is wanted", "names_stay");
	catalog_close(&catalog);
}

/* A sweep asks the node where all services are: as they were read, then all of them changed. */
static void node_lists(size_t n)
{
	struct consul_nodes nodes = { 0 };
	struct catalog catalog;
	struct buf names = { 0 }, list[2] = { { 0 }, { 0 } };
	const char *why = NULL;
	bool differs = false;

	open_catalog(&catalog, n);
	buf_add(&names, "n", 2);
	for (int changed = 0; changed < 2; changed++) {
		buf_puts(&list[changed], "{\"Services\":[{}");
		for (size_t i = 0; i < n; i++)
			buf_printf(&list[changed], ",{\"ID\":\"web%06zu\",\"Service\":\"web%06zu\",\"Address\":\"10.0.0.1\",\"Port\":%d}", i, i,
			           80 + changed);
		buf_puts(&list[changed], "]}");
	}
	start();
	consul_nodes_take(&nodes, &names);
	for (int changed = 0; changed < 2 && !why; changed++)
		why = consul_nodes_compare(&nodes, &catalog, &nodes.items[0], (struct slice){ list[changed].data, list[changed].len }, &differs);
	stop();
	check(!why && differs && catalog.names[0].wanted && catalog.names[n - 1].wanted, "all differ", "node_lists");
	consul_nodes_free(&nodes);
	catalog_close(&catalog);
	buf_free(&names);
	buf_free(&list[0]);
	buf_free(&list[1]);
}

/* The same names the other way round: each must be looked up. */
static void names_turn(size_t n)
{
	struct catalog catalog;
	struct buf text = { 0 };
	unsigned news;

	open_catalog(&catalog, n);
	buf_puts(&text, "{\"consul\":[]");
	for (size_t i = n; i-- > 0;)
		buf_printf(&text, ",\"web%06zu\":[\"dill\"]", i);
	buf_puts(&text, "}");
	start();
	answer_bell(&catalog, CONSUL_BELL_NAMES, (struct slice){ text.data, text.len }, &news);
	stop();
	check(!news, "nothing is new", "names_turn");
	buf_free(&text);
	catalog_close(&catalog);
}

/* One check of each service fails, and its node's; then all pass. */
static void checks_fail(size_t n)
{
	struct catalog catalog;
	struct buf text = { 0 };
	unsigned news;

	open_catalog(&catalog, n);
	buf_puts(&text, "[");
	for (size_t i = 0; i < 2 * n; i++)
		buf_printf(&text, "%s{\"Node\":\"n%zu\",\"Status\":\"critical\",\"ServiceName\":\"%s%06zu\",\"ModifyIndex\":%zu}", i ? "," : "",
		           i, i % 2 ? "web" : "", i / 2, i);
	buf_puts(&text, "]");
	start();
	answer_bell(&catalog, CONSUL_BELL_CHECKS, (struct slice){ text.data, text.len }, &news);
	check(news & CONSUL_NEWS_POINTED, "they are wanted", "checks_fail");
	answer_bell(&catalog, CONSUL_BELL_CHECKS, slice_of("[]"), &news);
	stop();
	buf_free(&text);
	catalog_close(&catalog);
}

static int64_t never_read(void *arg, const char *service)
{
	(void)arg, (void)service;
	return 0;
}

/* One service with n wishes and a long option leaves. */
static void wishes_are_held(size_t n)
{
	struct service_list *last = new_list(false), *list = new_list(false);
	struct service *service = add_service(last, "web", 0, 0);
	struct hold hold = { 0 };
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++) {
		char wish[32];

		snprintf(wish, sizeof wish, "local:%zu", 2000 + i);
		service_wish(service, slice_of(wish), "tag");
		buf_printf(&text, "%s10.0.%zu.%zu", i ? "," : "", i >> 8 & 255, i & 255);
	}
	service_set(service, SERVICE_ALLOW, slice_of(text.data), "tag");
	service_seal(service);
	start();
	hold_missing(&hold, last, list, 1000, never_read, NULL);
	stop();
	hold_close(&hold);
	service_list_unref(last);
	service_list_unref(list);
	buf_free(&text);
}

/* Tags. */

/* Reads one instance with n tags, puts it in force, and explains it. */
static void take_tags_of(size_t n, const char *format)
{
	struct service_list *list = new_list(false);
	struct buf text = { 0 }, out = { 0 };
	struct route route;
	struct explain explain;

	buf_puts(&text, "[{\"Node\":{\"Node\":\"n\"},\"Service\":{\"ID\":\"web\",\"Address\":\"10.0.0.1\",\"Port\":80,\"Tags\":[\"dill\","
	                "\"dill.listener=local:2000\"");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&text, ",\"");
		buf_printf(&text, format, 2000 + i);
		buf_puts(&text, "\"");
	}
	buf_puts(&text, "]}}]");
	table_open(&route);
	start();
	check(!answer_instances(list, "web", (struct slice){ text.data, text.len }, "dill"), "it is read", format);
	publish(&route, service_list_ref(list));
	explain = (struct explain){ &route.rules.admit, route.table };
	explain_list(&explain, list, "web", &out);
	stop();
	service_list_unref(list);
	buf_free(&text);
	buf_free(&out);
	route_close(&route);
}

static void allow_tags(size_t n)
{
	take_tags_of(n, "dill.allow=10.0.0.0/8,10.2.3.0/24,::%zx");
}

static void wrong_allow_tags(size_t n)
{
	take_tags_of(n, "dill.allow=10.0.0.%zu");
}

static void listener_tags(size_t n)
{
	take_tags_of(n, "dill.listener=local:%zu");
}

static void foreign_tags(size_t n)
{
	take_tags_of(n, "tag %zu");
}

/* A hundred listeners, whose owner has other options than this one. */
static void contested_tags(size_t n)
{
	take_tags_of(n, "dill.listener=other:%zu\",\"dill.allow=10.0.0.0/8");
}

/* Documents. */

static void read_document(const struct format *format, struct buf *text)
{
	struct service_list *list;
	struct buf why = { 0 };

	start();
	list = manifest_read(format, text->data, text->len, "answer", false, &why);
	stop();
	check(list, format->name, why.data ? why.data : "");
	service_list_unref(list);
	buf_free(text);
	buf_free(&why);
}

static void json_services(size_t n)
{
	struct buf text = { 0 };

	buf_puts(&text, "{\"services\":[");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s{\"name\":\"web%zu\",\"listener\":[\"local:2000\"],\"backends\":[\"10.0.0.1:80\"]}", i ? "," : "", i);
	buf_puts(&text, "]}");
	read_document(&format_json, &text);
}

static void json_names(size_t n)
{
	struct buf text = { 0 };

	buf_puts(&text, "{\"services\":{");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s\"web%zu\":{\"listener\":\"local:2000\",\"backends\":[\"10.0.0.1:80\"]}", i ? "," : "", i);
	buf_puts(&text, "}}");
	read_document(&format_json, &text);
}

static void json_elements(size_t n)
{
	struct buf text = { 0 };

	buf_puts(&text, "{\"services\":[{\"name\":\"web\",\"listener\":\"local:2000\",\"backends\":[\"a:1\"");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, ",\"10.0.0.%zu:80\"", i & 255);
	buf_puts(&text, "],\"allow\":[\"::1\"");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, ",\"10.0.0.%zu\"", i & 255);
	buf_puts(&text, "]}]}");
	read_document(&format_json, &text);
}

static void yaml_services(size_t n)
{
	struct buf text = { 0 };

	buf_puts(&text, "services:\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "- name: web%zu\n  listener: [local:2000]\n  backends:\n  - 10.0.0.1:80\n", i);
	read_document(&format_yaml, &text);
}

/* All on one line. */
static void yaml_flow(size_t n)
{
	struct buf text = { 0 };

	buf_puts(&text, "{services: [");
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "{name: web%zu, listener: [local:2000], backends: [10.0.0.1:80]}, ", i);
	buf_puts(&text, "]}\n");
	read_document(&format_yaml, &text);
}

static void toml_services(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "[[services]]\nname = \"web%zu\"\nlistener = [\"local:2000\"]\nbackends = [\"10.0.0.1:80\"]\n", i);
	read_document(&format_toml, &text);
}

static void toml_tables(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "[services.web%zu]\nlistener = \"local:2000\"\nbackends = [\"10.0.0.1:80\"]\n", i);
	read_document(&format_toml, &text);
}

static void hcl_blocks(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "services {\n name = \"web%zu\"\n listener = \"local:2000\"\n backends = [\"10.0.0.1:80\"]\n}\n", i);
	read_document(&format_hcl, &text);
}

static void ini_sections(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "[services.web%zu]\nlistener = local:2000\nbackends = 10.0.0.1:80\n", i);
	read_document(&format_ini, &text);
}

static void env_lines(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "DILL_SERVICES_WEB%zu_LISTENER=local:2000\nDILL_SERVICES_WEB%zu_BACKENDS='10.0.0.1:80'\n", i, i);
	read_document(&format_env, &text);
}

static void properties_lines(size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "services.web%zu.listener=local:2000\nservices.web%zu.backends=10.0.0.1:80\n", i, i);
	read_document(&format_properties, &text);
}

/* What is shown. */

/* All of a table that is made of this list, and why each service of this name is in it. */
static void show(struct service_list *list, const char *name)
{
	static const struct config config = { .port_min = 1 };
	struct supervisor sources = { .count = 0 };
	struct worker_pool pool = { .count = 0 };
	struct route route;
	struct stats stats = { .route = &route, .sources = &sources, .pool = &pool, .config = &config, .ready = true };
	struct routes_sessions *sessions = routes_sessions_new(&(struct session_report){ .count = 0 });
	struct buf out = { 0 };

	table_open(&route);
	publish(&route, service_list_ref(list));
	start();
	body_put_all(peek_body(&route), &out);
	body_put_all(routes_body(&stats), &out);
	body_put_all(routes_connections(&stats, sessions), &out);
	routes_sessions_unref(sessions);
	body_put_all(metrics_body(&stats), &out);
	body_put_all(page_body(&stats), &out);
	explain_list(&(struct explain){ &route.rules.admit, route.table }, list, name, &out);
	stop();
	buf_free(&out);
	route_close(&route);
	service_list_unref(list);
}

static void pages(size_t n)
{
	struct service_list *list = many_services("web", n);

	for (size_t i = 0; i < n; i++) {
		struct service *service = add_service(list, "db", i, 60000);

		add_backend(service, i, 1);
		service_seal(service);
	}
	show(list, "none");
}

/* Of one service: addresses, names that have one, and names that have none. */
static void pages_of_names(size_t n)
{
	struct service_list *list = new_list(true);
	struct service *service = add_service(list, "web", 0, 0);
	char host[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(host, sizeof host, "db%zu.example", i);
		if (i % 4 == 0)
			add_backend(service, i, 1);
		else if (i % 4 == 3)
			service_backend(service, slice_of("_pg._tcp.x"), 0, 1);
		else
			service_backend(service, slice_of(i % 4 == 1 ? "one" : host), (uint16_t)(i + 1), 1);
	}
	service_seal(service);
	show(list, "web000000");
}

/* `dill --plan`, where all is new. */
static void plan_of_other_listeners(size_t n)
{
	struct buf was = { 0 }, will = { 0 };
	struct plan plan = { .changes = 0 };
	int out;

	buf_puts(&was, "{\"listeners\":[");
	buf_puts(&will, "{\"listeners\":[");
	for (size_t i = 0; i < n; i++) {
		buf_printf(&was, "%s{\"address\":\"a%zu\",\"backends\":[]}", i ? "," : "", i);
		buf_printf(&will, "%s{\"address\":\"b%zu\",\"backends\":[]}", i ? "," : "", i);
	}
	buf_puts(&was, "]}");
	buf_puts(&will, "]}");
	json_parse(&plan.was, was.data, was.len);
	json_parse(&plan.will, will.data, will.len);
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	check(freopen("/dev/null", "w", stdout), "output", "/dev/null");
	start();
	compare_tables(&plan);
	stop();
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	json_free(&plan.was);
	json_free(&plan.will);
	buf_free(&plan.text);
	buf_free(&plan.other);
	buf_free(&was);
	buf_free(&will);
}

/* A document of two names, which is read again in another order. */
static void names_again(size_t n)
{
	struct service_list *known = service_list_new(), *list = service_list_new();

	for (size_t i = 0; i < n; i++) {
		service_seal(service_add(known, slice_of(i < n / 2 ? "a" : "b")));
		service_seal(service_add(list, slice_of(i % 2 ? "a" : "b")));
	}
	start();
	service_adopt(list->items, list->count, known->items, known->count);
	stop();
	service_list_unref(known);
	service_list_unref(list);
}

static void state_on_disk(size_t n)
{
	struct service_list *list = many_services("web", n);
	char path[] = "/tmp/dill-growth-XXXXXX";
	struct buf why = { 0 };
	int64_t saved;
	int fd = mkstemp(path);

	start();
	state_save(path, list);
	service_list_unref(list);
	list = state_load(path, &saved, &why);
	stop();
	check(list && list->count == n, "what is on disk", why.data);
	service_list_unref(list);
	buf_free(&why);
	close(fd);
	unlink(path);
}

static const struct {
	const char *name;
	void (*run)(size_t n);
	double most;
} all[] = {
#define ROW(function) { #function, function, RATIO_MOST }
#define LEVEL(function) { #function, function, LEVEL_MOST }
	ROW(one_comes), ROW(one_leaves), ROW(one_moves), ROW(one_moves_beside_one),
	ROW(one_name_moves), ROW(one_srv_name_moves), ROW(all_names_move), ROW(names_of_one_listener),
	ROW(new_backends), ROW(same_backends_again), ROW(other_backends), ROW(weighted_backends), ROW(draining_backends),
	ROW(bound_by_name), ROW(listeners_become_refused), ROW(backends_not_allowed), ROW(listeners_beside_backends),
	ROW(backends_that_are_listeners), ROW(shared_listener), ROW(overlaps_at_one_port), ROW(overlaps_at_many_ports),
	ROW(one_name_has_it), ROW(more_than_fit), ROW(reserved_addresses), ROW(ports_of_one_service), ROW(ranges_of_ports),
	ROW(ranges_too_long), ROW(ranges_that_overlap), ROW(ranges_by_weight), ROW(other_shares),
	LEVEL(picked_backends), LEVEL(picked_by_weight), LEVEL(picked_shares), LEVEL(picked_by_terms),
	ROW(followed_by_health), LEVEL(followed_change), ROW(looked_up_names),
	ROW(services_come), ROW(services_leave), ROW(names_stay), ROW(names_turn), ROW(nomad_names_come),
	ROW(node_lists), ROW(checks_fail), ROW(wishes_are_held),
	ROW(allow_tags), ROW(wrong_allow_tags), ROW(listener_tags), ROW(foreign_tags), ROW(contested_tags),
	ROW(json_services), ROW(json_names), ROW(json_elements), ROW(yaml_services), ROW(yaml_flow), ROW(toml_services),
	ROW(toml_tables), ROW(hcl_blocks), ROW(ini_sections), ROW(env_lines), ROW(properties_lines),
	ROW(pages), ROW(pages_of_names), ROW(plan_of_other_listeners), ROW(state_on_disk), ROW(names_again),
};

int main(int argc, char **argv)
{
	bool shown = argc > 1; /* any argument: the figures, too */

	(void)argv;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		unsigned long long once;
		char text[120];
		double ratio;

		all[i].run(SIZE);
		once = steps;
		all[i].run(4 * SIZE);
		ratio = once ? (double)steps / (double)once : 0;
		snprintf(text, sizeof text, "%llu steps for %d, %.1f times that for %d", once, SIZE, ratio, 4 * SIZE);
		check(once > SIZE && ratio < all[i].most, all[i].name, text);
		if (shown)
			fprintf(stderr, "%-28s %s\n", all[i].name, text);
	}
	return check_sum();
}
