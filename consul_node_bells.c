#include "base.h"
#include "consul_node_bells.h"

#include <string.h>

#include "http.h"
#include "log.h"
#include "longpoll.h"
#include "sys.h"
#include "text.h"

#define BURST (4 << 20)  /* bytes of lists that bring nothing, before the next question has to wait */
#define RATE 100         /* bytes each millisecond from then on; */
#define REST_MOST 7000   /* but so long at most */
#define OFF_MS 300000    /* after one has failed; */
#define BACK_MS 10000    /* after one has told of other data: it has not failed, but another server may be behind; */
#define OUTAGE_MS 5000   /* but if all of Consul did, so soon afterwards, that was why */
#define OPEN_MOST 8      /* new connections between two looks at the other bells: each may take a while */
#define AGAIN_MS 500     /* before another look at a list that another server's readings may not yet say; */
#define AGAIN_MOST 7     /* doubled each time, so often */

void consul_node_bells_close(struct consul_node_bells *bells)
{
	for (size_t i = 0; i < bells->nodes->count; i++)
		consul_node_unbell(&bells->nodes->items[i]);
	bells->waste = (struct pace_bytes){ .burst = BURST, .rate = RATE, .left = BURST, .at = sys_now() };
}

void consul_node_bells_outage(struct consul_node_bells *bells)
{
	consul_node_bells_close(bells);
	if (bells->off_until > sys_now() + OFF_MS - OUTAGE_MS)
		bells->off_until = 0;
}

/* For what they would have said; another bell does not explain it. */
static void sweep_instead(struct consul_node_bells *bells)
{
	consul_sweep_ring(bells->sweep, bells->catalog, CONSUL_RING_PLAIN, sys_now());
	bells->sweep->fresh = false;
}

static const char index_lower[] = "an answer with a lower index";

static void bells_off(struct consul_node_bells *bells, const struct consul_node *node, const char *why)
{
	if (source_stopping(bells->source))
		return;
	log_debug("consul: the services of node %s: %s; changes are looked for in sweeps", node->name, why);
	consul_node_bells_close(bells);
	bells->off_until = sys_now() + (why == index_lower ? BACK_MS : OFF_MS);
	bells->api->code = 0;
	bells->api->pause = 0;
	sweep_instead(bells);
}

/* Each is one more connection and question, for good: of few names, a sweep now and then costs less. */
static bool few_nodes(const struct consul_node_bells *bells)
{
	size_t nodes = bells->nodes->count, names = bells->catalog->count;

	return nodes <= CONSUL_NODE_BELLS && nodes < names && (bells->sweep->many || nodes * 2 <= names);
}

static bool bells_wanted(const struct consul_node_bells *bells)
{
	return bells->sweep->complete && sys_now() >= bells->off_until && consul_nodes_serve(bells->nodes, sys_now()) &&
	       few_nodes(bells);
}

static bool all_listed(const struct consul_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].index <= 0)
			return false;
	return true;
}

bool consul_node_bells_all(const struct consul_node_bells *bells)
{
	return bells_wanted(bells) && all_listed(bells->nodes);
}

static bool all_open(const struct consul_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (!nodes->items[i].bell)
			return false;
	return true;
}

static bool any_open(const struct consul_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].bell)
			return true;
	return false;
}

/* They are no longer wanted. The names may have rung for what one of them has yet to say. */
static void bells_end(struct consul_node_bells *bells)
{
	bool any = any_open(bells->nodes);

	consul_node_bells_close(bells);
	if (any)
		sweep_instead(bells);
}

/* Questions. */

static void node_bell_open(const struct consul_node_bells *bells, struct consul_node *node)
{
	node->bell = sys_alloc(sizeof *node->bell);
	longpoll_open(node->bell, "X-Consul-Index", bells->api->settings->wait, CONSUL_API_BODY_MAX);
	consul_api_connects(bells->api, &node->bell->http);
	node->bell->index = node->index;
}

static const char *node_bell_ask(struct consul_node_bells *bells, struct consul_node *node)
{
	struct buf out = { 0 };
	const char *why;

	consul_api_node(bells->api, node->name);
	longpoll_query(node->bell, &bells->api->path, sys_now());
	consul_api_finish(bells->api, &out);
	why = longpoll_send(node->bell, &bells->api->url, &out, bells->source->cancel[0]);
	buf_free(&out);
	return why;
}

/* Its question, if it is to be asked. *connects: so many new connections are still allowed. */
static const char *node_bell_turn(struct consul_node_bells *bells, struct consul_node *node, bool open, unsigned *connects)
{
	bool due = node->bell ? !node->bell->asked && sys_now() >= longpoll_at(node->bell) : open;

	if (!due || (!(node->bell && node->bell->http.fd >= 0) && !(*connects && (*connects)--)))
		return NULL;
	if (!node->bell)
		node_bell_open(bells, node);
	return node_bell_ask(bells, node);
}

