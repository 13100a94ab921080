/* Cases for merge.c: lists of services go in, a table comes out. A backend with a + is checked by its source. */
#include "base.h"

#include "check.h"
#include "table.h"
#include "../../merge.c"

#define LABEL "[listeners.allowed] label \"lan\" is not in listeners.allowed"

static const struct {
	const char *lists, *want;
} cases[] = {
	{ "", "" },
	{ "s web|local:2000|10.0.0.1:80", "127.0.0.1:2000 web of static/web 10.0.0.1:80\n" },
	{ "c web|local:2000|10.0.0.1:80", "127.0.0.1:2000 web of consul/web 10.0.0.1:80+\n" },
	{ "c web|six:2000|[::1]:80", "[::1]:2000 web of consul/web [::1]:80+\n" },
	{ "c web|local:2000|", "127.0.0.1:2000 web of consul/web\n" },
	/* Sorted by address and port. */
	{ "c b|other:2000,local:3000|10.0.0.1:1\nc a|local:2000|10.0.0.1:2",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:2+\n127.0.0.1:3000 b of consul/b 10.0.0.1:1+\n127.0.0.2:2000 b of consul/b 10.0.0.1:1+\n" },
	/* A listener is shared: the operator's service owns it, then the oldest, then the first by name. Each has its share. */
	{ "c web|local:2000|10.0.0.1:80\nc web|local:2000|10.0.0.2:80", "127.0.0.1:2000 web of consul/web 10.0.0.1:80+ 10.0.0.2:80+\n" },
	{ "f b|local:2000|10.0.0.1:80\nc a|local:2000|10.0.0.2:80", "127.0.0.1:2000 a,b of file/b 10.0.0.1:80 | 10.0.0.2:80+\n" },
	{ "c a|local:2000|10.0.0.2:80\nf a|local:2000|10.0.0.1:80", "127.0.0.1:2000 a of file/a 10.0.0.1:80 | 10.0.0.2:80+\n" },
	{ "f a|127.0.0.1:2000|10.0.0.1:80\nc b|local:2000|10.0.0.2:80", "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 | 10.0.0.2:80+\n" },
	{ "c a|local:2000|10.0.0.1:1|created=30\nc b|local:2000|10.0.0.2:1|created=7\nc c|local:2000|10.0.0.3:1|created=100",
	  "127.0.0.1:2000 a,b,c of consul/b 10.0.0.2:1+ | 10.0.0.1:1+ | 10.0.0.3:1+\n" },
	{ "c a|local:2000|10.0.0.1:1\nc b|local:2000|10.0.0.2:1|created=7\nc c|local:2000|10.0.0.3:1|created=7",
	  "127.0.0.1:2000 a,b,c of consul/b 10.0.0.2:1+ | 10.0.0.3:1+ | 10.0.0.1:1+\n" },
	/* A service is as old as its oldest instance, whether that wants the listener or not. */
	{ "c a|local:2000|10.0.0.1:1|created=9\nc b|local:2000|10.0.0.2:1|created=10\nc b|local:3000|10.0.0.3:1|created=8",
	  "127.0.0.1:2000 a,b of consul/b 10.0.0.2:1+ | 10.0.0.1:1+\n127.0.0.1:3000 b of consul/b 10.0.0.3:1+\n" },
	/* A backend stands there once; who does not check it counts; the first weight counts. */
	{ "c a|local:2000|10.0.0.1:80*3\nc b|local:2000|10.0.0.1:80*5 10.0.0.2:80*2",
	  "127.0.0.1:2000 a,b of consul/a 10.0.0.1:80*3+ | 10.0.0.2:80*2+\n" },
	{ "c a|local:2000|10.0.0.1:80\nf b|local:2000|10.0.0.1:80", "127.0.0.1:2000 a,b of file/b 10.0.0.1:80\n" },
	{ "c a|local:2000|10.0.0.1:80|allow=1.1.1.1\nc b|local:2000|10.0.0.1:80|", "127.0.0.1:2000 a,b of consul/a 10.0.0.1:80+ allow1\n" },
	{ "c a|local:2000|10.0.0.1:80*0", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n" },
	/* Host names. */
	{ "s a|local:2000|one:80 none:81", "127.0.0.1:2000 a of static/a 10.9.0.1:80 (one:80) (none:81 failed: NXDOMAIN)\n" },
	{ "s a|local:2000|two:80*2 10.0.0.1:1", "127.0.0.1:2000 a of static/a 10.9.0.1:80*2 (two:80) 10.9.0.2:80*2 10.0.0.1:1\n" },
	{ "s a|local:2000|one:80 two:80", "127.0.0.1:2000 a of static/a 10.9.0.1:80 (one:80) 10.9.0.2:80 (two:80)\n" },
	/* A name is listed once, whoever has written it, also when others have all of its addresses. */
	{ "s a|local:2000|two:80 one:80 two:80 10.9.0.2:80", "127.0.0.1:2000 a of static/a 10.9.0.1:80 (two:80) 10.9.0.2:80 (one:80)\n" },
	{ "c a|local:2000|none:80 two:80\nc b|local:2000|10.0.0.1:80 none:80 none:81",
	  "127.0.0.1:2000 a,b of consul/a 10.9.0.1:80+ (two:80) 10.9.0.2:80+ | 10.0.0.1:80+ (none:80 failed: NXDOMAIN) "
	  "(none:81 failed: NXDOMAIN)\n" },
	/* SRV names: targets with their ports and weights, once for all addresses of one; what is not there yet is listed. */
	{ "s a|local:2000|_pg._tcp.x 10.0.0.1:80",
	  "127.0.0.1:2000 a of static/a 10.9.0.1:5001 (one:5001) 10.9.0.1:5002*5 (two:5002) 10.9.0.2:5002*5 10.0.0.1:80\n" },
	{ "s a|local:2000|_no._tcp.x _new._tcp.x one:80", "127.0.0.1:2000 a of static/a 10.9.0.1:80 (one:80) (_no._tcp.x failed: NXDOMAIN) "
	  "(_new._tcp.x asked)\n" },
	{ "s a|local:2000|_kept._tcp.x old:1", "127.0.0.1:2000 a of static/a 10.9.0.1:5004 (one:5004 kept: SERVFAIL) 10.9.0.1:1 (old:1 kept: SERVFAIL) "
	  "(none:5003 failed: NXDOMAIN)\n" },
	{ "c a|local:2000|10.0.0.1:80|created=1\nc b|local:3000|_here._tcp.x|created=2", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n"
	  "127.0.0.1:3000 b of consul/b (here:2000)\nrefused: b _here._tcp.x [listener] 127.0.0.1:2000 is a listener of dill itself\n" },
	{ "s a|local:2000|_port._tcp.x", "127.0.0.1:2000 a of static/a 10.9.0.1:5001 (one:5001) (two failed: its SRV record has no port)\n" },
	{ "c a|any:2001|_here._tcp.x", "0.0.0.0:2001 a of consul/a (here:2000)\n"
	  "refused: a _here._tcp.x [backends.allow] loopback address 127.0.0.1, which needs backends.allow = 127.0.0.0/8\n" },
	{ "s a|local:2001|_here._tcp.x\nc b|local:2000|10.0.0.1:80", "127.0.0.1:2001 a of static/a 127.0.0.1:2000 (here:2000)\n"
	  "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n" },
	/* What is tried last is a share of its own, behind those of all others. */
	{ "s a|local:2000|_tier._tcp.x", "127.0.0.1:2000 a of static/a 10.9.0.1:5001*2 (one:5001) || 10.9.0.1:5002*3 (two:5002) 10.9.0.2:5002*3 "
	  "(none:5003 failed: NXDOMAIN)\n" },
	{ "f a|local:2000|_tier._tcp.x\nc b|local:2000|10.0.0.1:1 10.9.0.2:5002\nc c|local:2000|_tier._tcp.x",
	  "127.0.0.1:2000 a,b,c of file/a 10.9.0.1:5001*2 (one:5001) | 10.0.0.1:1+ 10.9.0.2:5002 || 10.9.0.1:5002*3 (two:5002) "
	  "(none:5003 failed: NXDOMAIN)\n" },
	{ "s a|local:2000|_spare._tcp.x", "127.0.0.1:2000 a of static/a 10.9.0.1:5002 (two:5002) 10.9.0.2:5002 (none:5003 failed: NXDOMAIN)\n" },
	{ "f a|local:2000|_spare._tcp.x\nc b|local:2000|_spare._tcp.x 10.0.0.1:1", "127.0.0.1:2000 a,b of file/a 10.0.0.1:1+ || "
	  "10.9.0.1:5002 (two:5002) 10.9.0.2:5002 (none:5003 failed: NXDOMAIN)\n" },
	/* A proxy is asked for targets by name. */
	{ "s a|local:2000|_tier._tcp.x|proxy=socks5://10.0.0.9:1080", "127.0.0.1:2000 a of static/a "
	  "socks5://10.0.0.9:1080 ─➤ one:5001*2 (socks5://10.0.0.9:1080 ─➤ one:5001) || "
	  "socks5://10.0.0.9:1080 ─➤ two:5002*3 (socks5://10.0.0.9:1080 ─➤ two:5002) "
	  "socks5://10.0.0.9:1080 ─➤ none:5003 (socks5://10.0.0.9:1080 ─➤ none:5003)\n" },
	{ "s a|local:2000|_here._tcp.x _no._tcp.x|proxy=socks5://one:1080", "127.0.0.1:2000 a of static/a "
	  "socks5://10.9.0.1:1080 ─➤ here:2000 (socks5://one:1080 ─➤ here:2000) (socks5://one:1080 ─➤ _no._tcp.x failed: NXDOMAIN)\n" },
	{ "s a|local:2000|_here._tcp.x|proxy=socks5://none:1080", "127.0.0.1:2000 a of static/a (socks5://none:1080 ─➤ here:2000 failed: NXDOMAIN)\n" },
	/* Through a proxy it is the proxy that is dialled; the name is the proxy's to resolve. */
	{ "s a|local:2000|none:80|proxy=socks5://one:1080",
	  "127.0.0.1:2000 a of static/a socks5://10.9.0.1:1080 ─➤ none:80 (socks5://one:1080 ─➤ none:80)\n" },
	{ "s a|local:2000|10.0.0.1:80 10.0.0.2:80|proxy=socks5://10.0.0.9:1080",
	  "127.0.0.1:2000 a of static/a socks5://10.0.0.9:1080 ─➤ 10.0.0.1:80 socks5://10.0.0.9:1080 ─➤ 10.0.0.2:80\n" },
	/* The owner's balance counts; what others ask for is told. */
	{ "c a|local:2000|10.0.0.1:80|balance=p2c", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+ p2c\n" },
	{ "c a|local:2000|10.0.0.1:80|balance=p2c\nc b|local:2000|10.0.0.2:80|balance=P2C",
	  "127.0.0.1:2000 a,b of consul/a 10.0.0.1:80+ | 10.0.0.2:80+ p2c\n" },
	{ "c a|local:2000|10.0.0.1:80|balance=p2c\nc b|local:2000|10.0.0.2:80",
	  "127.0.0.1:2000 a,b of consul/a 10.0.0.1:80+ | 10.0.0.2:80+ p2c (b asks for balance the default, but a comes first and has p2c)\n" },
	{ "f a|local:2000|10.0.0.1:80\nc a|local:2000||balance=random",
	  "127.0.0.1:2000 a of file/a 10.0.0.1:80 (a in consul asks for balance random, but a in file comes first and has the default)\n" },
	{ "c a|local:2000|10.0.0.1:80|instance=i1\nc a|local:2000||instance=i2 balance=random",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+ (a (i2 on node) asks for balance random, but a (i1 on node) comes first and has the default)\n" },
	/* All other options belong to those who say them, instance by instance, and count for their own backends. */
	{ "c a|local:2000|10.0.0.1:80|deny=1.1.1.1 proxy_protocol=v1\nc db|local:2000|10.0.0.2:80|allow=2.2.2.2,3.3.3.3 created=1",
	  "127.0.0.1:2000 a,db of consul/db 10.0.0.2:80+ allow2 | 10.0.0.1:80+ v1 deny1\n" },
	{ "c a|local:2000|10.0.0.1:80|proxy=socks5://u:p@10.0.0.9:1\nc b|local:2000|10.0.0.2:80",
	  "127.0.0.1:2000 a,b of consul/a socks5://10.0.0.9:1 ─➤ 10.0.0.1:80+ | 10.0.0.2:80+\n" },
	{ "c a|local:2000|10.0.0.1:80|allow=1.1.1.1\nc a|local:2000|10.0.0.2:80\nc a|local:2000|10.0.0.3:80|allow=1.1.1.1",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+ allow1 10.0.0.2:80+ 10.0.0.3:80+ allow1\n" },
	/* Refused: sorted, and said once. */
	{ "c b|lan:1,local:2000|10.0.0.1:80\nc a|lan:2|10.0.0.1:80\nc a|lan:2|10.0.0.2:80",
	  "127.0.0.1:2000 b of consul/b 10.0.0.1:80+\nrefused: a lan:2 " LABEL "\nrefused: b lan:1 " LABEL "\n" },
	{ "c a|local:80|10.0.0.1:80\nc a|x|10.0.0.1:80",
	  "refused: a local:80 [listeners.port_min] port below listeners.port_min 1024\nrefused: a x [listener] not label:port\n" },
	{ "c a|127.0.0.1:2000|10.0.0.1:80\ns b|127.0.0.1:80|10.0.0.1:80", "127.0.0.1:80 b of static/b 10.0.0.1:80\n"
	  "refused: a 127.0.0.1:2000 [listeners.allowed] label \"127.0.0.1\" is not in listeners.allowed\n" },
	/* A wrong balance is passed over; what is vital keeps the service out, even where others share the listener. */
	{ "c a|local:2000|10.0.0.1:80|balance=fastest",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\nrefused: a balance=fastest [balance] not one of round_robin, random, p2c, least_conn\n" },
	{ "c a|local:2000,lan:1|10.0.0.1:80|allow=x\nc b|local:2000|10.0.0.2:80",
	  "127.0.0.1:2000 b of consul/b 10.0.0.2:80+\nrefused: a allow=x [allow] is not a network such as 10.0.0.0/8\n" },
	{ "c a|local:2000|10.0.0.1:80|proxy=u:secret", "refused: a proxy=******** [proxy] is not socks5://[user:password@]host:port\n" },
	{ "c a|local:2000|10.0.0.1:80|fault=broken", "refused: a local:2000 [instance] broken\n" },
	/* A range: a listener for each port. Its offset is added where the backend has a range, too. */
	{ "c a|local:2000-2002|10.0.0.1:80", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n127.0.0.1:2001 a of consul/a 10.0.0.1:80+\n"
	  "127.0.0.1:2002 a of consul/a 10.0.0.1:80+\n" },
	{ "c a|local:2000-2001,six:3000|10.0.0.1:80|ports=6000\nc a|local:2001-2002|10.0.0.2:80|ports=7000",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:6000+\n127.0.0.1:2001 a of consul/a 10.0.0.1:6001+ 10.0.0.2:7000+\n"
	  "127.0.0.1:2002 a of consul/a 10.0.0.2:7001+\n[::1]:3000 a of consul/a 10.0.0.1:6000+\n" },
	{ "s a|local:2000-2001|10.0.0.1:80-81 two:90 two:100-101", "127.0.0.1:2000 a of static/a 10.0.0.1:80 10.9.0.1:90 (two:90) "
	  "10.9.0.2:90 10.9.0.1:100 (two:100) 10.9.0.2:100\n127.0.0.1:2001 a of static/a 10.0.0.1:81 10.9.0.1:90 (two:90) 10.9.0.2:90 "
	  "10.9.0.1:101 (two:101) 10.9.0.2:101\n" },
	{ "s a|local:2000-2001|h:80|ports=90 proxy=socks5://one:1080", "127.0.0.1:2000 a of static/a socks5://10.9.0.1:1080 ─➤ h:90 "
	  "(socks5://one:1080 ─➤ h:90)\n127.0.0.1:2001 a of static/a socks5://10.9.0.1:1080 ─➤ h:91 (socks5://one:1080 ─➤ h:91)\n" },
	{ "c a|local:2000-2001|10.0.0.1:80|ports=65534",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:65534+\n127.0.0.1:2001 a of consul/a 10.0.0.1:65535+\n" },
	{ "c a|local:2000-2002,local:2100|10.0.0.1:80|ports=65534",
	  "refused: a ports=65534 [ports] no room for a range of 3 ports, since 65535 is the last one\n" },
	{ "c a|local:2000-2016,local:3000|10.0.0.1:80|instance=i", /* too many of it are all of it; the rest goes on */
	  "127.0.0.1:3000 a of consul/a 10.0.0.1:80+\nrefused: a local:2000-2016 [instance] more than 16 ports for one instance\n" },
	{ "c a|local:1000-2000|10.0.0.1:80", "refused: a local:1000-2000 [listeners.port_min] port below listeners.port_min 1024\n" },
	{ "c a|local:49000-50000|10.0.0.1:80", "refused: a local:49000-50000 [listeners.port_max] port above listeners.port_max 49151\n" },
	{ "c a|local:2000-7000|10.0.0.1:80", "refused: a local:2000-7000 [listener] is a range of 5001 ports; at most 4096\n" },
	/* What is held gives way to the same service's wish for the same port that could not be bound beside it. */
	{ "c a|local:2000|10.0.0.1:80|held\nc a|any:2000|10.0.0.1:80", "0.0.0.0:2000 a of consul/a 10.0.0.1:80+\n" },
	{ "c a|any:2000|10.0.0.1:80|held\nc a|local:2000|10.0.0.1:80", "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n" },
	/* A range that has changed: so far as it is there anew, in other words, nothing of the old one stays. */
	{ "c a|local:2000-2002|10.0.0.1:80|held ports=90\nc a|local:2001-2003|10.0.0.1:80|ports=70",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:90+\n127.0.0.1:2001 a of consul/a 10.0.0.1:70+\n"
	  "127.0.0.1:2002 a of consul/a 10.0.0.1:71+\n127.0.0.1:2003 a of consul/a 10.0.0.1:72+\n" },
	{ "c a|local:2000-2001|10.0.0.1:80|held\nc b|local:2001|10.0.0.2:80",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n127.0.0.1:2001 a,b of consul/a 10.0.0.1:80+ | 10.0.0.2:80+\n" },
	{ "c a|local:2000|10.0.0.1:80|held\nc a|any:2001|10.0.0.1:80",
	  "0.0.0.0:2001 a of consul/a 10.0.0.1:80+\n127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n" },
	{ "c a|local:2000|10.0.0.1:80|held\nc a|other:2000|10.0.0.1:80",
	  "127.0.0.1:2000 a of consul/a 10.0.0.1:80+\n127.0.0.2:2000 a of consul/a 10.0.0.1:80+\n" },
	{ "c a|six:2000|10.0.0.1:80|held\nc a|any:2000|10.0.0.1:80",
	  "0.0.0.0:2000 a of consul/a 10.0.0.1:80+\n[::1]:2000 a of consul/a 10.0.0.1:80+\n" },
};

static void merge_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct service_list *lists[2];
		struct route_table *table;
		struct buf got = { 0 };
		struct route route;

		table_open(&route);
		table_lists(cases[i].lists, lists);
		table = merge_table(&route, lists, 2);
		table_put(&got, table);
		check(strcmp(got.data, cases[i].want) == 0, got.data, cases[i].lists);
		check(!table->remembered, "nothing is from disk", cases[i].lists);
		service_list_unref(lists[0]);
		service_list_unref(lists[1]); /* what the table needs of them is its own */
		table_put(&got, table);
		check(strcmp(got.data, cases[i].want) == 0, got.data, cases[i].lists);
		route_release(table);
		route_close(&route);
		buf_free(&got);
	}
}

static void put_in_force(struct route *route, struct route_table *table)
{
	route_release(route->table);
	route->table = table;
}

/* Listeners and backends that are there already are the same objects. */
static void object_cases(void)
{
	struct route_table *now, *then;
	struct route_backend *retired;
	struct route route;

	table_open(&route);
	then = table_merge(&route, "c a|local:2000,local:3000|10.0.0.1:80 10.0.0.2:80\nc b|local:4000|10.0.0.1:80");
	put_in_force(&route, then);
	check(then->entries[0]->backends[0] != then->entries[1]->backends[0], "an object each", "of two listeners");
	now = table_merge(&route, "c c|local:2000|10.0.0.3:80 10.0.0.2:80\nc b|local:5000|10.0.0.1:80");
	check(now->entries[0]->listener == then->entries[0]->listener, "the listener", "stays");
	check(now->entries[0]->backends[1] == then->entries[0]->backends[1], "the backend", "stays");
	check(now->entries[0]->backends[0] != then->entries[0]->backends[0], "a backend", "is new");
	check(strcmp(now->entries[0]->listener->services, "a") == 0, now->entries[0]->listener->services, "who made it open");
	retired = route_backend_ref(then->entries[0]->backends[0]);
	put_in_force(&route, now);
	route.retired = sys_alloc(sizeof *route.retired);
	route.retired[0] = retired;
	route.retired_count = route.retired_cap = 1;
	then = table_merge(&route, "c a|local:2000|10.0.0.1:80\nc b|local:5000|10.0.0.1:80\nc d|local:3000|10.0.0.1:80");
	check(then->entries[0]->backends[0] == retired, "one that still drains", "is found again");
	check(then->entries[1]->backends[0] != retired, "of another listener", "is another one");
	check(then->entries[2]->backends[0] == now->entries[1]->backends[0], "the backend", "stays");
	route_release(then);
	route_close(&route);
}

/* A round by weight, and what an entry takes over from its services. */
static void entry_cases(void)
{
	struct route_table *table;
	const struct route_entry *entry;
	struct route route;

	table_open(&route);
	table = table_merge(&route, "c a|local:2000|10.0.0.1:80*3 10.0.0.2:80|proxy_protocol=v2 allow=1.1.1.1,2.2.2.2 deny=3.3.3.3\n"
	                           "c b|local:3000|10.0.0.1:80*2 10.0.0.2:80*2");
	entry = table->entries[0];
	check(entry->shares->round && entry->shares->round_len == 4 && entry->shares->weight == 4, "a round by weight", "3 and 1");
	check(!table->entries[1]->shares->round && table->entries[1]->shares->round_len == 2, "no round", "all weigh the same");
	check(entry->term_count == 1 && !entry->terms_of, "one service", "asks for one thing");
	check(strcmp(entry->owner.wish->text, "local:2000") == 0, entry->owner.wish->text, "the owner's wish");
	check(entry->backends[0]->listener == entry->listener, "the listener", "of a backend");
	route_release(table);
	route_close(&route);
}

static void list_cases(void)
{
	struct service_list *lists[3] = { NULL };
	struct route_table *table;
	struct route route;

	table_open(&route);
	table_lists("c a|local:2000|10.0.0.1:80", lists);
	service_list_unref(lists[0]);
	lists[0] = NULL;
	lists[1]->remembered = true;
	table = merge_table(&route, lists, 3);
	check(table->count == 1 && strcmp(table->remembered, "Consul") == 0, "from disk", "by its title");
	check(atomic_load(&table->refs) == 1, "one", "reference");
	route_release(table);
	table = merge_table(&route, NULL, 0);
	check(!table->count && !table->refused_count && !table->remembered, "no lists", "no listeners");
	route_release(table);
	service_list_unref(lists[1]);
	route_close(&route);
}

/* CreateIndex of one source says nothing beside that of another: the first source has the listener. */
static void age_cases(void)
{
	struct service_list *first[2], *second[2];
	struct route_table *table;
	struct route route;
	struct buf got = { 0 };

	table_open(&route);
	table_lists("c b|local:2000|10.0.0.1:80|created=30", first);
	table_lists("c a|local:2000|10.0.0.2:80|created=7", second);
	second[1]->source = "nomad";
	service_list_unref(first[0]);
	first[0] = first[1];
	first[1] = second[1];
	table = merge_table(&route, first, 2);
	table_put(&got, table);
	check(strcmp(got.data, "127.0.0.1:2000 a,b of consul/b 10.0.0.1:80+ | 10.0.0.2:80+\n") == 0, got.data, "ages of two sources");
	route_release(table);
	for (int i = 0; i < 2; i++)
		service_list_unref(first[i]);
	service_list_unref(second[0]);
	buf_free(&got);
	route_close(&route);
}

int main(void)
{
	merge_cases();
	age_cases();
	object_cases();
	entry_cases();
	list_cases();
	return check_sum();
}
