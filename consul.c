/* The thread runs in turns: ask the bells that are not waiting for an answer, read a batch of services or the lists of
 * some nodes, post what has changed, wait for a bell. The first error ends the turns: all connections are closed, and
 * after a pause it starts again. What is read when, and why: ARCHITECTURE.md, "How Consul is watched".
 *
 *     consul_bells    three questions that wait for a change, and what a ring means
 *     consul_bell     their answers, as they arrive
 *     longpoll        what such questions have in common, and their index
 *     consul_api      requests and answers
 *     consul_sweep    what is read next, and how fast
 *     consul_nodes    what nodes list, against what is known
 *     consul_reader   reads it
 *     consul_catalog  all known services
 *     state_memory    the last good services on disk
 *     pace            how much CPU time, and how many bytes, all of this may use */
#include "base.h"
#include "consul.h"

#include <string.h>

#include "consul_api.h"
#include "consul_bell.h"
#include "consul_bells.h"
#include "consul_catalog.h"
#include "consul_nodes.h"
#include "consul_reader.h"
#include "consul_sweep.h"
#include "http_url.h"
#include "log.h"
#include "longpoll.h"
#include "option.h"
#include "service.h"
#include "state_memory.h"
#include "sys.h"
#include "tag.h"
#include "text.h"
#include "tls_option.h"
#include "token_file.h"

static const char *const consistency_words[] = { "", "stale", "consistent", "leader", NULL };

static const char *check_address(const char *text)
{
	struct http_url url;

	return consul_api_url(&url, text);
}

#define AT(field) .at = offsetof(struct consul_settings, field)

static const struct option consul_options[] = {
	{ .key = "consul.address", OPTION_TEXT, AT(address), "http://127.0.0.1:8500", "Consul agent to watch",
	  .check = check_address, .other = "CONSUL_HTTP_ADDR", .other_is = OPTION_VARIABLE },
	{ .key = "consul.token", OPTION_SECRET, AT(token), "", "ACL token",
	  .other = "CONSUL_HTTP_TOKEN", .other_is = OPTION_VARIABLE },
	{ .key = "consul.token_file", OPTION_FILE, AT(token_file), "", "file with the ACL token, read again when it changes",
	  .check = token_file_check, .other = "CONSUL_HTTP_TOKEN_FILE", .other_is = OPTION_VARIABLE, .instead = "consul.token" },
	{ .key = "consul.datacenter", OPTION_TEXT, AT(datacenter), "", "datacenter of every query" },
	{ .key = "consul.namespace", OPTION_TEXT, AT(namespace), "", "namespace of every query",
	  .other = "CONSUL_NAMESPACE", .other_is = OPTION_VARIABLE },
	{ .key = "consul.wait", OPTION_DURATION, AT(wait), "5m",
	  "longest wait of one blocking query, 1s to 10m", 1000, 600000 },
	{ .key = "consul.consistency_mode", OPTION_TEXT, AT(consistency), "", "stale, consistent or leader",
	  .words = consistency_words },
	{ .key = "consul.tag", OPTION_TEXT, AT(tag), "dill",
	  "tag, and prefix of dill.listener=, that mark a service; while it is dill, dyntcp is read too", .check = tag_check_word },
	TLS_OPTIONS("consul.tls", CONSUL, struct consul_settings, tls),
};

static const struct option consul_variables[] = {
	{ .key = "CONSUL_HTTP_SSL", OPTION_SWITCH, AT(ssl), "false", "https, whatever the address says" },
	{ .key = "CONSUL_HTTP_AUTH", OPTION_SECRET, AT(login), "", "login, USER:PASSWORD" },
};

#define IDLE_MS 60000 /* a turn begins at least this often */
#define TOKEN_MS 5000 /* when there is a file with the token, which is looked at in each */

struct consul {
	struct source *source;
	const struct consul_settings *settings;
	struct consul_api api;
	struct catalog catalog;
	struct consul_nodes nodes;
	struct consul_bells bells;
	struct consul_sweep sweep;
	struct consul_reader reader;
	struct state_memory memory;
	bool unposted; /* services have been read, and more are to be read before they are posted */
};

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

