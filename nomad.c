/* The thread runs in turns: ask the bells that are not waiting for an answer, read a batch of services, post what has
 * changed, wait for a bell. The first error ends the turns: all connections are closed, and after a pause it starts
 * again.
 *
 *     nomad_bells     questions that wait for a change
 *     nomad_names     their answers, as they arrive
 *     nomad_sweep     what is read next
 *     nomad_reader    reads it
 *     nomad_instance  makes services of it
 *     nomad_api       requests and answers
 *     consul_catalog  all known services */
#include "base.h"
#include "nomad.h"

#include <string.h>

#include "consul_catalog.h"
#include "http_url.h"
#include "log.h"
#include "nomad_api.h"
#include "nomad_bells.h"
#include "nomad_reader.h"
#include "nomad_sweep.h"
#include "option.h"
#include "service.h"
#include "state_memory.h"
#include "sys.h"
#include "tag.h"
#include "text.h"
#include "tls_option.h"
#include "token_file.h"

#define IDLE_MS 60000 /* a turn begins at least this often */
#define TOKEN_MS 5000 /* when there is a file with the token, which is looked at in each */

/* The settings. */

static const char *nomad_check_address(const char *text)
{
	struct http_url url;

	return nomad_api_url(&url, text);
}

static const char *nomad_check_namespace(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	struct slice rest = slice_of(text), name;
	size_t count = 0;

	if (strcmp(text, "*") == 0)
		return NULL;
	if (!*text)
		return "is no namespace";
	for (; slice_next(&rest, ',', &name); count++)
		if (!name.len || name.len > 128 || strspn(name.at, letters) < name.len)
			return "is no namespace, list of them, or *";
	return count > NOMAD_BELLS_MAX ? "has more than 64 namespaces: use *" : NULL;
}

static const char *nomad_check_tag(const char *text)
{
	return *text ? tag_check_word(text) : NULL;
}

#define AT(field) .at = offsetof(struct nomad_settings, field)

static const struct option nomad_options[] = {
	{ .key = "routing.nomad.address", OPTION_TEXT, AT(address), "http://127.0.0.1:4646", "Nomad agent to watch",
	  .check = nomad_check_address, .other = "NOMAD_ADDR", .other_is = OPTION_VARIABLE },
	{ .key = "routing.nomad.token", OPTION_SECRET, AT(token), "", "ACL token",
	  .other = "NOMAD_TOKEN", .other_is = OPTION_VARIABLE },
	{ .key = "routing.nomad.token_file", OPTION_FILE, AT(token_file), "", "file with the ACL token, read again when it changes",
	  .check = token_file_check, .instead = "routing.nomad.token" },
	{ .key = "routing.nomad.namespace", OPTION_NAMES, AT(namespace), "default",
	  "namespace, list of them, or * for all", .check = nomad_check_namespace, .other = "NOMAD_NAMESPACE",
	  .other_is = OPTION_VARIABLE },
	{ .key = "routing.nomad.region", OPTION_TEXT, AT(region), "", "region of every query",
	  .other = "NOMAD_REGION", .other_is = OPTION_VARIABLE },
	{ .key = "routing.nomad.wait", OPTION_DURATION, AT(wait), "5m",
	  "longest wait of one blocking query, 1s to 5m", 1000, 300000 },
	{ .key = "routing.nomad.stale", OPTION_SWITCH, AT(stale), "false", "any server may answer, also one without a leader" },
	{ .key = "routing.nomad.tag", OPTION_TEXT, AT(tag), "", "as consul.tag, which counts when this is empty",
	  .check = nomad_check_tag, .other = "consul.tag", .other_is = OPTION_FOLLOWS },
	TLS_OPTIONS("routing.nomad.tls", NOMAD, struct nomad_settings, tls),
};

struct nomad {
	struct source *source;
	const struct nomad_settings *settings;
	struct nomad_api api;
	struct catalog catalog;
	struct nomad_bells bells;
	struct nomad_sweep sweep;
	struct nomad_reader reader;
	struct state_memory memory;
	struct buf state_path;
	int64_t began; /* the CPU time of the thread when the newest sweep began */
	bool unposted; /* services have been read, and more are to be read before they are posted */
};

/* The services. */

/* Nothing is posted before all services have been read once. Then the first list is, even when it is empty. */
static void nomad_post(struct nomad *nomad, bool first)
{
	struct service_list *list = catalog_compose(&nomad->catalog, sys_now());

	if (!nomad->sweep.complete) {
		service_list_unref(list);
		return;
	}
	if (!list && first)
		list = service_list_ref(nomad->catalog.list);
	if (!list)
		return;
	list->heard = nomad->api.heard;
	source_post(nomad->source, list);
	nomad->memory.unsaved = true;
	state_memory_forget(&nomad->memory);
}

static const char *failure_of_any(const struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (catalog->names[i].failed)
			return catalog->names[i].failed;
	return "no service could be read";
}

