/* admin: a server for those who look (people, tools, probes), in the control plane's loop. It accepts, sets time
 * limits, and ends connections in order; what it says is its owner's matter: see peek.c and status.c. It serves so many
 * clients at a time; when there are more, one makes room: who has all that was asked for, or else an idle one, or else
 * the one that has waited longest without progress. Answers are made part by part, as they are taken: readers come by
 * turns, for a millisecond altogether, and then all others of the loop. */
#ifndef ADMIN_H
#define ADMIN_H

#include "base.h"
#include "body.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "text.h"

#define ADMIN_INPUT_MAX 8192 /* bytes that wait in `in` */
#ifndef ADMIN_CLIENTS_MAX
#define ADMIN_CLIENTS_MAX 128
#endif
#ifndef ADMIN_HELD_MAX
#define ADMIN_HELD_MAX (32u << 20) /* bytes that wait for slow readers; see admin_relieve */
#endif

struct admin_client {
	struct loop_io io;
	struct loop_timer timer;
	struct admin_client *prev, *next;
	struct buf in, out; /* the owner takes from `in`, and adds to `out` */
	struct body *body; /* what follows `out`; NULL: nothing does */
	size_t sent;   /* of `out` */
	uint64_t turn; /* when it came, or had its last part: in the order of these they have the next one */
	int64_t moved; /* when it came, its next request began, or some of an answer was taken */
	int unsent;    /* bytes that the other side had not acknowledged then */
	bool last;      /* nothing follows what is in `out` and `body` */
	bool waiting;   /* its answer is being prepared, and nothing of it is there */
	bool hungry;    /* it is to have the next part of `body` */
	bool served;    /* an answer has been given */
	bool dismissed; /* the server has moved: its next answer is to be the last one */
	/* The owner's, of the request that it answers: */
	bool close; /* the connection ends with it */
	bool bare;  /* the body is left out */
	bool old;   /* HTTP/1.0 */
	bool chunked;
	uint8_t page;
	uint16_t code;
};

/* Kinds of descriptors in the loop: `kind` for the listener, the next one for the clients. */
struct admin {
	struct loop *loop;
	uint8_t kind;
	void (*greet)(struct admin *admin, struct admin_client *client); /* it has come; may be NULL */
	/* `in` has grown, or an answer is out; NULL: input is not read. */
	void (*input)(struct admin *admin, struct admin_client *client);
	/* Adds a part of an answer to `out`; client->waiting: it is the first one. It may give up the body, when it makes do
	 * with that. False: the connection ends. */
	bool (*frame)(struct admin *admin, struct admin_client *client, struct buf *part, bool more);
	void *owner;
	struct loop_io listener;
	struct loop_fifo patience, linger, pause, turns;
	struct loop_timer resume, turn;
	uint64_t parts;  /* that were made */
	struct buf part; /* the one that is being made; kept while there are more */
	struct net_addr at; /* where it listens */
	struct admin_client *clients;
	unsigned count;
	bool early;  /* another process answers as yet: nobody is accepted */
	bool deaf;   /* it could not accept, which has been said */
	bool full;   /* it does not accept for a while, until an answer is prepared or somebody leaves */
};

/* Sets up a server that listens nowhere yet. `kind`, `greet`, `input` and `owner` are set by the caller. */
void admin_open(struct admin *admin, struct loop *loop);
/* Listens there, and no longer elsewhere; NULL: nowhere. 0, or an errno: then it listens where it did, if it can. */
int admin_listen(struct admin *admin, const struct net_addr *at);
void admin_begin(struct admin *admin); /* it is not early any more */
void admin_follow_zone(struct admin *admin); /* listens anew where the interface in its address has been made anew */
void admin_close(struct admin *admin);

/* Ends the connection at once, without an answer, or the rest of one: that is a reset. */
void admin_drop(struct admin *admin, struct admin_client *client);
/* Sends what is in `out`. With `last` the connection ends after it. The client may be gone afterwards. */
void admin_answer(struct admin *admin, struct admin_client *client, bool last);
/* Sends the body, which it takes, part by part, soon. The owner's frame() may still set client->last. */
void admin_answer_body(struct admin *admin, struct admin_client *client, struct body *body, bool last);
void admin_feed(struct admin *admin); /* gives out parts for a while; may be called once a turn, to begin at once */
void admin_forget_body(struct admin_client *client); /* nothing more of it is sent */

bool admin_ready(struct admin *admin, struct loop_io *io, unsigned events); /* false: not this server's */
bool admin_expired(struct admin *admin, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
