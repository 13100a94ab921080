/* One session:
 *
 *                ┌──────► GREETING ──────┐
 *     accepted ──┴──────► CONNECTING ────┴──► RELAYING ──► ended
 *        │  ▲               │  next backend
 *        ▼  │               ▼
 *      WAITING            (none left: ended)
 *
 * WAITING     no descriptor is left for a backend; retried in a moment
 * CONNECTING  connect() is on its way. Nobody waits for its success, unless time runs from then: the first byte that a
 *             send takes, or that comes back, proves it, and saves an event and a change of interest. Failure comes as
 *             an event, or by timeout.
 * GREETING    the backend is behind a SOCKS proxy, which is being reached and asked; the client is not read meanwhile,
 *             and its end is noticed afterwards
 * RELAYING    both ways, each until its end of file
 *
 * A state has a handler for ready descriptors (STATE_ready) and one for its timer (STATE_expired); STATE_watch sets the
 * events that it waits for. They stand below in the order RELAYING, CONNECTING, GREETING, WAITING.
 */
#include "base.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance.h"
#include "histogram.h"
#include "log.h"
#include "log_line.h"
#include "proxy_protocol.h"
#include "socks.h"
#include "sys.h"

enum session_state { SESSION_WAITING, SESSION_CONNECTING, SESSION_GREETING, SESSION_RELAYING };

#define WAITING_MS 50
#define PARTING_MS 3000 /* for the last words of a side that has reset: the other one takes them, or goes without */

const char *const session_end_names[SESSION_ENDS] = {
	"client", "backend", "idle", "drain", "connect_failed", "no_backend", "limit", "shutdown"
};
#define SESSION_END_SIDE SESSION_ENDS /* one of the first two, whichever it was */

/* What is needed until a backend is reached; a session that reaches its first one directly never has it. */
struct attempt {
	struct socks socks;
	bool greeting; /* `socks` is in use */
	uint16_t tried_count;
	struct route_backend *tried[]; /* those that could not be reached */
};

struct session {
	struct relay_side client, backend;
	struct loop_timer timer;
	struct session *prev, *next;
	struct route_listener *listener;
	struct route_backend *target; /* NULL while none is being tried */
	struct attempt *attempt; /* NULL as a rule */
	int64_t started; /* on sys_micros()'s clock */
	uint64_t told_rx, told_tx; /* what the counters of listener and backend have of it */
	struct net_addr peer;
	uint32_t connect_us; /* while connecting when that began, its low bits; then how long it took */
	uint32_t arrived;    /* bytes that both sides have acknowledged, its low bits, when the idle timeout last looked */
	uint32_t left_at;    /* the target's gone_at, its low bits: for that it drains */
	uint16_t attempts;
	uint8_t state;      /* enum session_state */
	uint8_t header_len; /* bytes before the client's own: the PROXY protocol's header */
	uint8_t first;      /* enum session_end: the side that was the first to end; SESSION_END_SIDE: neither */
	bool reset;         /* one side was: the other will be */
	bool draining;
};

void sessions_open(struct sessions *set, struct session_shared *shared, struct loop *loop)
{
	*set = (struct sessions){ .shared = shared, .loop = loop };
	relay_open(&set->relay);
	loop_fifo_open(loop, &set->connecting, 0, 0);
	loop_fifo_open(loop, &set->idle, 0, 0);
	loop_fifo_open(loop, &set->draining, 0, 0);
	loop_fifo_open(loop, &set->waiting, WAITING_MS, 0);
	loop_fifo_open(loop, &set->parting, PARTING_MS, 0);
	sessions_retime(set);
}

static void attempt_forget(struct session *s)
{
	for (unsigned i = 0; s->attempt && i < s->attempt->tried_count; i++)
		route_backend_unref(s->attempt->tried[i]);
	free(s->attempt);
	s->attempt = NULL;
}

