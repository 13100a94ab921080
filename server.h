/* server: a small server in the control plane's loop, for people and machines that look: accepting, patience, and an
 * orderly end. What it says is its owner's matter. At most 64 clients at a time: when there are more, the one that has
 * been silent for longest makes room. */
#ifndef SERVER_H
#define SERVER_H

#include "base.h"
#include "loop.h"
#include "net.h"
#include "text.h"

#define SERVER_INPUT_MAX 8192 /* bytes that wait in `in` */

/* What several clients are sent; see server_body. */
struct server_body {
	struct buf text;
	unsigned refs;
};

struct server_client {
	struct loop_io io;
	struct loop_timer timer;
	struct server_client *prev, *next;
	struct buf in, out; /* the owner takes from `in`, and adds to `out` */
	struct server_body *body; /* held: follows `out`; NULL: nothing does */
	size_t sent;   /* of both */
	int64_t give_up;
	bool last;      /* nothing follows what is in `out` and `body` */
	bool waiting;   /* its answer is being prepared */
	bool dismissed; /* the server has moved: its next answer is to be the last one */
	bool close, bare, old; /* these and `page` are the owner's */
	uint8_t page;
};

/* Kinds of descriptors in the loop: `kind` for the listener, the next one for the clients. */
struct server {
	struct loop *loop;
	uint8_t kind;
	void (*greet)(struct server *s, struct server_client *c); /* it has come; may be NULL */
	void (*input)(struct server *s, struct server_client *c); /* `in` has grown, or an answer is out; NULL: unread */
	void *owner;
	struct loop_io listener;
	struct loop_fifo patience, linger, pause;
	struct loop_timer resume;
	struct net_addr at; /* where it listens */
	struct server_client *clients;
	unsigned count;
	size_t held; /* bytes of all bodies */
};

/* kind, greet, input and owner are set by the caller. */
void server_open(struct server *s, struct loop *loop);
/* Listens there, and no longer elsewhere; NULL: nowhere. 0, or an errno: then it listens where it did, if it can. */
int server_listen(struct server *s, const struct net_addr *at);
void server_close(struct server *s);

/* A body, held once by the caller; takes the text. */
struct server_body *server_body(struct server *s, struct buf *text);
struct server_body *server_body_ref(struct server_body *b);
void server_body_unref(struct server *s, struct server_body *b); /* NULL is fine */

/* Gives up the one client with a body that has taken nothing of it for longest, a second at least. False: there is none. */
bool server_relieve(struct server *s);
/* Sends what is in `out` and `body`. With `last` the connection ends after it. The client may be gone afterwards. */
void server_answer(struct server *s, struct server_client *c, bool last);

bool server_ready(struct server *s, struct loop_io *io, unsigned events); /* false: not this server's */
bool server_expired(struct server *s, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
