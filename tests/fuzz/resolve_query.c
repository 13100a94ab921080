/* libFuzzer target for resolve_query.c: a whole conversation. Each byte of the input says what happens next: a question, an
 * answer that is made of the next bytes, time that passes, sockets that fail. However it goes, each question that is not
 * dropped ends once, and nothing stays open. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hash.h"
#include "net.h"
#include "sys.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static int64_t clock_now;

static int64_t fake_now(void)
{
	return clock_now;
}

#define sys_now fake_now
#include "../../loop.c"
#undef sys_now

#define PEERS 16
#define QUESTIONS 8

/* The other end of a socket. */
struct peer {
	int fd; /* -1: none */
	bool tcp;
	uint8_t asked[512]; /* the last question there */
	size_t len;
	uint16_t ids[256];  /* of all of them */
	size_t count;
};

static struct peer peers[PEERS];
static size_t peer_count;
static int next_error; /* of the next socket; 0: it succeeds */
static bool said[65536]; /* ids of answers by those who were asked */
static bool asking;

static int connect_peer(bool tcp)
{
	struct peer *peer = &peers[peer_count++ % PEERS];
	int fds[2], error = next_error;

	next_error = 0;
	if (error)
		return -error;
	if (peer->fd >= 0)
		close(peer->fd);
	MUST(socketpair(AF_UNIX, tcp ? SOCK_STREAM : SOCK_DGRAM, 0, fds) == 0);
	net_nonblocking(fds[0]);
	net_nonblocking(fds[1]);
	*peer = (struct peer){ .fd = fds[1], .tcp = tcp };
	return fds[0];
}

static int fake_udp(const struct net_addr *addr)
{
	(void)addr;
	return connect_peer(false);
}

static int fake_tcp(const struct net_addr *addr)
{
	(void)addr;
	return connect_peer(true);
}

/* Both ends of a pair have the same name, none: to net_error() such a socket is its own peer. */
static int fake_error(int fd)
{
	(void)fd;
	return 0;
}

/* The same in each run. */
static uint64_t fake_hash(const char *bytes, size_t len)
{
	uint64_t number = 0;

	MUST(len == sizeof number);
	memcpy(&number, bytes, len);
	return number * 40503;
}

#define net_connect_udp fake_udp
#define net_connect fake_tcp
#define net_error fake_error
#define hash_whole fake_hash
#include "../../resolve_channel.c"
#include "../../resolve_query.c"

static struct loop loop;
static struct resolve_queries *queries;
static struct resolve_query questions[QUESTIONS];
static bool due[QUESTIONS]; /* it must end */

static void peer_hear(struct peer *peer)
{
	uint8_t m[600];
	ssize_t n;

	while (peer->fd >= 0 && (n = recv(peer->fd, m, sizeof m, 0)) > 0) {
		size_t skip = peer->tcp ? 2 : 0;

		MUST((size_t)n > 12 + skip && (size_t)n <= DNS_QUESTION + skip);
		MUST(!skip || m[0] * 256 + m[1] == n - 2);
		peer->len = (size_t)n - skip;
		memcpy(peer->asked, m + skip, peer->len);
		MUST(peer->count < ARRAY_LEN(peer->ids));
		peer->ids[peer->count++] = (uint16_t)(peer->asked[0] << 8 | peer->asked[1]);
	}
}

/* Over TCP it may be a piece of an answer. */
static void peer_send(struct peer *peer, const uint8_t *m, size_t len)
{
	for (size_t i = 0; i < peer->count; i++)
		if (peer->tcp || (len >= 2 && peer->ids[i] == (m[0] << 8 | m[1])))
			said[peer->ids[i]] = true;
	(void)!send(peer->fd, m, len, MSG_NOSIGNAL);
}

static void done(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome)
{
	struct dns_record record;
	size_t count = 0;

	(void)arg;
	MUST(!asking && !query->busy && due[query - questions]);
	due[query - questions] = false;
	if (outcome->silent)
		return;
	MUST(outcome->status < DNS_FOREIGN);
	if (outcome->status > DNS_NO_NAME)
		return;
	MUST(said[outcome->walk->message[0] << 8 | outcome->walk->message[1]] && outcome->walk->ttl >= -1);
	while (outcome->status == DNS_FOUND && dns_next(outcome->walk, &record))
		count++;
	MUST(!!count == (outcome->status == DNS_FOUND));
	if (count % 2)
		resolve_query_drop(queries, &questions[0]), due[0] = false;
}

static void ready(struct loop *of, struct loop_io *io, unsigned events)
{
	(void)of;
	MUST(resolve_query_ready(queries, io, events));
}

static void expired(struct loop *of, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)of;
	MUST(resolve_query_expired(queries, fifo, timer));
}

