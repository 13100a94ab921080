/* Cases for resolve_query.c: name servers that do as a script says, on loopback, in the same loop. The clock stands while there
 * is anything to do, and then goes on to the next timer. */
#include "base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "net.h"
#include "print.h"
#include "sys.h"

static int64_t clock_now = 1000000;

static int64_t fake_now(void)
{
	return clock_now;
}

#define sys_now fake_now
#include "../../loop.c"
#undef sys_now

static struct {
	int errors[8]; /* of the next sockets; 0: it succeeds */
	unsigned at, opened;
	bool no_tcp; /* no descriptor for it */
} sockets;

static int fake_connect(const struct net_addr *addr)
{
	int error = sockets.at < ARRAY_LEN(sockets.errors) ? sockets.errors[sockets.at++] : 0;

	sockets.opened += !error;
	return error ? -error : net_connect_udp(addr);
}

static int fake_connect_tcp(const struct net_addr *addr)
{
	return sockets.no_tcp ? -EMFILE : net_connect(addr);
}

#define net_connect_udp fake_connect
#define net_connect fake_connect_tcp
#include "../../resolve_channel.c"
#include "../../resolve_query.c"
#undef net_connect_udp
#undef net_connect

#define SERVERS 3
#define CLIENT 1   /* kinds */
#define UDP 2
#define LISTENER 3
#define TCP 4

/* What a server does with one message after the other; the last letter stands for all that follow.
 *   a an address      x NXDOMAIN     n no data      s SERVFAIL     r REFUSED      h nothing      c cut       f FORMERR
 *   i wrong id        q wrong question              b broken       o from another port
 * Two letters that follow a comma are sent together; a capital is one for those with EDNS alone: without, it is an address. */
struct server {
	struct loop_io udp, listener, tcp;
	struct net_addr addr;
	const char *says, *says_tcp;
	struct net_addr asker; /* of the last question */
	unsigned asked, id;    /* over UDP; id: of the last one */
};

static struct server servers[SERVERS];
static struct loop loop;
static struct resolve_queries *queries;
static struct resolve_conf conf;
static char trace[4096]; /* who was asked: 1, 1t (TCP), 1p (without EDNS) */
static char ended[4096]; /* what the owner was told */
static void (*told)(struct resolve_query *query); /* NULL: no more than that */

static void note(char *to, const char *text)
{
	snprintf(to + strlen(to), 4096 - strlen(to), "%s%s", *to ? " " : "", text);
}

/* Turns a question into an answer. Returns its length. */
static size_t answer(uint8_t *m, size_t len, char letter)
{
	static const uint8_t address[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1 };
	static const char rcodes[] = "afsx?r";
	const char *rcode = strchr(rcodes, letter);
	bool found = strchr("aiqbo", letter) != NULL;
	size_t end = 12;

	while (m[end])
		end += m[end] + 1u;
	end += 5;
	(void)len;
	memset(m + 6, 0, 6);
	m[2] = 0x81 | (letter == 'c' ? 2 : 0);
	m[3] = (uint8_t)(0x80 | (rcode ? rcode - rcodes : 0));
	if (letter == 'i')
		m[1] ^= 1;
	if (letter == 'q')
		m[13] ^= 1;
	if (!found)
		return end;
	m[7] = 1;
	memcpy(m + end, address, sizeof address);
	return end + sizeof address - (letter == 'b');
}

static bool has_edns(const uint8_t *m)
{
	return m[11] != 0;
}

static void ask_noted(const struct server *server, const uint8_t *m, bool tcp)
{
	char text[8];

	snprintf(text, sizeof text, "%c%s%s", (char)('1' + (server - servers)), tcp ? "t" : "", has_edns(m) ? "" : "p");
	note(trace, text);
}

/* The letters of the next answers; ends with the last group. */
static const char *script_next(const char **script, size_t *count)
{
	const char *now = *script;

	*count = strcspn(now, ",");
	if (now[*count])
		*script = now + *count + 1;
	return now;
}

static char script_letter(char letter, const uint8_t *m)
{
	return letter < 'a' ? has_edns(m) ? (char)(letter + 32) : 'a' : letter;
}

