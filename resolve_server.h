/* resolve_server: which name server a question goes to next, and what is known of each. Nothing is sent here. */
#ifndef RESOLVE_SERVER_H
#define RESOLVE_SERVER_H

#include "base.h"
#include "dns.h"
#include "net.h"
#include "resolve_conf.h"

struct resolve_server {
	struct net_addr addr;
	bool plain;       /* it knows no EDNS */
	uint8_t deaf;     /* it has answered without EDNS where it had not with it */
	bool silent;      /* it has not answered since; it is asked last */
	int64_t heard_at; /* it has answered; 0: never */
	int64_t probed_at;
};

/* Start with {0}. */
struct resolve_servers {
	struct resolve_server items[RESOLVE_SERVERS];
	size_t count;
	unsigned attempts, turn;
	bool rotate;
};
void resolve_servers_set(struct resolve_servers *servers, const struct resolve_conf *conf);

/* One question's way through the servers: round after round, each is asked. */
struct resolve_try {
	uint8_t server, first; /* that is asked; that comes first */
	uint8_t rounds;        /* that are over */
	uint8_t asked, spent;  /* as bits: in this round; that are not asked again */
	bool again;            /* the same server is next */
	bool tcp, edns;        /* how it is asked */
	bool plain;            /* it has refused this question with EDNS */
	bool probe;            /* only whether the server answers is of interest */
	int64_t sent_at;
};
void resolve_try_start(struct resolve_servers *servers, struct resolve_try *try);
bool resolve_try_next(const struct resolve_servers *servers, struct resolve_try *try); /* false: all have been asked, often enough */
/* A server that nobody knows yet, in the first of several rounds, where others are left: it has less time, since a dead one
 * would cost the start its whole timeout. */
bool resolve_try_brief(const struct resolve_servers *servers, const struct resolve_try *try);
/* There was an answer. True: that ends it; else it goes on. */
bool resolve_try_answered(struct resolve_servers *servers, struct resolve_try *try, enum dns_status status, int64_t now);
void resolve_try_unheard(struct resolve_servers *servers, const struct resolve_try *try); /* there was none */
/* A silent server that should be asked the same, so that it is found again and nobody waits for it; *probe is that. False: none. */
bool resolve_try_probe(struct resolve_servers *servers, const struct resolve_try *try, int64_t now, struct resolve_try *probe);

#endif
