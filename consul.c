/* The thread runs in turns: ask the bells that are not waiting for an answer, read a batch of services, post what has
 * changed, wait for a bell. The first error ends the turns: all connections are closed, and after a pause it starts
 * again.
 *
 *     longpoll        the questions of the bells, and their index
 *     consul_api      requests and answers
 *     consul_bell     the bells' answers, as they arrive
 *     consul_sweep    which services are read next
 *     consul_reader   reads them
 *     consul_catalog  all known services
 *     state_memory    the last good services on disk
 *     pace            how much CPU time all of this may use */
#include "base.h"
#include "consul.h"

#include <poll.h>
#include <string.h>

#include "consul_api.h"
#include "consul_bell.h"
#include "consul_catalog.h"
#include "consul_nodes.h"
#include "consul_reader.h"
#include "consul_sweep.h"
#include "consul_token.h"
#include "http.h"
#include "log.h"
#include "longpoll.h"
#include "option.h"
#include "pace.h"
#include "service.h"
#include "state_memory.h"
#include "sys.h"
#include "text.h"

static const char *const consistency_words[] = { "", "stale", "consistent", "leader", NULL };

static const char *check_address(const char *text)
{
	struct http_url url;

	return consul_api_url(&url, text);
}

static const char *check_tag(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return !*text || text[strspn(text, letters)] ? "is not a word of letters, digits, '_', '.' and '-'" : NULL;
}

#define AT(field) offsetof(struct consul_settings, field)

static const struct option consul_options[] = {
	{ .key = "consul.address", OPTION_TEXT, AT(address), "http://127.0.0.1:8500", "Consul agent to watch",
	  .check = check_address, .other = "CONSUL_HTTP_ADDR", .other_is = OPTION_VARIABLE },
	{ .key = "consul.token", OPTION_SECRET, AT(token), "", "ACL token",
	  .other = "CONSUL_HTTP_TOKEN", .other_is = OPTION_VARIABLE },
	{ .key = "consul.token_file", OPTION_FILE, AT(token_file), "", "file with the ACL token, read again when it changes",
	  .check = consul_token_check, .other = "CONSUL_HTTP_TOKEN_FILE", .other_is = OPTION_VARIABLE, .instead = "consul.token" },
	{ .key = "consul.datacenter", OPTION_TEXT, AT(datacenter), "", "datacenter of every query" },
	{ .key = "consul.namespace", OPTION_TEXT, AT(namespace), "", "namespace of every query" },
	{ .key = "consul.wait", OPTION_DURATION, AT(wait), "5m",
	  "longest wait of one blocking query, 1s to 10m", 1000, 600000 },
	{ .key = "consul.consistency_mode", OPTION_TEXT, AT(consistency), "", "stale, consistent or leader",
	  .words = consistency_words },
	{ .key = "consul.tag", OPTION_TEXT, AT(tag), "dill",
	  "tag, and prefix of dill.listener=, that mark a service; while it is dill, dyntcp is read too", .check = check_tag },
};

#define IDLE_MS 60000 /* a turn begins at least this often */
#define TOKEN_MS 5000 /* when there is a file with the token, which is looked at in each */

enum { NAMES = CONSUL_BELL_NAMES, CHECKS = CONSUL_BELL_CHECKS, NODES = CONSUL_BELL_NODES, BELLS = CONSUL_BELLS };
#define BELL_BURST (8 << 20)    /* bytes of answers that bring nothing before their bells have to wait */
#define BELL_RATE 100           /* bytes each millisecond from then on; */
#define BELL_MOST_MS 3000       /* but so long a pause at most */
#define NODES_MS 10000          /* before the nodes are asked for again when there was no good answer */
#define NODES_REFUSED_MS 300000 /* when it was refused: without the right, or by a gateway */

/* How much of the catalog the token lets dill see. */
enum sight { SIGHT_ALL, SIGHT_SOME, SIGHT_NOTHING };