/* Room for one more that was tried. False without memory. */
static bool attempt_grow(struct session *s)
{
	size_t count = s->attempt ? s->attempt->tried_count : 0;
	struct attempt *attempt = realloc(s->attempt, sizeof *attempt + (count + 1) * sizeof *attempt->tried);

	if (!attempt)
		return false;
	if (!s->attempt)
		*attempt = (struct attempt){ .tried_count = 0 };
	s->attempt = attempt;
	return true;
}

/* The end of a session. */

static uint64_t received(const struct session *s)
{
	return s->backend.sent - (s->backend.sent < s->header_len ? s->backend.sent : s->header_len);
}

static void count_bytes(struct session *s)
{
	uint64_t rx = received(s), tx = s->client.sent;

	if (!s->target || (rx == s->told_rx && tx == s->told_tx))
		return;
	atomic_fetch_add_explicit(&s->target->rx, rx - s->told_rx, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->target->tx, tx - s->told_tx, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->listener->rx, rx - s->told_rx, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->listener->tx, tx - s->told_tx, memory_order_relaxed);
	s->told_rx = rx;
	s->told_tx = tx;
}

static void log_access(const struct sessions *set, const struct session *session, enum session_end how)
{
	const struct route_entry *entry = route_find(set->table, &session->listener->addr);
	const struct attempt *attempt = session->attempt;
	const struct route_backend *backend = session->target;
	struct log_line line;
	char client[NET_TEXT];

	if (!backend && attempt && attempt->tried_count)
		backend = attempt->tried[attempt->tried_count - 1];
	net_print(&session->peer, client);
	log_event(&line, LOG_INFO, "access");
	log_line_text(&line, "listener", session->listener->name);
	log_line_text(&line, "service", entry ? entry->services : session->listener->services);
	log_line_text(&line, "client", client);
	log_line_text(&line, "backend", backend ? backend->name : NULL);
	log_line_number(&line, "attempts", session->attempts);
	log_line_seconds(&line, "connect", session->state == SESSION_RELAYING ? (int64_t)session->connect_us : -1);
	log_line_seconds(&line, "duration", sys_micros() - session->started);
	log_line_number(&line, "rx", received(session));
	log_line_number(&line, "tx", session->client.sent);
	log_line_text(&line, "end", session_end_names[how]);
	log_end(&line);
}

static void count_end(const struct sessions *set, const struct session *session, enum session_end how)
{
	atomic_ullong *rejected = session->listener->rejected;

	atomic_fetch_add_explicit(&set->shared->ended[how], 1, memory_order_relaxed);
	if (session->state == SESSION_RELAYING)
		return;
	if (how == SESSION_END_NO_BACKEND)
		atomic_fetch_add_explicit(&rejected[ROUTE_NO_BACKEND], 1, memory_order_relaxed);
	else if (how == SESSION_END_CONNECT_FAILED)
		atomic_fetch_add_explicit(&rejected[ROUTE_CONNECT_FAILED], 1, memory_order_relaxed);
	else if (how == SESSION_END_LIMIT)
		atomic_fetch_add_explicit(&rejected[ROUTE_LIMIT], 1, memory_order_relaxed);
}

static void close_sides(struct sessions *set, struct session *session, enum session_end how)
{
	if ((how == SESSION_END_IDLE || how == SESSION_END_DRAIN || how == SESSION_END_SHUTDOWN) &&
	    (relay_waiting(&session->client) || relay_waiting(&session->backend)))
		session->reset = true; /* what a slow reader has not got must not look complete */
	if (session->reset) {
		net_reset_on_close(session->client.io.fd);
		if (session->backend.io.fd >= 0)
			net_reset_on_close(session->backend.io.fd);
	}
	relay_drop(&set->relay, &session->client);
	relay_drop(&set->relay, &session->backend);
	loop_close_fd(set->loop, &session->client.io);
	loop_close_fd(set->loop, &session->backend.io);
}

static void release_target(struct session *s)
{
	if (!s->target)
		return;
	atomic_fetch_sub(&s->target->active, 1);
	route_backend_unref(s->target);
	s->target = NULL;
}

