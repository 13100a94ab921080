/* The poll() backend of loop.c, for every system. */
#include "base.h"
#include "loop_backend.h"

#include <poll.h>
#include <stdlib.h>

/* A dense array, kept from turn to turn: one entry for each descriptor that has been watched and is still open. */
struct poll_set {
	struct pollfd *polls;  /* polls[0] is never used: slot 0 means "not in the set" */
	struct loop_io **ios;
	struct loop_event *events;
	size_t count, cap, event_cap;
};

static bool poll_grow(struct poll_set *set)
{
	size_t cap = set->cap * 2;
	struct pollfd *polls = realloc(set->polls, cap * sizeof *polls);
	struct loop_io **ios = realloc(set->ios, cap * sizeof *ios);

	if (polls)
		set->polls = polls;
	if (ios)
		set->ios = ios;
	if (!polls || !ios)
		return false;
	set->cap = cap;
	return true;
}

/* Not while they are looked at. Without memory the rest comes with the next turn. */
static bool poll_grow_events(struct poll_set *set)
{
	struct loop_event *events = realloc(set->events, set->cap * sizeof *events);

	if (!events)
		return false;
	set->events = events;
	set->event_cap = set->cap;
	return true;
}

static void poll_close(void *of)
{
	struct poll_set *set = of;

	free(set->polls);
	free(set->ios);
	free(set->events);
	free(set);
}

static void *poll_open(void)
{
	struct poll_set *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	set->count = 1;
	set->cap = 8;
	if (poll_grow(set) && poll_grow_events(set))
		return set;
	poll_close(set);
	return NULL;
}

static bool poll_want(void *of, struct loop_io *io)
{
	struct poll_set *set = of;

	if (!io->slot) {
		if (!io->want)
			return true;
		if (set->count == set->cap && !poll_grow(set))
			return false;
		io->slot = (uint32_t)set->count;
		set->ios[set->count++] = io;
	}
	set->polls[io->slot] = (struct pollfd){
		.fd = io->fd,
		.events = (short)((io->want & LOOP_IN ? POLLIN : 0) | (io->want & LOOP_OUT ? POLLOUT : 0))
	};
	return true;
}

static void poll_forget(void *of, struct loop_io *io, bool closing)
{
	struct poll_set *set = of;

	(void)closing;
	io->have = 0;
	if (!io->slot)
		return;
	set->count--; /* the last one takes its place */
	set->polls[io->slot] = set->polls[set->count];
	set->ios[io->slot] = set->ios[set->count];
	set->ios[io->slot]->slot = io->slot;
	io->slot = 0;
}

static unsigned poll_events(short got)
{
	return (got & POLLIN ? LOOP_IN : 0u) | (got & POLLOUT ? LOOP_OUT : 0u) | (got & POLLHUP ? LOOP_HUP : 0u) |
	       (got & (POLLERR | POLLNVAL) ? LOOP_ERROR : 0u);
}

static size_t poll_take(void *of, int timeout_ms, const struct loop_event **events)
{
	struct poll_set *set = of;
	size_t count = 0;
	int left = poll(set->polls + 1, (nfds_t)(set->count - 1), timeout_ms);
	if (set->event_cap < set->cap)
		poll_grow_events(set);
	for (size_t i = 1; i < set->count && left > 0 && count < set->event_cap; i++) {
		short got = set->polls[i].revents;

		if (!got)
			continue;
		left--;
		set->ios[i]->have = LOOP_KNOWN;
		set->events[count++] = (struct loop_event){ set->ios[i], poll_events(got) };
	}
	*events = set->events;
	return count;
}

const struct loop_backend loop_poll = {
	.open = poll_open, .close = poll_close, .want = poll_want, .forget = poll_forget, .wait = poll_take
};
