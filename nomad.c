/* The thread runs in turns: ask the bell if it is not waiting for an answer, read a batch of services, post what has
 * changed, wait for the bell. The first error ends the turns: both connections are closed, and after a pause it starts
 * again.
 *
 *     nomad_names     an answer of the bell, as it arrives
 *     nomad_sweep     what is read next
 *     nomad_reader    reads it
 *     nomad_instance  makes services of it
 *     nomad_api       requests and answers
 *     consul_catalog  all known services */
#include "base.h"
#include "nomad.h"

#include <poll.h>
#include <string.h>

#include "answer.h"
#include "consul_catalog.h"
#include "http.h"
#include "http_url.h"
#include "json_walk.h"
#include "log.h"
#include "longpoll.h"
#include "nomad_api.h"
#include "nomad_names.h"
#include "nomad_reader.h"
#include "nomad_sweep.h"
#include "option.h"
#include "pace.h"
#include "service.h"
#include "state_memory.h"
#include "sys.h"
#include "tag.h"
#include "text.h"
#include "tls_option.h"
#include "token_file.h"

#define IDLE_MS 60000 /* a turn begins at least this often */
#define TOKEN_MS 5000 /* when there is a file with the token, which is looked at in each */
#define BEHIND_MS 10000 /* with `stale`, so long a server may be behind the one that rang */

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

	if (strcmp(text, "*") == 0)
		return NULL;
	if (!*text)
		return "is no namespace";
	while (slice_next(&rest, ',', &name))
		if (!name.len || name.len > 128 || strspn(name.at, letters) < name.len)
			return "is no namespace, list of them, or *";
	return NULL;
}

static const char *nomad_check_tag(const char *text)
{
	return *text ? tag_check_word(text) : NULL;
}

#define AT(field) offsetof(struct nomad_settings, field)

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
	struct longpoll bell;
	struct nomad_names names; /* its answer */
	struct nomad_sweep sweep;
	struct nomad_reader reader;
	struct pace_allowance allowance;
	struct state_memory memory;
	struct buf state_path;
	int64_t began; /* the CPU time of the thread when the newest sweep began */
	bool blind;    /* the newest answer of the bell told nothing: the token may read no namespace */
	bool empty;    /* it named no service at all, which has been said */
	bool cut;      /* queries may not wait for long, which has been said */
	bool unposted; /* services have been read, and more are to be read before they are posted */
};

/* The bell. */

static const char *nomad_bell_ask(struct nomad *nomad)
{
	struct buf out = { 0 };
	const char *why;

	if (nomad->bell.asked || sys_now() < longpoll_at(&nomad->bell))
		return NULL;
	nomad_api_names(&nomad->api);
	longpoll_query(&nomad->bell, &nomad->api.path, sys_now());
	nomad_api_finish(&nomad->api, &out);
	why = longpoll_send(&nomad->bell, &nomad->api.url, &out, nomad->source->cancel[0]);
	buf_free(&out);
	return why;
}

/* A token that may read no namespace is shown an empty list with index 0 when all are asked for: an error in all but name.
 * The known services stay, and a source that has never seen any is not ready. */
static void nomad_set_blind(struct nomad *nomad, bool blind)
{
	if (blind && !nomad->blind) {
		log_warn("nomad: %s shows no services, and no index; check the token's permissions; keeping the last known services",
		         nomad->settings->address);
		atomic_fetch_add(&nomad->source->counters.outages, 1);
		atomic_store(&nomad->source->up, false);
		nomad->source->down = true;
	}
	nomad->blind = blind;
}

/* To ask for a namespace that does not exist is no error for Nomad. */
static void nomad_set_empty(struct nomad *nomad, bool empty)
{
	if (empty && !nomad->empty)
		log_info("nomad: %s: there are no services in namespace %s, if that exists", nomad->settings->address,
		         nomad->settings->namespace);
	nomad->empty = empty;
}

/* Takes a complete answer. The services that have other tags are then wanted, and a sweep is due for what it does not say. */
static const char *nomad_bell_take(struct nomad *nomad)
{
	const struct http_response *response = &nomad->bell.http.response;
	const char *why = nomad_api_judge(&nomad->api, response), *broken = NULL;
	bool blind = longpoll_index(response, "X-Nomad-Index") <= 0 && !nomad->names.total, changed = false;
	enum longpoll_news news;

	if (!why)
		broken = json_walk_end(&nomad->names.walk);
	if (!why)
		why = nomad_api_take(&nomad->api, response, broken ? nomad->names.why : nomad_names_judge(&nomad->names), broken);
	if (why)
		return why;
	nomad_set_blind(nomad, blind);
	if (!blind) {
		nomad_set_empty(nomad, !nomad->names.total);
		changed = nomad_names_take(&nomad->names, &nomad->catalog);
	}
	if (changed)
		pace_news(&nomad->allowance);
	news = longpoll_take(&nomad->bell, sys_now(), pace_pause(&nomad->allowance, sys_now()));
	if (news == LONGPOLL_BACK)
		atomic_fetch_add(&nomad->source->counters.resets, 1);
	if (!blind && news != LONGPOLL_SAME)
		nomad_sweep_ring(&nomad->sweep, news == LONGPOLL_BACK || !nomad->sweep.complete);
	if (!blind && !nomad->source->down)
		source_worked(nomad->source, nomad->settings->address);
	return NULL;
}

static const char *nomad_bell_hear(struct nomad *nomad)
{
	struct longpoll *bell = &nomad->bell;
	const char *why = longpoll_receive(bell);

	if (bell->most < bell->wait && !nomad->cut) {
		log_info("nomad: %s: a gateway ends queries after %lld s; asking for shorter ones", nomad->settings->address,
		         (long long)(sys_now() - bell->asked_at) / 1000);
		nomad->cut = true;
	}
	return !why && bell->http.response.done ? nomad_bell_take(nomad) : why;
}