struct consul {
	struct source *source;
	const struct consul_settings *settings;
	struct consul_api api;
	struct catalog catalog;
	struct consul_nodes nodes;
	struct longpoll bells[BELLS];
	struct consul_bell answers[BELLS]; /* theirs, as they arrive */
	struct consul_sweep sweep;
	struct consul_reader reader;
	struct state_memory memory;
	struct pace_allowance allowance;
	struct pace_bytes waste; /* answers of bells that brought nothing */
	int64_t known; /* the highest index of the list of names before the connections were new */
	enum sight sight;
	bool cut, blind; /* has been said: queries may not wait for long; nodes are not seen */
	bool seen; /* the token has let dill see a service */
	bool unposted; /* services have been read, and more are to be read before they are posted */
};

/* The bells. */

static void bell_ring(struct consul *consul, enum consul_ring ring)
{
	consul_sweep_ring(&consul->sweep, &consul->catalog, ring, sys_now());
}

static void bell_path(struct consul_api *api, int which)
{
	static const char *const paths[] = { "/v1/catalog/services", "/v1/health/state/any", "/v1/catalog/nodes" };

	api->path.len = 0;
	buf_puts(&api->path, paths[which]);
	if (which == CHECKS)
		consul_api_add(api, "filter", "Status != \"passing\"");
}

static const char *bell_ask(struct consul *consul, int which)
{
	struct longpoll *bell = &consul->bells[which];
	struct buf out = { 0 };
	const char *why;

	bell_path(&consul->api, which);
	longpoll_query(bell, &consul->api.path, sys_now());
	consul_api_finish(&consul->api, &out);
	why = longpoll_send(bell, &consul->api.url, &out, consul->source->cancel[0]);
	buf_free(&out);
	return why;
}

/* When to ask a bell, or to give up waiting for it. A token that may not see nodes must first prove to be one. */
static int64_t bell_at(const struct consul *consul, int which)
{
	return which == NODES && !longpoll_answered(&consul->bells[NAMES]) ? INT64_MAX : longpoll_at(&consul->bells[which]);
}

static const char *bells_ask(struct consul *consul)
{
	const char *why = NULL;

	for (int i = 0; i < BELLS && !why; i++)
		if (!consul->bells[i].asked && sys_now() >= bell_at(consul, i))
			why = bell_ask(consul, i);
	return why;
}

/* Every catalog lists Consul itself, so an empty one only tells that the token may not see the services. Then nothing
 * is read, the known services stay, and a source that has never seen any is not ready. But a namespace can really be
 * empty, when nothing was filtered out of the answer; and so can be what a token shows that has never shown Consul, but
 * other services. */
static enum sight sight_of(const struct consul *consul, const struct http_response *response)
{
	bool filtered = consul_api_filtered(response), whole = *consul->settings->namespace && !filtered;

	if (!consul->answers[NAMES].walk.count && !whole && !(consul->catalog.narrow && consul->seen))
		return SIGHT_NOTHING;
	return filtered ? SIGHT_SOME : SIGHT_ALL;
}

/* Whether the token sees a part of the catalog only: Consul itself is not listed because the token may not read it. */
static bool sight_is_narrow(struct consul *consul)
{
	if (consul->answers[NAMES].consul)
		return false;
	return consul->catalog.narrow || *consul->settings->namespace || consul_reader_lacks_right(&consul->reader, "consul");
}

static void sight_take(struct consul *consul, enum sight sight)
{
	if (sight == SIGHT_NOTHING && consul->sight != sight) {
		log_warn("consul: %s lists no services, not even consul itself; check the token's permissions; "
		         "keeping the last known services", consul->settings->address);
		atomic_fetch_add(&consul->source->counters.outages, 1);
		atomic_store(&consul->source->up, false);
	} else if (sight == SIGHT_SOME && consul->sight != sight) {
		log_warn("consul: %s: the token does not see all services; the hidden ones are not routed",
		         consul->settings->address);
	}
	consul->sight = sight;
}

