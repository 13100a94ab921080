/* resolve_hosts: /etc/hosts (hosts(5)). */
#ifndef RESOLVE_HOSTS_H
#define RESOLVE_HOSTS_H

#include "base.h"
#include "net.h"
#include "text.h"

struct resolve_hosts;

/* Each line an address and its names; what is none is passed over. A name may be in several lines. */
struct resolve_hosts *resolve_hosts_parse(struct slice text);
void resolve_hosts_free(struct resolve_hosts *hosts); /* NULL is fine */
/* The addresses of a name, in any letter case, with or without a dot at its end, in the order of their lines; they live as long
 * as the hosts. 0: there are none. */
size_t resolve_hosts_find(const struct resolve_hosts *hosts, const char *name, const struct net_addr **addrs);

#endif
