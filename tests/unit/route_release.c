/* Cases for route_release.c: what closes is said before it is closed, and said whole. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../net.h"
#include "../../route.h"
#include "../../service.h"
#include "../../span.h"

static char order[64];

static int note_close(int fd)
{
	(void)fd;
	strcat(order, "c");
	return 0;
}

static void note_audit(const char *what, const struct span *span, const char *why)
{
	(void)what, (void)why;
	if (span->count)
		strcat(order, "s");
}

#define close note_close
#define span_audit note_audit
#include "../../route_release.c"

/* Listeners of one address, in one table, which is the last one; `fds`: their sockets, -1: not bound. */
static struct route_table *make_table(const int *fds, size_t count)
{
	struct route_table *table = sys_alloc(sizeof *table);
	struct service_list *list = service_list_new();
	struct service *service = service_add(list, slice_of("web"));

	table->entries = arena_alloc(&table->memory, count * sizeof *table->entries);
	table->count = count;
	table->refs = 1;
	*order = '\0';
	for (size_t i = 0; i < count; i++) {
		struct net_addr addr;

		net_local(slice_of("127.0.0.1"), (uint16_t)(80 + 10 * i), &addr);
		table->entries[i] = sys_alloc(sizeof **table->entries);
		atomic_init(&table->entries[i]->refs, 1);
		table->entries[i]->memory = sys_alloc(sizeof *table->entries[i]->memory);
		atomic_init(&table->entries[i]->memory->refs, 1);
		table->entries[i]->listener = route_listener_enter(route_listener_new(&addr, "web"));
		table->entries[i]->listener->fd = fds[i];
		table->entries[i]->owner.service = service_ref(service);
	}
	service_list_unref(list);
	return table;
}

static void check_order(const int *fds, size_t count, const char *want, const char *what)
{
	route_release(make_table(fds, count));
	check(strcmp(order, want) == 0, what, order);
}

/* A worker leaves tables; another thread closes what they had. */
static void leave_cases(void)
{
	struct route_table *first = make_table((const int[]){ 7 }, 1), *second = make_table((const int[]){ 8 }, 1);
	struct route route = { .dry = true };

	atomic_fetch_add(&first->refs, 1);
	check(!route_leave(&route, NULL), "no table", "nothing to do");
	check(!route_leave(&route, first), "one that somebody has", "nothing to do");
	check(route_leave(&route, first) && route_leave(&route, second), "the last one", "is to be collected");
	check(!*order, "the last one", "nothing is closed yet");
	route_collect(&route);
	check(strcmp(order, "scsc") == 0, "collected", order);
	route_collect(&route);
	check(strcmp(order, "scsc") == 0, "collected again", order);
}

int main(void)
{
	check_order((const int[]){ 7, 8, 9 }, 3, "sssccc", "all are said first");
	check_order((const int[]){ 7, -1, 9 }, 3, "sscc", "one that was not bound");
	check_order((const int[]){ -1 }, 1, "", "none");
	leave_cases();
	return check_sum();
}
