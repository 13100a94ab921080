/* Cases for longpoll.c without a network: what an index says, when the next question comes, and what it asks for. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "../../longpoll.c"

#define NOW 1000000
#define WAIT 300000

/* A query whose answer, `took` milliseconds after the question, has arrived whole. */
static struct longpoll answered(int64_t index, int64_t took, const char *headers)
{
	struct longpoll query;
	struct buf text = { 0 };
	size_t used;

	longpoll_open(&query, "X-Index", WAIT, 1000);
	query.index = index;
	query.asked = true;
	query.asked_at = NOW - took;
	query.waits = index ? WAIT : 0;
	buf_printf(&text, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\n{}", headers);
	check(!http_parse(&query.http.response, text.data, text.len, &used) && query.http.response.done, "an answer",
	      headers);
	buf_free(&text);
	return query;
}

static const struct {
	const char *text;
	int64_t index;
} indexes[] = {
	{ "1", 1 }, { "9", 9 }, { "10", 10 }, { "007", 7 }, { "4294967296", 4294967296 },
	{ "461168601842738799", 461168601842738799 }, { "4611686018427387899", 4611686018427387899 },
	{ "", 0 }, { "0", 0 }, { "000", 0 }, { "-1", -1 }, { "+1", -1 }, { "1.5", -1 }, { "1e3", -1 },
	{ "5 6", -1 }, { "5x", -1 }, { "x5", -1 }, { "0x10", -1 }, { "none", -1 },
	{ "4611686018427387910", -1 }, { "18446744073709551617", -1 }, { "99999999999999999999999999999999", -1 },
};

static void index_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
		check(index_of(slice_of(indexes[i].text)) == indexes[i].index, "the number", indexes[i].text);
	check(index_of((struct slice){ NULL, 0 }) == 0, "the number", "without the header");
}

/* How the next question looks after an answer. */
static const struct {
	const char *what, *headers;
	int64_t before, took; /* the index that was asked with, and how long the answer took */
	enum longpoll_news news;
	int64_t index, rest; /* the next question's, and how long it must wait beside the user's 7 ms */
} answers[] = {
	{ "the first", "X-Index: 5\r\n", 0, 3, LONGPOLL_MOVED, 5, 7 },
	{ "a change", "X-Index: 6\r\n", 5, 3, LONGPOLL_MOVED, 6, 7 },
	{ "any case", "x-iNDEX: 6\r\n", 5, 3, LONGPOLL_MOVED, 6, 7 },
	{ "a late change", "X-Index: 6\r\n", 5, 200000, LONGPOLL_MOVED, 6, 7 },
	{ "no change after the whole wait", "X-Index: 5\r\n", 5, 300000, LONGPOLL_SAME, 5, 7 },
	{ "no change, and the wait was rounded", "X-Index: 5\r\n", 5, 299950, LONGPOLL_SAME, 5, 7 },
	{ "back", "X-Index: 4\r\n", 5, 200000, LONGPOLL_BACK, 0, 100 },
	{ "back at once", "X-Index: 1\r\n", 5, 0, LONGPOLL_BACK, 0, 100 },
	{ "0", "X-Index: 0\r\n", 5, 200000, LONGPOLL_LOST, 0, 1000 },
	{ "0 at first", "X-Index: 0\r\n", 0, 0, LONGPOLL_LOST, 0, 1000 },
	{ "missing", "", 5, 200000, LONGPOLL_LOST, 0, 1000 },
	{ "missing at first", "", 0, 0, LONGPOLL_LOST, 0, 1000 },
	{ "another header", "X-Indexes: 6\r\n", 5, 3, LONGPOLL_LOST, 0, 1000 },
	{ "negative", "X-Index: -6\r\n", 5, 3, LONGPOLL_LOST, 0, 1000 },
	{ "not a number", "X-Index: six\r\n", 5, 3, LONGPOLL_LOST, 0, 1000 },
	{ "too large", "X-Index: 99999999999999999999\r\n", 5, 3, LONGPOLL_LOST, 0, 1000 },
};

