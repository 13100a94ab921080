/* resolve_answer: what is known of a name, as the resolver (resolve.h) tells it. */
#ifndef RESOLVE_ANSWER_H
#define RESOLVE_ANSWER_H

#include "base.h"
#include "net.h"

enum resolve_state {
	RESOLVE_ASKED,  /* there has been no answer yet */
	RESOLVE_GOOD,   /* it has addresses */
	RESOLVE_KEPT,   /* asking fails; its last addresses are still used */
	RESOLVE_FAILED, /* it has none */
	RESOLVE_STATES
};
extern const char *const resolve_state_names[RESOLVE_STATES];

/* One host: a host name has itself, an SRV name its targets. */
struct resolve_host {
	const char *name;
	uint16_t port, weight; /* of a target (RFC 2782), 0 is a weight like any other; 0 of a host name */
	bool last;             /* a target: another one has a lower priority, and is to be tried before */
	enum resolve_state state;
	const char *why;       /* RESOLVE_KEPT, RESOLVE_FAILED: in words, which live as long as the program: "NXDOMAIN" */
	const struct net_addr *addrs; /* sorted, each once, without a port */
	size_t count;
};

/* What is known of a name. */
struct resolve_answer {
	enum resolve_state state; /* an SRV name's own: its hosts have theirs */
	const char *why;          /* likewise */
	const struct resolve_host *hosts; /* an SRV name's by priority, then as they are sorted; 0 of them unless it has targets */
	size_t count;
	bool moved; /* it is not what it was in the round before */
};

#endif