/* These take a good answer, and return the consul_news in it. */
static unsigned names_take(struct consul *consul, const struct http_response *response)
{
	consul->seen = consul->seen || consul->catalog.count || consul->answers[NAMES].walk.count;
	consul->catalog.narrow = sight_is_narrow(consul);
	sight_take(consul, sight_of(consul, response));
	if (consul->sight == SIGHT_NOTHING)
		return 0;
	consul_sweep_moved(&consul->sweep);
	return consul_bell_take(&consul->answers[NAMES]);
}

/* Only the nodes' list rings for a new address of one. dill goes on without it. */
static void nodes_missing(struct consul *consul, const char *why)
{
	if (!consul->blind)
		log_warn("consul: %s: the list of nodes: %s; a node that moves is not noticed",
		         consul->settings->address, why);
	consul->blind = true;
}

/* An empty list tells nothing of the nodes that were known. */
static unsigned nodes_take(struct consul *consul, const struct http_response *response)
{
	bool some = consul->answers[NODES].walk.count;
	unsigned news = some ? consul_bell_take(&consul->answers[NODES]) : 0;

	if (some && consul_nodes_take(&consul->nodes, &consul->answers[NODES].node_names))
		consul_sweep_new_node(&consul->sweep, sys_now());
	if (!some || consul_api_filtered(response))
		nodes_missing(consul, "the token lacks node:read");
	else
		consul->blind = false;
	return news;
}

/* Goes on without the nodes when Consul, or a gateway, does not give their list. The other bells say whether that is an
 * outage. */
static void nodes_put_off(struct consul *consul, const char *why)
{
	bool refused = consul->api.code >= 400 && consul->api.code <= 499 && consul->api.code != 429;

	nodes_missing(consul, why);
	consul->api.code = 0;
	consul->api.pause = 0;
	longpoll_put_off(&consul->bells[NODES], sys_now() + (refused ? NODES_REFUSED_MS : NODES_MS));
}

/* What a bell says by ringing, when that is the consul_news in its answer. Only the list of names rings for all that changes. */
static void bell_judge(struct consul *consul, int which, enum longpoll_news news, unsigned said)
{
	bool other = which == NAMES && consul->known > consul->bells[NAMES].index;

	if (which == NODES || news == LONGPOLL_SAME)
		return;
	if (news == LONGPOLL_BACK || other)
		bell_ring(consul, CONSUL_RING_WHOLE);
	else
		bell_ring(consul, which == NAMES && !said ? CONSUL_RING_PLAIN : CONSUL_RING_EXPLAINED);
	if (which == NAMES)
		consul->known = 0;
}

/* How long the bell rests that has brought this much. */
static int64_t bell_rest(struct consul *consul, size_t bytes, bool pointed)
{
	int64_t pause = pace_pause(&consul->allowance, sys_now()), debt;

	if (!pointed)
		pace_spend(&consul->waste, bytes, sys_now());
	debt = pace_debt(&consul->waste, sys_now());
	debt = debt < BELL_MOST_MS ? debt : BELL_MOST_MS;
	return pause > debt ? pause : debt;
}

/* Takes a complete answer. The services that it points at are then wanted. */
static const char *bell_take(struct consul *consul, int which)
{
	struct longpoll *bell = &consul->bells[which];
	const char *why = consul_api_take(&consul->api, &bell->http.response);
	size_t bytes = bell->http.response.size;
	enum longpoll_news news;
	unsigned said;

	if (!why)
		why = consul_bell_judge(&consul->answers[which]);
	if (why)
		return why;
	if (which == NAMES)
		said = names_take(consul, &bell->http.response);
	else if (which == NODES)
		said = nodes_take(consul, &bell->http.response);
	else
		said = consul_bell_take(&consul->answers[CHECKS]);
	news = longpoll_take(bell, sys_now(), bell_rest(consul, bytes, said & CONSUL_NEWS_POINTED));
	if (news == LONGPOLL_BACK)
		atomic_fetch_add(&consul->source->counters.resets, 1);
	bell_judge(consul, which, news, said);
	if (!consul->source->down && consul->sight != SIGHT_NOTHING)
		source_worked(consul->source, consul->settings->address);
	return NULL;
}