static void answer_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct longpoll query = answered(answers[i].before, answers[i].took, answers[i].headers);

		check(longpoll_take(&query, NOW, 7) == answers[i].news, "the news", answers[i].what);
		check(query.index == answers[i].index, "the next index", answers[i].what);
		check(!query.asked && longpoll_at(&query) == NOW + answers[i].rest, "the next question", answers[i].what);
		check(longpoll_fd(&query) == -1, "nothing to wait on", answers[i].what);
		check(longpoll_answered(&query), "answered", answers[i].what);
		check(!query.http.response.done && !query.http.response.body.len, "room for the next answer", answers[i].what);
		longpoll_free(&query);
	}
}

/* A server that answers before the wait is over, and with the same index, may have other data than before. */
static void early_cases(void)
{
	static const int64_t rests[] = { 100, 200, 400, 800, 1600, 1600 };
	struct longpoll query = answered(5, 0, "X-Index: 5\r\n");
	struct buf path = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		query.asked = true;
		query.waits = WAIT;
		query.asked_at = NOW - 499;
		if (i)
			buf_puts(&query.http.response.head, "HTTP/1.1 200 OK\r\nX-Index: 5\r\n");
		check(longpoll_take(&query, NOW, 7) == LONGPOLL_SAME && query.index == 5, "no change", "at once");
		check(longpoll_at(&query) == NOW + rests[i], "the pause", "grows");
		path.len = 0;
		buf_puts(&path, "/v1/x");
		longpoll_query(&query, &path, NOW);
		check(strcmp(path.data, "/v1/x") == 0 && !query.waits, "asks without index", path.data);
		buf_puts(&query.http.response.head, "HTTP/1.1 200 OK\r\nX-Index: 5\r\n");
		check(longpoll_take(&query, NOW, 7) == LONGPOLL_SAME && longpoll_at(&query) == NOW + 7, "the same", "again");
		longpoll_query(&query, &path, NOW);
		check(query.waits > 0, "and then waits", path.data);
	}
	longpoll_free(&query);
	query = answered(5, 200000, "X-Index: 5\r\n");
	longpoll_take(&query, NOW, 7);
	longpoll_query(&query, &path, NOW);
	buf_puts(&query.http.response.head, "HTTP/1.1 200 OK\r\nX-Index: 3\r\n");
	check(longpoll_take(&query, NOW, 7) == LONGPOLL_BACK, "other data", "has a lower index");
	check(query.index == 3 && longpoll_at(&query) == NOW + 7, "which is the next one's", "and does not rest");
	longpoll_free(&query);
	buf_free(&path);
}

/* Questions that end without an answer. */
static const struct {
	const char *what, *answer; /* answer NULL: the connection ends */
	int64_t waits, took;
	bool kept, cut; /* cut: as the one before */
	bool fine;      /* it is asked again */
	int64_t most;   /* the longest wait afterwards */
} cuts[] = {
	{ "a kept connection has ended", NULL, WAIT, 0, true, false, true, WAIT },
	{ "so has that of a question that does not wait", NULL, 0, 0, true, false, true, WAIT },
	{ "a new connection ends at once", NULL, WAIT, 500, false, false, false, WAIT },
	{ "a new one of a question that does not wait", NULL, 0, 5000, false, false, false, WAIT },
	{ "a gateway, or a server that stops", NULL, WAIT, 5000, false, false, true, WAIT },
	{ "a gateway", NULL, WAIT, 5000, false, true, true, 3750 },
	{ "a gateway, of a kept connection", NULL, WAIT, 60000, true, true, true, 45000 },
	{ "a gateway with little patience", NULL, WAIT, 1100, true, true, true, 1000 },
	{ "504", "504 Gateway Timeout", WAIT, 5000, false, false, true, 3750 },
	{ "504 at once", "504 Gateway Timeout", WAIT, 500, false, false, false, WAIT },
	{ "504 to a question that does not wait", "504 Gateway Timeout", 0, 5000, false, false, false, WAIT },
	{ "504 in the server's own share of the wait", "504 Gateway Timeout", 4000, 4100, false, false, true, 3075 },
	{ "504 after the whole wait", "504 Gateway Timeout", 4000, 4250, false, false, false, WAIT },
	{ "408", "408 Request Timeout", WAIT, 5000, false, true, true, 3750 },
	{ "408 that was there before", "408 Request Timeout", WAIT, 0, true, false, true, WAIT },
	{ "500 is an error", "500 Internal Server Error", WAIT, 5000, true, true, false, WAIT },
};

