#include "base.h"
#include "digest.h"

#include <stdlib.h>

#include "hash.h"
#include "sys.h"

uint64_t digest_text(struct slice text)
{
	return hash_whole(text.at, text.len);
}

void digest_add(struct digest_set *set, uint64_t key, uint64_t sum)
{
	SYS_GROW(set->items, set->count, set->cap);
	set->items[set->count++] = (struct digest){ key, sum };
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct digest *)a)->key, y = ((const struct digest *)b)->key;

	return x < y ? -1 : x > y;
}

void digest_sort(struct digest_set *set)
{
	size_t kept = 0;

	if (set->count)
		qsort(set->items, set->count, sizeof *set->items, by_key);
	for (size_t i = 0; i < set->count; i++)
		if (kept && set->items[kept - 1].key == set->items[i].key)
			set->items[kept - 1].sum += set->items[i].sum;
		else
			set->items[kept++] = set->items[i];
	set->count = kept;
}

static const struct digest *digest_find(const struct digest_set *set, uint64_t key)
{
	struct digest wanted = { .key = key };

	return set->count ? bsearch(&wanted, set->items, set->count, sizeof *set->items, by_key) : NULL;
}

uint64_t digest_of(const struct digest_set *set, uint64_t key)
{
	const struct digest *found = digest_find(set, key);

	return found ? found->sum : 0;
}

/* Adds to `changed` what `left` says otherwise than `right`. */
static void digest_differ(const struct digest_set *left, const struct digest_set *right, struct digest_set *changed)
{
	for (size_t i = 0; i < left->count; i++)
		if (digest_of(right, left->items[i].key) != left->items[i].sum)
			digest_add(changed, left->items[i].key, 1);
}

void digest_compare(const struct digest_set *left, const struct digest_set *right, struct digest_set *changed)
{
	changed->count = 0;
	digest_differ(left, right, changed);
	digest_differ(right, left, changed);
	digest_sort(changed);
}

void digest_exchange(struct digest_set *known, struct digest_set *newer)
{
	struct digest_set older = *known;

	*known = *newer;
	*newer = older;
}

void digest_free(struct digest_set *set)
{
	free(set->items);
	*set = (struct digest_set){ 0 };
}
