/* loop: interest in descriptors, deadlines, wake-ups and end-of-turn frees. One thread runs a loop; only loop_wake
 * may be called from others. poll() everywhere, epoll on Linux; -DLOOP_POLL forces poll(). */
#ifndef LOOP_H
#define LOOP_H

#include "base.h"

#include <stdatomic.h>

#if defined(__linux__) && !defined(LOOP_POLL)
#define LOOP_EPOLL
#define LOOP_LAZY true
#else
#define LOOP_LAZY false
#endif

enum loop_events {
	LOOP_IN = 1,
	LOOP_OUT = 2,
	LOOP_SHARED = 4, /* several loops watch this descriptor: wake one of them, where the system can */
	LOOP_TOLERATED = 8, /* the loop's own: an event that nobody wanted has come once */
	LOOP_HUP = 16,      /* between the backend and loop.c: both ways are shut */
	LOOP_ERROR = 32     /* the descriptor has failed: told even to those who want nothing */
};

/* A descriptor that a loop may watch, embedded by its owner. Start with LOOP_IO. */
struct loop_io {
	int fd;        /* -1 once closed; the block must live on until the turn ends (loop_free) */
	uint8_t kind;  /* the owner's: tells the handler what this is */
	uint8_t want;  /* what was asked for */
	uint8_t have;  /* what the system has been told */
	uint32_t slot; /* poll(): place in the array, 0 when not in it */
};
#define LOOP_IO(fd, kind) ((struct loop_io){ (fd), (kind), 0, 0, 0 })

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
	void (*ready)(struct loop *l, struct loop_io *io, unsigned events);
	void (*expired)(struct loop *l, struct loop_fifo *fifo, struct loop_timer *timer); /* disarmed already */
	void (*woken)(struct loop *l);
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
	struct loop_backend *backend;
};

bool loop_open(struct loop *l, const struct loop_ops *ops, void *owner); /* false: errno says why */
void loop_close(struct loop *l);
void loop_run(struct loop *l); /* until l->stop */
void loop_wake(struct loop *l); /* any thread: ops->woken runs soon, once for any number of calls before it */

/* Sets what is watched for; 0 takes io out of the set. Withdrawing is lazy: it costs a system call only when an event
 * that nobody wants arrives. False when the system refuses a new descriptor. */
bool loop_want(struct loop *l, struct loop_io *io, unsigned events);
void loop_forget(struct loop *l, struct loop_io *io);   /* out of the set at once; the descriptor stays open */
void loop_close_fd(struct loop *l, struct loop_io *io); /* out of the set, closed, fd = -1 */
void loop_free(struct loop *l, void *block);            /* free() at the end of the turn */

void loop_fifo_open(struct loop *l, struct loop_fifo *f, int64_t after_ms, uint8_t kind);
void loop_fifo_retime(struct loop_fifo *f, int64_t after_ms); /* moves what is armed by the difference */
void loop_arm(struct loop *l, struct loop_fifo *f, struct loop_timer *t); /* anew, when it is armed already */
void loop_disarm(struct loop_timer *t);

/* Between loop.c and its backend. */
struct loop_backend *loop_backend_open(void);
void loop_backend_close(struct loop_backend *b);
bool loop_backend_want(struct loop_backend *b, struct loop_io *io);
void loop_backend_forget(struct loop_backend *b, struct loop_io *io, bool closing);
void loop_backend_wait(struct loop *l, int timeout_ms);
void loop_ready(struct loop *l, struct loop_io *io, unsigned events);

#endif
