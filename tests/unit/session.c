/* Cases for the session files: one backend after the other, what is booked on whom, and how sessions end. The sockets
 * are real; a connect ends as the test wants it to. */
#include "base.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "../../loop_backend.h"
#include "../../net.h"
#include "../../session_set.h"

static int fake_connect(const struct net_addr *addr);

#define net_connect fake_connect
#include "../../session_connect.c"
#undef net_connect

/* What the world does: a connect to port N ends as ends[N] says, an errno, or gives a descriptor. */
enum { GIVES_PEER = -1, GIVES_SILENCE = -2 };
static int ends[8];
static int peer = -1;   /* the backend's own end of what a connect gave */
static int silent = -1; /* a socket to connect to that never answers */
static int pause_us;    /* that a connect takes */
static unsigned connects, in_turn, most_in_turn; /* since the world began, since the loop waited */
static const char *lowest, *highest; /* of the stack, in a connect */

static const struct loop_backend *real; /* the loop's */

static size_t counted_wait(void *set, int timeout_ms, const struct loop_event **events)
{
	in_turn = 0;
	return real->wait(set, timeout_ms, events);
}

static struct net_addr local(uint16_t port)
{
	struct net_addr addr;

	net_local(slice_of("127.0.0.1"), port, &addr);
	return addr;
}

static int fake_connect(const struct net_addr *addr)
{
	const char *here = __builtin_frame_address(0);
	uint16_t port = net_addr_port(addr);
	struct net_addr at;
	int fds[2];

	connects++;
	in_turn++;
	most_in_turn = in_turn > most_in_turn ? in_turn : most_in_turn;
	lowest = !lowest || here < lowest ? here : lowest;
	highest = !highest || here > highest ? here : highest;
	usleep((useconds_t)pause_us);
	if (ends[port] > 0)
		return -ends[port];
	if (ends[port] == GIVES_SILENCE) {
		net_own(silent, &at);
		return net_connect(&at);
	}
	at = local(0);
	fds[0] = net_listen(&at);
	net_own(fds[0], &at);
	fds[1] = net_connect(&at);
	while ((peer = accept(fds[0], NULL, NULL)) < 0)
		;
	close(fds[0]);
	return fds[1];
}

/* A worker's part: a loop, a set of sessions, and a table with one listener. */
static struct {
	struct loop loop;
	struct sessions set;
	struct session_shared shared;
	struct session_cell cell;
	struct route_listener *listener;
	struct route_entry entry, *entries;
	struct route_share share;
	struct route_terms terms;
	struct service_options options;
	struct route_table table;
	struct loop_fifo limit;
	struct loop_timer timer;
	unsigned suspects;
	int client; /* the client's own end */
} world;

static void world_suspected(struct sessions *set, struct route_backend *backend)
{
	(void)set, (void)backend;
	world.suspects++;
}

static bool world_starved(struct sessions *set)
{
	(void)set;
	return false;
}

static void world_ended(struct sessions *set, struct route_listener *listener)
{
	(void)listener;
	atomic_fetch_sub(&world.shared.taken, 1);
	set->loop->stop = true;
}

static void world_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop;
	session_ready(&world.set, io, events);
}

static void world_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	if (fifo == &world.limit)
		loop->stop = true;
	else
		session_expired(&world.set, fifo, timer);
}

static void world_woken(struct loop *loop)
{
	(void)loop;
}

static const struct loop_ops world_ops = { world_ready, world_expired, world_woken };

