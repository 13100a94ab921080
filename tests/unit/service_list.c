/* Cases for service_list.c: what two lists of one source share. */
#include "base.h"

#include <stdlib.h>

#include "check.h"
#include "list.h"

/* Counted: the calls that take memory, and what new pieces take. */
static size_t taken, bytes;
static void *count_calloc(size_t count, size_t size) { taken++; bytes += count * size; return calloc(count, size); }
static void *count_realloc(void *old, size_t size) { taken++; return realloc(old, size); }
#define calloc count_calloc
#define realloc count_realloc
#include "../../sys.c"
#undef calloc
#undef realloc
#include "../../service_list.c"

/* "a=x:1 b=y:1/origin": names, wishes, and where they were written. */
static struct service_list *list_of(const char *text)
{
	struct service_list *list = service_list_new();
	struct slice rest = slice_of(text), part, name;

	while (slice_next(&rest, ' ', &part)) {
		struct service *service;
		struct slice wish;

		if (!part.len)
			continue;
		slice_next(&part, '=', &name);
		slice_next(&part, '/', &wish);
		service = service_add(list, name);
		service->origin = arena_dup(&service->memory, part.at, part.len);
		service_wish(service, wish, service->origin);
		service_seal(service);
	}
	return list;
}

/* Which of the new ones gave way: "-" stands for one that did not, else the place of the known one. */
static void adopt(const char *known, const char *now, const char *want)
{
	struct service_list *last = list_of(known), *list = list_of(now);
	struct buf got = { 0 };

	service_adopt(list->items, list->count, last->items, last->count);
	buf_puts(&got, "");
	for (size_t i = 0; i < list->count; i++) {
		size_t at = 0;

		while (at < last->count && last->items[at] != list->items[i])
			at++;
		if (at < last->count)
			buf_printf(&got, "%zu", at);
		else
			buf_puts(&got, "-");
		check(atomic_load(&list->items[i]->refs) == (at < last->count ? 2 : 1), "references", now);
	}
	check(strcmp(got.data, want) == 0, got.data, now);
	service_list_unref(list);
	service_list_unref(last);
	buf_free(&got);
}

static void adopt_cases(void)
{
	adopt("", "", "");
	adopt("", "a=x:1", "-");
	adopt("a=x:1", "", "");
	adopt("a=x:1 b=x:1 c=x:1", "a=x:1 b=x:1 c=x:1", "012");
	adopt("a=x:1 b=x:1 c=x:1", "a=x:1 b=x:2 c=x:1", "0-2");
	adopt("a=x:1 b=x:1 c=x:1", "a=x:1 c=x:1", "02");
	adopt("a=x:1 c=x:1", "0=x:1 a=x:1 b=x:1 c=x:1 d=x:1", "-0-1-");
	adopt("a=x:1 b=x:1 c=x:1", "c=x:1 a=x:1 b=x:1", "201");
	adopt("a=x:1", "a=x:1 a=x:1", "0-"); /* each once */
	adopt("a=x:1 a=x:1 b=x:1", "b=x:1 a=x:1 a=x:1 a=x:1", "201-");
	adopt("a=x:1 a=x:1 b=x:1 b=x:1", "b=x:1 a=x:1 b=x:1 a=x:1 a=x:1 b=x:1", "2031--");
	adopt("a=x:1/f:1 b=x:1/f:2", "a=x:1/f:1 b=x:1/f:3", "0-"); /* its place is shown */
}

static void held_cases(void)
{
	struct service_list *plain = list_of("a=x:1"), *held = service_list_new();

	plain->items[0]->origin = NULL;
	service_hold(held, plain->items[0], plain->items[0]->wishes);
	service_adopt(plain->items, 1, held->items, 1);
	check(!plain->items[0]->held, "what is back", "is not held");
	service_list_unref(plain);
	service_list_unref(held);
}

#define MANY 1000

static struct service_list *follow(struct service_list *last, size_t at, struct service_list *other)
{
	struct service_list *list = service_list_follow(last);

	service_list_carry(list, last, 0, at);
	service_share(list, other->items[0]);
	service_list_carry(list, last, at + 1, last->count);
	return list;
}

/* One after the other is replaced, of many: the others are not touched, and what has left does not stay for long. */
static void follow_cases(void)
{
	struct service_list *list = service_list_new(), *other, *first, *next_list;
	size_t most = 0;

	for (size_t i = 0; i < MANY; i++)
		service_share(list, (other = list_of("a=x:1"))->items[0]), service_list_unref(other);
	first = service_list_ref(list);
	for (size_t i = 0; i < 3 * MANY; i++) {
		size_t before, at = i * 7 % MANY;
		struct service *next = list->items[(at + 1) % MANY];
		unsigned refs = atomic_load(&next->refs);

		other = list_of("b=x:1");
		before = taken;
		next_list = follow(list, at, other);
		most += atomic_load(&next->refs) != refs;
		service_list_unref(list);
		list = next_list;
		service_list_unref(other);
		check(list->count == MANY && list->items[at] != next && list->items[(at + 1) % MANY] == next, "the others", "are the same");
		check(taken - before < 30, "memory is taken", "a few times");
		if (i == 2 * MANY)
			service_list_unref(first);
	}
	check(most < 3 * MANY / 20, "references to all", "seldom");
	check(list->keep->total < MANY + MANY / 8 + 70, "what has left", "goes before long");
	service_list_unref(list);
}

/* Lists may be dropped in any order. */
static void order_cases(void)
{
	for (int order = 0; order < 6; order++) {
		struct service_list *lists[3] = { NULL }, *start = list_of("a=x:1 b=x:1 c=x:1"), *other = list_of("d=x:1");

		lists[0] = follow(start, 0, other);
		lists[1] = follow(lists[0], 1, other);
		lists[2] = follow(lists[1], 2, other);
		service_list_unref(start);
		service_list_unref(other);
		for (int i = 0; i < 3; i++) {
			int which = (order + (order < 3 ? i : 2 * i)) % 3;

			check(strcmp(lists[which]->items[which]->name, "d") == 0, "its own", "is there");
			check(which == 2 || strcmp(lists[which]->items[2]->name, "c") == 0, "what the next lacks", "is there");
			service_list_unref(lists[which]);
		}
	}
}

/* A service as Consul tells it is one piece of memory. */
static void size_cases(void)
{
	struct service_list *list = service_list_new();
	struct service *service;
	size_t before = taken;

	bytes = 0;
	service = service_add(list, slice_of("service-00001"));
	service->node = service_text(service, "node-12");
	service->instance = service_text(service, "service-00001");
	service->tags = arena_alloc(&service->memory, 3 * sizeof *service->tags);
	service->tags[service->tag_count++] = service_text(service, "dill");
	service->tags[service->tag_count++] = service_text(service, "dill.listener=any:2000");
	service_wish(service, slice_of("any:2000"), service->tags[1]);
	service_backend(service, slice_of("10.0.0.12"), 8080, 1);
	service_seal(service);
	check(taken == before + 2 && bytes <= 400, "a service", "is one piece"); /* the other is the list's */
	service_list_unref(list);
}

int main(void)
{
	size_cases();
	adopt_cases();
	held_cases();
	follow_cases();
	order_cases();
	return check_sum();
}