static void server_answer(struct server *server, const uint8_t *question, size_t len, const char *letters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t m[1024];
		char letter = script_letter(letters[i], question);
		int fd = server->udp.fd;

		memcpy(m, question, len);
		if (letter == 'h')
			continue;
		if (letter == 'o')
			fd = socket(AF_INET, SOCK_DGRAM, 0);
		(void)!sendto(fd, m, answer(m, len, letter), 0, &server->asker.sa.any, sizeof server->asker.sa.v4);
		if (letter == 'o')
			close(fd);
	}
}

static void server_asked(struct server *server)
{
	uint8_t m[1024];
	socklen_t size = sizeof server->asker;
	ssize_t n = recvfrom(server->udp.fd, m, 512, 0, &server->asker.sa.any, &size);
	size_t count;
	const char *letters;

	if (n < 12)
		return;
	server->asked++;
	server->id = (unsigned)m[0] << 8 | m[1];
	ask_noted(server, m, false);
	letters = script_next(&server->says, &count);
	server_answer(server, m, (size_t)n, letters, count);
}

/* An address, and so much beside it as a message has room for. */
static size_t answer_long(uint8_t *m, size_t len)
{
	static const uint8_t text[] = { 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60 };
	size_t end = answer(m, len, 'a'), rest = 65535 - end - sizeof text - 2;

	m[11] = 1;
	memcpy(m + end, text, sizeof text);
	m[end + sizeof text] = (uint8_t)(rest >> 8);
	m[end + sizeof text + 1] = (uint8_t)rest;
	return 65535;
}

/* Over TCP, each answer on a connection of its own; p: piece by piece; e: the connection ends; l: a long one. */
static void server_asked_tcp(struct server *server)
{
	static uint8_t m[2 + 65535];
	ssize_t n = recv(server->tcp.fd, m, 512, 0);
	size_t count, len;
	const char *letters;

	if (n < 14) {
		loop_close_fd(&loop, &server->tcp);
		return;
	}
	ask_noted(server, m + 2, true);
	letters = script_next(&server->says_tcp, &count);
	if (*letters == 'h')
		return;
	len = *letters == 'l' ? answer_long(m + 2, (size_t)n - 2) : answer(m + 2, (size_t)n - 2, *letters == 'p' ? 'a' : *letters);
	m[0] = (uint8_t)(len >> 8);
	m[1] = (uint8_t)len;
	if (*letters == 'e') {
		loop_close_fd(&loop, &server->tcp);
		return;
	}
	for (size_t i = 0; *letters == 'p' && i < 20; i++)
		(void)!send(server->tcp.fd, m + i, 1, MSG_NOSIGNAL);
	if (*letters == 'p')
		(void)!send(server->tcp.fd, m + 20, len + 2 - 20, MSG_NOSIGNAL);
	else
		(void)!send(server->tcp.fd, m, len + 2, MSG_NOSIGNAL);
}

static void ready(struct loop *of, struct loop_io *io, unsigned events)
{
	struct net_addr peer;

	(void)of;
	if (resolve_query_ready(queries, io, events))
		return;
	if (io->kind == UDP)
		server_asked(CONTAINER_OF(io, struct server, udp));
	if (io->kind == TCP)
		server_asked_tcp(CONTAINER_OF(io, struct server, tcp));
	if (io->kind == LISTENER) {
		struct server *server = CONTAINER_OF(io, struct server, listener);

		loop_close_fd(&loop, &server->tcp);
		server->tcp = LOOP_IO(net_accept(io->fd, &peer), TCP);
		setsockopt(server->tcp.fd, SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 18 }, sizeof(int));
		loop_want(&loop, &server->tcp, LOOP_IN);
	}
}

static void expired(struct loop *of, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)of;
	resolve_query_expired(queries, fifo, timer);
}

static const struct loop_ops ops = { ready, expired, NULL };

static const char *const status_names[] = { "found", "no data", "no name", "cut", "failed", "refused", "no edns", "broken" };

static void done(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome)
{
	char text[128];

	(void)arg;
	snprintf(text, sizeof text, "%s%s%s", (const char *)query->owner, *(const char *)query->owner ? ":" : "",
	         outcome->silent ? outcome->error ? strerror(outcome->error) : "silent" : status_names[outcome->status]);
	note(ended, text);
	if (told)
		told(query);
}

