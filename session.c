/* One session:
 *
 *                ┌──────► GREETING ──────┐
 *     accepted ──┴──────► CONNECTING ──────┴──► RELAYING ──► ended
 *        │  ▲               │  next backend
 *        ▼  │               ▼
 *      WAITING            (none left: ended)
 *
 * WAITING     no descriptor for a backend; tried again in a moment
 * CONNECTING  connect() is on its way. Nobody waits for its success, unless time runs from then: the first byte that a
 *             send takes, or that comes back, proves it, and saves an event and a change of interest. Failure comes as
 *             an event, or by timeout.
 * GREETING    the backend is behind a SOCKS proxy, which is being reached and asked; the client is not read meanwhile,
 *             and its end is noticed afterwards
 * RELAYING    both ways, each until its end of file
 */
#include "base.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance.h"
#include "log.h"
#include "proxy_protocol.h"
#include "sys.h"

enum session_state { SESSION_WAITING, SESSION_CONNECTING, SESSION_GREETING, SESSION_RELAYING };

#define WAITING_MS 50
#define PARTING_MS 3000 /* for the last words of a side that has reset: the other one takes them, or goes without */

const char *const session_end_names[SESSION_ENDS] = {
	"client", "backend", "idle", "drain", "connect_failed", "no_backend", "limit", "shutdown"
};
#define BY_SIDE SESSION_ENDS /* one of the first two, whichever it was */

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
	uint8_t state;    /* enum session_state */
	uint8_t preamble; /* bytes before the client's own */
	uint8_t first;    /* enum session_end: the side that was the first to end; BY_SIDE: neither */
	bool reset;       /* one side was: the other will be */
	bool draining;
};

void sessions_open(struct sessions *p, struct session_shared *shared, struct loop *loop)
{
	*p = (struct sessions){ .shared = shared, .loop = loop };
	relay_open(&p->relay);
	loop_fifo_open(loop, &p->connecting, 0, 0);
	loop_fifo_open(loop, &p->idle, 0, 0);
	loop_fifo_open(loop, &p->draining, 0, 0);
	loop_fifo_open(loop, &p->waiting, WAITING_MS, 0);
	loop_fifo_open(loop, &p->parting, PARTING_MS, 0);
	sessions_retime(p);
}

static void release_target(struct session *s)
{
	if (!s->target)
		return;
	atomic_fetch_sub(&s->target->active, 1);
	route_backend_unref(s->target);
	s->target = NULL;
}

static void forget_attempt(struct session *s)
{
	for (unsigned i = 0; s->attempt && i < s->attempt->tried_count; i++)
		route_backend_unref(s->attempt->tried[i]);
	free(s->attempt);
	s->attempt = NULL;
}

/* Room for one more that was tried. False without memory. */
static bool grow_attempt(struct session *s)
{
	size_t count = s->attempt ? s->attempt->tried_count : 0;
	struct attempt *a = realloc(s->attempt, sizeof *a + (count + 1) * sizeof *a->tried);

	if (!a)
		return false;
	if (!s->attempt)
		*a = (struct attempt){ .tried_count = 0 };
	s->attempt = a;
	return true;
}

