#include "base.h"
#include "consul_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "consul_instance.h"
#include "sys.h"
#include "tag.h"

void catalog_open(struct catalog *c, const char *tag)
{
	*c = (struct catalog){ .tag = tag, .list = service_list_new(), .fresh = service_list_new() };
}

static void forget(struct catalog_name *n)
{
	free(n->name);
	free(n->failed);
}

void catalog_close(struct catalog *c)
{
	for (size_t i = 0; i < c->count; i++)
		forget(&c->names[i]);
	free(c->names);
	hold_close(&c->hold);
	service_list_unref(c->list);
	service_list_unref(c->fresh);
}

/* Digests of a set add up its members', so that their order does not matter. */
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

static struct catalog_name *find_in(struct catalog_name *names, size_t count, const char *name)
{
	return count ? bsearch(name, names, count, sizeof *names, compare_name) : NULL;
}

/* The names. */

/* The digest of a name's tags, 0 when the mark is not among them. */
static uint64_t marked_digest(const struct json *j, uint32_t tags, const char *configured, struct buf *text)
{
	uint64_t sum = 1;
	bool marked = false;

	for (JSON_EACH(j, tags, t)) {
		text->len = 0;
		if (!json_string(j, t, text))
			continue;
		sum += digest(text->data ? text->data : "", text->len);
		marked = marked || tag_is_mark((struct slice){ text->data, text->len }, configured);
	}
	return marked ? sum : 0;
}

static void add_name(struct catalog *c, const char *name, uint64_t tags)
{
	SYS_GROW(c->names, c->count, c->cap);
	c->names[c->count] = (struct catalog_name){
		.name = sys_dup(name), .tags = tags, .listed = true, .wanted = true
	};
	c->count++;
}

void catalog_recall(struct catalog *c, struct service_list *list)
{
	size_t kept = 0;

	service_list_unref(c->list);
	c->list = list;
	for (size_t i = 0; i < list->count; i++)
		add_name(c, list->items[i]->name, 1);
	if (c->count)
		qsort(c->names, c->count, sizeof *c->names, compare_names);
	for (size_t i = 0; i < c->count; i++)
		if (kept && strcmp(c->names[kept - 1].name, c->names[i].name) == 0)
			forget(&c->names[i]);
		else
			c->names[kept++] = c->names[i];
	c->count = kept;
}

const char *catalog_names(struct catalog *c, const struct json *answer, bool *moved)
{
	size_t known = c->count;
	struct buf text = { 0 }, name = { 0 };

	if (answer->tokens[0].type != JSON_OBJECT)
		return "the list of services is no object";
	for (JSON_EACH(answer, 0, k))
		if (answer->tokens[k + 1].type != JSON_ARRAY && answer->tokens[k + 1].type != JSON_NULL)
			return "the tags of a service are no list";
	for (size_t i = 0; i < known; i++)
		c->names[i].listed = false;
	for (JSON_EACH(answer, 0, k)) {
		uint64_t tags = marked_digest(answer, k + 1, c->tag, &text);
		struct catalog_name *n;

		if (!tags)
			continue;
		name.len = 0;
		json_string(answer, k, &name);
		n = name.len ? find_in(c->names, known, name.data) : NULL;
		if (n) {
			n->listed = true;
			n->wanted = n->wanted || n->tags != tags;
			*moved = *moved || n->tags != tags;
			n->tags = tags;
		} else if (name.len) {
			add_name(c, name.data, tags);
			*moved = true;
		}
	}
	for (size_t i = 0; i < known; i++)
		if (!c->names[i].listed) {
			*moved = *moved || c->names[i].tags;
			c->names[i].wanted = c->names[i].wanted || c->names[i].tags;
			c->names[i].tags = 0;
		}
	if (c->count > known)
		qsort(c->names, c->count, sizeof *c->names, compare_names);
	buf_free(&text);
	buf_free(&name);
	return NULL;
}

/* The checks. */

static uint64_t check_digest(const struct json *j, uint32_t check, struct buf *text)
{
	static const char *const fields[] = { "Node", "CheckID", "ServiceID", "Status" };
	uint32_t modified = json_get(j, check, "ModifyIndex");

	text->len = 0;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		uint32_t t = json_get(j, check, fields[i]);

		if (t)
			json_string(j, t, text);
		buf_add(text, "\n", 1);
	}
	if (modified)
		buf_add(text, j->text + j->tokens[modified].at, j->tokens[modified].len);
	return digest(text->data, text->len);
}

