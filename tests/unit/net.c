/* Cases for net.c: addresses out of text and back, and errors of sockets. The rest is tested with the whole program. */
#include "base.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "../../net.c"
#include "../../net_address.c"
#include "../../sys.c"
#include "../../text.c"
#include "../../zone.c"

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text, *host; /* host NULL: refused */
	unsigned port;           /* 0: refused */
	const char *why;         /* a part of the reason */
} splits[] = {
	{ "any:80", "any", 80, NULL }, { "127.0.0.1:8500", "127.0.0.1", 8500, NULL }, { ":80", "", 80, NULL },
	{ "[::1]:80", "::1", 80, NULL }, { "[fe80::1%eth0]:1", "fe80::1%eth0", 1, NULL }, { "a.b-c_d:65535", "a.b-c_d", 65535, NULL },
	{ "a:0080", "a", 80, NULL }, { "[::]:1", "::", 1, NULL }, { "\303\251:1", "\303\251", 1, NULL },
	{ "", NULL, 0, "is not host:port" }, { "host", NULL, 0, "is not host:port" }, { "80", NULL, 0, "is not host:port" },
	{ "[]", NULL, 0, "is not host:port" }, { ":", NULL, 0, "port" }, { "a:", NULL, 0, "port" }, { "a:0", NULL, 0, "port" },
	{ "a:65536", NULL, 0, "port" }, { "a:-1", NULL, 0, "port" }, { "a:+1", NULL, 0, "port" }, { "a: 1", NULL, 0, "port" },
	{ "a:1 ", NULL, 0, "port" }, { "a:4294967376", NULL, 0, "port" }, { "a:http", NULL, 0, "port" }, { "a:80x", NULL, 0, "port" },
	{ "[::1]", NULL, 0, "port" }, { "[::1]80", NULL, 0, "port" },
	{ "::1:80", NULL, 0, "brackets" }, { "a:b:80", NULL, 0, "brackets" }, { "[::1]:80:80", NULL, 0, "brackets" },
	{ "::80", NULL, 0, "brackets" }, { "[a]:80", NULL, 0, "brackets" }, { "[]:80", NULL, 0, "brackets" },
	{ "[127.0.0.1]:80", NULL, 0, "brackets" }, { "a b:80", NULL, 0, "character" }, { "a\n:80", NULL, 0, "character" },
	{ "[a:80", NULL, 0, "character" }, { "a]:80", NULL, 0, "character" }, { "a/b:80", NULL, 0, "character" },
	{ "u@h:80", NULL, 0, "character" }, { "a,b:80", NULL, 0, "character" }, { " a:80", NULL, 0, "character" },
	{ "a:80,b:81", NULL, 0, "is a list" }, { ":80,:81", NULL, 0, "is a list" }, { "a:80,", NULL, 0, "is a list" },
	{ "a:80 b:81", NULL, 0, "is a list" }, { "[::1]:80;[::1]:81", NULL, 0, "is a list" }, { "a:80,81", NULL, 0, "is a list" },
	{ "a:74537", NULL, 0, "out of range" }, { "a:99999999999999999999", NULL, 0, "out of range" }, { "a:", NULL, 0, "has no valid port" },
	{ "a:80\302\240", NULL, 0, "invisible" }, { "\342\200\213a:80", NULL, 0, "invisible" }, { "a\302\240", NULL, 0, "invisible" },
	{ "010.0.0.1:80", NULL, 0, "leading zero" }, { "10.0.0.01:80", NULL, 0, "leading zero" }, { "0.0.0.0:80", "0.0.0.0", 80, NULL },
	{ "010.example:80", "010.example", 80, NULL }, { "a.01:80", "a.01", 80, NULL },
	{ "a\"b:80", NULL, 0, "character" }, { "a\\b:80", NULL, 0, "character" }, { "a\177:80", NULL, 0, "character" },
};

