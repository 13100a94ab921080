/* The epoll backend of loop.c, on Linux. */
#include "base.h"
#include "loop_backend.h"

#ifdef LOOP_EPOLL

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys.h"

#define EVENTS_PER_TURN 128

struct loop_backend {
	int fd;
	struct epoll_event got[EVENTS_PER_TURN];
	struct loop_event events[EVENTS_PER_TURN];
};

struct loop_backend *loop_backend_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop_backend *backend;

	if (fd < 0)
		return NULL;
	backend = sys_alloc(sizeof *backend);
	backend->fd = fd;
	return backend;
}

void loop_backend_close(struct loop_backend *backend)
{
	close(backend->fd);
	free(backend);
}

/* Tells the kernel of io->want, when that differs from what it knows. */
bool loop_backend_want(struct loop_backend *backend, struct loop_io *io)
{
	struct epoll_event event = { .data.ptr = io };
	int op = io->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (io->want == (io->have & ~(LOOP_KNOWN | LOOP_TOLERATED)))
		return true;
	if (!io->want && (io->have & LOOP_SHARED)) {
		loop_backend_forget(backend, io, false); /* an exclusive interest cannot be modified */
		return true;
	}
	event.events = (io->want & LOOP_IN ? (uint32_t)EPOLLIN : 0) | (io->want & LOOP_OUT ? (uint32_t)EPOLLOUT : 0);
#ifdef EPOLLEXCLUSIVE
	if (io->want & LOOP_SHARED)
		event.events |= EPOLLEXCLUSIVE;
#endif
	if (epoll_ctl(backend->fd, op, io->fd, &event) < 0)
		return false;
	io->have = io->want | LOOP_KNOWN;
	return true;
}

/* close() takes a descriptor out of the set by itself: nothing here duplicates one. */
void loop_backend_forget(struct loop_backend *backend, struct loop_io *io, bool closing)
{
	if (io->have && !closing)
		epoll_ctl(backend->fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->have = 0;
}

static unsigned epoll_events(uint32_t got)
{
	return (got & EPOLLIN ? LOOP_IN : 0u) | (got & EPOLLOUT ? LOOP_OUT : 0u) | (got & EPOLLHUP ? LOOP_HUP : 0u) |
	       (got & EPOLLERR ? LOOP_ERROR : 0u);
}

size_t loop_backend_wait(struct loop_backend *backend, int timeout_ms, const struct loop_event **events)
{
	int count = epoll_wait(backend->fd, backend->got, EVENTS_PER_TURN, timeout_ms);

	for (int i = 0; i < count; i++)
		backend->events[i] = (struct loop_event){ backend->got[i].data.ptr, epoll_events(backend->got[i].events) };
	*events = backend->events;
	return count < 0 ? 0 : (size_t)count;
}

#endif
