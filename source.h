/* source: the thread frame of everything that yields services. A source blocks as it likes, in waits that end at once
 * on stop, and posts whole lists to the mailbox. */
#ifndef SOURCE_H
#define SOURCE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "service.h"

struct source {
	const char *name; /* "consul" */
	void (*run)(struct source *s); /* the thread; returns when it must stop */
	void *config;                  /* the source's own */
	struct service_mailbox *box;
	size_t slot;
	int cancel[2]; /* cancel[0] becomes readable on stop */
	pthread_t thread;
	bool down; /* an outage has been said */
	unsigned failures; /* in a row */
	atomic_bool up;
	atomic_llong last_good; /* sys_wall() of the last good answer, 0 before */
};

int source_start(struct source *s); /* 0 or an errno */
void source_stop(struct source *s); /* and joins it */

bool source_stopping(const struct source *s);
bool source_sleep(const struct source *s, int64_t ms); /* false when it must stop */

/* Says an outage once, and sleeps before the next try: 250 ms to 10 s with full jitter, at least `at_least` ms.
 * False when it must stop. */
bool source_failed(struct source *s, const char *where, const char *why, int64_t at_least);
void source_worked(struct source *s, const char *where); /* says the end of an outage */

#endif
