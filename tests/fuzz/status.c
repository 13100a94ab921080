/* The status server's connections: any bytes, in any pieces, from several clients at once, with slow readers, time that
 * passes and workers that report late. Sockets, the loop's set and the pages' texts are made up here; the input is a
 * script of what happens. */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADMIN_CLIENTS_MAX 7
#define ADMIN_HELD_MAX 4000
#define BODY_PART 400
#include "admin.h"
#include "body.h"
#include "explain.h"
#include "log.h"
#include "metrics.h"
#include "page.h"
#include "page_frame.h"
#include "routes.h"
#include "session.h"
#include "stats.h"
#include "status.h"
#include "supervisor.h"
#include "worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define PEERS 8
#define FIRST_FD 1000
#define LISTENER_FD 999
#define PAGE 1500

/* The other end of a connection. */
static struct peer {
	struct buf says, heard; /* what it has sent; what it was sent */
	size_t read;            /* bytes of `says` that the server has read */
	size_t room, acked;     /* what the system takes; what of `heard` it has acknowledged */
	struct loop_io *io;     /* NULL: nobody is there */
	bool done, reset, told; /* it has sent all; it is gone; the server has said that it has */
} peers[PEERS];
static unsigned backlog;
static bool exhausted, asked, told;
static void *dead[10000];
static size_t dead_count;

static struct peer *peer_of(int fd)
{
	MUST(fd >= FIRST_FD && fd < FIRST_FD + PEERS);
	return &peers[fd - FIRST_FD];
}

static int fake_accept(int fd, struct net_addr *from)
{
	MUST(fd == LISTENER_FD && from);
	if (!backlog || exhausted) {
		exhausted = false;
		return backlog ? -EMFILE : -EAGAIN;
	}
	for (int i = 0; i < PEERS; i++)
		if (!peers[i].io) {
			buf_free(&peers[i].says);
			buf_free(&peers[i].heard);
			peers[i] = (struct peer){ .room = 600 };
			backlog--;
			return FIRST_FD + i;
		}
	abort(); /* more than there may be */
}

static ssize_t fake_recv(int fd, void *bytes, size_t size, int flags)
{
	struct peer *peer = peer_of(fd);
	size_t left = peer->says.len - peer->read, n = left < size ? left : size;

	MUST(size && !flags);
	if (peer->reset || (!n && !peer->done)) {
		errno = peer->reset ? ECONNRESET : EAGAIN;
		return -1;
	}
	if (n)
		memcpy(bytes, peer->says.data + peer->read, n);
	peer->read += n;
	return (ssize_t)n;
}

static ssize_t fake_send(int fd, const void *bytes, size_t size, int flags)
{
	struct peer *peer = peer_of(fd);
	size_t n = size < peer->room ? size : peer->room;

	MUST(size && !flags);
	if (peer->reset || !n) {
		errno = peer->reset ? EPIPE : EAGAIN;
		return -1;
	}
	buf_add(&peer->heard, bytes, n);
	peer->room -= n;
	return (ssize_t)n;
}

static int fake_unsent(int fd)
{
	return (int)(peer_of(fd)->heard.len - peer_of(fd)->acked);
}

static bool fake_want(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop;
	if (io->fd != LISTENER_FD)
		peer_of(io->fd)->io = io;
	io->want = (uint8_t)events;
	return true;
}

static void fake_close_fd(struct loop *loop, struct loop_io *io)
{
	(void)loop;
	if (io->fd != LISTENER_FD)
		peer_of(io->fd)->io = NULL;
	io->fd = -1;
	io->want = 0;
}

static void fake_free(struct loop *loop, void *block)
{
	(void)loop;
	MUST(dead_count < ARRAY_LEN(dead));
	dead[dead_count++] = block;
}

static int fake_shutdown(int fd, int how)
{
	MUST(how == SHUT_WR);
	peer_of(fd)->told = true;
	return peer_of(fd)->reset ? -1 : 0;
}

static void fake_reset(int fd)
{
	peer_of(fd);
}

/* However many wait: then the loop has others. */
static unsigned parts;
#define PARTS_A_TURN 4

static void begin_turn(void)
{
	MUST(parts <= PARTS_A_TURN);
	parts = 0;
}

static bool put_dots(struct body *body)
{
	parts++;
	for (; body->at < PAGE; body->at += 100) {
		if (body_full(body, 1))
			return true;
		memset(buf_room(body->out, 100), '.', 100);
		body->out->len += 100;
	}
	return false;
}

static struct body *fake_page(struct stats *stats)
{
	static bool (*const stages[])(struct body *body) = { put_dots, NULL };
	static const struct body_kind kind = { stages, NULL, NULL };
	struct body *body = sys_alloc(sizeof *body);

	MUST(stats);
	body->kind = &kind;
	return body;
}

static struct body *fake_sessions(const struct stats *stats, struct routes_sessions *sessions)
{
	struct body *body = fake_page((struct stats *)stats);

