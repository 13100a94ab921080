/* Cases for publish.c: what is new is put in force, what is the same is not; what happens to those that leave. */
#include "base.h"

#include <netinet/in.h>
#include <string.h>

#include "capture.h"
#include "check.h"
#include "figures.h"
#include "table.h"
#include "../../stats.h"
#include "../../publish.c"

static bool update_with(struct route *route, const char *text, bool remembered)
{
	struct service_list *lists[2];
	bool news;

	table_lists(text, lists);
	lists[1]->remembered = remembered;
	news = publish_update(route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	return news;
}

static bool update(struct route *route, const char *text)
{
	return update_with(route, text, false);
}

#define BASE "s web|local:2000|10.0.0.1:80 10.0.0.2:80|balance=p2c\ns db|local:3000|10.0.0.3:80\n"

/* Each differs from what stands before it. */
static const char *const news[] = {
	"",
	BASE,
	"s web|local:2000|10.0.0.1:80 10.0.0.2:80*2|balance=p2c\ns db|local:3000|10.0.0.3:80\n", /* a weight */
	"s web|local:2000|10.0.0.1:80 10.0.0.2:81*2|balance=p2c\ns db|local:3000|10.0.0.3:80\n", /* a backend */
	"s web|local:2000|10.0.0.1:80|balance=p2c\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|balance=random\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|balance=random proxy_protocol=v1\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|balance=random proxy_protocol=v2\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|allow=1.1.1.1\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|allow=1.1.1.2\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|deny=1.1.1.2\ns db|local:3000|10.0.0.3:80\n",
	"s web|local:2000|10.0.0.1:80|proxy=socks5://10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n",
	"s wed|local:2000|10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n", /* a name */
	"c wed|local:2000|10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n", /* a source */
	"c wed|local:2000|10.0.0.1:80\nc wee|local:2000||balance=p2c\ns db|local:3000|10.0.0.3:80\n", /* a conflict */
	"c wed|local:2000|10.0.0.1:80\nc wee|local:2000||balance=random\ns db|local:3000|10.0.0.3:80\n",
	"c wed|local:2001|10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n", /* a listener */
	"c wed|local:2001,lan:1|10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n", /* a refusal */
	"c wed|local:2001,lan:2|10.0.0.1:80\ns db|local:3000|10.0.0.3:80\n",
	"s db|local:3000|10.0.0.3:80\n",
};

static void news_cases(void)
{
	struct route route;
	unsigned long changes;

	table_open(&route);
	for (size_t i = 0; i < ARRAY_LEN(news); i++) {
		const struct route_table *before = route.table;

		changes = route.changes;
		check(update(&route, news[i]) == (i > 0), "is published", news[i]);
		check(route.changes == changes + (i > 0) && (route.table != before) == (i > 0), "a table", news[i]);
		before = route.table;
		check(!update(&route, news[i]) && route.table == before && route.changes == changes + (i > 0), "nothing new", news[i]);
	}
	check(update_with(&route, news[19], true) && !update_with(&route, news[19], true), "from disk", "is news");
	check(update_with(&route, news[19], false), "from its source", "is news");
	net_ranges_parse(slice_of("10.0.0.0/8"), &route.table->memory, &route.rules.admit.allow);
	check(update(&route, news[19]) && route.table->allow.count == 1, "who may connect at all", "is news");
	route.rules.admit.allow = (struct net_ranges){ 0 };
	check(update(&route, news[19]), "everybody", "is news");
	check(update(&route, "s db|local:3000|10.0.0.3:80\ns a|local:2000|10.0.0.1:1\n"), "one more", "is news");
	check(!update(&route, "s a|local:2000|10.0.0.1:1\ns db|local:3000|10.0.0.3:80\n"), "another order", "is none");
	check(!update(&route, "s a|local:2000|10.0.0.1:1|balance=round_robin\ns db|local:3000|10.0.0.3:80\n"), "the default", "is none");
	route_close(&route);
}

/* One whose connections live keeps its object, and finds it again. */
static void retire_cases(void)
{
	struct route_backend *backend;
	struct route route;

	table_open(&route);
	update(&route, "s web|local:2000|10.0.0.1:80 10.0.0.2:80");
	backend = route_backend_ref(route.table->entries[0]->backends[0]);
	update(&route, "s web|local:2000|10.0.0.2:80");
	check(atomic_load(&backend->gone) && !route.retired_count && !route.moves, "it has gone", "without connections");
	check(atomic_load(&backend->refs) == 1, "it has gone", "and is let go");
	route_backend_unref(backend);
	backend = route_backend_ref(route.table->entries[0]->backends[0]);
	set_backend_active(backend, 1);
	update(&route, "s web|local:2000|10.0.0.3:80");
	check(atomic_load(&backend->gone) && atomic_load(&backend->gone_at), "it has gone", "with a connection");
	check(route.retired_count == 1 && route.retired[0] == backend && route.moves == 1, "it is kept", "");
	update(&route, "s web|local:2000|10.0.0.4:80");
	check(route.retired_count == 1, "it is kept", "for as long");
	update(&route, "s web|local:2000|10.0.0.4:80 10.0.0.2:80");
	check(route.table->entries[0]->backends[1] == backend && !atomic_load(&backend->gone), "it is back", "the same object");
	check(!route.retired_count && route.moves == 2, "it is back", "and counted");
	update(&route, "s web|local:2000|10.0.0.4:80");
	set_backend_active(backend, 0);
	update(&route, "s web|local:2000|10.0.0.5:80");
	check(route.retired_count == 1 && backend->drained_at, "its last connection has ended", "it is kept for a while");
	update(&route, "s web|local:2000|10.0.0.2:80");
	check(!route.retired_count && atomic_load(&backend->refs) == 2, "it is back", "the same object, though it had drained");
	set_backend_active(backend, 1);
	update(&route, "s web|local:2000|10.0.0.5:80");
	set_backend_active(backend, 0);
	route_sweep(&route);
	check(route.retired_count == 1 && sys_now() - backend->drained_at < 30000, "it drains again", "the time counts anew");
	backend->drained_at -= 60000;
	route_sweep(&route);
	check(!route.retired_count && atomic_load(&backend->refs) == 1, "a minute later", "it is let go");
	route_backend_unref(backend);
	route_close(&route);
}

/* The same for listeners, in what they count. */
static void retire_listener_cases(void)
{
	static const char both[] = "s a|local:2000|10.0.0.1:80 10.0.0.2:80\ns b|local:3000|10.0.0.1:80";
	struct route_listener *listener;
	struct route_backend *backend;
	struct route route;

	table_open(&route);
	update(&route, both);
	listener = route_listener_ref(route.table->entries[0]->listener);
	backend = route.table->entries[0]->backends[0];
	set_listener_active(listener, 1);
	set_backend_active(backend, 1);
	atomic_store(&route_listener_cell(listener, 0, 1)->connections, 7);
	update(&route, "");
	check(route.retired_listener_count == 2 && route_draining(&route) == 1, "both have gone", "one drains");
	check(route_listener_at(&route, &listener->addr) == listener && !atomic_load(&listener->tables), "it is kept", "");
	check(atomic_load(&backend->gone), "its backend", "drains");
	update(&route, "s c|local:2001|10.0.0.1:80");
	update(&route, both);
	check(route.table->entries[0]->listener == listener && atomic_load(&listener->tables) == 1, "it is back", "the same object");
	check(route_listener_active(listener) == 1 && route_listener_figures(listener).connections == 7, "it is back", "with its figures");
	check(!route_draining(&route), "it is back", "and drains no more");
	check(route.table->entries[0]->backends[0] == backend && !atomic_load(&backend->gone), "its sessions", "drain no more");
	check(route.retired_listener_count == 1, "only the one", "that is not back");
	set_backend_active(backend, 0);
	update(&route, "");
	check(route.retired_listener_count == 3 && route_draining(&route) == 1, "again", "");
	for (size_t i = 0; i < 3; i++)
		route.retired_listeners[i]->drained_at = sys_now() - 60000;
	route_sweep(&route);
	check(route.retired_listener_count == 1 && route.retired_listeners[0] == listener, "a minute later", "one is in use");
	check(!listener->drained_at, "one is in use", "and has not drained");
	set_listener_active(listener, 0);
	route_sweep(&route);
	check(route.retired_listener_count == 1 && listener->drained_at, "its last connection has ended", "it is kept for a while");
	listener->drained_at -= 60000;
	route_sweep(&route);
	check(!route.retired_listener_count && atomic_load(&listener->refs) == 1, "a minute later", "it is let go");
	route_listener_unref(listener);
	route_close(&route);
}

/* Whose turn it was keeps it, wherever it stands now. */
static const struct {
	const char *was, *is;
	unsigned before, after; /* the cursor */
} turns[] = {
	{ "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1", "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1", 2, 2 },
	{ "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1", "10.0.0.2:1 10.0.0.3:1", 2, 1 },
	{ "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1", "10.0.0.1:1 10.0.0.3:1", 1, 1 }, /* it left: the next one that stayed */
	{ "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1", "10.0.0.1:1 10.0.0.2:1", 2, 0 },
	{ "10.0.0.1:1 10.0.0.2:1", "10.0.0.0:1 10.0.0.1:1 10.0.0.2:1", 4, 1 },
	{ "10.0.0.1:1 10.0.0.2:1", "10.0.0.8:1 10.0.0.9:1", 1, 0 }, /* all left */
};

static void turn_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		struct route route;
		char text[100];
		unsigned count;

		table_open(&route);
		snprintf(text, sizeof text, "s web|local:2000|%s", turns[i].was);
		update(&route, text);
		atomic_store(&route.table->entries[0]->shares[0].cursor, turns[i].before);
		snprintf(text, sizeof text, "s web|local:2000,local:3000|%s", turns[i].is);
		update(&route, text);
		count = route.table->entries[0]->count;
		check(atomic_load(&route.table->entries[0]->shares[0].cursor) % count == turns[i].after, "the turn", turns[i].is);
		route_close(&route);
	}
}