static uint64_t received(const struct session *s)
{
	return s->backend.sent - (s->backend.sent < s->preamble ? s->backend.sent : s->preamble);
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

static void log_access(const struct sessions *p, const struct session *s, enum session_end how)
{
	const struct route_entry *e = route_find(p->table, &s->listener->addr);
	const struct attempt *a = s->attempt;
	const struct route_backend *b = s->target ? s->target : a && a->tried_count ? a->tried[a->tried_count - 1] : NULL;
	struct log_line line;
	char client[NET_TEXT];

	net_print(&s->peer, client);
	log_event(&line, LOG_INFO, "access");
	log_line_text(&line, "listener", s->listener->name);
	log_line_text(&line, "service", e ? e->services : s->listener->services);
	log_line_text(&line, "client", client);
	log_line_text(&line, "backend", b ? b->name : NULL);
	log_line_number(&line, "attempts", s->attempts);
	log_line_seconds(&line, "connect", s->state == SESSION_RELAYING ? (int64_t)s->connect_us : -1);
	log_line_seconds(&line, "duration", sys_micros() - s->started);
	log_line_number(&line, "rx", received(s));
	log_line_number(&line, "tx", s->client.sent);
	log_line_text(&line, "end", session_end_names[how]);
	log_end(&line);
}

static void count_reject(const struct session *s, enum session_end how)
{
	enum route_reject reason = how == SESSION_NO_BACKEND ? ROUTE_NO_BACKEND :
	                           how == SESSION_CONNECT_FAILED ? ROUTE_CONNECT_FAILED : ROUTE_LIMIT;

	if (s->state != SESSION_RELAYING && (how == SESSION_NO_BACKEND || how == SESSION_CONNECT_FAILED || how == SESSION_LIMIT))
		atomic_fetch_add_explicit(&s->listener->rejected[reason], 1, memory_order_relaxed);
}

static void end(struct sessions *p, struct session *s, enum session_end how)
{
	if (how == BY_SIDE)
		how = s->first == BY_SIDE ? SESSION_BY_CLIENT : (enum session_end)s->first;
	if ((how == SESSION_IDLE || how == SESSION_DRAIN || how == SESSION_SHUTDOWN) &&
	    (relay_waiting(&s->client) || relay_waiting(&s->backend)))
		s->reset = true; /* what a slow reader has not got must not look complete */
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
	count_bytes(s);
	count_reject(s, how);
	atomic_fetch_add_explicit(&p->shared->ended[how], 1, memory_order_relaxed);
	if (atomic_load_explicit(&p->shared->access, memory_order_relaxed))
		log_access(p, s, how);
	release_target(s);
	forget_attempt(s);
	atomic_fetch_sub(&s->listener->active, 1);
	route_listener_unref(s->listener);
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &p->sessions) = s->next;
	atomic_fetch_sub(&p->shared->sessions, 1);
	loop_free(p->loop, s);
	p->ended(p);
}

void sessions_close(struct sessions *p)
{
	while (p->sessions)
		end(p, p->sessions, SESSION_SHUTDOWN);
	relay_close(&p->relay);
}

/* What each side is watched for follows from its state alone. */
static void watch(struct sessions *p, struct session *s)
{
	bool finish = s->client.eof && !s->backend.shut; /* a half-close that waits for the connect */
	bool prove = s->state == SESSION_CONNECTING && (p->idle.after || atomic_load(&s->target->gone)); /* a clock starts */
	unsigned client = 0, backend = 0;

	if (!s->client.eof && !relay_waiting(&s->backend))
		client |= LOOP_IN;
	if (relay_waiting(&s->client))
		client |= LOOP_OUT;
	if (!s->backend.eof && !relay_waiting(&s->client))
		backend |= LOOP_IN;
	if (relay_waiting(&s->backend) || finish || prove)
		backend |= LOOP_OUT;
	if (s->state == SESSION_WAITING || s->state == SESSION_GREETING)
		client = 0;
	if (s->state == SESSION_GREETING)
		backend = s->attempt->socks.state == SOCKS_SEND ? LOOP_OUT : LOOP_IN;
	if (!loop_want(p->loop, &s->client.io, client) ||
	    (s->backend.io.fd >= 0 && !loop_want(p->loop, &s->backend.io, backend)))
		end(p, s, SESSION_LIMIT);
}

/* Without an idle timeout the connect's timer runs again: a session that lives so long gets keepalive for its backend,
 * and a short one saves the call. */
static void arm_relaying(struct sessions *p, struct session *s)
{
	loop_arm(p->loop, p->idle.after ? &p->idle : &p->connecting, &s->timer);
}

/* False when the session is over. */
static bool drain(struct sessions *p, struct session *s)
{
	if (!p->draining.after) {
		end(p, s, SESSION_DRAIN);
		return false;
	}
	s->draining = true;
	s->left_at = (uint32_t)atomic_load(&s->target->gone_at);
	loop_arm(p->loop, &p->draining, &s->timer);
	return true;
}

