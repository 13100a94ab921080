/* A target is where backends are: an address, perhaps behind a SOCKS proxy. It is unhealthy while it is
 *
 *     down     health.unhealthy_threshold active checks in a row have failed, and healthy_threshold have not yet
 *              succeeded since
 *     suspect  a client's connect has failed there, and no probe has succeeded since
 */
#include "base.h"
#include "health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "print.h"
#include "socks.h"
#include "sys.h"

#define TICK_LEAST 10    /* milliseconds between two rounds of active checks */
#define SAY_AGAIN_MS 60000
#define SUSPECT_MS 1000  /* until a suspect is probed, and then between probes */

struct health_target {
	struct loop_io io;       /* of the probe under way, else fd is -1 */
	bool down : 1, suspect : 1, shown : 1; /* shown: unhealthy, and that has been said */
	unsigned wanted;         /* how many of its backends are to be checked again and again */
	struct loop_timer timer; /* its timeout, or when the next probe of a suspect is due */
	struct route_backend *backends; /* those of the table in force, through their `peer`: there is one; its address is
	                                   dialled, its name is logged */
	struct socks *socks; /* the handshake of a probe under way; NULL: none */
	unsigned good, bad; /* active checks in a row */
	int64_t said_at; /* when it was last a warning; without checks it is one at most once a minute */
	struct health_target *chained; /* in the same bucket */
	struct health_target *before, *after; /* in the ring of those that are checked again and again */
};

/* What route_backend.watch has. */
enum { FOLLOWED = 1, WANTED = 2, STAYS = 4 }; /* a target has it; counts there; while two tables are compared */

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

	log_write(again ? LOG_DEBUG : LOG_WARN, "backend %s is unhealthy: %s", t->backends->name, why);
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
		log_debug("backend %s is trusted again", target->backends->name); /* nobody has looked */
	else
		log_info("backend %s is healthy again", target->backends->name);
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
	if (++t->good >= h->rules.healthy || !t->wanted)
		t->down = false;
	target_show(h, t, "");
}