/* Until there is nothing more to do now. */
static void run(void)
{
	static const struct loop_event *events;
	size_t count = 1;

	for (int turns = 0; count || loop_timeout(&loop) == 0; turns++) {
		MUST(turns < 10000);
		count = loop.backend->wait(loop.set, 0, &events);
		loop.now = clock_now;
		for (size_t i = 0; i < count; i++)
			loop_ready(&loop, events[i].io, events[i].events);
		loop_expired(&loop);
		free_dead(&loop);
		for (size_t i = 0; i < PEERS; i++)
			peer_hear(&peers[i]);
	}
}

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *input)
{
	return input->left ? (input->left--, *input->at++) : 0;
}

static void question_ask(uint8_t byte)
{
	static const char *const names[] = { "a", "db.example", "_x._tcp.db.example.", "a..b" };
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV };
	struct resolve_query *query = &questions[byte % QUESTIONS];

	if (!query->busy) {
		query->name = names[byte / QUESTIONS % ARRAY_LEN(names)];
		query->type = types[byte % ARRAY_LEN(types)];
	}
	due[byte % QUESTIONS] = asking = true;
	resolve_query_ask(queries, query);
	asking = false;
}

static void configure(uint8_t byte)
{
	struct resolve_conf conf = { .server_count = byte % (RESOLVE_SERVERS + 1), .attempts = byte / 16 % 4, .timeout = 1000,
		.rotate = byte & 128 };

	resolve_query_set(queries, &conf);
}

/* The question that a peer has had comes back, with other bytes in its head and behind it; perhaps from another one. */
static void peer_answer(struct peer *peer, const struct peer *of, struct input *input)
{
	uint8_t m[2 + 1024];
	size_t len = of->len, head = peer->tcp ? 2 : 0, more = take(input);

	if (!len || peer->fd < 0)
		return;
	memcpy(m + head, of->asked, len);
	for (size_t i = 2; i < 12; i++)
		m[head + i] = take(input);
	m[head + 2] |= 0x80;
	len -= of->asked[11] ? 11 : 0; /* without EDNS */
	for (size_t i = 0; i < more && input->left; i++)
		m[head + len++] = take(input);
	m[0] = peer->tcp ? (uint8_t)(len >> 8) : m[0];
	m[1] = peer->tcp ? (uint8_t)len : m[1];
	peer_send(peer, m, head + len);
}

static void peer_say(struct peer *peer, struct input *input)
{
	uint8_t m[256];
	size_t len = take(input);

	for (size_t i = 0; i < len; i++)
		m[i] = take(input);
	if (peer->fd >= 0)
		peer_send(peer, m, len);
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void step(struct input *input)
{
	static const int errors[] = { EMFILE, ENETUNREACH, EAGAIN, ECONNREFUSED };
	uint8_t byte = take(input), what = take(input);
	struct peer *peer = &peers[what % PEERS];

	switch (byte % 8) {
	case 0:
		question_ask(what);
		break;
	case 1:
		peer_answer(peer, &peers[(what + what / PEERS) % PEERS], input);
		break;
	case 2:
		peer_say(peer, input);
		break;
	case 3:
		clock_now += what * 16;
		break;
	case 4:
		resolve_query_drop(queries, &questions[what % QUESTIONS]);
		due[what % QUESTIONS] = false;
		break;
	case 5:
		configure(what);
		break;
	case 6:
		peer_close(peer);
		break;
	default:
		next_error = errors[what % ARRAY_LEN(errors)];
	}
	if (byte & 128)
		run();
}

static void begin(void)
{
	static const struct loop_ops ops = { ready, expired, NULL };

	memset(questions, 0, sizeof questions);
	memset(due, 0, sizeof due);
	memset(said, 0, sizeof said);
	for (size_t i = 0; i < PEERS; i++)
		peers[i] = (struct peer){ .fd = -1 };
	peer_count = 0;
	next_error = 0;
	clock_now = 1000000;
	MUST(loop_open(&loop, &ops, NULL));
	queries = resolve_query_open(&loop, 0, done, NULL);
	configure(2 + 2 * 16);
}

/* All that are still under way end when nobody says anything more. */
static void finish(void)
{
	for (size_t i = 0; i < 64; i++) {
		run();
		clock_now += 1000;
	}
	for (size_t i = 0; i < QUESTIONS; i++)
		MUST(!due[i] && !questions[i].busy);
	MUST(!queries->waiting);
	resolve_query_close(queries);
	loop_close(&loop);
	for (size_t i = 0; i < PEERS; i++)
		peer_close(&peers[i]);
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	size_t before = open_descriptors();

	begin();
	while (input.left)
		step(&input);
	finish();
	MUST(open_descriptors() == before);
	return 0;
}
