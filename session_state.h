/* session_state: one session, from the accepted client to the last byte. For the files that handle its states, and for
 * the set of one worker's sessions; only the worker's thread calls them.
 *
 *                ┌──────► GREETING ──────┐
 *     accepted ──┴──────► CONNECTING ────┴──► RELAYING ──► ended
 *        │  ▲               │ not reached
 *        ▼  │               ▼
 *      WAITING ◄──────── the next backend (none left: ended)
 *
 * WAITING     for the next backend: until the end of this turn of the loop, longer when many are tried in it, or
 *             until a descriptor is free
 * CONNECTING  connect() is on its way. Its success is watched for only when an idle or drain timer starts then: the first
 *             byte that a send takes, or that comes back, proves it, and saves an event and a change of interest.
 *             Failure comes as an event, or by timeout.
 * GREETING    the backend is behind a SOCKS proxy, which is being reached and asked; the client is not read meanwhile,
 *             and its end is noticed afterwards
 * RELAYING    both ways, each until its end of file
 *
 * A state has a handler for ready descriptors (STATE_ready) and one for its timer (STATE_expired); STATE_watch sets the
 * events that it waits for. RELAYING is in session_relay.c, the states before it in session_connect.c; session_set.c
 * hands events to them. */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "base.h"

#include "balance.h"
#include "loop.h"
#include "net.h"
#include "relay.h"
#include "route.h"
#include "session.h"
#include "socks.h"

/* Kinds of descriptors in a worker's loop; the worker's own start at SESSION_KINDS. */
enum session_kind { SESSION_CLIENT = 1, SESSION_BACKEND, SESSION_KINDS };

enum session_state { SESSION_WAITING, SESSION_CONNECTING, SESSION_GREETING, SESSION_RELAYING };

#define SESSION_END_SIDE SESSION_ENDS /* one of the first two, whichever it was */

/* The sessions of one worker. */
struct sessions {
	struct session_shared *shared;
	unsigned worker; /* whose they are: its place among the cells */
	struct loop *loop;
	struct route_table *table; /* the worker's, replaced by it */
	struct relay relay;
	struct loop_fifo again, later, connecting, idle, draining, waiting, parting;
	int64_t turn;   /* of the loop, by its `now` */
	unsigned tries; /* in this turn, without the first one of each client */
	struct session *live; /* those that have the same target stand together */
	/* A backend could not be reached, for the first time since it was trusted. */
	void (*suspected)(struct sessions *set, struct route_backend *backend);
	bool (*starved)(struct sessions *set); /* no descriptor left for a backend: true when one was made free */
	void (*ended)(struct sessions *set, struct route_listener *listener); /* a session has gone, and its descriptors */
};

/* What is needed until a backend is reached; a session that reaches its first one directly never has it. */
struct attempt {
	struct socks socks;
	bool greeting; /* `socks` is in use */
	bool shortage; /* a backend could not be tried for want of something here */
	unsigned serial; /* of the table that `tried` goes by */
	struct balance_tried tried;
};

struct session {
	struct relay_side client, backend;
	struct loop_timer timer;
	struct session *prev, *next;
	struct route_listener *listener; /* stays while it counts this session as active; so does the next one */
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
	uint8_t header_version; /* of the PROXY protocol: see header_len; 0: none */
	uint8_t header_len; /* bytes before the client's own: the PROXY protocol's header */
	uint8_t first;      /* enum session_end: the side that was the first to end; SESSION_END_SIDE: neither */
	bool reset : 1;     /* one side was: the other will be */
	bool draining : 1;
	bool outgoing : 1;  /* the backend's connection is one of outgoing.h */
};

/* Makes sure that there is one. False without memory. */
bool session_attempt(struct session *session);
void session_forget_attempt(struct session *session);
uint64_t session_received(const struct session *session); /* bytes of the client's own that the backend has */
void session_count_bytes(const struct sessions *set, struct session *session); /* brings the counters of listener and backend up to date */
/* Into the list of all, before that one; NULL: there is none. */
void session_enter(struct sessions *set, struct session *session, struct session *next);
/* A worker's cell must be there. */
void session_take_target(struct sessions *set, struct session *session, struct route_backend *backend);
void session_release_target(struct sessions *set, struct session *session);
void session_close_backend(struct sessions *set, struct session *session);
/* The end: sockets, counters, access log. The session is freed at the end of the loop's turn. */
void session_end(struct sessions *set, struct session *session, enum session_end how);
/* What both sides are watched for: resets, in any case, and these events. May end the session. */
void session_want(struct sessions *set, struct session *session, unsigned client, unsigned backend);
void session_note_first(struct session *session, const struct relay_side *side); /* which ended or broke first */
void session_broke(struct sessions *set, struct session *session, const struct relay_side *side); /* ends it */
/* After an error of a side: when nobody reads it, only the error itself tells that it has failed. False when the
 * session is over. */
bool session_lives(struct sessions *set, struct session *session, const struct relay_side *side,
                   const struct relay_side *other);

#endif
