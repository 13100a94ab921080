#include "base.h"
#include "draft.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "net.h"
#include "resolve_answer.h"
#include "roster.h"
#include "route.h"
#include "service.h"
#include "sys.h"

#define WHO_MAX 100 /* bytes of a name in the reason of each that loses to it */

static const char *keep(struct route_memory *memory, const char *text)
{
	return arena_dup(&memory->arena, text, strlen(text));
}

void draft_refuse(struct draft *draft, const struct service *service, const char *wish, const char *rule,
                  const char *reason)
{
	struct route_table *table = draft->table;
	const struct route_refusal *last = table->refused_count ? &table->refused[table->refused_count - 1] : NULL;
	struct route_refusal refusal = { .rule = rule };

	if (last && strcmp(last->service, service->name) == 0) { /* all of a service that come one after the other share it */
		refusal.memory = last->memory;
		refusal.service = last->service;
	} else {
		refusal.memory = sys_alloc(sizeof *refusal.memory);
		refusal.service = keep(refusal.memory, service->name);
	}
	atomic_fetch_add(&refusal.memory->refs, 1);
	refusal.wish = keep(refusal.memory, wish);
	refusal.reason = keep(refusal.memory, reason);
	SYS_GROW(table->refused, table->refused_count, draft->refused_cap);
	table->refused[table->refused_count++] = refusal;
}

/* By name, and then as the sources gave them. */
static int by_given(const struct want *a, const struct want *b)
{
	int order = a->service == b->service ? 0 : strcmp(a->service->name, b->service->name);

	if (!order)
		order = (a->slot > b->slot) - (a->slot < b->slot);
	if (!order)
		order = (a->place > b->place) - (a->place < b->place);
	return order ? order : (a->wish > b->wish) - (a->wish < b->wish);
}

/* Ages are those of one source: each counts from a beginning of its own. */
int draft_by_owner(const void *left, const void *right)
{
	const struct want *a = left, *b = right;
	bool dated = a->created != UINT64_MAX && b->created != UINT64_MAX;

	if (a->list->trusted != b->list->trusted)
		return a->list->trusted ? -1 : 1;
	if (dated && a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->created != b->created)
		return a->created < b->created ? -1 : 1;
	return by_given(a, b);
}

int draft_by_address(const void *left, const void *right)
{
	int order = net_compare(&((const struct want *)left)->addr, &((const struct want *)right)->addr);

	return order ? order : draft_by_owner(left, right);
}

bool draft_covers(const struct draft *draft, uint16_t port)
{
	return !draft->scope || port_set_have(draft->scope, port);
}

struct resolve_answer draft_lookup(const struct draft *draft, const struct want *want, const char *name, bool srv)
{
	const struct route_rules *rules = &draft->route->rules;

	want->item->asked = true;
	return rules->lookup(rules->lookup_arg, name, srv);
}

bool draft_same_service(const struct want *left, const struct want *right)
{
	return left->list == right->list && strcmp(left->service->name, right->service->name) == 0;
}

bool draft_granted(const struct draft *draft, const char *service, const struct want *want)
{
	uint16_t port = net_addr_port(&want->addr);

	return !bind_unnamed(draft->route->rules.admit.bind, service, want->wish->host, port, port, 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the services, sorted, each once; to be freed. */
static const char **find_names(const struct want *wants, size_t count, size_t *kept)
{
	const char **names = sys_alloc(count * sizeof *names);
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		if (!i || strcmp(wants[i - 1].service->name, wants[i].service->name) != 0)
			names[total++] = wants[i].service->name;
	if (total > 1)
		qsort(names, total, sizeof *names, by_name);
	*kept = 0;
	for (size_t i = 0; i < total; i++)
		if (!*kept || strcmp(names[*kept - 1], names[i]) != 0)
			names[(*kept)++] = names[i];
	return names;
}

static bool same_names(const struct route_entry *entry, const char *const *names, size_t count)
{
	if (entry->name_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(entry->names[i], names[i]) != 0)
			return false;
	return true;
}

static void keep_names(struct arena *memory, struct route_entry *entry, const char *const *names, size_t count)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%s", i ? "," : "", names[i]);
	entry->services = arena_dup(memory, text.data, text.len);
	entry->names = &entry->services; /* which is the name, when there is one */
	if (count > 1)
		entry->names = arena_alloc(memory, count * sizeof *entry->names);
	for (size_t i = 0; i < count && count > 1; i++)
		entry->names[i] = arena_dup(memory, names[i], strlen(names[i]));
	entry->name_count = count;
	buf_free(&text);
}

void draft_names(struct draft *draft, struct route_entry *entry, const struct want *wants, size_t count)
{
	const struct route_entry *before = draft->before;
	const char **names;
	size_t kept;

	names = find_names(wants, count, &kept);
	if (before && same_names(before, names, kept)) {
		entry->services = before->services;
		entry->names = kept > 1 ? before->names : &entry->services; /* the other entry may go first */
		entry->name_count = kept;
	} else {
		draft->before = NULL;
		draft->memory = sys_alloc(sizeof *draft->memory);
		keep_names(&draft->memory->arena, entry, names, kept);
	}
	entry->memory = draft->memory;
	atomic_fetch_add(&entry->memory->refs, 1);
	free(names);
}

const char *draft_name(const struct route_entry *entry, const char *name)
{
	return *(const char **)bsearch(&name, entry->names, entry->name_count, sizeof *entry->names, by_name);
}

void draft_put_who(struct buf *out, const struct want *want, const struct want *other)
{
	buf_printf(out, "%.*s", WHO_MAX, want->service->name);
	if (strcmp(want->service->name, other->service->name) != 0)
		return;
	if (want->list != other->list || !want->service->instance)
		buf_printf(out, " in %s", want->list->source);
	else
		buf_printf(out, " (%.*s on %.*s)", WHO_MAX, want->service->instance, WHO_MAX, want->service->node);
}
