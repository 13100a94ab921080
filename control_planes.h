/* control_planes: what the control plane consists of: opened, closed, and told what the configuration says. */
#ifndef CONTROL_PLANES_H
#define CONTROL_PLANES_H

#include "base.h"

#include <stdatomic.h>

#include "admin.h"
#include "config.h"
#include "health.h"
#include "loop.h"
#include "loop_backend.h"
#include "resolve.h"
#include "route.h"
#include "stats.h"
#include "status.h"
#include "supervisor.h"
#include "sys.h"
#include "takeover.h"
#include "upgrade.h"
#include "worker.h"

/* Kinds of descriptors in the control loop; a server has two. */
enum control_kind {
	CONTROL_SIGNALS, CONTROL_PEEK, CONTROL_STATUS = CONTROL_PEEK + 2, CONTROL_PROBE = CONTROL_STATUS + 2, CONTROL_RESOLVE,
	CONTROL_UPGRADE
};

struct control {
	int argc;
	char **argv;
	struct config *config;
	struct loop loop;
	struct loop_io signals;
	struct loop_fifo rebind, names, grace;
	struct loop_timer rebind_timer, names_timer, grace_timer;
	struct route route;
	struct arena ranges; /* listeners.allow, backends.allow, and what is reserved */
	struct worker_pool pool;
	struct supervisor sources;
	struct resolver *resolver;
	struct health health;
	struct admin peek;
	struct status status;
	struct stats stats;
	struct upgrade upgrade;
	struct takeover takeover;
	atomic_bool news; /* of a source or the resolver */
	bool stopping;
	bool left; /* a new process is in charge, and this one serves what connections it has */
	bool said_ready; /* to the service manager */
	bool upgrade_next; /* as soon as the one before is over */
};

bool control_open_loop(struct control *control, const struct loop_ops *ops, int signals);
void control_open_planes(struct control *control); /* all that the loop needs, except the workers */
bool control_start_workers(struct control *control); /* false: there are none, which has been said */
void control_close_planes(struct control *control);  /* what of them is open, and the loop; not the workers */
/* What the configuration says. Of it all, only the number of workers stays as it was at the start. */
void control_set(struct control *control, const struct config *config);
void control_set_limit(struct control *control); /* of sessions, for this table */

#endif
