/* The end of the tables of route.h: the last one that has a listener closes it. */
#include "base.h"
#include "route.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service.h"
#include "span.h"
#include "sys.h"

/* Held while a listener enters a table or leaves one: the socket of one that comes back is still its own, or will soon be
 * closed, and it is bound anew. */
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

struct route_listener *route_listener_enter(struct route_listener *listener)
{
	pthread_mutex_lock(&tables_lock);
	atomic_fetch_add(&listener->tables, 1);
	pthread_mutex_unlock(&tables_lock);
	return route_listener_ref(listener);
}

/* Its socket, which the caller closes, or -1; then *why is the reason, which the caller frees. */
static int leave_table(struct route_listener *listener, char **why)
{
	int fd = -1;

	*why = NULL;
	pthread_mutex_lock(&tables_lock);
	if (atomic_fetch_sub(&listener->tables, 1) == 1) {
		/* Every worker has released the tables that had it, so none watches the socket any more. */
		fd = atomic_exchange(&listener->fd, -1);
		if (fd >= 0) {
			*why = listener->closing;
			listener->closing = NULL;
		}
	}
	pthread_mutex_unlock(&tables_lock);
	return fd;
}

/* What takes a socket's place can open as soon as that is closed: all is said before. */
static void leave_all(const struct route_table *table)
{
	int *fds = malloc((table->count + !table->count) * sizeof *fds);
	struct span closed = { 0 };
	char *said = NULL, *why;
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct route_entry *entry = &table->entries[i];
		int fd = leave_table(entry->listener, &why);

		if (fd < 0)
			continue;
		if (fds)
			fds[count++] = fd;
		else
			close(fd);
		if (span_add(&closed, entry, said && why && strcmp(said, why) == 0)) {
			free(why);
			continue;
		}
		span_audit("closed", &closed, said);
		free(said);
		said = why;
		closed = span_of(entry);
	}
	span_audit("closed", &closed, said);
	free(said);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
}

void route_release(struct route_table *table)
{
	if (!table || atomic_fetch_sub(&table->refs, 1) != 1)
		return;
	leave_all(table);
	for (size_t i = 0; i < table->count; i++) {
		for (unsigned k = 0; k < table->entries[i].count; k++)
			route_backend_unref(table->entries[i].backends[k]);
		for (unsigned k = 0; k < table->entries[i].term_count; k++)
			service_unref(table->entries[i].terms[k].service);
		route_listener_unref(table->entries[i].listener);
		service_unref(table->entries[i].owner.service);
	}
	arena_free(&table->memory);
	free(table->refused);
	free(table->here);
	free(table);
}
