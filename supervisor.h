/* supervisor: all that say which services there are: what the configuration asks for is started, followed when the
 * configuration changes, and stopped. The control plane's thread only. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "base.h"
#include "config.h"
#include "source.h"

struct supervisor {
	struct service_mailbox box;
	struct service_list *lists[CONFIG_SOURCES]; /* the newest of each; NULL: none yet */
	struct supervisor_thread *threads[CONFIG_SOURCES]; /* NULL: it does not run */
	struct supervisor_thread *leaving; /* cancelled, not yet joined */
	void (*ring)(void *arg);
	void *arg;
};

/* The services that the configuration itself names. NULL when something in it is wrong, which has been said. */
struct service_list *supervisor_given(const struct config *c);
/* Whether addresses and names that the sources go by can be used; what is wrong has been said. */
bool supervisor_check(const struct config *c);

void supervisor_open(struct supervisor *s, void (*ring)(void *arg), void *arg);
/* Goes by this configuration from now on. Takes `given`. What has not changed runs on. False: a thread could not be
 * started, which has been said. */
bool supervisor_follow(struct supervisor *s, struct config *c, struct service_list *given);
/* Takes what has been posted to lists, and joins threads that have ended. Returns when the oldest of these lists was
 * complete, on sys_micros()'s clock; 0: there was none. */
int64_t supervisor_collect(struct supervisor *s);
struct supervisor_state {
	const char *name;
	bool used, up;
	int64_t age, last; /* milliseconds since its last good answer; -1: none yet. Its time, on sys_wall()'s clock */
	bool failed; /* as a whole, at least once */
	const struct source_counters *counters; /* NULL: it has none */
};
struct supervisor_state supervisor_state(const struct supervisor *s, size_t source);
bool supervisor_spoken(const struct supervisor *s); /* each has said at least once what it knows */
void supervisor_stop(struct supervisor *s); /* joins all threads; the lists stay */
void supervisor_close(struct supervisor *s);

#endif
