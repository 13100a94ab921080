/* The poll() backend of loop.c, for every system. */
#include "base.h"
#include "loop_backend.h"

#ifndef LOOP_EPOLL

#include <poll.h>
#include <stdlib.h>

#include "sys.h"

/* A dense array, kept from turn to turn: one entry for each descriptor that has been watched and is still open. */
struct loop_backend {
	struct pollfd *polls;  /* polls[0] is never used: slot 0 means "not in the set" */
	struct loop_io **ios;  /* NULL: a hole, filled before the next wait */
	size_t count, cap, holes;
	struct loop_event *events;
	size_t event_cap;
};

struct loop_backend *loop_backend_open(void)
{
	struct loop_backend *backend = sys_alloc(sizeof *backend);

	backend->count = 1;
	backend->cap = 16;
	backend->polls = sys_alloc(backend->cap * sizeof *backend->polls);
	backend->ios = sys_alloc(backend->cap * sizeof *backend->ios);
	return backend;
}

void loop_backend_close(struct loop_backend *backend)
{
	free(backend->polls);
	free(backend->ios);
	free(backend->events);
	free(backend);
}

static uint32_t take_slot(struct loop_backend *b, struct loop_io *io)
{
	if (b->count == b->cap) {
		b->cap *= 2;
		b->polls = sys_realloc(b->polls, b->cap * sizeof *b->polls);
		b->ios = sys_realloc(b->ios, b->cap * sizeof *b->ios);
	}
	b->ios[b->count] = io;
	return (uint32_t)b->count++;
}

bool loop_backend_want(struct loop_backend *backend, struct loop_io *io)
{
	if (!io->slot) {
		if (!io->want)
			return true;
		io->slot = take_slot(backend, io);
	}
	backend->polls[io->slot] = (struct pollfd){
		.fd = io->fd,
		.events = (short)((io->want & LOOP_IN ? POLLIN : 0) | (io->want & LOOP_OUT ? POLLOUT : 0))
	};
	return true;
}

void loop_backend_forget(struct loop_backend *backend, struct loop_io *io, bool closing)
{
	(void)closing;
	io->have = 0;
	if (!io->slot)
		return;
	backend->ios[io->slot] = NULL;
	backend->holes++;
	io->slot = 0;
}

static void fill_holes(struct loop_backend *b)
{
	for (size_t i = b->count; b->holes && i-- > 1;) {
		if (b->ios[i])
			continue;
		b->holes--;
		if (i != --b->count) {
			b->polls[i] = b->polls[b->count];
			b->ios[i] = b->ios[b->count];
			b->ios[i]->slot = (uint32_t)i;
		}
	}
}

static unsigned poll_events(short got)
{
	return (got & POLLIN ? LOOP_IN : 0u) | (got & POLLOUT ? LOOP_OUT : 0u) | (got & POLLHUP ? LOOP_HUP : 0u) |
	       (got & (POLLERR | POLLNVAL) ? LOOP_ERROR : 0u);
}

size_t loop_backend_wait(struct loop_backend *backend, int timeout_ms, const struct loop_event **events)
{
	size_t count = 0;
	int left;

	fill_holes(backend);
	left = poll(backend->polls + 1, (nfds_t)(backend->count - 1), timeout_ms);
	if (backend->event_cap < backend->cap) {
		backend->event_cap = backend->cap;
		backend->events = sys_realloc(backend->events, backend->cap * sizeof *backend->events);
	}
	for (size_t i = 1; i < backend->count && left > 0; i++) {
		short got = backend->polls[i].revents;

		if (!got)
			continue;
		left--;
		backend->ios[i]->have = LOOP_KNOWN;
		backend->events[count++] = (struct loop_event){ backend->ios[i], poll_events(got) };
	}
	*events = backend->events;
	return count;
}

#endif
