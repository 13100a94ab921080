#include "base.h"
#include "session_connect.h"

#include <errno.h>
#include <string.h>

#include "balance.h"
#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "outgoing.h"
#include "proxy_protocol.h"
#include "session.h"
#include "session_relay.h"
#include "socks.h"
#include "sys.h"

#define TRIES_PER_TURN 16 /* of a worker, and per millisecond at most */

/* CONNECTING */

void session_connecting_watch(struct sessions *set, struct session *s)
{
	bool waiting = relay_waiting(&s->backend);
	bool clock = set->idle.after || atomic_load(&s->target->gone); /* one starts when it is connected */

	/* A half-close of the client waits for the connect, too. */
	session_want(set, s, s->client.eof || waiting ? 0 : LOOP_IN,
	             LOOP_IN | (waiting || s->client.eof || clock ? LOOP_OUT : 0u));
}

/* CONNECTING or RELAYING: the last step may have led to it. */
static void watch_either(struct sessions *set, struct session *s)
{
	if (s->state == SESSION_RELAYING)
		session_relay_watch(set, s);
	else
		session_connecting_watch(set, s);
}

static void waiting_begin(struct sessions *set, struct session *s, struct loop_fifo *fifo)
{
	s->state = SESSION_WAITING;
	loop_arm(set->loop, fifo, &s->timer);
	if (fifo != &set->again) /* which is over at once */
		session_want(set, s, 0, 0);
}

/* It says nothing of the backend. EAGAIN: some systems' word for no port that is free. */
static bool is_shortage(int error)
{
	return net_exhausted(error) || error == EADDRNOTAVAIL || error == EAGAIN;
}

static void note_shortage(struct session *s, int error)
{
	s->attempt->shortage = true;
	log_about(LOG_WARN, s->listener, "time", "%s: a backend cannot be tried: %s", /* which one: at level debug */
	          s->listener->name, error == EADDRNOTAVAIL ? "no local port is free" : strerror(error));
}

/* It is to blame: from now on it is tried last, until a probe has reached it. */
static void mark_suspect(struct sessions *set, struct route_backend *backend, const char *refusal, int error)
{
	atomic_fetch_add_explicit(&backend->connect_errors, 1, memory_order_relaxed);
	if (!refusal)
		atomic_store(&backend->error, error); /* before `refusal`: another worker may be here, too */
	atomic_store(&backend->refusal, refusal);
	atomic_store(&backend->unhealthy, true);
	if (!atomic_exchange(&backend->suspect, true))
		set->suspected(set, backend);
}

/* This backend could not be reached: an errno, or what the SOCKS proxy said. What the client has sent waits for the
 * next one. */
static void unreachable(struct sessions *set, struct session *session, const char *refusal, int error)
{
	struct route_backend *target = session->target;

	log_debug("%s: backend %s: %s", session->listener->name, target->name, refusal ? refusal : strerror(error));
	session_close_backend(set, session);
	if (!session_attempt(session) || !balance_add(&session->attempt->tried, target)) {
		session_end(set, session, SESSION_END_LIMIT);
		return;
	}
	if (!refusal && is_shortage(error))
		note_shortage(session, error);
	else
		mark_suspect(set, target, refusal, error);
	session->attempt->greeting = false;
	session_release_target(set, session);
	waiting_begin(set, session, &set->again); /* not from here: many that refuse would be as many calls in each other */
}

/* How long proxy.try_time still is for this client, in milliseconds. */
static int64_t time_left(const struct sessions *set, const struct session *s)
{
	return atomic_load(&set->shared->try_time) - (sys_micros() - s->started) / 1000;
}

static bool tried_enough(const struct sessions *set, const struct session *s)
{
	return s->attempts && (s->attempts >= atomic_load(&set->shared->tries) || time_left(set, s) <= 0);
}

/* The session's entry has no (other) backend. */
static void give_up(struct sessions *set, struct session *s)
{
	log_debug("%s: no backend could be reached", s->listener->name);
	session_end(set, s, s->attempt && s->attempt->shortage ? SESSION_END_LIMIT
	                    : s->attempts ? SESSION_END_CONNECT_FAILED : SESSION_END_NO_BACKEND);
}

/* Like session_relay_moved(), while CONNECTING: is the backend connected, or can it not be reached? False when the session
 * is over, or goes on elsewhere. */
static bool connecting_moved(struct sessions *set, struct session *session, struct relay_side *from,
                             struct relay_side *to, enum relay_result result)
{
	bool by_backend = from == &session->backend;
	bool answered = session->backend.sent || (by_backend && result != RELAY_WAIT) || result == RELAY_TO_BROKE;
	int error = errno;

	if (result == (by_backend ? RELAY_FROM_BROKE : RELAY_TO_BROKE) && !net_was_reached(error)) {
		unreachable(set, session, NULL, error);
		return false;
	}
	if (result == RELAY_FROM_BROKE || result == RELAY_NO_MEMORY)
		return session_side_ended(set, session, from, to, result);
	if (answered)
		return session_relay_begin(set, session) && session_relay_moved(set, session, from, to, result);
	return result != RELAY_EOF || session_side_ended(set, session, from, to, result);
}