static void split_one(size_t i)
{
	size_t len = strlen(splits[i].text);
	char *copy = malloc(len ? len : 1); /* a byte too far is seen */
	struct slice host = { 0 };
	uint16_t port = 0;
	const char *why;

	memcpy(copy, splits[i].text, len);
	why = net_split((struct slice){ copy, len }, &host, &port);
	if (splits[i].why)
		check(why && strstr(why, splits[i].why), why ? why : "accepted", splits[i].text);
	else
		check(!why && slice_is(host, splits[i].host) && port == splits[i].port, why ? why : "parts", splits[i].text);
	free(copy);
}

static void split_cases(void)
{
	static const char *const shapes[] = { "%s:80", "[:%s]:80" };
	struct slice host;
	uint16_t port;

	for (size_t i = 0; i < ARRAY_LEN(splits); i++)
		split_one(i);
	check(net_split((struct slice){ TEXT("a\0b:80") }, &host, &port), "a NUL in the host", "a");
	check(net_split((struct slice){ TEXT("a:80\0") }, &host, &port), "a NUL behind the port", "a:80");
	check(net_split(slice_of(NULL), &host, &port), "nothing", "NULL");
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) { /* names and what stands in brackets have one bound */
		char name[512] = "";
		struct buf text = { 0 };

		memset(name, 'a', 250);
		buf_printf(&text, shapes[i], name);
		check(!net_split((struct slice){ text.data, text.len }, &host, &port) && host.len <= 253, "long", text.data);
		memset(name, 'a', 300);
		text.len = 0;
		buf_printf(&text, shapes[i], name);
		check(net_split((struct slice){ text.data, text.len }, &host, &port), "too long", text.data);
		buf_free(&text);
	}
}

