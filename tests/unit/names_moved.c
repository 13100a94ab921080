/* Cases for scope.c and join.c: the lists are as they were, and names stand for something else. */
#include "base.h"

#include <arpa/inet.h>
#include <string.h>

#include "check.h"
#include "figures.h"
#include "table.h"
#include "../../publish.h"

struct world {
	struct route route;
	struct service_list *lists[2];
};

/* How often names have been looked up. */
static struct {
	const char *name;
	unsigned times;
} lookups[] = { { "one", 0 }, { "two", 0 }, { "here", 0 }, { "_pg._tcp.x", 0 }, { "_here._tcp.x", 0 } };

static struct resolve_answer count_lookup(void *arg, const char *name, bool srv)
{
	for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
		lookups[i].times += strcmp(lookups[i].name, name) == 0;
	return table_lookup(arg, name, srv);
}

static void open_world(struct world *world, const char *services)
{
	table_open(&world->route);
	world->route.rules.lookup = count_lookup;
	table_lists(services, world->lists);
	publish_update(&world->route, world->lists, 2);
}

static void close_world(struct world *world)
{
	for (int i = 0; i < 2; i++)
		service_list_unref(world->lists[i]);
	route_close(&world->route);
}

static void all_still(void)
{
	for (size_t i = 0; i < ARRAY_LEN(table_hosts); i++)
		table_hosts[i].still = true;
	for (size_t i = 0; i < ARRAY_LEN(table_srvs); i++)
		table_srvs[i].still = true;
	for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
		lookups[i].times = 0;
}

/* A round; then the table is the wanted one (NULL: nothing is new). */
static void round_is(struct world *world, const char *want, const char *what)
{
	struct buf got = { 0 };
	bool news;

	world->route.names_moved = true;
	news = publish_update(&world->route, world->lists, 2);
	table_put(&got, world->route.table);
	check(news == (want != NULL), news ? "news" : "no news", what);
	check(!want || strcmp(got.data, want) == 0, got.data, what);
	buf_free(&got);
	all_still();
}

static void looked_up(const char *name, unsigned times, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
		if (strcmp(lookups[i].name, name) == 0)
			check(lookups[i].times == times, name, what);
}

/* Only services one of whose names has moved are drafted; the others' names are looked up once, since they are in use. */
static void scope_cases(void)
{
	struct world world;

	open_world(&world, "s a|local:2000|one:80\ns b|local:2001|_pg._tcp.x\ns c|local:2002|two:80 10.0.0.1:1\nc d|local:80|here:80\n"
	           "s e|local:2000|_here._tcp.x|proxy=socks5://two:1080\n");
	all_still();
	table_host("one")->first = 1;
	table_host("one")->still = false;
	world.route.names_moved = true;
	check(publish_update(&world.route, world.lists, 2), "one has moved", "news");
	looked_up("two", 2 + 1, "for c, and for the proxy, whose listener's backends are all found anew");
	looked_up("here", 0, "of a service that gets nothing");
	looked_up("_pg._tcp.x", 1 + 2, "has moved, since its target has");
	looked_up("_here._tcp.x", 1 + 1, "likewise");
	check(world.route.table->change_count == 2, "two entries", "are others");
	all_still();
	world.route.names_moved = true;
	check(!publish_update(&world.route, world.lists, 2), "none has moved", "no news");
	looked_up("one", 1, "none has moved");
	looked_up("two", 2, "none has moved");
	looked_up("_pg._tcp.x", 1, "none has moved");
	looked_up("_here._tcp.x", 1, "none has moved");
	check(!publish_update(&world.route, world.lists, 2), "no round", "no news");
	looked_up("one", 1, "no round");
	table_host("one")->first = 0;
	close_world(&world);
}

/* What is shown or chosen otherwise makes a new entry, though the backends are the same. */

