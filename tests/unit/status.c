/* Cases for the status server's answers, over real connections: a page comes in parts, and whoever asks knows whether it is
 * whole, also when memory runs out on the way. Parts of pages are made up here. */
#include "base.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "metrics.h"
#include "session.h"
#include "worker.h"

static struct loop loop;
static size_t parts, fails_at; /* of the page: how many there are; the one for which there is no memory, from 0 on */

static bool put_part(struct body *body)
{
	buf_puts(body->out, "0123456789\n");
	if (body->at == fails_at)
		buf_fail(body->out);
	return ++body->at < parts;
}

static struct body *fake_page(struct stats *stats)
{
	static bool (*const stages[])(struct body *body) = { put_part, NULL };
	static const struct body_kind kind = { stages, NULL, NULL };
	struct body *body = sys_alloc(sizeof *body);

	(void)stats;
	body->kind = &kind;
	return body;
}

static void fake_ask(struct worker_pool *pool, bool sessions)
{
	(void)pool, (void)sessions;
	loop_wake(&loop);
}

static bool fake_told(struct worker_pool *pool, struct session_report *report)
{
	(void)pool, (void)report;
	return true;
}

#define metrics_body fake_page
#define worker_ask fake_ask
#define worker_told fake_told
#include "../../status.c"

static struct config config = { .status_hosts = "" };
static struct stats stats = { .config = &config };
static struct status status = { .server.kind = 1, .stats = &stats };

static void ready(struct loop *of, struct loop_io *io, unsigned events)
{
	admin_ready(&status.server, io, events);
	of->stop = status.server.parts && !status.server.count;
}

static void expired(struct loop *of, struct loop_fifo *fifo, struct loop_timer *timer)
{
	status_expired(&status, fifo, timer);
	of->stop = status.server.parts && !status.server.count;
}

static void woken(struct loop *of)
{
	status_woken(&status);
	of->stop = status.server.parts && !status.server.count;
}

/* Asks for a page, adds what comes, and returns the error that the connection ends with; 0: it ends in order. */
static int ask(const char *request, struct buf *heard)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0), error;
	ssize_t n;

	getsockname(status.server.listener.fd, (struct sockaddr *)&at, &len);
	if (connect(fd, (struct sockaddr *)&at, len) < 0 || send(fd, request, strlen(request), 0) < 0)
		check(false, "a connection", strerror(errno));
	shutdown(fd, SHUT_WR);
	status.server.parts = 0;
	loop.stop = false;
	loop_run(&loop);
	heard->len = 0;
	while ((n = recv(fd, buf_room(heard, 4096), 4096, 0)) > 0)
		heard->len += (size_t)n;
	error = n < 0 ? errno : 0;
	heard->data[heard->len] = '\0';
	close(fd);
	return error;
}

static void answers(const char *what, const char *request, size_t count, size_t without, int error, const char *head,
                    const char *body)
{
	struct buf heard = { 0 };
	const char *end;
	int got;

	parts = count;
	fails_at = without;
	got = ask(request, &heard);
	end = strstr(heard.data, "\r\n\r\n");
	check(got == error, what, strerror(got));
	check(end && strstr(heard.data, head), what, heard.data);
	check(end && strcmp(end + 4, body) == 0, what, end ? end + 4 : "no head");
	buf_free(&heard);
}

#define LINE "0123456789\n"
#define CHUNK "b\r\n" LINE "\r\n"
#define NEW "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define OLD "GET /metrics HTTP/1.0\r\n\r\n"
#define KEPT "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define BARE "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define NEVER SIZE_MAX
#define NO_MEMORY "There is no memory for this answer. Try again later.\n"

int main(void)
{
	static const struct loop_ops ops = { ready, expired, woken };
	struct net_addr at;

	if (!loop_open(&loop, &ops, NULL) || !net_numeric(slice_of("127.0.0.1"), 0, &at))
		return 1;
	status_open(&status, &loop);
	check(admin_listen(&status.server, &at) == 0, "it listens", "127.0.0.1");
	answers("one part", NEW, 1, NEVER, 0, "\r\nContent-Length: 11\r\n", LINE);
	answers("three parts", NEW, 3, NEVER, 0, "\r\nTransfer-Encoding: chunked\r\n", CHUNK CHUNK CHUNK "0\r\n\r\n");
	answers("one part, 1.0", OLD, 1, NEVER, 0, "\r\nContent-Length: 11\r\n", LINE);
	answers("three parts, 1.0", OLD, 3, NEVER, 0, "\r\nConnection: close\r\n", LINE LINE LINE);
	answers("three parts, 1.0, kept", KEPT, 3, NEVER, 0, "\r\nConnection: close\r\n", LINE LINE LINE);
	answers("HEAD, one part", BARE, 1, NEVER, 0, "\r\nContent-Length: 11\r\n", "");
	answers("HEAD, three parts", BARE, 3, NEVER, 0, "\r\nTransfer-Encoding: chunked\r\n", "");
	answers("no memory", NEW, 3, 0, 0, "HTTP/1.1 503 ", NO_MEMORY);
	answers("no memory, 1.0", OLD, 3, 0, 0, "HTTP/1.1 503 ", NO_MEMORY);
	answers("no memory on the way", NEW, 3, 1, ECONNRESET, "HTTP/1.1 200 ", CHUNK);
	answers("no memory on the way, 1.0", OLD, 3, 1, ECONNRESET, "HTTP/1.1 200 ", LINE);
	answers("no memory at the end, 1.0", OLD, 3, 2, ECONNRESET, "HTTP/1.1 200 ", LINE LINE);
	status_close(&status);
	loop_close(&loop);
	return check_sum();
}
