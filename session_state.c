#include "base.h"
#include "session_state.h"

#include <stdlib.h>
#include <unistd.h>

#include "balance.h"
#include "log.h"
#include "log_line.h"
#include "loop_backend.h"
#include "outgoing.h"
#include "sys.h"

void session_forget_attempt(struct session *s)
{
	if (s->attempt)
		balance_forget(&s->attempt->tried);
	free(s->attempt);
	s->attempt = NULL;
}

bool session_attempt(struct session *s)
{
	if (!s->attempt)
		s->attempt = calloc(1, sizeof *s->attempt);
	return s->attempt;
}

/* A backend that leaves the table has sessions that must be told, of the many that live: so those that have the same
 * target stand together in the list of all, from the one on that the backend's cell names. The others, which have no
 * target, stand anywhere between such groups. */

void session_enter(struct sessions *set, struct session *s, struct session *next)
{
	s->next = next;
	s->prev = next ? next->prev : NULL;
	if (next)
		next->prev = s;
	*(s->prev ? &s->prev->next : &set->live) = s;
}

static void session_leave(struct sessions *set, struct session *s)
{
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &set->live) = s->next;
}

void session_take_target(struct sessions *set, struct session *s, struct route_backend *backend)
{
	struct route_cell *cell = route_backend_own(backend, set->worker);

	if (cell->sessions && cell->sessions != s->next) {
		session_leave(set, s);
		session_enter(set, s, cell->sessions);
	}
	cell->sessions = s;
	s->target = backend;
}

/* It still has it. The first one may stay where it is. */
static void session_part(struct sessions *set, struct route_cell *cell, struct session *s)
{
	if (cell->sessions == s) {
		cell->sessions = s->next && s->next->target == s->target ? s->next : NULL;
	} else {
		session_leave(set, s);
		session_enter(set, s, cell->sessions);
	}
}

/* The end of a session. */

uint64_t session_received(const struct session *s)
{
	return s->backend.sent - (s->backend.sent < s->header_len ? s->backend.sent : s->header_len);
}

static void count_in(struct route_cell *cell, uint64_t rx, uint64_t tx)
{
	route_cell_add(&cell->rx, rx);
	route_cell_add(&cell->tx, tx);
}

void session_count_bytes(const struct sessions *set, struct session *s)
{
	uint64_t rx = session_received(s), tx = s->client.sent;

	if (!s->target || (rx == s->told_rx && tx == s->told_tx))
		return;
	count_in(route_backend_own(s->target, set->worker), rx - s->told_rx, tx - s->told_tx);
	count_in(route_listener_own(s->listener, set->worker), rx - s->told_rx, tx - s->told_tx);
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

	if (!backend && attempt)
		backend = attempt->tried.last;
	net_print(&session->peer, client);
	log_event(&line, LOG_INFO, "access");
	log_line_text(&line, "listener", session->listener->name);
	log_line_text(&line, "service", entry ? entry->services : session->listener->services);
	log_line_text(&line, "client", client);
	log_line_text(&line, "backend", backend ? backend->name : NULL);
	log_line_number(&line, "attempts", session->attempts);
	log_line_seconds(&line, "connect", session->state == SESSION_RELAYING ? (int64_t)session->connect_us : -1);
	log_line_seconds(&line, "duration", sys_micros() - session->started);
	log_line_number(&line, "rx", session_received(session));
	log_line_number(&line, "tx", session->client.sent);
	log_line_text(&line, "end", session_end_names[how]);
	log_end(&line);
}

static void count_end(const struct sessions *set, const struct session *session, enum session_end how)
{
	route_cell_add(&set->shared->cells[set->worker].ended[how], 1);
	if (session->state == SESSION_RELAYING)
		return;
	if (how == SESSION_END_NO_BACKEND)
		route_reject(session->listener, ROUTE_NO_BACKEND);
	else if (how == SESSION_END_CONNECT_FAILED)
		route_reject(session->listener, ROUTE_CONNECT_FAILED);
	else if (how == SESSION_END_LIMIT)
		route_reject(session->listener, ROUTE_LIMIT);
}

