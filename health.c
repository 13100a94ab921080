/* A target is where backends are: an address, perhaps behind a SOCKS proxy. It is unhealthy while it is
 *
 *     down     so many active checks in a row have failed, and not yet so many in a row succeeded
 *     suspect  a client's connect has failed there, and no probe has succeeded since
 */
#include "base.h"
#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "net.h"

#define TICK_LEAST 50    /* milliseconds between two rounds of active checks */
#define SAY_AGAIN_MS 60000
#define SUSPECT_MS 1000  /* until a suspect is probed, and then between probes */

struct health_target {
	struct loop_io io;       /* of the probe under way, else fd is -1 */
	struct loop_timer timer; /* its time-out, or when the next probe of a suspect is due */
	struct route_backend *backends; /* those of the table in force, through their `peer` */
	struct route_backend *like; /* one of them, held: what is dialled, and its name */
	struct socks *socks; /* the hand-shake of a probe under way; NULL: none */
	unsigned good, bad; /* active checks in a row */
	bool active, down, suspect, shown; /* shown: unhealthy, and that has been said */
	int64_t said_at; /* when, aloud, without checks: there it comes and goes with each client */
	bool used; /* while targets are compared with a table */
};

void health_open(struct health *h, struct loop *loop, uint8_t kind, unsigned most)
{
	*h = (struct health){ .loop = loop, .kind = kind, .most = most, .rules = { HEALTH_OFF, 1000, 1000, 1, 1 } };
	loop_fifo_open(loop, &h->tick, 1000, 0);
	loop_fifo_open(loop, &h->timeout, 1000, 0);
	loop_fifo_open(loop, &h->again, SUSPECT_MS, 0);
}

/* Verdicts. */

static void say_unhealthy(const struct health *h, struct health_target *t, const char *why)
{
	bool again = h->rules.mode == HEALTH_OFF && t->said_at && h->loop->now - t->said_at < SAY_AGAIN_MS;

	log_write(again ? LOG_DEBUG : LOG_WARN, "backend %s is unhealthy: %s", t->like->name, why);
	if (!again)
		t->said_at = h->loop->now;
}

static void show(struct health *h, struct health_target *t, const char *why)
{
	bool unhealthy = t->down || t->suspect;

	for (struct route_backend *b = t->backends; b; b = b->peer) {
		if (!t->suspect)
			atomic_store(&b->suspect, false); /* first: a worker that finds it set does not ring */
		atomic_store(&b->unhealthy, unhealthy);
	}
	if (unhealthy == t->shown)
		return;
	t->shown = unhealthy;
	if (unhealthy)
		say_unhealthy(h, t, why);
	else if (h->rules.mode == HEALTH_OFF)
		log_debug("backend %s is trusted again", t->like->name); /* nobody has looked */
	else
		log_info("backend %s is healthy again", t->like->name);
}

static void forget_probe(struct health *h, struct health_target *t)
{
	loop_disarm(&t->timer);
	if (t->io.fd < 0)
		return;
	loop_close_fd(h->loop, &t->io);
	free(t->socks);
	t->socks = NULL;
	h->probing--;
}

static void succeeded(struct health *h, struct health_target *t)
{
	t->bad = 0;
	t->suspect = false;
	if (++t->good >= h->rules.healthy || !t->active)
		t->down = false;
	show(h, t, "");
}

static void failed(struct health *h, struct health_target *t, const char *why)
{
	t->good = 0;
	if (t->active && ++t->bad >= h->rules.unhealthy)
		t->down = true;
	if (t->suspect)
		loop_arm(h->loop, &h->again, &t->timer);
	show(h, t, why);
}

/* why: what is wrong with it; NULL: nothing. */
static void verdict(struct health *h, struct health_target *t, const char *why)
{
	forget_probe(h, t);
	if (why)
		failed(h, t, why);
	else
		succeeded(h, t);
}

/* Probes. A connect that succeeds is all that is asked for, and it is closed at once. Nothing is sent, but for a SOCKS
 * proxy the words that make it connect. */

static void start_probe(struct health *h, struct health_target *t)
{
	int fd;

	if (t->io.fd >= 0 || h->probing >= h->most)
		return;
	fd = net_connect(&t->like->addr);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM || fd == -EADDRNOTAVAIL)
		return; /* says nothing of the backend */
	if (fd < 0) {
		verdict(h, t, strerror(-fd));
		return;
	}
	h->probing++;
	t->io = LOOP_IO(fd, h->kind);
	loop_arm(h->loop, &h->timeout, &t->timer);
	if (!loop_want(h->loop, &t->io, LOOP_OUT))
		forget_probe(h, t);
}

static void probe(struct health *h, struct health_target *t)
{
	start_probe(h, t);
	if (t->suspect && !t->timer.next)
		loop_arm(h->loop, &h->again, &t->timer); /* it could not be started */
}

/* The probe has reached the proxy. */
static void shake_hands(struct health *h, struct health_target *t)
{
	enum socks_state state;

	if (!t->socks) {
		t->socks = sys_alloc(sizeof *t->socks);
		socks_start(t->socks, &t->like->socks);
	}
	state = socks_run(t->socks, t->io.fd);
	if (state == SOCKS_DONE)
		verdict(h, t, NULL);
	else if (state == SOCKS_FAILED)
		verdict(h, t, t->socks->why);
	else if (!loop_want(h->loop, &t->io, state == SOCKS_SEND ? LOOP_OUT : LOOP_IN))
		forget_probe(h, t);
}