/* A port that is free for both. */
static bool server_bind(struct server *server, const struct net_addr *addr)
{
	socklen_t size = sizeof server->addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), listener = -1;

	server->addr = *addr;
	if (bind(fd, &addr->sa.any, sizeof addr->sa.v4) == 0 && getsockname(fd, &server->addr.sa.any, &size) == 0)
		listener = net_listen(&server->addr);
	if (listener < 0)
		close(fd);
	net_nonblocking(fd);
	server->udp = LOOP_IO(fd, UDP);
	server->listener = LOOP_IO(listener, LISTENER);
	server->tcp = LOOP_IO(-1, TCP);
	return listener >= 0;
}

static void server_open(struct server *server, const struct net_addr *addr)
{
	bool bound = false;

	for (int i = 0; i < 1000 && !bound; i++)
		bound = server_bind(server, addr);
	check(bound && loop_want(&loop, &server->udp, LOOP_IN) && loop_want(&loop, &server->listener, LOOP_IN), "opens", "a server");
}

/* So many servers, which say so. */
static void begin(const char *const *says, size_t count)
{
	struct net_addr addr;

	*trace = *ended = '\0';
	told = NULL;
	memset(&sockets, 0, sizeof sockets);
	loop_open(&loop, &ops, NULL);
	queries = resolve_query_open(&loop, CLIENT, done, NULL);
	net_numeric((struct slice){ "127.0.0.1", 9 }, 0, &addr);
	conf = (struct resolve_conf){ .server_count = count, .attempts = 2, .timeout = 5000 };
	for (size_t i = 0; i < count; i++) {
		server_open(&servers[i], &addr);
		servers[i].says = says[i];
		servers[i].asked = 0;
		servers[i].says_tcp = "h";
		conf.servers[i] = servers[i].addr;
	}
	resolve_query_set(queries, &conf);
}

static void finish(void)
{
	resolve_query_close(queries);
	for (size_t i = 0; i < conf.server_count; i++) {
		loop_close_fd(&loop, &servers[i].udp);
		loop_close_fd(&loop, &servers[i].tcp);
		loop_close_fd(&loop, &servers[i].listener);
	}
	loop_close(&loop);
}

/* What a query needs of the system has happened when nothing comes for so long. */
#define REAL_MS 30

/* One turn of the loop. False: there is nothing more to do until then. */
static bool turn(int64_t end)
{
	const struct loop_event *events;
	int wait = loop_timeout(&loop);
	size_t count = loop.backend->wait(loop.set, wait ? REAL_MS : 0, &events);

	loop.now = clock_now;
	for (size_t i = 0; i < count; i++)
		loop_ready(&loop, events[i].io, events[i].events);
	if (!count && (wait < 0 || clock_now + wait > end))
		return false;
	clock_now += count ? 0 : wait;
	loop.now = clock_now;
	loop_expired(&loop);
	free_dead(&loop);
	return true;
}

/* Until nothing is left, or so many milliseconds of the clock are over. */
static void run(int64_t most)
{
	int64_t end = clock_now + most;

	while (turn(end))
		;
	clock_now = end;
}

/* Until it has its answer, which comes at once. */
static void run_for(const struct resolve_query *query)
{
	while (query->busy && turn(clock_now))
		;
}

static void ask(struct resolve_query *query, const char *owner)
{
	if (!query->busy) {
		query->owner = (void *)(uintptr_t)owner;
		query->name = "db.example";
		query->type = DNS_A;
	}
	loop.now = clock_now;
	resolve_query_ask(queries, query);
}

/* One question: who was asked, and what came of it. */
static void check_one(const char *what, const char *const *says, size_t count, const char *asked, const char *end)
{
	struct resolve_query query = { 0 };

	begin(says, count);
	ask(&query, "");
	check(!*ended, "nothing comes while it asks", what);
	run(60000);
	check(strcmp(trace, asked) == 0, what, trace);
	check(strcmp(ended, end) == 0 && !query.busy, what, ended);
	finish();
}

#define ONE(what, asked, end, ...) \
	do { \
		const char *const says[] = { __VA_ARGS__ }; \
		check_one(what, says, ARRAY_LEN(says), asked, end); \
	} while (0)

