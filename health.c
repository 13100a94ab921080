/* A target is where backends are: an address, perhaps behind a SOCKS proxy. It is unhealthy while it is
 *
 *     down     health.unhealthy_threshold active checks in a row have failed, and healthy_threshold have not yet
 *              succeeded since
 *     suspect  a client's connect has failed there, and no probe has succeeded since
 */
#include "base.h"
#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "socks.h"
#include "sys.h"

#define TICK_LEAST 50    /* milliseconds between two rounds of active checks */
#define SAY_AGAIN_MS 60000
#define SUSPECT_MS 1000  /* until a suspect is probed, and then between probes */

struct health_target {
	struct loop_io io;       /* of the probe under way, else fd is -1 */
	bool active : 1, down : 1, suspect : 1, shown : 1; /* shown: unhealthy, and that has been said */
	bool used : 1;           /* while targets are compared with a table */
	struct loop_timer timer; /* its timeout, or when the next probe of a suspect is due */
	struct route_backend *backends; /* those of the table in force, through their `peer` */
	struct route_backend *like; /* one of them, held: its address is dialled, its name is logged */
	struct socks *socks; /* the handshake of a probe under way; NULL: none */
	unsigned good, bad; /* active checks in a row */
	int64_t said_at; /* when it was last a warning; without checks it is one at most once a minute */
};

void health_open(struct health *health, struct loop *loop, uint8_t kind, unsigned most)
{
	*health = (struct health){ .loop = loop, .kind = kind, .most = most, .rules = { HEALTH_OFF, 1000, 1000, 1, 1 } };
	loop_fifo_open(loop, &health->tick, 1000, 0);
	loop_fifo_open(loop, &health->timeout, 1000, 0);
	loop_fifo_open(loop, &health->again, SUSPECT_MS, 0);
}

/* Verdicts. */

static void say_unhealthy(const struct health *h, struct health_target *t, const char *why)
{
	bool again = h->rules.mode == HEALTH_OFF && t->said_at && h->loop->now - t->said_at < SAY_AGAIN_MS;

	log_write(again ? LOG_DEBUG : LOG_WARN, "backend %s is unhealthy: %s", t->like->name, why);
	if (!again)
		t->said_at = h->loop->now;
}

static void target_show(struct health *health, struct health_target *target, const char *why)
{
	bool unhealthy = target->down || target->suspect;

	for (struct route_backend *backend = target->backends; backend; backend = backend->peer) {
		if (!target->suspect)
			atomic_store(&backend->suspect, false); /* first: a worker that finds it set does not ring */
		route_set_health(backend, unhealthy);
	}
	if (unhealthy == target->shown)
		return;
	target->shown = unhealthy;
	if (unhealthy)
		say_unhealthy(health, target, why);
	else if (health->rules.mode == HEALTH_OFF)
		log_debug("backend %s is trusted again", target->like->name); /* nobody has looked */
	else
		log_info("backend %s is healthy again", target->like->name);
}

static void probe_forget(struct health *h, struct health_target *t)
{
	loop_disarm(&t->timer);
	if (t->io.fd < 0)
		return;
	loop_close_fd(h->loop, &t->io);
	free(t->socks);
	t->socks = NULL;
	h->probing--;
}

static void check_succeeded(struct health *h, struct health_target *t)
{
	t->bad = 0;
	t->suspect = false;
	if (++t->good >= h->rules.healthy || !t->active)
		t->down = false;
	target_show(h, t, "");
}

static void check_failed(struct health *h, struct health_target *t, const char *why)
{
	t->good = 0;
	if (t->active && ++t->bad >= h->rules.unhealthy)
		t->down = true;
	if (t->suspect)
		loop_arm(h->loop, &h->again, &t->timer);
	target_show(h, t, why);
}

/* why: the failure; NULL: none. */
static void probe_ended(struct health *h, struct health_target *t, const char *why)
{
	probe_forget(h, t);
	if (why)
		check_failed(h, t, why);
	else
		check_succeeded(h, t);
}

/* Probes. A connect that succeeds is enough, and is closed at once; one that the other side then breaks has succeeded,
 * as it has for clients. Nothing is sent, except to a SOCKS proxy the words that make it connect. */