/* A sweep without a good reading is an outage. One that has found something was worth it. */
static const char *nomad_end(struct nomad *nomad)
{
	const struct nomad_reader *reader = &nomad->reader;

	log_debug("nomad: %zu service%s read, index %lld", reader->good, text_s(reader->good), (long long)nomad_bells_index(&nomad->bells));
	if (reader->found)
		nomad_bells_found(&nomad->bells);
	nomad_sweep_cost(&nomad->sweep, reader->found ? 0 : reader->pipeline.received, sys_thread_cpu() - nomad->began, sys_now());
	if (reader->bad && !reader->good)
		return failure_of_any(&nomad->catalog);
	nomad->api.pause = 0;
	source_worked(nomad->source, nomad->settings->address);
	return NULL;
}

static void nomad_start(struct nomad *nomad)
{
	if (!nomad_sweep_start(&nomad->sweep, sys_now()))
		return;
	nomad->began = sys_thread_cpu();
	nomad->reader.good = nomad->reader.bad = nomad->reader.pipeline.received = 0;
	nomad->reader.found = false;
	nomad->reader.least = nomad->settings->stale ? nomad_bells_index(&nomad->bells) : 0;
}

/* Reads a part, and posts what has changed. *busy: there may be more to do. */
static const char *nomad_read(struct nomad *nomad, bool *busy)
{
	bool first = !nomad->sweep.complete, unposted = nomad->unposted, over;
	size_t which[NOMAD_READER_BATCH], count;
	const char *why = NULL;

	catalog_confirm(&nomad->catalog, sys_now());
	nomad_start(nomad);
	count = nomad_sweep_choose(&nomad->sweep, which, NOMAD_READER_BATCH, sys_now());
	if (count)
		why = nomad_reader_read(&nomad->reader, which, count);
	over = !why && !nomad->reader.doubts && nomad_sweep_over(&nomad->sweep, sys_now());
	if (over)
		why = nomad_end(nomad);
	if (!why && !nomad->sweep.running && !nomad->sweep.complete)
		nomad->sweep.complete = nomad_sweep_whole(&nomad->sweep);
	*busy = !nomad->reader.doubts && (nomad->sweep.running || count == NOMAD_READER_BATCH);
	if (!why && nomad->reader.doubts)
		nomad_bells_doubt(&nomad->bells);
	nomad->reader.doubts = false;
	nomad->unposted = !why && *busy && !over && !catalog_ripe(&nomad->catalog);
	if (!nomad->unposted && (count || unposted || over))
		nomad_post(nomad, first && nomad->sweep.complete); /* what was read before an error is still true */
	nomad->api.code = why ? nomad->api.code : 0; /* the error of one service is not that of the bell */
	return why;
}

/* The turns. */

/* When the next turn must begin even if the bell does not ring. */
static int64_t nomad_turn_at(const struct nomad *nomad)
{
	int64_t idle = sys_now() + (*nomad->settings->token_file ? TOKEN_MS : IDLE_MS);
	bool open = nomad_bells_answered(&nomad->bells);
	int64_t times[] = {
		idle, state_memory_at(&nomad->memory), nomad_bells_at(&nomad->bells), open ? nomad_sweep_at(&nomad->sweep) : idle,
		open && nomad->catalog.hold.confirm_at ? nomad->catalog.hold.confirm_at : idle
	};
	int64_t at = idle;

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		at = times[i] < at ? times[i] : at;
	return at;
}

/* Another token may see other services: all is asked for again, and what waits with the old one is dropped. */
static void nomad_follow_token(struct nomad *nomad)
{
	if (!token_file_look(&nomad->api.token, false))
		return;
	log_info("nomad: another token stands in %s", nomad->settings->token_file);
	nomad_bells_doubt(&nomad->bells);
	nomad_reader_close(&nomad->reader);
	nomad_sweep_ring(&nomad->sweep, true);
}

static const char *nomad_turn(struct nomad *nomad)
{
	const char *why;
	bool busy = false;

	nomad_follow_token(nomad);
	why = nomad_api_lacks_token(&nomad->api);
	if (!why)
		why = nomad_bells_ask(&nomad->bells);
	if (!why && nomad_bells_answered(&nomad->bells))
		why = nomad_read(nomad, &busy);
	state_memory_save(&nomad->memory, nomad->source, nomad->catalog.list, false);
	if (sys_now() >= nomad->memory.offer_at)
		state_memory_offer(&nomad->memory, nomad->source);
	return why ? why : nomad_bells_wait(&nomad->bells, busy ? sys_now() : nomad_turn_at(nomad));
}

/* Runs turns until something goes wrong; returns what. */
static const char *nomad_watch(struct nomad *nomad)
{
	const char *why = NULL;

	nomad_bells_restart(&nomad->bells);
	for (size_t i = 0; i < nomad->catalog.count; i++)
		nomad->catalog.names[i].again_at = 0;
	while (!why)
		why = nomad_turn(nomad);
	if (nomad->unposted)
		nomad_post(nomad, false);
	nomad->unposted = false;
	return why;
}

