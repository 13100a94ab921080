#include "base.h"
#include "draft.h"

#include <string.h>

#include "net.h"
#include "route.h"
#include "service.h"
#include "sys.h"

#define WHO_MAX 100 /* bytes of a name in the reason of each that loses to it */

/* A copy of its name; all refusals of it that come one after the other share one. */
static const char *name_of(const struct route_table *table, const struct service *service, struct arena *memory)
{
	const char *last = table->refused_count ? table->refused[table->refused_count - 1].service : NULL;

	return last && strcmp(last, service->name) == 0 ? last : arena_dup(memory, service->name, strlen(service->name));
}

void draft_refuse(struct draft *draft, const struct service *service, const char *wish, const char *rule,
                  const char *reason)
{
	struct route_table *table = draft->table;

	const char *name = name_of(table, service, &table->memory);

	SYS_GROW(table->refused, table->refused_count, draft->refused_cap);
	table->refused[table->refused_count++] = (struct route_refusal){
		.service = name,
		.wish = arena_dup(&table->memory, wish, strlen(wish)),
		.reason = arena_dup(&table->memory, reason, strlen(reason)), .rule = rule
	};
}

int draft_by_owner(const void *left, const void *right)
{
	const struct want *a = left, *b = right;

	if (a->list->trusted != b->list->trusted)
		return a->list->trusted ? -1 : 1;
	if (a->created != b->created)
		return a->created < b->created ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

int draft_by_address(const void *left, const void *right)
{
	int order = net_compare(&((const struct want *)left)->addr, &((const struct want *)right)->addr);

	return order ? order : draft_by_owner(left, right);
}

bool draft_same_service(const struct want *left, const struct want *right)
{
	return left->list == right->list && strcmp(left->service->name, right->service->name) == 0;
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