static void probe_start(struct health *health, struct health_target *target)
{
	int fd;

	if (target->io.fd >= 0 || health->probing >= health->most)
		return;
	fd = net_probe(&target->like->addr);
	if (net_exhausted(-fd) || fd == -EADDRNOTAVAIL)
		return; /* says nothing of the backend */
	if (fd < 0) {
		probe_ended(health, target, strerror(-fd));
		return;
	}
	health->probing++;
	target->io = LOOP_IO(fd, health->kind);
	loop_arm(health->loop, &health->timeout, &target->timer);
	if (!loop_want(health->loop, &target->io, LOOP_OUT))
		probe_forget(health, target);
}

static void target_probe(struct health *h, struct health_target *t)
{
	probe_start(h, t);
	if (t->suspect && !t->timer.next)
		loop_arm(h->loop, &h->again, &t->timer); /* it could not be started */
}

/* The probe has reached the proxy. */
static void probe_shake_hands(struct health *health, struct health_target *target)
{
	enum socks_state state;

	if (!target->socks) {
		target->socks = sys_alloc(sizeof *target->socks);
		socks_start(target->socks, target->like->socks);
	}
	state = socks_run(target->socks, target->io.fd);
	if (state == SOCKS_DONE)
		probe_ended(health, target, NULL);
	else if (state == SOCKS_FAILED)
		probe_ended(health, target, target->socks->why);
	else if (!loop_want(health->loop, &target->io, state == SOCKS_SEND ? LOOP_OUT : LOOP_IN))
		probe_forget(health, target);
}

bool health_ready(struct health *health, struct loop_io *io, unsigned events)
{
	struct health_target *target = CONTAINER_OF(io, struct health_target, io);
	bool socks;
	int error;

	(void)events;
	if (io->kind != health->kind)
		return false;
	socks = target->like->socks;
	error = net_error(io->fd);
	if (error)
		probe_ended(health, target, net_was_reached(error) && !socks ? NULL : strerror(error));
	else if (net_connected(io->fd) && !socks)
		probe_ended(health, target, NULL);
	else if (net_connected(io->fd))
		probe_shake_hands(health, target);
	return true;
}

/* Without checks a suspect is trusted again after a while; with them, when it answers. */
static void suspect_due(struct health *h, struct health_target *t)
{
	if (h->rules.mode == HEALTH_OFF) {
		t->suspect = false;
		target_show(h, t, "");
	} else {
		target_probe(h, t);
	}
}

/* Active checks: in each tick as many as bring all of them round in one interval. */

static int64_t tick_length(const struct health *h)
{
	int64_t each = h->active ? h->rules.interval / (int64_t)h->active : h->rules.interval;

	return each < TICK_LEAST ? TICK_LEAST : each;
}

static void check_some(struct health *health)
{
	health->credit += (int64_t)health->active * health->tick.after;
	for (size_t looked = 0; health->credit >= health->rules.interval && looked < health->count; looked++) {
		health->next = health->next + 1 < health->count ? health->next + 1 : 0;
		if (!health->targets[health->next]->active)
			continue;
		target_probe(health, health->targets[health->next]);
		health->credit -= health->rules.interval;
	}
	loop_arm(health->loop, &health->tick, &health->tick_timer);
}

bool health_expired(struct health *health, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct health_target *target = CONTAINER_OF(timer, struct health_target, timer);

	if (fifo == &health->tick)
		check_some(health);
	else if (fifo == &health->timeout)
		probe_ended(health, target, strerror(ETIMEDOUT));
	else if (fifo == &health->again)
		suspect_due(health, target);
	else
		return false;
	return true;
}

/* Who is to be checked. */

static int by_backend_order(const void *a, const void *b)
{
	return route_backend_order(*(struct route_backend *const *)a, *(struct route_backend *const *)b);
}

static int by_target_order(const void *a, const void *b)
{
	return route_backend_order((*(struct health_target *const *)a)->like, (*(struct health_target *const *)b)->like);
}

static struct health_target *target_add(struct health *health, struct route_backend *backend)
{
	struct health_target *target = sys_alloc(sizeof *target);

	target->io.fd = -1;
	target->like = route_backend_ref(backend);
	SYS_GROW(health->targets, health->count, health->cap);
	return health->targets[health->count++] = target;
}

