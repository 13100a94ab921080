/* takeover: the side of upgrade.c that a new process has: it takes sockets and lists over, says when its table is in force,
 * and hears when it is in charge: when it is told so, or when the old process has gone without a word. Until then it writes
 * no files, and says nothing to the service manager. The control plane's thread only. */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "base.h"
#include "handover.h"
#include "loop.h"
#include "loop_backend.h"
#include "supervisor.h"

struct takeover {
	/* The caller's. */
	void (*charge)(void *owner); /* this process is in charge from now on */
	void (*alone)(void *owner);  /* and the old one has left all sockets */
	void *owner;

	bool on;      /* another process has started this one to take its place, and is there */
	bool charged; /* this one is in charge; also where there was no other */
	bool ready;   /* it has said so */
	bool refused; /* the old one goes on */
	struct loop *loop;
	struct handover end;
	struct loop_io io;
	struct loop_fifo unclaimed;
	struct loop_timer timer;
};

/* At a start: takes what there is to take, which may last. The lists go to the supervisor. False: it must not start, which
 * has been said. */
bool takeover_begin(struct takeover *takeover, struct supervisor *sources);
void takeover_watch(struct takeover *takeover, struct loop *loop, uint8_t kind);
void takeover_tell(struct takeover *takeover); /* the table is in force */
bool takeover_ready(struct takeover *takeover, struct loop_io *io); /* false: not its own, as the next */
bool takeover_expired(struct takeover *takeover, struct loop_fifo *fifo);
void takeover_close(struct takeover *takeover);

#endif
