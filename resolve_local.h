/* resolve_local: what this host says of names without asking anybody: its files, and its addresses. */
#ifndef RESOLVE_LOCAL_H
#define RESOLVE_LOCAL_H

#include "base.h"
#include "net.h"
#include "resolve_conf.h"
#include "resolve_hosts.h"

struct resolve_local {
	struct resolve_file conf_file, hosts_file;
	struct resolve_conf conf;
	struct resolve_hosts *hosts;
	bool v4, v6;    /* addresses of this family can be reached */
	bool loopback6; /* it has ::1 */
	int64_t looked_at, families_at; /* INT64_MIN: never */
};

enum resolve_news { RESOLVE_CONF_NEWS = 1, RESOLVE_HOSTS_NEWS = 2, RESOLVE_FAMILY_NEWS = 4 };

void resolve_local_open(struct resolve_local *local);
void resolve_local_close(struct resolve_local *local);
/* Looks for changes, if a second has passed since it last did. Returns what is new: enum resolve_news. */
unsigned resolve_local_look(struct resolve_local *local, int64_t now);

enum resolve_kind {
	RESOLVE_REMOTE, /* it must be asked for */
	RESOLVE_FIXED,  /* a number, or localhost: it never changes */
	RESOLVE_HOSTS   /* by /etc/hosts, until that changes */
};
/* Addresses of a name, without a dot at its end; to be freed unless RESOLVE_REMOTE. */
enum resolve_kind resolve_local_find(const struct resolve_local *local, const char *name, struct net_addr **addrs, size_t *count);

#endif
