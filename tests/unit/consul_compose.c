/* Cases for consul_compose.c: one change among many costs what it costs among few, and what is equal is the same object. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Counted: what takes memory, compares texts, and sorts. */
static size_t calls;
static void *count_calloc(size_t count, size_t size) { calls++; return calloc(count, size); }
static void *count_realloc(void *old, size_t size) { calls++; return realloc(old, size); }
static int count_strcmp(const char *a, const char *b) { calls++; return strcmp(a, b); }
static void count_qsort(void *items, size_t count, size_t size, int (*order)(const void *, const void *))
{
	calls += count;
	qsort(items, count, size, order);
}
#define calloc count_calloc
#define realloc count_realloc
#define strcmp count_strcmp
#define qsort count_qsort
#include "../../consul_catalog.c"
#include "../../consul_compose.c"
#include "../../hold.c"
#include "../../service.c"
#include "../../service_list.c"
#include "../../sys.c"
#undef calloc
#undef realloc
#undef strcmp
#undef qsort

static struct json parse(const struct buf *text)
{
	struct json json = { 0 };

	check(!json_parse(&json, text->data, text->len), "JSON", text->data);
	return json;
}

/* One instance, whose check has this status. */
static void reading(struct catalog *catalog, size_t at, int port, const char *status, int64_t began)
{
	struct buf text = { 0 };
	struct json json;

	buf_printf(&text, "[{\"Node\":{\"Node\":\"n\"},\"Service\":{\"ID\":\"i\",\"Tags\":[\"dill\",\"dill.listener=any:%zu\"],"
	           "\"Address\":\"1.1.1.1\",\"Port\":%d},\"Checks\":[{\"CheckID\":\"c\",\"Status\":\"%s\"}]}]", 2000 + at, port, status);
	json = parse(&text);
	check(!catalog_reading(catalog, &catalog->names[at], &json, began), "a reading", text.data);
	catalog->names[at].wanted = false;
	json_free(&json);
	buf_free(&text);
}

static void open_catalog(struct catalog *catalog, size_t count)
{
	struct buf text = { 0 };
	struct json json;
	bool moved;

	catalog_open(catalog, "dill");
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%c\"service-%05zu\":[\"dill\"]", i ? ',' : '{', i);
	buf_puts(&text, "}");
	json = parse(&text);
	check(!catalog_names(catalog, &json, &moved), "names", "are taken");
	for (size_t i = 0; i < count; i++)
		reading(catalog, i, 80, "passing", 1000);
	service_list_unref(catalog_compose(catalog, 1000));
	check(catalog->list->count == count, "all", "are in the list");
	json_free(&json);
	buf_free(&text);
}

/* The calls for what has been read since; *others: how many services of the new list are not of the old one. */
static size_t compose(struct catalog *catalog, int64_t now, bool new, size_t *others)
{
	struct service_list *last = service_list_ref(catalog->list), *list;

	calls = 0;
	list = catalog_compose(catalog, now);
	check(!list == !new, list ? "new" : "nothing new", "what has been read");
	*others = 0;
	for (size_t i = 0, at = 0; i < catalog->list->count; i++) {
		while (at < last->count && last->items[at] != catalog->list->items[i])
			at++;
		*others += at == last->count;
		at = at == last->count ? 0 : at;
	}
	service_list_unref(list);
	service_list_unref(last);
	return calls;
}

/* The calls for each of: nothing; an equal reading; another port; a check that fails; what is held; it passes again. */
static void changes(size_t count, size_t *taken)
{
	struct catalog catalog;
	size_t others, at = count / 2, step = 0;

	open_catalog(&catalog, count);
	taken[step++] = compose(&catalog, 2000, false, &others);
	check(!others, "nothing", "has changed");
	reading(&catalog, at, 80, "passing", 3000);
	taken[step++] = compose(&catalog, 3000, false, &others);
	check(!others, "what is equal", "is the same");
	reading(&catalog, at, 81, "passing", 4000);
	taken[step++] = compose(&catalog, 4000, true, &others);
	check(others == 1, "one", "has changed");
	reading(&catalog, at, 81, "critical", 5000);
	taken[step++] = compose(&catalog, 5000, true, &others);
	check(others == 2, "one", "is absent, and held");
	taken[step++] = compose(&catalog, 5500, false, &others);
	check(!others, "held", "as before");
	reading(&catalog, at, 81, "passing", 5600);
	taken[step++] = compose(&catalog, 5600, true, &others);
	check(others == 1, "one", "is back");
	catalog_close(&catalog);
}

#define CHANGES 6

int main(void)
{
	size_t few[CHANGES], many[CHANGES];

	changes(64, few);
	changes(1024, many);
	check(many[0] < 3 && many[1] < 40, "no change", "makes no list");
	for (size_t i = 0; i < CHANGES; i++) {
		char text[64];

		snprintf(text, sizeof text, "change %zu: %zu calls, of 64 services %zu", i, many[i], few[i]);
		check(many[i] <= few[i] + 20 && many[i] < 80, "one change among 1024", text); /* 20: a search takes log n */
	}
	return check_sum();
}
