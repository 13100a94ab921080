/* draft: a table under construction, of merge.c. Services become wants, one for each listener that they may have, and the
 * wants of one address become an entry. */
#ifndef DRAFT_H
#define DRAFT_H

#include "base.h"
#include "net.h"
#include "resolve_answer.h"
#include "roster.h"
#include "route.h"
#include "service.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

/* One service's wish for one listener: of a range of ports there is one for each, once draft_bounds() has seen the whole. */
struct want {
	struct net_addr addr;
	uint16_t offset; /* in the wish's range of ports */
	uint16_t ports;  /* how many it is about, from addr on */
	const struct wish *wish;
	struct service *service;
	struct roster_item *item; /* the service's */
	const struct service_list *list;
	uint64_t created; /* the oldest of all instances of this name in the list; UINT64_MAX: not known */
	uint32_t slot, place; /* of the list, and in it */
	bool lost;        /* it gets nothing: draft_claims() removes it */
};

struct draft {
	struct route *route;
	struct route_table *table;
	const struct port_set *scope; /* it is about these ports only, and about others route->table holds; NULL: about all */
	struct want *wants;
	size_t want_count, want_cap, refused_cap;
	struct want *services; /* all that dial one of its ports, also those that take no part now; without addr and wish */
	size_t service_count, service_cap;
	uint8_t ports[8192]; /* a bit for each port that is wanted */
	bool here_known; /* the table has this host's addresses */
	bool held; /* one of the wants is of a service that is held */
	const struct route_entry *before; /* the entry built before, if its memory is that of the one under construction, too */
	struct route_memory *memory; /* of the newest entry */
	struct route_terms *terms; /* of the entry under construction */
	size_t terms_cap;
	struct route_backend **known; /* all that the listener of the entry under construction has, sorted by what they dial */
	size_t known_count, known_cap;
};

/* Lists a wish, or what else of a service is refused. Texts are copied, except the rule, which must live for ever. */
void draft_refuse(struct draft *draft, const struct service *service, const char *wish, const char *rule,
                  const char *reason);
/* Who owns what both want: the operator's service, then the oldest, then the first by name. For qsort over wants. */
int draft_by_owner(const void *left, const void *right);
bool draft_covers(const struct draft *draft, uint16_t port); /* whether it is about that port */
struct resolve_answer draft_lookup(const struct draft *draft, const struct want *want, const char *name, bool srv); /* for it */
/* The same service, whose instances share its part of a listener. */
bool draft_same_service(const struct want *left, const struct want *right);
/* Whether listeners.bind grants the want's port to that service by name. */
bool draft_granted(const struct draft *draft, const char *service, const struct want *want);

/* Gives an entry its memory, and the names of its services. Before its backends. Of a range of ports each has much in common
 * with the one before it, draft->before, and points to that: they have one memory. */
void draft_names(struct draft *draft, struct route_entry *entry, const struct want *wants, size_t count);
const char *draft_name(const struct route_entry *entry, const char *name); /* one of them, as the entry has it */
/* The service by name, and when the other has the same name, by what tells the two apart. */
void draft_put_who(struct buf *out, const struct want *want, const struct want *other);

/* Refuses those of untrusted services that are too many, ranges while they are one want each. First of all. */
void draft_bounds(struct draft *draft);
/* Removes the wants that lose what they want to another, or to the operator, or are too many, and lists them as refused.
 * What is left is sorted by address, owners first. */
void draft_claims(struct draft *draft);
/* Sorts wants by address, and those of one address by owner. */
int draft_by_address(const void *left, const void *right);

/* Refuses listeners at ports of this host that belong to backends, and sorts the wants by address. Before the first
 * draft_backends(). */
void draft_spare_neighbours(struct draft *draft);
/* Whether a connect to this address comes back to a listener of the draft. */
enum route_return draft_returns(struct draft *draft, const struct net_addr *addr);
/* Refuses the address of a backend, or of the proxy in front of it, that a service of an untrusted source may not have.
 * False: it may have it. */
bool draft_refuse_address(struct draft *draft, const struct want *want, const struct service_backend *backend,
                          const struct net_addr *addr);

/* Gives an entry its backends, with shares, weights and terms. The wants are those of one address, owners first. */
void draft_backends(struct draft *draft, struct route_entry *entry, const struct want *wants, size_t count);

#endif
