#include "base.h"
#include "session_relay.h"

#include <sys/socket.h>

#include "histogram.h"
#include "loop_backend.h"
#include "net.h"
#include "route.h"
#include "session.h"
#include "sys.h"

void session_relay_watch(struct sessions *set, struct session *s)
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
static bool session_relay_goes_on(struct sessions *set, struct session *s)
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
	session_note_first(s, to);
	s->reset = true;
	relay_drop(&set->relay, to);
	to->shut = from->eof = true;
}

/* An end, or a failure, of a side. False when the session is over. */
bool session_side_ended(struct sessions *set, struct session *session, struct relay_side *from, struct relay_side *to,
                       enum relay_result result)
{
	if (result == RELAY_EOF) {
		session_note_first(session, from);
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
bool session_relay_moved(struct sessions *set, struct session *session, struct relay_side *from,
                           struct relay_side *to, enum relay_result result)
{
	if (result == RELAY_WAIT)
		return true;
	if (result != RELAY_MOVED && !session_side_ended(set, session, from, to, result))
		return false;
	return session_relay_goes_on(set, session);
}

void session_relay_ready(struct sessions *set, struct session *session, struct relay_side *side,
                           struct relay_side *other, unsigned events)
{
	/* Reading first: a side that has broken may have left something to be read. */
	if ((events & LOOP_IN) && !side->eof && !relay_waiting(other) &&
	    !session_relay_moved(set, session, side, other, relay_move(&set->relay, side, other)))
		return;
	if ((events & LOOP_OUT) && relay_waiting(side) &&
	    !session_relay_moved(set, session, other, side, relay_flush(&set->relay, side)))
		return;
	if ((events & LOOP_ERROR) && !session_lives(set, session, side, other))
		return;
	session_relay_watch(set, session);
}

/* Without an idle timeout the connect's timer runs on: when it fires, the backend gets keepalive. Shorter sessions save
 * that call. */
void session_relay_arm(struct sessions *set, struct session *s)
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
void session_relay_follow_target(struct sessions *set, struct session *s)
{
	bool gone = atomic_load(&s->target->gone);

	if (gone && !drains(s)) {
		draining_begin(set, s);
	} else if (s->draining && !gone) {
		s->draining = false;
		session_relay_arm(set, s);
	}
}

void session_relay_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo)
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
		session_relay_follow_target(set, session);
}

/* How long the connect took. When its success was noticed late, as the client had nothing to say for a while, the
 * system knows better; not worth a call where it makes no difference. */
static void measure_connect(const struct sessions *set, struct session *s)
{
	int64_t us = (int64_t)(uint32_t)((uint32_t)sys_micros() - s->connect_us);
	bool seen = (s->backend.io.want & LOOP_OUT) || (s->attempt && s->attempt->greeting);
	int64_t took = us > histogram_bounds[0].us && !seen ? net_connect_time(s->backend.io.fd, us) : -1;

	us = took >= 0 && took < us ? took : us;
	s->connect_us = (uint32_t)us;
	histogram_add(route_backend_own(s->target, set->worker)->connect_time, us);
}

/* The backend has answered. False when the session is over. */
bool session_relay_begin(struct sessions *set, struct session *s)
{
	measure_connect(set, s);
	s->state = SESSION_RELAYING;
	session_forget_attempt(s);
	/* Either the control plane saw this session in `active` when the backend left, or it is seen here. */
	if (atomic_load(&s->target->gone) && !atomic_load(&set->shared->finishing))
		return draining_begin(set, s);
	session_relay_arm(set, s);
	return true;
}

/* The same, when the connect itself tells so. */
bool session_relay_connected(struct sessions *set, struct session *s)
{
	return session_relay_begin(set, s) && session_relay_goes_on(set, s);
}