static const char *bell_hear(struct consul *consul, int which)
{
	struct longpoll *bell = &consul->bells[which];
	const char *why = longpoll_receive(bell);

	if (bell->most < bell->wait && !consul->cut) {
		log_info("consul: %s: a gateway ends queries after %lld s; asking for shorter ones",
		         consul->settings->address, (long long)(sys_now() - bell->asked_at) / 1000);
		consul->cut = true;
	}
	if (!why && bell->http.response.done)
		why = bell_take(consul, which);
	if (!why || which != NODES)
		return why;
	nodes_put_off(consul, why);
	return NULL;
}

/* Waits for a bell, for `until`, or for the stop, and takes what the bells say. */
static const char *bells_wait(struct consul *consul, int64_t until)
{
	struct pollfd polls[BELLS + 1];
	const char *why = NULL;
	int64_t left;

	for (int i = 0; i < BELLS; i++)
		polls[i] = (struct pollfd){ .fd = longpoll_fd(&consul->bells[i]), .events = POLLIN };
	polls[BELLS] = (struct pollfd){ .fd = consul->source->cancel[0], .events = POLLIN };
	left = until - sys_now();
	poll(polls, BELLS + 1, left < 0 ? 0 : (int)left);
	for (int i = 0; i < BELLS && !why; i++)
		if (consul->bells[i].asked && (polls[i].revents || sys_now() >= longpoll_at(&consul->bells[i])))
			why = bell_hear(consul, i);
	return polls[BELLS].revents ? "stopped" : why;
}

static int64_t bells_index(const struct consul *consul)
{
	int64_t index = 0;

	for (int i = 0; i < BELLS; i++)
		if (index < consul->bells[i].index)
			index = consul->bells[i].index;
	return index;
}

/* The services. */

/* Nothing is posted before all services have been read once. Then the first list is, even when it is empty. */
static void services_post(struct consul *consul, bool first)
{
	struct service_list *list = catalog_compose(&consul->catalog, sys_now());

	consul_sweep_moved(&consul->sweep);
	if (!consul->sweep.complete) {
		service_list_unref(list);
		return;
	}
	if (!list && first)
		list = service_list_ref(consul->catalog.list);
	if (!list)
		return;
	list->heard = consul->api.heard;
	source_post(consul->source, list);
	consul->memory.unsaved = true;
	state_memory_forget(&consul->memory);
}

/* A sweep without a good reading is an outage; but when all names were left out, it tells nothing. When no node gave its
 * list, the services are read by name. */
static const char *sweep_end(struct consul *consul)
{
	bool good = consul_sweep_end(&consul->sweep);

	if (!good && consul->sweep.by_node)
		consul->nodes.refused_until = sys_now() + NODES_REFUSED_MS;
	if (consul->sweep.by_node && !consul_nodes_serve(&consul->nodes, sys_now())) {
		bell_ring(consul, CONSUL_RING_PLAIN);
		return NULL;
	}
	if (!good)
		return consul->sweep.why;
	if (consul->sweep.by_node)
		consul_nodes_gone(&consul->nodes, &consul->catalog);
	consul->api.pause = 0;
	log_debug("consul: %zu %s%s read, index %lld and %lld", consul->sweep.good, consul->sweep.by_node ? "node" : "service",
	          text_s(consul->sweep.good), (long long)consul->bells[NAMES].index, (long long)consul->bells[CHECKS].index);
	if (longpoll_answered(&consul->bells[CHECKS])) /* else their answer makes one more sweep due */
		source_worked(consul->source, consul->settings->address);
	return NULL;
}

