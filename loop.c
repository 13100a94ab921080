#include "base.h"
#include "loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "sys.h"

static void free_dead(struct loop *loop)
{
	while (loop->dead_count)
		free(loop->dead[--loop->dead_count]);
}

void loop_close(struct loop *loop)
{
	free_dead(loop);
	free(loop->dead);
	if (loop->set)
		loop->backend->close(loop->set);
	close(loop->wake_fds[0]);
	close(loop->wake_fds[1]);
}

/* The first one that the system lets us use. */
static const struct loop_backend *const backends[] = {
#ifdef LOOP_EPOLL
	&loop_epoll,
#endif
	&loop_poll
};

static bool open_backend(struct loop *loop, const struct loop_backend *backend)
{
	loop->backend = backend;
	loop->set = backend->open();
	loop->wake = LOOP_IO(loop->wake_fds[0], 0);
	if (loop->set && loop_want(loop, &loop->wake, LOOP_IN))
		return true;
	if (loop->set)
		backend->close(loop->set);
	loop->set = NULL;
	return false;
}

bool loop_open(struct loop *loop, const struct loop_ops *ops, void *owner)
{
	static atomic_bool said;

	memset(loop, 0, sizeof *loop);
	loop->ops = ops;
	loop->owner = owner;
	loop->now = sys_now();
	if (!net_pipe(loop->wake_fds))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		if (open_backend(loop, backends[i]))
			return true;
		if (net_exhausted(errno))
			break;
		if (i + 1 < ARRAY_LEN(backends) && !atomic_exchange(&said, true))
			log_warn("the system refuses epoll: %s; poll() takes its place, which is slower with many connections",
			         strerror(errno));
	}
	loop_close(loop);
	return false;
}

void loop_wake(struct loop *loop)
{
	if (!atomic_exchange(&loop->wake_sent, true)) {
		ssize_t n = write(loop->wake_fds[1], "", 1);
		(void)n;
	}
}

static void take_wake(struct loop *loop)
{
	char bytes[16];
	ssize_t n = read(loop->wake_fds[0], bytes, sizeof bytes);

	(void)n;
	/* Cleared before the owner looks: a loop_wake from here on rings again. */
	atomic_store(&loop->wake_sent, false);
	loop->ops->woken(loop);
}

/* Hands one event to whom it concerns. */
static void loop_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	unsigned wanted = io->want & (LOOP_IN | LOOP_OUT), trouble = events & (LOOP_HUP | LOOP_ERROR);

	if (!io->have)
		return; /* closed or forgotten earlier in this turn */
	events = (trouble && wanted ? LOOP_IN | LOOP_OUT : events & wanted) | (trouble & LOOP_ERROR);
	if (!events && trouble)
		loop->backend->forget(loop->set, io, false); /* it cannot be masked, and would spin */
	else if (!events && !(io->have & LOOP_TOLERATED) && loop->backend->lazy)
		io->have |= LOOP_TOLERATED; /* once: a session that ends needs no more */
	else if (!events)
		loop->backend->want(loop->set, io); /* nobody waits for this any more: now withdraw it */
	else if (io == &loop->wake)
		take_wake(loop);
	else
		loop->ops->ready(loop, io, events);
}

static int loop_timeout(const struct loop *loop)
{
	int64_t first = INT64_MAX, wait;

	for (const struct loop_fifo *f = loop->fifos; f; f = f->below)
		if (f->head.next != &f->head && f->head.next->at < first)
			first = f->head.next->at;
	if (first == INT64_MAX)
		return -1;
	wait = first - sys_now();
	return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

static void loop_expired(struct loop *loop)
{
	for (struct loop_fifo *fifo = loop->fifos; fifo; fifo = fifo->below)
		while (fifo->head.next != &fifo->head && fifo->head.next->at <= loop->now) {
			struct loop_timer *timer = fifo->head.next;

			loop_disarm(timer);
			loop->ops->expired(loop, fifo, timer);
		}
}

void loop_run(struct loop *loop)
{
	while (!loop->stop) {
		const struct loop_event *events;
		size_t count = loop->backend->wait(loop->set, loop_timeout(loop), &events);

		loop->now = sys_now();
		for (size_t i = 0; i < count; i++)
			loop_ready(loop, events[i].io, events[i].events);
		loop_expired(loop);
		free_dead(loop);
	}
}

bool loop_want(struct loop *loop, struct loop_io *io, unsigned events)
{
	uint8_t was = io->want;

	if (was == events)
		return true;
	io->want = (uint8_t)events;
	if (loop->backend->lazy && (events & ~(unsigned)io->have) == 0)
		return true;
	if (loop->backend->want(loop->set, io))
		return true;
	io->want = was; /* asked again, it is tried again */
	return false;
}

void loop_forget(struct loop *loop, struct loop_io *io)
{
	io->want = 0;
	loop->backend->forget(loop->set, io, false);
}

static atomic_bool duplicates;

void loop_duplicated(bool duplicated)
{
	atomic_store(&duplicates, duplicated);
}

void loop_close_fd(struct loop *loop, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	io->want = 0;
	loop->backend->forget(loop->set, io, !atomic_load_explicit(&duplicates, memory_order_relaxed));
	close(io->fd);
	io->fd = -1;
}

void loop_free(struct loop *loop, void *block)
{
	SYS_GROW(loop->dead, loop->dead_count, loop->dead_cap);
	loop->dead[loop->dead_count++] = block;
}

void loop_fifo_open(struct loop *loop, struct loop_fifo *fifo, int64_t after_ms, uint8_t kind)
{
	fifo->head.prev = fifo->head.next = &fifo->head;
	fifo->after = after_ms;
	fifo->kind = kind;
	fifo->below = loop->fifos;
	loop->fifos = fifo;
}

void loop_fifo_retime(struct loop_fifo *fifo, int64_t after_ms)
{
	if (after_ms == fifo->after)
		return;
	for (struct loop_timer *timer = fifo->head.next; timer != &fifo->head; timer = timer->next)
		timer->at += after_ms - fifo->after;
	fifo->after = after_ms;
}

void loop_arm(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	loop_disarm(timer);
	timer->at = loop->now + fifo->after;
	timer->prev = fifo->head.prev;
	timer->next = &fifo->head;
	timer->prev->next = timer->next->prev = timer;
}

void loop_disarm(struct loop_timer *timer)
{
	if (!timer->next)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->prev = timer->next = NULL;
}
