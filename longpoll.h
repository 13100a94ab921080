/* longpoll: a blocking query ("answer when your index is no longer this one"), repeated over one kept connection.
 * Consul and Nomad have the same rules for it; the path, the headers and the meaning of the answer are the caller's.
 *
 *     resting --longpoll_query, longpoll_send--> asked --longpoll_receive, longpoll_take--> resting until longpoll_at
 *
 * After an error the caller calls longpoll_close, and longpoll_restart before the next question. */
#ifndef LONGPOLL_H
#define LONGPOLL_H

#include "base.h"
#include "http.h"
#include "http_url.h"
#include "text.h"

struct longpoll {
	struct http http;
	const char *index_header; /* borrowed: the header with the index of an answer */
	int64_t wait;     /* longest wait to ask for, in milliseconds */
	int64_t most;     /* the same, or less where a gateway on the way ends longer ones */
	int64_t index;    /* of the last answer; 0: none, so the next answer comes at once */
	bool again;       /* the next question goes without the index, to see whether it is still true */
	bool asked;       /* a question waits for its answer */
	bool kept;        /* it went over a connection that had served another one */
	bool cut;         /* the one before ended early, without an answer */
	bool answered;    /* one was, since the restart */
	unsigned early;   /* answers in a row that did not wait, up to a limit */
	int64_t waits;    /* the wait that it asked for; 0: it comes back at once */
	int64_t asked_at; /* when it went out */
	int64_t deadline; /* when its whole answer must be there */
	int64_t next_at;  /* do not ask again before this */
};

void longpoll_open(struct longpoll *query, const char *index_header, int64_t wait, size_t max_body);
void longpoll_close(struct longpoll *query); /* ends the connection, if any */
void longpoll_free(struct longpoll *query);
void longpoll_restart(struct longpoll *query); /* the next question has no index, and may go out at once */

/* Begins a question: adds the index and the wait to its path (nothing while there is no index), and sets the deadline.
 * Then longpoll_send sends the request, over a new connection when none is kept. Returns NULL, or why it could not. */
void longpoll_query(struct longpoll *query, struct buf *path, int64_t now);
const char *longpoll_send(struct longpoll *query, const struct http_url *url, const struct buf *request, int cancel_fd);

/* Takes what has arrived, without waiting. Returns NULL or the reason. When http.response.done is set, the answer
 * is complete: read it, and call longpoll_take if it is good. A question that ended without an answer, and is no sign of
 * an outage, is no longer asked: ask it again. That is so of a kept connection that has ended meanwhile, and of a gateway
 * that does not let questions wait for so long. */
const char *longpoll_receive(struct longpoll *query);

/* What the index of a good answer says. An index may move although nothing has changed. */
enum longpoll_news {
	LONGPOLL_SAME,
	LONGPOLL_MOVED,
	LONGPOLL_BACK, /* lower than before: the server's data is another; the query starts again without index */
	LONGPOLL_LOST, /* missing, or not a positive number */
};
/* Takes the index, and drops the answer. The next question may go out `pause` milliseconds later; after a lost, lower
 * or early index, not before the time that the rules fix. */
enum longpoll_news longpoll_take(struct longpoll *query, int64_t now, int64_t pause);

void longpoll_doubt(struct longpoll *query); /* asks anew, at once and without the index: is the last answer still true? */
void longpoll_put_off(struct longpoll *query, int64_t at); /* drops the answer; the next question is the first again */

int longpoll_fd(const struct longpoll *query);     /* wait on it for input; -1: nothing has been asked */
int64_t longpoll_at(const struct longpoll *query); /* when to ask, or to give up waiting */
bool longpoll_answered(const struct longpoll *query); /* since the restart */
int64_t longpoll_index(const struct http_response *response, const char *header); /* 0: none; -1: not a number */

#endif