/* A sweep without a good reading is an outage; but when all names were left out, it tells nothing. When no node gave
 * its list, the services are read by name. */
static const char *sweep_end(struct consul *consul)
{
	bool good = consul_sweep_end(&consul->sweep);

	if (!good && consul->sweep.by_node)
		consul_nodes_refuse(&consul->nodes, sys_now());
	if (consul->sweep.by_node && !consul_nodes_serve(&consul->nodes, sys_now())) {
		consul_sweep_ring(&consul->sweep, &consul->catalog, CONSUL_RING_PLAIN, sys_now());
		return NULL;
	}
	if (!good)
		return consul->sweep.why;
	if (consul->sweep.found)
		consul_bells_found(&consul->bells);
	if (consul->sweep.by_node)
		consul_nodes_gone(&consul->nodes, &consul->catalog);
	consul->api.pause = 0;
	log_debug("consul: %zu %s%s read, index %lld and %lld", consul->sweep.good, consul->sweep.by_node ? "node" : "service",
	          text_s(consul->sweep.good), (long long)consul->bells.polls[CONSUL_BELL_NAMES].index,
	          (long long)consul->bells.polls[CONSUL_BELL_CHECKS].index);
	if (consul_bells_answered(&consul->bells, CONSUL_BELL_CHECKS)) /* else their answer makes one more sweep due */
		source_worked(consul->source, consul->settings->address);
	return NULL;
}

/* Reads the services that are wanted, or the next part of a sweep. *count: how many services were read. */
static const char *part_read(struct consul *consul, size_t *count, bool *busy)
{
	bool stale = strcmp(consul->settings->consistency, "stale") == 0;
	int64_t began = sys_now();
	size_t which[CONSUL_SWEEP_BATCH], nodes = 0, before = consul->reader.pipeline.received;
	const char *why = NULL;

	catalog_confirm(&consul->catalog, began);
	consul_sweep_start(&consul->sweep, &consul->catalog, &consul->nodes, began);
	consul->reader.cause = stale ? consul_bells_index(&consul->bells) : 0;
	consul->reader.listed = stale ? consul->bells.polls[CONSUL_BELL_NAMES].index : 0;
	*count = consul_sweep_choose(&consul->sweep, &consul->catalog, which, began);
	if (*count)
		why = consul_reader_read(&consul->reader, which, *count);
	else if ((nodes = consul_sweep_nodes(&consul->sweep, &consul->nodes, which, began)))
		why = consul_reader_list(&consul->reader, which, nodes);
	if (!why)
		why = consul_sweep_lost(&consul->sweep);
	*busy = *count || nodes || consul_sweep_busy(&consul->sweep, began);
	if (*busy)
		consul_sweep_spend(&consul->sweep, &consul->catalog, consul->reader.pipeline.received - before, sys_now() - began,
		                   sys_now());
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
		longpoll_doubt(&consul->bells.polls[CONSUL_BELL_NAMES]);
	consul->reader.doubts = false;
	return why;
}

/* The turns. */

/* Services are read once their names are known. The first time the checks must be known, too: their answer would only
 * make all services wanted again. */
static bool services_open(const struct consul *consul)
{
	return consul_bells_answered(&consul->bells, CONSUL_BELL_NAMES) && consul->bells.sight != SIGHT_NOTHING &&
	       (consul->sweep.complete || consul_bells_answered(&consul->bells, CONSUL_BELL_CHECKS));
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

	at = earlier(at, consul_bells_at(&consul->bells));
	if (!services_open(consul))
		return at;
	if (consul->catalog.hold.confirm_at)
		at = earlier(at, consul->catalog.hold.confirm_at);
	return earlier(at, consul_sweep_at(&consul->sweep));
}