/* Sockets. */

static int listen_anywhere(char wish[32])
{
	struct net_addr addr;
	socklen_t len = sizeof addr.sa;
	int fd;

	net_numeric(slice_of("127.0.0.1"), 0, &addr);
	fd = net_listen(&addr);
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&addr.sa, &len) < 0)
		abort();
	snprintf(wish, 32, "127.0.0.1:%u", ntohs(addr.sa.v4.sin_port));
	return fd;
}

/* A worker still has the table of before: it may accept, and the socket is open. */
static void retire_open_cases(void)
{
	struct route_listener *listener;
	struct route_table *before;
	struct capture capture;
	struct buf said = { 0 };
	struct route route;
	char wish[32], text[100];
	int fd, closed = 0;

	close(listen_anywhere(wish));
	snprintf(text, sizeof text, "s web|%s|10.0.0.1:80", wish);
	table_open(&route);
	route.dry = false;
	capture_start(&capture);
	update(&route, text);
	before = route_take(&route);
	listener = before->entries[0]->listener;
	fd = atomic_load(&listener->fd);
	update(&route, "");
	listener->drained_at = sys_now() - 60000;
	route_sweep(&route);
	check(route.retired_listener_count == 1 && atomic_load(&listener->fd) == fd, "a worker has it", "it is kept, and open");
	update(&route, text);
	check(route.table->entries[0]->listener == listener && atomic_load(&listener->fd) == fd, "it is back", "it never closed");
	route_release(before);
	check(atomic_load(&listener->fd) == fd && fd >= 0, "the worker follows", "it is open");
	update(&route, "");
	check(atomic_load(&listener->fd) == -1, "nobody has it", "it is closed");
	update(&route, text);
	check(route.table->entries[0]->listener == listener && atomic_load(&listener->fd) >= 0, "it is back", "bound anew");
	route_close(&route);
	capture_end(&capture, &said);
	for (const char *at = said.data; (at = strstr(at, " closed ")); at++)
		closed++;
	check(closed == 2, "it has closed twice", said.data);
	buf_free(&said);
}