/* Waits for the bell, for `until`, or for the stop, and takes what the bell says. */
static const char *nomad_bell_wait(struct nomad *nomad, int64_t until)
{
	struct pollfd polls[2] = {
		{ .fd = longpoll_fd(&nomad->bell), .events = POLLIN }, { .fd = nomad->source->cancel[0], .events = POLLIN }
	};
	int64_t left = until - sys_now();
	const char *why = NULL;

	poll(polls, 2, left < 0 ? 0 : (int)left);
	if (nomad->bell.asked && (polls[0].revents || sys_now() >= longpoll_at(&nomad->bell)))
		why = nomad_bell_hear(nomad);
	return polls[1].revents ? "stopped" : why;
}

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

	log_debug("nomad: %zu service%s read, index %lld", reader->good, text_s(reader->good), (long long)nomad->bell.index);
	if (reader->found)
		pace_news(&nomad->allowance);
	nomad_sweep_cost(&nomad->sweep, reader->found ? 0 : reader->received, sys_thread_cpu() - nomad->began, sys_now());
	if (reader->bad && !reader->good)
		return failure_of_any(&nomad->catalog);
	nomad->sweep.complete = true;
	nomad->api.pause = 0;
	source_worked(nomad->source, nomad->settings->address);
	return NULL;
}

static void nomad_start(struct nomad *nomad)
{
	if (!nomad_sweep_start(&nomad->sweep, sys_now()))
		return;
	nomad->began = sys_thread_cpu();
	nomad->reader.good = nomad->reader.bad = nomad->reader.received = 0;
	nomad->reader.found = false;
	if (!nomad->settings->stale)
		return;
	nomad->reader.least = nomad->bell.index;
	nomad->reader.patient = sys_now() + BEHIND_MS;
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
	*busy = !nomad->reader.doubts && (nomad->sweep.running || count == NOMAD_READER_BATCH);
	if (!why && nomad->reader.doubts)
		longpoll_doubt(&nomad->bell);
	nomad->reader.doubts = false;
	nomad->unposted = !why && *busy && !over && !catalog_ripe(&nomad->catalog);
	if (!nomad->unposted && (count || unposted || over))
		nomad_post(nomad, first && nomad->sweep.complete); /* what was read before an error is still true */
	nomad->api.code = why ? nomad->api.code : 0; /* the error of one service is not that of the bell */
	return why;
}

/* The turns. */

static bool nomad_answered(const struct nomad *nomad)
{
	return longpoll_answered(&nomad->bell) && !nomad->blind;
}

/* When the next turn must begin even if the bell does not ring. */
static int64_t nomad_turn_at(const struct nomad *nomad)
{
	int64_t idle = sys_now() + (*nomad->settings->token_file ? TOKEN_MS : IDLE_MS);
	bool open = nomad_answered(nomad);
	int64_t times[] = {
		idle, state_memory_at(&nomad->memory), longpoll_at(&nomad->bell), open ? nomad_sweep_at(&nomad->sweep) : idle,
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
	longpoll_doubt(&nomad->bell);
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
		why = nomad_bell_ask(nomad);
	if (!why && nomad_answered(nomad))
		why = nomad_read(nomad, &busy);
	state_memory_save(&nomad->memory, nomad->source, nomad->catalog.list, false);
	if (sys_now() >= nomad->memory.offer_at)
		state_memory_offer(&nomad->memory, nomad->source);
	return why ? why : nomad_bell_wait(nomad, busy ? sys_now() : nomad_turn_at(nomad));
}

/* Runs turns until something goes wrong; returns what. */
static const char *nomad_watch(struct nomad *nomad)
{
	const char *why = NULL;

	longpoll_restart(&nomad->bell);
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
	longpoll_close(&nomad->bell);
	nomad_reader_close(&nomad->reader);
	return go_on;
}

/* The whole life. */

/* Consul's services are in the file itself: both may be watched, one after the other, or at the same time. */
static struct service_list *memory_open(struct nomad *nomad)
{
	const char *path = nomad->source->config->state_path;
	struct service_list *list;

	buf_printf(&nomad->state_path, *path ? "%s.nomad" : "%s", path);
	nomad->memory.path = nomad->state_path.data;
	/* On a reload, closing stays careful; at a start, the services on disk are used while Nomad does not answer. */
	if (nomad->source->known)
		return nomad->source->known;
	list = state_memory_recall(&nomad->memory);
	if (list)
		list->checked = false;
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
	longpoll_open(&nomad->bell, "X-Nomad-Index", settings->wait, ANSWER_BODY_MAX);
	nomad->bell.http.tls = &settings->tls;
	nomad_names_open(&nomad->names, settings->tag, settings->namespace);
	answer_stream(&nomad->bell.http.response, &nomad->names.walk);
	nomad_sweep_open(&nomad->sweep, &nomad->catalog, sys_now());
	nomad->reader = (struct nomad_reader){ .source = source, .api = &nomad->api, .catalog = &nomad->catalog };
	nomad_reader_open(&nomad->reader);
	pace_allow(&nomad->allowance, sys_now());
	known = memory_open(nomad);
	if (known)
		catalog_recall(&nomad->catalog, service_list_ref(known));
}

static void nomad_close(struct nomad *nomad)
{
	state_memory_forget(&nomad->memory);
	longpoll_free(&nomad->bell);
	nomad_names_close(&nomad->names);
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
