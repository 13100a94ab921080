#include "base.h"
#include "mailbox.h"

#include <stdlib.h>

#include "sys.h"

void mailbox_open(struct mailbox *box, size_t count, void (*ring)(void *arg), void *arg)
{
	*box = (struct mailbox){ .slots = sys_alloc(count * sizeof *box->slots), .count = count, .ring = ring, .arg = arg };
	pthread_mutex_init(&box->lock, NULL);
}

void mailbox_close(struct mailbox *box)
{
	for (size_t i = 0; i < box->count; i++)
		service_list_unref(box->slots[i]);
	free(box->slots);
	pthread_mutex_destroy(&box->lock);
}

static struct service_list *swap_slot(struct mailbox *box, size_t slot, struct service_list *list,
                                      const atomic_bool *cancelled)
{
	struct service_list *old = list;

	pthread_mutex_lock(&box->lock);
	if (!cancelled || !atomic_load(cancelled)) {
		old = box->slots[slot];
		box->slots[slot] = list;
	}
	pthread_mutex_unlock(&box->lock);
	return old;
}

void mailbox_post(struct mailbox *box, size_t slot, struct service_list *list, const atomic_bool *cancelled)
{
	service_list_unref(swap_slot(box, slot, list, cancelled));
	box->ring(box->arg);
}

struct service_list *mailbox_take(struct mailbox *box, size_t slot)
{
	return swap_slot(box, slot, NULL, NULL);
}
