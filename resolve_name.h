/* resolve_name: what is known of a name, since when, and until when it counts. It asks nobody. */
#ifndef RESOLVE_NAME_H
#define RESOLVE_NAME_H

#include "base.h"
#include "net.h"
#include "resolve_answer.h"
#include "resolve_due.h"
#include "resolve_inquiry.h"
#include "resolve_local.h"

struct resolve_target {
	struct resolve_name *host;
	uint16_t port, weight;
	bool last;
};

/* What a name stands for. */
struct resolve_found {
	size_t count, all; /* that are used, and that there were */
	struct net_addr *addrs; /* of a host name */
	struct resolve_target *targets; /* of an SRV name; each counts as a use of its host */
};

struct resolve_name {
	struct resolve_due due;
	struct resolve_name *next; /* in its bucket */
	int64_t again;     /* it is to be asked for then, or, on its way, it is looked at whether it is slow; INT64_MAX: never */
	int64_t lost_at[2]; /* since when nobody says anything of its addresses (IPv4, IPv6), or targets; 0: it is not so */
	struct resolve_inquiry *inquiry; /* it is on its way */
	int64_t asked_at; /* since then */
	struct resolve_found *now, *fresh; /* as of the last round; since then, NULL: the same */
	int64_t late_at; /* of an SRV name: so long `fresh` may wait for its targets; 0: no longer */
	enum resolve_state state;   /* since then */
	const char *why;
	struct resolve_host self, *hosts; /* as of the last round; of an SRV name: `self` only its state, its targets are `hosts` */
	unsigned refs; /* targets that are it */
	unsigned good; /* the candidate that was found */
	enum resolve_kind kind;
	bool srv, absolute;
	bool used; /* since the last round */
	bool moved, news; /* in that round; since then */
	bool said, cut; /* that it fails; that it has too many addresses */
	char *bare; /* without the dot at its end; `text`, if it has none */
	char text[];
};

struct resolve_names {
	struct resolve_dues dues;
	struct resolve_name **buckets; /* by the hash of the name; their number is a power of two */
	size_t bucket_count;
	size_t states[RESOLVE_STATES];
	size_t from_hosts; /* of names: those that /etc/hosts has */
	bool news;    /* since the last round */
	int64_t hold; /* of resolve_rules */
	bool quiet;
};

void resolve_names_open(struct resolve_names *names);
void resolve_names_close(struct resolve_names *names);
void resolve_names_each(struct resolve_names *names, void (*visit)(void *arg, struct resolve_name *name), void *arg); /* none may go */
struct resolve_name *resolve_names_find(const struct resolve_names *names, const char *text, bool srv);
struct resolve_name *resolve_names_add(struct resolve_names *names, const char *text, bool srv); /* it is idle */
/* Those that nobody has asked for since the last round, of SRV names or else of hosts. */
void resolve_names_drop_unused(struct resolve_names *names, bool srv);
struct resolve_name *resolve_name_of(struct resolve_due *due);

/* Takes addresses: sorts them, so that a server that turns them round changes nothing, drops repeated ones, keeps the first few. */
struct resolve_found *resolve_found_addresses(struct net_addr *addrs, size_t count);
size_t resolve_name_count(const struct resolve_name *name); /* of addresses or targets, as of now */
/* The addresses of families of which nobody says anything now, and that are still used; with room for `more` others. */
struct net_addr *resolve_name_held(const struct resolve_names *names, const struct resolve_name *name, size_t more, size_t *count);
void resolve_name_good(struct resolve_names *names, struct resolve_name *name, struct resolve_found *found); /* takes it */
void resolve_name_bad(struct resolve_names *names, struct resolve_name *name, const char *why);
void resolve_name_schedule(void *names, struct resolve_name *name); /* after a change of when it is to be asked for */
/* Drops what was kept for dns.hold, and lets new targets count that have waited for long. */
void resolve_name_expire(struct resolve_names *names, struct resolve_name *name);

/* Rounds: what is known now is shown from now on; hosts first, then SRV names. */
void resolve_name_renew_host(void *unused, struct resolve_name *name);
void resolve_name_renew_srv(void *unused, struct resolve_name *name);
struct resolve_answer resolve_name_answer(const struct resolve_name *name); /* what is shown */

#endif