/* Another token may see other services: all is asked for again, and what waits with the old one is dropped. */
static void token_follow(struct consul *consul)
{
	if (!token_file_look(&consul->api.token, false))
		return;
	log_info("consul: another token stands in %s", consul->settings->token_file);
	consul_bells_doubt(&consul->bells);
	consul_reader_close(&consul->reader);
	consul_sweep_ring(&consul->sweep, &consul->catalog, CONSUL_RING_WHOLE, sys_now());
}

static const char *turn_run(struct consul *consul)
{
	const char *why;
	bool busy = false;

	token_follow(consul);
	why = consul_api_lacks_token(&consul->api);
	if (!why)
		why = consul_bells_ask(&consul->bells);

	if (!why && services_open(consul)) {
		why = services_read(consul, &busy);
		consul->api.code = why ? consul->api.code : 0; /* the error of one service is not that of a bell */
	}
	state_memory_save(&consul->memory, consul->source, consul->catalog.list, false);
	if (sys_now() >= consul->memory.offer_at)
		state_memory_offer(&consul->memory, consul->source);
	return why ? why : consul_bells_wait(&consul->bells, busy ? sys_now() : turn_at(consul));
}

/* Runs turns until something goes wrong; returns what. */
static const char *consul_watch(struct consul *consul)
{
	const char *why = NULL;

	consul_bells_restart(&consul->bells);
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
	if (consul->api.code == 403 && token_file_look(&consul->api.token, true)) {
		log_info("consul: another token stands in %s", consul->settings->token_file);
	} else {
		if (!source_stopping(consul->source))
			state_memory_offer(&consul->memory, consul->source);
		go_on = source_failed(consul->source, consul->api.code, consul->settings->address, why, consul->api.pause);
	}
	consul_bells_close(&consul->bells);
	consul_reader_close(&consul->reader);
	return go_on;
}

/* The whole life. */

static void consul_open(struct consul *consul, struct source *source)
{
	*consul = (struct consul){ .source = source, .settings = source->settings };
	consul_api_open(&consul->api, consul->settings);
	catalog_open(&consul->catalog, consul->settings->tag);
	consul->reader = (struct consul_reader){
		.source = source, .api = &consul->api, .catalog = &consul->catalog, .nodes = &consul->nodes,
		.sweep = &consul->sweep
	};
	consul_reader_open(&consul->reader);
	consul->bells = (struct consul_bells){
		.source = source, .api = &consul->api, .catalog = &consul->catalog, .nodes = &consul->nodes,
		.sweep = &consul->sweep, .reader = &consul->reader
	};
	consul_bells_open(&consul->bells);
	consul->memory.path = source->config->state_path;
}

static void consul_close(struct consul *consul)
{
	state_memory_forget(&consul->memory);
	consul_bells_free(&consul->bells);
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

/* Consul's own client takes a port off the server's name. */
static const char *name_alone(const char *name, struct arena *memory)
{
	const char *colon = strchr(name, ':');

	return colon && colon == strrchr(name, ':') ? arena_dup(memory, name, (size_t)(colon - name)) : name;
}

static const char *consul_settle(void *settings, struct arena *memory)
{
	struct consul_settings *consul = settings;
	const char *raised = consul->ssl ? consul_api_raise(consul->address, memory) : NULL;

	consul->tls.server_name = name_alone(consul->tls.server_name, memory);
	if (raised)
		consul->address = raised;
	return raised ? "CONSUL_HTTP_SSL" : NULL;
}

static const char *consul_word(const void *settings)
{
	return ((const struct consul_settings *)settings)->tag;
}

const struct source_kind consul_kind = {
	.name = "consul", .title = "Consul", .table = "consul", .alias = "routing.consul", .asks = "consul.address",
	.asks_port = 8500, .options = consul_options,
	.option_count = ARRAY_LEN(consul_options), .variables = consul_variables,
	.variable_count = ARRAY_LEN(consul_variables), .settle = consul_settle, .size = sizeof(struct consul_settings), .standard = true,
	.remembers = true, .polls = true, .run = consul_run, .ask = consul_ask, .word = consul_word
};