static void cut_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct longpoll query;
		const char *why;
		int pair[2];

		longpoll_open(&query, "X-Index", WAIT, 1000);
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "two sockets", cuts[i].what);
		query.http.fd = pair[0];
		query.index = 5;
		query.asked = true;
		query.asked_at = sys_now() - cuts[i].took;
		query.deadline = sys_now() + 10000;
		query.waits = cuts[i].waits;
		query.kept = cuts[i].kept;
		query.cut = cuts[i].cut;
		if (cuts[i].answer)
			dprintf(pair[1], "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", cuts[i].answer);
		close(pair[1]);
		why = longpoll_receive(&query);
		check((!why && !query.http.response.done) == cuts[i].fine, why ? why : "asked again", cuts[i].what);
		check(query.asked == !cuts[i].fine && (query.http.fd < 0) == cuts[i].fine, "the question", cuts[i].what);
		check(query.index == 5, "the index stays", cuts[i].what);
		/* the clock goes on meanwhile */
		check(query.most >= cuts[i].most && query.most < cuts[i].most + 3000, "the longest wait", cuts[i].what);
		longpoll_free(&query);
	}
}

static void query_cases(void)
{
	struct longpoll query;
	struct buf path = { 0 };
	int64_t least = WAIT, most = 0;

	longpoll_open(&query, "X-Index", WAIT, 1000);
	longpoll_restart(&query);
	check(longpoll_at(&query) == 0, "a question at once", "after the restart");
	buf_puts(&path, "/v1/x");
	longpoll_query(&query, &path, NOW);
	check(strcmp(path.data, "/v1/x") == 0, "the first question has no index", path.data);
	check(query.asked_at == NOW && query.deadline == NOW + 10000, "the first question does not wait", path.data);
	query.asked = true;
	check(!longpoll_answered(&query) && longpoll_at(&query) == NOW + 10000, "asked", path.data);
	query.index = 77;
	query.answered = true;
	check(longpoll_answered(&query), "answered before", path.data);
	for (int i = 0; i < 300; i++) {
		const char *want = i % 2 ? "/v1/x?index=77&wait=%lldms" : "/v1/x?filter=y&index=77&wait=%lldms";
		long long wait = 0;
		char whole[100];

		path.len = 0;
		buf_puts(&path, i % 2 ? "/v1/x" : "/v1/x?filter=y");
		longpoll_query(&query, &path, NOW);
		sscanf(path.data, want, &wait);
		snprintf(whole, sizeof whole, want, wait);
		check(strcmp(path.data, whole) == 0, "the question", path.data);
		check(wait >= WAIT - WAIT / 10 && wait <= WAIT, "the wait", path.data);
		check(query.deadline == NOW + wait + wait / 16 + 10000, "the deadline", path.data);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	check(least < WAIT - WAIT / 11 && most > WAIT - WAIT / 100, "the jitter", "is a tenth");
	longpoll_restart(&query);
	check(!query.index && !query.asked && longpoll_at(&query) == 0, "nothing is left", "after a restart");
	longpoll_free(&query);
	buf_free(&path);
}

int main(void)
{
	index_cases();
	answer_cases();
	early_cases();
	cut_cases();
	query_cases();
	return check_sum();
}
