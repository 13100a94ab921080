/* A server on loopback that keeps connections: it answers one request after the other, by a list, and keeps what it was
 * asked. */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include "base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"

#define DIALOGUE_MAX 32

struct dialogue {
	int fd, stop[2];
	uint16_t port;
	pthread_t thread;
	const char *answers[DIALOGUE_MAX]; /* "": the connection ends without one; ends with "Connection: close" in it, too */
	size_t count;
	struct buf requests[DIALOGUE_MAX]; /* as they came */
	size_t connection[DIALOGUE_MAX];   /* by which one each came */
	size_t asked, connections;
};

/* Something can be read; false: the test is over, or nothing came for 20 seconds. */
static inline bool dialogue_wait(struct dialogue *dialogue, int fd)
{
	struct pollfd polls[2] = { { .fd = fd, .events = POLLIN }, { .fd = dialogue->stop[0], .events = POLLIN } };

	return poll(polls, 2, 20000) > 0 && !polls[1].revents;
}

static inline bool dialogue_whole(const struct buf *request)
{
	const char *end = request->len ? strstr(request->data, "\r\n\r\n") : NULL, *length;

	if (!end)
		return false;
	length = strcasestr(request->data, "\r\nContent-Length:");
	return request->len >= (size_t)(end + 4 - request->data) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static inline bool dialogue_read(struct dialogue *dialogue, int fd, struct buf *request)
{
	while (!dialogue_whole(request)) {
		char *to = buf_room(request, 65536);
		ssize_t n = dialogue_wait(dialogue, fd) ? recv(fd, to, 65536, 0) : 0;

		if (n <= 0)
			return false;
		request->len += (size_t)n;
		request->data[request->len] = '\0';
	}
	return true;
}

static inline void dialogue_serve(struct dialogue *dialogue, int fd)
{
	while (dialogue->asked < dialogue->count && dialogue_read(dialogue, fd, &dialogue->requests[dialogue->asked])) {
		const char *answer = dialogue->answers[dialogue->asked];

		dialogue->connection[dialogue->asked++] = dialogue->connections;
		if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) <= 0 || strstr(answer, "Connection: close"))
			return;
	}
}

static inline void *dialogue_run(void *arg)
{
	struct dialogue *dialogue = arg;

	while (dialogue->asked < dialogue->count && dialogue_wait(dialogue, dialogue->fd)) {
		int fd = accept(dialogue->fd, NULL, NULL);

		dialogue->connections++;
		dialogue_serve(dialogue, fd);
		close(fd);
	}
	return NULL;
}

static inline void dialogue_start(struct dialogue *dialogue, const char *const *answers, size_t count)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;

	memset(dialogue, 0, sizeof *dialogue);
	for (size_t i = 0; i < count; i++)
		dialogue->answers[i] = answers[i];
	dialogue->count = count;
	dialogue->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (dialogue->fd < 0 || bind(dialogue->fd, (struct sockaddr *)&addr, len) || listen(dialogue->fd, 16) || pipe(dialogue->stop) ||
	    getsockname(dialogue->fd, (struct sockaddr *)&addr, &len) || pthread_create(&dialogue->thread, NULL, dialogue_run, dialogue))
		abort();
	dialogue->port = ntohs(addr.sin_port);
}

/* What was asked can be looked at then. */
static inline void dialogue_stop(struct dialogue *dialogue)
{
	if (write(dialogue->stop[1], "", 1) != 1 || pthread_join(dialogue->thread, NULL))
		abort();
	close(dialogue->fd);
	close(dialogue->stop[0]);
	close(dialogue->stop[1]);
}

static inline void dialogue_free(struct dialogue *dialogue)
{
	for (size_t i = 0; i < DIALOGUE_MAX; i++)
		buf_free(&dialogue->requests[i]);
}

#endif