static void session_end(struct sessions *set, struct session *session, enum session_end how)
{
	if (how == SESSION_END_SIDE)
		how = session->first == SESSION_END_BACKEND ? SESSION_END_BACKEND : SESSION_END_CLIENT;
	loop_disarm(&session->timer);
	close_sides(set, session, how);
	count_bytes(session);
	count_end(set, session, how);
	if (atomic_load_explicit(&set->shared->access, memory_order_relaxed))
		log_access(set, session, how);
	release_target(session);
	attempt_forget(session);
	atomic_fetch_sub(&session->listener->active, 1);
	route_listener_unref(session->listener);
	if (session->next)
		session->next->prev = session->prev;
	*(session->prev ? &session->prev->next : &set->live) = session->next;
	atomic_fetch_sub(&set->shared->sessions, 1);
	loop_free(set->loop, session);
	set->ended(set);
}

void sessions_close(struct sessions *set)
{
	while (set->live)
		session_end(set, set->live, SESSION_END_SHUTDOWN);
	relay_close(&set->relay);
}

/* What more than one state needs. */

/* What both sides are watched for. May end the session. */
static void session_want(struct sessions *set, struct session *s, unsigned client, unsigned backend)
{
	if (!loop_want(set->loop, &s->client.io, client) ||
	    (s->backend.io.fd >= 0 && !loop_want(set->loop, &s->backend.io, backend)))
		session_end(set, s, SESSION_END_LIMIT);
}

/* The side that ends or breaks first is how the session ends. */
static void note_first(struct session *s, const struct relay_side *side)
{
	if (s->first == SESSION_END_SIDE)
		s->first = side == &s->client ? SESSION_END_CLIENT : SESSION_END_BACKEND;
}

/* A side has failed, and nothing more can be read from it. */
static void session_broke(struct sessions *set, struct session *s, const struct relay_side *side)
{
	note_first(s, side);
	s->reset = true;
	session_end(set, s, SESSION_END_SIDE);
}

/* After an error of a side: when nobody reads it, only the error itself tells that it has failed. False when the
 * session is over. */
static bool session_lives(struct sessions *set, struct session *s, const struct relay_side *side,
                          const struct relay_side *other)
{
	bool unread = side->eof || relay_waiting(other) || !side->io.want;

	if (!unread || !net_error(side->io.fd))
		return true;
	session_broke(set, s, side);
	return false;
}

/* RELAYING */

static void relaying_watch(struct sessions *set, struct session *s)
{
	bool to_client = relay_waiting(&s->client), to_backend = relay_waiting(&s->backend);

	session_want(set, s, (s->client.eof || to_backend ? 0u : LOOP_IN) | (to_client ? LOOP_OUT : 0u),
	             (s->backend.eof || to_client ? 0u : LOOP_IN) | (to_backend ? LOOP_OUT : 0u));
}

/* Passes a half-close on once nothing is left to write before it. */
static void pass_end(struct relay_side *from, struct relay_side *to)
{
	if (from->eof && !to->shut && !relay_waiting(to)) {
		shutdown(to->io.fd, SHUT_WR);
		to->shut = true;
	}
}

/* At least one side has ended. False when the session is over. */
static bool pass_ends(struct sessions *set, struct session *s)
{
	if (s->client.eof && s->backend.eof && !relay_waiting(&s->client) && !relay_waiting(&s->backend)) {
		session_end(set, s, SESSION_END_SIDE); /* close() sends the rest */
		return false;
	}
	pass_end(&s->client, &s->backend);
	pass_end(&s->backend, &s->client);
	return true;
}

/* After bytes, or an end, have passed. False when the session is over. */
static bool relaying_goes_on(struct sessions *set, struct session *s)
{
	if ((s->client.eof || s->backend.eof) && !pass_ends(set, s))
		return false;
	if (s->reset)
		loop_arm(set->loop, &set->parting, &s->timer);
	else if (!s->draining && set->idle.after)
		loop_arm(set->loop, &set->idle, &s->timer);
	return true;
}

