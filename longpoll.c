#include "base.h"
#include "longpoll.h"

#include <string.h>

#include "sys.h"

#define SEND_MS 5000   /* to connect and to send a question */
#define ANSWER_MS 10000 /* for an answer, on top of the wait that was asked for */
#define EARLY_MS 500   /* an answer that comes sooner has not waited */
#define PAUSE_MS 1000  /* before the next question to a server that gives no index */
#define BACK_MS 100    /* before the first question to a server whose data has changed; doubled while it does not wait */
#define EARLY_MAX 4    /* so many times */
#define ROUNDING_MS 50 /* a wait that was shorter by less was the whole one */
#define CUT_MS 1000    /* what lets questions wait for less is no gateway, but broken */

void longpoll_open(struct longpoll *query, const char *index_header, int64_t wait, size_t max_body)
{
	*query = (struct longpoll){ .index_header = index_header, .wait = wait, .most = wait };
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
	query->asked = query->again = query->cut = query->answered = false;
	query->most = query->wait;
}

void longpoll_query(struct longpoll *query, struct buf *path, int64_t now)
{
	/* Up to a tenth less, at random: many clients must not come back at the same moment. */
	int64_t wait = query->most - sys_random() % (uint32_t)(query->most / 10 + 1);

	query->asked_at = now;
	query->deadline = now + ANSWER_MS;
	query->waits = query->index && !query->again ? wait : 0;
	if (!query->waits)
		return;
	query->deadline += wait + wait / 16; /* servers add up to a sixteenth of their own */
	buf_printf(path, "%cindex=%lld&wait=%lldms", memchr(path->data, '?', path->len) ? '&' : '?', (long long)query->index,
	           (long long)wait);
}

const char *longpoll_send(struct longpoll *query, const struct http_url *url, const struct buf *request, int cancel_fd)
{
	int64_t deadline = query->asked_at + SEND_MS;
	const char *why = NULL;

	query->kept = query->http.fd >= 0;
	if (query->kept && http_send(&query->http, request, cancel_fd, deadline)) {
		http_close(&query->http);
		query->kept = false;
	}
	if (query->http.fd < 0) {
		why = http_connect(&query->http, url, cancel_fd, deadline);
		if (!why)
			why = http_send(&query->http, request, cancel_fd, deadline);
	}
	query->asked = !why;
	return why;
}

/* Whether a question without an answer may be asked again at once. Where a gateway ends it, that is done with a shorter
 * wait; but one connection that ends may also be a server that stops. */
static bool longpoll_excused(struct longpoll *query, bool closed, int64_t now)
{
	int64_t took = now - query->asked_at;
	bool cut = took >= CUT_MS && took < query->waits + query->waits / 16; /* the server's own share included */

	if (!cut && !(closed && query->kept))
		return false;
	if (cut && (!closed || query->cut))
		query->most = took * 3 / 4 > CUT_MS ? took * 3 / 4 : CUT_MS;
	query->cut = query->cut || cut;
	query->asked = false;
	query->next_at = 0;
	http_close(&query->http);
	return true;
}

const char *longpoll_receive(struct longpoll *query)
{
	const struct http_response *response = &query->http.response;
	const char *why = http_receive(&query->http);
	int64_t now = sys_now();

	/* 408 may have come before the question: its sender no longer wants the connection. */
	if (why ? http_silent(&query->http) : response->done && (response->status == 504 || response->status == 408))
		return longpoll_excused(query, why || response->status == 408, now) ? NULL : why;
	if (!why && !response->done && now >= longpoll_at(query))
		why = "no complete answer in time";
	return why;
}

static int64_t index_of(struct slice text)
{
	int64_t index = 0;

	for (size_t i = 0; i < text.len && index >= 0; i++) {
		int digit = text.at[i] - '0';

		index = digit < 0 || digit > 9 || index > (INT64_MAX / 2 - 9) / 10 ? -1 : index * 10 + digit;
	}
	return index;
}

int64_t longpoll_index(const struct http_response *response, const char *header)
{
	return index_of(http_header(response, header));
}

static void rest_until(struct longpoll *query, int64_t at)
{
	if (query->next_at < at)
		query->next_at = at;
}

/* A server whose data was replaced (consul snapshot restore) answers all that wait with the old index, which would then
 * wait in vain: its new ones are lower. */
static void judge_early(struct longpoll *query, int64_t now)
{
	bool at_once = now - query->asked_at < EARLY_MS;

	if (!query->waits)
		return;
	query->again = now - query->asked_at + ROUNDING_MS < query->waits;
	if (query->again)
		rest_until(query, now + (BACK_MS << query->early));
	query->early = !at_once ? 0 : query->early < EARLY_MAX ? query->early + 1 : EARLY_MAX;
}

/* Never ask with index 0: the server would not wait, and the two would talk without a pause. */
static enum longpoll_news judge_index(struct longpoll *query, int64_t index, int64_t now)
{
	if (index <= 0) {
		query->index = 0;
		rest_until(query, now + PAUSE_MS);
		return LONGPOLL_LOST;
	}
	if (index == query->index) {
		judge_early(query, now);
		return LONGPOLL_SAME;
	}
	if (index < query->index) {
		if (query->waits)
			rest_until(query, now + BACK_MS);
		query->index = query->waits ? 0 : index;
		return LONGPOLL_BACK;
	}
	query->index = index;
	query->early = 0;
	return LONGPOLL_MOVED;
}

enum longpoll_news longpoll_take(struct longpoll *query, int64_t now, int64_t pause)
{
	enum longpoll_news news;

	query->asked = query->again = query->cut = false;
	query->answered = true;
	query->next_at = now + pause;
	news = judge_index(query, longpoll_index(&query->http.response, query->index_header), now);
	if (query->http.response.last)
		http_close(&query->http);
	else
		http_next(&query->http);
	return news;
}

void longpoll_put_off(struct longpoll *query, int64_t at)
{
	longpoll_close(query);
	longpoll_restart(query);
	query->next_at = at;
}

void longpoll_doubt(struct longpoll *query)
{
	longpoll_close(query);
	query->asked = query->answered = false;
	query->again = true;
	query->next_at = 0;
}

int longpoll_fd(const struct longpoll *query)
{
	return query->asked ? query->http.fd : -1;
}

int64_t longpoll_at(const struct longpoll *query)
{
	/* A large answer may take its time, but not less than a MiB a second. */
	return query->asked ? query->deadline + (int64_t)(query->http.response.size >> 10) : query->next_at;
}

bool longpoll_answered(const struct longpoll *query)
{
	return query->answered;
}