/* One listener with so many backends, the i-th of them at port 1 + i % 4. */
static void world_begin(unsigned count)
{
	static uint16_t weights[5000];
	static struct loop_backend counted;
	struct net_addr addr = local(1);

	memset(&world, 0, sizeof world);
	memset(ends, 0, sizeof ends);
	connects = most_in_turn = 0;
	lowest = highest = NULL;
	pause_us = 0;
	loop_open(&world.loop, &world_ops, NULL);
	real = world.loop.backend;
	counted = *real;
	counted.wait = counted_wait;
	world.loop.backend = &counted;
	world.shared.connect_timeout = 60000;
	world.shared.try_time = 600000;
	world.shared.tries = 16;
	world.shared.cells = &world.cell;
	world.shared.cell_count = 1;
	sessions_open(&world.set, &world.shared, 0, &world.loop);
	loop_fifo_open(&world.loop, &world.limit, 0, 0);
	world.set.suspected = world_suspected;
	world.set.starved = world_starved;
	world.set.ended = world_ended;
	world.listener = route_listener_ref(route_listener_new(&addr, "web"));
	world.entry = (struct route_entry){
		.listener = world.listener, .count = count, .weights = weights, .services = "web",
		.backends = sys_alloc(count * sizeof *world.entry.backends), .shares = &world.share, .share_count = 1,
		.terms = &world.terms, .term_count = 1
	};
	world.share = (struct route_share){ .count = count, .round_len = count, .weight = count };
	world.terms.options = &world.options;
	for (unsigned i = 0; i < count; i++) {
		struct route_backend like = { .addr = local((uint16_t)(1 + i % 4)) };

		weights[i] = 1;
		world.entry.backends[i] = route_backend_ref(route_backend_new(&like));
	}
	world.entries = &world.entry;
	world.table = (struct route_table){ .entries = &world.entries, .count = 1 };
	world.set.table = &world.table;
}

static void world_end(void)
{
	route_cells_follow(&world.entry, NULL, 0, NULL, NULL);
	sessions_close(&world.set);
	for (unsigned i = 0; i < world.entry.count; i++)
		route_backend_unref(world.entry.backends[i]);
	free(world.entry.backends);
	route_listener_unref(world.listener);
	loop_close(&world.loop);
	close(world.client);
	close(peer);
	peer = -1;
}

/* The loop goes on until a session has ended, and for so long at most. */
static void world_run(int64_t ms)
{
	world.loop.now = sys_now();
	loop_fifo_retime(&world.limit, ms);
	loop_arm(&world.loop, &world.limit, &world.timer);
	world.loop.stop = false;
	loop_run(&world.loop);
}

/* The loop goes on until that is so, and for 20 s at most. */
static void world_until(bool (*done)(void))
{
	for (int i = 0; i < 2000 && !done(); i++)
		world_run(10);
}

/* A client, which has said this. */
static void world_client(const char *said)
{
	struct net_addr at = local(0), client;
	int listener = net_listen(&at), fd;

	net_own(listener, &at);
	world.client = net_connect(&at);
	send(world.client, said, strlen(said), 0);
	while ((fd = net_accept(listener, &client)) < 0)
		;
	close(listener);
	atomic_fetch_add(&world.shared.taken, 1);
	session_start(&world.set, &world.entry, fd, &client);
}

static struct route_backend *backend(unsigned i)
{
	return world.entry.backends[i];
}

static struct route_figures figures(unsigned i)
{
	return route_backend_figures(backend(i));
}

/* One after the other. */

static void refused_cases(void)
{
	unsigned once = 0;

	world_begin(5000);
	world.shared.tries = 60000;
	for (int i = 1; i < 5; i++)
		ends[i] = ECONNREFUSED;
	world_client("x");
	world_run(60000);
	for (unsigned i = 0; i < 5000; i++)
		once += figures(i).connections == 1 && backend(i)->connect_errors == 1 && !figures(i).active;
	check(once == 5000 && connects == 5000, "5,000 that refuse", "each is tried once");
	check(world.suspects == 5000, "5,000 that refuse", "each is suspected");
	check(highest - lowest < 4096, "5,000 that refuse", "no call in another");
	check(most_in_turn <= 17, "5,000 that refuse", "the loop goes on after 16");
	check(session_ended(&world.shared, SESSION_END_CONNECT_FAILED) == 1, "5,000 that refuse", "the client is closed");
	check(route_rejected(world.listener, ROUTE_CONNECT_FAILED) == 1, "5,000 that refuse", "the client is counted");
	world_end();
}

