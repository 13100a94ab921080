/* body: what somebody is sent, made part by part while it is taken: one part takes no long time, and only one is kept. It
 * consists of stages. Between two parts all may have changed, a table be gone: a stage keeps nothing of it, but where it
 * goes on (see walk.h). */
#ifndef BODY_H
#define BODY_H

#include "base.h"
#include "text.h"

#ifndef BODY_PART
#define BODY_PART (64 * 1024) /* a part ends with what has begun when it has so many bytes, or */
#endif
#ifndef BODY_STEPS
#define BODY_STEPS 2048       /* when so many things have been looked at */
#endif

struct body;
struct body_kind {
	/* One after the other, NULL behind the last. Each adds to body->out. True: body_full() has said to stop, and it goes
	 * on with the next part; then body->at is as it was left. False: it is complete. */
	bool (*const *stages)(struct body *body);
	void (*end)(struct body *body); /* gives back what it holds; may be NULL */
	size_t (*kept)(const struct body *body); /* bytes that it holds beside the part; NULL: few */
};

/* The first member of what a kind needs. */
struct body {
	const struct body_kind *kind;
	struct buf *out; /* of this part */
	size_t from;     /* where it begins in there */
	unsigned stage;
	size_t steps;
	size_t at;       /* the stage's own: 0 when it begins */
};

bool body_add(struct body *body, struct buf *out); /* the next part; false: it is the last one, or `out` has failed */
bool body_full(struct body *body, size_t steps); /* so many things more have been looked at: whether the part is to end */
size_t body_kept(const struct body *body); /* NULL is fine */
void body_put_all(struct body *body, struct buf *out); /* all of it, and frees it */
void body_free(struct body *body); /* NULL is fine */

#endif
