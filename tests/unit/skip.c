/* Cases for skip.c: the same as an array of flags would say. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../skip.c"

#define MOST 5000

static bool skipped[MOST];

static unsigned expected(unsigned count, unsigned from)
{
	while (from < count && skipped[from])
		from++;
	return from;
}

static void random_cases(unsigned count)
{
	struct arena memory = { 0 };
	struct skip *skip = skip_new(&memory, count);
	bool well = true;

	memset(skipped, 0, sizeof skipped);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned place = sys_random() % count, from = sys_random() % count, run = sys_random() % 100;

		if (i % 3 == 0) {
			skip_remove(skip, place);
			skipped[place] = false;
		} else for (unsigned k = place; k < count && k <= place + run; k++) {
			skip_add(skip, k);
			skipped[k] = true;
		}
		well = well && skip_next(skip, from) == expected(count, from);
	}
	check(well, "the next place", "as of an array");
	for (unsigned k = 0; k < count; k++)
		skip_add(skip, k);
	check(skip_next(skip, 0) == count && skip_next(skip, count - 1) == count, "all are skipped", "there is none");
	skip_renew(skip, 0);
	check(skip_next(skip, 0) == count, "the same serial", "changes nothing");
	skip_renew(skip, 7);
	check(skip_next(skip, 0) == 0 && skip_next(skip, count - 1) == count - 1 && skip_next(skip, count) == count,
	      "another serial", "brings all back");
	arena_free(&memory);
}

int main(void)
{
	struct arena memory = { 0 };

	check(!skip_new(&memory, 1) && !skip_new(&memory, SKIP_LEAST), "a few", "are looked at");
	for (unsigned count = SKIP_LEAST + 1; count < MOST; count = count * 3 / 2)
		random_cases(count);
	random_cases(1024);
	random_cases(1056);
	arena_free(&memory);
	return check_sum();
}
