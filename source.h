/* source: the thread frame of everything that yields services. A source blocks as it likes, in waits that end at once
 * on stop, and posts whole lists to the mailbox. */
#ifndef SOURCE_H
#define SOURCE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "config.h"
#include "service.h"

#define SOURCE_CODES 8

/* What a source has counted: one thread writes, others may read. */
struct source_counters {
	atomic_ullong resets;  /* of a blocking query's index */
	atomic_ullong outages; /* tries that failed as a whole */
	struct {
		atomic_int code; /* HTTP status of the answer; 0: there was none, or none that could be read */
		atomic_ullong count;
	} errors[SOURCE_CODES]; /* the first one is for code 0; the last one, with code -1, has all that found no place */
};

struct source {
	const char *name; /* "consul" */
	void (*run)(struct source *s); /* the thread; returns when it must stop */
	const struct config *config;
	struct service_list *known; /* what was in force when it started, held; NULL: nothing */
	struct service_mailbox *box;
	size_t slot;
	void (*ring)(void *arg); /* called by the thread at its end */
	void *arg;
	int cancel[2]; /* cancel[0] becomes readable on stop */
	pthread_t thread;
	bool down; /* an outage has been said */
	unsigned failures; /* in a row */
	atomic_bool cancelled, ended;
	atomic_bool up;
	struct source_counters counters;
	atomic_llong last_good; /* sys_wall() of the last good answer, 0 before */
};

int source_start(struct source *s); /* 0 or an errno */
/* Tells it to stop, and does not wait: a look-up of libc's may keep it. Nothing that it posts counts any more. */
void source_cancel(struct source *s);
void source_join(struct source *s); /* after source_cancel: waits for its end, at once when `ended` is set */

void source_post(struct source *s, struct service_list *list); /* its newest list, to the mailbox; takes it */
bool source_stopping(const struct source *s);
bool source_sleep(const struct source *s, int64_t ms); /* false when it must stop */

void source_error(struct source *s, int code); /* counts one */
#define SOURCE_COUNTED (-2) /* for a code: the error has been counted already */
/* Counts an error, says an outage once, and sleeps before the next try: 250 ms to 10 s with full jitter, at least
 * `at_least` ms. False when it must stop. */
bool source_failed(struct source *s, int code, const char *where, const char *why, int64_t at_least);
void source_worked(struct source *s, const char *where); /* says the end of an outage */

#endif