void consul_node_bells_ask(struct consul_node_bells *bells)
{
	bool open = all_listed(bells->nodes);
	unsigned connects = OPEN_MOST;

	if (!bells_wanted(bells)) {
		bells_end(bells);
		return;
	}
	for (size_t i = 0; i < bells->nodes->count; i++) {
		struct consul_node *node = &bells->nodes->items[i];
		const char *why = node_bell_turn(bells, node, open, &connects);

		if (!why)
			continue;
		bells_off(bells, node, why);
		return;
	}
}

/* Answers. */

size_t consul_node_bells_polls(const struct consul_node_bells *bells, struct pollfd polls[CONSUL_NODE_BELLS])
{
	size_t count = 0;

	for (size_t i = 0; i < bells->nodes->count; i++)
		if (bells->nodes->items[i].bell)
			polls[count++] = (struct pollfd){ .fd = longpoll_fd(bells->nodes->items[i].bell), .events = POLLIN };
	return count;
}

int64_t consul_node_bells_at(const struct consul_node_bells *bells)
{
	int64_t at = INT64_MAX;

	if (consul_node_bells_all(bells) && !all_open(bells->nodes))
		return sys_now();
	for (size_t i = 0; i < bells->nodes->count; i++)
		if (bells->nodes->items[i].bell && longpoll_at(bells->nodes->items[i].bell) < at)
			at = longpoll_at(bells->nodes->items[i].bell);
	return at;
}

/* How long it rests: one that brings something does not. */
static int64_t node_bell_rest(struct consul_node_bells *bells, size_t bytes, bool differs)
{
	int64_t debt;

	if (differs)
		return 0;
	pace_spend(&bells->waste, bytes, sys_now());
	debt = pace_debt(&bells->waste, sys_now());
	return debt < REST_MOST ? debt : REST_MOST;
}

/* Under `stale`, what is read by name may come from a server that knows less than the one that gave this list. Such a
 * list is asked for again until it does not differ; not for ever, as something may always differ. */
static void node_bell_check(const struct consul_node_bells *bells, struct consul_node *node, bool differs)
{
	if (!differs || node->looks == AGAIN_MOST || strcmp(bells->api->settings->consistency, "stale") != 0) {
		node->looks = 0;
		return;
	}
	node->bell->again = true;
	node->bell->next_at = sys_now() + (AGAIN_MS << node->looks++);
}

/* A node that Consul does not know has left, or come, this moment: the list of nodes tells, or it is there again. */
static const char *node_bell_take(struct consul_node_bells *bells, struct consul_node *node, bool *differs)
{
	struct longpoll *bell = node->bell;
	const struct http_response *response = &bell->http.response;
	const char *why = consul_api_judge(bells->api, response);
	struct slice answer = { response->body.data ? response->body.data : "", response->body.len };
	enum longpoll_news news;

	if (!why && consul_api_filtered(response))
		why = consul_api_hidden;
	if (!why)
		why = consul_nodes_compare(bells->nodes, bells->catalog, node, answer, differs);
	if (why == consul_nodes_unknown) {
		consul_node_unbell(node);
		node->alone = true;
		consul_sweep_new_node(bells->sweep, sys_now());
		return NULL;
	}
	if (why)
		return why;
	if (answer.len > CONSUL_NODES_LIST)
		return "its list has become too long";
	news = longpoll_take(bell, sys_now(), node_bell_rest(bells, response->size, *differs));
	if (news >= LONGPOLL_BACK)
		return news == LONGPOLL_BACK ? index_lower : "an answer without an index";
	node_bell_check(bells, node, *differs);
	buf_free(&bell->http.response.body); /* there are many of them, and they seldom have something to say */
	buf_free(&bell->http.ahead);
	return NULL;
}

bool consul_node_bells_hear(struct consul_node_bells *bells, const struct pollfd *polls)
{
	bool found = false;

	for (size_t i = 0; i < bells->nodes->count; i++) {
		struct consul_node *node = &bells->nodes->items[i];
		struct longpoll *bell = node->bell;
		const char *why = NULL;
		bool differs = false, rang = bell && polls++->revents;

		if (!bell || !bell->asked || (!rang && sys_now() < longpoll_at(bell)))
			continue;
		why = longpoll_receive(bell);
		if (!why && bell->http.response.done)
			why = node_bell_take(bells, node, &differs);
		found = found || differs;
		if (!why)
			continue;
		bells_off(bells, node, why);
		return found;
	}
	return found;
}
