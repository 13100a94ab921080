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

/* A wish, and one service that has it. */
struct claim {
	struct wish *wish;
	struct service *service;
	size_t order;
};

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->wish->text, y->wish->text);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static struct claim *all_claims(const struct service_list *list, size_t *count)
{
	struct claim *claims = NULL;
	size_t cap = 0;

	*count = 0;
	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < list->items[i]->wish_count; k++) {
			SYS_GROW(claims, *count, cap);
			claims[*count] = (struct claim){ &list->items[i]->wishes[k], list->items[i], *count };
			++*count;
		}
	if (*count)
		qsort(claims, *count, sizeof *claims, by_claim);
	return claims;
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

/* The next three walk along sorted lists; *at is the place that they have reached. */

static bool is_there(const struct claim *claims, size_t count, size_t *at, const char *text)
{
	while (*at < count && strcmp(claims[*at].wish->text, text) < 0)
		++*at;
	return *at < count && strcmp(claims[*at].wish->text, text) == 0;
}

static int64_t missed_since(const struct hold_wish *wishes, size_t count, size_t *at, const char *text, int64_t now)
{
	while (*at < count && strcmp(wishes[*at].text, text) < 0)
		++*at;
	return *at < count && strcmp(wishes[*at].text, text) == 0 ? wishes[*at].since : now;
}

static size_t end_of(const struct claim *claims, size_t count, size_t at)
{
	size_t end = at + 1;

	while (end < count && strcmp(claims[end].wish->text, claims[at].wish->text) == 0)
		end++;
	return end;
}

void hold_missing(struct hold *hold, const struct service_list *last, struct service_list *list, int64_t now,
                  int64_t (*read_at)(void *arg, const char *service), void *arg)
{
	struct hold was = *hold;
	size_t had_count, has_count, has_at = 0, held_at = 0;
	struct claim *had = all_claims(last, &had_count), *has = all_claims(list, &has_count);

	*hold = (struct hold){ 0 };
	for (size_t i = 0, end; i < had_count; i = end) {
		const char *text = had[i].wish->text;
		bool confirmed = true;
		int64_t since;

		end = end_of(had, had_count, i);
		if (is_there(has, has_count, &has_at, text))
			continue;
		since = missed_since(was.wishes, was.count, &held_at, text, now);
		for (size_t k = i; k < end && confirmed; k++)
			confirmed = read_at(arg, had[k].service->name) >= since + HOLD_MS;
		if (!confirmed)
			carry_over(hold, list, had + i, end - i, since);
	}
	hold->confirm_at = !hold->count ? 0 : was.confirm_at ? was.confirm_at : now + HOLD_MS;
	hold_close(&was);
	free(had);
	free(has);
}

bool hold_due(struct hold *hold, int64_t now)
{
	if (!hold->confirm_at || now < hold->confirm_at)
		return false;
	hold->confirm_at = now + HOLD_MS; /* in case the readings fail */
	return true;
}