static void name_cases(void)
{
	struct world world;

	open_world(&world, "f a|local:2000|one:80 two:80\n");
	all_still();
	round_is(&world, NULL, "at first");
	*table_host("one") = (struct table_host){ .name = "one", .count = 2 };
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:80 (one:80) 10.9.0.2:80 (two:80)\n", "the first name's now");
	table_host("one")->why = "SERVFAIL";
	table_host("one")->still = false;
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:80 (one:80 kept: SERVFAIL) 10.9.0.2:80 (two:80)\n", "another state");
	table_host("one")->why = "timeout";
	table_host("one")->still = false;
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:80 (one:80 kept: timeout) 10.9.0.2:80 (two:80)\n", "another reason");
	*table_host("one") = (struct table_host){ .name = "one", .count = 1 };
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:80 (one:80) 10.9.0.2:80 (two:80)\n", "as at first");
	close_world(&world);
}

static void target_cases(void)
{
	struct table_srv *srv = &table_srvs[0], was = *srv;
	struct world world;

	open_world(&world, "f a|local:2000|10.0.0.1:80\nf b|local:2000|_pg._tcp.x");
	all_still();
	srv->targets[0].last = srv->targets[1].last = true;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 || 10.9.0.1:5001 (one:5001) 10.9.0.1:5002*5 (two:5002) 10.9.0.2:5002*5\n",
	         "all are tried last");
	*srv = was;
	srv->targets[1].weight = 3;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 | 10.9.0.1:5001*2 (one:5001) 10.9.0.1:5002*3 (two:5002) 10.9.0.2:5002*3\n",
	         "another weight");
	srv->targets[1].weight = 1;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 | 10.9.0.1:5001*2 (one:5001) 10.9.0.1:5002 (two:5002) 10.9.0.2:5002\n",
	         "the same weight, with one address and with two");
	srv->targets[1].weight = 65535;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 | 10.9.0.1:5001 (one:5001) 10.9.0.1:5002*32768 (two:5002) 10.9.0.2:5002*32768\n",
	         "nearly so");
	srv->targets[1].weight = 3;
	srv->targets[0].port = 5009;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 | 10.9.0.1:5009*2 (one:5009) 10.9.0.1:5002*3 (two:5002) 10.9.0.2:5002*3\n",
	         "another port");
	*srv = (struct table_srv){ .name = was.name, .state = RESOLVE_FAILED, .why = "NXDOMAIN" };
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 (_pg._tcp.x failed: NXDOMAIN)\n", "no targets");
	srv->why = NULL;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 (_pg._tcp.x failed)\n", "no reason");
	srv->state = RESOLVE_ASKED;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b of file/a 10.0.0.1:80 (_pg._tcp.x asked)\n", "another state");
	*srv = was;
	close_world(&world);
}

static struct route_backend *backend_at(const struct world *world, const char *name)
{
	const struct route_entry *entry = world->route.table->entries[0];

	for (unsigned i = 0; i < entry->count; i++)
		if (strcmp(entry->backends[i]->name, name) == 0)
			return entry->backends[i];
	return NULL;
}

/* A target that has another place or weight is the same backend; one that has left is found again while it has sessions. */
static void session_cases(void)
{
	struct table_srv *srv = &table_srvs[0], was = *srv;
	struct route_backend *backend;
	struct world world;

	open_world(&world, "f a|local:2000|_pg._tcp.x");
	all_still();
	backend = backend_at(&world, "10.9.0.1:5001");
	set_backend_active(backend, 1);
	srv->targets[0] = (struct table_target){ "one", 5001, 7, true };
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:5002*5 (two:5002) 10.9.0.2:5002*5 || 10.9.0.1:5001*7 (one:5001)\n", "tried last");
	check(backend_at(&world, "10.9.0.1:5001") == backend && !atomic_load(&backend->gone), "tried last", "the same");
	srv->count = 0;
	srv->state = RESOLVE_FAILED;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a of file/a (_pg._tcp.x failed)\n", "no targets");
	check(world.route.retired_count == 1 && atomic_load(&backend->gone), "no targets", "it drains");
	*srv = was;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a of file/a 10.9.0.1:5001 (one:5001) 10.9.0.1:5002*5 (two:5002) 10.9.0.2:5002*5\n", "as at first");
	check(backend_at(&world, "10.9.0.1:5001") == backend && !atomic_load(&backend->gone) && !world.route.retired_count, "as at first", "the same");
	set_backend_active(backend, 0);
	close_world(&world);
}

