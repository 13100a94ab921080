#include "base.h"
#include "consul_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "text.h"

void catalog_open(struct catalog *catalog, const char *tag)
{
	*catalog = (struct catalog){
		.tag = tag, .title = "Consul", .checked = true, .list = service_list_new(), .fresh = service_list_new(), .serial = 1
	};
}

#define TAGS_UNKNOWN 1 /* a digest that no tags have, of a name that a saved list tells */

static void free_name(struct catalog_name *name)
{
	free(name->name);
	free(name->failed);
	digest_free(&name->stamps);
}

void catalog_close(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		free_name(&catalog->names[i]);
	free(catalog->names);
	consul_failing_free(&catalog->failing);
	digest_free(&catalog->nodes);
	hold_close(&catalog->hold);
	service_list_unref(catalog->list);
	service_list_unref(catalog->fresh);
}

static int compare_name(const void *key, const void *name)
{
	return strcmp(key, ((const struct catalog_name *)name)->name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct catalog_name *)a)->name, ((const struct catalog_name *)b)->name);
}

#define SORT_FEW 16 /* names that are moved into their places one by one */

/* Behind those of the same name, of which catalog_recall() adds some. */
static void insert_name(struct catalog_name *names, size_t last)
{
	struct catalog_name name = names[last];
	size_t low = 0, high = last;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_names(&names[middle], &name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(names + low + 1, names + low, (last - low) * sizeof *names);
	names[low] = name;
}

/* After names have been added behind the others. */
static void sort_names(struct catalog *catalog)
{
	if (catalog->added > SORT_FEW)
		qsort(catalog->names, catalog->count, sizeof *catalog->names, compare_names);
	for (; catalog->added && catalog->added <= SORT_FEW; catalog->added--)
		insert_name(catalog->names, catalog->count - catalog->added);
	catalog->added = 0;
}

static struct catalog_name *find_in(struct catalog_name *names, size_t count, const char *name)
{
	return count ? bsearch(name, names, count, sizeof *names, compare_name) : NULL;
}

struct catalog_name *catalog_find(const struct catalog *catalog, const char *name)
{
	return find_in(catalog->names, catalog->count, name);
}

/* The names. */

void catalog_add(struct catalog *catalog, const char *name, uint64_t tags)
{
	SYS_GROW(catalog->names, catalog->count, catalog->cap);
	catalog->names[catalog->count] = (struct catalog_name){
		.name = sys_dup(name), .digest = digest_text(slice_of(name)), .coming = tags
	};
	catalog->count++;
	catalog->serial++;
	catalog->added++;
}

/* A name does not become younger because its oldest instance leaves: else it would lose its listeners in a rolling update. */
static void note_age(struct catalog_name *name, const struct service *service)
{
	uint64_t since = service_since(service);

	if (since && (!name->since || since < name->since))
		name->since = since;
}

void catalog_recall(struct catalog *catalog, struct service_list *list)
{
	size_t kept = 0;

	service_list_unref(catalog->list);
	catalog->list = list;
	for (size_t i = 0; i < list->count; i++)
		catalog_add(catalog, list->items[i]->name, TAGS_UNKNOWN);
	catalog_listed(catalog);
	for (size_t i = 0; i < catalog->count; i++)
		if (kept && strcmp(catalog->names[kept - 1].name, catalog->names[i].name) == 0)
			free_name(&catalog->names[i]);
		else
			catalog->names[kept++] = catalog->names[i];
	catalog->count = kept;
	for (size_t i = 0; i < list->count; i++)
		note_age(catalog_find(catalog, list->items[i]->name), list->items[i]);
}

/* A name whose tags have changed must be read. True when they have. */
static bool set_tags(struct catalog_name *name, uint64_t tags)
{
	bool changed = name->tags != tags;

	name->wanted = name->wanted || changed;
	name->tags = tags;
	if (changed && name->doubted)
		name->again_at = 0;
	return changed;
}

bool catalog_listed(struct catalog *catalog)
{
	bool changed = false;

	for (size_t i = 0; i < catalog->count; i++) {
		struct catalog_name *name = &catalog->names[i];

		name->listed = name->coming;
		if (set_tags(name, name->coming)) {
			changed = true;
			if (!name->listed)
				name->again_at = 0; /* its last reading may have failed because it was listed */
		}
		name->coming = 0;
	}
	sort_names(catalog);
	return changed;
}

bool catalog_want(struct catalog *catalog, const struct digest_set *names)
{
	bool any = false;

	for (size_t i = 0; names->count && i < catalog->count; i++)
		if (digest_of(names, catalog->names[i].digest))
			catalog->names[i].wanted = any = true;
	return any;
}

static bool want_of(struct catalog *catalog, const struct service_list *list, const struct digest_set *nodes)
{
	bool any = false;

	for (size_t i = 0; nodes->count && i < list->count; i++) {
		const struct service *service = list->items[i];
		struct catalog_name *name = NULL;

		if (service->node && digest_of(nodes, digest_text(slice_of(service->node))))
			name = catalog_find(catalog, service->name);
		if (name)
			name->wanted = any = true;
	}
	return any;
}

bool catalog_want_on(struct catalog *catalog, const struct digest_set *nodes)
{
	bool known = want_of(catalog, catalog->list, nodes);

	return want_of(catalog, catalog->fresh, nodes) || known;
}

bool catalog_want_unsure(struct catalog *catalog)
{
	bool any = false;

	for (size_t i = 0; i < catalog->count; i++) {
		if (catalog->names[i].unsure)
			catalog->names[i].wanted = any = true;
		catalog->names[i].unsure = false;
	}
	return any;
}

/* Readings. */

static void date_name(struct catalog_name *name, const struct service_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		note_age(name, list->items[i]);
	for (size_t i = 0; i < list->count; i++)
		list->items[i]->since = name->since;
}

void catalog_take(struct catalog *catalog, struct catalog_name *name, struct service_list *list, int64_t began)
{
	name->from = catalog->fresh->count;
	name->count = list->count;
	date_name(name, list);
	for (size_t i = 0; i < name->count; i++)
		service_share(catalog->fresh, list->items[i]);
	service_forget(list, 0);
	catalog->readings++;
	name->fresh = true;
	name->read_at = began;
	free(name->failed);
	name->failed = NULL;
}

void catalog_reading(struct catalog *catalog, struct catalog_name *name, struct instance_reading *reading,
                     int64_t began)
{
	catalog_take(catalog, name, reading->list, began);
	name->doubted = false;
	name->unsure = reading->differs;
	digest_exchange(&name->stamps, &reading->stamps);
	catalog->serial++;
}

void catalog_failed(struct catalog_name *name, const char *why)
{
	if (!name->failed)
		name->failed = sys_dup(why); /* the first reason stays: each new one would make a new list */
}

void catalog_forget(struct catalog *catalog)
{
	size_t kept = 0;

	for (size_t i = 0; i < catalog->count; i++) {
		struct catalog_name *name = &catalog->names[i];

		if (name->listed || name->wanted || name->kept || name->held || name->coming)
			catalog->names[kept++] = *name;
		else
			free_name(name);
	}
	catalog->serial += kept != catalog->count;
	catalog->count = kept;
}