static void check_answers(void)
{
	ONE("an address", "1", "found", "a", "h");
	ONE("no name", "1", "no name", "x", "a");
	ONE("no data", "1", "no data", "n", "a");
	ONE("the next after SERVFAIL", "1 2", "found", "s", "a");
	ONE("the next after REFUSED", "1 2", "found", "r", "a");
	ONE("all fail: no second round", "1 2", "refused", "s", "r");
	ONE("the next after silence", "1 2", "found", "h", "a");
	ONE("rounds", "1 2 1p 2p", "silent", "h", "h");
	ONE("who has failed is not asked in the second round", "1 2 1p", "failed", "h", "s");
	ONE("the second round", "1 1p", "found", "h,a");
}

static void check_forgeries(void)
{
	ONE("another id", "1 1p", "silent", "i");
	ONE("another question", "1 1p", "silent", "q");
	ONE("from another port", "1 1p", "silent", "o");
	ONE("broken", "1 1p", "broken", "b");
	ONE("all of these, and then the true one", "1", "found", "iqboa", "s");
}

/* The first server cuts its answer, and says so over TCP; the second has an address. */
static void check_tcp_one(const char *what, const char *says_tcp, const char *asked, const char *end)
{
	static const char *const says[] = { "c", "a" };
	struct resolve_query query = { 0 };

	begin(says, strchr(asked, '2') ? 2 : 1);
	if (says_tcp)
		servers[0].says_tcp = says_tcp;
	else
		loop_close_fd(&loop, &servers[0].listener);
	ask(&query, "");
	run(says_tcp && *says_tcp == 'h' ? 60000 : 0); /* all others cost no time */
	check(strcmp(trace, asked) == 0, what, trace);
	check(strcmp(ended, end) == 0 && !query.busy, what, ended);
	finish();
}

static void check_tcp(void)
{
	check_tcp_one("over TCP", "a", "1 1t", "found");
	check_tcp_one("in pieces", "p", "1 1t", "found");
	check_tcp_one("as long as it can be", "l", "1 1t", "found");
	check_tcp_one("no name over TCP", "x", "1 1t", "no name");
	check_tcp_one("TCP fails", "s", "1 1t 2", "found");
	check_tcp_one("silent over TCP", "h", "1 1t 2", "found");
	check_tcp_one("the connection ends", "e", "1 1t 2", "found");
	check_tcp_one("broken over TCP", "b", "1 1t 2", "found");
	check_tcp_one("another id over TCP", "i", "1 1t 2", "found");
	check_tcp_one("cut over TCP", "c", "1 1t 2", "found");
	check_tcp_one("cut over TCP, and no other", "c", "1 1t", "broken");
	check_tcp_one("no TCP", NULL, "1 2", "found");
	ONE("silent over TCP, and no other", "1 1t 1p 1tp", "cut", "c");
}

static void check_edns(void)
{
	ONE("without EDNS", "1 1p", "found", "F", "x");
	ONE("that does not help", "1 1p 2", "found", "f", "a");
}

/* What was asked since the last time, and what was told; and that is over. */
static void check_so_far(const char *what, const char *asked, const char *end)
{
	check(strcmp(trace, asked) == 0, what, trace);
	check(strcmp(ended, end) == 0, what, ended);
	*trace = *ended = '\0';
}

/* A server passes on what those say whom it asks: names of strangers. */
static void check_edns_stays(void)
{
	static const char *const says[] = { "f,f,a" };
	struct resolve_query query = { 0 };

	begin(says, 1);
	ask(&query, "");
	run(0);
	check_so_far("of one name", "1 1p", "no edns");
	ask(&query, "");
	run(0);
	check_so_far("it says nothing of others", "1", "found");
	finish();
}

/* Both were asked at once: which of them hears it first is the system's. */
static void check_both_asked(const char *what)
{
	size_t end = strlen(trace);

	check(end >= 3 && (strcmp(trace + end - 3, "1 2") == 0 || strcmp(trace + end - 3, "2 1") == 0), what, trace);
	trace[end >= 3 ? end - 3 : 0] = '\0';
}

static void check_dropped(void)
{
	static const char *const says[] = { "h" };
	struct resolve_query three[3] = { 0 };

	begin(says, 1);
	for (size_t i = 0; i < 3; i++)
		resolve_query_drop(queries, &three[i]);
	ask(&three[0], "a");
	resolve_query_drop(queries, &three[0]);
	ask(&three[1], "b");
	ask(&three[2], "c");
	resolve_query_drop(queries, &three[2]);
	run(100);
	check_so_far("those that are dropped while they wait are not sent", "1", "");
	resolve_query_drop(queries, &three[1]);
	check(!queries->flying && !queries->waiting && !three[1].busy, "nothing is left", "dropped");
	servers[0].says = "a";
	ask(&three[1], "again");
	run(60000);
	check_so_far("asked again", "1", "again:found");
	finish();
}

