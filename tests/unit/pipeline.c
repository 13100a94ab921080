/* Cases for pipeline.c: which questions are answered, asked again and given up when a server ends connections as it likes. */
#include "base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "sys.h"
#include "../../pipeline.c"

#define MOST 16

/* How the server behaves. It answers the question /N with /N. */
struct manner {
	unsigned per;   /* answers over one connection; 0: as many as are asked for; */
	bool rude;      /* then it ends without a word, not with Connection: close in the last one */
	unsigned breaks, silences; /* bits: in the middle of the answers to these it ends; or before them */
	int denies;     /* this one is answered with 403; -1: none is */
};

static struct manner manner;
static int listener, halt[2];
static unsigned connections;
static struct source source;
static struct http_url url = { .host = "127.0.0.1" };

/* Sends one answer. False: the connection ends. */
static bool server_answer(int fd, unsigned number, unsigned served)
{
	char answer[200], body[16];
	bool last = manner.per && served + 1 == manner.per;
	int len, status = (int)number == manner.denies ? 403 : 200;

	snprintf(body, sizeof body, "/%u", number);
	len = snprintf(answer, sizeof answer, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
	               last && !manner.rude ? "Connection: close\r\n" : "", body);
	if (manner.silences >> number & 1)
		return false;
	if (manner.breaks >> number & 1)
		len--;
	return send(fd, answer, (size_t)len, MSG_NOSIGNAL) == len && !(manner.breaks >> number & 1) && !last;
}

static void server_serve(int fd)
{
	struct pollfd polls[2] = { { .fd = fd, .events = POLLIN }, { .fd = halt[0], .events = POLLIN } };
	char bytes[65536];
	size_t len = 0;
	ssize_t n = 1;
	unsigned served = 0;

	while (n > 0) {
		char *end;

		bytes[len] = '\0';
		while ((end = strstr(bytes, "\r\n\r\n"))) {
			if (!server_answer(fd, (unsigned)strtoul(bytes + 5, NULL, 10), served++))
				return;
			len -= (size_t)(end + 4 - bytes);
			memmove(bytes, end + 4, len + 1);
		}
		if (poll(polls, 2, -1) <= 0 || polls[1].revents)
			return;
		n = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
}

static void *server_run(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		char rest[65536];

		connections++;
		server_serve(fd);
		shutdown(fd, SHUT_WR);
		while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) /* unread questions would make it a reset */
			;
		close(fd);
	}
	return NULL;
}

/* The questions: what became of them, in `story`. */

struct questions {
	struct pipeline_batch pipe;
	struct pipeline *pipeline;
	struct buf story;
};

static void questions_ask(struct pipeline_batch *pipe, struct buf *out)
{
	for (size_t at = pipe->done; at < pipe->asked; at++)
		buf_printf(out, "GET /%zu HTTP/1.1\r\nHost: h\r\n\r\n", at);
}

static const char *questions_take(struct pipeline_batch *pipe)
{
	struct questions *questions = (struct questions *)pipe;
	const struct http_response *response = &questions->pipeline->http.response;
	char want[16];

	snprintf(want, sizeof want, "/%zu", pipe->done);
	check(strcmp(response->body.data, want) == 0, "the answer to another question", want);
	if (response->status == 403)
		return "denied";
	buf_printf(&questions->story, " %zu", pipe->done++);
	return NULL;
}

static void questions_fail(struct pipeline_batch *pipe, const char *why)
{
	(void)why;
	buf_printf(&((struct questions *)pipe)->story, " !%zu", pipe->done++);
}

static void tell(struct pipeline *pipeline, size_t count, const char *want, const char *what)
{
	struct questions questions = {
		.pipe = { .count = count, .ask = questions_ask, .take = questions_take, .fail = questions_fail }, .pipeline = pipeline
	};
	bool lost;
	const char *why = pipeline_run(pipeline, &questions.pipe, &lost);

	if (why)
		buf_printf(&questions.story, lost ? " lost" : " %s", why);
	check(questions.story.len && strcmp(questions.story.data + 1, want) == 0, what,
	      questions.story.len ? questions.story.data : "nothing");
	buf_free(&questions.story);
}