/* A service of which some are tried last from now on keeps its turn among the others. */
static void turn_cases(void)
{
	struct table_srv *srv = &table_srvs[0], was = *srv;
	atomic_uint *cursor;
	struct world world;

	open_world(&world, "f a|local:2000|10.0.0.1:80\nf b|local:2000|_pg._tcp.x\nf c|local:2000|10.0.0.3:80");
	all_still();
	cursor = &world.route.table->entries[0]->listener->cursor;
	atomic_store(cursor, 1);
	srv->targets[1].last = true;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b,c of file/a 10.0.0.1:80 | 10.9.0.1:5001 (one:5001) | 10.0.0.3:80 || 10.9.0.1:5002*5 (two:5002) "
	         "10.9.0.2:5002*5\n", "one is tried last");
	check(atomic_load(cursor) == 1, "one is tried last", "b's turn");
	atomic_store(cursor, 3);
	srv->targets[1].weight = 20;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b,c of file/a 10.0.0.1:80 | 10.9.0.1:5001 (one:5001) | 10.0.0.3:80 || 10.9.0.1:5002*10 (two:5002) "
	         "10.9.0.2:5002*10\n", "another weight");
	check(atomic_load(cursor) == 3, "another weight", "the turn of what is tried last");
	*srv = was;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 a,b,c of file/a 10.0.0.1:80 | 10.9.0.1:5001 (one:5001) 10.9.0.1:5002*5 (two:5002) 10.9.0.2:5002*5 | "
	         "10.0.0.3:80\n", "as at first");
	close_world(&world);
}

/* A listener gives way to what a target has at its port, while it has. */
static void neighbour_cases(void)
{
	struct table_srv *srv = &table_srvs[3], was = *srv;
	struct world world;

	check(strcmp(srv->name, "_here._tcp.x") == 0, "the name", srv->name);
	open_world(&world, "s a|other:4000|_here._tcp.x\nc b|local:2000|10.0.0.1:80\nc c|local:2001|10.0.0.2:80\n");
	all_still();
	srv->targets[0].port = 2001;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 b of consul/b 10.0.0.1:80+\n127.0.0.2:4000 a of static/a 127.0.0.1:2001 (here:2001)\n"
	         "refused: c local:2001 [neighbour] 127.0.0.1:2001 is a backend of a on this host\n", "another port");
	srv->state = RESOLVE_FAILED;
	srv->count = 0;
	srv->still = false;
	round_is(&world, "127.0.0.1:2000 b of consul/b 10.0.0.1:80+\n127.0.0.1:2001 c of consul/c 10.0.0.2:80+\n"
	         "127.0.0.2:4000 a of static/a (_here._tcp.x failed)\n", "no targets");
	*srv = was;
	srv->still = false;
	round_is(&world, "127.0.0.1:2001 c of consul/c 10.0.0.2:80+\n127.0.0.2:4000 a of static/a 127.0.0.1:2000 (here:2000)\n"
	         "refused: b local:2000 [neighbour] 127.0.0.1:2000 is a backend of a on this host\n", "at first");
	table_host("here")->first = 3;
	table_host("here")->still = false;
	round_is(&world, "127.0.0.1:2000 b of consul/b 10.0.0.1:80+\n127.0.0.1:2001 c of consul/c 10.0.0.2:80+\n"
	         "127.0.0.2:4000 a of static/a 10.9.0.4:2000 (here:2000)\n", "it is another host's");
	table_host("here")->first = 2;
	close_world(&world);
}