/* `to` takes nothing more. Its last words may still be there to be read; then the reset is passed on. */
static void writing_broke(struct sessions *set, struct session *s, struct relay_side *from, struct relay_side *to)
{
	note_first(s, to);
	s->reset = true;
	relay_drop(&set->relay, to);
	to->shut = from->eof = true;
}

/* An end, or a failure, of a side. False when the session is over. */
static bool side_ended(struct sessions *set, struct session *session, struct relay_side *from, struct relay_side *to,
                       enum relay_result result)
{
	if (result == RELAY_EOF) {
		note_first(session, from);
		from->eof = true;
		return true;
	}
	if (result == RELAY_TO_BROKE) {
		writing_broke(set, session, from, to);
		return true;
	}
	if (result == RELAY_FROM_BROKE) {
		session_broke(set, session, from);
		return false;
	}
	session->reset = true;
	session_end(set, session, SESSION_END_LIMIT); /* RELAY_NO_MEMORY */
	return false;
}

/* Acts on the result of relay_move or relay_flush. False when the session is over. */
static bool relaying_moved(struct sessions *set, struct session *session, struct relay_side *from,
                           struct relay_side *to, enum relay_result result)
{
	if (result == RELAY_WAIT)
		return true;
	if (result != RELAY_MOVED && !side_ended(set, session, from, to, result))
		return false;
	return relaying_goes_on(set, session);
}

static void relaying_ready(struct sessions *set, struct session *session, struct relay_side *side,
                           struct relay_side *other, unsigned events)
{
	/* Reading first: a side that has broken may have left something to be read. */
	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) &&
	    !relaying_moved(set, session, side, other, relay_move(&set->relay, side, other)))
		return;
	if ((events & LOOP_OUT) && relay_waiting(side) &&
	    !relaying_moved(set, session, other, side, relay_flush(&set->relay, side)))
		return;
	if ((events & LOOP_ERROR) && !session_lives(set, session, side, other))
		return;
	relaying_watch(set, session);
}

/* Without an idle timeout the connect's timer runs again: a session that lives so long gets keepalive for its backend,
 * and a short one saves the call. */
static void relaying_arm(struct sessions *set, struct session *s)
{
	loop_arm(set->loop, set->idle.after ? &set->idle : &set->connecting, &s->timer);
}

/* False when the session is over. */
static bool draining_begin(struct sessions *set, struct session *s)
{
	if (!set->draining.after) {
		session_end(set, s, SESSION_END_DRAIN);
		return false;
	}
	s->draining = true;
	s->left_at = (uint32_t)atomic_load(&s->target->gone_at);
	loop_arm(set->loop, &set->draining, &s->timer);
	return true;
}

/* Bytes have come and are not read yet: the process, or the whole machine, stood still. */
static bool has_input(const struct relay_side *side)
{
	return (side->io.want & LOOP_IN) && recv(side->io.fd, &(char){ 0 }, 1, MSG_PEEK) >= 0;
}

/* Nothing happened for that long. But a slow reader may have taken bytes that were sent before. */
static void idle_expired(struct sessions *set, struct session *session)
{
	const struct relay_side *client = &session->client, *backend = &session->backend;
	uint32_t unsent = (uint32_t)net_unsent(client->io.fd) + (uint32_t)net_unsent(backend->io.fd);
	uint32_t arrived = (uint32_t)(client->sent + backend->sent) - unsent;
	bool still = arrived == session->arrived || (!unsent && !relay_waiting(client) && !relay_waiting(backend));

	if (still && !has_input(client) && !has_input(backend)) {
		session_end(set, session, SESSION_END_IDLE);
		return;
	}
	session->arrived = arrived;
	loop_arm(set->loop, &set->idle, &session->timer);
}