/* Many clients at once have the turns of one. */
static void crowd_cases(void)
{
	int clients[20];

	world_begin(100);
	world.shared.tries = 100;
	for (int i = 1; i < 5; i++)
		ends[i] = ECONNREFUSED;
	for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
		world_client("");
		clients[i] = world.client;
	}
	in_turn = most_in_turn = 0;
	for (unsigned i = 0; world.shared.taken && i < ARRAY_LEN(clients); i++)
		world_run(60000);
	check(connects == 2000, "20 clients, 100 that refuse", "all are tried");
	check(most_in_turn <= 16, "20 clients, 100 that refuse", "the loop goes on after 16");
	for (unsigned i = 0; i + 1 < ARRAY_LEN(clients); i++)
		close(clients[i]);
	world_end();
}

static void bound_cases(void)
{
	world_begin(100);
	world.shared.tries = 3;
	for (int i = 1; i < 5; i++)
		ends[i] = ECONNREFUSED;
	world_client("x");
	world_run(10000);
	check(connects == 3 && session_ended(&world.shared, SESSION_END_CONNECT_FAILED) == 1, "proxy.tries", "is the most");
	world_end();
	world_begin(100);
	for (int i = 1; i < 5; i++)
		ends[i] = ECONNREFUSED;
	world_client("x");
	world_run(10000);
	check(connects == 16, "proxy.tries", "is 16");
	world_end();
	world_begin(4000);
	world.shared.tries = 4000;
	world.shared.try_time = 20;
	pause_us = 5000;
	for (int i = 1; i < 5; i++)
		ends[i] = ECONNREFUSED;
	world_client("x");
	world_run(20000);
	check(connects >= 1 && connects <= 4, "proxy.try_time", "is the most");
	world_end();
	world_begin(3);
	world.shared.try_time = 1000;
	ends[1] = ECONNREFUSED;
	ends[2] = ends[3] = GIVES_SILENCE;
	world_client("x");
	world_run(20000);
	check(connects == 2 && session_ended(&world.shared, SESSION_END_CONNECT_FAILED) == 1, "proxy.try_time", "ends a connect");
	check(backend(0)->suspect && !backend(1)->suspect, "proxy.try_time", "says nothing of the backend");
	world_end();
}

/* Between two tries the table changes: what is new is tried, and nothing twice. */
static void change_cases(void)
{
	static const unsigned order[] = { 0, 3, 1, 2 }; /* a search that went on behind B would not come to D */
	struct route_backend **old, **now;

	world_begin(4);
	for (unsigned i = 0; i < 4; i++)
		atomic_store(&backend(i)->unhealthy, true);
	ends[1] = ends[2] = ends[4] = ECONNREFUSED;
	ends[3] = EMFILE; /* now it waits */
	world_client("x");
	world_run(30);
	check(connects >= 3, "A and B refuse, C has to wait", "it waits");
	old = world.entry.backends;
	now = sys_alloc(4 * sizeof *now);
	for (unsigned i = 0; i < 4; i++)
		now[i] = old[order[i]];
	world.entry.backends = now;
	world.table.serial++;
	ends[3] = ECONNREFUSED;
	world_run(10000);
	for (unsigned i = 0; i < 4; i++)
		check(route_backend_figures(old[i]).connections == 1, "after a change of the table", "each is tried once");
	free(old);
	world_end();
}

static bool has_retried(void)
{
	return connects > 8;
}

static bool has_ended(void)
{
	return !world.shared.taken;
}

static bool is_served(void)
{
	return figures(1).active || has_ended();
}

/* Without a descriptor a client waits for as long as it takes, also after a first try. */
static void descriptor_cases(void)
{
	world_begin(2);
	ends[1] = ECONNREFUSED;
	ends[2] = EMFILE;
	world_client("x");
	world_until(has_retried);
	check(!has_ended(), "without a descriptor", "it waits");
	ends[2] = GIVES_PEER;
	world_until(is_served);
	check(figures(1).active == 1 && figures(1).connections == 1, "with one", "it goes on");
	world_end();
}

