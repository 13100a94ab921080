/* source: the frame of everything that yields services. A source is one file with one struct source_kind, and one
 * line in sources.c; nothing else in the program names it. It runs in a thread of its own and posts whole lists to
 * the mailbox. It may block, in waits that end at once when it must stop. */
#ifndef SOURCE_H
#define SOURCE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "config.h"
#include "http_url.h"
#include "mailbox.h"
#include "option.h"
#include "service.h"
#include "sys.h"
#include "text.h"

struct source;

struct source_kind {
	const char *name;  /* in the log, metrics, /routes, the page and --backend: "consul" */
	const char *title; /* in sentences: "Consul" */
	const char *table; /* of its keys in the configuration: "consul" */
	const char *alias; /* another name of that table; NULL: it has none */
	const struct option *options;
	size_t option_count, size; /* size: of the struct that has their values, its settings */
	const char *asks;  /* the key of the URL that it asks; NULL: it asks none */
	uint16_t asks_port; /* of a URL that names neither scheme nor port */
	/* The n-th of `asks_too` more URLs, which variables name, and its variable. False: there is none in that place. */
	bool (*asked)(const char *name, size_t n, struct http_url *url, const char **variable);
	size_t asks_too;
	const char *shares; /* tables of the program's own keys that it goes by, too, in a comma list: "aws,tls"; or NULL */
	const char *needs; /* what must be given when the source is asked for by name; or NULL */
	/* Variables of other programs that no key stands for; key: the variable's name. */
	const struct option *variables;
	size_t variable_count;
	bool standard;     /* used when no other source is wanted */
	bool remembers;    /* uses state.path */
	bool polls;        /* uses blocking queries, whose index may go back */

	/* Appends why it cannot do with its settings, where it is used; nothing: it can. A NULL function: it always can. */
	void (*check)(const void *settings, struct buf *why);
	/* Whether its settings make it wanted; NULL: when one of its keys is given. */
	bool (*wanted)(const void *settings);
	/* Called when all is set, and it is used: what the variables change in its settings. Returns the one that has changed
	 * the value of `asks`; NULL: none has. A NULL function: nothing follows from them. */
	const char *(*settle)(void *settings, struct arena *memory);
	/* Runs in the thread; returns when it must stop. NULL: it has no thread; its services are in the configuration. */
	void (*run)(struct source *source);
	/* Returns its services as they are now, for -t; NULL: why is the reason. A NULL function: -t leaves it out. */
	struct service_list *(*read)(const void *settings, struct buf *why);
	/* For --explain: adds its instances of one service to the list, within a few seconds. True: `where` says in words
	 * whom it asked; false: also what went wrong. NULL: it cannot be asked for a single service. */
	bool (*ask)(const void *settings, const char *service, struct service_list *list, struct buf *where);
	/* The tag that its services must have. NULL: they have no tags. */
	const char *(*word)(const void *settings);
	/* Whether it must read again at a reload that changes none of its keys. NULL: it need not. */
	bool (*restarts)(const void *settings);
};

#define SOURCE_CODES 8

/* What a source has counted: one thread writes, others may read. */
struct source_counters {
	atomic_ullong resets;  /* of a blocking query's index */
	atomic_ullong outages; /* attempts that failed as a whole */
	atomic_ullong unsaved; /* writes of state.path that failed */
	struct {
		atomic_int code; /* HTTP status of the answer; 0: no answer that could be read */
		atomic_ullong count;
	} errors[SOURCE_CODES]; /* [0] is for code 0; the last, with code -1, counts all codes that found no place */
};

struct source {
	const struct source_kind *kind;
	const struct config *config;
	const void *settings; /* the kind's, in `config` */
	struct service_list *known; /* its list in force when it started, held; NULL: none */
	struct mailbox *box; /* borrowed */
	size_t slot;         /* its own in the mailbox */
	void (*ring)(void *arg); /* called by the thread at its end */
	void *arg;
	int cancel[2]; /* cancel[0] becomes readable on stop */
	pthread_t thread;
	bool down; /* an outage has been logged */
	unsigned failures; /* in a row */
	atomic_bool cancelled, ended;
	atomic_bool up;
	struct source_counters counters;
	atomic_llong last_good; /* sys_now() of the last good answer, 0 before */
};

int source_start(struct source *source); /* 0 or an errno */
/* Tells it to stop, and does not wait, since a file system may block it. What it posts from now on is dropped. */
void source_cancel(struct source *source);
void source_join(struct source *source); /* after source_cancel; waits for the thread, not at all once `ended` is set */

void source_post(struct source *source, struct service_list *list); /* its newest list, to the mailbox; takes it */
bool source_stopping(const struct source *source);
bool source_sleep(const struct source *source, int64_t ms); /* false: it must stop */

void source_error(struct source *source, int code); /* counts one by its code */
#define SOURCE_COUNTED (-2) /* as a code: the error has already been counted */
/* Counts an error, logs an outage once, and sleeps before the next attempt: at random up to a limit that doubles from
 * 250 ms to 10 s, but at least `at_least` ms. False: it must stop. */
bool source_failed(struct source *source, int code, const char *where, const char *why, int64_t at_least);
/* Posts a complete answer, put in order, unless it is that of last time: *last, which is held. Takes the list. True: it
 * is another one. */
bool source_renew(struct source *source, struct service_list **last, struct service_list *list);
void source_worked(struct source *source, const char *where); /* logs the end of an outage */

#endif