static void check_failed(struct health *h, struct health_target *t, const char *why)
{
	t->good = 0;
	if (t->wanted && ++t->bad >= h->rules.unhealthy)
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

/* The probe has reached the proxy. */
static void probe_shake_hands(struct health *health, struct health_target *target)
{
	enum socks_state state;

	if (!target->socks) {
		target->socks = sys_alloc(sizeof *target->socks);
		socks_start(target->socks, target->backends->socks);
	}
	state = socks_run(target->socks, target->io.fd);
	if (state == SOCKS_DONE)
		probe_ended(health, target, NULL);
	else if (state == SOCKS_FAILED)
		probe_ended(health, target, target->socks->why);
	else if (!loop_want(health->loop, &target->io, state == SOCKS_SEND ? LOOP_OUT : LOOP_IN))
		probe_forget(health, target);
}

static void probe_look(struct health *health, struct health_target *target)
{
	bool socks = target->backends->socks;
	int error = net_probed(target->io.fd);

	if (error == EINPROGRESS) {
		if (!loop_want(health->loop, &target->io, LOOP_OUT))
			probe_forget(health, target);
	} else if (!error && socks) {
		probe_shake_hands(health, target);
	} else {
		probe_ended(health, target, error && !(net_was_reached(error) && !socks) ? strerror(error) : NULL);
	}
}

static void probe_start(struct health *health, struct health_target *target)
{
	int fd;

	if (target->io.fd >= 0 || health->probing >= health->most)
		return;
	fd = net_probe(&target->backends->addr);
	if (net_exhausted(-fd) || fd == -EADDRNOTAVAIL)
		return; /* says nothing of the backend */
	if (fd < 0) {
		probe_ended(health, target, strerror(-fd));
		return;
	}
	health->probing++;
	target->io = LOOP_IO(fd, health->kind);
	loop_arm(health->loop, &health->timeout, &target->timer);
	probe_look(health, target); /* on this host it is connected at once */
}

static void target_probe(struct health *h, struct health_target *t)
{
	probe_start(h, t);
	if (t->suspect && !t->timer.next)
		loop_arm(h->loop, &h->again, &t->timer); /* it could not be started */
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

/* Where too many are under way, because they do not answer, the next one waits until one of them ends; and all behind it do:
 * nobody is left out. */
static void check_due(struct health *health)
{
	while (health->active && health->credit >= health->rules.interval && health->probing < health->most) {
		struct health_target *target = health->turn;

		health->turn = target->after;
		health->credit -= health->rules.interval;
		target_probe(health, target);
	}
}

static void check_some(struct health *health)
{
	int64_t round = (int64_t)health->active * health->rules.interval;
	int64_t most = 2 * (int64_t)health->active * health->tick.after + health->rules.interval;

	health->credit += (int64_t)health->active * (health->loop->now - health->ticked_at);
	health->ticked_at = health->loop->now;
	if (health->credit > most || health->credit > round) /* what has waited for longer is not made up for at once */
		health->credit = most < round ? most : round;
	check_due(health);
	loop_arm(health->loop, &health->tick, &health->tick_timer);
}

bool health_ready(struct health *health, struct loop_io *io, unsigned events)
{
	(void)events;
	if (io->kind != health->kind)
		return false;
	probe_look(health, CONTAINER_OF(io, struct health_target, io));
	check_due(health);
	return true;
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
	if (fifo == &health->timeout)
		check_due(health);
	return true;
}

/* Targets, by a hash of their name. */

static size_t bucket_of(const struct health *h, const struct route_backend *backend)
{
	return hash_text(backend->name, strlen(backend->name)) & (h->bucket_count - 1);
}

static void targets_grow(struct health *health)
{
	struct health_target **old = health->buckets;
	size_t count = health->bucket_count;

	health->bucket_count = count ? 2 * count : 16;
	health->buckets = sys_alloc(health->bucket_count * sizeof *health->buckets);
	for (size_t i = 0; i < count; i++)
		for (struct health_target *target = old[i], *next; target; target = next) {
			struct health_target **bucket = &health->buckets[bucket_of(health, target->backends)];

			next = target->chained;
			target->chained = *bucket;
			*bucket = target;
		}
	free(old);
}

/* The one that has the backend, or is to have it; NULL: there is none. */
static struct health_target *target_find(const struct health *h, const struct route_backend *backend)
{
	struct health_target *target = h->count ? h->buckets[bucket_of(h, backend)] : NULL;

	while (target && route_backend_order(target->backends, backend) != 0)
		target = target->chained;
	return target;
}

/* Behind all others. */
static void ring_enter(struct health *h, struct health_target *t)
{
	struct health_target *next = h->turn ? h->turn : t, *last = h->turn ? next->before : t;

	t->before = last;
	t->after = next;
	last->after = next->before = t;
	h->turn = next;
	h->active++;
}

static void ring_leave(struct health *h, struct health_target *t)
{
	t->before->after = t->after;
	t->after->before = t->before;
	if (h->turn == t)
		h->turn = t->after == t ? NULL : t->after;
	h->active--;
}

static void target_drop(struct health *health, struct health_target *target)
{
	if (target->wanted)
		ring_leave(health, target);
	probe_forget(health, target);
	loop_free(health->loop, target);
	health->count--;
}

/* Backends and their targets. */

/* A verdict of checks goes with the last backend that wants them. */
static void backend_want(struct health *health, struct health_target *target, struct route_backend *backend, bool wanted)
{
	if (wanted == !!(backend->watch & WANTED))
		return;
	backend->watch ^= WANTED;
	target->wanted = wanted ? target->wanted + 1 : target->wanted - 1;
	if (wanted && target->wanted == 1)
		ring_enter(health, target);
	if (target->wanted)
		return;
	ring_leave(health, target);
	target->good = target->bad = 0;
	if (target->down) {
		target->down = false; /* nobody would ever say otherwise */
		target_show(health, target, "");
	}
}

static struct health_target *backend_enter(struct health *health, struct route_backend *backend)
{
	struct health_target *target = target_find(health, backend);

	if (!target) {
		struct health_target **bucket;

		if (health->count == health->bucket_count)
			targets_grow(health);
		bucket = &health->buckets[bucket_of(health, backend)];
		target = sys_alloc(sizeof *target);
		target->io.fd = -1;
		target->chained = *bucket;
		*bucket = target;
		health->count++;
	}
	backend->peer = target->backends;
	backend->peer_of = &target->backends;
	if (backend->peer)
		backend->peer->peer_of = &backend->peer;
	target->backends = backend;
	backend->watch = FOLLOWED;
	return target;
}

/* Nothing here knows it any more; nor the target, when that was the last one. */
static void backend_leave(struct health *health, struct route_backend *backend)
{
	struct health_target *target = target_find(health, backend), **at = &health->buckets[bucket_of(health, backend)];

	*backend->peer_of = backend->peer;
	if (backend->peer)
		backend->peer->peer_of = backend->peer_of;
	if (target->backends) {
		backend_want(health, target, backend, false);
	} else {
		while (*at != target)
			at = &(*at)->chained;
		*at = target->chained;
		target_drop(health, target);
	}
	backend->watch = 0;
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
	print_text(why, sizeof why, "a client's connect failed: %s", refusal ? refusal : strerror(atomic_load(&backend->error)));
	target_show(health, target, why);
}

static void target_suspected(struct health *health, struct health_target *target)
{
	for (struct route_backend *backend = target->backends; backend && !target->suspect; backend = backend->peer)
		target->suspect = atomic_load(&backend->suspect);
	if (!target->suspect || (target->timer.next && target->shown))
		return;
	suspect_show(health, target);
	if (!target->timer.next)
		loop_arm(health->loop, &health->again, &target->timer);
}

void health_suspected(struct health *health, struct route_backend *backend)
{
	if (backend->watch & FOLLOWED) /* or it has left the table */
		target_suspected(health, target_find(health, backend));
}

void health_suspected_any(struct health *health)
{
	for (size_t i = 0; i < health->bucket_count; i++)
		for (struct health_target *target = health->buckets[i]; target; target = target->chained)
			target_suspected(health, target);
}

/* Who is to be checked. */

static void take_backend(struct health *health, struct route_backend *backend)
{
	bool wanted = health->rules.mode == HEALTH_ON || (health->rules.mode == HEALTH_AUTO && backend->unchecked);
	bool fresh = !(backend->watch & FOLLOWED), same = !fresh && wanted == !!(backend->watch & WANTED);
	struct health_target *target;

	backend->watch |= STAYS;
	if (same)
		return;
	target = fresh ? backend_enter(health, backend) : target_find(health, backend);
	backend->watch |= STAYS;
	backend_want(health, target, backend, wanted);
	if (atomic_load(&backend->suspect)) /* a worker has just said it */
		target_suspected(health, target);
	else
		route_set_health(backend, target->shown);
}

static void take_backends(struct health *health, const struct route_entry *entry)
{
	for (unsigned i = 0; entry && i < entry->count; i++)
		take_backend(health, entry->backends[i]);
}

/* Those of an entry that do not stay. */
static void drop_backends(struct health *health, const struct route_entry *entry)
{
	for (unsigned i = 0; entry && i < entry->count; i++)
		if (!(entry->backends[i]->watch & STAYS))
			backend_leave(health, entry->backends[i]);
}

static void settle_backends(const struct route_entry *entry)
{
	for (unsigned i = 0; entry && i < entry->count; i++)
		entry->backends[i]->watch &= (uint8_t)~STAYS;
}

static void follow_ticks(struct health *health)
{
	health->tick.after = tick_length(health);
	if (!health->tick_timer.next)
		health->ticked_at = health->loop->now;
	if (!health->active)
		loop_disarm(&health->tick_timer);
	else if (!health->tick_timer.next || health->tick_timer.at > health->loop->now + health->tick.after)
		loop_arm(health->loop, &health->tick, &health->tick_timer);
}

/* Targets lose backends when all that come have come: one that only changes hands is kept. */
void health_follow(struct health *health, struct route_table *table)
{
	struct route_change *changes = NULL;
	size_t count = table == health->table ? 0 : route_changes(health->table, table, &changes);

	for (size_t i = 0; i < count; i++)
		take_backends(health, changes[i].now);
	for (size_t i = 0; i < count; i++)
		drop_backends(health, changes[i].old);
	for (size_t i = 0; i < count; i++)
		settle_backends(changes[i].now);
	free(changes);
	if (table != health->table) {
		atomic_fetch_add(&table->refs, 1);
		route_release(health->table);
		health->table = table;
	}
	follow_ticks(health);
}

void health_set(struct health *health, const struct health_rules *rules, struct route_table *table)
{
	health->rules = *rules;
	loop_fifo_retime(&health->timeout, rules->timeout);
	health->credit %= rules->interval; /* at most one check at once is due */
	health_follow(health, table);
	for (size_t i = 0; i < table->count; i++) {
		take_backends(health, table->entries[i]);
		settle_backends(table->entries[i]);
	}
	follow_ticks(health);
}

void health_close(struct health *health)
{
	static struct route_table none;

	atomic_init(&none.refs, 2); /* it is not freed */
	health_follow(health, &none);
	free(health->buckets);
}
