/* Cases for source.c: what a complete answer posts. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../source.c"

static void ignore(void *arg)
{
	(void)arg;
}

/* Services with commas between them, as NAME or NAME>WISH. */
static struct service_list *list_of(const char *text)
{
	struct service_list *list = service_list_new();
	struct slice rest = slice_of(text), part, name;
	char copy[64];

	while (slice_next(&rest, ',', &part)) {
		slice_next(&part, '>', &name);
		snprintf(copy, sizeof copy, "%.*s", (int)name.len, name.at);
		service_seal(list_add(list, copy, part.len ? part.at : "any:1", "h:1"));
		if (part.len)
			return list;
	}
	return list;
}

static void answers(void)
{
	static const struct {
		const char *answer, *posted; /* NULL: nothing */
	} steps[] = {
		{ "b,a,c", "a b c" }, { "c,b,a", NULL }, { "a,b,c", NULL }, { "a,c", "a c" }, { "", "" }, { "", NULL },
		{ "a,a", "a a" }, { "a,a", NULL }, { "a", "a" }, { "a>any:2", "a" }, { "a>any:2", NULL },
	};
	static const struct source_kind kind = { .name = "x", .title = "X" };
	struct mailbox box;
	struct source source = { .kind = &kind, .box = &box };
	struct service_list *last = NULL;

	mailbox_open(&box, 1, ignore, NULL);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		bool other = source_renew(&source, &last, list_of(steps[i].answer));
		struct service_list *posted = mailbox_take(&box, 0);
		struct buf got = { 0 };

		buf_puts(&got, "");
		for (size_t k = 0; posted && k < posted->count; k++)
			buf_printf(&got, "%s%s", k ? " " : "", posted->items[k]->name);
		check(other == (steps[i].posted != NULL) && !posted == !other, "what is new is posted", steps[i].answer);
		check(!posted || !steps[i].posted || strcmp(got.data, steps[i].posted) == 0, got.data, steps[i].answer);
		check(!posted || (posted == last && strcmp(posted->source, "x") == 0), "it is held", steps[i].answer);
		service_list_unref(posted);
		buf_free(&got);
	}
	service_list_unref(last);
	mailbox_close(&box);
}

/* What has not changed is the same object. */
static void sharing(void)
{
	static const struct source_kind kind = { .name = "x", .title = "X" };
	struct mailbox box;
	struct source source = { .kind = &kind, .box = &box };
	struct service_list *last = NULL, *before;

	mailbox_open(&box, 1, ignore, NULL);
	source_renew(&source, &last, list_of("b,a,c"));
	before = service_list_ref(last);
	source_renew(&source, &last, list_of("d,c,a"));
	check(last->count == 3 && last->items[0] == before->items[0] && last->items[1] == before->items[2], "shared", "a c");
	service_list_unref(before);
	service_list_unref(last);
	mailbox_close(&box);
}

int main(void)
{
	answers();
	sharing();
	return check_sum();
}
