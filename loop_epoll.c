/* The epoll backend of loop.c, on Linux. */
#include "base.h"
#include "loop.h"

#ifdef LOOP_EPOLL

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sys.h"

#define EVENTS_PER_TURN 128
#define REGISTERED 128 /* in loop_io.have: in the set, if only for errors */

struct loop_backend {
	int fd;
	struct epoll_event events[EVENTS_PER_TURN];
};

struct loop_backend *loop_backend_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop_backend *b;

	if (fd < 0)
		return NULL;
	b = sys_alloc(sizeof *b);
	b->fd = fd;
	return b;
}

void loop_backend_close(struct loop_backend *b)
{
	close(b->fd);
	free(b);
}

/* Tells the kernel what is wanted, when that differs from what it knows. */
bool loop_backend_want(struct loop_backend *b, struct loop_io *io)
{
	struct epoll_event e = { .data.ptr = io };
	int op = io->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (io->want == (io->have & ~(REGISTERED | LOOP_TOLERATED)))
		return true;
	if (!io->want && (io->have & LOOP_SHARED)) {
		loop_backend_forget(b, io, false); /* an exclusive interest cannot be modified */
		return true;
	}
	e.events = (io->want & LOOP_IN ? (uint32_t)EPOLLIN : 0) | (io->want & LOOP_OUT ? (uint32_t)EPOLLOUT : 0);
#ifdef EPOLLEXCLUSIVE
	if (io->want & LOOP_SHARED)
		e.events |= EPOLLEXCLUSIVE;
#endif
	if (epoll_ctl(b->fd, op, io->fd, &e) < 0)
		return false;
	io->have = io->want | REGISTERED;
	return true;
}

/* close() takes a descriptor out of the set by itself: nothing here duplicates one. */
void loop_backend_forget(struct loop_backend *b, struct loop_io *io, bool closing)
{
	if (io->have && !closing)
		epoll_ctl(b->fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->have = 0;
}

void loop_backend_wait(struct loop *l, int timeout_ms)
{
	struct loop_backend *b = l->backend;
	int n = epoll_wait(b->fd, b->events, EVENTS_PER_TURN, timeout_ms);

	l->now = sys_now();
	for (int i = 0; i < n; i++) {
		uint32_t got = b->events[i].events;

		loop_ready(l, b->events[i].data.ptr, (got & EPOLLIN ? LOOP_IN : 0u) | (got & EPOLLOUT ? LOOP_OUT : 0u) |
		           (got & EPOLLHUP ? LOOP_HUP : 0u) | (got & EPOLLERR ? LOOP_ERROR : 0u));
	}
}

#endif