/* How long the connect took. When nobody waited for its success, as the client had nothing to say for a while, the system's
 * own measure of the way there and back is nearer to it; not worth a call where it makes no difference. */
static void measure_connect(struct session *s)
{
	int64_t us = (int64_t)(uint32_t)((uint32_t)sys_micros() - s->connect_us);
	bool seen = (s->backend.io.want & LOOP_OUT) || (s->attempt && s->attempt->greeting);
	int64_t trip = us > histogram_bounds[0].us && !seen ? net_round_trip(s->backend.io.fd) : -1;

	us = trip >= 0 && trip < us ? trip : us;
	s->connect_us = (uint32_t)us;
	histogram_add(&s->target->connect_time, us);
}

/* The backend has answered. */
static bool proven(struct sessions *p, struct session *s)
{
	measure_connect(s);
	s->state = SESSION_RELAYING;
	forget_attempt(s);
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

static void try_next(struct sessions *p, struct session *s, const struct route_entry *e);

/* From now on it is tried last, until a probe has reached it. Troubles of our own say nothing of it. */
static void suspect(struct sessions *p, struct route_backend *b, const char *refusal, int error)
{
	if (error == EADDRNOTAVAIL || error == ENOBUFS || error == ENOMEM)
		return;
	if (!refusal)
		atomic_store(&b->error, error); /* before `refusal`: another worker may be here, too */
	atomic_store(&b->refusal, refusal);
	atomic_store(&b->unhealthy, true);
	if (!atomic_exchange(&b->suspect, true))
		p->suspected(p);
}

/* This backend could not be reached: an errno, or what the SOCKS proxy said. What the client has sent waits for the next
 * one. */
static void unreachable(struct sessions *p, struct session *s, const char *refusal, int error)
{
	log_debug("%s: backend %s: %s", s->listener->name, s->target->name, refusal ? refusal : strerror(error));
	atomic_fetch_add_explicit(&s->target->connect_errors, 1, memory_order_relaxed);
	suspect(p, s->target, refusal, error);
	loop_close_fd(p->loop, &s->backend.io);
	if (!grow_attempt(s)) {
		end(p, s, SESSION_LIMIT);
		return;
	}
	s->attempt->tried[s->attempt->tried_count++] = route_backend_ref(s->target);
	s->attempt->greeting = false;
	release_target(s);
	try_next(p, s, route_find(p->table, &s->listener->addr));
}

/* Acts on what a move from -> to came to. False when the session is over, or goes on elsewhere. */
static bool settle(struct sessions *p, struct session *s, struct relay_side *from, struct relay_side *to,
                   enum relay_result result)
{
	bool connecting = s->state == SESSION_CONNECTING;
	struct relay_side *dead = result == RELAY_TO_BROKE ? to : from;
	int error = errno;

	if (result == RELAY_TO_BROKE && error == ENOMEM) {
		s->reset = true; /* something of the stream is lost */
		end(p, s, SESSION_LIMIT);
		return false;
	}
	if (result >= RELAY_FROM_BROKE && connecting && dead == &s->backend && error != ECONNRESET && error != EPIPE) {
		unreachable(p, s, NULL, error);
		return false;
	}
	if (result >= RELAY_EOF && s->first == BY_SIDE)
		s->first = dead == &s->client ? SESSION_BY_CLIENT : SESSION_BY_BACKEND;
	switch (result) {
	case RELAY_WAIT:
		if (!connecting || !s->backend.sent)
			return true;
		break;
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
		end(p, s, BY_SIDE);
		return false;
	}
	if (connecting && (s->backend.sent || from == &s->backend || result == RELAY_TO_BROKE) && !proven(p, s))
		return false;
	if (s->client.eof && s->backend.eof && !relay_waiting(&s->client) && !relay_waiting(&s->backend)) {
		end(p, s, BY_SIDE); /* close() sends what is left to say */
		return false;
	}
	if (s->state == SESSION_RELAYING) {
		pass_end(&s->client, &s->backend);
		pass_end(&s->backend, &s->client);
		if (s->reset)
			loop_arm(p->loop, &p->parting, &s->timer);
		else if (!s->draining && p->idle.after)
			loop_arm(p->loop, &p->idle, &s->timer);
	}
	return true;
}

static bool move(struct sessions *p, struct session *s, struct relay_side *from, struct relay_side *to)
{
	return settle(p, s, from, to, relay_move(&p->relay, from, to));
}

static bool flush(struct sessions *p, struct session *s, struct relay_side *from, struct relay_side *to)
{
	return settle(p, s, from, to, relay_flush(&p->relay, to));
}

/* The header of the PROXY protocol goes first, and stays first when another backend must be tried. */
static bool introduce(struct sessions *p, struct session *s, int version)
{
	char header[PROXY_PROTOCOL_MAX];
	struct net_addr own;

	if (!version || s->preamble)
		return true;
	if (!net_own(s->client.io.fd, &own))
		own = s->listener->addr;
	s->preamble = (uint8_t)proxy_protocol_write(version, &s->peer, &own, header);
	return relay_push(&p->relay, &s->backend, header, s->preamble);
}

/* Offers the backend at once what the client has said: on a fast network it is there already. */
static void offer(struct sessions *p, struct session *s)
{
	if (!(relay_waiting(&s->backend) ? flush(p, s, &s->client, &s->backend)
	                                 : s->client.eof || move(p, s, &s->client, &s->backend)))
		return;
	if (s->state != SESSION_CONNECTING || !p->idle.after || !net_connected(s->backend.io.fd) ||
	    settle(p, s, &s->backend, &s->client, RELAY_MOVED)) /* saves the event that would tell */
		watch(p, s);
}

/* Goes on asking the SOCKS proxy for the backend. */
static void greet(struct sessions *p, struct session *s)
{
	struct socks *socks = &s->attempt->socks;

	switch (socks_run(socks, s->backend.io.fd)) {
	case SOCKS_SEND:
	case SOCKS_RECEIVE:
		watch(p, s);
		break;
	case SOCKS_FAILED:
		unreachable(p, s, socks->why, 0);
		break;
	case SOCKS_DONE:
		s->state = SESSION_CONNECTING;
		if (settle(p, s, &s->backend, &s->client, RELAY_MOVED))
			offer(p, s);
		break;
	}
}

/* The entry that the session goes by has no (other) backend. */
static void give_up(struct sessions *p, struct session *s)
{
	log_debug("%s: no backend could be reached", s->listener->name);
	end(p, s, s->attempts ? SESSION_CONNECT_FAILED : SESSION_NO_BACKEND);
}

/* A connect is on its way. */
static void connect_began(struct sessions *p, struct session *s, int fd)
{
	s->backend.io = LOOP_IO(fd, SESSION_BACKEND);
	s->state = SESSION_CONNECTING;
	loop_arm(p->loop, &p->connecting, &s->timer);
	if (!s->target->socks.host) {
		offer(p, s);
	} else if (grow_attempt(s)) {
		s->state = SESSION_GREETING;
		s->attempt->greeting = true;
		socks_start(&s->attempt->socks, &s->target->socks);
		greet(p, s);
	} else {
		end(p, s, SESSION_LIMIT);
	}
}

/* Starts a connect to the next backend. */
static void try_next(struct sessions *p, struct session *s, const struct route_entry *e)
{
	const struct attempt *a = s->attempt;
	struct route_backend *b = e ? balance_pick(e, a ? a->tried : NULL, a ? a->tried_count : 0) : NULL;
	uint32_t began;
	int fd;

	if (!b) {
		give_up(p, s);
		return;
	}
	if (!introduce(p, s, e->proxy_protocol)) {
		end(p, s, SESSION_LIMIT);
		return;
	}
	began = (uint32_t)sys_micros();
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
	s->attempts++;
	s->connect_us = began;
	atomic_fetch_add(&b->active, 1);
	atomic_fetch_add_explicit(&b->connections, 1, memory_order_relaxed);
	if (fd < 0)
		unreachable(p, s, NULL, -fd);
	else
		connect_began(p, s, fd);
}

void session_start(struct sessions *p, const struct route_entry *entry, int fd, const struct net_addr *client)
{
	struct session *s = calloc(1, sizeof *s);

	atomic_fetch_add_explicit(&entry->listener->connections, 1, memory_order_relaxed);
	if (!s) {
		atomic_fetch_add_explicit(&entry->listener->rejected[ROUTE_LIMIT], 1, memory_order_relaxed);
		atomic_fetch_sub(&p->shared->sessions, 1);
		close(fd);
		p->ended(p);
		return;
	}
	s->client.io = LOOP_IO(fd, SESSION_CLIENT);
	s->backend.io.fd = -1;
	s->client.quick = s->backend.quick = 2;
	s->peer = *client;
	s->first = BY_SIDE;
	s->started = sys_micros();
	s->listener = route_listener_ref(entry->listener);
	atomic_fetch_add(&entry->listener->active, 1);
	s->next = p->sessions;
	if (s->next)
		s->next->prev = s;
	p->sessions = s;
	try_next(p, s, entry);
}

/* A side has failed, and nobody is reading it. */
static void broke(struct sessions *p, struct session *s, const struct relay_side *side)
{
	if (s->first == BY_SIDE)
		s->first = side == &s->client ? SESSION_BY_CLIENT : SESSION_BY_BACKEND;
	s->reset = true;
	end(p, s, BY_SIDE);
}

/* A half-close before the first byte: only the success of the connect itself tells. */
static bool check_connect(struct sessions *p, struct session *s)
{
	int error = net_error(s->backend.io.fd);

	if (error == ECONNRESET || error == EPIPE) {
		broke(p, s, &s->backend); /* it was reached, and did not like what it got */
		return false;
	}
	if (error) {
		unreachable(p, s, NULL, error);
		return false;
	}
	if (!net_connected(s->backend.io.fd))
		return true; /* an event of the descriptor before this one */
	return settle(p, s, &s->backend, &s->client, RELAY_MOVED);
}

/* A side that nobody reads has failed: only the error itself tells. */
static bool check_error(struct sessions *p, struct session *s, const struct relay_side *side)
{
	if (!net_error(side->io.fd))
		return true;
	broke(p, s, side);
	return false;
}

void session_ready(struct sessions *p, struct loop_io *io, unsigned events)
{
	struct session *s = (struct session *)(void *)((char *)io - (io->kind == SESSION_CLIENT ?
	                    offsetof(struct session, client.io) : offsetof(struct session, backend.io)));
	struct relay_side *side = io->kind == SESSION_CLIENT ? &s->client : &s->backend;
	struct relay_side *other = io->kind == SESSION_CLIENT ? &s->backend : &s->client;

	if (s->state == SESSION_GREETING && side == &s->backend) {
		greet(p, s);
		return;
	}
	/* Reading first: a side that has broken may have left something to be read. */
	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) && !move(p, s, side, other))
		return;
	if ((events & LOOP_OUT) && relay_waiting(side) && !flush(p, s, other, side))
		return;
	if ((events & LOOP_OUT) && s->state == SESSION_CONNECTING && side == &s->backend && !relay_waiting(side) &&
	    !check_connect(p, s))
		return;
	if ((events & LOOP_ERROR) && (side->eof || relay_waiting(other) || !side->io.want) && !check_error(p, s, side))
		return;
	watch(p, s);
}

