#include "base.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "route.h"
#include "sys.h"

#define REST_MS 100
#define AGAIN_MS 1

void watch_open(struct watches *w, struct loop *loop, uint8_t kind)
{
	w->loop = loop;
	w->kind = kind;
	loop_fifo_open(loop, &w->resting, REST_MS, 0);
	loop_fifo_open(loop, &w->full, REST_MS, 0);
	loop_fifo_open(loop, &w->again, AGAIN_MS, 0);
}

/* Rests. */

void watch_stop(struct watches *w, struct watched *v, struct loop_fifo *rest)
{
	if (!v->rest)
		v->rest = calloc(1, sizeof *v->rest);
	if (!v->rest) {
		w->stuck(w);
		return;
	}
	v->rest->watched = v;
	loop_arm(w->loop, rest, &v->rest->timer);
	loop_want(w->loop, &v->io, 0);
}

void watch_refused(struct watches *w, struct watched *v, int error)
{
	struct route_listener *listener = v->entry->listener;

	v->failures = 0;
	watch_stop(w, v, &w->resting);
	if (!atomic_exchange(&listener->deaf, error))
		log_error("%s: cannot accept: %s; trying again", listener->name, strerror(error));
}

void watch_accepts(struct watched *v)
{
	struct route_listener *listener = v->entry->listener;

	v->failures = 0;
	if (atomic_load_explicit(&listener->deaf, memory_order_relaxed))
		atomic_store(&listener->deaf, 0);
}

static void watched_want(struct watches *w, struct watched *v)
{
	bool wanted = !w->paused && !w->early && !v->rest;

	if (v->io.fd >= 0 && !loop_want(w->loop, &v->io, wanted ? LOOP_IN | LOOP_SHARED : 0))
		watch_refused(w, v, errno);
}

static void watched_end_rest(struct watched *v)
{
	if (v->rest)
		loop_disarm(&v->rest->timer);
	free(v->rest);
	v->rest = NULL;
}

void watch_pause(struct watches *w, bool paused)
{
	w->paused = paused;
	for (size_t i = 0; i < w->count; i++)
		watched_want(w, w->all[i]);
}

void watch_renew(struct watches *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->all[i]->io.want)
			loop_forget(w->loop, &w->all[i]->io);
		watched_want(w, w->all[i]);
	}
}

void watch_again(struct watches *w, struct watched *v)
{
	watched_end_rest(v);
	watched_want(w, v);
}

void watch_again_full(struct watches *w)
{
	while (w->full.head.next != &w->full.head)
		watch_again(w, watch_of(w->full.head.next));
}

bool watch_is_rest(const struct watches *w, const struct loop_fifo *fifo)
{
	return fifo == &w->resting || fifo == &w->full || fifo == &w->again;
}

struct watched *watch_of(struct loop_timer *timer)
{
	return CONTAINER_OF(timer, struct watched_pause, timer)->watched;
}

/* Sockets. */

/* Its listener may be bound by now, or once more. False: that can still come. */
static bool watched_bound(struct watches *w, struct watched *v)
{
	const struct route_listener *listener = v->entry->listener;
	uint16_t bound = (uint16_t)atomic_load(&listener->bound);
	int fd = atomic_load(&listener->fd);

	if (fd >= 0 && (v->io.fd < 0 || bound != v->bound)) {
		if (v->io.fd >= 0)
			loop_forget(w->loop, &v->io);
		v->bound = bound;
		v->io.fd = fd;
		watched_want(w, v);
	}
	return fd >= 0 && !net_zoned(&listener->addr);
}

/* Also takes out those that have left the table. */
static void watch_later(struct watches *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->later_count; i++) {
		struct watched *v = w->later[i];

		v->later = v->entry && !watched_bound(w, v);
		if (v->later)
			w->later[kept++] = v;
	}
	w->later_count = kept;
}

static struct watched *watched_new(struct watches *w, const struct route_entry *entry)
{
	struct watched *v = sys_alloc(sizeof *v);

	v->io = LOOP_IO(-1, w->kind);
	v->entry = entry;
	if (!watched_bound(w, v)) {
		SYS_GROW(w->later, w->later_count, w->later_cap);
		w->later[w->later_count++] = v;
		v->later = true;
	}
	return v;
}

static void watched_free(struct watches *w, struct watched *v)
{
	watched_end_rest(v);
	w->left(w, v->entry->listener);
	if (v->io.fd >= 0)
		loop_forget(w->loop, &v->io);
	v->io.fd = -1; /* not closed here: the last table that names the listener does that */
	v->entry = NULL;
	loop_free(w->loop, v);
}

/* Tables. */

/* The first place, from one on, whose listener does not come before this address. */
static size_t find_watched(const struct watches *w, size_t from, const struct net_addr *addr)
{
	size_t low = from, high = w->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (net_compare(&w->all[middle]->entry->listener->addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What stays between two changes is moved as it is. */
static void take_changes(struct watches *w, const struct route_change *changes, size_t change_count, size_t count)
{
	struct watched **now = count ? sys_alloc(count * sizeof *now) : NULL;
	size_t from = 0, to = 0;

	for (size_t i = 0; i <= change_count; i++) {
		const struct route_change *change = i < change_count ? &changes[i] : NULL;
		const struct route_entry *any = change ? change->old ? change->old : change->now : NULL;
		size_t end = change ? find_watched(w, from, &any->listener->addr) : w->count;

		if (end > from)
			memcpy(now + to, w->all + from, (end - from) * sizeof *now);
		to += end - from;
		from = end;
		if (change && change->old)
			watched_free(w, w->all[from++]);
		if (change && change->now)
			now[to++] = watched_new(w, change->now);
	}
	free(w->all);
	w->all = now;
	w->count = count;
}

/* One that only has another entry is watched as before. */
static void take_entries(struct watches *w, const struct route_table *table, struct route_change *changes, size_t count)
{
	size_t other = 0, from = 0;

	for (size_t i = 0; i < count; i++) {
		const struct route_change *change = &changes[i];

		if (!change->old || !change->now || change->old->listener != change->now->listener) {
			changes[other++] = *change;
			continue;
		}
		from = find_watched(w, from, &change->now->listener->addr);
		w->all[from]->entry = change->now;
	}
	if (other)
		take_changes(w, changes, other, table->count);
}

void watch_follow(struct watches *w, const struct route_table *table, struct route_change *changes, size_t count)
{
	take_entries(w, table, changes, count);
	watch_later(w);
}

void watch_close(struct watches *w)
{
	while (w->count)
		watched_free(w, w->all[--w->count]);
	free(w->all);
	free(w->later);
}
