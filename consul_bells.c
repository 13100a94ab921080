#include "base.h"
#include "consul_bells.h"

#include <poll.h>
#include <string.h>

#include "answer.h"
#include "http.h"
#include "log.h"
#include "sys.h"
#include "text.h"

enum { NAMES = CONSUL_BELL_NAMES, CHECKS = CONSUL_BELL_CHECKS, NODES = CONSUL_BELL_NODES, BELLS = CONSUL_BELLS };
#define BELL_BURST (8 << 20)    /* bytes of answers that bring nothing before their bells have to wait */
#define BELL_RATE 100           /* bytes each millisecond from then on; */
#define BELL_MOST_MS 3000       /* but so long a pause at most */
#define NODES_MS 10000          /* before the nodes are asked for again when there was no good answer */
#define NODES_REFUSED_MS 300000 /* when it was refused: without the right, or by a gateway */

static void bell_path(struct consul_api *api, int which)
{
	static const char *const paths[] = { "/v1/catalog/services", "/v1/health/state/any", "/v1/catalog/nodes" };

	api->path.len = 0;
	buf_puts(&api->path, paths[which]);
	if (which == CHECKS)
		consul_api_add(api, "filter", "Status != \"passing\"");
}

static const char *bell_ask(struct consul_bells *bells, int which)
{
	struct longpoll *bell = &bells->polls[which];
	struct buf out = { 0 };
	const char *why;

	bell_path(bells->api, which);
	longpoll_query(bell, &bells->api->path, sys_now());
	consul_api_finish(bells->api, &out);
	why = longpoll_send(bell, &bells->api->url, &out, bells->source->cancel[0]);
	buf_free(&out);
	return why;
}

/* When to ask a bell, or to give up waiting for it. A token that may not see nodes must first prove to be one. */
static int64_t bell_at(const struct consul_bells *bells, int which)
{
	return which == NODES && !longpoll_answered(&bells->polls[NAMES]) ? INT64_MAX : longpoll_at(&bells->polls[which]);
}

int64_t consul_bells_at(const struct consul_bells *bells)
{
	int64_t at = INT64_MAX;

	for (int i = 0; i < BELLS; i++)
		if (bell_at(bells, i) < at)
			at = bell_at(bells, i);
	return at < consul_node_bells_at(&bells->node_bells) ? at : consul_node_bells_at(&bells->node_bells);
}

const char *consul_bells_ask(struct consul_bells *bells)
{
	const char *why = NULL;

	for (int i = 0; i < BELLS && !why; i++)
		if (!bells->polls[i].asked && sys_now() >= bell_at(bells, i))
			why = bell_ask(bells, i);
	if (!why)
		consul_node_bells_ask(&bells->node_bells);
	return why;
}

/* Every catalog lists Consul itself, so an empty one only tells that the token may not see the services. Then nothing
 * is read, the known services stay, and a source that has never seen any is not ready. But a namespace can really be
 * empty, when nothing was filtered out of the answer; and so can be what a token shows that has never shown Consul, but
 * other services. */
static enum consul_sight sight_of(const struct consul_bells *bells, const struct http_response *response)
{
	bool filtered = consul_api_filtered(response), whole = *bells->api->settings->namespace && !filtered;

	if (!bells->answers[NAMES].walk.count && !whole && !(bells->catalog->narrow && bells->seen))
		return SIGHT_NOTHING;
	return filtered ? SIGHT_SOME : SIGHT_ALL;
}

/* Whether the token sees a part of the catalog only: Consul itself is not listed because the token may not read it. */
static bool sight_is_narrow(struct consul_bells *bells)
{
	if (bells->answers[NAMES].consul)
		return false;
	return bells->catalog->narrow || *bells->api->settings->namespace || consul_reader_lacks_right(bells->reader, "consul");
}

static void sight_take(struct consul_bells *bells, enum consul_sight sight)
{
	if (sight == SIGHT_NOTHING && bells->sight != sight) {
		log_warn("consul: %s lists no services, not even consul itself; check the token's permissions; "
		         "keeping the last known services", bells->api->settings->address);
		atomic_fetch_add(&bells->source->counters.outages, 1);
		atomic_store(&bells->source->up, false);
	} else if (sight == SIGHT_SOME && bells->sight != sight) {
		log_warn("consul: %s: the token does not see all services; the hidden ones are not routed",
		         bells->api->settings->address);
	}
	bells->sight = sight;
}

/* These take a good answer, and return the consul_news in it. */
static unsigned names_take(struct consul_bells *bells, const struct http_response *response)
{
	bells->seen = bells->seen || bells->catalog->count || bells->answers[NAMES].walk.count;
	bells->catalog->narrow = sight_is_narrow(bells);
	sight_take(bells, sight_of(bells, response));
	if (bells->sight == SIGHT_NOTHING)
		return 0;
	consul_sweep_moved(bells->sweep);
	return consul_bell_take(&bells->answers[NAMES]);
}

