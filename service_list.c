#include "base.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

#define SERVICE_ROOM 192 /* bytes that most services from Consul need beside the struct */

/* What holds the services of a list that follows another: the references to those that came with it, and, below, what holds
 * those of the one before. So one change takes few references, though the list is long. */
struct service_keep {
	struct service_keep *below; /* NULL: it holds all by itself */
	struct service **items;
	size_t count, cap;
	size_t total;     /* references, and rows of them: with all below */
	atomic_uint refs; /* holders besides the first: lists, and the row above */
};

static void keep_unref(struct service_keep *keep)
{
	while (keep && atomic_fetch_sub(&keep->refs, 1) == 0) {
		struct service_keep *below = keep->below;

		for (size_t i = 0; i < keep->count; i++)
			service_unref(keep->items[i]);
		free(keep->items);
		free(keep);
		keep = below;
	}
}

/* Takes the reference. */
static void keep_add(struct service_keep *keep, struct service *service)
{
	SYS_GROW(keep->items, keep->count, keep->cap);
	keep->items[keep->count++] = service;
	keep->total++;
}

static struct service *append(struct service_list *list, struct service *service)
{
	SYS_GROW(list->items, list->count, list->cap);
	if (list->keep)
		keep_add(list->keep, service);
	return list->items[list->count++] = service;
}

struct service *service_add(struct service_list *list, struct slice name)
{
	struct arena memory = { 0 };
	struct service *service = arena_start(&memory, sizeof *service, SERVICE_ROOM);

	service->memory = memory;
	atomic_init(&service->refs, 1);
	service->name = arena_dup(&service->memory, name.at, name.len);
	return append(list, service);
}

struct service_list *service_list_new(void)
{
	return sys_alloc(sizeof(struct service_list));
}

/* What has left is held, too, until a list holds all by itself again: after so many changes that their number pays for
 * that. */
static bool is_worn(const struct service_list *last)
{
	return !last->keep || last->keep->total > last->count + last->count / 16 + 64;
}

struct service_list *service_list_follow(const struct service_list *last)
{
	struct service_list *list = service_list_new();
	size_t cap = last->count + 16;

	list->items = sys_realloc(NULL, cap * sizeof *list->items);
	list->cap = cap;
	list->keep = sys_alloc(sizeof *list->keep);
	list->keep->total = 1;
	if (is_worn(last)) {
		list->keep->items = sys_realloc(NULL, cap * sizeof *list->items);
		list->keep->cap = cap;
		return list;
	}
	list->keep->below = last->keep;
	list->keep->total += last->keep->total;
	atomic_fetch_add(&last->keep->refs, 1);
	return list;
}

void service_list_carry(struct service_list *list, const struct service_list *last, size_t from, size_t to)
{
	for (; !list->keep->below && from < to; from++)
		service_share(list, last->items[from]);
	if (from >= to)
		return;
	while (list->cap < list->count + to - from)
		list->items = sys_realloc(list->items, (list->cap *= 2) * sizeof *list->items);
	memcpy(list->items + list->count, last->items + from, (to - from) * sizeof *list->items);
	list->count += to - from;
}

void service_share(struct service_list *list, struct service *service)
{
	append(list, service_ref(service));
}

void service_forget(struct service_list *list, size_t first)
{
	while (list->count > first)
		service_unref(list->items[--list->count]);
}

/* The copy points into the original, or a service with many wishes would be copied as often; and the copy of a copy is
 * that copy. */
void service_hold(struct service_list *list, struct service *service, struct wish *only)
{
	struct arena memory = { 0 };
	struct service *copy;

	if (service->held && service->wish_count == 1) {
		service_share(list, service);
		return;
	}
	copy = arena_start(&memory, sizeof *copy, 0);
	*copy = (struct service){
		.memory = memory, .original = service_ref(service), .held = true, .name = service->name, .node = service->node,
		.instance = service->instance, .tags = service->tags ? &only->origin : NULL, .tag_count = service->tags != NULL,
		.wishes = only, .wish_count = 1, .backends = service->backends, .backend_count = service->backend_count,
		.settings = service->settings, .setting_count = service->setting_count, .options = service->options,
		.wrong = service->wrong, .fault = service->fault, .created = service->created,
		.since = service->since
	};
	atomic_init(&copy->refs, 1);
	append(list, copy);
}