static void connect_expired(struct sessions *p, struct session *s)
{
	if (s->state == SESSION_RELAYING)
		net_keepalive(s->backend.io.fd, 0, 0, 0);
	else if (s->state == SESSION_GREETING || !net_connected(s->backend.io.fd))
		unreachable(p, s, NULL, ETIMEDOUT);
	else if (settle(p, s, &s->backend, &s->client, RELAY_MOVED)) /* long ago, and nobody has said a word */
		watch(p, s);
}

/* Something has come, and has not been read yet: the process, or the whole machine, stood still. */
static bool has_input(const struct relay_side *side)
{
	return (side->io.want & LOOP_IN) && recv(side->io.fd, &(char){ 0 }, 1, MSG_PEEK) >= 0;
}

/* Nothing was to be done for that long. But a slow reader may have taken what was sent before. */
static void idle_expired(struct sessions *p, struct session *s)
{
	uint32_t unsent = (uint32_t)net_unsent(s->client.io.fd) + (uint32_t)net_unsent(s->backend.io.fd);
	uint32_t arrived = (uint32_t)(s->client.sent + s->backend.sent) - unsent;
	bool still = arrived == s->arrived || (!unsent && !relay_waiting(&s->client) && !relay_waiting(&s->backend));

	if (still && !has_input(&s->client) && !has_input(&s->backend)) {
		end(p, s, SESSION_IDLE);
		return;
	}
	s->arrived = arrived;
	loop_arm(p->loop, &p->idle, &s->timer);
}