static void check_said(const struct buf *said, const char *part)
{
	check(strstr(said->data, part), part, said->data);
}

static void dry_cases(void)
{
	struct capture capture;
	struct buf said = { 0 };
	struct route route;

	table_open(&route);
	capture_start(&capture);
	update(&route, "s web|local:2000,lan:1|10.0.0.1:80\nc web|local:2000||balance=p2c");
	check(atomic_load(&route.table->entries[0]->listener->fd) == -1, "nothing is bound", "when dry");
	update(&route, "s web|local:2001|10.0.0.1:80");
	publish_clear(&route, "shutdown");
	check(!route.table->count && !route.table->refused_count, "nothing is left", "cleared");
	capture_end(&capture, &said);
	check(!said.len, "nothing is said", said.data);
	buf_free(&said);
	route_close(&route);
}

/* Bound, in use by another one, tried again, closed: each is said once. */
static void bind_cases(void)
{
	struct route_listener *listener;
	struct capture capture;
	struct buf said = { 0 }, all = { 0 };
	char wish[32], text[100];
	struct route route;
	int fd = listen_anywhere(wish);

	table_open(&route);
	route.dry = false;
	snprintf(text, sizeof text, "s web|%s,lan:1|10.0.0.1:80\nc web|%s||balance=p2c", wish, "local:x");
	capture_start(&capture);
	update(&route, text);
	listener = route.table->entries[0]->listener;
	check(atomic_load(&listener->fd) == -1 && listener->error == EADDRINUSE, "an error", "the port is in use");
	check(!publish_bind(&route), "no success", "the port is in use");
	capture_end(&capture, &said);
	check(!strstr(said.data, "(retrying)"), "it may be in use by what has just left", said.data);
	capture_start(&capture);
	listener->failed_at -= RELEASE_MS;
	check(!publish_bind(&route) && !publish_bind(&route), "no success", "the port is in use");
	buf_add(&all, said.data, said.len);
	capture_end(&capture, &said);
	check_said(&said, "(retrying)");
	check(!strstr(strstr(said.data, "(retrying)") + 1, "(retrying)"), "it is said once", said.data);
	check_said(&all, "refused: web wants lan:1: label \"lan\" is not in listeners.allowed");
	buf_free(&all);
	close(fd);
	capture_start(&capture);
	check(publish_bind(&route) && atomic_load(&listener->fd) >= 0 && !listener->error, "it opens", "the port is free");
	check(!publish_bind(&route), "nothing to bind", "all are open");
	check(!route.left_at, "none has left", "a listener that is there");
	publish_clear(&route, "shutdown");
	check(route.left_at, "one has left", "a listener that is there");
	capture_end(&capture, &said);
	check_said(&said, "opened");
	check_said(&said, "after: ");
	check_said(&said, "closed");
	check_said(&said, "shutdown");
	buf_free(&said);
	route_close(&route);
}

