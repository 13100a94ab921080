/* Cases for http.c and servers that never come to an end, as fast as their client reads: each call ends after so much work,
 * whatever they send. Time is counted in reads, so that nothing depends on the machine. */
#include "base.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "sys.h"

static int64_t now;     /* moves on by one with each read */
static size_t given;    /* bytes, so far */
static int64_t stop_at; /* when the cancel descriptor becomes readable */
static const char *first, *again; /* what the server sends, once and without end */

#define TOO_MUCH (64u << 20) /* bytes of a call that does not end by itself: the server gives up */
#define DEADLINE 100         /* reads */
#define AT_ONCE 64           /* reads, from one look at the time to the next */

static int64_t test_now(void)
{
	return now;
}

static int test_poll(struct pollfd *polls, unsigned long count, int wait)
{
	(void)wait;
	polls[0].revents = POLLIN;
	if (count > 1)
		polls[1].revents = now >= stop_at ? POLLIN : 0;
	return 1;
}

static ssize_t test_recv(int fd, char *to, size_t size, int flags)
{
	size_t head = strlen(first), more = strlen(again);

	(void)fd;
	(void)flags;
	if (given > TOO_MUCH)
		return 0;
	for (size_t i = 0; i < size; i++, given++)
		to[i] = given < head ? first[given] : again[(given - head) % more];
	now++;
	return (ssize_t)size;
}

#define sys_now test_now
#define poll test_poll
#define recv test_recv
#include "../../http.c"

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *what, *first, *again, *why;
} streams[] = {
	{ "the size of a chunk", CHUNKED, "0", "wrong chunk size" },
	{ "blanks behind it", CHUNKED "5", " ", "chunk extensions too large" },
	{ "an extension", CHUNKED "5;", "x", "chunk extensions too large" },
	{ "its line's end", CHUNKED "5", "\r", "chunk extensions too large" },
	{ "a chunk's end", CHUNKED "1\r\nx", "\r", "chunk extensions too large" },
	{ "an extension of each chunk", CHUNKED, "1;" X50 "\r\nx\r\n", "chunk extensions too large" },
	{ "trailers", CHUNKED "0\r\n", "A: b\r\n", "trailers too large" },
	{ "one trailer", CHUNKED "0\r\nA: ", "b", "trailers too large" },
	{ "no trailer", CHUNKED "0\r\n", "\r", "trailers too large" },
	{ "interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n", "too many interim answers" },
	{ "interim answers, large", "", "HTTP/1.1 103 Hints\r\nX: " X50 X50 X50 X50 "\r\n\r\n", "too many interim answers" },
	{ "headers", OK, "X: y\r\n", "headers too large" },
	{ "one header", OK "X: ", "y", "headers too large" },
	{ "blank lines", "", "\r\n", "not an HTTP answer" },
	{ "line ends", "", "\r", "headers too large" },
	{ "a status", "HTTP/1.1 200 ", "O", "headers too large" },
	/* Good, but without an end. */
	{ "a body to the end of the connection", OK "\r\n", "x", NULL },
	{ "a body", OK "Content-Length: 999999999999999\r\n\r\n", "x", NULL },
	{ "a chunk", CHUNKED "fffffffffff\r\n", "x", NULL },
	{ "small chunks", CHUNKED, "1\r\nx\r\n", NULL },
	{ "chunks with blanks behind their size, as old servers have them", CHUNKED, "2     \r\nxy\r\n", NULL },
};

static void run(size_t at, int64_t stop, const char *by_time)
{
	const char *want = streams[at].why ? streams[at].why : by_time, *why;
	struct http http;
	size_t memory;

	now = 0;
	given = 0;
	stop_at = stop;
	first = streams[at].first;
	again = streams[at].again;
	http_open(&http, (size_t)1 << 50);
	http.fd = 0;
	why = http_wait(&http, 1, DEADLINE);
	check(given <= TOO_MUCH && now <= DEADLINE + AT_ONCE, "it ends", streams[at].what);
	check(why && strcmp(why, want) == 0, why ? why : "taken as whole", streams[at].what);
	memory = http.response.head.cap + http.response.body.cap + http.ahead.cap;
	check(memory <= 5 * AT_ONCE * READ_SIZE, "memory", streams[at].what);
	http.fd = -1;
	http_free(&http);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		run(i, INT64_MAX, "timed out");
		run(i, 5, "stopped");
	}
	return check_sum();
}