static void ask_again(struct resolve_query *query)
{
	if (strcmp(query->owner, "first") == 0)
		ask(query, "second");
}

static void check_told(void)
{
	static const char *const says[] = { "x,a" };
	struct resolve_query query = { 0 };

	begin(says, 1);
	told = ask_again;
	ask(&query, "first");
	ask(&query, "twice");
	run(60000);
	check_so_far("the owner asks again when it is told", "1 1", "first:no name second:found");
	finish();
}

static void check_set(void)
{
	static const char *const says[] = { "h", "h", "a" };
	struct resolve_query query = { 0 }, waits = { 0 };

	begin(says, 3);
	ask(&query, "one");
	run(1500);
	check_so_far("two were asked", "1 2", "");
	ask(&waits, "two");
	conf.servers[0] = servers[2].addr;
	conf.server_count = 1;
	resolve_query_set(queries, &conf);
	run(100);
	check_so_far("other servers are asked from the begin", "3 3", "one:found two:found");
	conf.server_count = 3; /* they are closed */
	finish();
	begin(says + 1, 2); /* while a silent server is asked beside the other one, too */
	ask(&query, "three");
	run(BRIEF_MS);
	ask(&query, "four");
	run(0);
	resolve_query_set(queries, &conf);
	check(!queries->flying && !queries->waiting, "nobody waits", "set");
	ask(&query, "five");
	run(60000);
	check_so_far("they are asked as if it were for the first time", trace, "three:found four:found five:found");
	finish();
}

static void check_flight(void)
{
	enum { COUNT = 300 };
	static const char *const says[] = { "h" };
	static struct resolve_query many[COUNT];
	static char names[COUNT][16];
	char text[16], expected[4096] = "";

	memset(many, 0, sizeof many);
	begin(says, 1);
	conf.attempts = 1;
	resolve_query_set(queries, &conf);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "%d", (int)i);
		ask(&many[i], names[i]);
	}
	run(1000);
	check(servers[0].asked == RESOLVE_FLIGHT && queries->flying == RESOLVE_FLIGHT, "so many at once", "flight");
	servers[0].says = "a";
	resolve_query_drop(queries, &many[0]);
	run(1000);
	for (size_t i = RESOLVE_FLIGHT; i < COUNT; i++) {
		snprintf(text, sizeof text, "%d:found", (int)i);
		note(expected, text);
	}
	check_so_far("the rest in its order, through one place", trace, expected);
	run(60000);
	check(!queries->flying && strstr(ended, "127:silent"), "all end", ended);
	check(resolve_query_counts(queries)[DNS_FOUND] == COUNT - RESOLVE_FLIGHT &&
	              resolve_query_counts(queries)[DNS_FOREIGN] == RESOLVE_FLIGHT - 1,
	      "counts", "flight");
	finish();
}

static bool seen_port[65536];

static void check_ports(void)
{
	static const char *const says[] = { "a" };
	struct resolve_query query = { 0 };
	unsigned ports = 0, steps = 0, last = 0;

	begin(says, 1);
	memset(seen_port, 0, sizeof seen_port);
	for (int i = 0; i < 3 * SOCKET_QUESTIONS; i++) {
		ask(&query, "");
		run_for(&query);
		ports += !seen_port[net_addr_port(&servers[0].asker)];
		seen_port[net_addr_port(&servers[0].asker)] = true;
		steps += servers[0].id == last + 1;
		last = servers[0].id;
	}
	check(ports == 3 && sockets.opened == 3 && servers[0].asked == 3 * SOCKET_QUESTIONS, "a port is used for so many questions",
	      trace);
	check(steps < 3, "ids are drawn", "");
	for (int i = 0; i < 3; i++) {
		ask(&query, "");
		run_for(&query);
		clock_now += SOCKET_MS / 2;
	}
	check(sockets.opened == 5, "and for so long", "ports");
	finish();
}