/* It drains for the last time that the target has left. */
static bool drains(const struct session *s)
{
	return s->draining && atomic_load(&s->target->gone) && s->left_at == (uint32_t)atomic_load(&s->target->gone_at);
}

/* The target may have left, or come back, or both. */
static void follow_target(struct sessions *p, struct session *s)
{
	if (s->state == SESSION_CONNECTING) {
		watch(p, s); /* as soon as it is connected it drains */
	} else if (s->state == SESSION_RELAYING && atomic_load(&s->target->gone) && !drains(s)) {
		drain(p, s);
	} else if (s->draining && !atomic_load(&s->target->gone)) {
		s->draining = false;
		arm_relaying(p, s);
	}
}

void session_expired(struct sessions *p, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct session *s = (struct session *)(void *)((char *)timer - offsetof(struct session, timer));

	if (fifo == &p->connecting) {
		connect_expired(p, s);
	} else if (fifo == &p->waiting) {
		try_next(p, s, route_find(p->table, &s->listener->addr));
	} else if (fifo == &p->idle) {
		idle_expired(p, s);
	} else if (fifo == &p->parting) {
		end(p, s, BY_SIDE);
	} else if (drains(s)) {
		end(p, s, SESSION_DRAIN);
	} else {
		follow_target(p, s);
	}
}