/* Only the nodes' list rings for a new address of one. dill goes on without it. */
static void nodes_missing(struct consul_bells *bells, const char *why)
{
	if (!bells->blind)
		log_warn("consul: %s: the list of nodes: %s; a node that moves is not noticed",
		         bells->api->settings->address, why);
	bells->blind = true;
}

/* An empty list tells nothing of the nodes that were known. */
static unsigned nodes_take(struct consul_bells *bells, const struct http_response *response)
{
	bool some = bells->answers[NODES].walk.count;
	unsigned news = some ? consul_bell_take(&bells->answers[NODES]) : 0;

	bells->nodes->outdated = !some;
	if (some && consul_nodes_take(bells->nodes, &bells->answers[NODES].node_names))
		consul_sweep_new_node(bells->sweep, sys_now());
	if (!some || consul_api_filtered(response))
		nodes_missing(bells, "the token lacks node:read");
	else
		bells->blind = false;
	return news;
}

/* Goes on without the nodes when Consul, or a gateway, does not give their list. The other bells say whether that is an
 * outage. */
static void nodes_put_off(struct consul_bells *bells, const char *why)
{
	bool refused = bells->api->code >= 400 && bells->api->code <= 499 && bells->api->code != 429;

	nodes_missing(bells, why);
	bells->nodes->outdated = true;
	bells->api->code = 0;
	bells->api->pause = 0;
	longpoll_put_off(&bells->polls[NODES], sys_now() + (refused ? NODES_REFUSED_MS : NODES_MS));
}

/* An instance that came with a failing check, in one request: the checks point at it, and say what the names ring for. */
static bool same_index(const struct consul_bells *bells)
{
	return bells->pointed && bells->polls[NAMES].index == bells->pointed;
}

/* What a bell says by ringing, when that is the consul_news in its answer. Only the list of names rings for all that
 * changes: an answer of the others has pointed at what they ring for. */
static void bell_judge(struct consul_bells *bells, int which, enum longpoll_news news, unsigned said)
{
	bool other = which == NAMES && bells->known > bells->polls[NAMES].index;
	enum consul_ring ring = said || same_index(bells) ? CONSUL_RING_EXPLAINED : CONSUL_RING_PLAIN;

	if (which == CHECKS && (said & CONSUL_NEWS_POINTED)) {
		bells->pointed = bells->polls[CHECKS].index;
		if (same_index(bells))
			consul_sweep_explain(bells->sweep, bells->catalog, sys_now());
	}
	if (which == NODES || news == LONGPOLL_SAME)
		return;
	if (news == LONGPOLL_BACK || other)
		ring = CONSUL_RING_WHOLE;
	if (which == NAMES)
		bells->known = 0;
	if (ring == CONSUL_RING_WHOLE)
		consul_node_bells_close(&bells->node_bells);
	if ((which == NAMES && !consul_node_bells_all(&bells->node_bells)) || ring == CONSUL_RING_WHOLE)
		consul_sweep_ring(bells->sweep, bells->catalog, ring, sys_now());
}

/* How long the bell rests that has brought this much. One that points at services need not rest for its bytes, nor for
 * those of answers before. */
static int64_t bell_rest(struct consul_bells *bells, int which, size_t bytes, unsigned said)
{
	int64_t pause, debt;

	if (which == NAMES)
		bells->unexplained = said ? 0 : bytes;
	if (said & CONSUL_NEWS_POINTED)
		pace_news(&bells->allowance);
	pause = pace_pause(&bells->allowance, sys_now());
	if (said & CONSUL_NEWS_POINTED)
		return pause;
	pace_spend(&bells->waste[which], bytes, sys_now());
	debt = pace_debt(&bells->waste[which], sys_now());
	debt = debt < BELL_MOST_MS ? debt : BELL_MOST_MS;
	return pause > debt ? pause : debt;
}

void consul_bells_found(struct consul_bells *bells)
{
	pace_news(&bells->allowance);
	pace_refund(&bells->waste[NAMES], bells->unexplained);
	bells->unexplained = 0;
}

/* Takes a complete answer. The services that it points at are then wanted. */
static const char *bell_take(struct consul_bells *bells, int which)
{
	struct longpoll *bell = &bells->polls[which];
	const char *why = consul_api_take(bells->api, &bell->http.response);
	size_t bytes = bell->http.response.size;
	enum longpoll_news news;
	bool late = which == CHECKS && !longpoll_answered(bell) && bells->source->down;
	unsigned said;

	if (!why)
		why = consul_bell_judge(&bells->answers[which]);
	if (why)
		return why;
	if (which == NAMES)
		said = names_take(bells, &bell->http.response);
	else if (which == NODES)
		said = nodes_take(bells, &bell->http.response);
	else
		said = consul_bell_take(&bells->answers[CHECKS]);
	news = longpoll_take(bell, sys_now(), bell_rest(bells, which, bytes, said));
	if (news == LONGPOLL_BACK)
		atomic_fetch_add(&bells->source->counters.resets, 1);
	bell_judge(bells, which, news, said);
	if (late) /* a sweep that has ended before could not tell that Consul is back */
		consul_sweep_ring(bells->sweep, bells->catalog, CONSUL_RING_PLAIN, sys_now());
	if (!bells->source->down && bells->sight != SIGHT_NOTHING)
		source_worked(bells->source, bells->api->settings->address);
	return NULL;
}