static bool connecting_move(struct sessions *set, struct session *s, struct relay_side *from, struct relay_side *to)
{
	return connecting_moved(set, s, from, to, relay_move(&set->relay, from, to));
}

static bool connecting_flush(struct sessions *set, struct session *s)
{
	return connecting_moved(set, s, &s->client, &s->backend, relay_flush(&set->relay, &s->backend));
}

/* Nothing waits to be written: only the success of the connect itself tells. */
static bool connecting_check(struct sessions *set, struct session *session)
{
	int error = net_error(session->backend.io.fd);

	if (net_was_reached(error)) {
		session_broke(set, session, &session->backend);
		return false;
	}
	if (error) {
		unreachable(set, session, NULL, error);
		return false;
	}
	if (!net_connected(session->backend.io.fd))
		return true; /* an event of the descriptor before this one */
	return session_relay_connected(set, session);
}

void session_connecting_ready(struct sessions *set, struct session *session, struct relay_side *side,
                             struct relay_side *other, unsigned events)
{
	bool to_backend = (events & LOOP_OUT) && side == &session->backend;

	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) && !connecting_move(set, session, side, other))
		return;
	if (session->state == SESSION_RELAYING) {
		session_relay_ready(set, session, side, other, events & ~(unsigned)LOOP_IN);
		return;
	}
	if (to_backend && !(relay_waiting(side) ? connecting_flush(set, session) : connecting_check(set, session)))
		return;
	if ((events & LOOP_ERROR) && !session_lives(set, session, side, other))
		return;
	watch_either(set, session);
}

/* A try's timer has expired, and no answer has come. */
static void try_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	if (fifo == &set->connecting)
		unreachable(set, s, NULL, ETIMEDOUT);
	else if (time_left(set, s) <= 0)
		give_up(set, s); /* this backend has not had its whole time: it is not to blame */
	else
		loop_arm(set->loop, &set->waiting, &s->timer);
}

void session_connecting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	if (!net_connected(s->backend.io.fd))
		try_expired(set, s, fifo);
	else if (session_relay_connected(set, s)) /* long ago, and nobody has said a word */
		session_relay_watch(set, s);
}

/* Offers the backend at once what the client has said: on a fast network it is there already. */
static void offer(struct sessions *set, struct session *session)
{
	if (relay_waiting(&session->backend)) {
		if (!connecting_flush(set, session))
			return;
	} else if (!session->client.eof && !connecting_move(set, session, &session->client, &session->backend)) {
		return;
	}
	if (session->state != SESSION_CONNECTING || !set->idle.after || !net_connected(session->backend.io.fd) ||
	    session_relay_connected(set, session)) /* saves the event that would tell */
		watch_either(set, session);
}

/* GREETING */

static void greeting_watch(struct sessions *set, struct session *s)
{
	session_want(set, s, 0, s->attempt->socks.state == SOCKS_SEND ? LOOP_OUT : LOOP_IN);
}

/* The backend now gets what has waited: the header, or bytes that the client has sent since. */
static void session_relay_first(struct sessions *set, struct session *s)
{
	if (relay_waiting(&s->backend))
		session_relay_ready(set, s, &s->backend, &s->client, LOOP_OUT);
	else
		session_relay_ready(set, s, &s->client, &s->backend, LOOP_IN);
}

/* Continues the SOCKS handshake. */
static void greet(struct sessions *set, struct session *session)
{
	struct socks *socks = &session->attempt->socks;

	switch (socks_run(socks, session->backend.io.fd)) {
	case SOCKS_SEND:
	case SOCKS_RECEIVE:
		greeting_watch(set, session);
		break;
	case SOCKS_FAILED:
		unreachable(set, session, socks->why, 0);
		break;
	case SOCKS_DONE:
		if (session_relay_connected(set, session))
			session_relay_first(set, session);
		break;
	}
}

void session_greeting_ready(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
                           unsigned events)
{
	(void)events;
	if (side == &s->backend)
		greet(set, s);
	else
		session_lives(set, s, side, other);
}

void session_greeting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	try_expired(set, s, fifo);
}

static void greeting_begin(struct sessions *set, struct session *s)
{
	if (!session_attempt(s)) {
		session_end(set, s, SESSION_END_LIMIT);
		return;
	}
	s->state = SESSION_GREETING;
	s->attempt->greeting = true;
	socks_start(&s->attempt->socks, s->target->socks);
	greet(set, s);
}

/* WAITING, and the next backend. */

void session_waiting_ready(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
                          unsigned events)
{
	(void)events;
	session_lives(set, s, side, other);
}