void sessions_retime(struct sessions *p)
{
	int64_t idle = atomic_load(&p->shared->idle_timeout);
	bool toggled = !idle != !p->idle.after;

	loop_fifo_retime(&p->connecting, atomic_load(&p->shared->connect_timeout));
	loop_fifo_retime(&p->draining, atomic_load(&p->shared->drain));
	loop_fifo_retime(&p->idle, idle);
	for (struct session *s = toggled ? p->sessions : NULL, *next; s; s = next) {
		next = s->next;
		if (s->state == SESSION_CONNECTING)
			watch(p, s);
		else if (s->state == SESSION_RELAYING && !s->draining && !s->reset)
			arm_relaying(p, s);
	}
}

void sessions_drain(struct sessions *p)
{
	for (struct session *s = p->sessions, *next; s; s = next) {
		next = s->next;
		if (s->target && !s->reset)
			follow_target(p, s);
	}
}

void session_report(const struct sessions *p, struct session_report *r)
{
	for (struct session *s = p->sessions; s; s = s->next) {
		struct session_view *v;

		count_bytes(s);
		if (!r)
			continue;
		SYS_GROW(r->views, r->count, r->cap);
		v = &r->views[r->count++];
		*v = (struct session_view){
			.client = s->peer, .rx = received(s), .tx = s->client.sent, .started = s->started,
			.listener = route_listener_ref(s->listener), .target = s->target ? route_backend_ref(s->target) : NULL
		};
	}
}

void session_report_free(struct session_report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		route_listener_unref(r->views[i].listener);
		if (r->views[i].target)
			route_backend_unref(r->views[i].target);
	}
	free(r->views);
	*r = (struct session_report){ 0 };
}