/* It already drains because of the target's last departure. */
static bool drains(const struct session *s)
{
	return s->draining && atomic_load(&s->target->gone) && s->left_at == (uint32_t)atomic_load(&s->target->gone_at);
}

/* The target may have left, or come back, or both. */
static void relaying_follow_target(struct sessions *set, struct session *s)
{
	bool gone = atomic_load(&s->target->gone);

	if (gone && !drains(s)) {
		draining_begin(set, s);
	} else if (s->draining && !gone) {
		s->draining = false;
		relaying_arm(set, s);
	}
}

static void relaying_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo)
{
	if (fifo == &set->idle)
		idle_expired(set, session);
	else if (fifo == &set->connecting)
		net_keepalive(session->backend.io.fd, 0, 0, 0);
	else if (fifo == &set->parting)
		session_end(set, session, SESSION_END_SIDE);
	else if (drains(session))
		session_end(set, session, SESSION_END_DRAIN);
	else
		relaying_follow_target(set, session);
}

/* CONNECTING */

static void connecting_watch(struct sessions *set, struct session *s)
{
	bool waiting = relay_waiting(&s->backend);
	bool clock = set->idle.after || atomic_load(&s->target->gone); /* one starts when it is connected */

	/* A half-close of the client waits for the connect, too. */
	session_want(set, s, s->client.eof || waiting ? 0 : LOOP_IN,
	             LOOP_IN | (waiting || s->client.eof || clock ? LOOP_OUT : 0u));
}

/* CONNECTING or RELAYING: the last step may have led to it. */
static void session_watch(struct sessions *set, struct session *s)
{
	if (s->state == SESSION_RELAYING)
		relaying_watch(set, s);
	else
		connecting_watch(set, s);
}

/* How long the connect took. When nobody waited for its success, as the client had nothing to say for a while, the
 * system's own measure of the way there and back is nearer to it; not worth a call where it makes no difference. */
static void measure_connect(struct session *s)
{
	int64_t us = (int64_t)(uint32_t)((uint32_t)sys_micros() - s->connect_us);
	bool seen = (s->backend.io.want & LOOP_OUT) || (s->attempt && s->attempt->greeting);
	int64_t trip = us > histogram_bounds[0].us && !seen ? net_round_trip(s->backend.io.fd) : -1;

	us = trip >= 0 && trip < us ? trip : us;
	s->connect_us = (uint32_t)us;
	histogram_add(&s->target->connect_time, us);
}

/* The backend has answered. False when the session is over. */
static bool relaying_begin(struct sessions *set, struct session *s)
{
	measure_connect(s);
	s->state = SESSION_RELAYING;
	attempt_forget(s);
	/* Either the control plane saw this session in `active` when the backend left, or it is seen here. */
	if (atomic_load(&s->target->gone) && !atomic_load(&set->shared->finishing))
		return draining_begin(set, s);
	relaying_arm(set, s);
	return true;
}

/* The same, when the connect itself tells so. */
static bool session_connected(struct sessions *set, struct session *s)
{
	return relaying_begin(set, s) && relaying_goes_on(set, s);
}

static void session_try_next(struct sessions *set, struct session *session, const struct route_entry *entry);

static void try_again(struct sessions *set, struct session *s)
{
	session_try_next(set, s, route_find(set->table, &s->listener->addr));
}

/* From now on it is tried last, until a probe has reached it. Our own shortages say nothing of it. */
static void suspect(struct sessions *set, struct route_backend *backend, const char *refusal, int error)
{
	if (net_exhausted(error) || error == EADDRNOTAVAIL)
		return;
	if (!refusal)
		atomic_store(&backend->error, error); /* before `refusal`: another worker may be here, too */
	atomic_store(&backend->refusal, refusal);
	atomic_store(&backend->unhealthy, true);
	if (!atomic_exchange(&backend->suspect, true))
		set->suspected(set);
}

/* This backend could not be reached: an errno, or what the SOCKS proxy said. What the client has sent waits for the
 * next one. */
