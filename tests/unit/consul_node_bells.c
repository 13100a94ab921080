/* Cases for consul_node_bells.c: what is asked of nodes, and what becomes of the answers. The server is the test itself.
 * Answers are written with ' for ". */
#include "base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "../../consul_node_bells.c"

#define NODES 20
#define NAMES 200

static struct consul_settings settings = { .token = "", .token_file = "", .datacenter = "", .namespace = "", .tag = "dill",
	.login = "", .consistency = "", .wait = 60000 };
static struct source source;
static struct consul_api api;
static struct catalog catalog;
static struct consul_nodes nodes;
static struct consul_sweep sweep;
static struct consul_node_bells bells;
static int server, connections[NODES], connected;
static char request[8192];

static void serve(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	static char url[64];

	server = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server, (struct sockaddr *)&address, len) || listen(server, 64) || pipe(source.cancel) ||
	    getsockname(server, (struct sockaddr *)&address, &len))
		abort();
	snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
	settings.address = url;
}

static void hang_up(void)
{
	while (connected)
		close(connections[--connected]);
}

/* Takes the connections that have been made. Returns how many. */
static int taken(void)
{
	struct pollfd poller = { .fd = server, .events = POLLIN };
	int before = connected;

	while (connected < NODES && poll(&poller, 1, 50) > 0)
		connections[connected++] = accept(server, NULL, NULL);
	return connected - before;
}

/* Whether a question has come over this connection; it is then in `request`. */
static bool asked(int which)
{
	struct pollfd poller = { .fd = connections[which], .events = POLLIN };
	ssize_t n = poll(&poller, 1, 50) > 0 ? recv(connections[which], request, sizeof request - 1, 0) : 0;

	request[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Answers, and lets the bells hear it. True when they say that a list differed. */
static bool answer(int which, const char *status, const char *index, const char *quoted)
{
	struct pollfd polls[CONSUL_NODE_BELLS];
	struct buf out = { 0 };
	size_t count;

	buf_printf(&out, "HTTP/1.1 %s\r\nX-Consul-Index: %s\r\nContent-Length: %zu\r\n\r\n%s", status, index, strlen(quoted), quoted);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] == '\'')
			out.data[i] = '"';
	if (send(connections[which], out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
		abort();
	buf_free(&out);
	count = consul_node_bells_polls(&bells, polls);
	poll(polls, (nfds_t)count, 1000);
	return consul_node_bells_hear(&bells, polls);
}

static struct consul_node *node_of(const char *name)
{
	for (size_t i = 0; i < nodes.count; i++)
		if (strcmp(nodes.items[i].name, name) == 0)
			return &nodes.items[i];
	abort();
}

static size_t open_bells(void)
{
	size_t count = 0;

	for (size_t i = 0; i < nodes.count; i++)
		count += nodes.items[i].bell ? 1 : 0;
	return count;
}

static void list_all(void)
{
	for (size_t i = 0; i < nodes.count; i++)
		nodes.items[i].index = 7;
}

/* So many nodes, n0 and so on, and 200 names, s0 and so on, all of them listed. */
static void setup(int count)
{
	struct buf names = { 0 };
	char name[16];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "n%d", i);
		buf_add(&names, name, strlen(name) + 1);
	}
	consul_api_open(&api, &settings);
	catalog_open(&catalog, "dill");
	consul_nodes_take(&nodes, &names);
	buf_free(&names);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "s%d", i);
		catalog_add(&catalog, name, 5);
	}
	catalog_listed(&catalog);
	for (size_t i = 0; i < catalog.count; i++)
		catalog.names[i].wanted = false;
	sweep = (struct consul_sweep){ .many = true, .complete = true };
	bells = (struct consul_node_bells){ .source = &source, .api = &api, .catalog = &catalog, .nodes = &nodes, .sweep = &sweep };
	consul_node_bells_close(&bells);
	list_all();
}

static void done(void)
{
	consul_nodes_free(&nodes);
	catalog_close(&catalog);
	consul_api_close(&api);
	taken();
	hang_up();
}

/* Connecting takes time: the other bells are looked at in between. */
static void open_cases(void)
{
	setup(NODES);
	node_of("n3")->index = 0;
	consul_node_bells_ask(&bells);
	check(!taken() && consul_node_bells_at(&bells) == INT64_MAX, "none", "a node has not been listed");
	node_of("n3")->index = 7;
	check(consul_node_bells_at(&bells) <= sys_now(), "due", "all are listed");
	consul_node_bells_ask(&bells);
	check(taken() == 8 && open_bells() == 8, "some", "first turn");
	check(consul_node_bells_at(&bells) <= sys_now(), "due", "others are to be opened");
	consul_node_bells_ask(&bells);
	consul_node_bells_ask(&bells);
	check(taken() == NODES - 8 && open_bells() == NODES, "all", "third turn");
	check(consul_node_bells_at(&bells) > sys_now() + 50000, "waits", "all are open");
	check(asked(0) && strstr(request, "GET /v1/catalog/node-services/n") && strstr(request, "&index=7&wait="), request, "a question");
	done();
}