bool health_ready(struct health *h, struct loop_io *io, unsigned events)
{
	struct health_target *t = (struct health_target *)(void *)io;
	int error;

	(void)events;
	if (io->kind != h->kind)
		return false;
	error = net_error(io->fd);
	if (error)
		verdict(h, t, strerror(error));
	else if (net_connected(io->fd) && !t->like->socks.host)
		verdict(h, t, NULL);
	else if (net_connected(io->fd))
		shake_hands(h, t);
	return true;
}

/* Without checks a suspect is trusted again after a while; with them, when it answers. */
static void look_again(struct health *h, struct health_target *t)
{
	if (h->rules.mode == HEALTH_OFF) {
		t->suspect = false;
		show(h, t, "");
	} else {
		probe(h, t);
	}
}

/* Active checks: in each tick as many as bring all of them round in one interval. */

static int64_t tick_length(const struct health *h)
{
	int64_t each = h->active ? h->rules.interval / (int64_t)h->active : h->rules.interval;

	return each < TICK_LEAST ? TICK_LEAST : each;
}

static void check_some(struct health *h)
{
	h->credit += (int64_t)h->active * h->tick.after;
	for (size_t looked = 0; h->credit >= h->rules.interval && looked < h->count; looked++) {
		h->next = h->next + 1 < h->count ? h->next + 1 : 0;
		if (!h->targets[h->next]->active)
			continue;
		probe(h, h->targets[h->next]);
		h->credit -= h->rules.interval;
	}
	loop_arm(h->loop, &h->tick, &h->tick_timer);
}

bool health_expired(struct health *h, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct health_target *t = (struct health_target *)(void *)((char *)timer - offsetof(struct health_target, timer));

	if (fifo == &h->tick)
		check_some(h);
	else if (fifo == &h->timeout)
		verdict(h, t, strerror(ETIMEDOUT));
	else if (fifo == &h->again)
		look_again(h, t);
	else
		return false;
	return true;
}

/* Who is to be checked. */

static size_t place_of(const struct health *h, const struct route_backend *b)
{
	size_t low = 0, high = h->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (route_backend_order(h->targets[middle]->like, b) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct health_target *target_for(struct health *h, struct route_backend *b)
{
	size_t at = place_of(h, b);
	struct health_target *t;

	if (at < h->count && route_backend_order(h->targets[at]->like, b) == 0)
		return h->targets[at];
	t = sys_alloc(sizeof *t);
	t->io.fd = -1;
	t->like = route_backend_ref(b);
	SYS_GROW(h->targets, h->count, h->cap);
	memmove(h->targets + at + 1, h->targets + at, (h->count - at) * sizeof *h->targets);
	h->targets[at] = t;
	h->count++;
	return t;
}

static void drop(struct health *h, struct health_target *t)
{
	forget_probe(h, t);
	route_backend_unref(t->like);
	loop_free(h->loop, t);
}

static void take_backend(struct health *h, struct route_backend *b)
{
	struct health_target *t = target_for(h, b);

	if (!t->used) {
		t->used = true;
		t->backends = NULL;
		t->active = false;
	}
	b->peer = t->backends;
	t->backends = b;
	t->active = t->active || h->rules.mode == HEALTH_ON || (h->rules.mode == HEALTH_AUTO && b->unchecked);
	if (!atomic_load(&b->suspect)) /* else a worker has just said it */
		atomic_store(&b->unhealthy, t->shown);
}

static void drop_unused(struct health *h)
{
	size_t kept = 0;

	h->active = 0;
	for (size_t i = 0; i < h->count; i++) {
		struct health_target *t = h->targets[i];

		if (!t->used) {
			drop(h, t);
			continue;
		}
		t->used = false;
		h->active += t->active;
		h->targets[kept++] = t;
		if (!t->active && t->down) {
			t->down = false; /* nobody would ever say otherwise */
			show(h, t, "");
		}
	}
	h->count = kept;
}

void health_follow(struct health *h, const struct route_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++)
			take_backend(h, t->entries[i].backends[b]);
	drop_unused(h);
	h->tick.after = tick_length(h);
	if (!h->active)
		loop_disarm(&h->tick_timer);
	else if (!h->tick_timer.next || h->tick_timer.at > h->loop->now + h->tick.after)
		loop_arm(h->loop, &h->tick, &h->tick_timer);
	health_suspected(h);
}

/* What a worker has found. */
static void show_suspect(struct health *h, struct health_target *t)
{
	const struct route_backend *b = t->backends;
	const char *refusal;
	char why[128];

	while (b->peer && !atomic_load(&b->suspect))
		b = b->peer;
	refusal = atomic_load(&b->refusal);
	snprintf(why, sizeof why, "a client's connect failed: %s", refusal ? refusal : strerror(atomic_load(&b->error)));
	show(h, t, why);
}

void health_suspected(struct health *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct health_target *t = h->targets[i];

		for (struct route_backend *b = t->backends; b && !t->suspect; b = b->peer)
			t->suspect = atomic_load(&b->suspect);
		if (!t->suspect || (t->timer.next && t->shown))
			continue;
		show_suspect(h, t);
		if (!t->timer.next)
			loop_arm(h->loop, &h->again, &t->timer);
	}
}

void health_set(struct health *h, const struct health_rules *rules, const struct route_table *t)
{
	h->rules = *rules;
	h->timeout.after = rules->timeout;
	health_follow(h, t);
}

void health_close(struct health *h)
{
	for (size_t i = 0; i < h->count; i++)
		drop(h, h->targets[i]);
	free(h->targets);
}