static void unreachable(struct sessions *set, struct session *session, const char *refusal, int error)
{
	struct route_backend *target = session->target;

	log_debug("%s: backend %s: %s", session->listener->name, target->name, refusal ? refusal : strerror(error));
	atomic_fetch_add_explicit(&target->connect_errors, 1, memory_order_relaxed);
	suspect(set, target, refusal, error);
	loop_close_fd(set->loop, &session->backend.io);
	if (!attempt_grow(session)) {
		session_end(set, session, SESSION_END_LIMIT);
		return;
	}
	session->attempt->tried[session->attempt->tried_count++] = route_backend_ref(target);
	session->attempt->greeting = false;
	release_target(session);
	try_again(set, session);
}

/* The backend was reached, and did not like what it got. */
static bool was_reached(int error)
{
	return error == ECONNRESET || error == EPIPE;
}

/* The same here: is the backend connected, or can it not be reached? False when the session is over, or goes on
 * elsewhere. */
static bool connecting_moved(struct sessions *set, struct session *session, struct relay_side *from,
                             struct relay_side *to, enum relay_result result)
{
	bool by_backend = from == &session->backend;
	bool answered = session->backend.sent || (by_backend && result != RELAY_WAIT) || result == RELAY_TO_BROKE;
	int error = errno;

	if (result == (by_backend ? RELAY_FROM_BROKE : RELAY_TO_BROKE) && !was_reached(error)) {
		unreachable(set, session, NULL, error);
		return false;
	}
	if (result == RELAY_FROM_BROKE || result == RELAY_NO_MEMORY)
		return side_ended(set, session, from, to, result);
	if (answered)
		return relaying_begin(set, session) && relaying_moved(set, session, from, to, result);
	return result != RELAY_EOF || side_ended(set, session, from, to, result);
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

	if (was_reached(error)) {
		session_broke(set, session, &session->backend);
		return false;
	}
	if (error) {
		unreachable(set, session, NULL, error);
		return false;
	}
	if (!net_connected(session->backend.io.fd))
		return true; /* an event of the descriptor before this one */
	return session_connected(set, session);
}

static void connecting_ready(struct sessions *set, struct session *session, struct relay_side *side,
                             struct relay_side *other, unsigned events)
{
	bool to_backend = (events & LOOP_OUT) && side == &session->backend;

	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) && !connecting_move(set, session, side, other))
		return;
	if (session->state == SESSION_RELAYING) {
		relaying_ready(set, session, side, other, events & ~(unsigned)LOOP_IN);
		return;
	}
	if (to_backend && !(relay_waiting(side) ? connecting_flush(set, session) : connecting_check(set, session)))
		return;
	if ((events & LOOP_ERROR) && !session_lives(set, session, side, other))
		return;
	session_watch(set, session);
}

static void connecting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	(void)fifo;
	if (!net_connected(s->backend.io.fd))
		unreachable(set, s, NULL, ETIMEDOUT);
	else if (session_connected(set, s)) /* long ago, and nobody has said a word */
		relaying_watch(set, s);
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
	    session_connected(set, session)) /* saves the event that would tell */
		session_watch(set, session);
}

/* GREETING */

static void greeting_watch(struct sessions *set, struct session *s)
{
	session_want(set, s, 0, s->attempt->socks.state == SOCKS_SEND ? LOOP_OUT : LOOP_IN);
}

/* The backend now gets what has waited: the header, or bytes that the client has sent since. */
static void relaying_first(struct sessions *set, struct session *s)
{
	if (relay_waiting(&s->backend))
		relaying_ready(set, s, &s->backend, &s->client, LOOP_OUT);
	else
		relaying_ready(set, s, &s->client, &s->backend, LOOP_IN);
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
		if (session_connected(set, session))
			relaying_first(set, session);
		break;
	}
}

static void greeting_ready(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
                           unsigned events)
{
	(void)events;
	if (side == &s->backend)
		greet(set, s);
	else
		session_lives(set, s, side, other);
}