/* Reads the services that are wanted, or the next part of a sweep. *count: how many services were read. */
static const char *part_read(struct consul *consul, size_t *count, bool *busy)
{
	bool stale = strcmp(consul->settings->consistency, "stale") == 0;
	int64_t began = sys_now();
	size_t which[CONSUL_SWEEP_BATCH], nodes = 0, before = consul->reader.received;
	const char *why = NULL;

	catalog_confirm(&consul->catalog, began);
	consul_sweep_start(&consul->sweep, &consul->catalog, &consul->nodes, began);
	consul->reader.cause = stale ? bells_index(consul) : 0;
	consul->reader.listed = stale ? consul->bells[NAMES].index : 0;
	*count = consul_sweep_choose(&consul->sweep, &consul->catalog, which, began);
	if (*count)
		why = consul_reader_read(&consul->reader, which, *count);
	else if ((nodes = consul_sweep_nodes(&consul->sweep, &consul->nodes, which, began)))
		why = consul_reader_list(&consul->reader, which, nodes);
	if (!why)
		why = consul_sweep_lost(&consul->sweep);
	*busy = *count || nodes || consul_sweep_busy(&consul->sweep, began);
	if (*busy)
		consul_sweep_spend(&consul->sweep, &consul->catalog, consul->reader.received - before, sys_now() - began, sys_now());
	return why;
}

/* Reads a part, and posts what has changed. *busy: there was something to do. */
static const char *services_read(struct consul *consul, bool *busy)
{
	bool first = !consul->sweep.complete, unposted = consul->unposted;
	size_t count;
	const char *why = part_read(consul, &count, busy);

	if (!*busy && !unposted)
		return why;
	if (!why && consul_sweep_over(&consul->sweep, &consul->catalog))
		why = sweep_end(consul);
	consul->unposted = !why && count == CONSUL_SWEEP_BATCH && !(first && consul->sweep.complete) &&
	                   !catalog_ripe(&consul->catalog);
	if (!consul->unposted && (count || unposted || first))
		services_post(consul, first); /* what was read before an error is still true */
	if (!why && consul->reader.doubts)
		longpoll_doubt(&consul->bells[NAMES]);
	consul->reader.doubts = false;
	return why;
}

/* The turns. */

/* Services are read once their names are known. The first time the checks must be known, too: their answer would only
 * make all services wanted again. */