	MUST(sessions->refs && !sessions->report.failed);
	body->at = PAGE - 100;
	return body;
}

/* A turn ends after so many parts. */
static int64_t fake_micros(void)
{
	static int64_t now;

	return now += 1000 / PARTS_A_TURN;
}

static int fake_ready(struct stats *stats, const char **why)
{
	(void)stats;
	*why = "OK";
	return 200;
}

static void fake_ask(struct worker_pool *pool, bool sessions)
{
	(void)pool, (void)sessions;
	MUST(!asked);
	asked = true;
}

static bool fake_told(struct worker_pool *pool, struct session_report *report)
{
	(void)pool, (void)report;
	MUST(asked);
	asked = !told;
	return told;
}

#define net_accept fake_accept
#define net_unsent fake_unsent
#define net_reset_on_close fake_reset
#define recv fake_recv
#define send fake_send
#define sys_micros fake_micros
#define shutdown fake_shutdown
#define loop_want fake_want
#define loop_close_fd fake_close_fd
#define loop_free fake_free
#define page_body fake_page
#define routes_body fake_page
#define metrics_body fake_page
#define routes_connections fake_sessions
#define stats_ready fake_ready
#define worker_ask fake_ask
#define worker_told fake_told
#include "../../admin.c"
#include "../../body.c"
#include "../../status.c"

/* What was said and heard, read by other means than the server's. */

/* How many heads are whole; *tail: the bytes behind them. */
static size_t count_heads(struct slice said, size_t *tail)
{
	size_t heads = 0, begin = 0;

	for (size_t i = 0; i < said.len; i++) {
		bool blank = said.at[i] == '\n' && i > begin &&
		             (said.at[i - 1] == '\n' || (i > begin + 1 && said.at[i - 1] == '\r' && said.at[i - 2] == '\n'));

		if (i == begin && (said.at[i] == '\r' || said.at[i] == '\n'))
			begin++;
		else if (blank)
			heads++, begin = i + 1;
	}
	*tail = said.len - begin;
	return heads;
}

/* How often the text is there; *last: where it is last. */
static size_t count(const struct buf *in, const char *text, size_t *last)
{
	size_t found = 0, len = strlen(text);

	for (size_t i = 0; i + len <= in->len; i++)
		if ((in->data[i] | 0x20) == (text[0] | 0x20) && strncasecmp(in->data + i, text, len) == 0)
			found++, *last = i;
	return found;
}

/* A 200 needs a host that is ours: something in the request looks like one. */
static bool may_be_for_us(const struct buf *says)
{
	size_t last;

	return count(says, "localhost", &last) || count(says, "dill", &last) || count(says, "[", &last) ||
	       count(says, ".", &last) >= 3 || count(says, "HTTP/1.0", &last);
}

static size_t check_peer(const struct peer *peer, size_t *heads)
{
	struct slice said = { peer->says.data, peer->read };
	size_t tail, end = 0, close = 0, answers;

	*heads = count_heads(said, &tail);
	answers = count(&peer->heard, "\r\nX-Content-Type-Options: nosniff\r\n", &end);
	MUST(answers <= *heads + (tail >= ADMIN_INPUT_MAX));
	MUST(!peer->heard.len || memcmp(peer->heard.data, "HTTP/1.1 ", peer->heard.len < 9 ? peer->heard.len : 9) == 0);
	if (count(&peer->heard, "\r\nConnection: close\r\n", &close))
		MUST(close > end); /* nothing follows it */
	if (count(&peer->heard, "HTTP/1.1 200 OK\r\n", &end))
		MUST(may_be_for_us(&peer->says));
	return answers;
}

static void check_server(const struct admin *server)
{
	size_t held = 0, clients = 0, heads;

	for (const struct admin_client *client = server->clients; client; client = client->next) {
		clients++;
		MUST(client->in.len <= ADMIN_INPUT_MAX && client->in.cap <= 2 * ADMIN_INPUT_MAX + 1);
		MUST(client->out.len < 2048 && peer_of(client->io.fd)->io == &client->io);
		held += admin_holds(client);
	}
	MUST(clients == server->count && clients <= ADMIN_CLIENTS_MAX);
	MUST(held <= ADMIN_HELD_MAX + 4096 && server->part.len == 0);
	for (size_t i = 0; i < PEERS; i++)
		check_peer(&peers[i], &heads);
}

/* What happens. */

static bool serve_peer(struct admin *server, const struct peer *peer)
{
	unsigned events = 0;

	if (!peer->io)
		return false;
	if ((peer->io->want & LOOP_IN) && (peer->read < peer->says.len || peer->done || peer->reset))
		events |= LOOP_IN;
	if ((peer->io->want & LOOP_OUT) && (peer->room || peer->reset))
		events |= LOOP_OUT;
	begin_turn();
	if (events)
		admin_ready(server, peer->io, events);
	return events;
}

