/* resolve_channel: a UDP socket or a TCP connection to a name server, and whole messages over it. */
#ifndef RESOLVE_CHANNEL_H
#define RESOLVE_CHANNEL_H

#include "base.h"
#include "dns.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "text.h"

#define RESOLVE_UDP 4096 /* bytes of a message over UDP that are read: more than any server is asked for */

struct resolve_query;

struct resolve_channel {
	struct loop_io io;
	bool tcp;
	bool sent;         /* TCP: the question, once it is connected */
	struct buf message; /* TCP: what has come, the length first */
	/* The owner's. */
	uint8_t server;
	unsigned questions;
	int64_t opened_at;
	struct resolve_query *first; /* those under way */
};

/* It becomes ready to send (TCP) or to receive. NULL: *error says why; it is no fault of the server if net_exhausted(*error). */
struct resolve_channel *resolve_channel_open(struct loop *loop, uint8_t kind, const struct net_addr *addr, bool tcp, int *error);
/* It lives on until the turn ends, and so do messages that have come over it by TCP. */
void resolve_channel_close(struct loop *loop, struct resolve_channel *channel);

#define RESOLVE_HEAD 2 /* room before each message, for its length over TCP */
/* Sends what is in `room` behind RESOLVE_HEAD. An errno, or 0. */
int resolve_channel_send(struct loop *loop, struct resolve_channel *channel, uint8_t *room, size_t len);
/* The next message: *message is NULL when there is none yet; `room` is used for UDP. An errno, or 0. */
int resolve_channel_receive(struct resolve_channel *channel, uint8_t room[RESOLVE_UDP], const uint8_t **message, size_t *len);

#endif
