#include "base.h"
#include "consul_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "consul_instance.h"

/* A wish that the answers no longer have. */
struct catalog_held {
	char *wish;
	int64_t since;
};

void catalog_open(struct catalog *c, const char *tag)
{
	*c = (struct catalog){ .tag = tag };
	c->list = sys_alloc(sizeof *c->list);
	c->fresh = sys_alloc(sizeof *c->fresh);
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
	for (size_t i = 0; i < c->held_count; i++)
		free(c->held[i].wish);
	free(c->names);
	free(c->held);
	service_free(c->list);
	service_free(c->fresh);
}

/* FNV-1a. Digests of a set add up its members', so that their order does not matter. */
static uint64_t digest(const char *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return h ^ h >> 29;
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
		marked = marked || instance_marked((struct slice){ text->data, text->len }, configured);
	}
	return marked ? sum : 0;
}

static void add_name(struct catalog *c, const char *name, uint64_t tags)
{
	SYS_GROW(c->names, c->count, c->cap);
	c->names[c->count] = (struct catalog_name){
		.name = sys_alloc(strlen(name) + 1), .tags = tags, .listed = true, .wanted = true
	};
	strcpy(c->names[c->count++].name, name);
}

void catalog_recall(struct catalog *c, struct service_list *list)
{
	size_t kept = 0;

	service_free(c->list);
	c->list = list;
	for (size_t i = 0; i < list->count; i++)
		add_name(c, list->items[i].name, 1);
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
	n->failed = strcpy(sys_alloc(strlen(why) + 1), why);
}

void catalog_confirm(struct catalog *c, int64_t now)
{
	if (!c->confirm_at || now < c->confirm_at)
		return;
	c->confirm_at = now + CATALOG_CONFIRM_MS; /* when the readings fail */
	for (size_t i = 0; i < c->list->count; i++) {
		struct catalog_name *n = c->list->items[i].held ? find_in(c->names, c->count, c->list->items[i].name) : NULL;

		if (n)
			n->wanted = true;
	}
}

/* Composing. */

/* A wish and who has it. */
struct claim {
	const char *wish;
	const struct service *service;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->wish, y->wish);

	return order ? order : (x->service > y->service) - (x->service < y->service);
}

static struct claim *all_claims(const struct service_list *list, size_t *count)
{
	struct claim *claims = NULL;
	size_t cap = 0;

	*count = 0;
	for (size_t i = 0; i < list->count; i++)
		for (size_t w = 0; w < list->items[i].wish_count; w++) {
			SYS_GROW(claims, *count, cap);
			claims[(*count)++] = (struct claim){ list->items[i].wishes[w], &list->items[i] };
		}
	if (*count)
		qsort(claims, *count, sizeof *claims, compare_claims);
	return claims;
}

/* Whether all who had the wish have been read again, long enough after it was missed first. */
static bool confirmed(struct catalog *c, const struct claim *had, size_t count, int64_t since)
{
	for (size_t i = 0; i < count; i++) {
		struct catalog_name *n = find_in(c->names, c->count, had[i].service->name);

		if (n && n->read_at < since + CATALOG_CONFIRM_MS)
			return false;
	}
	return true;
}

/* A wish of the last list that the new one lacks: carried over with its last instances, or let go. */
static void miss(struct catalog *c, struct service_list *list, const struct claim *had, size_t count, int64_t since)
{
	if (confirmed(c, had, count, since))
		return;
	for (size_t i = 0; i < count; i++) {
		service_copy(list, had[i].service, had[i].wish);
		list->items[list->count - 1].held = true;
	}
	SYS_GROW(c->held, c->held_count, c->held_cap);
	c->held[c->held_count] = (struct catalog_held){ .wish = sys_alloc(strlen(had->wish) + 1), .since = since };
	strcpy(c->held[c->held_count++].wish, had->wish);
}

/* Walks what the last list had, what the new one has, and what was held, all sorted by wish. */
static void hold_missing(struct catalog *c, struct service_list *list, int64_t now)
{
	struct catalog_held *held = c->held;
	size_t held_count = c->held_count, had_count, has_count, s = 0, h = 0;
	struct claim *had = all_claims(c->list, &had_count), *has = all_claims(list, &has_count);

	c->held = NULL;
	c->held_count = c->held_cap = 0;
	for (size_t i = 0, end; i < had_count; i = end) {
		const char *wish = had[i].wish;
		int order = 1;

		for (end = i + 1; end < had_count && strcmp(had[end].wish, wish) == 0; end++)
			;
		for (; s < has_count && (order = strcmp(has[s].wish, wish)) < 0; s++)
			;
		if (s < has_count && order == 0)
			continue;
		for (order = 1; h < held_count && (order = strcmp(held[h].wish, wish)) < 0; h++)
			;
		miss(c, list, had + i, end - i, h < held_count && order == 0 ? held[h].since : now);
	}
	if (!c->held_count)
		c->confirm_at = 0;
	else if (!c->confirm_at)
		c->confirm_at = now + CATALOG_CONFIRM_MS;
	for (h = 0; h < held_count; h++)
		free(held[h].wish);
	free(held);
	free(had);
	free(has);
}

/* Names that are not listed and have nothing left are forgotten. */
static void forget_names(struct catalog *c, const struct service_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct catalog_name *n = &c->names[i];
		bool used = n->listed || n->wanted;

		for (size_t s = 0; !used && s < list->count; s++)
			used = strcmp(list->items[s].name, n->name) == 0;
		if (used)
			c->names[kept++] = *n;
		else
			forget(n);
	}
	c->count = kept;
}

/* What is absent is told for as long as the name has the tag somewhere: nobody looks at it afterwards. */
static void carry(struct service_list *to, const struct service *s, const struct catalog_name *n)
{
	if (!s->absent || (n->listed && s->instance))
		service_copy(to, s, NULL);
}

/* A name of which there is nothing but that it could not be read: no instance, but it is listed for those who ask. */
static void tell_failure(struct service_list *list, const struct catalog_name *n, size_t before)
{
	struct buf why = { 0 };

	if (list->count > before || !n->failed || !n->listed)
		return;
	buf_printf(&why, "Consul does not tell its instances: %s", n->failed);
	service_add(list, slice_of(n->name))->absent = arena_dup(&list->memory, why.data, why.len);
	buf_free(&why);
}

struct service_list *catalog_compose(struct catalog *c, int64_t now)
{
	struct service_list *list = sys_alloc(sizeof *list);
	size_t old = 0;

	list->checked = true; /* what does not pass is not in it */
	for (size_t i = 0; i < c->count; i++) {
		struct catalog_name *n = &c->names[i];
		size_t before = list->count;
		int order;

		/* Both are sorted by name; what is held stands at the end of the list. */
		for (; old < c->list->count && !c->list->items[old].held &&
		       (order = strcmp(c->list->items[old].name, n->name)) <= 0; old++)
			if (order == 0 && !n->fresh)
				carry(list, &c->list->items[old], n);
		for (size_t s = n->from; n->fresh && s < n->from + n->count; s++)
			carry(list, &c->fresh->items[s], n);
		n->fresh = false;
		tell_failure(list, n, before);
	}
	hold_missing(c, list, now);
	service_free(c->fresh);
	c->fresh = sys_alloc(sizeof *c->fresh);
	forget_names(c, list);
	if (service_equal(list, c->list)) {
		/* What is held may differ, which nobody outside needs to know. */
		service_free(c->list);
		c->list = list;
		return NULL;
	}
	service_free(c->list);
	c->list = list;
	return service_hold(list);
}