/* What is wanting here is not booked on the backend. */
static void shortage_cases(void)
{
	static const int errors[] = { EADDRNOTAVAIL, EAGAIN, ENOBUFS, ENOMEM };
	struct capture capture;
	struct buf said = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		const char *name = strerror(errors[i]);

		world_begin(2);
		ends[1] = errors[i];
		ends[2] = GIVES_PEER;
		capture_start(&capture);
		world_client("x");
		world_run(50);
		capture_end(&capture, &said);
		check(figures(1).active == 1 && figures(1).connections == 1, name, "the next one is tried");
		check(!backend(0)->suspect && !backend(0)->unhealthy && !backend(0)->connect_errors &&
		      !figures(0).connections && !figures(0).active, name, "nothing is booked");
		check(strstr(said.data, ": a backend cannot be tried: "), name, said.data);
		world_end();
		world_begin(2);
		ends[1] = ECONNREFUSED;
		ends[2] = errors[i];
		capture_start(&capture);
		world_client("x");
		world_run(10000);
		capture_end(&capture, &said);
		check(session_ended(&world.shared, SESSION_END_LIMIT) == 1 && route_rejected(world.listener, ROUTE_LIMIT) == 1, name, "is a limit");
		check(backend(0)->suspect && backend(0)->connect_errors == 1, name, "who refuses is a suspect");
		world_end();
	}
	buf_free(&said);
}

/* A client that resets is noticed in each state, whatever it has said. */

static void reset_now(int fd)
{
	net_reset_on_close(fd);
	close(fd);
}

static void gone_case(const char *said, const char *what)
{
	unsigned before;

	world_client(said);
	world_run(60);
	check(world.shared.taken == 1, what, "it is tried");
	before = connects;
	reset_now(world.client);
	world.client = -1;
	world_run(5000);
	check(session_ended(&world.shared, SESSION_END_CLIENT) == 1, what, *said ? "a reset after a word" : "a reset in silence");
	check(connects <= before + 1, what, "no other backend is tried");
	world_end();
}

static void gone_cases(void)
{
	static const char *const words[] = { "x", "" };

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		world_begin(2);
		ends[1] = ends[2] = GIVES_SILENCE;
		gone_case(words[i], "connecting");
		world_begin(2);
		ends[1] = ends[2] = EMFILE;
		gone_case(words[i], "waiting");
		world_begin(2);
		ends[1] = ends[2] = GIVES_PEER;
		backend(0)->socks = backend(1)->socks = &(const struct socks_target){ .host = "10.0.0.1" };
		gone_case(words[i], "greeting");
	}
}

/* Sessions of one backend stand together, so that nobody looks at the others when it leaves. */

static unsigned told; /* backends that have left or come */

static void moved(void *arg, struct route_cell *cell)
{
	told++;
	sessions_drain(arg, cell->sessions);
}

/* The sessions of each backend, by how the list of all has them: "2 2 1 2", and in brackets those that were drained. */
static const char *groups(void)
{
	static char text[64];
	size_t len = 0;

	for (unsigned i = 0; i < world.entry.count; i++) {
		const struct route_cell *cell = route_backend_own(backend(i), 0);
		unsigned count = 0, drained = 0, all = 0;

		for (const struct session *s = cell->sessions; s && s->target == backend(i); s = s->next) {
			count++;
			drained += !!(s->backend.io.want & LOOP_OUT);
		}
		for (const struct session *s = world.set.live; s; s = s->next)
			all += s->target == backend(i);
		check(count == all, "all of a backend's sessions", "stand together");
		len += (size_t)snprintf(text + len, sizeof text - len, drained ? "[%u]" : "%u ", drained ? drained : count);
	}
	return text;
}

static void together_cases(void)
{
	struct route_entry now;
	int clients[12];

	world_begin(4);
	for (unsigned i = 0; i < 4; i++)
		ends[1 + i] = GIVES_SILENCE;
	for (unsigned i = 0; i < 12; i++) {
		world_client("");
		clients[i] = world.client;
	}
	check(strcmp(groups(), "3 3 3 3 ") == 0, "twelve clients", "in turn");
	for (unsigned i = 0; i < 4; i++)
		atomic_store(&backend(i)->gone, true);
	now = world.entry;
	now.backends = (struct route_backend *[]){ backend(0), backend(2), backend(3) };
	now.count = 3;
	told = 0;
	route_cells_follow(&world.entry, &now, 0, moved, &world.set);
	check(told == 1, "one leaves", "one is told of");
	check(strcmp(groups(), "3 [3]3 3 ") == 0, "one leaves", "only its own sessions are looked at");
	while (world.set.live) {
		struct session *s = world.set.live->next ? world.set.live->next : world.set.live;

		if (s->next && s->next->target)
			session_release_target(&world.set, s->next);
		session_end(&world.set, s, SESSION_END_CLIENT);
		groups();
	}
	check(strcmp(groups(), "0 0 0 0 ") == 0, "all end", "none is left");
	for (unsigned i = 0; i < 11; i++)
		close(clients[i]);
	world_end();
}