static void srv_cases(void)
{
	static const char *const names[] = {
		"_pg._tcp.db.example.com", "_pg._tcp.x", "_a-b_c._9.x.", "_WEB._primary.service.consul", "__.__._"
	};
	static const char *const others[] = {
		"", ".", "_", "_pg", "_pg._tcp", "_pg._tcp.", "_pg._tcp..", "_pg._tcp.x..", "_pg._tcp..x", "._pg._tcp.x", "_pg.tcp.x", "pg._tcp.x",
		"_._tcp.x", "_pg._.x", "_pg._tcp.x:80", "_pg. _tcp.x", " _pg._tcp.x", "_pg._tcp.x ", "_pg._tcp.x,y", "_pg._tcp.x;y",
		"_pg._tcp.x\n", "_pg._tcp.\303\244", "[_pg._tcp.x]", "_pg._tcp.%d"
	};
	char name[400] = "_pg._tcp.";
	struct slice host, to;
	uint16_t port = 7;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		check(net_is_srv(slice_of(names[i])), "an SRV name", names[i]);
		check(!net_split_target(slice_of(names[i]), &host, &port) && !port && slice_is(host, names[i]), "without a port", names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		check(!net_is_srv(slice_of(others[i])), "no SRV name", others[i]);
	memset(name + 9, 'a', 63);
	check(net_is_srv(slice_of(name)), "a label of 63 bytes", name);
	name[9 + 63] = 'a';
	check(!net_is_srv(slice_of(name)), "one of 64", name);
	for (size_t i = 0; i < 244; i++)
		name[9 + i] = i % 61 == 60 ? '.' : 'a';
	strcpy(name + 9 + 244, "aaa");
	name[253] = '\0';
	check(strlen(name) == 253 && net_is_srv(slice_of(name)), "a name of 253 bytes", name);
	name[253] = 'a';
	check(!net_is_srv(slice_of(name)), "one of 254", name);
	check(!net_is_srv((struct slice){ TEXT("_pg._tcp.\0x") }), "no SRV name", "a NUL");
	check(!net_split_target(slice_of("_pg._tcp.x:80"), &host, &port) && port == 80 && slice_is(host, "_pg._tcp.x"), "a host", "with a port");
	check(net_split_target(slice_of("db.example.com"), &host, &port), "a host", "without a port");
	check(!net_split_route(slice_of("8002:_pg._tcp.x"), &port, &to) && port == 8002 && slice_is(to, "_pg._tcp.x"), "route", "to an SRV name");
	check(net_split_route(slice_of("8002:pg.x"), &port, &to), "no route", "to a host without a port");
}

static void port_cases(void)
{
	uint16_t port = 7;

	check(!net_port(slice_of("1"), &port) && port == 1, "net_port", "1");
	check(!net_port(slice_of("65535"), &port) && port == 65535, "net_port", "65535");
	check(net_port(slice_of("0"), &port) && net_port(slice_of("65536"), &port), "net_port", "out of range");
	check(net_port(slice_of(""), &port) && net_port(slice_of("4294967376"), &port), "net_port", "no port");
	check(port == 65535, "net_port", "unchanged");
}

static const struct {
	const char *host, *printed; /* with port 80; NULL: not numeric */
} numeric[] = {
	{ "1.2.3.4", "1.2.3.4:80" }, { "0.0.0.0", "0.0.0.0:80" }, { "255.255.255.255", "255.255.255.255:80" },
	{ "::", "[::]:80" }, { "::1", "[::1]:80" }, { "[::1]", "[::1]:80" }, { "2001:DB8:0:0::1", "[2001:db8::1]:80" },
	{ "::ffff:1.2.3.4", "1.2.3.4:80" }, { "[::FFFF:102:304]", "1.2.3.4:80" }, { "::ffff:0.0.0.0", "0.0.0.0:80" },
	{ "::1.2.3.4", "[::1.2.3.4]:80" }, { "fe80::1%kept", "[fe80::1%kept]:80" }, { "fe80::1%strange", NULL }, { "[fe80::1%a.b-c:]", NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888", "[1111:2222:3333:4444:5555:6666:7777:8888]:80" },
	{ "", NULL }, { "[]", NULL }, { "[", NULL }, { "localhost", NULL }, { "1.2.3", NULL }, { "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL }, { "0x7f.1", NULL }, { "16909060", NULL }, { " 1.2.3.4", NULL }, { "1.2.3.4 ", NULL },
	{ "1.2.3.4:80", NULL }, { ":::", NULL }, { "::1::", NULL }, { "1:2:3:4:5:6:7:8:9", NULL }, { "g::1", NULL },
	{ "[::1", NULL }, { "::1]", NULL }, { "::1%", NULL }, { "::1%no such link", NULL }, { "::1%a/b", NULL }, { "::1%a%b", NULL },
	{ "::1%fifteen-letters", "[::1%fifteen-letters]:80" }, { "::1%sixteen--letters", NULL }, { "%lo", NULL }, { "1.2.3.4%lo", NULL },
	{ "::1%an-interface-name-that-is-much-longer-than-any-system-has-them", NULL },
};

static void numeric_cases(void)
{
	struct net_addr a;
	char name[IF_NAMESIZE];

	net_keep_zone(slice_of("[fe80::1%kept]"));
	net_keep_zone(slice_of("::1%fifteen-letters/128"));
	for (size_t i = 0; i < ARRAY_LEN(numeric); i++) {
		char out[NET_TEXT] = "";
		bool ok = net_numeric(slice_of(numeric[i].host), 80, &a);

		check(ok == (numeric[i].printed != NULL), "net_numeric", numeric[i].host);
		if (!ok)
			continue;
		net_print(&a, out);
		check(numeric[i].printed && strcmp(out, numeric[i].printed) == 0, out, numeric[i].host);
		check(net_addr_port(&a) == 80, "net_addr_port", numeric[i].host);
		check(net_is_any(&a) == (slice_is(slice_of(out), "[::]:80") || slice_is(slice_of(out), "0.0.0.0:80")), "net_is_any", out);
	}
	check(net_numeric((struct slice){ "1.2.3.45", 7 }, 80, &a) && a.sa.v4.sin_addr.s_addr == htonl(0x01020304),
	      "borrowed bytes end before the NUL", "1.2.3.4");
	check(!net_numeric((struct slice){ TEXT("1.2.3.4\0x") }, 80, &a), "a NUL inside", "1.2.3.4");
	if (if_indextoname(1, name)) { /* a link by name, where there is one */
		struct buf text = { 0 };
		char out[NET_TEXT];

		buf_printf(&text, "[fe80::1%%%s]", name);
		check(net_numeric(slice_of(text.data), 80, &a) && zone_index(a.sa.v6.sin6_scope_id) == 1, "scope", text.data);
		net_print(&a, out);
		buf_puts(&text, ":80");
		check(strcmp(out, text.data) == 0, out, text.data);
		buf_free(&text);
	}
}

/* Interfaces by name, whether they exist or not. */
static void zone_cases(void)
{
	struct net_addr a, b, other;
	char name[NET_TEXT];

	check(!net_numeric(slice_of("fe80::1%late"), 80, &a), "a stranger's, and it does not exist", "late");
	net_keep_zone(slice_of("fe80::1%late"));
	net_keep_zone(slice_of("fe80::1%later"));
	net_numeric(slice_of("fe80::1%late"), 80, &a);
	net_numeric(slice_of("fe80::1%late"), 80, &b);
	net_numeric(slice_of("fe80::1%later"), 80, &other);
	check(net_compare(&a, &b) == 0 && net_compare(&a, &other) != 0, "are the same by name", "late");
	check(net_zoned(&a) && zone_index(a.sa.v6.sin6_scope_id) == 0, "one that does not exist", "late");
	check(net_listen(&a) == -ENODEV && net_connect(&a) == -ENODEV && net_probe(&a) == -ENODEV, "cannot be used", "late");
	a.sa.v6.sin6_scope_id = 0x7ffffff0;
	net_print(&a, name);
	check(!net_zoned(&a) && strcmp(name, "[fe80::1]:80") == 0, "a number of the system without a name", name);
	net_numeric(slice_of("::1"), 80, &a);
	check(!net_zoned(&a), "an address without one", "::1");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "fe80::%%z%d", i);
		check(!net_numeric(slice_of(name), 80, &other), "takes no place", name);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "fe80::%%z%d", i);
		check(net_local(slice_of(name), 80, &other), "the operator's do not run out", name);
	}
	check(!net_numeric(slice_of("fe80::1%one-more"), 80, &other), "takes no place", "one-more");
	check(net_numeric(slice_of("fe80::1%late"), 80, &a) && net_compare(&a, &b) == 0, "those that are known stay", "late");
}