const char *catalog_checks(struct catalog *c, const struct json *answer, bool *moved)
{
	uint64_t *sums = sys_alloc((c->count + 1) * sizeof *sums);
	struct buf text = { 0 };
	const char *why = NULL;

	if (answer->tokens[0].type != JSON_ARRAY)
		why = "the list of checks is no list";
	for (JSON_EACH(answer, 0, check)) {
		uint32_t name = why ? 0 : json_get(answer, check, "ServiceName");
		struct catalog_name *n;

		text.len = 0;
		if (!name || !json_string(answer, name, &text) || !text.len)
			continue;
		n = find_in(c->names, c->count, text.data);
		if (n)
			sums[n - c->names] += check_digest(answer, check, &text);
	}
	for (size_t i = 0; !why && i < c->count; i++)
		if (c->names[i].checks != sums[i]) {
			c->names[i].checks = sums[i];
			c->names[i].wanted = true;
			*moved = true;
		}
	buf_free(&text);
	free(sums);
	return why;
}

/* Readings. */

const char *catalog_reading(struct catalog *c, struct catalog_name *n, const struct json *answer, int64_t began)
{
	size_t from = c->fresh->count;
	const char *why = instance_read(c->fresh, n->name, answer, c->tag);

	if (why)
		return why;
	n->from = from;
	n->count = c->fresh->count - from;
	n->fresh = true;
	n->read_at = began;
	free(n->failed);
	n->failed = NULL;
	return NULL;
}

void catalog_failed(struct catalog_name *n, const char *why)
{
	if (n->failed)
		return; /* the first reason is as good, and no news */
	n->failed = sys_dup(why);
}

void catalog_confirm(struct catalog *c, int64_t now)
{
	if (!hold_due(&c->hold, now))
		return;
	for (size_t i = 0; i < c->list->count; i++) {
		const struct service *service = c->list->items[i];
		struct catalog_name *n = service->held ? find_in(c->names, c->count, service->name) : NULL;

		if (n)
			n->wanted = true;
	}
}

/* Composing. */

/* Of a name that is not known any more nobody will read anything. */
static int64_t name_read_at(void *arg, const char *name)
{
	const struct catalog *c = arg;
	const struct catalog_name *n = find_in(c->names, c->count, name);

	return n ? n->read_at : INT64_MAX;
}

/* Names that are not listed and have nothing left are forgotten. */
static void forget_names(struct catalog *c, const struct service_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct catalog_name *n = &c->names[i];
		bool used = n->listed || n->wanted;

		for (size_t s = 0; !used && s < list->count; s++)
			used = strcmp(list->items[s]->name, n->name) == 0;
		if (used)
			c->names[kept++] = *n;
		else
			forget(n);
	}
	c->count = kept;
}

/* What is absent is told for as long as the name has the tag somewhere: nobody looks at it afterwards. */
static void carry(struct service_list *to, struct service *service, const struct catalog_name *n)
{
	if (!service->absent || (n->listed && service->instance))
		service_share(to, service);
}

/* A name of which there is nothing but that it could not be read: no instance, but it is listed for those who ask. */
static void tell_failure(struct service_list *list, const struct catalog_name *n, size_t before)
{
	struct buf why = { 0 };
	struct service *service;

	if (list->count > before || !n->failed || !n->listed)
		return;
	buf_printf(&why, "Consul does not tell its instances: %s", n->failed);
	service = service_add(list, slice_of(n->name));
	service->absent = service_text(service, why.data);
	service_seal(service);
	buf_free(&why);
}

/* Both the old list and the names are sorted by name; what is held stands at the end of the list. */
static void compose_name(struct catalog *c, struct catalog_name *n, struct service_list *list, size_t *old)
{
	size_t before = list->count;
	int order;

	for (; *old < c->list->count && !c->list->items[*old]->held &&
	       (order = strcmp(c->list->items[*old]->name, n->name)) <= 0; ++*old)
		if (order == 0 && !n->fresh)
			carry(list, c->list->items[*old], n);
	for (size_t i = n->from; n->fresh && i < n->from + n->count; i++)
		carry(list, c->fresh->items[i], n);
	n->fresh = false;
	tell_failure(list, n, before);
}

struct service_list *catalog_compose(struct catalog *c, int64_t now)
{
	struct service_list *list = service_list_new(), *last = c->list;
	size_t old = 0;
	bool same;

	list->checked = true; /* what does not pass is not in it */
	list->word = arena_dup(&list->memory, c->tag, strlen(c->tag));
	for (size_t i = 0; i < c->count; i++)
		compose_name(c, &c->names[i], list, &old);
	hold_missing(&c->hold, last, list, now, name_read_at, c);
	service_list_unref(c->fresh);
	c->fresh = service_list_new();
	forget_names(c, list);
	same = service_list_equal(list, last); /* what is held may differ, which nobody outside needs to know */
	service_list_unref(last);
	c->list = list;
	return same ? NULL : service_list_ref(list);
}