static const char *bell_hear(struct consul_bells *bells, int which)
{
	struct longpoll *bell = &bells->polls[which];
	const char *why = longpoll_receive(bell);

	if (bell->most < bell->wait && !bells->cut) {
		log_info("consul: %s: a gateway ends queries after %lld s; asking for shorter ones",
		         bells->api->settings->address, (long long)(sys_now() - bell->asked_at) / 1000);
		bells->cut = true;
	}
	if (!why && bell->http.response.done)
		why = bell_take(bells, which);
	if (!why || which != NODES)
		return why;
	nodes_put_off(bells, why);
	return NULL;
}

/* Waits for a bell, for `until`, or for the stop, and takes what the bells say. */
const char *consul_bells_wait(struct consul_bells *bells, int64_t until)
{
	struct pollfd polls[BELLS + 1 + CONSUL_NODE_BELLS];
	const char *why = NULL;
	size_t nodes = consul_node_bells_polls(&bells->node_bells, polls + BELLS + 1);
	int64_t left;

	for (int i = 0; i < BELLS; i++)
		polls[i] = (struct pollfd){ .fd = longpoll_fd(&bells->polls[i]), .events = POLLIN };
	polls[BELLS] = (struct pollfd){ .fd = bells->source->cancel[0], .events = POLLIN };
	left = until - sys_now();
	poll(polls, BELLS + 1 + nodes, left < 0 ? 0 : (int)left);
	if (consul_node_bells_hear(&bells->node_bells, polls + BELLS + 1))
		consul_bells_found(bells);
	/* The checks before the names: they may explain why these ring. */
	for (int i = BELLS; i-- > 0 && !why;)
		if (bells->polls[i].asked && (polls[i].revents || sys_now() >= longpoll_at(&bells->polls[i])))
			why = bell_hear(bells, i);
	return polls[BELLS].revents ? "stopped" : why;
}

int64_t consul_bells_index(const struct consul_bells *bells)
{
	int64_t index = 0;

	for (int i = 0; i < BELLS; i++)
		if (index < bells->polls[i].index)
			index = bells->polls[i].index;
	return index;
}

bool consul_bells_answered(const struct consul_bells *bells, enum consul_bell_kind kind)
{
	return longpoll_answered(&bells->polls[kind]);
}

/* The whole life. */

void consul_bells_open(struct consul_bells *bells)
{
	pace_allow(&bells->allowance, sys_now());
	bells->node_bells = (struct consul_node_bells){
		.source = bells->source, .api = bells->api, .catalog = bells->catalog, .nodes = bells->nodes, .sweep = bells->sweep
	};
	for (int i = 0; i < BELLS; i++) {
		bells->waste[i] = (struct pace_bytes){ .burst = BELL_BURST, .rate = BELL_RATE, .left = BELL_BURST, .at = sys_now() };
		longpoll_open(&bells->polls[i], "X-Consul-Index", bells->api->settings->wait, CONSUL_API_BODY_MAX);
		consul_api_connects(bells->api, &bells->polls[i].http);
		consul_bell_open(&bells->answers[i], (enum consul_bell_kind)i, bells->catalog);
		answer_stream(&bells->polls[i].http.response, &bells->answers[i].walk);
	}
}

void consul_bells_restart(struct consul_bells *bells)
{
	if (bells->known < bells->polls[NAMES].index)
		bells->known = bells->polls[NAMES].index;
	for (int i = 0; i < BELLS; i++)
		longpoll_restart(&bells->polls[i]);
	bells->nodes->outdated = false; /* they are asked for again */
}

void consul_bells_doubt(struct consul_bells *bells)
{
	for (int i = 0; i < BELLS; i++)
		longpoll_doubt(&bells->polls[i]);
	consul_node_bells_close(&bells->node_bells);
}

void consul_bells_close(struct consul_bells *bells)
{
	for (int i = 0; i < BELLS; i++)
		longpoll_close(&bells->polls[i]);
	consul_node_bells_outage(&bells->node_bells);
}

void consul_bells_free(struct consul_bells *bells)
{
	for (int i = 0; i < BELLS; i++) {
		longpoll_free(&bells->polls[i]);
		consul_bell_close(&bells->answers[i]);
	}
}
