/* session_relay: RELAYING: both ways, each until its end of file. What returns bool: false when the session is over. */
#ifndef SESSION_RELAY_H
#define SESSION_RELAY_H

#include "base.h"
#include "loop.h"
#include "relay.h"
#include "session_state.h"

bool session_relay_begin(struct sessions *set, struct session *session); /* the backend has answered */
/* The same, when the connect itself tells so. */
bool session_relay_connected(struct sessions *set, struct session *session);
void session_relay_watch(struct sessions *set, struct session *session);
void session_relay_arm(struct sessions *set, struct session *session); /* its timer */
void session_relay_ready(struct sessions *set, struct session *session, struct relay_side *side,
                         struct relay_side *other, unsigned events);
void session_relay_expired(struct sessions *set, struct session *session, const struct loop_fifo *fifo);
/* After the target has left, or come back, or both. */
void session_relay_follow_target(struct sessions *set, struct session *session);
/* Acts on the result of relay_move or relay_flush; the second: when that is an end, or a failure, of a side. */
bool session_relay_moved(struct sessions *set, struct session *session, struct relay_side *from, struct relay_side *to,
                         enum relay_result result);
bool session_side_ended(struct sessions *set, struct session *session, struct relay_side *from, struct relay_side *to,
                        enum relay_result result);

#endif
