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
#include "../../resolve_query.c"

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
};

static struct server servers[SERVERS];
static struct loop loop;
static struct resolve_queries *queries;
static struct resolve_conf conf;
static char trace[4096]; /* who was asked: 1, 1t (TCP), 1p (without EDNS) */
static char ended[4096]; /* what the owner was told */

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

	snprintf(text, sizeof text, "%d%s%s", (int)(server - servers) + 1, tcp ? "t" : "", has_edns(m) ? "" : "p");
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
	ask_noted(server, m, false);
	letters = script_next(&server->says, &count);
	server_answer(server, m, (size_t)n, letters, count);
}

/* Over TCP, each answer on a connection of its own; p: piece by piece; e: the connection ends. */
static void server_asked_tcp(struct server *server)
{
	uint8_t m[1024];
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
	len = answer(m + 2, (size_t)n - 2, *letters == 'p' ? 'a' : *letters);
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
	loop_open(&loop, &ops, NULL);
	queries = resolve_query_open(&loop, CLIENT, done, NULL);
	net_numeric((struct slice){ "127.0.0.1", 9 }, 0, &addr);
	conf = (struct resolve_conf){ .server_count = count, .attempts = 2, .timeout = 5000 };
	for (size_t i = 0; i < count; i++) {
		server_open(&servers[i], &addr);
		servers[i].says = says[i];
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

/* Until nothing is left, or so many milliseconds of the clock are over. */
static void run(int64_t most)
{
	int64_t end = clock_now + most;

	for (;;) {
		const struct loop_event *events;
		int wait = loop_timeout(&loop);
		size_t count = loop.backend->wait(loop.set, wait ? REAL_MS : 0, &events);

		loop.now = clock_now;
		for (size_t i = 0; i < count; i++)
			loop_ready(&loop, events[i].io, events[i].events);
		if (!count && (wait < 0 || clock_now + wait > end))
			break;
		clock_now += count ? 0 : wait;
		loop.now = clock_now;
		loop_expired(&loop);
		free_dead(&loop);
	}
	clock_now = end;
}

static void ask(struct resolve_query *query, const char *owner)
{
	query->owner = (void *)(uintptr_t)owner;
	query->name = "db.example";
	query->type = DNS_A;
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
	ONE("rounds", "1 2 1 2", "silent", "h", "h");
	ONE("who has failed is not asked in the second round", "1 2 1", "failed", "h", "s");
	ONE("the second round", "1 1", "found", "h,a");
}

static void check_forgeries(void)
{
	ONE("another id", "1 1", "silent", "i");
	ONE("another question", "1 1", "silent", "q");
	ONE("from another port", "1 1", "silent", "o");
	ONE("broken", "1 1", "broken", "b");
	ONE("all of these, and then the true one", "1", "found", "iqboa", "s");
}

/* The first server cuts its answer, and says so over TCP; the second has an address. */
static void check_tcp_one(const char *what, const char *says_tcp, const char *asked, const char *end)
{
	static const char *const says[] = { "c", "a" };
	struct resolve_query query = { 0 };

	begin(says, 2);
	if (says_tcp)
		servers[0].says_tcp = says_tcp;
	else
		loop_close_fd(&loop, &servers[0].listener);
	ask(&query, "");
	run(60000);
	check(strcmp(trace, asked) == 0, what, trace);
	check(strcmp(ended, end) == 0 && !query.busy, what, ended);
	finish();
}

static void check_tcp(void)
{
	check_tcp_one("over TCP", "a", "1 1t", "found");
	check_tcp_one("in pieces", "p", "1 1t", "found");
	check_tcp_one("no name over TCP", "x", "1 1t", "no name");
	check_tcp_one("TCP fails", "s", "1 1t 2", "found");
	check_tcp_one("silent over TCP", "h", "1 1t 2", "found");
	check_tcp_one("the connection ends", "e", "1 1t 2", "found");
	check_tcp_one("broken over TCP", "b", "1 1t 2", "found");
	check_tcp_one("another id over TCP", "i", "1 1t 2", "found");
	check_tcp_one("cut over TCP", "c", "1 1t 2", "found");
	check_tcp_one("no TCP", NULL, "1 2", "found");
}

static void check_edns(void)
{
	ONE("without EDNS", "1 1p", "found", "F", "x");
	ONE("that does not help", "1 1p 2", "found", "f", "a");
}

int main(void)
{
	check_answers();
	check_forgeries();
	check_tcp();
	check_edns();
	return check_sum();
}
