#include "base.h"
#include "loop.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "sys.h"

bool loop_open(struct loop *l, const struct loop_ops *ops, void *owner)
{
	memset(l, 0, sizeof *l);
	l->ops = ops;
	l->owner = owner;
	l->now = sys_now();
	if (!net_pipe(l->wake_fds))
		return false;
	l->backend = loop_backend_open();
	l->wake = LOOP_IO(l->wake_fds[0], 0);
	if (!l->backend || !loop_want(l, &l->wake, LOOP_IN)) {
		loop_close(l);
		return false;
	}
	return true;
}

static void free_dead(struct loop *l)
{
	while (l->dead_count)
		free(l->dead[--l->dead_count]);
}

void loop_close(struct loop *l)
{
	free_dead(l);
	free(l->dead);
	if (l->backend)
		loop_backend_close(l->backend);
	close(l->wake_fds[0]);
	close(l->wake_fds[1]);
}

void loop_wake(struct loop *l)
{
	if (!atomic_exchange(&l->wake_sent, true)) {
		ssize_t n = write(l->wake_fds[1], "", 1);
		(void)n;
	}
}

static void take_wake(struct loop *l)
{
	char bytes[16];
	ssize_t n = read(l->wake_fds[0], bytes, sizeof bytes);

	(void)n;
	/* Cleared before the owner looks: what is said from here on rings again. */
	atomic_store(&l->wake_sent, false);
	l->ops->woken(l);
}

void loop_ready(struct loop *l, struct loop_io *io, unsigned events)
{
	unsigned wanted = io->want & (LOOP_IN | LOOP_OUT), trouble = events & (LOOP_HUP | LOOP_ERROR);

	if (io->fd < 0)
		return; /* closed earlier in this turn */
	events = (trouble && wanted ? LOOP_IN | LOOP_OUT : events & wanted) | (trouble & LOOP_ERROR);
	if (!events && trouble)
		loop_backend_forget(l->backend, io, false); /* it cannot be masked, and would spin */
	else if (!events && !(io->have & LOOP_TOLERATED) && LOOP_LAZY)
		io->have |= LOOP_TOLERATED; /* once: a session that ends needs no more */
	else if (!events)
		loop_backend_want(l->backend, io); /* nobody waits for this any more: now withdraw it */
	else if (io == &l->wake)
		take_wake(l);
	else
		l->ops->ready(l, io, events);
}

static int next_deadline(const struct loop *l)
{
	int64_t first = INT64_MAX, wait;

	for (const struct loop_fifo *f = l->fifos; f; f = f->below)
		if (f->head.next != &f->head && f->head.next->at < first)
			first = f->head.next->at;
	if (first == INT64_MAX)
		return -1;
	wait = first - sys_now();
	return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

static void run_expired(struct loop *l)
{
	for (struct loop_fifo *f = l->fifos; f; f = f->below)
		while (f->head.next != &f->head && f->head.next->at <= l->now) {
			struct loop_timer *t = f->head.next;

			loop_disarm(t);
			l->ops->expired(l, f, t);
		}
}

void loop_run(struct loop *l)
{
	while (!l->stop) {
		loop_backend_wait(l, next_deadline(l));
		run_expired(l);
		free_dead(l);
	}
}

bool loop_want(struct loop *l, struct loop_io *io, unsigned events)
{
	if (io->want == events)
		return true;
	io->want = (uint8_t)events;
#ifdef LOOP_EPOLL
	if ((events & ~(unsigned)io->have) == 0)
		return true;
#endif
	return loop_backend_want(l->backend, io);
}

void loop_forget(struct loop *l, struct loop_io *io)
{
	io->want = 0;
	loop_backend_forget(l->backend, io, false);
}

void loop_close_fd(struct loop *l, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	io->want = 0;
	loop_backend_forget(l->backend, io, true);
	close(io->fd);
	io->fd = -1;
}

void loop_free(struct loop *l, void *block)
{
	SYS_GROW(l->dead, l->dead_count, l->dead_cap);
	l->dead[l->dead_count++] = block;
}

void loop_fifo_open(struct loop *l, struct loop_fifo *f, int64_t after_ms, uint8_t kind)
{
	f->head.prev = f->head.next = &f->head;
	f->after = after_ms;
	f->kind = kind;
	f->below = l->fifos;
	l->fifos = f;
}

void loop_fifo_retime(struct loop_fifo *f, int64_t after_ms)
{
	for (struct loop_timer *t = f->head.next; t != &f->head; t = t->next)
		t->at += after_ms - f->after;
	f->after = after_ms;
}

void loop_arm(struct loop *l, struct loop_fifo *f, struct loop_timer *t)
{
	loop_disarm(t);
	t->at = l->now + f->after;
	t->prev = f->head.prev;
	t->next = &f->head;
	t->prev->next = t->next->prev = t;
}

void loop_disarm(struct loop_timer *t)
{
	if (!t->next)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->prev = t->next = NULL;
}

#ifndef LOOP_EPOLL

/* A dense array, kept from turn to turn: one entry for each descriptor that has been watched and is still open. */
struct loop_backend {
	struct pollfd *polls;  /* polls[0] is never used: slot 0 means "not in the set" */
	struct loop_io **ios;
	size_t count, cap, holes;
};

struct loop_backend *loop_backend_open(void)
{
	struct loop_backend *b = sys_alloc(sizeof *b);

	b->count = 1;
	b->cap = 16;
	b->polls = sys_alloc(b->cap * sizeof *b->polls);
	b->ios = sys_alloc(b->cap * sizeof *b->ios);
	return b;
}

void loop_backend_close(struct loop_backend *b)
{
	free(b->polls);
	free(b->ios);
	free(b);
}

bool loop_backend_want(struct loop_backend *b, struct loop_io *io)
{
	if (!io->slot) {
		if (!io->want)
			return true;
		if (b->count == b->cap) {
			b->cap *= 2;
			b->polls = sys_realloc(b->polls, b->cap * sizeof *b->polls);
			b->ios = sys_realloc(b->ios, b->cap * sizeof *b->ios);
		}
		io->slot = (uint32_t)b->count;
		b->ios[b->count++] = io;
	}
	b->polls[io->slot] = (struct pollfd){
		.fd = io->fd,
		.events = (short)((io->want & LOOP_IN ? POLLIN : 0) | (io->want & LOOP_OUT ? POLLOUT : 0))
	};
	return true;
}

void loop_backend_forget(struct loop_backend *b, struct loop_io *io, bool closing)
{
	(void)closing;
	if (!io->slot)
		return;
	b->polls[io->slot].fd = -1;
	b->ios[io->slot] = NULL; /* filled when the turn's events have been handed out */
	b->holes++;
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

void loop_backend_wait(struct loop *l, int timeout_ms)
{
	struct loop_backend *b = l->backend;
	size_t count = b->count; /* what joins during this turn is asked about in the next */
	int left = poll(b->polls + 1, (nfds_t)(count - 1), timeout_ms);

	l->now = sys_now();
	for (size_t i = 1; i < count && left > 0; i++) {
		short got = b->polls[i].revents;

		if (!got)
			continue;
		left--;
		if (b->ios[i])
			loop_ready(l, b->ios[i], (got & POLLIN ? LOOP_IN : 0u) | (got & POLLOUT ? LOOP_OUT : 0u) |
			           (got & POLLHUP ? LOOP_HUP : 0u) | (got & (POLLERR | POLLNVAL) ? LOOP_ERROR : 0u));
	}
	fill_holes(b);
}

#endif