/* Not both sides have ended, but the session does: what they got must not look complete. */
static bool is_cut(const struct session *session, enum session_end how)
{
	return how == SESSION_END_IDLE || how == SESSION_END_DRAIN || how == SESSION_END_SHUTDOWN ||
	       (how == SESSION_END_LIMIT && session->state == SESSION_RELAYING);
}

/* All that the other side had to say, and its end, is on the way to this one: a reset would cut that off. */
static bool delivers_all(const struct relay_side *side)
{
	return side->shut && net_unsent(side->io.fd);
}

void session_close_backend(struct sessions *set, struct session *s)
{
	if (s->outgoing)
		outgoing_end(s->backend.io.fd);
	s->outgoing = false;
	loop_close_fd(set->loop, &s->backend.io);
}

static void close_sides(struct sessions *set, struct session *session, enum session_end how)
{
	bool cut = is_cut(session, how);

	if (session->reset || (cut && !delivers_all(&session->client)))
		net_reset_on_close(session->client.io.fd);
	if (session->backend.io.fd >= 0 && (session->reset || (cut && !delivers_all(&session->backend))))
		net_reset_on_close(session->backend.io.fd);
	relay_drop(&set->relay, &session->client);
	relay_drop(&set->relay, &session->backend);
	loop_close_fd(set->loop, &session->client.io);
	session_close_backend(set, session);
}

void session_release_target(struct sessions *set, struct session *s)
{
	struct route_cell *cell;

	if (!s->target)
		return;
	cell = route_backend_own(s->target, set->worker);
	session_part(set, cell, s);
	route_cell_end(cell);
	route_backend_idle(s->target, cell);
	s->target = NULL;
}

void session_end(struct sessions *set, struct session *session, enum session_end how)
{
	struct route_listener *listener = session->listener;

	if (how == SESSION_END_SIDE)
		how = session->first == SESSION_END_BACKEND ? SESSION_END_BACKEND : SESSION_END_CLIENT;
	loop_disarm(&session->timer);
	close_sides(set, session, how);
	session_count_bytes(set, session);
	count_end(set, session, how);
	if (atomic_load_explicit(&set->shared->access, memory_order_relaxed))
		log_access(set, session, how);
	session_release_target(set, session);
	session_forget_attempt(session);
	session_leave(set, session);
	loop_free(set->loop, session);
	set->ended(set, listener);
	route_cell_end(route_listener_own(listener, set->worker)); /* last: then it may be freed */
}

/* What more than one state needs. */

void session_want(struct sessions *set, struct session *s, unsigned client, unsigned backend)
{
	/* The loop tells of a reset only when it knows the descriptor. It will be read soon: that costs nothing then. */
	if ((!client && !s->client.eof && !s->client.io.have && !loop_want(set->loop, &s->client.io, LOOP_IN)) ||
	    !loop_want(set->loop, &s->client.io, client) ||
	    (s->backend.io.fd >= 0 && !loop_want(set->loop, &s->backend.io, backend)))
		session_end(set, s, SESSION_END_LIMIT);
}

void session_note_first(struct session *s, const struct relay_side *side)
{
	if (s->first == SESSION_END_SIDE)
		s->first = side == &s->client ? SESSION_END_CLIENT : SESSION_END_BACKEND;
}

void session_broke(struct sessions *set, struct session *s, const struct relay_side *side)
{
	session_note_first(s, side);
	s->reset = true;
	session_end(set, s, SESSION_END_SIDE);
}

bool session_lives(struct sessions *set, struct session *s, const struct relay_side *side,
                          const struct relay_side *other)
{
	bool unread = side->eof || relay_waiting(other) || !side->io.want;

	if (!unread || !net_error(side->io.fd))
		return true;
	session_broke(set, s, side);
	return false;
}