static void pass_time(struct admin *server, int64_t ms)
{
	struct loop_fifo *fifos[] = { &server->patience, &server->linger, &server->pause, &server->turns };

	server->loop->now += ms;
	for (size_t i = 0; i < ARRAY_LEN(fifos); i++)
		while (fifos[i]->head.next != &fifos[i]->head && fifos[i]->head.next->at <= server->loop->now) {
			struct loop_timer *timer = fifos[i]->head.next;

			begin_turn();
			loop_disarm(timer);
			MUST(admin_expired(server, fifos[i], timer));
		}
}

/* Until nothing is left to do. */
static void settle(struct admin *server)
{
	bool more = true;

	for (unsigned turns = 0; more; turns++) {
		MUST(turns < 5000); /* it would spin */
		more = false;
		for (size_t i = 0; i < PEERS; i++)
			more = serve_peer(server, &peers[i]) || more;
		if ((server->listener.want & LOOP_IN) && backlog) {
			admin_ready(server, &server->listener, LOOP_IN);
			more = true;
		}
		if (server->turn.next && !more) {
			pass_time(server, 1);
			more = true;
		}
		while (dead_count)
			free(dead[--dead_count]);
	}
}

static void report(struct status *status)
{
	begin_turn();
	told = true;
	status_woken(status);
	told = false;
}

/* The next bytes of the script, up to n. */
static struct slice take(struct slice *script, size_t n)
{
	struct slice taken = slice_first(*script, n < script->len ? n : script->len);

	*script = slice_skip(*script, taken.len);
	return taken;
}

static void say(struct peer *peer, struct slice text, size_t times)
{
	for (; times && !peer->done && peer->says.len < 3 * ADMIN_INPUT_MAX; times--)
		buf_add(&peer->says, text.at, text.len);
}

static void let_read(struct peer *peer, size_t bytes)
{
	peer->room += bytes;
	peer->acked = peer->acked + bytes < peer->heard.len ? peer->acked + bytes : peer->heard.len;
}

/* A letter for what happens, one for whom it concerns and how much of it there is, and perhaps a text. */
static void step(struct status *status, struct slice *script)
{
	struct slice what = take(script, 2);
	unsigned char amount = what.len == 2 ? (unsigned char)what.at[1] : 0;
	struct peer *peer = &peers[amount % PEERS];

	switch (what.at[0]) {
	case 'c': backlog += 1 + amount % 3; break;
	case 'x': exhausted = true; break;
	case 's': say(peer, take(script, amount), 1); break;
	case 'l': say(peer, take(script, 1 + amount / PEERS / 4), 1 + (size_t)amount * 8); break;
	case 'r': let_read(peer, (size_t)amount * 16); break;
	case 'e': peer->done = true; break;
	case 'k': peer->reset = true; break;
	case 't': pass_time(&status->server, (int64_t)amount * 40); break;
	default: report(status); break;
	}
	settle(&status->server);
	check_server(&status->server);
}

/* In the end everybody reads, and has an answer to each of its whole requests, unless the server has said that no more come. */
static void finish(struct status *status)
{
	size_t heads;
	unsigned before;

	for (unsigned i = 0; i < 2 || asked; i++) {
		MUST(i < 10000);
		for (size_t p = 0; p < PEERS; p++)
			let_read(&peers[p], 1 << 20);
		report(status);
		settle(&status->server);
	}
	check_server(&status->server);
	for (size_t p = 0; p < PEERS; p++)
		if (peers[p].io && !peers[p].done && !peers[p].reset && !peers[p].told)
			MUST(check_peer(&peers[p], &heads) == heads);
	MUST(!asked && !admin_hungriest(&status->server));
	before = backlog;
	for (unsigned i = 0; i < 4 && backlog; i++) {
		pass_time(&status->server, 200);
		settle(&status->server);
	}
	MUST(backlog < before || !before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice script = { (const char *)data, size };
	struct config config = { .status_hosts = "dill,dill.example" };
	struct supervisor sources = { .count = 0 };
	struct route route = { .table = NULL };
	struct stats stats = { .route = &route, .sources = &sources, .config = &config };
	struct status status = { .server.kind = 1, .stats = &stats };
	struct loop loop = { .now = 1000 };

	status_open(&status, &loop);
	status.server.listener = LOOP_IO(LISTENER_FD, 1);
	fake_want(&loop, &status.server.listener, LOOP_IN);
	backlog = 4;
	exhausted = asked = told = false;
	settle(&status.server);
	while (script.len)
		step(&status, &script);
	finish(&status);
	status_close(&status);
	while (dead_count)
		free(dead[--dead_count]);
	MUST(!status.server.part.data && !status.server.count);
	for (size_t p = 0; p < PEERS; p++) {
		buf_free(&peers[p].says);
		buf_free(&peers[p].heard);
		peers[p] = (struct peer){ 0 };
	}
	return 0;
}
