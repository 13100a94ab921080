/* One session:
 *
 *     accepted ──► CONNECTING ──► RELAYING ──► ended
 *        │  ▲        │  next backend
 *        ▼  │        ▼
 *      WAITING      (none left: ended)
 *
 * WAITING     no descriptor for a backend; tried again in a moment
 * CONNECTING  connect() is on its way. Nobody waits for its success: the first byte that a send takes, or that comes
 *             back, proves it, and saves an event and a change of interest. Failure comes as an event, or by timeout.
 * RELAYING    both ways, each until its end of file
 */
#include "base.h"
#include "proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance.h"
#include "log.h"

enum session_state { SESSION_WAITING, SESSION_CONNECTING, SESSION_RELAYING };

struct session {
	struct relay_side client, backend;
	struct loop_timer timer;
	struct session *prev, *next;
	struct route_listener *listener;
	struct route_backend *target; /* NULL while none is being tried */
	struct route_backend **tried; /* those that could not be reached; NULL as a rule */
	int64_t started;
	struct net_addr peer;
	uint16_t tried_count;
	uint8_t state; /* enum session_state */
	bool reset;    /* one side was: the other will be */
	bool draining;
};

void proxy_open(struct proxy *p, struct proxy_shared *shared, struct loop *loop)
{
	*p = (struct proxy){ .shared = shared, .loop = loop };
	relay_open(&p->relay);
	loop_fifo_open(loop, &p->connecting, atomic_load(&shared->connect_timeout), 0);
	loop_fifo_open(loop, &p->idle, atomic_load(&shared->idle_timeout), 0);
	loop_fifo_open(loop, &p->draining, atomic_load(&shared->drain), 0);
	loop_fifo_open(loop, &p->waiting, 50, 0);
}

static void release_target(struct session *s)
{
	if (!s->target)
		return;
	atomic_fetch_sub(&s->target->active, 1);
	route_backend_unref(s->target);
	s->target = NULL;
}

static void forget_tried(struct session *s)
{
	while (s->tried_count)
		route_backend_unref(s->tried[--s->tried_count]);
	free(s->tried);
	s->tried = NULL;
}

static void end(struct proxy *p, struct session *s)
{
	if (s->reset) {
		net_reset_on_close(s->client.io.fd);
		if (s->backend.io.fd >= 0)
			net_reset_on_close(s->backend.io.fd);
	}
	loop_disarm(&s->timer);
	relay_drop(&p->relay, &s->client);
	relay_drop(&p->relay, &s->backend);
	loop_close_fd(p->loop, &s->client.io);
	loop_close_fd(p->loop, &s->backend.io);
	if (s->target) {
		atomic_fetch_add_explicit(&s->target->rx, s->backend.sent, memory_order_relaxed);
		atomic_fetch_add_explicit(&s->target->tx, s->client.sent, memory_order_relaxed);
	}
	release_target(s);
	forget_tried(s);
	atomic_fetch_sub(&s->listener->active, 1);
	route_listener_unref(s->listener);
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &p->sessions) = s->next;
	atomic_fetch_sub(&p->shared->sessions, 1);
	loop_free(p->loop, s);
	p->ended(p);
}

void proxy_close(struct proxy *p)
{
	while (p->sessions)
		end(p, p->sessions);
	relay_close(&p->relay);
}

/* What each side is watched for follows from its state alone. */
static void watch(struct proxy *p, struct session *s)
{
	bool finish = s->client.eof && !s->backend.shut; /* a half-close that waits for the connect */
	unsigned client = 0, backend = 0;

	if (!s->client.eof && !relay_waiting(&s->backend))
		client |= LOOP_IN;
	if (relay_waiting(&s->client))
		client |= LOOP_OUT;
	if (!s->backend.eof && !relay_waiting(&s->client))
		backend |= LOOP_IN;
	if (relay_waiting(&s->backend) || finish)
		backend |= LOOP_OUT;
	if (s->state == SESSION_WAITING)
		client = 0;
	if (!loop_want(p->loop, &s->client.io, client) ||
	    (s->backend.io.fd >= 0 && !loop_want(p->loop, &s->backend.io, backend)))
		end(p, s);
}

/* Without an idle timeout the connect's timer runs on: a session that lives so long gets keepalive for its backend,
 * and a short one saves the call. */
static void arm_relaying(struct proxy *p, struct session *s)
{
	if (s->draining)
		return;
	if (p->idle.after)
		loop_arm(p->loop, &p->idle, &s->timer);
}

/* False when the session is over. */
static bool drain(struct proxy *p, struct session *s)
{
	if (!p->draining.after) {
		end(p, s);
		return false;
	}
	s->draining = true;
	loop_arm(p->loop, &p->draining, &s->timer);
	return true;
}

/* The backend has answered. */
static bool proven(struct proxy *p, struct session *s)
{
	s->state = SESSION_RELAYING;
	forget_tried(s);
	/* Either the control plane saw this session in `active` when the backend left, or it is seen here. */
	if (atomic_load(&s->target->gone) && !atomic_load(&p->shared->finishing))
		return drain(p, s);
	arm_relaying(p, s);
	return true;
}

