/* Cases for memory that runs out: what strangers ask for fails, and the small pieces of it use up what is put aside. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static int allowed; /* allocations until there is no memory */
static bool freed;  /* something large was given back: there is memory again, for one allocation */

static void *limited(void *p, size_t size)
{
	if (allowed-- > 0)
		return realloc(p, size);
	if (!freed)
		return NULL;
	freed = false;
	return realloc(p, size);
}

static void *limited_calloc(size_t count, size_t size)
{
	void *p = limited(NULL, count * size);

	return p ? memset(p, 0, count * size) : NULL;
}

static void give_back(void *p)
{
	freed = freed || p;
	free(p);
}

#define malloc(size) limited(NULL, size)
#define calloc limited_calloc
#define realloc limited
#define free give_back
#include "../../sys.c"
#include "../../session.c"
#include "../../text.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

static void put_all(struct buf *b)
{
	buf_puts(b, "words ");
	for (unsigned i = 0; i < 200; i++)
		buf_printf(b, "%u", i);
	buf_visible(b, "\1\2\3", 3);
	buf_json(b, "\"\n", 2);
	buf_number(b, 12345);
	buf_puts_visible(b, "before ", "text");
}

/* Whichever of its allocations fails, it has failed, and is empty; and it is whole when none does. */
static void check_buf(void)
{
	struct buf whole = { 0 };
	int n;

	allowed = 1000;
	put_all(&whole);
	for (n = 0; n < 100; n++) {
		struct buf b = { .may_fail = true };

		allowed = n;
		freed = false;
		put_all(&b);
		if (!b.failed)
			check(b.len == whole.len && strcmp(b.data, whole.data) == 0, "a buffer", "is whole");
		else
			check(!b.data && !b.len, "a buffer that failed", "is empty");
		if (!b.failed) {
			buf_free(&b);
			break;
		}
		allowed = 100;
		buf_puts(&b, "more");
		check(!b.len && b.failed, "a buffer that failed", "takes nothing more");
		buf_free(&b);
		check(!b.failed && !b.may_fail, "a buffer", "is a new one");
	}
	check(n > 2 && n < 100, "allocations", "some failed");
	buf_free(&whole);
}

static void check_reserve(void)
{
	char *p, *text;

	allowed = 0;
	freed = false;
	check(!sys_reserve(), "no memory", "nothing is put aside");
	allowed = 1;
	check(sys_reserve() && sys_reserve() && allowed == 0, "a reserve", "is taken once");
	p = sys_alloc(100);
	check(p && !p[99], "without memory", "sys_alloc uses the reserve");
	check(!sys_reserve(), "a reserve that was used", "is gone");
	allowed = 1;
	check(sys_reserve(), "a reserve", "is taken again");
	text = sys_realloc(NULL, 10);
	check(text, "without memory", "sys_realloc uses the reserve");
	free(p);
	free(text);
}

/* Texts and what is aligned share blocks, and nothing lies over anything else. */
static void check_arena(void)
{
	struct arena arena = { 0 };
	char *texts[300];
	uint64_t *numbers[300];

	allowed = 1000;
	*(char *)arena_start(&arena, 3, 100) = 'x';
	for (size_t i = 0; i < 300; i++) {
		texts[i] = arena_dup(&arena, "abcdefghijklmnopqrstuvwxyz", i % 27);
		numbers[i] = arena_alloc(&arena, (i % 7 + 1) * sizeof *numbers[i]);
		check((uintptr_t)numbers[i] % _Alignof(max_align_t) == 0, "a piece", "is aligned");
		for (size_t k = 0; k <= i % 7; k++)
			check(!numbers[i][k], "a piece", "is zeroed");
		memset(numbers[i], 0xff, (i % 7 + 1) * sizeof *numbers[i]);
	}
	for (size_t i = 0; i < 300; i++)
		check(strlen(texts[i]) == i % 27 && !memcmp(texts[i], "abcdefghijklmnopqrstuvwxyz", i % 27), "a text", "is whole");
	check(1000 - allowed < 12, "blocks", "double");
	check(arena_dup(&arena, "", 0) && arena_alloc(&arena, 100000) && arena_alloc(&arena, 0), "a large piece", "has a block");
	arena_free(&arena);
	check(!arena.top, "an arena", "is empty");
	allowed = 1;
	check(arena_start(&arena, 100, 400), "a first block", "");
	for (size_t i = 0; i < 14; i++)
		arena_dup(&arena, "0123456789", 10), arena_alloc(&arena, 8);
	check(allowed == 0, "what was expected", "fits into it");
	arena_free(&arena);
}

static void check_report(void)
{
	struct session_report report = { 0 };

	allowed = 2;
	freed = false;
	while (session_report_grow(&report) && report.count < 1000)
		report.views[report.count++] = (struct session_view){ .rx = report.count };
	check(report.failed && report.count == 128, "a report without memory", "says so, and keeps what it has");
	allowed = 1;
	check(!session_report_grow(&report), "a report that failed", "takes nothing more");
	report.count = 0;
	session_report_free(&report);
	check(!report.failed && !report.views, "a report", "is a new one");
}

int main(void)
{
	check_buf();
	check_reserve();
	check_arena();
	check_report();
	return check_sum();
}
