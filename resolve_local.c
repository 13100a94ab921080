#include "base.h"
#include "resolve_local.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net.h"
#include "resolve_conf.h"
#include "resolve_hosts.h"
#include "sys.h"
#include "text.h"

#define LOOK_MS 1000     /* files are looked at so often at most */
#define FAMILIES_MS 5000 /* and addresses */

void resolve_local_open(struct resolve_local *local)
{
	*local = (struct resolve_local){
		.conf_file.path = "/etc/resolv.conf", .hosts_file.path = "/etc/hosts", .looked_at = INT64_MIN, .families_at = INT64_MIN
	};
}

void resolve_local_close(struct resolve_local *local)
{
	resolve_conf_free(&local->conf);
	resolve_hosts_free(local->hosts);
}

static bool has_prefix6(const struct net_addr *addr, unsigned first, unsigned mask)
{
	const uint8_t *bytes = addr->sa.v6.sin6_addr.s6_addr;

	return ((unsigned)(bytes[0] << 8 | bytes[1]) & mask) == first;
}

/* Addresses of a family that this host has no address of cannot be reached: they are neither asked for nor used (what libc calls
 * AI_ADDRCONFIG). That of a link reaches no other, and none from a name has the interface that it would need. With
 * loopback alone, all are fine. */
static bool look_at_families(struct resolve_local *local)
{
	bool v4 = local->v4, v6 = local->v6;
	struct net_addr *here;
	size_t count = net_here(&here);

	local->v4 = local->v6 = local->loopback6 = false;
	for (size_t i = 0; i < count; i++) {
		bool loopback = net_is_loopback(&here[i]);

		if (here[i].sa.any.sa_family == AF_INET)
			local->v4 = local->v4 || !loopback;
		else if (loopback)
			local->loopback6 = true;
		else
			local->v6 = local->v6 || !has_prefix6(&here[i], 0xfe80, 0xffc0);
	}
	if (!local->v4 && !local->v6)
		local->v4 = local->v6 = true;
	free(here);
	return v4 != local->v4 || v6 != local->v6;
}

static bool look_at_conf(struct resolve_local *local)
{
	struct buf text = { 0 };
	bool changed = resolve_file_changed(&local->conf_file, &text);

	if (changed) {
		resolve_conf_free(&local->conf);
		resolve_conf_parse(&local->conf, (struct slice){ text.data, text.len });
	}
	buf_free(&text);
	return changed;
}

static bool look_at_hosts(struct resolve_local *local)
{
	struct buf text = { 0 };
	bool changed = resolve_file_changed(&local->hosts_file, &text);

	if (changed) {
		resolve_hosts_free(local->hosts);
		local->hosts = resolve_hosts_parse((struct slice){ text.data, text.len });
	}
	buf_free(&text);
	return changed;
}

unsigned resolve_local_look(struct resolve_local *local, int64_t now)
{
	unsigned news;

	if (local->looked_at > INT64_MIN && now - local->looked_at < LOOK_MS)
		return 0;
	local->looked_at = now;
	news = look_at_conf(local) ? RESOLVE_CONF_NEWS : 0;
	news |= look_at_hosts(local) ? RESOLVE_HOSTS_NEWS : 0;
	if (local->families_at == INT64_MIN || now - local->families_at >= FAMILIES_MS) {
		local->families_at = now;
		news |= look_at_families(local) ? RESOLVE_FAMILY_NEWS : 0;
	}
	return news;
}

/* localhost, and all below it (RFC 6761, 6.3). */
static bool is_localhost(const char *name)
{
	size_t len = strlen(name);

	return len >= 9 && strcasecmp(name + len - 9, "localhost") == 0 && (len == 9 || name[len - 10] == '.');
}

static bool usable(const struct resolve_local *local, const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET ? local->v4 || net_is_loopback(addr) : local->v6;
}

static enum resolve_kind find_loopback(const struct resolve_local *local, struct net_addr **addrs, size_t *count)
{
	*addrs = sys_alloc(2 * sizeof **addrs);
	*count = 1;
	net_numeric(slice_of("127.0.0.1"), 0, &(*addrs)[0]);
	if (local->v6 && local->loopback6 && net_numeric(slice_of("::1"), 0, &(*addrs)[1]))
		*count = 2;
	return RESOLVE_FIXED;
}

/* Those that can be reached, as libc has it; when there are none, the line was written for another reason. */
static enum resolve_kind find_in_hosts(const struct resolve_local *local, const struct net_addr *found, size_t all,
                                       struct net_addr **addrs, size_t *count)
{
	*addrs = sys_alloc(all * sizeof **addrs);
	*count = 0;
	for (size_t i = 0; i < all; i++)
		if (usable(local, &found[i]))
			(*addrs)[(*count)++] = found[i];
	if (!*count) {
		memcpy(*addrs, found, all * sizeof *found);
		*count = all;
	}
	return RESOLVE_HOSTS;
}

enum resolve_kind resolve_local_find(const struct resolve_local *local, const char *name, struct net_addr **addrs, size_t *count)
{
	struct net_addr number;
	const struct net_addr *found;
	size_t all;

	if (net_numeric(slice_of(name), 0, &number)) {
		*addrs = sys_alloc(sizeof **addrs);
		**addrs = number;
		*count = 1;
		return RESOLVE_FIXED;
	}
	if (is_localhost(name))
		return find_loopback(local, addrs, count);
	all = local->hosts ? resolve_hosts_find(local->hosts, name, &found) : 0;
	return all ? find_in_hosts(local, found, all, addrs, count) : RESOLVE_REMOTE;
}
