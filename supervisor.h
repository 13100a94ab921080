/* supervisor: starts the sources that the configuration asks for, follows its changes, and stops them. The control
 * plane's thread only. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "base.h"
#include "config.h"
#include "mailbox.h"
#include "service.h"
#include "source.h"
#include "text.h"

struct supervisor {
	struct mailbox box;
	size_t count; /* of all sources; the next two have one place for each */
	struct service_list **lists; /* the newest of each; NULL: none yet */
	struct supervisor_thread **threads; /* NULL: this source does not run */
	struct supervisor_thread *leaving; /* a chain: cancelled, not yet joined */
	void (*ring)(void *arg);
	void *arg;
};

/* ring(arg) is called, from any thread, when a source has posted a list or has ended. */
void supervisor_open(struct supervisor *supervisor, void (*ring)(void *arg), void *arg);
/* Before that: the list of a source as another process had it last, which is taken; it is in force until the source posts. */
void supervisor_hand(struct supervisor *supervisor, struct slice source, struct service_list *list);
/* Goes by this configuration from now on. Sources that it does not change run on. False: a thread could not be started,
 * which has been logged. */
bool supervisor_follow(struct supervisor *supervisor, struct config *config);
/* Takes the lists that have been posted, and joins threads that have ended. Returns when the oldest of these lists was
 * complete, on sys_micros()'s clock; 0: none was posted. */
int64_t supervisor_collect(struct supervisor *supervisor);
bool supervisor_spoken(const struct supervisor *supervisor); /* each running source has posted a list */
void supervisor_cancel(struct supervisor *supervisor); /* the sources end, each when it can */
void supervisor_stop(struct supervisor *supervisor); /* joins all threads; the lists stay */
void supervisor_close(struct supervisor *supervisor);

struct supervisor_state {
	const struct source_kind *kind;
	bool used, up;
	int64_t age, last; /* last good answer: milliseconds ago, -1 none yet; and sys_wall() then, 0 none */
	bool failed; /* as a whole, at least once since it started */
	const struct source_counters *counters; /* NULL: it has none */
};
struct supervisor_state supervisor_state(const struct supervisor *supervisor, size_t source);

#endif
