/* supervisor: starts the sources that the configuration asks for, follows it when it changes, and stops them. The control
 * plane's thread only. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "base.h"
#include "config.h"
#include "mailbox.h"
#include "service.h"
#include "source.h"

struct supervisor {
	struct mailbox box;
	size_t count; /* of the sources, and of the next two */
	struct service_list **lists; /* the newest of each; NULL: none yet */
	struct supervisor_thread **threads; /* NULL: it does not run */
	struct supervisor_thread *leaving; /* cancelled, not yet joined */
	void (*ring)(void *arg);
	void *arg;
};

void supervisor_open(struct supervisor *supervisor, void (*ring)(void *arg), void *arg);
/* Goes by this configuration from now on. What has not changed runs on. False: a thread could not be started, which has
 * been said. */
bool supervisor_follow(struct supervisor *supervisor, struct config *config);
/* Takes what has been posted to lists, and joins threads that have ended. Returns when the oldest of these lists was
 * complete, on sys_micros()'s clock; 0: there was none. */
int64_t supervisor_collect(struct supervisor *supervisor);
bool supervisor_spoken(const struct supervisor *supervisor); /* each has said at least once what it knows */
void supervisor_stop(struct supervisor *supervisor); /* joins all threads; the lists stay */
void supervisor_close(struct supervisor *supervisor);

struct supervisor_state {
	const struct source_kind *kind;
	bool used, up;
	int64_t age, last; /* milliseconds since its last good answer; -1: none yet. Its time, on sys_wall()'s clock */
	bool failed; /* as a whole, at least once */
	const struct source_counters *counters; /* NULL: it has none */
};
struct supervisor_state supervisor_state(const struct supervisor *supervisor, size_t source);

#endif
