/* source: the frame of everything that yields services. A source is one file, with one struct source_kind, and a line in
 * sources.c; nothing else knows it. It runs in a thread of its own and blocks as it likes, in waits that end at once on
 * stop, and posts whole lists to the mailbox. */
#ifndef SOURCE_H
#define SOURCE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "config.h"
#include "mailbox.h"
#include "option.h"
#include "service.h"
#include "text.h"

struct source;

struct source_kind {
	const char *name;  /* in the log, metrics, /routes, the page and --backend: "consul" */
	const char *title; /* in sentences: "Consul" */
	const char *table; /* its keys are below this one: "consul" */
	const char *alias; /* and below this one; NULL: nowhere else */
	const struct option *options;
	size_t option_count, size; /* size: of the struct that has its values: its settings */
	const char *needs; /* must be given when it is asked for by name; NULL: nothing */
	bool standard;     /* is used when no other source is */
	bool remembers;    /* goes by state.path, too */
	bool polls;        /* with blocking queries, whose index may go back */

	/* Whether its settings make it wanted; NULL: when one of its keys is given. */
	bool (*wanted)(const void *settings);
	/* The thread; returns when it must stop. NULL: it has none, its services are in the configuration. */
	void (*run)(struct source *source);
	/* Its services as they are now, for -t; NULL: why says what is wrong. A NULL function: it is not asked then. */
	struct service_list *(*read)(const void *settings, struct buf *why);
	/* Adds its instances of one service to the list, for --explain, in a few seconds at most. `where` is then whom it asked, in
	 * words; or false, and that and what went wrong. NULL: it cannot be asked for one alone. */
	bool (*ask)(const void *settings, const char *service, struct service_list *list, struct buf *where);
	/* The tag that its services must have. NULL: they have no tags. */
	const char *(*word)(const void *settings);
	/* Whether it must read again at a reload that changes none of its keys. NULL: no. */
	bool (*restarts)(const void *settings);
};

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
	const struct source_kind *kind;
	const struct config *config;
	const void *settings; /* the kind's, in `config` */
	struct service_list *known; /* in force when it started, held; NULL: nothing was */
	struct mailbox *box;
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

int source_start(struct source *source); /* 0 or an errno */
/* Tells it to stop, and does not wait: a look-up of libc's may keep it. Nothing that it posts counts any more. */
void source_cancel(struct source *source);
void source_join(struct source *source); /* after source_cancel: waits for its end, at once when `ended` is set */

void source_post(struct source *source, struct service_list *list); /* its newest list, to the mailbox; takes it */
bool source_stopping(const struct source *source);
bool source_sleep(const struct source *source, int64_t ms); /* false when it must stop */

void source_error(struct source *source, int code); /* counts one */
#define SOURCE_COUNTED (-2) /* for a code: the error has been counted already */
/* Counts an error, says an outage once, and sleeps before the next try: 250 ms to 10 s with full jitter, at least
 * `at_least` ms. False when it must stop. */
bool source_failed(struct source *source, int code, const char *where, const char *why, int64_t at_least);
void source_worked(struct source *source, const char *where); /* says the end of an outage */

#endif