/* False when the thread must stop. */
static bool nomad_try(struct nomad *nomad)
{
	const char *why;
	bool go_on = true;

	nomad->api.pause = nomad->api.code = 0;
	why = nomad_watch(nomad);
	if ((nomad->api.code == 403 || nomad->api.code == 401) && token_file_look(&nomad->api.token, true)) {
		log_info("nomad: another token stands in %s", nomad->settings->token_file);
	} else {
		if (!source_stopping(nomad->source))
			state_memory_offer(&nomad->memory, nomad->source);
		go_on = source_failed(nomad->source, nomad->api.code, nomad->settings->address, why, nomad->api.pause);
	}
	nomad_bells_close(&nomad->bells);
	nomad_reader_close(&nomad->reader);
	return go_on;
}

/* The whole life. */

/* What was known under other settings: nobody tells any more what becomes of the services of a namespace that is no longer
 * followed. Returns a list of its own. */
static struct service_list *followed(const struct nomad *nomad, const struct service_list *known)
{
	struct service_list *list = service_list_new();

	list->remembered = known->remembered;
	for (size_t i = 0; i < known->count; i++)
		if (nomad_api_follows(nomad->settings, known->items[i]->name))
			service_share(list, known->items[i]);
	return list;
}

/* Consul's services are in the file itself: both may be watched, one after the other, or at the same time. */
static struct service_list *memory_open(struct nomad *nomad)
{
	const char *path = nomad->source->config->state_path;
	struct service_list *known, *list;

	buf_printf(&nomad->state_path, *path ? "%s.nomad" : "%s", path);
	nomad->memory.path = nomad->state_path.data;
	/* On a reload, closing stays careful; at a start, the services on disk are used while Nomad does not answer. */
	if (nomad->source->known)
		return followed(nomad, nomad->source->known);
	known = state_memory_recall(&nomad->memory);
	if (!known)
		return NULL;
	list = followed(nomad, known);
	nomad->memory.recalled = list->count || !known->count ? service_list_ref(list) : NULL;
	service_list_unref(known);
	return list;
}

static void nomad_open(struct nomad *nomad, struct source *source)
{
	const struct nomad_settings *settings = source->settings;
	struct service_list *known;

	*nomad = (struct nomad){ .source = source, .settings = settings };
	nomad_api_open(&nomad->api, settings);
	catalog_open(&nomad->catalog, settings->tag);
	nomad->catalog.title = source->kind->title;
	nomad->catalog.checked = false; /* Nomad's servers do not know what its checks say */
	nomad_sweep_open(&nomad->sweep, &nomad->catalog, sys_now());
	nomad->reader = (struct nomad_reader){ .source = source, .api = &nomad->api, .catalog = &nomad->catalog };
	nomad_reader_open(&nomad->reader);
	nomad->bells = (struct nomad_bells){
		.source = source, .api = &nomad->api, .catalog = &nomad->catalog, .sweep = &nomad->sweep
	};
	nomad_bells_open(&nomad->bells);
	known = memory_open(nomad);
	if (known)
		catalog_recall(&nomad->catalog, known);
}

static void nomad_close(struct nomad *nomad)
{
	state_memory_forget(&nomad->memory);
	nomad_bells_free(&nomad->bells);
	nomad_reader_free(&nomad->reader);
	nomad_api_close(&nomad->api);
	catalog_close(&nomad->catalog);
	buf_free(&nomad->state_path);
}

static void nomad_run(struct source *source)
{
	struct nomad nomad;

	nomad_open(&nomad, source);
	while (!source_stopping(source) && nomad_try(&nomad))
		;
	state_memory_save(&nomad.memory, source, nomad.catalog.list, true);
	nomad_close(&nomad);
}

static bool nomad_ask(const void *settings, const char *service, struct service_list *list, struct buf *where)
{
	const struct nomad_settings *nomad = settings;
	struct buf why = { 0 };
	bool fine;

	list->word = arena_dup(&list->memory, nomad->tag, strlen(nomad->tag));
	fine = nomad_api_once(nomad, service, list, &why);
	buf_printf(where, fine ? "Nomad at %s" : "%s: %s", nomad->address, why.data);
	buf_free(&why);
	return fine;
}

static const char *nomad_word(const void *settings)
{
	return ((const struct nomad_settings *)settings)->tag;
}

const struct source_kind nomad_kind = {
	.name = "nomad", .title = "Nomad", .table = "routing.nomad", .asks = "routing.nomad.address", .asks_port = 4646,
	.options = nomad_options, .option_count = ARRAY_LEN(nomad_options), .size = sizeof(struct nomad_settings),
	.remembers = true, .polls = true, .run = nomad_run, .ask = nomad_ask,
	.word = nomad_word
};