bool service_list_equal(const struct service_list *left, const struct service_list *right)
{
	if (left->count != right->count || left->trusted != right->trusted)
		return false;
	for (size_t i = 0; i < left->count; i++)
		if (!service_same(left->items[i], right->items[i]))
			return false;
	return true;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

int service_order(const struct service *a, const struct service *b)
{
	int order = (a->held > b->held) - (a->held < b->held);

	order = order ? order : strcmp(a->name, b->name);
	order = order ? order : strcmp(or_empty(a->node), or_empty(b->node));
	return order ? order : strcmp(or_empty(a->instance), or_empty(b->instance));
}

/* Where a service is to be found among the known ones: by its name, node and instance. */
struct adopter {
	struct service *const *known;
	size_t count, next; /* next: behind the one that was found last, where the next one is as a rule */
	uint32_t *slots; /* 1 + an index, or 0; NULL: not made yet, since all was where it was expected */
	size_t mask;
	bool *taken; /* one for each that is known */
};

static bool same_place(const struct service *a, const struct service *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(or_empty(a->node), or_empty(b->node)) == 0 &&
	       strcmp(or_empty(a->instance), or_empty(b->instance)) == 0;
}

static uint32_t hash_place(const struct service *service)
{
	const char *texts[] = { service->name, or_empty(service->node), or_empty(service->instance) };
	uint32_t hash = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		hash = (hash << 11 | hash >> 21) ^ hash_text(texts[i], strlen(texts[i]));
	return hash;
}

static void adopter_index(struct adopter *adopter)
{
	for (adopter->mask = 15; adopter->mask < 2 * adopter->count; adopter->mask = 2 * adopter->mask + 1)
		;
	adopter->slots = sys_alloc((adopter->mask + 1) * sizeof *adopter->slots);
	adopter->taken = sys_alloc(adopter->count * sizeof *adopter->taken);
	for (size_t i = adopter->next; i < adopter->count; i++) {
		size_t slot = hash_place(adopter->known[i]) & adopter->mask;

		while (adopter->slots[slot])
			slot = (slot + 1) & adopter->mask;
		adopter->slots[slot] = (uint32_t)i + 1;
	}
}

/* The place of the known one, `count` for none; each is found once. */
static size_t adopter_find(struct adopter *adopter, const struct service *service)
{
	size_t at = adopter->next, slot;

	if (at < adopter->count && !(adopter->taken && adopter->taken[at]) && same_place(service, adopter->known[at]))
		return at;
	if (!adopter->slots)
		adopter_index(adopter);
	for (slot = hash_place(service) & adopter->mask; adopter->slots[slot]; slot = (slot + 1) & adopter->mask) {
		at = adopter->slots[slot] - 1;
		if (!adopter->taken[at] && same_place(service, adopter->known[at]))
			return at;
	}
	return adopter->count;
}

void service_adopt(struct service **items, size_t count, struct service *const *known, size_t known_count)
{
	struct adopter adopter = { .known = known, .count = known_count };

	for (size_t i = 0; i < count; i++) {
		size_t at = adopter_find(&adopter, items[i]);

		if (at == known_count)
			continue;
		adopter.next = at + 1;
		if (adopter.taken)
			adopter.taken[at] = true;
		if (known[at] == items[i] || known[at]->held || !service_same(items[i], known[at]) || !service_written_alike(items[i], known[at]))
			continue;
		service_unref(items[i]);
		items[i] = service_ref(known[at]);
	}
	free(adopter.slots);
	free(adopter.taken);
}

struct service_list *service_list_ref(struct service_list *list)
{
	atomic_fetch_add(&list->refs, 1);
	return list;
}

void service_list_unref(struct service_list *list)
{
	if (!list || atomic_fetch_sub(&list->refs, 1) != 0)
		return;
	if (!list->keep)
		service_forget(list, 0);
	keep_unref(list->keep);
	free(list->items);
	arena_free(&list->memory);
	free(list);
}
