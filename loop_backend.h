/* loop_backend: between loop.c and the system. epoll on Linux (loop_epoll.c); poll() elsewhere, and where epoll is
 * refused (loop_poll.c); -DLOOP_POLL forces poll(). A backend returns ready descriptors, and knows nothing of the loop
 * above it. */
#ifndef LOOP_BACKEND_H
#define LOOP_BACKEND_H

#include "base.h"

#if defined(__linux__) && !defined(LOOP_POLL)
#define LOOP_EPOLL
#endif

enum loop_bit {
	LOOP_IN = 1,
	LOOP_OUT = 2,
	LOOP_SHARED = 4,    /* several loops watch this descriptor: wake one of them, where the system can */
	LOOP_TOLERATED = 8, /* the loop's own, in loop_io.have: an event that nobody wanted has come once */
	LOOP_HUP = 16,      /* from the backend: both ways are shut */
	LOOP_ERROR = 32,    /* the descriptor has failed: told even to those who want nothing */
	LOOP_KNOWN = 128    /* the backend's own, in loop_io.have: in the set, if only for errors */
};

/* A descriptor that a loop may watch, embedded by its owner. Start with LOOP_IO. */
struct loop_io {
	int fd;        /* -1 once closed; the block must live on until the turn ends (loop_free) */
	uint8_t kind;  /* the owner's: tells the handler what this is */
	uint8_t want;  /* what was asked for */
	uint8_t have;  /* the backend's: what the system has been told; 0: an event that comes now is not this one's */
	uint32_t slot; /* poll(): place in the array, 0 when not in it */
};
#define LOOP_IO(fd, kind) ((struct loop_io){ (fd), (kind), 0, 0, 0 })

struct loop_event {
	struct loop_io *io;
	unsigned events; /* LOOP_IN, LOOP_OUT, LOOP_HUP, LOOP_ERROR */
};

/* `set` is what open has returned. */
struct loop_backend {
	bool lazy; /* taking an interest back costs a system call: better left until an event nobody wants comes */
	void *(*open)(void); /* NULL: errno says why */
	void (*close)(void *set);
	bool (*want)(void *set, struct loop_io *io); /* tells the system of io->want; false: errno says why not */
	void (*forget)(void *set, struct loop_io *io, bool closing);
	/* Waits for events and returns how many there are. *events, the backend's own, stays as it is until the next
	 * call, whatever is registered, forgotten or closed meanwhile: the caller passes over those whose `have` is 0 by
	 * then. */
	size_t (*wait)(void *set, int timeout_ms, const struct loop_event **events);
};
extern const struct loop_backend loop_epoll, loop_poll;

#endif