static void greeting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	(void)fifo;
	unreachable(set, s, NULL, ETIMEDOUT);
}

static void greeting_begin(struct sessions *set, struct session *s)
{
	if (!attempt_grow(s)) {
		session_end(set, s, SESSION_END_LIMIT);
		return;
	}
	s->state = SESSION_GREETING;
	s->attempt->greeting = true;
	socks_start(&s->attempt->socks, &s->target->socks);
	greet(set, s);
}

/* WAITING, and the next backend. */

static void waiting_begin(struct sessions *set, struct session *s)
{
	s->state = SESSION_WAITING;
	loop_arm(set->loop, &set->waiting, &s->timer);
	session_want(set, s, 0, 0);
}

static void waiting_ready(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
                          unsigned events)
{
	(void)events;
	session_lives(set, s, side, other);
}

static void waiting_expired(struct sessions *set, struct session *s, const struct loop_fifo *fifo)
{
	(void)fifo;
	try_again(set, s);
}

/* The header of the PROXY protocol goes first, and stays first when another backend must be tried. */
static bool push_header(struct sessions *set, struct session *s, int version)
{
	char header[PROXY_PROTOCOL_MAX];
	struct net_addr own;

	if (!version || s->header_len)
		return true;
	if (!net_own(s->client.io.fd, &own))
		own = s->listener->addr;
	s->header_len = (uint8_t)proxy_protocol_write(version, &s->peer, &own, header);
	return relay_push(&set->relay, &s->backend, header, s->header_len);
}

/* The session's entry has no (other) backend. */
static void give_up(struct sessions *set, struct session *s)
{
	log_debug("%s: no backend could be reached", s->listener->name);
	session_end(set, s, s->attempts ? SESSION_END_CONNECT_FAILED : SESSION_END_NO_BACKEND);
}

static bool no_descriptor(int fd)
{
	return fd == -EMFILE || fd == -ENFILE;
}

/* A descriptor or -errno. */
static int dial(struct sessions *set, const struct route_backend *backend)
{
	int fd = net_connect(&backend->addr);

	return no_descriptor(fd) && set->starved(set) ? net_connect(&backend->addr) : fd;
}

/* A connect is on its way. */
static void connecting_begin(struct sessions *set, struct session *s, int fd)
{
	s->backend.io = LOOP_IO(fd, SESSION_BACKEND);
	s->state = SESSION_CONNECTING;
	loop_arm(set->loop, &set->connecting, &s->timer);
	if (s->target->socks.host)
		greeting_begin(set, s);
	else
		offer(set, s);
}

static void session_dialled(struct sessions *set, struct session *session, struct route_backend *backend, int fd,
                            uint32_t began)
{
	session->target = route_backend_ref(backend);
	session->attempts++;
	session->connect_us = began;
	atomic_fetch_add(&backend->active, 1);
	atomic_fetch_add_explicit(&backend->connections, 1, memory_order_relaxed);
	if (fd < 0)
		unreachable(set, session, NULL, -fd);
	else
		connecting_begin(set, session, fd);
}

/* Starts a connect to the next backend. */
static void session_try_next(struct sessions *set, struct session *session, const struct route_entry *entry)
{
	const struct attempt *attempt = session->attempt;
	struct route_backend *backend = NULL;
	uint32_t began;
	int fd;

	if (entry)
		backend = balance_pick(entry, attempt ? attempt->tried : NULL, attempt ? attempt->tried_count : 0);
	if (!backend) {
		give_up(set, session);
		return;
	}
	if (!push_header(set, session, entry->proxy_protocol)) {
		session_end(set, session, SESSION_END_LIMIT);
		return;
	}
	began = (uint32_t)sys_micros();
	fd = dial(set, backend);
	if (no_descriptor(fd))
		waiting_begin(set, session);
	else
		session_dialled(set, session, backend, fd, began);
}

/* All states. */