/* What is not bound is tried again until it is or has left, whatever else comes and goes. */
static void pending_cases(void)
{
	char wish[2][32], text[200];
	struct capture capture;
	struct buf said = { 0 };
	struct route route;
	int fd = listen_anywhere(wish[0]);

	close(listen_anywhere(wish[1]));
	table_open(&route);
	route.dry = false;
	capture_start(&capture);
	snprintf(text, sizeof text, "s web|%s|10.0.0.1:80", wish[0]);
	update(&route, text);
	check(route_unbound(&route) && route.pending_count == 1, "one pends", "the port is in use");
	snprintf(text, sizeof text, "s web|%s|10.0.0.1:80\ns db|%s|10.0.0.2:80", wish[0], wish[1]);
	update(&route, text);
	check(route_unbound(&route) && route.table->count == 2, "one pends", "another one has come");
	snprintf(text, sizeof text, "s web|%s|10.0.0.3:80\ns db|%s|10.0.0.2:80", wish[0], wish[1]);
	update(&route, text);
	check(route_unbound(&route) && route.pending_count == 1, "one pends", "with another backend");
	close(fd);
	check(publish_bind(&route) && !route_unbound(&route), "it opens", "the port is free");
	snprintf(text, sizeof text, "s db|%s|10.0.0.2:80", wish[1]);
	update(&route, text);
	check(!route_unbound(&route) && !route.pending_count && !route_zoned(&route), "none pends", "one has left");
	route_close(&route);
	capture_end(&capture, &said);
	buf_free(&said);
}