static void target_drop(struct health *h, struct health_target *t)
{
	probe_forget(h, t);
	route_backend_unref(t->like);
	loop_free(h->loop, t);
}

static void take_backend(struct health *health, struct health_target *target, struct route_backend *backend)
{
	if (!target->used) {
		target->used = true;
		target->backends = NULL;
		target->active = false;
	}
	backend->peer = target->backends;
	target->backends = backend;
	if (health->rules.mode == HEALTH_ON || (health->rules.mode == HEALTH_AUTO && backend->unchecked))
		target->active = true;
	if (!atomic_load(&backend->suspect)) /* else a worker has just said it */
		route_set_health(backend, target->shown);
}

static void targets_drop_unused(struct health *health)
{
	size_t kept = 0;

	health->active = 0;
	for (size_t i = 0; i < health->count; i++) {
		struct health_target *target = health->targets[i];

		if (!target->used) {
			target_drop(health, target);
			continue;
		}
		target->used = false;
		health->active += target->active;
		health->targets[kept++] = target;
		if (!target->active && target->down) {
			target->down = false; /* nobody would ever say otherwise */
			target_show(health, target, "");
		}
	}
	health->count = kept;
}

/* Backends and targets are sorted alike; new targets come behind them all, until that is done. */
static void take_backends(struct health *health, struct route_backend **backends, size_t count)
{
	size_t known = health->count, at = 0;

	for (size_t i = 0; i < count; i++) {
		int order = -1;

		while (at < known && (order = route_backend_order(health->targets[at]->like, backends[i])) < 0)
			at++;
		if (at < known && order == 0)
			take_backend(health, health->targets[at], backends[i]);
		else if (i && health->count > known && by_backend_order(&backends[i - 1], &backends[i]) == 0)
			take_backend(health, health->targets[health->count - 1], backends[i]);
		else
			take_backend(health, target_add(health, backends[i]), backends[i]);
	}
	if (health->count > known)
		qsort(health->targets, health->count, sizeof *health->targets, by_target_order);
}

static void follow_all(struct health *health, const struct route_table *table)
{
	struct route_backend **backends = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < table->count; i++)
		for (unsigned b = 0; b < table->entries[i]->count; b++) {
			SYS_GROW(backends, count, cap);
			backends[count++] = table->entries[i]->backends[b];
		}
	if (count)
		qsort(backends, count, sizeof *backends, by_backend_order);
	take_backends(health, backends, count);
	free(backends);
}

void health_follow(struct health *health, const struct route_table *table)
{
	follow_all(health, table);
	targets_drop_unused(health);
	health->tick.after = tick_length(health);
	if (!health->active)
		loop_disarm(&health->tick_timer);
	else if (!health->tick_timer.next || health->tick_timer.at > health->loop->now + health->tick.after)
		loop_arm(health->loop, &health->tick, &health->tick_timer);
	health_suspected(health);
}

/* What a worker has found. */
static void suspect_show(struct health *health, struct health_target *target)
{
	const struct route_backend *backend = target->backends;
	const char *refusal;
	char why[128];

	while (backend->peer && !atomic_load(&backend->suspect))
		backend = backend->peer;
	refusal = atomic_load(&backend->refusal);
	snprintf(why, sizeof why, "a client's connect failed: %s", refusal ? refusal : strerror(atomic_load(&backend->error)));
	target_show(health, target, why);
}

void health_suspected(struct health *health)
{
	for (size_t i = 0; i < health->count; i++) {
		struct health_target *target = health->targets[i];

		for (struct route_backend *backend = target->backends; backend && !target->suspect; backend = backend->peer)
			target->suspect = atomic_load(&backend->suspect);
		if (!target->suspect || (target->timer.next && target->shown))
			continue;
		suspect_show(health, target);
		if (!target->timer.next)
			loop_arm(health->loop, &health->again, &target->timer);
	}
}

void health_set(struct health *health, const struct health_rules *rules, const struct route_table *table)
{
	health->rules = *rules;
	loop_fifo_retime(&health->timeout, rules->timeout);
	health->credit %= rules->interval; /* at most one check at once is due */
	health_follow(health, table);
}

void health_close(struct health *health)
{
	for (size_t i = 0; i < health->count; i++)
		target_drop(health, health->targets[i]);
	free(health->targets);
}