/* In rising order; the last ones differ in their scope alone. */
static void compare_cases(void)
{
	static const struct {
		const char *host;
		uint16_t port;
		uint32_t scope;
	} rising[] = {
		{ "0.0.0.0", 1, 0 }, { "0.0.0.0", 256, 0 }, { "0.0.0.0", 65535, 0 }, { "1.2.3.4", 80, 0 }, { "1.2.4.3", 2, 0 },
		{ "10.0.0.0", 80, 0 }, { "200.0.0.1", 80, 0 }, { "::", 80, 0 }, { "::1", 80, 0 }, { "::1", 443, 0 },
		{ "::100", 80, 0 }, { "fe80::1", 80, 0 }, { "fe80::1", 9, 1 }, { "fe80::1", 80, 2 }, { "fe80::1", 80, 0xffffffffu },
	};
	struct net_addr a[ARRAY_LEN(rising)];

	for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
		check(net_numeric(slice_of(rising[i].host), rising[i].port, &a[i]), "numeric", rising[i].host);
		if (rising[i].scope)
			a[i].sa.v6.sin6_scope_id = rising[i].scope;
	}
	for (size_t i = 0; i < ARRAY_LEN(rising); i++)
		for (size_t k = 0; k < ARRAY_LEN(rising); k++)
			check(net_compare(&a[i], &a[k]) == (i > k) - (i < k), rising[i].host, rising[k].host);
	memset(a[0].sa.v4.sin_zero, 0xff, sizeof a[0].sa.v4.sin_zero);
	a[8].sa.v6.sin6_flowinfo = 7;
	a[1] = a[0];
	memset(a[1].sa.v4.sin_zero, 0, sizeof a[1].sa.v4.sin_zero);
	a[9] = a[8];
	a[9].sa.v6.sin6_flowinfo = 0;
	check(net_compare(&a[0], &a[1]) == 0 && net_compare(&a[8], &a[9]) == 0, "net_compare", "what is no part of an address");
}

