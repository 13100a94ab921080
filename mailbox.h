/* mailbox: where sources leave their lists for the control plane: one slot a source, the newest list wins. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "service.h"

struct mailbox {
	pthread_mutex_t lock;
	struct service_list **slots; /* NULL: nothing new */
	size_t count;
	void (*ring)(void *arg); /* called after a post, from the source's thread */
	void *arg;
};

void mailbox_open(struct mailbox *box, size_t count, void (*ring)(void *arg), void *arg);
void mailbox_close(struct mailbox *box);
/* Takes the list; throws it away when *cancelled is set. */
void mailbox_post(struct mailbox *box, size_t slot, struct service_list *list, const atomic_bool *cancelled);
struct service_list *mailbox_take(struct mailbox *box, size_t slot); /* gives it, or NULL */

#endif