static bool services_open(const struct consul *consul)
{
	return longpoll_answered(&consul->bells[NAMES]) && consul->sight != SIGHT_NOTHING &&
	       (consul->sweep.complete || longpoll_answered(&consul->bells[CHECKS]));
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the next turn must begin even if no bell rings. */
static int64_t turn_at(const struct consul *consul)
{
	int64_t idle = *consul->settings->token_file ? TOKEN_MS : IDLE_MS;
	int64_t at = earlier(sys_now() + idle, state_memory_at(&consul->memory));

	for (int i = 0; i < BELLS; i++)
		at = earlier(at, bell_at(consul, i));
	if (!services_open(consul))
		return at;
	if (consul->catalog.hold.confirm_at)
		at = earlier(at, consul->catalog.hold.confirm_at);
	return earlier(at, consul_sweep_at(&consul->sweep));
}

/* Another token may see other services: all is asked for again, and what waits with the old one is dropped. */
static void token_follow(struct consul *consul)
{
	if (!consul_token_look(&consul->api.token, false))
		return;
	log_info("consul: another token stands in %s", consul->settings->token_file);
	for (int i = 0; i < BELLS; i++)
		longpoll_doubt(&consul->bells[i]);
	consul_reader_close(&consul->reader);
	bell_ring(consul, CONSUL_RING_WHOLE);
}

static const char *turn_run(struct consul *consul)
{
	const char *why;
	bool busy = false;

	token_follow(consul);
	why = consul_api_lacks_token(&consul->api);
	if (!why)
		why = bells_ask(consul);

	if (!why && services_open(consul)) {
		why = services_read(consul, &busy);
		consul->api.code = why ? consul->api.code : 0; /* the error of one service is not that of a bell */
	}
	state_memory_save(&consul->memory, consul->source, consul->catalog.list, false);
	if (sys_now() >= consul->memory.offer_at)
		state_memory_offer(&consul->memory, consul->source);
	return why ? why : bells_wait(consul, busy ? sys_now() : turn_at(consul));
}

/* Runs turns until something goes wrong; returns what. */
static const char *consul_watch(struct consul *consul)
{
	const char *why = NULL;

	if (consul->known < consul->bells[NAMES].index)
		consul->known = consul->bells[NAMES].index;
	for (int i = 0; i < BELLS; i++)
		longpoll_restart(&consul->bells[i]);
	consul_sweep_restart(&consul->sweep);
	while (!why)
		why = turn_run(consul);
	if (consul->unposted)
		services_post(consul, false);
	consul->unposted = false;
	return why;
}

/* False when the thread must stop. */
static bool consul_try(struct consul *consul)
{
	const char *why;
	bool go_on = true;

	consul->api.pause = consul->api.code = 0;
	why = consul_watch(consul);
	if (consul->api.code == 403 && consul_token_look(&consul->api.token, true)) {
		log_info("consul: another token stands in %s", consul->settings->token_file);
	} else {
		if (!source_stopping(consul->source))
			state_memory_offer(&consul->memory, consul->source);
		go_on = source_failed(consul->source, consul->api.code, consul->settings->address, why, consul->api.pause);
	}
	for (int i = 0; i < BELLS; i++)
		longpoll_close(&consul->bells[i]);
	consul_reader_close(&consul->reader);
	return go_on;
}

/* The whole life. */

static void consul_open(struct consul *consul, struct source *source)
{
	*consul = (struct consul){ .source = source, .settings = source->settings };
	consul_api_open(&consul->api, consul->settings);
	catalog_open(&consul->catalog, consul->settings->tag);
	for (int i = 0; i < BELLS; i++) {
		longpoll_open(&consul->bells[i], "X-Consul-Index", consul->settings->wait, CONSUL_API_BODY_MAX);
		consul_bell_open(&consul->answers[i], (enum consul_bell_kind)i, &consul->catalog);
		consul_api_stream(&consul->bells[i].http.response, &consul->answers[i].walk);
	}
	consul->reader = (struct consul_reader){
		.source = source, .api = &consul->api, .catalog = &consul->catalog, .nodes = &consul->nodes,
		.sweep = &consul->sweep
	};
	consul_reader_open(&consul->reader);
	consul->memory.path = source->config->state_path;
	pace_allow(&consul->allowance, sys_now());
	consul->waste = (struct pace_bytes){ .burst = BELL_BURST, .rate = BELL_RATE, .left = BELL_BURST, .at = sys_now() };
}

static void consul_close(struct consul *consul)
{
	state_memory_forget(&consul->memory);
	for (int i = 0; i < BELLS; i++) {
		longpoll_free(&consul->bells[i]);
		consul_bell_close(&consul->answers[i]);
	}
	consul_reader_free(&consul->reader);
	consul_api_close(&consul->api);
	catalog_close(&consul->catalog);
	consul_nodes_free(&consul->nodes);
}

static void consul_run(struct source *source)
{
	struct consul consul;
	struct service_list *known;

	consul_open(&consul, source);
	/* On a reload, closing stays careful; at a start, the services on disk are used while Consul does not answer. */
	known = source->known ? source->known : state_memory_recall(&consul.memory);
	if (known)
		catalog_recall(&consul.catalog, service_list_ref(known));
	while (!source_stopping(source) && consul_try(&consul))
		;
	state_memory_save(&consul.memory, source, consul.catalog.list, true);
	consul_close(&consul);
}

static bool consul_ask(const void *settings, const char *service, struct service_list *list, struct buf *where)
{
	const struct consul_settings *consul = settings;
	struct buf why = { 0 };
	bool fine;

	list->word = arena_dup(&list->memory, consul->tag, strlen(consul->tag));
	fine = consul_api_once(consul, service, list, &why);
	buf_printf(where, fine ? "Consul at %s" : "%s: %s", consul->address, why.data);
	buf_free(&why);
	return fine;
}

static const char *consul_word(const void *settings)
{
	return ((const struct consul_settings *)settings)->tag;
}

const struct source_kind consul_kind = {
	.name = "consul", .title = "Consul", .table = "consul", .alias = "routing.consul", .asks = "consul.address", .options = consul_options,
	.option_count = ARRAY_LEN(consul_options), .size = sizeof(struct consul_settings), .standard = true,
	.remembers = true, .polls = true, .run = consul_run, .ask = consul_ask, .word = consul_word
};
