/* The epoll backend of loop.c, on Linux. */
#include "base.h"
#include "loop_backend.h"

#ifdef LOOP_EPOLL

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_TURN 128

struct epoll_set {
	int fd;
	struct epoll_event got[EVENTS_PER_TURN];
	struct loop_event events[EVENTS_PER_TURN];
};

/* It is waited once without a wait: a loop that cannot wait would spin. */
static void *epoll_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_set *set = fd < 0 ? NULL : malloc(sizeof *set);

	if (!set || epoll_wait(fd, set->got, 1, 0) < 0) {
		if (fd >= 0)
			close(fd);
		free(set);
		return NULL;
	}
	set->fd = fd;
	return set;
}

static void epoll_close(void *set)
{
	close(((struct epoll_set *)set)->fd);
	free(set);
}

/* close() takes a descriptor out of the set by itself, unless somebody else has it, too: see loop_duplicated(). */
static void epoll_forget(void *set, struct loop_io *io, bool closing)
{
	if (io->have && !closing)
		epoll_ctl(((struct epoll_set *)set)->fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->have = 0;
}

/* Linux before 4.5, and systems that imitate it, do not know EPOLLEXCLUSIVE: there each client wakes every loop. */
static bool epoll_tell(const struct epoll_set *set, int op, int fd, struct epoll_event *event)
{
	if (epoll_ctl(set->fd, op, fd, event) == 0)
		return true;
#ifdef EPOLLEXCLUSIVE
	if (event->events & EPOLLEXCLUSIVE) {
		event->events &= ~(uint32_t)EPOLLEXCLUSIVE;
		return epoll_ctl(set->fd, op, fd, event) == 0;
	}
#endif
	return false;
}

/* Tells the kernel of io->want, when that differs from what it knows. */
static bool epoll_want(void *set, struct loop_io *io)
{
	struct epoll_event event = { .data.ptr = io };
	int op = io->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (io->want == (io->have & ~(LOOP_KNOWN | LOOP_TOLERATED)))
		return true;
	if (!io->want && (io->have & LOOP_SHARED)) {
		epoll_forget(set, io, false); /* an exclusive interest cannot be modified */
		return true;
	}
	event.events = (io->want & LOOP_IN ? (uint32_t)EPOLLIN : 0) | (io->want & LOOP_OUT ? (uint32_t)EPOLLOUT : 0);
#ifdef EPOLLEXCLUSIVE
	if (io->want & LOOP_SHARED)
		event.events |= EPOLLEXCLUSIVE;
#endif
	if (!epoll_tell(set, op, io->fd, &event))
		return false;
	io->have = io->want | LOOP_KNOWN;
	return true;
}

static unsigned epoll_events(uint32_t got)
{
	return (got & EPOLLIN ? LOOP_IN : 0u) | (got & EPOLLOUT ? LOOP_OUT : 0u) | (got & EPOLLHUP ? LOOP_HUP : 0u) |
	       (got & EPOLLERR ? LOOP_ERROR : 0u);
}

static size_t epoll_take(void *of, int timeout_ms, const struct loop_event **events)
{
	struct epoll_set *set = of;
	int count = epoll_wait(set->fd, set->got, EVENTS_PER_TURN, timeout_ms);

	for (int i = 0; i < count; i++)
		set->events[i] = (struct loop_event){ set->got[i].data.ptr, epoll_events(set->got[i].events) };
	*events = set->events;
	return count < 0 ? 0 : (size_t)count;
}

const struct loop_backend loop_epoll = {
	.lazy = true, .open = epoll_open, .close = epoll_close, .want = epoll_want, .forget = epoll_forget, .wait = epoll_take
};

#endif
