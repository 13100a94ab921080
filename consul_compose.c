/* A new list is the last one with the services of the names that have changed in place of their old ones. Both lists, and
 * the names, are sorted by name; held services stand at the end. Of what has not changed only the pointers move. */
#include "base.h"
#include "consul_catalog.h"

#include <string.h>

#include "hold.h"
#include "service.h"
#include "sys.h"
#include "text.h"

#define COMPOSE_PART 16 /* of many services, they are joined after a 16th of their readings */

struct composer {
	struct catalog *catalog;
	const struct service_list *last;
	size_t end;  /* of what is not held there */
	size_t done; /* of that: it is in the new list, or has left; */
	size_t at;   /* it is of names that have been looked at */
	struct service_list *list; /* NULL: nothing has changed yet */
};

static struct service **items_at(const struct service_list *list, size_t at)
{
	return at < list->count ? list->items + at : NULL;
}

static size_t held_from(const struct service_list *list)
{
	size_t end = list->count;

	while (end && list->items[end - 1]->held)
		end--;
	return end;
}

void catalog_confirm(struct catalog *catalog, int64_t now)
{
	if (!hold_due(&catalog->hold, now))
		return;
	for (size_t i = held_from(catalog->list); i < catalog->list->count; i++) {
		struct catalog_name *name = catalog_find(catalog, catalog->list->items[i]->name);

		if (name)
			name->wanted = true;
	}
}

bool catalog_ripe(const struct catalog *catalog)
{
	return catalog->readings >= catalog->count / COMPOSE_PART;
}

/* Nobody will read a name that is no longer known: its absence counts as confirmed. */
static int64_t name_read_at(void *arg, const char *name)
{
	const struct catalog_name *n = catalog_find(arg, name);

	return n ? n->read_at : INT64_MAX;
}

static void note_held(struct catalog *catalog, const struct service_list *list, size_t first, bool held)
{
	for (size_t i = first; i < list->count; i++) {
		struct catalog_name *name = catalog_find(catalog, list->items[i]->name);

		if (name)
			name->held = held;
	}
}

/* Whether its services may be others than those in the last list. */
static bool is_stale(const struct catalog_name *name)
{
	bool silent = name->failed && name->listed && !name->kept && !name->told;

	return name->fresh || name->listed != name->composed || silent;
}

/* The first one of the last list whose name is not before this one. */
static size_t first_of(const struct composer *composer, const char *name)
{
	size_t from = composer->at, to = composer->end;

	if (from < to && strcmp(composer->last->items[from]->name, name) >= 0)
		return from;
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(composer->last->items[middle]->name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Absent services stay in the list only while the name is listed: nobody reads them afterwards. */
static void carry_services(struct service_list *to, struct service **items, size_t count, const struct catalog_name *name)
{
	for (size_t i = 0; i < count; i++)
		if (!items[i]->absent || (name->listed && items[i]->instance))
			service_share(to, items[i]);
}

/* A name that could not be read, and of which nothing is known, gets an absent service that says so, for --explain. */
static void tell_failure(const struct catalog *catalog, struct service_list *list, struct catalog_name *name)
{
	struct service *service;

	name->told = !list->count && name->failed && name->listed;
	if (!name->told)
		return;
	service = service_add(list, slice_of(name->name));
	service->absent = text_printf(&service->memory, "%s does not tell its instances: %s", catalog->title, name->failed);
	service_seal(service);
}

/* Puts these services in place of those that the last list has from there on. */
static void replace(struct composer *composer, const struct service_list *part, size_t from, size_t count)
{
	struct service **items = items_at(composer->last, from);

	if (part->count == count && (!count || memcmp(part->items, items, count * sizeof *items) == 0))
		return;
	if (!composer->list)
		composer->list = service_list_follow(composer->last);
	service_list_carry(composer->list, composer->last, composer->done, from);
	for (size_t i = 0; i < part->count; i++)
		service_share(composer->list, part->items[i]);
	composer->done = from + count;
}

static void compose_name(struct composer *composer, struct catalog_name *name, struct service_list *part)
{
	struct service **fresh = items_at(composer->catalog->fresh, name->from), **old;
	size_t from = first_of(composer, name->name), count = 0;

	while (from + count < composer->end && strcmp(composer->last->items[from + count]->name, name->name) == 0)
		count++;
	composer->at = from + count;
	old = items_at(composer->last, from);
	if (name->fresh)
		service_adopt(fresh, name->count, old, count);
	carry_services(part, name->fresh ? fresh : old, name->fresh ? name->count : count, name);
	name->kept = part->count > 0;
	tell_failure(composer->catalog, part, name);
	name->fresh = false;
	name->composed = name->listed;
	replace(composer, part, from, count);
	service_forget(part, 0);
}

/* True when a name has become one that may be forgotten. */
static bool compose_names(struct composer *composer)
{
	struct service_list *part = service_list_new();
	bool leaves = false;

	for (size_t i = 0; i < composer->catalog->count; i++) {
		struct catalog_name *name = &composer->catalog->names[i];

		if (!composer->catalog->composed || is_stale(name))
			compose_name(composer, name, part);
		leaves = leaves || !name->listed;
	}
	service_list_unref(part);
	return leaves;
}

/* Adds what is held to the new list, which there is then. */
static void compose_held(struct composer *composer, int64_t now)
{
	struct catalog *catalog = composer->catalog;
	size_t first;

	if (!composer->list)
		composer->list = service_list_follow(composer->last);
	service_list_carry(composer->list, composer->last, composer->done, composer->end);
	first = composer->list->count;
	hold_missing(&catalog->hold, composer->last, composer->list, now, name_read_at, catalog);
	note_held(catalog, composer->last, composer->end, false);
	note_held(catalog, composer->list, first, true);
}

/* Returns what NULL stands for in catalog_compose(): a list that says the same as the last one. */
static struct service_list *take_list(struct catalog *catalog, struct service_list *list)
{
	bool same = service_list_equal(list, catalog->list);

	list->checked = catalog->checked;
	list->word = arena_dup(&list->memory, catalog->tag, strlen(catalog->tag));
	service_list_unref(catalog->list);
	catalog->list = list;
	catalog->composed = true;
	return same ? NULL : service_list_ref(list);
}

/* The names may have come one by one: their array need not stay twice as large as they are. */
static void trim_names(struct catalog *catalog)
{
	size_t cap = catalog->count + catalog->count / 8 + 16;

	if (catalog->cap <= cap + catalog->count / 8)
		return;
	catalog->names = sys_realloc(catalog->names, cap * sizeof *catalog->names);
	catalog->cap = cap;
}

struct service_list *catalog_compose(struct catalog *catalog, int64_t now)
{
	struct composer composer = { .catalog = catalog, .last = catalog->list, .end = held_from(catalog->list) };
	bool leaves = compose_names(&composer);

	if (composer.list || composer.end < composer.last->count || !catalog->composed)
		compose_held(&composer, now);
	if (catalog->fresh->count) {
		service_list_unref(catalog->fresh);
		catalog->fresh = service_list_new();
	}
	catalog->readings = 0;
	if (leaves)
		catalog_forget(catalog);
	trim_names(catalog);
	return composer.list ? take_list(catalog, composer.list) : NULL;
}