/* What a name of theirs is: a good one has an address. */
static enum resolve_state states[26];

static struct resolve_answer state_lookup(void *arg, const char *name, bool srv)
{
	static struct resolve_host host;

	(void)arg;
	host = (struct resolve_host){ .name = name, .state = states[*name - 'a'], .why = "NXDOMAIN", .addrs = table_addresses };
	host.count = host.state == RESOLVE_GOOD;
	return (struct resolve_answer){ host.state, host.why, &host, !srv, true };
}

static void open_with_names(struct route *route, enum resolve_state a, enum resolve_state b)
{
	table_open(route);
	route->rules.lookup = state_lookup;
	route->rules.name_wait = 5000;
	states[0] = a;
	states[1] = b;
}

/* Which entries wait for their names. */
static void waits_cases(void)
{
	static const struct {
		const char *backends;
		enum resolve_state a, b;
		int fd, error;
		bool waits;
	} cases[] = {
		{ "a:80", RESOLVE_ASKED, 0, -1, 0, true },
		{ "a:80 b:80", RESOLVE_ASKED, RESOLVE_ASKED, -1, 0, true },
		{ "a:80 b:80", RESOLVE_FAILED, RESOLVE_ASKED, -1, 0, true }, /* the other one may come */
		{ "a:80 b:80", RESOLVE_ASKED, RESOLVE_GOOD, -1, 0, false },
		{ "a:80 b:80", RESOLVE_FAILED, RESOLVE_FAILED, -1, 0, false },
		{ "a:80", RESOLVE_GOOD, 0, -1, 0, false },
		{ "", RESOLVE_ASKED, 0, -1, 0, false },
		{ "a:80 10.0.0.1:80", RESOLVE_ASKED, 0, -1, 0, false },
		{ "a:80", RESOLVE_ASKED, 0, 5, 0, false },
		{ "a:80", RESOLVE_ASKED, 0, -1, EADDRINUSE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stats_listeners counts = { 0 };
		struct route_entry *entry;
		struct route route;
		char text[200];

		open_with_names(&route, cases[i].a, cases[i].b);
		snprintf(text, sizeof text, "s web|local:2000|%s", cases[i].backends);
		update(&route, text);
		entry = route.table->entries[0];
		entry->listener->error = cases[i].error;
		atomic_store(&entry->listener->fd, cases[i].fd);
		check(route_waits(entry) == cases[i].waits, "waits for its names", text);
		stats_count(&counts, entry);
		check(counts.waiting == cases[i].waits && counts.open == (cases[i].fd >= 0 && !cases[i].error) &&
		      counts.failed == (!cases[i].waits && cases[i].fd < 0), "is counted", text);
		atomic_store(&entry->listener->fd, -1);
		route_close(&route);
	}
}

static struct route_listener *listener_of(const struct route *route, const char *service)
{
	for (size_t i = 0; i < route->table->count; i++)
		if (strcmp(route->table->entries[i]->services, service) == 0)
			return route->table->entries[i]->listener;
	abort();
}

/* A new listener opens with the first answer about its names, whatever that is, or when it has waited for long enough; one that
 * has an address at once. */
static void early_cases(enum resolve_state answer)
{
	struct route_listener *listener;
	struct capture capture;
	struct buf said = { 0 };
	struct route route;
	char wish[2][32], text[200];

	close(listen_anywhere(wish[0]));
	close(listen_anywhere(wish[1]));
	snprintf(text, sizeof text, "s web|%s|a:80\ns db|%s|10.0.0.1:80 a:80", wish[0], wish[1]);
	open_with_names(&route, RESOLVE_ASKED, 0);
	route.dry = false;
	capture_start(&capture);
	update(&route, text);
	listener = listener_of(&route, "web");
	check(atomic_load(&listener->fd) < 0 && atomic_load(&listener_of(&route, "db")->fd) >= 0, "one waits", text);
	check(sys_now() - listener->failed_at < 4000, "it waits", "since it has come");
	listener->failed_at = sys_now() - 4000;
	check(!publish_bind(&route) && atomic_load(&listener->fd) < 0 && !listener->error, "it waits", "its time is not over");
	if (answer == RESOLVE_ASKED) {
		listener->failed_at = sys_now() - 5000;
		check(publish_bind(&route), "it opens", "its time is over");
	} else {
		states[0] = answer;
		route.names_moved = true;
		check(update(&route, text), "an answer", "is news");
	}
	check(atomic_load(&listener->fd) >= 0 && !route_unbound(&route), "it is open", resolve_state_names[answer]);
	states[0] = RESOLVE_ASKED;
	route.names_moved = true;
	update(&route, text);
	check(atomic_load(&listener->fd) >= 0, "it is open", "and stays so");
	route_close(&route);
	capture_end(&capture, &said);
	check(said.len && !strstr(said.data, "cannot listen"), "what is said", said.data);
	buf_free(&said);
}

/* One that has left waits anew when it is back. */
static void early_again_cases(void)
{
	struct route_listener *listener;
	struct capture capture;
	struct buf said = { 0 };
	struct route route;
	char wish[32], text[200];

	close(listen_anywhere(wish));
	snprintf(text, sizeof text, "s web|%s|a:80", wish);
	open_with_names(&route, RESOLVE_ASKED, 0);
	route.dry = false;
	capture_start(&capture);
	update(&route, text);
	listener = route.pending[0];
	update(&route, "");
	check(!route.pending_count && route.retired_listener_count == 1, "it has left", wish);
	listener->drained_at = sys_now() - 5000;
	update(&route, text);
	check(route.pending_count == 1 && route.pending[0] == listener && atomic_load(&listener->fd) < 0, "it waits anew", wish);
	route_close(&route);
	capture_end(&capture, &said);
	buf_free(&said);
}

static void add_refused(struct buf *text, const char *service, unsigned count)
{
	buf_printf(text, "c %s|lan:1", service);
	for (unsigned i = 2; i <= count; i++)
		buf_printf(text, ",lan:%u", i);
	buf_puts(text, "|10.0.0.1:80\n");
}

static unsigned count_said(const struct buf *said, const char *what)
{
	unsigned count = 0;

	for (const char *at = said->data; (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* One service cannot flood the log with what it is refused, and hides no other's. */
static void refusal_cases(void)
{
	struct capture capture;
	struct buf said = { 0 }, text = { 0 };
	struct route route;

	table_open(&route);
	route.dry = false;
	capture_start(&capture);
	add_refused(&text, "a", 2000);
	add_refused(&text, "b", 20);
	add_refused(&text, "c", 21);
	update(&route, text.data);
	capture_end(&capture, &said);
	check(count_said(&said, "refused: a wants lan:") == 20, "20 of 2,000", said.data);
	check_said(&said, "refused: a wants 1980 more, which Peek and /routes list\n");
	check(count_said(&said, "refused: b wants lan:") == 20 && !count_said(&said, "refused: b wants 1 more"), "20 of 20", said.data);
	check(count_said(&said, "refused: c wants lan:") == 20, "20 of 21", said.data);
	check_said(&said, "refused: c wants 1 more, which Peek and /routes list\n");
	check(count_said(&said, "refused: ") == 62, "nothing else", said.data);
	capture_start(&capture);
	text.len = 0;
	add_refused(&text, "a", 2003);
	add_refused(&text, "c", 21);
	update(&route, text.data);
	capture_end(&capture, &said);
	check(count_said(&said, "refused: a wants lan:200") == 3, "what is new", said.data);
	check(count_said(&said, "refused: ") == 3, "what is known", said.data);
	buf_free(&text);
	buf_free(&said);
	route_close(&route);
}

/* Why a listener goes. */
static void closing_cases(void)
{
	struct capture capture;
	struct buf said = { 0 };
	char wish[32], text[100];
	struct route route;

	close(listen_anywhere(wish));
	table_open(&route);
	route.dry = false;
	capture_start(&capture);
	snprintf(text, sizeof text, "s web|%s|10.0.0.1:80", wish);
	update(&route, text);
	update(&route, "");
	update(&route, text);
	snprintf(text, sizeof text, "s web|%s|10.0.0.1:80|allow=x", wish);
	update(&route, text);
	capture_end(&capture, &said);
	check_said(&said, "new in static");
	check_said(&said, "gone from static");
	check_said(&said, "refused: is not a network");
	check(!route.table->count, "it is closed", wish);
	buf_free(&said);
	route_close(&route);
}

/* What is shown as open: a socket that is left of an interface that has gone is none. */
static void open_cases(void)
{
	struct net_addr addr;
	struct route_listener *listener;

	net_numeric(slice_of("127.0.0.1"), 2000, &addr);
	listener = route_listener_ref(route_listener_new(&addr, "web"));
	check(!stats_is_open(listener), "a listener", "is not open at first");
	atomic_store(&listener->fd, 5);
	check(stats_is_open(listener), "a socket", "is open");
	listener->error = EADDRNOTAVAIL;
	check(!stats_is_open(listener), "one that could not be bound anew", "is not open");
	listener->error = 0;
	atomic_store(&listener->deaf, EPERM);
	check(!stats_is_open(listener), "one that cannot accept", "is not open");
	atomic_store(&listener->fd, -1);
	route_listener_unref(listener);
}

/* The ports of a range were made together, and do not end together. */
static void range_cases(void)
{
	struct route_entry *second;
	struct route route;

	table_open(&route);
	update(&route, "s web|local:2000-2001|10.0.0.1:80");
	second = route.table->entries[1];
	update(&route, "s web|local:2000-2001|10.0.0.1:80\ns also|local:2000|10.0.0.1:80");
	check(route.table->entries[1] == second, "another port has changed", "the entry is the same");
	check(strcmp(second->names[0], "web") == 0 && second->names == &second->services, "another port has changed", "its name");
	route_close(&route);
}

int main(void)
{
	open_cases();
	news_cases();
	retire_cases();
	retire_listener_cases();
	retire_open_cases();
	turn_cases();
	dry_cases();
	bind_cases();
	pending_cases();
	waits_cases();
	for (int answer = 0; answer < RESOLVE_STATES; answer++)
		if (answer != RESOLVE_KEPT)
			early_cases((enum resolve_state)answer);
	early_again_cases();
	refusal_cases();
	closing_cases();
	range_cases();
	return check_sum();
}
