/* draft_members: what is dialled for a listener under construction, and the names that stand for it. */
#ifndef DRAFT_MEMBERS_H
#define DRAFT_MEMBERS_H

#include "base.h"
#include "draft.h"
#include "net.h"
#include "resolve_answer.h"
#include "route.h"
#include "socks.h"
#include "text.h"

/* A backend of an entry under construction. */
struct member {
	struct net_addr addr;      /* to be dialled */
	struct socks_target socks; /* host NULL: there is none */
	struct route_backend *backend;
	size_t order;
	unsigned share, terms; /* the first want of its share; its place in the entry's `terms` */
	uint32_t target;       /* the place in `targets`, plus 1; 0: it was written as an address */
	uint16_t weight, parts; /* of a target; its addresses, which have it together */
	bool unchecked;
	bool last;             /* see route_share */
	enum route_return returns;
};

/* See route_target. */
struct member_target {
	size_t name; /* its place in `names` */
	enum resolve_state state;
	const char *why;
};

struct members {
	struct member *items;
	size_t count, cap;
	struct member_target *targets; /* as they were written */
	size_t target_count, target_cap;
	struct buf names; /* each ends with a null byte */
};

static inline const struct socks_target *member_socks(const struct member *member)
{
	return member->socks.host ? &member->socks : NULL;
}

/* Adds those of one want. */
void members_add(struct members *members, struct draft *draft, const struct want *want, unsigned share, unsigned terms);
/* Each backend and each target once, the first one. They are in their order then, and what is tried last behind all others. */
void members_settle(struct members *members);
size_t members_share_end(const struct members *members, size_t start); /* where a member's share ends: those of one stand together */
void members_free(struct members *members);

#endif
