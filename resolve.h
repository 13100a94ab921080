/* resolve: addresses of host names, and hosts of SRV names, asked for again when the TTL of an answer has passed. It runs on
 * a loop, and belongs to that loop's thread. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "base.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "resolve_answer.h"

/* What the configuration says. Copied. */
struct resolve_rules {
	const struct net_addr *servers; /* dns.servers, with their ports; none: those of resolv.conf */
	size_t server_count;
	int64_t hold; /* dns.hold, milliseconds; 0: for ever */
	bool quiet;   /* nothing is logged */
};

struct resolver;

/* `kind` is that of its descriptors and timers in the loop. `ring` is called, on the loop's thread, when an answer has changed;
 * it may not call back. */
struct resolver *resolve_open(struct loop *loop, uint8_t kind, void (*ring)(void *arg), void *arg);
void resolve_close(struct resolver *resolver); /* before the loop */
void resolve_set(struct resolver *resolver, const struct resolve_rules *rules); /* at the start, and after a reload */
/* Handlers of the loop's owner pass on what is not theirs. False: it is not the resolver's, either. */
bool resolve_ready(struct resolver *resolver, struct loop_io *io, unsigned events);
bool resolve_expired(struct resolver *resolver, struct loop_fifo *fifo, struct loop_timer *timer);

/* What is known of a name; `srv`: of an SRV name. A name is asked for from the first time on, until a round (resolve_round) goes
 * by without it. The answer lives until the next resolve_round. */
struct resolve_answer resolve_lookup(void *resolver, const char *name, bool srv);
bool resolve_settled(struct resolver *resolver); /* each name that was asked for, and each target, has had its first answer */
/* Before a round of lookups. False: this is no round, and all stays as it is; else all names that are in use are to be asked
 * for. */
bool resolve_round(struct resolver *resolver);
void resolve_left(struct resolver *resolver); /* names may not be used any more: it rings for rounds that tell, by and by */

/* For those who look. */
enum resolve_result {
	RESOLVE_ANSWERED, RESOLVE_NO_NAME, RESOLVE_NO_DATA, RESOLVE_SERVER_FAILED, RESOLVE_REFUSED, RESOLVE_TIMED_OUT, RESOLVE_BROKEN,
	RESOLVE_RESULTS
};
extern const char *const resolve_result_names[RESOLVE_RESULTS];
struct resolve_figures {
	unsigned long long queries[RESOLVE_RESULTS]; /* sent, by what became of them */
	size_t names[RESOLVE_STATES]; /* SRV names and their targets as well */
};
void resolve_figures(const struct resolver *resolver, struct resolve_figures *figures);

#endif
