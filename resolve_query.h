/* resolve_query: questions to name servers, on a loop: over UDP, over TCP where an answer is cut, to the next server where one
 * fails or is silent. */
#ifndef RESOLVE_QUERY_H
#define RESOLVE_QUERY_H

#include "base.h"
#include "dns.h"
#include "loop.h"
#include "loop_backend.h"
#include "resolve_conf.h"

struct resolve_queries;

/* One question: embedded by its owner, who sets the first three. */
struct resolve_query {
	void *owner;
	const char *name; /* borrowed */
	enum dns_type type;
	/* The rest is resolve_query.c's. */
	bool busy; /* it waits or is under way */
	bool edns, tcp;
	uint8_t server, tries; /* of the configuration's; so many tries so far */
	uint16_t id;
	int64_t deadline;
	struct resolve_query *next, **link;
};

/* What became of a question. */
struct resolve_outcome {
	enum dns_status status; /* DNS_FOUND, DNS_NO_DATA, DNS_NO_NAME; else what the last server that said anything said */
	bool silent;            /* no server has answered: the status is none */
	struct dns_walk *walk;  /* DNS_FOUND: to be walked through at once; with the TTL also of the next two */
};

/* `done` is called on the loop's thread, never from within resolve_query_ask(); it may ask again. */
struct resolve_queries *resolve_query_open(struct loop *loop, uint8_t kind,
                                           void (*done)(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome),
                                           void *arg);
void resolve_query_close(struct resolve_queries *queries); /* nobody is told of those under way */
/* The servers and how they are asked: copied. Those under way begin anew. */
void resolve_query_set(struct resolve_queries *queries, const struct resolve_conf *conf);
void resolve_query_ask(struct resolve_queries *queries, struct resolve_query *query);
void resolve_query_drop(struct resolve_queries *queries, struct resolve_query *query); /* `done` is not called any more; fine when idle */
bool resolve_query_ready(struct resolve_queries *queries, struct loop_io *io, unsigned events); /* as resolve_ready() */
bool resolve_query_expired(struct resolve_queries *queries, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
