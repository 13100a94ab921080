/* loop: interest in descriptors, deadlines, wake-ups and end-of-turn frees. One thread runs a loop; only loop_wake
 * may be called from others. */
#ifndef LOOP_H
#define LOOP_H

#include "base.h"

#include <stdatomic.h>

#include "loop_backend.h"

/* One FIFO per distinct timeout: arming and disarming cost O(1) however many wait. */
struct loop_timer {
	struct loop_timer *prev, *next; /* NULL when not armed */
	int64_t at;
};
struct loop_fifo {
	struct loop_timer head;
	struct loop_fifo *below;
	int64_t after; /* milliseconds */
	uint8_t kind;  /* the owner's */
};

struct loop;
/* What a loop's owner does. Events are level-triggered. HUP and ERR come as LOOP_IN | LOOP_OUT to those who want
 * either: the handler learns the truth by trying. ERR comes as LOOP_ERROR too, even to those who want nothing. */
struct loop_ops {
	void (*ready)(struct loop *loop, struct loop_io *io, unsigned events);
	void (*expired)(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer); /* disarmed already */
	void (*woken)(struct loop *loop);
};

struct loop {
	const struct loop_ops *ops;
	void *owner;
	int64_t now; /* sys_now() as of this turn */
	bool stop;   /* set by a handler: the turn is the last one */
	int wake_fds[2];
	struct loop_io wake;
	atomic_bool wake_sent;
	struct loop_fifo *fifos;
	void **dead;
	size_t dead_count, dead_cap;
	const struct loop_backend *backend;
	void *set; /* the backend's */
};

bool loop_open(struct loop *loop, const struct loop_ops *ops, void *owner); /* false: errno says why */
void loop_close(struct loop *loop);
void loop_run(struct loop *loop); /* until loop->stop */
void loop_wake(struct loop *loop); /* any thread: ops->woken runs soon, once for any number of calls before it */

/* Sets the events to watch for; 0 takes io out of the set. Withdrawing is lazy: it costs a system call only when an
 * event that nobody wants arrives. False when the system refuses a new descriptor. */
bool loop_want(struct loop *loop, struct loop_io *io, unsigned events);
void loop_forget(struct loop *loop, struct loop_io *io);   /* out of the set at once; the descriptor stays open */
void loop_close_fd(struct loop *loop, struct loop_io *io); /* out of the set, closed, fd = -1 */
/* Whether another process may have some of our descriptors, also if only for the moment in which it begins: to close one
 * does not take it out of the set then, and it is taken out by hand. Any thread; each loop goes by it a moment later. */
void loop_duplicated(bool duplicated);
void loop_free(struct loop *loop, void *block);            /* free() at the end of the turn */

void loop_fifo_open(struct loop *loop, struct loop_fifo *fifo, int64_t after_ms, uint8_t kind);
void loop_fifo_retime(struct loop_fifo *fifo, int64_t after_ms); /* moves armed timers by the difference */
void loop_arm(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer); /* again, if it is armed already */
void loop_disarm(struct loop_timer *timer);

#endif
