/* relay: moves bytes from one socket to another. Small amounts are copied through one scratch buffer of the worker;
 * bulk goes through a pipe by splice() where Linux can. What a socket would not take waits for it, and until it has
 * drained nothing more is read for it. */
#ifndef RELAY_H
#define RELAY_H

#include "base.h"
#include "loop.h"
#include "loop_backend.h"

#ifndef RELAY_SCRATCH
#define RELAY_SCRATCH (256 * 1024) /* bytes read at most in one go */
#endif
#define RELAY_PIPES 8 /* empty pipes that a worker keeps */

/* One socket of a session, and what waits to be written to it. */
struct relay_side {
	struct loop_io io;
	bool eof : 1;    /* nothing more will be read from it */
	bool shut : 1;   /* nothing more will be written to it */
	bool choked : 1; /* nothing is read for it until there is room for bulk */
	uint8_t quick;   /* how much its reader takes: the next read on its behalf is 16 KiB << quick */
	uint8_t full;    /* large reads in a row: a sign of bulk */
	uint64_t sent; /* bytes written to it */
	struct relay_spill *spill; /* what a copy left over; NULL as a rule */
	struct relay_pipe *pipe;   /* what a splice left over; NULL as a rule */
};

/* What a worker's sessions share. */
struct relay {
	char *block, *scratch; /* as allocated, and aligned in it */
	struct relay_pipe *pipes; /* empty ones */
	unsigned pipe_count;
	size_t held; /* bytes that wait for slow readers, in spills and pipes */
	bool no_splice; /* this system cannot */
};

enum relay_result {
	RELAY_MOVED, /* something was read and sent, or kept for later */
	RELAY_WAIT,  /* not now */
	RELAY_EOF,
	RELAY_FROM_BROKE, /* reading failed, see errno */
	RELAY_TO_BROKE,   /* writing failed, see errno; what was read waits */
	RELAY_NO_MEMORY   /* for what was read, or in the system: something of the stream is lost */
};

void relay_open(struct relay *relay);
void relay_close(struct relay *relay);

static inline bool relay_waiting(const struct relay_side *to)
{
	return to->spill || to->pipe || to->choked;
}

/* Moves one bounded portion. Nothing may be waiting for `to`. */
enum relay_result relay_move(struct relay *relay, struct relay_side *from, struct relay_side *to);
/* Writes what waits for `to`: RELAY_MOVED when it has drained. */
enum relay_result relay_flush(struct relay *relay, struct relay_side *to);
/* Puts bytes before all that waits for `to`. False without memory. */
bool relay_push(struct relay *relay, struct relay_side *to, const char *bytes, size_t len);
void relay_take_back(struct relay *relay, struct relay_side *to, size_t len); /* the first bytes of a copy that waits */
void relay_drop(struct relay *relay, struct relay_side *to); /* throws away what waits */

#endif