/* Many tries, of one client or of many, would keep the other sessions waiting: after some, the loop goes on first. */
static bool has_turn(struct sessions *set)
{
	if (set->turn != set->loop->now) {
		set->turn = set->loop->now;
		set->tries = 0;
	}
	return set->tries++ < TRIES_PER_TURN;
}

void session_waiting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	(void)fifo;
	if (has_turn(set))
		session_dial(set, s, route_find(set->table, &s->listener->addr));
	else
		waiting_begin(set, s, &set->later);
}

/* The header of the PROXY protocol goes first, and stays first when another backend must be tried. That one may want
 * another version, or none: what the client has said behind it stays. */
static bool push_header(struct sessions *set, struct session *s, int version)
{
	char header[PROXY_PROTOCOL_MAX];
	struct net_addr own;

	if (version == s->header_version)
		return true;
	relay_take_back(&set->relay, &s->backend, s->header_len);
	s->header_version = (uint8_t)version;
	s->header_len = 0;
	if (!version)
		return true;
	if (!net_own(s->client.io.fd, &own))
		own = s->listener->addr;
	s->header_len = (uint8_t)proxy_protocol_write(version, &s->peer, &own, header);
	return relay_push(&set->relay, &s->backend, header, s->header_len);
}

static bool no_descriptor(int fd)
{
	return fd == -EMFILE || fd == -ENFILE;
}

/* Of a backend that may be on this host by now the client tells, once dill is its own: it comes from that address, or from
 * another one of this host. */
static bool comes_back(const struct sessions *set, const struct session *s, const struct route_backend *backend)
{
	int returns = atomic_load_explicit(&backend->returns, memory_order_relaxed);

	return returns == ROUTE_RETURNS || (returns == ROUTE_RETURNS_MAYBE && (net_same_host(&s->peer, &backend->addr) ||
	                                                                      route_is_here(set->table, &s->peer)));
}

static int connect_to(const struct sessions *set, struct session *s, const struct route_backend *backend)
{
	bool returns = comes_back(set, s, backend);
	int fd = returns ? outgoing_connect(&backend->addr, s->listener, &s->peer) : net_connect(&backend->addr);

	s->outgoing = returns && fd >= 0;
	return fd;
}

/* A descriptor or -errno. */
static int dial(struct sessions *set, struct session *s, const struct route_backend *backend)
{
	int fd = connect_to(set, s, backend);

	return no_descriptor(fd) && set->starved(set) ? connect_to(set, s, backend) : fd;
}

/* The timer of a try. One that would go beyond proxy.try_time looks at the time now and then. */
static struct loop_fifo *try_fifo(struct sessions *set, const struct session *s)
{
	return s->attempts > 1 && time_left(set, s) < set->connecting.after ? &set->waiting : &set->connecting;
}

/* A connect is on its way. */
static void connecting_begin(struct sessions *set, struct session *s, int fd)
{
	s->backend.io = LOOP_IO(fd, SESSION_BACKEND);
	s->state = SESSION_CONNECTING;
	loop_arm(set->loop, try_fifo(set, s), &s->timer);
	if (s->target->socks)
		greeting_begin(set, s);
	else
		offer(set, s);
}

static void session_dialled(struct sessions *set, struct session *session, struct route_backend *backend, int fd,
                            uint32_t began)
{
	struct route_cell *cell = route_backend_own(backend, set->worker);

	route_backend_hold(backend, cell);
	session_take_target(set, session, backend);
	session->attempts++;
	session->connect_us = began;
	route_cell_begin(cell);
	if (fd >= 0 || !is_shortage(-fd))
		route_cell_add(&cell->connections, 1);
	if (fd < 0)
		unreachable(set, session, NULL, -fd);
	else
		connecting_begin(set, session, fd);
}

static bool pick(const struct sessions *set, struct session *s, const struct route_entry *entry, unsigned *at)
{
	struct attempt *attempt = s->attempt;

	if (!attempt)
		return balance_pick(entry, &s->peer, NULL, at);
	if (attempt->serial != set->table->serial)
		balance_restart(&attempt->tried);
	attempt->serial = set->table->serial;
	return balance_pick(entry, &s->peer, &attempt->tried, at);
}

/* Starts a connect to the next backend. */
void session_dial(struct sessions *set, struct session *session, const struct route_entry *entry)
{
	struct route_backend *backend;
	uint32_t began;
	unsigned at;
	int fd;

	if (!entry || tried_enough(set, session) || !pick(set, session, entry, &at)) {
		give_up(set, session);
		return;
	}
	backend = entry->backends[at];
	if (!route_backend_cell(backend, set->worker, set->shared->cell_count) ||
	    !push_header(set, session, route_options(entry, at)->proxy_protocol)) {
		session_end(set, session, SESSION_END_LIMIT);
		return;
	}
	began = (uint32_t)sys_micros();
	fd = dial(set, session, backend);
	if (no_descriptor(fd))
		waiting_begin(set, session, &set->waiting);
	else
		session_dialled(set, session, backend, fd, began);
}