static const struct {
	const char *text, *shown; /* shown NULL: refused */
	const char *in, *out;     /* addresses that are in it, and not; NULL: none of that sort */
} ranges[] = {
	{ "::ffff:10.1.0.0/112", "10.1.0.0/16", "10.1.2.3", "10.2.0.0" },
	{ "::ffff:10.1.2.3", "10.1.2.3/32", "10.1.2.3", "10.1.2.4" },
	{ "::ffff:0.0.0.0/96", "0.0.0.0/0", "1.2.3.4", "::1" },
	{ "::ffff:0.0.0.0/95", NULL, NULL, NULL },
	{ "10.0.0.0/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0" }, { "10.1.2.3/8", "10.1.2.3/8", "10.9.9.9", "9.255.255.255" },
	{ "127.0.0.1", "127.0.0.1/32", "127.0.0.1", "127.0.0.0" }, { "0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "::1" },
	{ "192.168.4.0/22", "192.168.4.0/22", "192.168.7.255", "192.168.8.0" }, { "1.2.3.4/31", "1.2.3.4/31", "1.2.3.5", "1.2.3.6" },
	{ "2001:db8::/33", "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" }, { "::/0", "::/0", "ffff::1", "1.2.3.4" },
	{ "::1", "::1/128", "::1", "::2" }, { "fe80::/10", "fe80::/10", "febf::1", "fec0::1" }, { "10.0.0.0/08", "10.0.0.0/8", NULL, NULL },
	{ "", NULL, NULL, NULL }, { "/8", NULL, NULL, NULL }, { "10.0.0.0/", NULL, NULL, NULL }, { "10.0.0.0/33", NULL, NULL, NULL },
	{ "10.0.0.0/-1", NULL, NULL, NULL }, { "10.0.0.0/4294967304", NULL, NULL, NULL }, { "::/129", NULL, NULL, NULL },
	{ "10.0.0/8", NULL, NULL, NULL }, { "[::1]/128", NULL, NULL, NULL }, { "host/8", NULL, NULL, NULL },
	{ "10.0.0.0/8/8", NULL, NULL, NULL }, { "10.0.0.0 /8", NULL, NULL, NULL }, { "all", NULL, NULL, NULL },
};

static void range_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct net_range range;
		struct net_addr a;
		char text[NET_RANGE_TEXT];
		const char *why;

		memset(&range, 0, sizeof range);
		why = net_range(slice_of(ranges[i].text), &range);
		check(!why == (ranges[i].shown != NULL), why ? why : "accepted", ranges[i].text);
		if (why || !ranges[i].shown)
			continue;
		net_print_range(&range, text);
		check(strcmp(text, ranges[i].shown) == 0, text, ranges[i].text);
		if (ranges[i].in)
			check(net_numeric(slice_of(ranges[i].in), 80, &a) && net_in_range(&range, &a), ranges[i].in, "is in it");
		if (ranges[i].out)
			check(net_numeric(slice_of(ranges[i].out), 80, &a) && !net_in_range(&range, &a), ranges[i].out, "is not in it");
	}
}

