#include "base.h"
#include "consul_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "consul_instance.h"
#include "consul_shape.h"
#include "sys.h"
#include "tag.h"
#include "text.h"

void catalog_open(struct catalog *catalog, const char *tag)
{
	*catalog = (struct catalog){ .tag = tag, .list = service_list_new(), .fresh = service_list_new(), .serial = 1 };
}

#define COMPOSE_PART 16 /* joining looks at all services: of many, after a 16th of their readings */
#define TAGS_UNKNOWN 1 /* a digest that no tags have, of a name that a saved list tells */

static void free_name(struct catalog_name *name)
{
	free(name->name);
	free(name->failed);
	consul_stamps_free(&name->stamps);
}

void catalog_close(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		free_name(&catalog->names[i]);
	free(catalog->names);
	hold_close(&catalog->hold);
	service_list_unref(catalog->list);
	service_list_unref(catalog->fresh);
}

/* The digest of a set is the sum of its members' digests, so that their order does not matter. */
static uint64_t digest(const char *bytes, size_t len)
{
	uint64_t hash = text_hash(TEXT_HASH, bytes, len);

	return hash ^ hash >> 29;
}

static int compare_name(const void *key, const void *name)
{
	return strcmp(key, ((const struct catalog_name *)name)->name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct catalog_name *)a)->name, ((const struct catalog_name *)b)->name);
}

