/* Cases for draft_neighbours.c: where backends may be, and listeners beside them. `s` is the operator's, `c` is Consul's. */
#include "base.h"

#include "check.h"
#include "table.h"
#include "bind.h"
#include "merge.h"
#include "../../draft_neighbours.c"

#define REFUSED(name, text, what, address, network) \
	"refused: " name " " text " [backends.allow] " what " address " address ", which needs backends.allow = " network "\n"
#define OPEN "0.0.0.0:2000 a of consul/a"

static const struct {
	const char *lists, *want, *allow;
} cases[] = {
	/* Loopback: only behind a listener that only this host reaches. */
	{ "c a|any:2000|127.0.0.1:80", OPEN "\n" REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|any:2000|127.255.0.1:80", OPEN "\n" REFUSED("a", "127.255.0.1:80", "loopback", "127.255.0.1", "127.0.0.0/8"), "" },
	{ "c a|any:2000|::1:80", OPEN "\n" REFUSED("a", "[::1]:80", "loopback", "::1", "::1/128"), "" },
	{ "c a|any:2000|::ffff:127.0.0.1:80",
	  OPEN "\n" REFUSED("a", "[::ffff:127.0.0.1]:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|local:2000|127.0.0.1:80", "127.0.0.1:2000 a of consul/a 127.0.0.1:80+\n", "" },
	{ "c a|six:2000|127.0.0.1:80", "[::1]:2000 a of consul/a 127.0.0.1:80+\n", "" },
	{ "s a|any:2000|127.0.0.1:80", "0.0.0.0:2000 a of static/a 127.0.0.1:80\n", "" },
	/* A service's own good ones stay, and its other listeners. */
	{ "c a|any:2000|127.0.0.1:80 10.0.0.1:80", OPEN " 10.0.0.1:80+\n"
	  REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|any:2000,local:2001|127.0.0.1:80", OPEN "\n127.0.0.1:2001 a of consul/a 127.0.0.1:80+\n"
	  REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	/* What else is no other host's. */
	{ "c a|any:2000|0.0.0.0:80", OPEN "\n" REFUSED("a", "0.0.0.0:80", "unspecified", "0.0.0.0", "0.0.0.0/8"), "" },
	{ "c a|local:2000|0.1.2.3:80",
	  "127.0.0.1:2000 a of consul/a\n" REFUSED("a", "0.1.2.3:80", "unspecified", "0.1.2.3", "0.0.0.0/8"), "" },
	{ "c a|any:2000|:::80", OPEN "\n" REFUSED("a", "[::]:80", "unspecified", "::", "::/128"), "" },
	{ "c a|any:2000|169.254.169.254:80",
	  OPEN "\n" REFUSED("a", "169.254.169.254:80", "link-local", "169.254.169.254", "169.254.0.0/16"), "" },
	{ "c a|any:2000|febf::1:80", OPEN "\n" REFUSED("a", "[febf::1]:80", "link-local", "febf::1", "fe80::/10"), "" },
	{ "c a|any:2000|239.255.255.255:80",
	  OPEN "\n" REFUSED("a", "239.255.255.255:80", "multicast", "239.255.255.255", "224.0.0.0/4"), "" },
	{ "c a|any:2000|ff02::1:80", OPEN "\n" REFUSED("a", "[ff02::1]:80", "multicast", "ff02::1", "ff00::/8"), "" },
	{ "c a|any:2000|255.255.255.255:80",
	  OPEN "\n" REFUSED("a", "255.255.255.255:80", "broadcast", "255.255.255.255", "255.255.255.255/32"), "" },
	{ "c a|any:2000|126.255.255.255:80 128.0.0.1:80 1.0.0.0:80 169.253.255.255:80 169.255.0.0:80 223.255.255.255:80 240.0.0.1:80 "
	  "[fe7f::1]:80 [fec0::1]:80 [::2]:80",
	  OPEN " 126.255.255.255:80+ 128.0.0.1:80+ 1.0.0.0:80+ 169.253.255.255:80+ 169.255.0.0:80+ 223.255.255.255:80+ 240.0.0.1:80+ "
	  "[fe7f::1]:80+ [fec0::1]:80+ [::2]:80+\n", "" },
	/* Names count by their addresses. */
	{ "c a|any:2000|mixed:80", OPEN " 10.9.0.3:80+ (mixed:80)\n" REFUSED("a", "mixed:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|local:2000|mixed:80", "127.0.0.1:2000 a of consul/a 127.0.0.1:80+ (mixed:80) 10.9.0.3:80+\n", "" },
	/* Of a proxy, which is dialled, but not what it is asked for. */
	{ "c a|any:2000|10.0.0.1:80|proxy=socks5://u:p@127.0.0.1:1080",
	  OPEN "\n" REFUSED("a", "proxy 127.0.0.1:1080", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|any:2000|127.0.0.1:80|proxy=socks5://10.0.0.9:1080", OPEN " socks5://10.0.0.9:1080 ─➤ 127.0.0.1:80+\n", "" },
	/* What the operator opens. */
	{ "c a|any:2000|127.0.0.1:80 127.1.0.1:80 169.254.1.1:80",
	  OPEN " 127.0.0.1:80+ 169.254.1.1:80+\n" REFUSED("a", "127.1.0.1:80", "loopback", "127.1.0.1", "127.0.0.0/8"),
	  "127.0.0.0/16,169.254.1.1" },
	{ "c a|any:2000|[::1]:80 127.0.0.1:80", OPEN " [::1]:80+\n" REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"),
	  "::1" },
	/* Dill's own servers, 127.0.0.1:81 and [::]:82, even so. */
	{ "c a|local:2000|127.0.0.1:81", "127.0.0.1:2000 a of consul/a\nrefused: a 127.0.0.1:81 [peek.listener] 127.0.0.1:81 is dill's own "
	  "peek.listener\n", "127.0.0.0/8" },
	{ "c a|local:2000|0.0.0.0:81", "127.0.0.1:2000 a of consul/a\nrefused: a 0.0.0.0:81 [peek.listener] 0.0.0.0:81 is dill's own "
	  "peek.listener\n", "0.0.0.0/8" },
	{ "c a|six:2000|::1:82", "[::1]:2000 a of consul/a\nrefused: a [::1]:82 [status.listener] [::1]:82 is dill's own "
	  "status.listener\n", "::1" },
	{ "c a|local:2000|127.0.0.1:82 127.0.0.2:81 10.0.0.1:81 [2001:db8::1]:82",
	  "127.0.0.1:2000 a of consul/a 127.0.0.1:82+ 127.0.0.2:81+ 10.0.0.1:81+ [2001:db8::1]:82+\n", "" },
	/* A range says once what is not allowed, and each server. */
	{ "c a|any:2000-2002|127.0.0.1:80", OPEN "\n0.0.0.0:2001 a of consul/a\n0.0.0.0:2002 a of consul/a\n"
	  REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "c a|any:2000-2001|127.0.0.1:80|ports=81", OPEN "\n0.0.0.0:2001 a of consul/a\n"
	  "refused: a 127.0.0.1:80 [peek.listener] 127.0.0.1:81 is dill's own peek.listener\n"
	  REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8"), "" },
	{ "s z|any:2000|10.0.0.1:80\nc a|any:2000-2001|127.0.0.1:80", "0.0.0.0:2000 z of static/z 10.0.0.1:80\n0.0.0.0:2001 a of consul/a\n"
	  REFUSED("a", "127.0.0.1:80", "loopback", "127.0.0.1", "127.0.0.0/8")
	  "refused: a any:2000-2001 [static] z in the configuration has it for itself\n", "" },
	/* A listener that is its own backend. */
	{ "c a|local:2000|127.0.0.1:2000", "refused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a|any:2000|127.0.0.1:2000", "refused: a any:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a|any:2000|10.0.0.1:2000", OPEN " 10.0.0.1:2000+ ?\n", "" },
	{ "c a|other:2000|127.0.0.1:2000", "127.0.0.2:2000 a of consul/a 127.0.0.1:2000+\n", "" },
	{ "c a|local:2000|0.0.0.0:2000", "refused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "0.0.0.0/8" },
	{ "s a|local:2000|127.0.0.1:2000", "127.0.0.1:2000 a of static/a 127.0.0.1:2000 !\n", "" },
	/* Round two. The older one has its port. */
	{ "c a|local:2000|127.0.0.1:2001|created=5\nc b|local:2001|127.0.0.1:2000|created=6",
	  "127.0.0.1:2000 a of consul/a 127.0.0.1:2001+\nrefused: b local:2001 [neighbour] 127.0.0.1:2001 is a backend of a on this host\n", "" },
	{ "c a|local:2000|127.0.0.1:2001|created=6\nc b|local:2001|127.0.0.1:2000|created=5",
	  "127.0.0.1:2001 b of consul/b 127.0.0.1:2000+\nrefused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of b on this host\n", "" },
	{ "c a|local:2000|127.0.0.1:2001\nc b|local:2001|127.0.0.1:3000",
	  "127.0.0.1:2000 a of consul/a 127.0.0.1:2001+\nrefused: b local:2001 [neighbour] 127.0.0.1:2001 is a backend of a on this host\n", "" },
	/* Who comes later takes nothing from the owner. */
	{ "c a|local:2000|10.0.0.1:80|created=5\nc b|local:2001|127.0.0.1:2000|created=6",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n127.0.0.1:2001 b of consul/b\n"
	  "refused: b 127.0.0.1:2000 [listener] 127.0.0.1:2000 is a listener of dill itself\n", "" },
	{ "s z|local:2000|10.0.0.1:80\nc b|local:2001|127.0.0.1:2000|created=1",
	  "127.0.0.1:2000 z of static/z 10.0.0.1:80\n127.0.0.1:2001 b of consul/b\n"
	  "refused: b 127.0.0.1:2000 [listener] 127.0.0.1:2000 is a listener of dill itself\n", "" },
	{ "c a|any:2000|10.0.0.1:80|created=5\nc b|local:2001|127.0.0.9:2000|created=6",
	  OPEN " 10.0.0.1:80+\n127.0.0.1:2001 b of consul/b\n"
	  "refused: b 127.0.0.9:2000 [listener] 127.0.0.9:2000 is a listener of dill itself\n", "" },
	/* All who share a listener lose it; the operator's service keeps it for them. */
	{ "s z|local:3000|127.0.0.1:2000\nc a|local:2000|10.0.0.1:80\nc b|local:2000|10.0.0.2:80",
	  "127.0.0.1:3000 z of static/z 127.0.0.1:2000\n"
	  "refused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of z on this host\n"
	  "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of z on this host\n", "" },
	{ "f z|local:2000|10.0.0.1:80\nc a|local:2000|127.0.0.1:2000|created=1",
	  "127.0.0.1:2000 a,z of file/z 10.0.0.1:80\nrefused: a 127.0.0.1:2000 [listener] 127.0.0.1:2000 is a listener of dill itself\n", "" },
	/* Its process is down, and Consul says so; or it may have no listener: the port is its own all the same. */
	{ "c a||127.0.0.1:2000|created=1\nc b|local:2000|10.0.0.1:80|created=2",
	  "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c b||127.0.0.1:2000\nc a|local:2000|10.0.0.1:80", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n", "" },
	{ "c a||127.0.0.1:2000\nc a|local:2000|10.0.0.1:80", "refused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a|local:2000|10.0.0.1:80|instance=1\nc a||127.0.0.1:2000|instance=2",
	  "refused: a local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	/* Of several the first is told. */
	{ "c a||127.0.0.1:2000|created=1\nc b||127.0.0.1:2000|created=2\nc z|local:2000|10.0.0.1:80|created=9",
	  "refused: z local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a||127.0.0.1:2000|created=2\nc b||127.0.0.1:2000|created=1\nc z|local:2000|10.0.0.1:80|created=9",
	  "refused: z local:2000 [neighbour] 127.0.0.1:2000 is a backend of b on this host\n", "" },
	/* By name, and through a proxy. */
	{ "c a|local:3000|mixed:2000\nc b|local:2000|10.0.0.1:80", "127.0.0.1:3000 a of consul/a 127.0.0.1:2000+ (mixed:2000) 10.9.0.3:2000+\n"
	  "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a|local:3000|10.0.0.1:80|proxy=socks5://127.0.0.1:2000\nc b|local:2000|10.0.0.1:80",
	  "127.0.0.1:3000 a of consul/a socks5://127.0.0.1:2000 ─➤ 10.0.0.1:80+\n"
	  "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "" },
	{ "c a|local:3000|127.0.0.1:2000|proxy=socks5://10.0.0.1:80\nc b|local:2000|10.0.0.1:80",
	  "127.0.0.1:2000 b of consul/b 10.0.0.1:80+\n127.0.0.1:3000 a of consul/a socks5://10.0.0.1:80 ─➤ 127.0.0.1:2000+\n", "" },
	/* The operator's own chains: a connect to a listener is followed. */
	{ "s a|127.0.0.1:2000|127.0.0.1:2001 127.0.0.1:2002\ns b|127.0.0.1:2001|10.0.0.1:2000",
	  "127.0.0.1:2000 a of static/a 127.0.0.1:2001 ! 127.0.0.1:2002\n127.0.0.1:2001 b of static/b 10.0.0.1:2000\n", "" },
	{ "s a|0.0.0.0:2000|0.0.0.0:2000 [::1]:2000 10.0.0.1:2000",
	  "0.0.0.0:2000 a of static/a 0.0.0.0:2000 ! [::1]:2000 10.0.0.1:2000 ?\n", "" },
};

/* `mixed` has a good address and one that is loopback, as IPv6 has it. */
static struct resolve_answer lookup(void *arg, const char *name, bool srv)
{
	static struct net_addr mixed[2];
	static const struct resolve_host host = { .name = "mixed", .state = RESOLVE_GOOD, .addrs = mixed, .count = 2 };

	if (strcmp(name, "mixed") != 0)
		return table_lookup(arg, name, srv);
	net_numeric(slice_of("::1"), 0, &mixed[0]);
	memset(&mixed[0].sa.v6.sin6_addr.s6_addr, 0, 16);
	memset(mixed[0].sa.v6.sin6_addr.s6_addr + 10, 0xff, 2);
	mixed[0].sa.v6.sin6_addr.s6_addr[12] = 127;
	mixed[0].sa.v6.sin6_addr.s6_addr[15] = 1;
	net_numeric(slice_of("10.9.0.3"), 0, &mixed[1]);
	return (struct resolve_answer){ RESOLVE_GOOD, NULL, &host, 1, true };
}

static void set_rules(struct route *route, const char *allow, struct arena *memory)
{
	net_ranges_parse(slice_of(allow), memory, &route->rules.backends);
	route->rules.lookup = lookup;
	route->rules.server_count = 2;
	route->rules.servers[0].key = "peek.listener";
	net_numeric(slice_of("127.0.0.1"), 81, &route->rules.servers[0].addr);
	route->rules.servers[1].key = "status.listener";
	net_numeric(slice_of("::"), 82, &route->rules.servers[1].addr);
}

static void neighbour_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena memory = { 0 };
		struct route_table *table;
		struct buf got = { 0 };
		struct route route;

		table_open(&route);
		set_rules(&route, cases[i].allow, &memory);
		table = table_merge(&route, cases[i].lists);
		table_put(&got, table);
		check(strcmp(got.data, cases[i].want) == 0, got.data, cases[i].lists);
		route_release(table);
		route_close(&route);
		arena_free(&memory);
		buf_free(&got);
	}
}

/* What listeners.bind grants a service by name, nobody takes who is not granted it, however old; but the operator. */
static void granted_cases(void)
{
	static const char *const granted[][2] = {
		{ "c x||127.0.0.1:2000|created=1\nc db|local:2000|10.0.0.1:80|created=2", "127.0.0.1:2000 db of consul/db 10.0.0.1:80+\n" },
		{ "c x|local:3000|127.0.0.1:2000|created=1\nc db|local:2000|10.0.0.1:80|created=2",
		  "127.0.0.1:2000 db of consul/db 10.0.0.1:80+\n127.0.0.1:3000 x of consul/x\n"
		  "refused: x 127.0.0.1:2000 [listener] 127.0.0.1:2000 is a listener of dill itself\n" },
		{ "c db1||127.0.0.1:2000|created=1\nc db|local:2000|10.0.0.1:80|created=2",
		  "refused: db local:2000 [neighbour] 127.0.0.1:2000 is a backend of db1 on this host\n" },
		{ "c db|local:2000|127.0.0.1:2000", "refused: db local:2000 [neighbour] 127.0.0.1:2000 is a backend of db on this host\n" },
		{ "s x|local:3000|127.0.0.1:2000\nc db|local:2000|10.0.0.1:80", "127.0.0.1:3000 x of static/x 127.0.0.1:2000\n"
		  "refused: db local:2000 [neighbour] 127.0.0.1:2000 is a backend of x on this host\n" },
		{ "c x||127.0.0.1:3000|created=1\nc y|local:3000|10.0.0.1:80|created=2",
		  "refused: y local:3000 [neighbour] 127.0.0.1:3000 is a backend of x on this host\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(granted); i++) {
		struct bind_table bind = { 0 };
		struct arena memory = { 0 };
		struct route_table *table;
		struct buf got = { 0 };
		struct route route;

		bind_set(&bind, "db*=local:2000; *=local:*", "here", &memory);
		bind_seal(&bind, &memory);
		table_open(&route);
		set_rules(&route, "", &memory);
		route.rules.admit.bind = &bind;
		table = table_merge(&route, granted[i][0]);
		table_put(&got, table);
		check(strcmp(got.data, granted[i][1]) == 0, got.data, granted[i][0]);
		route_release(table);
		route_close(&route);
		arena_free(&memory);
		buf_free(&got);
	}
}

/* Every address of this host is one that a listener at every address has. */
static void here_cases(void)
{
	struct net_addr *here;
	size_t count = net_here(&here);

	check(count, "this host", "has addresses");
	for (size_t i = 0; i < count; i++) {
		struct buf text = { 0 };
		struct route_table *table;
		struct route route;
		char host[NET_TEXT];

		net_print_host(&here[i], host);
		table_open(&route);
		table_labels[3].addr = here[i].sa.any.sa_family == AF_INET ? table_labels[3].addr : (struct net_addr){ 0 };
		if (here[i].sa.any.sa_family == AF_INET6)
			net_numeric(slice_of("::"), 0, &table_labels[3].addr);
		buf_printf(&text, "c a|any:2000|%s:2000", host);
		table = table_merge(&route, text.data);
		check(!table->count && table->refused_count == 1 && strcmp(table->refused[0].rule, "neighbour") == 0, "is here", host);
		route_release(table);
		route_close(&route);
		buf_free(&text);
	}
	free(here);
}

int main(void)
{
	neighbour_cases();
	granted_cases();
	here_cases();
	return check_sum();
}