/* A stranger's name leads to no place that the stranger may not name, whatever it stands for by now. */
static void stranger_cases(void)
{
	static const char *const places[] = {
		"127.0.0.9", "::1", "::ffff:127.0.0.9", "0.0.0.0", "::", "::ffff:0.0.0.0", "169.254.169.254", "::ffff:169.254.169.254",
		"fe80::1", "224.0.0.1", "255.255.255.255"
	};
	struct net_addr was = table_addresses[0];
	struct world world;
	struct buf got = { 0 };

	open_world(&world, "s l|local:5001|10.0.0.1:80\nc a|any:2000|one:80\nc b|any:2001|_pg._tcp.x\nc p|any:2002|10.0.0.1:1|proxy=socks5://one:1080\n");
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		all_still();
		table_addresses[0] = (struct net_addr){ .sa.v6.sin6_family = AF_INET6 };
		if (inet_pton(AF_INET6, places[i], &table_addresses[0].sa.v6.sin6_addr) != 1)
			net_numeric(slice_of(places[i]), 0, &table_addresses[0]);
		table_host("one")->still = table_host("two")->still = false;
		world.route.names_moved = true;
		publish_update(&world.route, world.lists, 2);
		table_put(&got, world.route.table);
		check(strstr(got.data, "0.0.0.0:2000 a of consul/a (one:80)\n0.0.0.0:2001 b of consul/b 10.9.0.2:5002*5+ (two:5002) (one:5001)\n"
		             "0.0.0.0:2002 p of consul/p (socks5://one:1080 ─➤ 10.0.0.1:1)\n127.0.0.1:5001 l of static/l 10.0.0.1:80\nrefused: a one:80 [backends.allow] ") &&
		      strstr(got.data, "\nrefused: b _pg._tcp.x [backends.allow] ") && strstr(got.data, "\nrefused: p proxy one:1080 [backends.allow] "),
		      got.data, places[i]);
	}
	world.route.rules.servers[0].key = "status.listener"; /* behind an address of this host that is none of those */
	world.route.rules.server_count = 1;
	net_numeric(slice_of("10.9.0.1"), 5001, &world.route.rules.servers[0].addr);
	route_forget(&world.route);
	table_addresses[0] = was;
	round_is(&world, "0.0.0.0:2000 a of consul/a 10.9.0.1:80+ (one:80)\n"
	         "0.0.0.0:2001 b of consul/b 10.9.0.1:5002*5+ (two:5002) 10.9.0.2:5002*5+ (one:5001)\n"
	         "0.0.0.0:2002 p of consul/p socks5://10.9.0.1:1080 ─➤ 10.0.0.1:1+ (socks5://one:1080 ─➤ 10.0.0.1:1)\n"
	         "127.0.0.1:5001 l of static/l 10.0.0.1:80\nrefused: b _pg._tcp.x [status.listener] 10.9.0.1:5001 is dill's own status.listener\n", "a server");
	buf_free(&got);
	close_world(&world);
}

/* Who dials a listener by an SRV name is told when that comes or goes. */
static void listener_cases(void)
{
	struct service_list *less[2], *more[2];
	struct world world;
	struct buf got = { 0 };

	open_world(&world, "s b|local:2000|10.0.0.1:80\ns c|local:2001|10.0.0.1:80\ns a|other:4000|_here._tcp.x\n");
	all_still();
	table_put(&got, world.route.table);
	check(strcmp(got.data, "127.0.0.1:2000 b of static/b 10.0.0.1:80\n127.0.0.1:2001 c of static/c 10.0.0.1:80\n"
	             "127.0.0.2:4000 a of static/a 127.0.0.1:2000 ! (here:2000)\n") == 0, got.data, "it comes back");
	less[0] = service_list_new();
	less[0]->source = world.lists[0]->source;
	less[0]->title = world.lists[0]->title;
	less[0]->trusted = true;
	service_share(less[0], world.lists[0]->items[1]);
	service_share(less[0], world.lists[0]->items[2]);
	less[1] = more[1] = world.lists[1];
	check(publish_update(&world.route, less, 2), "one leaves", "news");
	table_put(&got, world.route.table);
	check(strcmp(got.data, "127.0.0.1:2001 c of static/c 10.0.0.1:80\n127.0.0.2:4000 a of static/a 127.0.0.1:2000 (here:2000)\n") == 0,
	      got.data, "it does not come back");
	more[0] = world.lists[0];
	check(publish_update(&world.route, more, 2), "one comes", "news");
	table_put(&got, world.route.table);
	check(strstr(got.data, "127.0.0.1:2000 ! (here:2000)\n") != NULL, got.data, "it comes back again");
	service_list_unref(less[0]);
	buf_free(&got);
	close_world(&world);
}

int main(void)
{
	scope_cases();
	name_cases();
	target_cases();
	session_cases();
	turn_cases();
	neighbour_cases();
	stranger_cases();
	listener_cases();
	return check_sum();
}
