/* session_connect: a session until its backend is reached: CONNECTING, GREETING, WAITING, one backend after the
 * other. */
#ifndef SESSION_CONNECT_H
#define SESSION_CONNECT_H

#include "base.h"
#include "loop.h"
#include "relay.h"
#include "route.h"
#include "session_state.h"

/* Starts a connect to the next backend of the entry, NULL: it has left the table. May end the session. */
void session_dial(struct sessions *set, struct session *session, const struct route_entry *entry);
void session_connecting_watch(struct sessions *set, struct session *session);

void session_connecting_ready(struct sessions *set, struct session *session, struct relay_side *side,
                              struct relay_side *other, unsigned events);
void session_connecting_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo);
void session_greeting_ready(struct sessions *set, struct session *session, struct relay_side *side,
                            struct relay_side *other, unsigned events);
void session_greeting_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo);
void session_waiting_ready(struct sessions *set, struct session *session, struct relay_side *side,
                           struct relay_side *other, unsigned events);
void session_waiting_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo);

#endif
