/* A server on loopback that answers as the test has written: one connection after the other, one request on each. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"

#define SCRIPT_HANG "hang" /* as an answer: none, and the connection stays; "": it is closed */
#define SCRIPT_MAX 16

struct script {
	const char *answers[SCRIPT_MAX]; /* what follows the last is closed */
	unsigned port, asked; /* requests that came */
	struct buf requests;  /* all of them */
	int fd, stop[2];
	pthread_t thread;
};

#define SCRIPT(...) ((struct script){ .answers = { __VA_ARGS__ } })

/* Waits for bytes; false: the test is over. */
static inline bool script_wait(const struct script *script, int fd)
{
	struct pollfd polls[2] = { { .fd = fd, .events = POLLIN }, { .fd = script->stop[0], .events = POLLIN } };

	while (poll(polls, 2, -1) < 0)
		;
	return !polls[1].revents;
}

/* Head and body have come. */
static inline bool script_whole(const struct buf *request)
{
	const char *end = request->len ? strstr(request->data, "\r\n\r\n") : NULL, *length;

	if (!end)
		return false;
	length = strstr(request->data, "Content-Length: ");
	return !length || length > end || strlen(end + 4) >= (size_t)atoi(length + 16);
}

static inline void script_serve(struct script *script, int fd)
{
	const char *answer = script->asked < SCRIPT_MAX ? script->answers[script->asked] : NULL;
	struct buf request = { 0 };
	char bytes[4096];
	ssize_t n = 1;

	while (n > 0 && !script_whole(&request) && script_wait(script, fd)) {
		n = recv(fd, bytes, sizeof bytes, 0);
		buf_add(&request, bytes, n > 0 ? (size_t)n : 0);
	}
	script->asked++;
	buf_puts(&script->requests, request.len ? request.data : "");
	buf_puts(&script->requests, "\n");
	buf_free(&request);
	if (answer && strcmp(answer, SCRIPT_HANG) == 0)
		script_wait(script, fd);
	else if (answer)
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	close(fd);
}

static inline void *script_run(void *arg)
{
	struct script *script = arg;

	while (script_wait(script, script->fd)) {
		int fd = accept(script->fd, NULL, NULL);

		if (fd >= 0)
			script_serve(script, fd);
	}
	return NULL;
}

/* The answers are those that are set. */
static inline void script_start(struct script *script)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;

	script->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (script->fd < 0 || bind(script->fd, (struct sockaddr *)&address, len) || listen(script->fd, 16) ||
	    getsockname(script->fd, (struct sockaddr *)&address, &len) || pipe(script->stop) ||
	    pthread_create(&script->thread, NULL, script_run, script))
		abort();
	script->port = ntohs(address.sin_port);
}

/* Then asked and requests can be read, until script_free(). */
static inline void script_stop(struct script *script)
{
	close(script->stop[1]);
	pthread_join(script->thread, NULL);
	close(script->stop[0]);
	close(script->fd);
	buf_puts(&script->requests, "");
}

/* Points a variable at it: http://127.0.0.1:PORT and the path. */
static inline void script_name(const struct script *script, const char *variable, const char *path)
{
	char url[128];

	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", script->port, path);
	setenv(variable, url, 1);
}

#endif
