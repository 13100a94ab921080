/* resolve_query: questions to name servers, on a loop: over UDP, over TCP where an answer is cut, to the next server where one
 * fails or is silent. */
#ifndef RESOLVE_QUERY_H
#define RESOLVE_QUERY_H

#include "base.h"
#include "dns.h"
#include "loop.h"
#include "loop_backend.h"
#include "resolve_conf.h"
#include "resolve_server.h"

#define RESOLVE_FLIGHT 128 /* questions that are under way at once: dnsmasq takes 150. The rest wait, in their order */

struct resolve_queries;
struct resolve_channel;

/* One question: embedded by its owner, who sets the first three. */
struct resolve_query {
	void *owner;
	const char *name; /* borrowed */
	enum dns_type type;
	/* The rest is resolve_query.c's. */
	bool busy;      /* it waits or is under way */
	bool broken;    /* an answer to this try cannot be read */
	uint8_t status; /* what the last one said; DNS_FOREIGN: nobody has said anything */
	uint16_t id;
	struct resolve_try try;
	int error;
	struct resolve_channel *channel; /* that it is under way on; NULL: it waits */
	struct resolve_query *next, **link; /* of those that wait, or are under way on that channel */
	struct loop_timer timeout;
};

/* What became of a question. */
struct resolve_outcome {
	enum dns_status status; /* DNS_FOUND, DNS_NO_DATA, DNS_NO_NAME; else what the last server that said anything said */
	bool silent;            /* no server has answered: the status is none */
	int error;              /* then: an errno, why the last one could not; 0: it just did not */
	struct dns_walk *walk;  /* DNS_FOUND: to be walked through at once; with the TTL also of the next two */
};

/* `done` is called on the loop's thread, never from within resolve_query_ask(); it may ask, drop and set. */
struct resolve_queries *resolve_query_open(struct loop *loop, uint8_t kind,
                                           void (*done)(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome),
                                           void *arg);
void resolve_query_close(struct resolve_queries *queries); /* nobody is told of those under way; the loop does not run any more */
/* The servers and how they are asked: copied. Those under way begin anew. */
void resolve_query_set(struct resolve_queries *queries, const struct resolve_conf *conf);
void resolve_query_ask(struct resolve_queries *queries, struct resolve_query *query); /* nothing happens if it is busy */
void resolve_query_drop(struct resolve_queries *queries, struct resolve_query *query); /* `done` is not called any more; fine when idle */
bool resolve_query_ready(struct resolve_queries *queries, struct loop_io *io, unsigned events); /* as resolve_ready() */
bool resolve_query_expired(struct resolve_queries *queries, struct loop_fifo *fifo, struct loop_timer *timer);
/* Messages that were sent, each by the dns_status of its answer; under DNS_FOREIGN those that had none. */
const unsigned long long *resolve_query_counts(const struct resolve_queries *queries);

#endif