void session_start(struct sessions *set, const struct route_entry *entry, int fd, const struct net_addr *client)
{
	struct session *session = calloc(1, sizeof *session);

	atomic_fetch_add_explicit(&entry->listener->connections, 1, memory_order_relaxed);
	if (!session) {
		atomic_fetch_add_explicit(&entry->listener->rejected[ROUTE_LIMIT], 1, memory_order_relaxed);
		atomic_fetch_sub(&set->shared->sessions, 1);
		close(fd);
		set->ended(set);
		return;
	}
	session->client.io = LOOP_IO(fd, SESSION_CLIENT);
	session->backend.io.fd = -1;
	session->client.quick = session->backend.quick = 2;
	session->peer = *client;
	session->first = SESSION_END_SIDE;
	session->started = sys_micros();
	session->listener = route_listener_ref(entry->listener);
	atomic_fetch_add(&entry->listener->active, 1);
	session->next = set->live;
	if (session->next)
		session->next->prev = session;
	set->live = session;
	session_try_next(set, session, entry);
}

/* side: the one that is ready. fifo: the one that its timer was in. */
static const struct {
	void (*ready)(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
	              unsigned events);
	void (*expired)(struct sessions *set, struct session *s, const struct loop_fifo *fifo);
} handlers[] = {
	[SESSION_WAITING] = { waiting_ready, waiting_expired },
	[SESSION_CONNECTING] = { connecting_ready, connecting_expired },
	[SESSION_GREETING] = { greeting_ready, greeting_expired },
	[SESSION_RELAYING] = { relaying_ready, relaying_expired },
};

void session_ready(struct sessions *set, struct loop_io *io, unsigned events)
{
	bool client = io->kind == SESSION_CLIENT;
	struct relay_side *side = CONTAINER_OF(io, struct relay_side, io);
	struct session *session = client ? CONTAINER_OF(side, struct session, client)
	                                 : CONTAINER_OF(side, struct session, backend);

	handlers[session->state].ready(set, session, side, client ? &session->backend : &session->client, events);
}

void session_expired(struct sessions *set, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct session *session = CONTAINER_OF(timer, struct session, timer);

	handlers[session->state].expired(set, session, fifo);
}

/* The set. */

void sessions_retime(struct sessions *set)
{
	int64_t idle = atomic_load(&set->shared->idle_timeout);
	bool toggled = !idle != !set->idle.after;

	loop_fifo_retime(&set->connecting, atomic_load(&set->shared->connect_timeout));
	loop_fifo_retime(&set->draining, atomic_load(&set->shared->drain));
	loop_fifo_retime(&set->idle, idle);
	for (struct session *session = toggled ? set->live : NULL, *next; session; session = next) {
		next = session->next;
		if (session->state == SESSION_CONNECTING)
			connecting_watch(set, session);
		else if (session->state == SESSION_RELAYING && !session->draining && !session->reset)
			relaying_arm(set, session);
	}
}

void sessions_drain(struct sessions *set)
{
	for (struct session *s = set->live, *next; s; s = next) {
		next = s->next;
		if (s->state == SESSION_CONNECTING)
			connecting_watch(set, s); /* as soon as it is connected it drains */
		else if (s->state == SESSION_RELAYING && !s->reset)
			relaying_follow_target(set, s);
	}
}

void sessions_report(const struct sessions *set, struct session_report *report)
{
	for (struct session *s = set->live; s; s = s->next) {
		count_bytes(s);
		if (!report)
			continue;
		SYS_GROW(report->views, report->count, report->cap);
		report->views[report->count++] = (struct session_view){
			.client = s->peer, .rx = received(s), .tx = s->client.sent, .started = s->started,
			.listener = route_listener_ref(s->listener), .target = s->target ? route_backend_ref(s->target) : NULL
		};
	}
}

void session_report_free(struct session_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		route_listener_unref(report->views[i].listener);
		if (report->views[i].target)
			route_backend_unref(report->views[i].target);
	}
	free(report->views);
	*report = (struct session_report){ 0 };
}