static void sort_names(struct catalog *catalog)
{
	catalog->serial++;
	if (catalog->count)
		qsort(catalog->names, catalog->count, sizeof *catalog->names, compare_names);
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

/* The digest of a name's tags, 0 when `word` does not mark one of them. */
static uint64_t marked_digest(const struct json *answer, uint32_t tags, const char *word, struct buf *text)
{
	uint64_t sum = 1;
	bool marked = false;

	for (JSON_EACH(answer, tags, tag)) {
		text->len = 0;
		if (!json_string(answer, tag, text))
			continue;
		sum += digest(text->data ? text->data : "", text->len);
		marked = marked || tag_is_mark((struct slice){ text->data, text->len }, word);
	}
	return marked ? sum : 0;
}

static void add_name(struct catalog *catalog, const char *name, uint64_t tags)
{
	SYS_GROW(catalog->names, catalog->count, catalog->cap);
	catalog->names[catalog->count] = (struct catalog_name){
		.name = sys_dup(name), .tags = tags, .listed = true, .wanted = true
	};
	catalog->count++;
}

void catalog_recall(struct catalog *catalog, struct service_list *list)
{
	size_t kept = 0;

	service_list_unref(catalog->list);
	catalog->list = list;
	for (size_t i = 0; i < list->count; i++)
		add_name(catalog, list->items[i]->name, TAGS_UNKNOWN);
	sort_names(catalog);
	for (size_t i = 0; i < catalog->count; i++)
		if (kept && strcmp(catalog->names[kept - 1].name, catalog->names[i].name) == 0)
			free_name(&catalog->names[i]);
		else
			catalog->names[kept++] = catalog->names[i];
	catalog->count = kept;
}

static const char *judge_names(const struct json *answer)
{
	const char *why = NULL;

	if (answer->tokens[0].type != JSON_OBJECT)
		return "the list of services is no object";
	for (JSON_EACH(answer, 0, key))
		why = why ? why : consul_shape(answer, key + 1, &consul_shape_tags);
	return why;
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

/* Takes a listed name with the mark. Of all names, the first `known` are sorted. True when anything has changed. */
static bool note_listed(struct catalog *catalog, size_t known, const char *text, uint64_t tags)
{
	struct catalog_name *name = find_in(catalog->names, known, text);

	if (!name) {
		add_name(catalog, text, tags);
		return true;
	}
	name->listed = true;
	return set_tags(name, tags);
}

const char *catalog_names(struct catalog *catalog, const struct json *answer, bool *moved)
{
	const char *why = judge_names(answer);
	size_t known = catalog->count;
	struct buf text = { 0 };

	if (why)
		return why;
	for (size_t i = 0; i < known; i++)
		catalog->names[i].listed = false;
	for (JSON_EACH(answer, 0, key)) {
		uint64_t tags = marked_digest(answer, key + 1, catalog->tag, &text);

		text.len = 0;
		if (tags && json_string(answer, key, &text) && text.len && note_listed(catalog, known, text.data, tags))
			*moved = true;
	}
	for (size_t i = 0; i < known; i++)
		if (!catalog->names[i].listed && set_tags(&catalog->names[i], 0)) {
			*moved = true;
			catalog->names[i].again_at = 0; /* its last reading may have failed because it was listed */
		}
	sort_names(catalog);
	buf_free(&text);
	return NULL;
}

/* The checks. */

static uint64_t members_digest(const struct json *answer, uint32_t object, const char *const *keys, struct buf *text)
{
	text->len = 0;
	for (; *keys; keys++) {
		uint32_t member = json_get(answer, object, *keys);

		if (member)
			buf_add(text, json_scalar(answer, member).at, json_scalar(answer, member).len);
		buf_add(text, "\n", 1);
	}
	return digest(text->data, text->len);
}

/* A check counts for its service: `sums` has one digest for each name. */
static void add_check(const struct catalog *catalog, const struct json *answer, uint32_t check, struct buf *text,
                      uint64_t *sums)
{
	static const char *const keys[] = { "Node", "CheckID", "ServiceID", "Status", "ModifyIndex", NULL };
	uint32_t token = json_get(answer, check, "ServiceName");
	const struct catalog_name *name;

	text->len = 0;
	if (!token || !json_string(answer, token, text) || !text->len)
		return;
	name = find_in(catalog->names, catalog->count, text->data);
	if (name)
		sums[name - catalog->names] += members_digest(answer, check, keys, text);
}

const char *catalog_checks(struct catalog *catalog, const struct json *answer, bool *moved)
{
	const char *why = consul_shape(answer, 0, &consul_shape_checks);
	struct buf text = { 0 };
	uint64_t *sums;

	if (why)
		return why;
	sums = sys_alloc((catalog->count + 1) * sizeof *sums);
	for (JSON_EACH(answer, 0, check))
		add_check(catalog, answer, check, &text, sums);
	for (size_t i = 0; i < catalog->count; i++)
		if (catalog->names[i].checks != sums[i]) {
			catalog->names[i].checks = sums[i];
			catalog->names[i].wanted = true;
			*moved = true;
		}
	buf_free(&text);
	free(sums);
	return NULL;
}

/* The nodes. */

const char *catalog_nodes(struct catalog *catalog, const struct json *answer, bool *moved)
{
	static const char *const keys[] = { "Node", "Address", NULL };
	const char *why = consul_shape(answer, 0, &consul_shape_nodes);
	struct buf text = { 0 };
	uint64_t sum = 1;

	if (why)
		return why;
	for (JSON_EACH(answer, 0, node))
		sum += members_digest(answer, node, keys, &text);
	buf_free(&text);
	*moved = *moved || (catalog->nodes && catalog->nodes != sum);
	catalog->nodes = sum;
	return NULL;
}

/* Readings. */

const char *catalog_reading(struct catalog *catalog, struct catalog_name *name, const struct json *answer,
                            int64_t began)
{
	size_t from = catalog->fresh->count;
	const char *why = instance_read(catalog->fresh, name->name, answer, catalog->tag);

	if (why)
		return why;
	catalog->readings++;
	name->from = from;
	name->count = catalog->fresh->count - from;
	name->fresh = true;
	name->doubted = false;
	name->read_at = began;
	consul_stamps_read(&name->stamps, answer, name->name, catalog->tag);
	catalog->serial++;
	free(name->failed);
	name->failed = NULL;
	return NULL;
}

void catalog_failed(struct catalog_name *name, const char *why)
{
	if (!name->failed)
		name->failed = sys_dup(why); /* the first reason stays: each new one would make a new list */
}

void catalog_confirm(struct catalog *catalog, int64_t now)
{
	if (!hold_due(&catalog->hold, now))
		return;
	for (size_t i = 0; i < catalog->list->count; i++) {
		const struct service *service = catalog->list->items[i];
		struct catalog_name *name = service->held ? find_in(catalog->names, catalog->count, service->name) : NULL;

		if (name)
			name->wanted = true;
	}
}

/* Composing. */

/* Nobody will read a name that is no longer known: its absence counts as confirmed. */
static int64_t name_read_at(void *arg, const char *name)
{
	const struct catalog *catalog = arg;
	const struct catalog_name *n = find_in(catalog->names, catalog->count, name);

	return n ? n->read_at : INT64_MAX;
}

static void keep_held_names(struct catalog *catalog, const struct service_list *list, size_t first)
{
	for (size_t i = first; i < list->count; i++) {
		struct catalog_name *name = find_in(catalog->names, catalog->count, list->items[i]->name);

		if (name)
			name->kept = true;
	}
}

/* Forgets the names that are not listed and have no services left. */
static void forget_names(struct catalog *catalog)
{
	size_t kept = 0;

	for (size_t i = 0; i < catalog->count; i++) {
		struct catalog_name *name = &catalog->names[i];

		if (name->listed || name->wanted || name->kept)
			catalog->names[kept++] = *name;
		else
			free_name(name);
	}
	catalog->serial += kept != catalog->count;
	catalog->count = kept;
}

/* Absent services stay in the list only while the name is listed: nobody reads them afterwards. */
static void carry_service(struct service_list *to, struct service *service, const struct catalog_name *name)
{
	if (!service->absent || (name->listed && service->instance))
		service_share(to, service);
}

/* A name that could not be read, and of which nothing is known, gets an absent service that says so, for --explain. */
static void tell_failure(struct service_list *list, const struct catalog_name *name, size_t before)
{
	struct service *service;

	if (list->count > before || !name->failed || !name->listed)
		return;
	service = service_add(list, slice_of(name->name));
	service->absent = text_printf(&service->memory, "Consul does not tell its instances: %s", name->failed);
	service_seal(service);
}

/* The old list and the names are both sorted by name; held services stand at the end of the list. */
static void compose_name(struct catalog *catalog, struct catalog_name *name, struct service_list *list, size_t *old)
{
	size_t before = list->count;
	int order;

	for (; *old < catalog->list->count && !catalog->list->items[*old]->held &&
	       (order = strcmp(catalog->list->items[*old]->name, name->name)) <= 0; ++*old)
		if (order == 0 && !name->fresh)
			carry_service(list, catalog->list->items[*old], name);
	for (size_t i = name->from; name->fresh && i < name->from + name->count; i++)
		carry_service(list, catalog->fresh->items[i], name);
	name->fresh = false;
	name->kept = list->count > before;
	tell_failure(list, name, before);
}

bool catalog_ripe(const struct catalog *catalog)
{
	return catalog->readings >= catalog->count / COMPOSE_PART;
}

struct service_list *catalog_compose(struct catalog *catalog, int64_t now)
{
	struct service_list *list = service_list_new(), *last = catalog->list;
	size_t old = 0, first_held;
	bool same;

	list->checked = true; /* Consul checks health: failing instances are absent */
	list->word = arena_dup(&list->memory, catalog->tag, strlen(catalog->tag));
	for (size_t i = 0; i < catalog->count; i++)
		compose_name(catalog, &catalog->names[i], list, &old);
	first_held = list->count;
	hold_missing(&catalog->hold, last, list, now, name_read_at, catalog);
	keep_held_names(catalog, list, first_held);
	service_list_unref(catalog->fresh);
	catalog->fresh = service_list_new();
	catalog->readings = 0;
	forget_names(catalog);
	same = service_list_equal(list, last);
	service_list_unref(last);
	catalog->list = list;
	return same ? NULL : service_list_ref(list);
}