/* Passes a half-close on once nothing is left to write before it. */
static void pass_end(struct relay_side *from, struct relay_side *to)
{
	if (from->eof && !to->shut && !relay_waiting(to)) {
		shutdown(to->io.fd, SHUT_WR);
		to->shut = true;
	}
}

static void try_next(struct proxy *p, struct session *s, const struct route_entry *e);

/* From now on it is tried last, until a probe has reached it. Troubles of our own say nothing of it. */
static void suspect(struct proxy *p, struct route_backend *b, int error)
{
	if (error == EADDRNOTAVAIL || error == ENOBUFS || error == ENOMEM)
		return;
	atomic_store(&b->unhealthy, true);
	if (!atomic_exchange(&b->suspect, true))
		p->suspected(p);
}

/* This backend could not be reached. What the client has sent waits for the next one. */
static void unreachable(struct proxy *p, struct session *s, int error)
{
	struct route_backend **tried = realloc(s->tried, (s->tried_count + 1u) * sizeof *tried);

	log_debug("%s: backend %s: %s", s->listener->name, s->target->name, strerror(error));
	atomic_fetch_add_explicit(&s->target->connect_errors, 1, memory_order_relaxed);
	suspect(p, s->target, error);
	loop_close_fd(p->loop, &s->backend.io);
	if (!tried) {
		end(p, s);
		return;
	}
	s->tried = tried;
	s->tried[s->tried_count++] = route_backend_ref(s->target);
	release_target(s);
	try_next(p, s, route_find(p->table, &s->listener->addr));
}

/* Acts on what a move from -> to came to. False when the session is over, or goes on elsewhere. */
static bool settle(struct proxy *p, struct session *s, struct relay_side *from, struct relay_side *to,
                   enum relay_result result)
{
	bool connecting = s->state == SESSION_CONNECTING;
	struct relay_side *dead = result == RELAY_TO_BROKE ? to : from;
	int error = errno;

	if (result >= RELAY_FROM_BROKE && connecting && dead == &s->backend && error != ECONNRESET && error != EPIPE) {
		unreachable(p, s, error);
		return false;
	}
	switch (result) {
	case RELAY_WAIT:
		return true;
	case RELAY_MOVED:
		break;
	case RELAY_EOF:
		from->eof = true;
		break;
	case RELAY_TO_BROKE:
		/* Its last words may still be there to be read; then the reset is passed on. */
		s->reset = true;
		relay_drop(&p->relay, to);
		to->shut = from->eof = true;
		break;
	case RELAY_FROM_BROKE:
		s->reset = true;
		end(p, s);
		return false;
	}
	if (connecting && (s->backend.sent || from == &s->backend || result == RELAY_TO_BROKE) && !proven(p, s))
		return false;
	if (s->client.eof && s->backend.eof && !relay_waiting(&s->client) && !relay_waiting(&s->backend)) {
		end(p, s); /* close() sends what is left to say */
		return false;
	}
	if (s->state == SESSION_RELAYING) {
		pass_end(&s->client, &s->backend);
		pass_end(&s->backend, &s->client);
		if (!s->draining && p->idle.after)
			loop_arm(p->loop, &p->idle, &s->timer);
	}
	return true;
}

static bool move(struct proxy *p, struct session *s, struct relay_side *from, struct relay_side *to)
{
	return settle(p, s, from, to, relay_move(&p->relay, from, to));
}

static bool flush(struct proxy *p, struct session *s, struct relay_side *from, struct relay_side *to)
{
	return settle(p, s, from, to, relay_flush(&p->relay, to));
}

/* Starts a connect to the next backend, and at once offers it what the client has said: on a fast network it is there
 * already. */
static void try_next(struct proxy *p, struct session *s, const struct route_entry *e)
{
	struct route_backend *b = e ? balance_pick(e, s->tried, s->tried_count) : NULL;
	int fd;

	if (!b) {
		log_debug("%s: no backend could be reached", s->listener->name);
		end(p, s);
		return;
	}
	fd = net_connect(&b->addr);
	if ((fd == -EMFILE || fd == -ENFILE) && p->starved(p))
		fd = net_connect(&b->addr);
	if (fd == -EMFILE || fd == -ENFILE) {
		s->state = SESSION_WAITING;
		loop_arm(p->loop, &p->waiting, &s->timer);
		watch(p, s);
		return;
	}
	s->target = route_backend_ref(b);
	atomic_fetch_add(&b->active, 1);
	atomic_fetch_add_explicit(&b->connections, 1, memory_order_relaxed);
	if (fd < 0) {
		unreachable(p, s, -fd);
		return;
	}
	s->backend.io = LOOP_IO(fd, PROXY_BACKEND);
	s->state = SESSION_CONNECTING;
	loop_arm(p->loop, &p->connecting, &s->timer);
	if (relay_waiting(&s->backend) ? flush(p, s, &s->client, &s->backend)
	                               : s->client.eof || move(p, s, &s->client, &s->backend))
		watch(p, s);
}

