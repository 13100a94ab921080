#include "base.h"
#include "nomad_bells.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "http.h"
#include "json_walk.h"
#include "log.h"
#include "sys.h"
#include "text.h"

#define REFUSED_MS 5000 /* before a namespace is asked for again that the token may not read */

static const char *ask_namespace(struct nomad_bells *bells, struct nomad_bell *bell)
{
	struct buf out = { 0 };
	const char *why;

	nomad_api_names(bells->api, bell->namespace);
	longpoll_query(&bell->poll, &bells->api->path, sys_now());
	nomad_api_finish(bells->api, &out);
	why = longpoll_send(&bell->poll, &bells->api->url, &out, bells->source->cancel[0]);
	buf_free(&out);
	return why;
}

const char *nomad_bells_ask(struct nomad_bells *bells)
{
	const char *why = NULL;

	for (size_t i = 0; i < bells->count && !why; i++)
		if (!bells->items[i].poll.asked && sys_now() >= longpoll_at(&bells->items[i].poll))
			why = ask_namespace(bells, &bells->items[i]);
	return why;
}

int64_t nomad_bells_at(const struct nomad_bells *bells)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < bells->count; i++)
		if (longpoll_at(&bells->items[i].poll) < at)
			at = longpoll_at(&bells->items[i].poll);
	return at;
}

int64_t nomad_bells_index(const struct nomad_bells *bells)
{
	int64_t index = 0;

	for (size_t i = 0; i < bells->count; i++)
		if (index < bells->items[i].poll.index)
			index = bells->items[i].poll.index;
	return index;
}

bool nomad_bells_answered(const struct nomad_bells *bells)
{
	bool any = false;

	for (size_t i = 0; i < bells->count; i++) {
		const struct nomad_bell *bell = &bells->items[i];

		if (!bell->blind && !longpoll_answered(&bell->poll))
			return false;
		any = any || !bell->blind;
	}
	return any;
}

static bool all_blind(const struct nomad_bells *bells)
{
	for (size_t i = 0; i < bells->count; i++)
		if (!bells->items[i].blind)
			return false;
	return true;
}

/* The services stay that were known, and a source that has never seen any is not ready. */
static void set_blind(struct nomad_bells *bells, struct nomad_bell *bell, const char *why)
{
	if (!bell->said)
		log_warn("nomad: %s: namespace %s: %s; keeping its last known services", bells->api->settings->address,
		         bell->namespace, why);
	bell->blind = bell->said = true;
}

/* To ask for a namespace that does not exist is no error for Nomad. */
static void set_empty(struct nomad_bells *bells, struct nomad_bell *bell)
{
	bool empty = !bell->names.total;

	if (empty && !bell->empty)
		log_info("nomad: %s: there are no services in namespace %s, if that exists", bells->api->settings->address,
		         bell->namespace);
	bell->empty = empty;
}

/* A complete answer: NULL, or why it is none. *nothing: it tells nothing. A token that may read no namespace is shown an empty
 * list with index 0 when all are asked for. */
static const char *judge_namespace(struct nomad_bells *bells, struct nomad_bell *bell, bool *nothing)
{
	const struct http_response *response = &bell->poll.http.response;
	const char *why = nomad_api_judge(bells->api, response), *broken;

	if (why)
		return why;
	broken = json_walk_end(&bell->names.walk);
	*nothing = longpoll_index(response, "X-Nomad-Index") <= 0 && !bell->names.total;
	return nomad_api_take(bells->api, response, broken ? bell->names.why : nomad_names_judge(&bell->names), broken);
}

/* An error in all but name. */
static void take_nothing(struct nomad_bells *bells, struct nomad_bell *bell)
{
	set_blind(bells, bell, "an empty answer without an index: the token may read nothing");
	if (!all_blind(bells) || bells->source->down)
		return;
	atomic_fetch_add(&bells->source->counters.outages, 1);
	atomic_store(&bells->source->up, false);
	bells->source->down = true;
}

static bool take_names(struct nomad_bells *bells, struct nomad_bell *bell)
{
	set_empty(bells, bell);
	bell->blind = bell->said = false;
	return nomad_names_take(&bell->names, bells->catalog);
}

static void take_namespace_answer(struct nomad_bells *bells, struct nomad_bell *bell, bool nothing)
{
	bool first = !bells->sweep->complete, changed = !nothing && take_names(bells, bell);
	enum longpoll_news news;

	if (nothing)
		take_nothing(bells, bell);
	if (changed)
		pace_news(&bells->allowance);
	news = longpoll_take(&bell->poll, sys_now(), pace_pause(&bells->allowance, sys_now()));
	if (news == LONGPOLL_BACK)
		atomic_fetch_add(&bells->source->counters.resets, 1);
	if (!nothing && news != LONGPOLL_SAME)
		nomad_sweep_ring(bells->sweep, first || news == LONGPOLL_BACK);
	if (!nothing && !bells->source->down)
		source_worked(bells->source, bells->api->settings->address);
}

