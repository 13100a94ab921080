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
static void leave_all(struct route_entry *const *entries, size_t entry_count)
{
	int *fds = malloc((entry_count + !entry_count) * sizeof *fds);
	struct span closed = { 0 };
	char *said = NULL, *why;
	size_t count = 0;

	for (size_t i = 0; i < entry_count; i++) {
		int fd = leave_table(entries[i]->listener, &why);

		if (fd < 0)
			continue;
		if (fds)
			fds[count++] = fd;
		else
			close(fd);
		if (span_add(&closed, &entries[i], said && why && strcmp(said, why) == 0)) {
			free(why);
			continue;
		}
		span_audit("closed", &closed, said);
		free(said);
		said = why;
		closed = span_of(&entries[i]);
	}
	span_audit("closed", &closed, said);
	free(said);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
}

void route_memory_unref(struct route_memory *memory)
{
	if (atomic_fetch_sub(&memory->refs, 1) != 1)
		return;
	arena_free(&memory->arena);
	free(memory);
}

static void free_entry(struct route_entry *entry)
{
	for (unsigned i = 0; i < entry->count; i++)
		route_backend_unref(entry->backends[i]);
	for (unsigned i = 0; i < entry->term_count; i++)
		service_unref(entry->terms[i].service);
	route_listener_unref(entry->listener);
	service_unref(entry->owner.service);
	route_memory_unref(entry->memory);
	free(entry);
}

struct route_entry *route_entry_ref(struct route_entry *entry)
{
	atomic_fetch_add(&entry->refs, 1);
	return entry;
}

void route_entries_release(struct route_entry **entries, size_t count)
{
	size_t ended = 0;

	for (size_t i = 0; i < count; i++)
		if (atomic_fetch_sub(&entries[i]->refs, 1) == 1)
			entries[ended++] = entries[i];
	leave_all(entries, ended);
	for (size_t i = 0; i < ended; i++)
		free_entry(entries[i]);
}

static void free_table(struct route_table *table)
{
	route_entries_release(table->entries, table->count);
	for (size_t i = 0; i < table->refused_count; i++)
		route_memory_unref(table->refused[i].memory);
	arena_free(&table->memory);
	free(table->changes);
	free(table->refused);
	free(table->here);
	free(table);
}

void route_release(struct route_table *table)
{
	if (table && atomic_fetch_sub(&table->refs, 1) == 1)
		free_table(table);
}

bool route_leave(struct route *route, struct route_table *table)
{
	if (!table || atomic_fetch_sub(&table->refs, 1) != 1)
		return false;
	table->next = atomic_load(&route->left);
	while (!atomic_compare_exchange_weak(&route->left, &table->next, table))
		;
	return true;
}

void route_collect(struct route *route)
{
	struct route_table *next, *table = atomic_exchange(&route->left, NULL);

	for (; table; table = next) {
		next = table->next;
		free_table(table);
	}
}
