#include "base.h"
#include "draft.h"

#include <string.h>

#include "net.h"
#include "route.h"
#include "service.h"
#include "sys.h"

void draft_refuse(struct draft *draft, const struct service *service, const char *wish, const char *rule,
                  const char *reason)
{
	struct route_table *table = draft->table;

	SYS_GROW(table->refused, table->refused_count, draft->refused_cap);
	table->refused[table->refused_count++] = (struct route_refusal){
		.service = arena_dup(&table->memory, service->name, strlen(service->name)),
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