/* A question that is under way on a socket that is not used any more. */
static void check_old_socket(void)
{
	static const char *const says[] = { "h,a" };
	struct resolve_query query = { 0 }, other = { 0 };
	struct net_addr asker;
	uint8_t m[1024] = { 0 };
	size_t len;

	begin(says, 1);
	ask(&query, "old");
	run(SOCKET_MS);
	asker = servers[0].asker;
	len = dns_question(m, query.id, "db.example", DNS_A, true);
	ask(&other, "new");
	run(0);
	check_so_far("a new socket", "1 1", "new:found");
	(void)!sendto(servers[0].udp.fd, m, answer(m, len, 'a'), 0, &asker.sa.any, sizeof asker.sa.v4);
	run(0);
	check_so_far("the old one is heard", "", "old:found");
	finish();
}

/* A server answers the question that another one was asked. */
static void check_other_server(void)
{
	static const char *const says[] = { "h", "h" };
	struct resolve_query query = { 0 }, other = { 0 };
	uint8_t m[1024] = { 0 };
	size_t len;

	begin(says, 2);
	ask(&query, "a");
	run(BRIEF_MS);
	ask(&other, "b");
	run(0);
	check_both_asked("the other one asks both");
	check_so_far("each asks another one", "1 2 ", "");
	len = dns_question(m, query.id, "db.example", DNS_A, true);
	(void)!sendto(servers[0].udp.fd, m, answer(m, len, 'a'), 0, &servers[0].asker.sa.any, sizeof servers[0].asker.sa.v4);
	run(0);
	check_so_far("not from the other one", "", "");
	(void)!sendto(servers[1].udp.fd, m, answer(m, len, 'a'), 0, &servers[1].asker.sa.any, sizeof servers[1].asker.sa.v4);
	run(0);
	check_so_far("from its own", "", "a:found");
	finish();
}

/* An answer that comes when its try is over. */
static void check_late(void)
{
	static const char *const says[] = { "h,h" };
	struct resolve_query query = { 0 };
	uint8_t m[1024] = { 0 };
	size_t len;

	begin(says, 1);
	ask(&query, "");
	run(4000);
	len = dns_question(m, query.id, "db.example", DNS_A, true);
	run(1000);
	check_so_far("the second try", "1 1p", "");
	(void)!sendto(servers[0].udp.fd, m, answer(m, len, 'x'), 0, &servers[0].asker.sa.any, sizeof servers[0].asker.sa.v4);
	run(0);
	check_so_far("another try has another id", "", "");
	finish();
}

static void check_refused(void)
{
	static const char *const says[] = { "h", "a" };
	struct resolve_query two[2] = { 0 };

	begin(says, 2);
	loop_close_fd(&loop, &servers[0].udp);
	ask(&two[0], "a");
	ask(&two[1], "b");
	run(0);
	check(strstr(ended, "a:found") && strstr(ended, "b:found"), "a port that nobody listens on costs no time", ended);
	finish();
	begin(says, 1);
	loop_close_fd(&loop, &servers[0].udp);
	ask(&two[0], "");
	run(0);
	check_so_far("the reason is told", "", strerror(ECONNREFUSED));
	finish();
}

static void check_sockets(void)
{
	static const char *const says[] = { "a", "a" };
	struct resolve_query two[2] = { 0 };

	begin(says, 2);
	sockets.errors[0] = ENETUNREACH;
	ask(&two[0], "a");
	ask(&two[1], "b");
	run(0);
	check_so_far("a network that cannot be reached: the next", "2 2", "a:found b:found");
	clock_now++;
	ask(&two[0], "c");
	run(0);
	check_so_far("it comes last then", "2", "c:found");
	finish();
	begin(says, 1);
	sockets.errors[0] = ENETUNREACH;
	ask(&two[0], "");
	run(0);
	check_so_far("it is the only one", "", strerror(ENETUNREACH));
	check(sockets.at == 1, "and it is tried once", "a network");
	clock_now++;
	ask(&two[0], "a");
	run(0);
	check_so_far("it is back", "1", "a:found");
	finish();
	begin(says, 1);
	sockets.errors[0] = sockets.errors[1] = EMFILE;
	ask(&two[0], "a");
	ask(&two[1], "b");
	run(0);
	check_so_far("no descriptor: later", "", "");
	run(2 * LATER_MS);
	check_so_far("no descriptor: then in order", "1 1", "a:found b:found");
	sockets.errors[sockets.at = 0] = EMFILE;
	clock_now += SOCKET_MS;
	ask(&two[0], "c");
	run(0);
	check_so_far("no descriptor: the old one", "1", "c:found");
	finish();
}

