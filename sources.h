/* sources: all that say which services there are: what the configuration asks for is started, followed when the
 * configuration changes, and stopped. The control plane's thread only. */
#ifndef SOURCES_H
#define SOURCES_H

#include "base.h"
#include "config.h"
#include "source.h"

struct sources {
	struct service_mailbox box;
	struct service_list *lists[CONFIG_SOURCES]; /* the newest of each; NULL: none yet */
	struct sources_thread *threads[CONFIG_SOURCES]; /* NULL: it does not run */
	struct sources_thread *leaving; /* cancelled, not yet joined */
	void (*ring)(void *arg);
	void *arg;
};

/* The services that the configuration itself names. NULL when something in it is wrong, which has been said. */
struct service_list *sources_given(const struct config *c);
/* Whether addresses and names that the sources go by can be used; what is wrong has been said. */
bool sources_check(const struct config *c);

void sources_open(struct sources *s, void (*ring)(void *arg), void *arg);
/* Goes by this configuration from now on. Takes `given`. What has not changed runs on. False: a thread could not be
 * started, which has been said. */
bool sources_follow(struct sources *s, struct config *c, struct service_list *given);
/* Takes what has been posted to lists, and joins threads that have ended. Returns when the oldest of these lists was
 * complete, on sys_micros()'s clock; 0: there was none. */
int64_t sources_collect(struct sources *s);
struct sources_state {
	const char *name;
	bool used, up;
	int64_t age, last; /* milliseconds since its last good answer; -1: none yet. Its time, on sys_wall()'s clock */
	bool failed; /* as a whole, at least once */
	const struct source_counters *counters; /* NULL: it has none */
};
struct sources_state sources_state(const struct sources *s, size_t source);
bool sources_spoken(const struct sources *s); /* each has said at least once what it knows */
void sources_stop(struct sources *s); /* joins all threads; the lists stay */
void sources_close(struct sources *s);

#endif