/* Over connections of its own. */
static void tell_anew(struct manner how, size_t count, const char *want, size_t depth, unsigned made, const char *what)
{
	struct pipeline pipeline = { .source = &source, .url = &url, .most = MOST };

	manner = how;
	connections = 0;
	pipeline_open(&pipeline, 1000);
	tell(&pipeline, count, want, what);
	check(pipeline.depth == depth, "questions together", what);
	check(connections == made, "connections", what);
	if (!how.denies)
		check(pipeline.received, "bytes", what);
	pipeline_free(&pipeline);
}

static void run_cases(void)
{
	static const char all[] = "0 1 2 3 4 5 6 7";

	tell_anew((struct manner){ .denies = -1 }, 8, all, MOST, 1, "all answers come");
	tell_anew((struct manner){ .denies = -1 }, 20, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", MOST, 1, "in two goes");
	tell_anew((struct manner){ .per = 3, .denies = -1 }, 8, all, 3, 3, "three answers to a connection");
	tell_anew((struct manner){ .per = 3, .rude = true, .denies = -1 }, 8, all, 3, 3, "the same, without a word");
	tell_anew((struct manner){ .per = 1, .rude = true, .denies = -1 }, 3, "0 1 2", 1, 3, "one answer to a connection");
	tell_anew((struct manner){ .breaks = 1 << 3, .denies = -1 }, 8, "0 1 2 !3 4 5 6 7", MOST, 2, "one answer breaks off");
	tell_anew((struct manner){ .breaks = 1 << 3 | 1 << 5, .denies = -1 }, 8, "0 1 2 !3 4 !5 6 7", MOST, 3, "two do, with one between");
	tell_anew((struct manner){ .breaks = 1 << 3 | 1 << 4, .denies = -1 }, 8, "0 1 2 !3 !4 lost", MOST, 2, "two in a row");
	tell_anew((struct manner){ .breaks = 3, .denies = -1 }, 8, "!0 !1 lost", MOST, 2, "the first two");
	tell_anew((struct manner){ .silences = 1 << 3, .denies = -1 }, 6, "0 1 2 !3 4 5", 1, 4, "one ends the connection each time");
	tell_anew((struct manner){ .denies = 2 }, 8, "0 1 denied", MOST, 1, "one is denied, and so are all");
}

/* The server ends a connection that is kept: nobody is to blame. */
static void kept_cases(void)
{
	struct pipeline pipeline = { .source = &source, .url = &url, .most = MOST };

	manner = (struct manner){ .per = 3, .rude = true, .denies = -1 };
	pipeline_open(&pipeline, 1000);
	tell(&pipeline, 3, "0 1 2", "as many as it answers");
	check(pipeline.http.fd >= 0, "it seems to be kept", "the connection");
	manner.breaks = 1;
	tell(&pipeline, 2, "!0 1", "the first of the next ones breaks off");
	manner = (struct manner){ .per = 1, .rude = true, .denies = -1 };
	pipeline_close(&pipeline);
	tell(&pipeline, 1, "0", "one");
	tell(&pipeline, 1, "0", "and one more, of which nobody is to blame that the first was the last");
	pipeline_free(&pipeline);
}

static void stop_cases(void)
{
	struct pipeline pipeline = { .source = &source, .url = &url, .most = MOST };

	manner = (struct manner){ .denies = -1 };
	pipeline_open(&pipeline, 1000);
	check(write(source.cancel[1], "", 1) == 1, "a stop", "");
	tell(&pipeline, 4, "stopped", "nothing is asked after the stop");
	pipeline_free(&pipeline);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	pthread_t thread;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 16) || pipe(source.cancel) || pipe(halt) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) || pthread_create(&thread, NULL, server_run, NULL))
		return 1;
	url.port = ntohs(address.sin_port);
	run_cases();
	kept_cases();
	stop_cases();
	check(write(halt[1], "", 1) == 1, "the end", "");
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	return check_sum();
}
