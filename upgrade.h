/* upgrade: SIGUSR2: starts the program that now stands at dill's path, hands the listening sockets and the last lists of
 * the sources over to it, and leaves once the new process has a table in force. What goes wrong before that changes nothing.
 * The other side is takeover.c. The control plane's thread only.
 *
 *     IDLE ──SIGUSR2──► MEETS ──workers know──► STARTS ──it speaks──► SENDS ──all sent──► WAITS ──READY──► FOLLOWS
 *       ▲                                          │                    │                   │                 │ what came
 *       │                         ENDS ◄── timeout, or an error of what it says ────────────┤       meanwhile ▼ is sent
 *    workers                        └──reaped──┐  GONE ◄──workers have left the sockets── LEAVES ◄── TAKE
 *    look again ◄── SETTLES ◄──────────────────┴── its end ─────────────────────────────────┘
 */
#ifndef UPGRADE_H
#define UPGRADE_H

#include "base.h"

#include <sys/types.h>

#include "admin.h"
#include "handover.h"
#include "loop.h"
#include "loop_backend.h"
#include "route.h"
#include "supervisor.h"
#include "worker.h"

enum upgrade_state {
	UPGRADE_IDLE, UPGRADE_MEETS, UPGRADE_STARTS, UPGRADE_SENDS, UPGRADE_WAITS, UPGRADE_FOLLOWS, UPGRADE_ENDS,
	UPGRADE_SETTLES, UPGRADE_LEAVES, UPGRADE_GONE
};

struct upgrade {
	/* The caller's; borrowed. */
	struct route *route;
	struct worker_pool *pool;
	const struct supervisor *sources;
	const struct admin *servers[2];
	const bool *charged; /* this process is in charge */
	void (*stay)(void *owner);  /* it has come to nothing */
	void (*leave)(void *owner); /* the new process is in charge from now on */
	void *owner;

	enum upgrade_state state;
	bool stopped; /* this process stops: there is none any more */
	char *path; /* NULL: not known */
	char **argv;
	pid_t pid;  /* of the new process; 0: there is none */
	struct loop *loop;
	struct handover end;
	struct loop_io io;
	struct loop_fifo timeout;
	struct loop_timer timer;
	struct upgrade_item *items; /* sockets to be sent, by address */
	size_t count, at;
};

/* At the start of the program, before anybody changes its folder. */
void upgrade_open(struct upgrade *upgrade, char **argv);
void upgrade_watch(struct upgrade *upgrade, struct loop *loop, uint8_t kind);
void upgrade_close(struct upgrade *upgrade); /* after the route: the new process takes it as a sign that no socket is left */

void upgrade_begin(struct upgrade *upgrade, int64_t timeout); /* SIGUSR2 */
void upgrade_stop(struct upgrade *upgrade);  /* this process is told to stop: one that runs comes to nothing */
bool upgrade_runs(const struct upgrade *upgrade);
bool upgrade_left(const struct upgrade *upgrade); /* another process is in charge */
void upgrade_child(struct upgrade *upgrade); /* SIGCHLD */
void upgrade_woken(struct upgrade *upgrade);
bool upgrade_ready(struct upgrade *upgrade, struct loop_io *io, unsigned events); /* false: not its own, as the next */
bool upgrade_expired(struct upgrade *upgrade, struct loop_fifo *fifo);

#endif