/* How sessions end. */

/* How a stream ends for its reader: 'r' by a reset, 'f' whole, 'F' whole and then by a reset. *len: what was read. */
static char how_it_ended(int fd, size_t *len)
{
	static char bytes[65536];
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t n;

	*len = 0;
	while (poll(&poller, 1, 5000) > 0 && (n = recv(fd, bytes, sizeof bytes, 0)) != 0) {
		if (n < 0 && !net_again(errno))
			return 'r';
		*len += n > 0 ? (size_t)n : 0;
	}
	poller.events = 0;
	return poll(&poller, 1, 200) > 0 ? 'F' : 'f';
}

static size_t awaited; /* bytes */
static char awaited_end;

static bool knows_end(const struct relay_side *side)
{
	return side->shut && (awaited > 1000 || !net_unsent(side->io.fd));
}

/* The client has them, or, of many, the system has for it; and the other side knows of an end. */
static bool is_quiet(void)
{
	const struct session *s = world.set.live;

	return s->client.sent == awaited && s->backend.sent == 1 && (awaited_end != 'c' || knows_end(&s->backend)) &&
	       (awaited_end != 'b' || knows_end(&s->client));
}

/* A session that relays so many bytes; then it is cut. first: the side that has ended its stream before, 'c', 'b' or
 * neither. want: how it ends for the client, and for the backend. */
static void cut_case(enum session_end how, char first, size_t bytes, const char *want)
{
	static const char zeros[300000];
	char got[3] = "", what[64];
	size_t to_client, to_backend;

	world_begin(1);
	ends[1] = GIVES_PEER;
	world_client("x");
	send(peer, zeros, bytes, 0);
	if (first)
		shutdown(first == 'c' ? world.client : peer, SHUT_WR);
	awaited = bytes;
	awaited_end = first;
	world_until(is_quiet);
	if (how == SESSION_END_SHUTDOWN) {
		sessions_close(&world.set);
		relay_open(&world.set.relay);
	} else {
		session_end(&world.set, world.set.live, how);
	}
	got[0] = how_it_ended(world.client, &to_client);
	got[1] = how_it_ended(peer, &to_backend);
	snprintf(what, sizeof what, "%s, %zu bytes, ended before by %c", session_end_names[how], bytes, first ? first : '-');
	check(strcmp(got, want) == 0, what, got);
	check(got[0] == 'r' || to_client == bytes, what, "the client has all");
	world_end();
}

static void cut_cases(void)
{
	static const enum session_end hows[] = {
		SESSION_END_IDLE, SESSION_END_DRAIN, SESSION_END_SHUTDOWN, SESSION_END_LIMIT
	};

	for (unsigned i = 0; i < ARRAY_LEN(hows); i++) {
		cut_case(hows[i], 0, 10, "rr");
		cut_case(hows[i], 'c', 10, "rF");
		cut_case(hows[i], 'b', 10, "Fr");
		cut_case(hows[i], 'b', 300000, "fr"); /* the system still delivers it */
	}
}

int main(void)
{
	struct net_addr at = local(0);

	log_setup(LOG_WARN, false);
	silent = net_listen(&at);
	listen(silent, 0);
	net_own(silent, &at);
	for (int i = 0; i < 4; i++)
		net_connect(&at);
	usleep(50000);
	refused_cases();
	crowd_cases();
	bound_cases();
	change_cases();
	descriptor_cases();
	shortage_cases();
	gone_cases();
	together_cases();
	cut_cases();
	return check_sum();
}