/* The socket that there is still serves all others. */
static void check_no_tcp(void)
{
	struct resolve_query cut = { 0 }, other = { 0 };

	begin(&(const char *){ "c,a" }, 1);
	servers[0].says_tcp = "a";
	sockets.no_tcp = true;
	ask(&cut, "cut");
	run(0);
	check_so_far("no descriptor for TCP", "1", "");
	ask(&other, "a");
	run(2 * LATER_MS);
	check_so_far("others do not wait for it", "1", "a:found");
	sockets.no_tcp = false;
	run(LATER_MS);
	check_so_far("then it has its turn", "1t", "cut:found");
	finish();
}

static void check_silent(void)
{
	static const char *const says[] = { "h,h,a", "a" };
	struct resolve_query query = { 0 }, other = { 0 };

	begin(says, 2);
	ask(&query, "a");
	run(BRIEF_MS - 1);
	check_so_far("an unknown one", "1", "");
	run(1);
	check_so_far("has a second", "2", "a:found");
	ask(&query, "b");
	run(0);
	check_both_asked("a silent one is asked beside another");
	check_so_far("and nobody waits for it", "", "b:found");
	run(6000);
	ask(&query, "c");
	run(0);
	check_both_asked("it is asked again");
	check_so_far("and is found again", "", "c:found");
	ask(&query, "d");
	run(0);
	check_so_far("then it comes first", "1", "d:found");
	servers[0].says = "h,a,h";
	ask(&query, "e");
	run(1000);
	ask(&other, "f");
	run(3999);
	check_so_far("one that is known has its time", "1 1", "f:found");
	run(1);
	check_so_far("the next", "2", "e:found");
	ask(&query, "g");
	run(0);
	check_so_far("one that has answered another question is not silent", "1", "");
	finish();
}

/* A dead first server, and many names. */
static void check_dead(void)
{
	enum { COUNT = 1000 };
	static const char *const says[] = { "h", "a" };
	static struct resolve_query many[COUNT];
	size_t left = 0;

	memset(many, 0, sizeof many);
	begin(says, 2);
	for (size_t i = 0; i < COUNT; i++)
		ask(&many[i], "");
	run(BRIEF_MS);
	for (size_t i = 0; i < COUNT; i++)
		left += many[i].busy;
	check(!left && servers[0].asked <= RESOLVE_FLIGHT + 1, "a dead server costs a second once", "");
	finish();
}

static void check_rotate(void)
{
	static const char *const says[] = { "a", "a", "a" };
	struct resolve_query query = { 0 };

	begin(says, 3);
	conf.rotate = true;
	resolve_query_set(queries, &conf);
	for (int i = 0; i < 4; i++) {
		ask(&query, "");
		run(0);
	}
	check_so_far("in turn", "1 2 3 1", "found found found found");
	finish();
}

/* Drops questions with EDNS, or refuses them. */
static void check_deaf(const char *says)
{
	struct resolve_query query = { 0 };

	begin(&says, 1);
	for (int i = 0; i < 4; i++) {
		ask(&query, "");
		run(60000);
	}
	check_so_far("no EDNS after a while", "1 1p 1 1p 1 1p 1p", "found found found found");
	finish();
}

static void check_none(void)
{
	struct resolve_query query = { 0 };

	begin(NULL, 0);
	ask(&query, "");
	run(0);
	check_so_far("no server", "", "silent");
	finish();
	begin(&(const char *){ "a" }, 1);
	query = (struct resolve_query){ .owner = "", .name = "a..b", .type = DNS_A };
	resolve_query_ask(queries, &query);
	run(0);
	check_so_far("no name", "", strerror(EINVAL));
	finish();
}

int main(void)
{
	check_answers();
	check_forgeries();
	check_tcp();
	check_edns();
	check_edns_stays();
	check_dropped();
	check_told();
	check_set();
	check_flight();
	check_ports();
	check_old_socket();
	check_other_server();
	check_late();
	check_refused();
	check_sockets();
	check_no_tcp();
	check_silent();
	check_dead();
	check_rotate();
	check_deaf("H");
	check_deaf("F");
	check_none();
	return check_sum();
}
