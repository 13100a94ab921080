/* scope: what an update of the table is about: the ports at which something may change, and the services that are looked at
 * for that. Who gets an address depends only on what is wanted at its port, and on who dials its port; so all else stays. */
#ifndef SCOPE_H
#define SCOPE_H

#include "base.h"
#include "net.h"
#include "roster.h"
#include "route.h"

struct scope {
	struct route *route;     /* as it was made of the lists before */
	struct roster *rosters;  /* of the lists as they are now; those looked at are `taken` */
	size_t count;
	bool all;                /* everything is looked at; the rest counts only when it is not */
	struct port_set ports;
	const char **names;      /* of those looked at, each once: what they are refused is found anew */
	size_t name_count, name_cap;
	struct net_addr *here;   /* this host's addresses, once they are known */
	size_t here_count;
	bool here_known, grew;
	bool targets_left; /* some are not dialled any more, at ports that nobody knows now */
};

/* Begins with what has changed. */
void scope_open(struct scope *scope, const struct roster_changes *changes);
/* Adds what hangs together with it. False: nothing was new since the last time. */
bool scope_complete(struct scope *scope);
/* Listeners come or go at these ports: those who dial them are looked at as well. */
void scope_add_dialling(struct scope *scope, struct port_set *moved);
void scope_free(struct scope *scope);

#endif