/* The names may have rung for what a bell that ends has yet to say. */
static void end_cases(void)
{
	setup(2);
	consul_node_bells_ask(&bells);
	check(taken() == 2 && !sweep.due, "open", "no sweep is due");
	nodes.outdated = true;
	consul_node_bells_ask(&bells);
	check(!open_bells() && sweep.due, "closed", "the list of nodes could not be had: a sweep is due");
	sweep.due = false;
	nodes.outdated = false;
	consul_node_bells_ask(&bells);
	catalog.count = 3;
	sweep.many = false;
	consul_node_bells_ask(&bells);
	check(!sweep.due, "nothing", "there were none");
	list_all();
	consul_node_bells_ask(&bells);
	check(!open_bells(), "none", "three names on two nodes");
	catalog.count = 4;
	list_all();
	hang_up();
	consul_node_bells_ask(&bells);
	check(taken() == 2, "open again", "four names on two nodes");
	catalog.count = 3;
	consul_node_bells_ask(&bells);
	check(!open_bells() && sweep.due, "closed", "few names: a sweep is due");
	consul_sweep_explain(&sweep, &catalog, sys_now());
	check(sweep.due, "due", "whatever another bell says");
	catalog.count = NAMES;
	done();
}

/* After an error, none is opened for minutes; but an outage explains an error just before. */
static void off_cases(void)
{
	setup(1);
	consul_node_bells_ask(&bells);
	check(taken() == 1 && asked(0), "asked", "first");
	check(!answer(0, "429 No", "8", "no") && !open_bells() && sweep.due, "off", "429");
	list_all();
	consul_node_bells_ask(&bells);
	check(!open_bells(), "off", "for minutes");
	consul_node_bells_outage(&bells);
	list_all();
	consul_node_bells_ask(&bells);
	check(open_bells() == 1, "open", "an outage followed");
	bells.off_until = sys_now() + 200000;
	consul_node_bells_outage(&bells);
	list_all();
	consul_node_bells_ask(&bells);
	check(!open_bells(), "off", "an outage long afterwards");
	done();
}

/* Other data is no error: they are opened again soon. */
static void back_cases(void)
{
	setup(1);
	consul_node_bells_ask(&bells);
	check(taken() == 1 && asked(0), "asked", "first");
	answer(0, "200 OK", "6", "{'Node':{},'Services':[]}");
	check(!open_bells() && sweep.due, "off", "a lower index");
	check(bells.off_until > sys_now() + 5000 && bells.off_until <= sys_now() + 10000, "for seconds", "a lower index");
	done();
	setup(1);
	consul_node_bells_ask(&bells);
	check(taken() == 1 && asked(0), "asked", "first");
	answer(0, "200 OK", "none", "{'Node':{},'Services':[]}");
	check(!open_bells() && bells.off_until > sys_now() + 200000, "off for minutes", "no index");
	done();
}

#define WEB "{'Node':{},'Services':[{'ID':'w','Service':'s1','Port':80,'ModifyIndex':8}]}"
#define NONE "{'Node':{},'Services':[]}"

static void unknown_cases(void)
{
	setup(1);
	consul_node_bells_ask(&bells);
	check(taken() == 1 && asked(0), "asked", "first");
	check(!answer(0, "200 OK", "8", "{'Node':null,'Services':null}") && !open_bells() && !sweep.due, "closed", "unknown");
	check(node_of("n0")->alone && sweep.node_at && sweep.node_at <= sys_now(), "asked alone", "it may be back");
	done();
}

/* Whether the next question has an index, once it may go out. */
static bool next_has_index(void)
{
	node_of("n0")->bell->next_at = 0;
	consul_node_bells_ask(&bells);
	return asked(0) && strstr(request, "index=");
}

/* Under `stale`, a list that differs is looked at again, as a reading may come from a server that knows less. */
static void differ_cases(const char *consistency, bool again)
{
	struct catalog_name *name;
	char index[16] = "8";

	settings.consistency = consistency;
	setup(1);
	name = catalog_find(&catalog, "s1");
	consul_node_bells_ask(&bells);
	check(taken() == 1 && asked(0), "asked", consistency);
	check(answer(0, "200 OK", index, WEB) && name->wanted, "wanted", consistency);
	check((node_of("n0")->bell->next_at > sys_now()) == again, "rests before it looks again", consistency);
	check(next_has_index() != again, "index", consistency);
	check(!answer(0, "200 OK", "9", NONE), "as it is known", consistency);
	check(next_has_index(), "index", consistency);
	for (int i = 0; i < 8; i++) {
		snprintf(index, sizeof index, "%d", 10 + i);
		name->wanted = false;
		check(answer(0, "200 OK", index, WEB) && name->wanted, "wanted", "a reading has not said it");
		check(next_has_index() == (!again || i == 7), "not for ever", consistency);
	}
	done();
	settings.consistency = "";
}

int main(void)
{
	serve();
	open_cases();
	end_cases();
	off_cases();
	back_cases();
	unknown_cases();
	differ_cases("", false);
	differ_cases("consistent", false);
	differ_cases("stale", true);
	return check_sum();
}
