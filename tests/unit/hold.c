/* Cases for hold.c: what goes from a source's answers goes once a second reading says so. The clock is ours. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../hold.c"

struct world {
	struct hold hold;
	struct service_list *last;
	int64_t read_at[2]; /* when the last good readings of `a` and `b` began; of others nobody reads anything */
};

static int64_t read_at(void *arg, const char *service)
{
	const struct world *world = arg;

	return service[0] == 'a' || service[0] == 'b' ? world->read_at[service[0] - 'a'] : INT64_MAX;
}

/* "a=x:1,y:1 b=x:1": names and their wishes. */
static struct service_list *list_of(const char *text)
{
	struct service_list *list = service_list_new();
	struct slice rest = slice_of(text), part, name;
	char wishes[64];

	while (slice_next(&rest, ' ', &part)) {
		struct service *service;

		if (!part.len)
			continue;
		slice_next(&part, '=', &name);
		snprintf(wishes, sizeof wishes, "%.*s", (int)part.len, part.at);
		service = list_add(list, "", wishes, "h:1");
		service->name = arena_dup(&service->memory, name.at, name.len);
		service_seal(service);
	}
	return list;
}

/* The readings say `text`; then the list is `want`. */
static void step(struct world *world, const char *text, int64_t now, const char *want, int64_t confirm_at)
{
	struct service_list *list = list_of(text);
	struct buf got = { 0 };

	hold_missing(&world->hold, world->last, list, now, read_at, world);
	buf_puts(&got, "");
	for (size_t i = 0; i < list->count; i++) {
		const struct service *service = list->items[i];

		buf_printf(&got, "%s%s%s=", got.len ? " " : "", service->held ? "~" : "", service->name);
		for (size_t w = 0; w < service->wish_count; w++)
			buf_printf(&got, "%s%s", w ? "," : "", service->wishes[w].text);
		check(service->backend_count == 1, "its backends", got.data);
	}
	check(strcmp(got.data, want) == 0, got.data, want);
	check(world->hold.confirm_at == confirm_at, "confirm_at", want);
	check(!world->hold.count == !confirm_at, "what is missed", want);
	buf_free(&got);
	service_list_unref(world->last);
	world->last = list;
}

static void read_both(struct world *world, int64_t at)
{
	world->read_at[0] = world->read_at[1] = at;
}

static void confirmed_cases(struct world *world)
{
	step(world, "a=x:1,y:1 b=x:1", 1000, "a=x:1,y:1 b=x:1", 0);
	read_both(world, 1900);
	step(world, "a=x:1 b=x:1", 2000, "a=x:1 b=x:1 ~a=y:1", 3000); /* one wish is gone: it alone is held */
	read_both(world, 2999);
	step(world, "a=x:1 b=x:1", 3000, "a=x:1 b=x:1 ~a=y:1", 3000); /* the second reading began too soon */
	read_both(world, 3000);
	step(world, "a=x:1 b=x:1", 3001, "a=x:1 b=x:1", 0);
	read_both(world, 4000);
	step(world, "b=x:1", 4000, "b=x:1", 0); /* others have its wish: it goes at once */
	step(world, "", 5000, "~b=x:1", 6000);
	step(world, "b=x:1", 5500, "b=x:1", 0); /* back, as if nothing had been */
	step(world, "", 7000, "~b=x:1", 8000); /* and the wait starts anew */
	read_both(world, 7999);
	step(world, "", 7999, "~b=x:1", 8000);
	read_both(world, 8000);
	step(world, "", 8000, "", 0);
}

/* All who had a wish must have been read again; each wish has a clock of its own. */
static void clock_cases(struct world *world)
{
	read_both(world, 0);
	step(world, "a=x:1 b=x:1 b=z:1", 10000, "a=x:1 b=x:1 b=z:1", 0);
	step(world, "b=z:1", 11000, "b=z:1 ~a=x:1 ~b=x:1", 12000);
	step(world, "", 11500, "~a=x:1 ~b=x:1 ~b=z:1", 12000);
	world->read_at[0] = 12000;
	step(world, "", 12000, "~a=x:1 ~b=x:1 ~b=z:1", 12000); /* b has not been read again */
	world->read_at[1] = 12000;
	step(world, "", 12100, "~b=z:1", 12000);
	world->read_at[1] = 12500;
	step(world, "", 12500, "", 0);
	step(world, "c=x:1", 13000, "c=x:1", 0);
	step(world, "", 14000, "", 0); /* nobody will read it any more */
}

static void due_cases(void)
{
	struct hold hold = { 0 };

	check(!hold_due(&hold, 1000000), "not due", "nothing is missed");
	hold.confirm_at = 5000;
	check(!hold_due(&hold, 4999) && hold.confirm_at == 5000, "not due", "too early");
	check(hold_due(&hold, 5000) && hold.confirm_at == 6000, "due, and then HOLD_MS later", "in time");
	check(!hold_due(&hold, 5999), "not due", "after it was");
	check(hold_due(&hold, 7500) && hold.confirm_at == 8500, "due", "late");
}

/* What is held is a copy that says the same. */
static void copy_cases(void)
{
	struct world world = { .last = service_list_new() };
	struct service_list *list = service_list_new();
	struct service *service = list_add(world.last, "a", "x:1,y:1", "h:1*7");
	struct buf got = { 0 };

	service->node = "n";
	service->instance = "i";
	service_set(service, SERVICE_BALANCE, slice_of("p2c"), "tag");
	service_seal(service);
	hold_missing(&world.hold, world.last, list, 1000, read_at, &world);
	list_put(&got, list);
	check(strcmp(got.data, "a(n/i x:1 h:1*7 balance=p2c ~) a(n/i y:1 h:1*7 balance=p2c ~)") == 0, got.data, "the copies");
	check(list->items[0]->options->balance == SERVICE_P2C, "options", "are read");
	buf_free(&got);
	hold_close(&world.hold);
	check(!world.hold.count && !world.hold.confirm_at, "closed", "");
	service_list_unref(world.last);
	service_list_unref(list);
}

int main(void)
{
	struct world world = { .last = service_list_new() };

	confirmed_cases(&world);
	clock_cases(&world);
	hold_close(&world.hold);
	service_list_unref(world.last);
	due_cases();
	copy_cases();
	return check_sum();
}