static void host_cases(void)
{
	static const struct {
		const char *text, *unmapped;
		bool loopback;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1:7", true }, { "127.255.255.255", "127.255.255.255:7", true }, { "128.0.0.1", "128.0.0.1:7", false },
		{ "126.255.255.255", "126.255.255.255:7", false }, { "::1", "[::1]:7", true }, { "::2", "[::2]:7", false },
		{ "::ffff:10.1.2.3", "10.1.2.3:7", false }, { "::ffff:127.0.0.9", "127.0.0.9:7", true },
		{ "::127.0.0.9", "[::127.0.0.9]:7", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_addr addr = { .sa.any.sa_family = AF_INET6 }, other;
		char text[NET_TEXT];

		if (inet_pton(AF_INET6, cases[i].text, &addr.sa.v6.sin6_addr) != 1)
			net_numeric(slice_of(cases[i].text), 0, &addr);
		net_set_port(&addr, 7);
		net_unmap(&addr);
		net_print(&addr, text);
		check(strcmp(text, cases[i].unmapped) == 0, text, cases[i].text);
		check(net_is_loopback(&addr) == cases[i].loopback, "net_is_loopback", cases[i].text);
		net_numeric(slice_of(cases[i].text), 9, &other);
		check(net_same_host(&addr, &other), "net_same_host", cases[i].text);
		net_numeric(slice_of("10.0.0.1"), 7, &other);
		check(!net_same_host(&addr, &other), "net_same_host of another", cases[i].text);
	}
}

static void error_cases(void)
{
	struct net_addr a;
	int own = socket(AF_INET, SOCK_STREAM, 0), server, client;

	net_numeric(slice_of("127.0.0.1"), 0, &a);
	check(bind(own, &a.sa.any, sizeof a.sa.v4) == 0 && net_own(own, &a), "bind", "a port");
	check(connect(own, &a.sa.any, sizeof a.sa.v4) == 0, "connect", "to itself");
	check(net_error(own) == ECONNREFUSED, "net_error", "of a socket that is its own peer");
	close(own);
	net_set_port(&a, 0);
	server = net_listen(&a);
	check(server >= 0 && net_own(server, &a), "net_listen", "at a port");
	client = net_connect(&a);
	poll(&(struct pollfd){ .fd = client, .events = POLLOUT }, 1, 5000);
	check(net_error(client) == 0 && net_connected(client), "net_error", "of a connection");
	close(client);
	close(server);
	client = net_connect(&a);
	if (client >= 0)
		poll(&(struct pollfd){ .fd = client, .events = POLLOUT }, 1, 5000);
	check(client == -ECONNREFUSED || net_error(client) == ECONNREFUSED, "net_error", "of a connect that is refused");
	if (client >= 0)
		close(client);
}

/* Every row of zeros there is, as libc writes it. */
static void ip_cases(void)
{
	struct net_addr addr = { .sa.v6.sin6_family = AF_INET6 };
	char want[INET6_ADDRSTRLEN], got[INET6_ADDRSTRLEN];

	for (unsigned set = 0; set < 256; set++) {
		for (unsigned i = 0; i < 16; i++)
			addr.sa.v6.sin6_addr.s6_addr[i] = set >> (i / 2) & 1 ? (unsigned char)(set % 3 * i * 16 + i + 1) : 0;
		inet_ntop(AF_INET6, &addr.sa.v6.sin6_addr, want, sizeof want);
		net_print_ip(&addr, got);
		check(strcmp(got, want) == 0, got, want);
	}
	check(net_numeric(slice_of("::ffff:1.2.3.4"), 1, &addr), "read", "::ffff:1.2.3.4");
	net_print_ip(&addr, got);
	check(strcmp(got, "::ffff:1.2.3.4") == 0 || strcmp(got, "1.2.3.4") == 0, got, "::ffff:1.2.3.4");
	check(net_numeric(slice_of("255.0.10.1"), 1, &addr), "read", "255.0.10.1");
	net_print_ip(&addr, got);
	check(strcmp(got, "255.0.10.1") == 0, got, "255.0.10.1");
}

int main(void)
{
	ip_cases();
	split_cases();
	srv_cases();
	port_cases();
	numeric_cases();
	zone_cases();
	compare_cases();
	range_cases();
	host_cases();
	error_cases();
	return check_sum();
}