void proxy_start(struct proxy *p, const struct route_entry *entry, int fd, const struct net_addr *client)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s) {
		atomic_fetch_sub(&p->shared->sessions, 1);
		close(fd);
		return;
	}
	s->client.io = LOOP_IO(fd, PROXY_CLIENT);
	s->backend.io.fd = -1;
	s->client.quick = s->backend.quick = 2;
	s->peer = *client;
	s->started = p->loop->now;
	s->listener = route_listener_ref(entry->listener);
	atomic_fetch_add(&entry->listener->active, 1);
	s->next = p->sessions;
	if (s->next)
		s->next->prev = s;
	p->sessions = s;
	try_next(p, s, entry);
}

/* A half-close before the first byte: only the success of the connect itself tells. */
static bool check_connect(struct proxy *p, struct session *s)
{
	int error = net_error(s->backend.io.fd);

	if (error) {
		unreachable(p, s, error);
		return false;
	}
	if (!net_connected(s->backend.io.fd))
		return true; /* an event of the descriptor before this one */
	return settle(p, s, &s->backend, &s->client, RELAY_MOVED);
}

/* A side that nobody reads has failed: only the error itself tells. */
static bool check_error(struct proxy *p, struct session *s, const struct relay_side *side)
{
	if (!net_error(side->io.fd))
		return true;
	s->reset = true;
	end(p, s);
	return false;
}

void proxy_ready(struct proxy *p, struct loop_io *io, unsigned events)
{
	struct session *s = (struct session *)(void *)((char *)io - (io->kind == PROXY_CLIENT ?
	                    offsetof(struct session, client.io) : offsetof(struct session, backend.io)));
	struct relay_side *side = io->kind == PROXY_CLIENT ? &s->client : &s->backend;
	struct relay_side *other = io->kind == PROXY_CLIENT ? &s->backend : &s->client;

	/* Reading first: a side that has broken may have left something to be read. */
	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) && !move(p, s, side, other))
		return;
	if ((events & LOOP_OUT) && relay_waiting(side) && !flush(p, s, other, side))
		return;
	if ((events & LOOP_OUT) && s->state == SESSION_CONNECTING && side == &s->backend && !relay_waiting(side) &&
	    !check_connect(p, s))
		return;
	if ((events & LOOP_ERROR) && (side->eof || relay_waiting(other)) && !check_error(p, s, side))
		return;
	watch(p, s);
}

static void connect_expired(struct proxy *p, struct session *s)
{
	if (s->state == SESSION_RELAYING)
		net_keepalive(s->backend.io.fd, 0, 0, 0);
	else if (!net_connected(s->backend.io.fd))
		unreachable(p, s, ETIMEDOUT);
	else if (settle(p, s, &s->backend, &s->client, RELAY_MOVED))
		watch(p, s);
}

void proxy_expired(struct proxy *p, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct session *s = (struct session *)(void *)((char *)timer - offsetof(struct session, timer));

	if (fifo == &p->connecting) {
		connect_expired(p, s);
	} else if (fifo == &p->waiting) {
		try_next(p, s, route_find(p->table, &s->listener->addr));
	} else if (fifo == &p->draining && atomic_load(&s->target->gone) &&
	           p->loop->now < atomic_load(&s->target->gone_at) + p->draining.after) {
		loop_arm(p->loop, &p->draining, &s->timer); /* the backend had come back, and has left again */
	} else if (fifo == &p->draining && !atomic_load(&s->target->gone)) {
		s->draining = false; /* the backend has come back */
		arm_relaying(p, s);
	} else {
		end(p, s);
	}
}

void proxy_retime(struct proxy *p)
{
	int64_t idle = atomic_load(&p->shared->idle_timeout);
	bool toggled = !idle != !p->idle.after;

	loop_fifo_retime(&p->connecting, atomic_load(&p->shared->connect_timeout));
	loop_fifo_retime(&p->draining, atomic_load(&p->shared->drain));
	loop_fifo_retime(&p->idle, idle);
	for (struct session *s = toggled ? p->sessions : NULL; s; s = s->next)
		if (s->state == SESSION_RELAYING && !s->draining) {
			loop_disarm(&s->timer);
			arm_relaying(p, s);
		}
}

void proxy_drain(struct proxy *p)
{
	for (struct session *s = p->sessions, *next; s; s = next) {
		next = s->next;
		if (s->state == SESSION_RELAYING && !s->draining && atomic_load(&s->target->gone))
			drain(p, s);
	}
}

void proxy_report(const struct proxy *p, struct proxy_report *r)
{
	for (const struct session *s = p->sessions; s; s = s->next) {
		struct proxy_view *v;

		SYS_GROW(r->views, r->count, r->cap);
		v = &r->views[r->count++];
		*v = (struct proxy_view){
			.client = s->peer, .listener = s->listener->addr, .connected = s->target != NULL, .rx = s->backend.sent,
			.tx = s->client.sent, .started = s->started
		};
		if (s->target)
			v->backend = s->target->addr;
	}
}

void proxy_report_free(struct proxy_report *r)
{
	free(r->views);
	*r = (struct proxy_report){ 0 };
}
