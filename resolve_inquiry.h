/* resolve_inquiry: one name in the DNS, along the search list: its addresses of both families, or its SRV records. */
#ifndef RESOLVE_INQUIRY_H
#define RESOLVE_INQUIRY_H

#include "base.h"
#include "dns.h"
#include "loop.h"
#include "net.h"
#include "resolve_conf.h"
#include "resolve_query.h"

enum resolve_fate {
	RESOLVE_UNASKED,
	RESOLVE_FOUND,
	RESOLVE_GONE, /* there is none, says a server */
	RESOLVE_LOST  /* no server says anything of use */
};

struct resolve_inquiry;
/* What all of them share. */
struct resolve_desk {
	struct loop *loop;
	struct resolve_queries *queries;
	const struct resolve_conf *conf; /* whose search list counts; it may change at any time */
	struct loop_fifo patience;
	void (*over)(void *arg, struct resolve_inquiry *inquiry); /* it has its result; to be dropped in there */
	void *arg;
};

/* What is asked for. */
struct resolve_wanted {
	const char *name; /* without a dot at its end; borrowed */
	bool absolute;    /* as it is, and nothing else */
	bool srv;         /* SRV records; else addresses, of these families */
	bool v4, v6;
	unsigned good;    /* the place, from 1, of the candidate that was found the last time; 0: none was */
};

struct resolve_inquiry {
	void *owner;
	struct resolve_desk *desk;
	struct resolve_wanted wanted;
	/* The result. */
	enum resolve_fate fates[2]; /* of A, of AAAA; of SRV the first */
	const char *why; /* nothing was found; it lives as long as the program */
	bool certain;    /* nothing was found, and a server says that there is none */
	long ttl;        /* seconds: of what was found, or that there is none; -1: not told */
	struct net_addr *addrs;
	size_t addr_count, addr_cap;
	struct dns_record *services;
	size_t service_count, service_cap;
	unsigned place; /* of the candidate, from 1 */
	/* resolve_inquiry.c's. */
	struct resolve_query queries[2];
	enum dns_status worst; /* of all candidates so far; DNS_FOREIGN is silence */
	bool nowhere; /* the records say that there is no such service */
	bool cut_off; /* no server could be asked at all */
	char candidate[DNS_NAME];
	struct loop_timer patience;
};

void resolve_desk_open(struct resolve_desk *desk, struct loop *loop, uint8_t kind); /* `kind` of its timer; the rest is the owner's */
/* NULL: it is no name that can be asked for. */
struct resolve_inquiry *resolve_inquiry_start(struct resolve_desk *desk, void *owner, const struct resolve_wanted *wanted);
void resolve_inquiry_drop(struct resolve_inquiry *inquiry); /* NULL is fine */
/* To be called by the owner of desk->queries, and when a timer of desk->patience has expired. */
void resolve_inquiry_answered(struct resolve_query *query, const struct resolve_outcome *outcome);
void resolve_inquiry_impatient(struct loop_timer *timer);

#endif
