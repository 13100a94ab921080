/* longpoll: a blocking query, asked again and again over one kept connection: "answer when your index is no longer
 * this one". Consul and Nomad have the same rules for it; path, headers and the meaning of the answer are the user's.
 *
 *     resting --longpoll_query, longpoll_send--> asked --longpoll_receive, longpoll_take--> resting until longpoll_at
 *
 * After an error the user calls longpoll_close, and longpoll_restart before the next question. */
#ifndef LONGPOLL_H
#define LONGPOLL_H

#include "base.h"
#include "http.h"
#include "text.h"

struct longpoll {
	struct http http;
	const char *index_header; /* borrowed: the header that has an answer's index */
	int64_t wait;     /* longest wait to ask for, in milliseconds */
	int64_t index;    /* of the last answer; 0: none, so that the next answer comes at once */
	bool asked;       /* a question is under way */
	int64_t asked_at; /* when it went out */
	int64_t deadline; /* when its whole answer must be there */
	int64_t next_at;  /* not to be asked again before this */
};

void longpoll_open(struct longpoll *query, const char *index_header, int64_t wait, size_t max_body);
void longpoll_close(struct longpoll *query); /* the connection */
void longpoll_free(struct longpoll *query);
void longpoll_restart(struct longpoll *query); /* the next question may come at once, and has no index */

/* Begins a question: adds to its path how long the answer may wait (nothing while there is no index), and sets the
 * deadline. Then the request goes out, over a new connection where none is kept: NULL, or why not. */
void longpoll_query(struct longpoll *query, struct buf *path, int64_t now);
const char *longpoll_send(struct longpoll *query, const struct http_url *url, const struct buf *request, int cancel_fd);

/* Takes what has arrived, without waiting. NULL, or what is wrong. When http.response.done is set, the answer is
 * complete: the user reads it, and calls longpoll_take when it was a good one. */
const char *longpoll_receive(struct longpoll *query);

/* What the index of a good answer says. That it has moved does not prove that anything has changed. */
enum longpoll_news {
	LONGPOLL_SAME,
	LONGPOLL_MOVED,
	LONGPOLL_BACK, /* lower than before: the other side has started again, and so does the query */
	LONGPOLL_LOST, /* none, or nonsense */
};
/* Takes the index, and is done with the answer. The next question comes `pause` milliseconds later, or when the rules
 * of the index say. */
enum longpoll_news longpoll_take(struct longpoll *query, int64_t now, int64_t pause);

int longpoll_fd(const struct longpoll *query);     /* to wait on for input; -1: nothing has been asked */
int64_t longpoll_at(const struct longpoll *query); /* when to look at it even without input */
bool longpoll_answered(const struct longpoll *query); /* false: the first question since the restart is under way */

#endif
