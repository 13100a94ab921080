#include "base.h"
#include "longpoll.h"

#include <string.h>

#include "sys.h"

#define SEND_MS 5000   /* to connect and to send a question */
#define ANSWER_MS 10000 /* for an answer, on top of the wait that was asked for */
#define EARLY_MS 500   /* an answer that comes sooner has not waited */
#define PAUSE_MS 1000  /* before the next question to a server that does not wait */
#define BACK_MS 100    /* before the first question to a server that has restarted */

void longpoll_open(struct longpoll *query, const char *index_header, int64_t wait, size_t max_body)
{
	*query = (struct longpoll){ .index_header = index_header, .wait = wait };
	http_open(&query->http, max_body);
}

void longpoll_close(struct longpoll *query)
{
	http_close(&query->http);
}

void longpoll_free(struct longpoll *query)
{
	http_free(&query->http);
}

void longpoll_restart(struct longpoll *query)
{
	query->index = query->next_at = 0;
	query->asked = false;
}

void longpoll_query(struct longpoll *query, struct buf *path, int64_t now)
{
	/* Up to a tenth less, at random: many clients must not come back at the same moment. */
	int64_t wait = query->wait - sys_random() % (uint32_t)(query->wait / 10 + 1);

	query->asked_at = now;
	query->deadline = now + ANSWER_MS;
	if (!query->index)
		return;
	query->deadline += wait + wait / 16; /* servers add up to a sixteenth of their own */
	buf_printf(path, "%cindex=%lld&wait=%lldms", memchr(path->data, '?', path->len) ? '&' : '?', (long long)query->index,
	           (long long)wait);
}

const char *longpoll_send(struct longpoll *query, const struct http_url *url, const struct buf *request, int cancel_fd)
{
	int64_t deadline = query->asked_at + SEND_MS;
	const char *why = NULL;

	if (query->http.fd < 0)
		why = http_connect(&query->http, url, cancel_fd, deadline);
	if (!why)
		why = http_send(&query->http, request, cancel_fd, deadline);
	query->asked = !why;
	return why;
}

const char *longpoll_receive(struct longpoll *query)
{
	const char *why = http_receive(&query->http);

	if (!why && !query->http.response.done && sys_now() >= query->deadline)
		why = "no complete answer in time";
	return why;
}

/* 0: there is none; -1: it is not a number. */
static int64_t index_of(struct slice text)
{
	int64_t index = 0;

	for (size_t i = 0; i < text.len && index >= 0; i++) {
		int digit = text.at[i] - '0';

		index = digit < 0 || digit > 9 || index > (INT64_MAX / 2 - 9) / 10 ? -1 : index * 10 + digit;
	}
	return index;
}

/* Never ask with index 0: the server would not wait, and the two would talk without a pause. */
static enum longpoll_news judge_index(struct longpoll *query, int64_t index, int64_t now)
{
	if (index <= 0) {
		query->index = 0;
		query->next_at = now + PAUSE_MS;
		return LONGPOLL_LOST;
	}
	if (index < query->index) {
		query->index = 0;
		query->next_at = now + BACK_MS;
		return LONGPOLL_BACK;
	}
	if (index == query->index) {
		if (now - query->asked_at < EARLY_MS)
			query->next_at = now + PAUSE_MS;
		return LONGPOLL_SAME;
	}
	query->index = index;
	return LONGPOLL_MOVED;
}

enum longpoll_news longpoll_take(struct longpoll *query, int64_t now, int64_t pause)
{
	enum longpoll_news news;

	query->asked = false;
	query->next_at = now + pause;
	news = judge_index(query, index_of(http_header(&query->http.response, query->index_header)), now);
	if (query->http.response.last)
		http_close(&query->http);
	else
		http_next(&query->http);
	return news;
}

int longpoll_fd(const struct longpoll *query)
{
	return query->asked ? query->http.fd : -1;
}

int64_t longpoll_at(const struct longpoll *query)
{
	return query->asked ? query->deadline : query->next_at;
}

bool longpoll_answered(const struct longpoll *query)
{
	return query->index || !query->asked;
}
