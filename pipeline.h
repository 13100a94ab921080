/* pipeline: many questions over one kept connection, answered in their order, and whose fault it is when it breaks. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "base.h"
#include "http.h"
#include "http_url.h"
#include "source.h"
#include "text.h"

#define PIPELINE_MS 5000 /* for one answer */

struct pipeline {
	struct source *source; /* the caller sets these three, borrowed; its stop ends all waits */
	const struct http_url *url;
	size_t most;     /* questions that are asked together */
	struct http http;
	size_t depth;    /* the same, where the server ends a connection after fewer answers */
	size_t served;   /* answers over this connection */
	size_t received; /* bytes of all answers' bodies */
};

/* Questions that belong together: a struct of the caller's begins with it, and has the rest that these three need. */
struct pipeline_batch {
	size_t count, done, asked; /* those before `done` have been answered, those before `asked` are on their way */
	int64_t began, deadline;   /* when the newest were asked, and when the next answer must be there */
	bool denied;               /* take() has said so */
	/* Adds the questions from `done` up to `asked`, and expects the first answer. */
	void (*ask)(struct pipeline_batch *batch, struct buf *out);
	/* Takes an answer, and moves `done` on when it is the last one to its question. The next answer may come with this
	 * one, and be looked at at once. NULL, or why all others would be refused, too. */
	const char *(*take)(struct pipeline_batch *batch);
	void (*fail)(struct pipeline_batch *batch, const char *why); /* there is no answer to the question `done`: moves on */
};

void pipeline_open(struct pipeline *pipeline, size_t max_body); /* after the three are set */
void pipeline_close(struct pipeline *pipeline); /* ends the connection, if any; the next batch opens it again */
void pipeline_free(struct pipeline *pipeline);

/* Asks all questions. When a new connection breaks, the question whose answer broke it has failed, and the others go on.
 * Two of these in a row, with no answer in between, end it. Returns NULL, or why nothing more can be asked; *lost tells
 * that this was after two. */
const char *pipeline_run(struct pipeline *pipeline, struct pipeline_batch *batch, bool *lost);

#endif
