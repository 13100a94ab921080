/* roster: the services of a list, sorted by name, and which of them the list before did not have. */
#ifndef ROSTER_H
#define ROSTER_H

#include "base.h"
#include "service.h"

/* Ports; `mask` has bit PORT % 64 of each, to pass over most of what has none of them. */
struct port_set {
	uint64_t mask;
	uint8_t bits[8192];
};
bool port_set_have(const struct port_set *set, uint16_t port);
bool port_set_meets(const struct port_set *set, uint16_t first, uint16_t last); /* it has one of them */
void port_set_add(struct port_set *set, uint16_t first, uint16_t last);
/* Adds those of the ports that are also in `within`. True: one was not there. */
bool port_set_add_within(struct port_set *set, const struct port_set *within, uint16_t first, uint16_t last);

struct roster_item {
	struct service *service;   /* its list's */
	uint64_t wishes, backends; /* masks of the ports that it asks for, and of those that are dialled for it: perhaps all, until
	                            * targets are known */
	uint32_t place; /* in the list */
	bool named;     /* names are to be looked up for it */
	bool srv;       /* among them one whose targets' ports are dialled */
	bool asked;     /* one has been, since the service came */
	bool taken;     /* for who walks along it: see scope.c */
};

/* An empty one is {0}. */
struct roster {
	struct service_list *list; /* held; NULL: none */
	struct roster_item *items; /* sorted by name, and those of one name as the list has them */
	size_t count;
};

/* Services that came or left. Those that left are the old list's. */
struct roster_changes {
	struct service **items;
	size_t count, cap;
	bool named; /* names were to be looked up for one that left */
};

/* Makes the roster of a list (NULL: none) out of that of the list before; what both lists have costs one copy, and no look
 * at what it points to. A service whose place among the others is another one counts as changed. */
struct roster roster_follow(const struct roster *old, struct service_list *list, struct roster_changes *changes);
void roster_free(struct roster *roster);
size_t roster_find(const struct roster *roster, const char *name); /* the first place whose name is not below it */
size_t roster_end(const struct roster *roster, size_t start); /* where the name at `start` ends */

/* Which ports are dialled for a backend, of which host: the proxy's, where there is one. */
struct roster_dialled {
	const char *host;
	uint16_t first, last;
	bool srv; /* the host is an SRV name: its targets have ports */
};
struct roster_dialled roster_dialled(const struct service *service, const struct service_backend *backend);
/* Visit the ports of a service's wishes, and those that are dialled for it (without targets'), until one returns true, as they
 * do then. */
bool roster_each_wish(const struct service *service, bool (*visit)(void *arg, uint16_t first, uint16_t last), void *arg);
bool roster_each_dialled(const struct service *service, bool (*visit)(void *arg, uint16_t first, uint16_t last), void *arg);
/* Visits the names that are looked up for a service, likewise. */
bool roster_each_name(const struct service *service, bool (*visit)(void *arg, const char *name, bool srv), void *arg);
bool roster_add_ports(void *set, uint16_t first, uint16_t last); /* one that adds them to a port_set */
bool roster_wants(const struct roster_item *item, struct port_set *ports); /* one of them */
bool roster_dials(const struct roster_item *item, struct port_set *ports); /* likewise; of one with targets: perhaps */
void roster_set_targets(struct roster_item *item, uint64_t ports); /* a mask of those that its targets have now */

#endif
