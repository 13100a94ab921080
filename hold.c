#include "base.h"
#include "hold.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "wish.h"

/* A wish that is missing in the answers. */
struct hold_wish {
	char *text;
	int64_t since;
};

/* A wish of the last list that may be missing, and one service that had it. */
struct claim {
	struct wish *wish;
	struct service *service;
	size_t order;
	bool there; /* another service has it */
};

struct claims {
	struct claim *items;
	size_t count, cap;
};

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->wish->text, y->wish->text);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void add_claims(struct claims *claims, struct service *service)
{
	for (size_t i = 0; i < service->wish_count; i++) {
		SYS_GROW(claims->items, claims->count, claims->cap);
		claims->items[claims->count] = (struct claim){ &service->wishes[i], service, claims->count, false };
		claims->count++;
	}
}

/* Those of services that the new list does not share. Where the lists are not in the order that service.h tells, it may be
 * some that it shares, too. */
static struct claims claims_lost(const struct service_list *last, const struct service_list *list)
{
	struct claims claims = { 0 };

	for (size_t i = 0, at = 0; i < last->count;) {
		struct service *service = last->items[i];
		int order = at == list->count ? -1 : service == list->items[at] ? 0 : service_order(service, list->items[at]);

		if (order <= 0 && (at == list->count || service != list->items[at]))
			add_claims(&claims, service);
		i += order <= 0;
		at += order >= 0;
	}
	if (claims.count)
		qsort(claims.items, claims.count, sizeof *claims.items, by_claim);
	return claims;
}

/* Where the claims of a wish begin among all, by the hash of its text. */
struct claim_table {
	uint32_t *slots; /* 1 + an index, or 0 */
	size_t mask;
};

static size_t end_of(const struct claims *claims, size_t at)
{
	size_t end = at + 1;

	while (end < claims->count && strcmp(claims->items[end].wish->text, claims->items[at].wish->text) == 0)
		end++;
	return end;
}

static struct claim_table table_of(const struct claims *claims)
{
	struct claim_table table = { .mask = 15 };

	while (table.mask < 2 * claims->count)
		table.mask = 2 * table.mask + 1;
	table.slots = sys_alloc((table.mask + 1) * sizeof *table.slots);
	for (size_t i = 0; i < claims->count; i = end_of(claims, i)) {
		size_t slot = claims->items[i].wish->hash & table.mask;

		while (table.slots[slot])
			slot = (slot + 1) & table.mask;
		table.slots[slot] = (uint32_t)i + 1;
	}
	return table;
}

/* Marks the claims that another service still has. */
static void find_there(const struct claims *claims, const struct service_list *list)
{
	struct claim_table table = table_of(claims);

	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < list->items[i]->wish_count; k++) {
			const struct wish *wish = &list->items[i]->wishes[k];

			for (size_t slot = wish->hash & table.mask; table.slots[slot]; slot = (slot + 1) & table.mask) {
				struct claim *claim = &claims->items[table.slots[slot] - 1];

				if (claim->wish->hash == wish->hash && strcmp(claim->wish->text, wish->text) == 0)
					claim->there = true;
			}
		}
	free(table.slots);
}

void hold_close(struct hold *hold)
{
	for (size_t i = 0; i < hold->count; i++)
		free(hold->wishes[i].text);
	free(hold->wishes);
	*hold = (struct hold){ 0 };
}

/* Keeps a missing wish, with its last instances. */
static void carry_over(struct hold *hold, struct service_list *list, const struct claim *had, size_t count,
                       int64_t since)
{
	for (size_t i = 0; i < count; i++)
		service_hold(list, had[i].service, had[i].wish);
	SYS_GROW(hold->wishes, hold->count, hold->cap);
	hold->wishes[hold->count++] = (struct hold_wish){ sys_dup(had->wish->text), since };
}

/* *at is the place that a walk along the sorted wishes has reached. */
static int64_t missed_since(const struct hold *was, size_t *at, const char *text, int64_t now)
{
	while (*at < was->count && strcmp(was->wishes[*at].text, text) < 0)
		++*at;
	return *at < was->count && strcmp(was->wishes[*at].text, text) == 0 ? was->wishes[*at].since : now;
}

void hold_missing(struct hold *hold, const struct service_list *last, struct service_list *list, int64_t now,
                  int64_t (*read_at)(void *arg, const char *service), void *arg)
{
	struct hold was = *hold;
	struct claims had = claims_lost(last, list);
	size_t held_at = 0;

	*hold = (struct hold){ 0 };
	if (had.count)
		find_there(&had, list);
	for (size_t i = 0, end; i < had.count; i = end) {
		bool confirmed = true;
		int64_t since;

		end = end_of(&had, i);
		if (had.items[i].there)
			continue;
		since = missed_since(&was, &held_at, had.items[i].wish->text, now);
		for (size_t k = i; k < end && confirmed; k++)
			confirmed = read_at(arg, had.items[k].service->name) >= since + HOLD_MS;
		if (!confirmed)
			carry_over(hold, list, had.items + i, end - i, since);
	}
	hold->confirm_at = !hold->count ? 0 : was.confirm_at ? was.confirm_at : now + HOLD_MS;
	hold_close(&was);
	free(had.items);
}

bool hold_due(struct hold *hold, int64_t now)
{
	if (!hold->confirm_at || now < hold->confirm_at)
		return false;
	hold->confirm_at = now + HOLD_MS; /* in case the readings fail */
	return true;
}
