/* Cases for mailbox.c: a slot a source, and the newest list wins. */
#include "base.h"

#include "check.h"
#include "../../mailbox.c"

static void count(void *arg)
{
	++*(int *)arg;
}

static struct service_list *list_of(const char *name)
{
	struct service_list *list = service_list_new();

	service_add(list, slice_of(name));
	return list;
}

static bool takes(struct mailbox *box, size_t slot, const char *name)
{
	struct service_list *list = mailbox_take(box, slot);
	bool same = list ? name && slice_is(slice_of(list->items[0]->name), name) : !name;

	service_list_unref(list);
	return same;
}

int main(void)
{
	struct mailbox box;
	atomic_bool cancelled;
	int rings = 0;

	atomic_init(&cancelled, false);
	mailbox_open(&box, 2, count, &rings);
	check(takes(&box, 0, NULL) && takes(&box, 1, NULL) && !rings, "nothing", "at first");
	mailbox_post(&box, 1, list_of("one"), &cancelled);
	check(rings == 1, "the bell", "one");
	check(takes(&box, 0, NULL), "the other slot", "one");
	check(takes(&box, 1, "one") && takes(&box, 1, NULL), "once", "one");
	mailbox_post(&box, 1, list_of("two"), &cancelled);
	mailbox_post(&box, 1, list_of("three"), &cancelled);
	mailbox_post(&box, 0, list_of("four"), NULL);
	check(rings == 4, "the bell", "each time");
	check(takes(&box, 1, "three") && takes(&box, 0, "four"), "the newest", "wins");
	mailbox_post(&box, 0, list_of("five"), &cancelled);
	atomic_store(&cancelled, true);
	mailbox_post(&box, 0, list_of("six"), &cancelled);
	check(takes(&box, 0, "five"), "what was there", "before it was cancelled");
	mailbox_post(&box, 0, list_of("seven"), &cancelled);
	check(takes(&box, 0, NULL), "nothing", "cancelled");
	mailbox_post(&box, 0, list_of("left"), NULL);
	mailbox_close(&box);
	return check_sum();
}