/* Of several namespaces the token may read the others: only when it may read none of them, that is an outage. */
static const char *refuse_namespace(struct nomad_bells *bells, struct nomad_bell *bell, const char *why)
{
	if (bells->api->code != 403 || bells->count == 1)
		return why;
	set_blind(bells, bell, why);
	if (all_blind(bells))
		return why;
	source_error(bells->source, bells->api->code);
	bells->api->code = 0;
	bells->api->pause = 0;
	longpoll_put_off(&bell->poll, sys_now() + REFUSED_MS);
	return NULL;
}

static const char *hear_namespace(struct nomad_bells *bells, struct nomad_bell *bell)
{
	struct longpoll *poll = &bell->poll;
	const char *why = longpoll_receive(poll);
	bool nothing = false;

	if (poll->most < poll->wait && !bells->cut) {
		log_info("nomad: %s: a gateway ends queries after %lld s; asking for shorter ones", bells->api->settings->address,
		         (long long)(sys_now() - poll->asked_at) / 1000);
		bells->cut = true;
	}
	if (why || !poll->http.response.done)
		return why;
	why = judge_namespace(bells, bell, &nothing);
	if (why)
		return refuse_namespace(bells, bell, why);
	take_namespace_answer(bells, bell, nothing);
	return NULL;
}

const char *nomad_bells_wait(struct nomad_bells *bells, int64_t until)
{
	struct pollfd polls[NOMAD_BELLS_MAX + 1];
	int64_t left = until - sys_now();
	const char *why = NULL;

	for (size_t i = 0; i < bells->count; i++)
		polls[i] = (struct pollfd){ .fd = longpoll_fd(&bells->items[i].poll), .events = POLLIN };
	polls[bells->count] = (struct pollfd){ .fd = bells->source->cancel[0], .events = POLLIN };
	poll(polls, bells->count + 1, left < 0 ? 0 : (int)left);
	for (size_t i = 0; i < bells->count && !why; i++) {
		struct nomad_bell *bell = &bells->items[i];

		if (bell->poll.asked && (polls[i].revents || sys_now() >= longpoll_at(&bell->poll)))
			why = hear_namespace(bells, bell);
	}
	return polls[bells->count].revents ? "stopped" : why;
}

/* The whole life. */

static void open_namespace(struct nomad_bells *bells, struct slice namespace)
{
	const struct nomad_settings *settings = bells->api->settings;
	struct nomad_bell *bell = &bells->items[bells->count++];

	bell->namespace = sys_alloc(namespace.len + 1);
	memcpy(bell->namespace, namespace.at, namespace.len);
	longpoll_open(&bell->poll, "X-Nomad-Index", settings->wait, ANSWER_BODY_MAX);
	bell->poll.http.tls = &settings->tls;
	nomad_names_open(&bell->names, settings->tag, bell->namespace, nomad_api_several(settings));
	answer_stream(&bell->poll.http.response, &bell->names.walk);
}

void nomad_bells_open(struct nomad_bells *bells)
{
	struct slice all = slice_of(bells->api->settings->namespace), rest = all, namespace;
	size_t count = 0;

	while (count < NOMAD_BELLS_MAX && slice_next(&rest, ',', &namespace))
		count++;
	pace_allow(&bells->allowance, sys_now());
	bells->items = sys_alloc(count * sizeof *bells->items);
	for (rest = all; bells->count < count && slice_next(&rest, ',', &namespace);)
		open_namespace(bells, namespace);
}

void nomad_bells_restart(struct nomad_bells *bells)
{
	for (size_t i = 0; i < bells->count; i++) {
		longpoll_restart(&bells->items[i].poll);
		bells->items[i].blind = false;
	}
}

void nomad_bells_found(struct nomad_bells *bells)
{
	pace_news(&bells->allowance);
}

void nomad_bells_doubt(struct nomad_bells *bells)
{
	for (size_t i = 0; i < bells->count; i++)
		longpoll_doubt(&bells->items[i].poll);
}

void nomad_bells_close(struct nomad_bells *bells)
{
	for (size_t i = 0; i < bells->count; i++)
		longpoll_close(&bells->items[i].poll);
}

void nomad_bells_free(struct nomad_bells *bells)
{
	for (size_t i = 0; i < bells->count; i++) {
		longpoll_free(&bells->items[i].poll);
		nomad_names_close(&bells->items[i].names);
		free(bells->items[i].namespace);
	}
	free(bells->items);
}
