#include "base.h"
#include "consul.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "consul_catalog.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "consul_api.h"
#include "state.h"

static const char *const consistency_words[] = { "", "stale", "consistent", "leader", NULL };

static const char *check_address(const char *text)
{
	struct http_url url;

	return consul_api_url(&url, text);
}

static const char *check_tag(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return text[strspn(text, letters)] ? "is not a word of letters, digits, '_', '.' and '-'" : NULL;
}

#define AT(field) offsetof(struct consul_settings, field)

static const struct option consul_options[] = {
	{ .key = "consul.address", OPTION_TEXT, AT(address), "http://127.0.0.1:8500", "Consul agent to watch",
	  .check = check_address, .variable = "CONSUL_HTTP_ADDR" },
	{ .key = "consul.token", OPTION_SECRET, AT(token), "", "ACL token", .variable = "CONSUL_HTTP_TOKEN" },
	{ .key = "consul.datacenter", OPTION_TEXT, AT(datacenter), "", "datacenter of every query" },
	{ .key = "consul.namespace", OPTION_TEXT, AT(namespace), "", "namespace of every query" },
	{ .key = "consul.wait", OPTION_DURATION, AT(wait), "5m", "longest wait of one blocking query, 1s to 10m", 1000, 600000 },
	{ .key = "consul.consistency_mode", OPTION_TEXT, AT(consistency), "", "stale, consistent or leader",
	  .words = consistency_words },
	{ .key = "consul.tag", OPTION_TEXT, AT(tag), "dill",
	  "tag, and prefix of dill.listener=, that mark a service; while it is dill, dyntcp is read too", .check = check_tag },
};

#define CONNECT_MS 5000
#define READING_MS 5000           /* one reading */
#define AGAIN_MS 10000            /* until a reading is tried again that broke the connection */
#define BATCH 64                  /* names read in one go, pipelined; the bells are looked at in between */
#define BELL_BODY_MAX (64u << 20)
#define READING_BODY_MAX (16u << 20)

/* What the source may use of a core: 1 %, with a burst of 100 ms. Under more it pauses, at most a second a time. */
#define ALLOWANCE_US 100000
#define ALLOWANCE_PER_MS 10

#define SWEEP_MS 1000   /* sweeps come no closer together than this once their burst is used up */
#define SWEEP_BURST 4
#define SWEEP_COST 50   /* nor than so many times the CPU time that the last one took */

enum { NAMES, CHECKS, BELLS };

struct bell {
	struct http http;
	long index;       /* 0: none, ask without waiting */
	bool asked;
	int64_t asked_at, deadline, next_at;
};

struct consul {
	struct source *source;
	const struct consul_settings *config;
	struct http_url url;
	struct catalog catalog;
	struct bell bells[BELLS];
	struct http reader;
	struct json json;
	struct buf request, text; /* text: what went wrong, in words */
	int64_t at_least;         /* how long to wait after it */
	int code;                 /* the status of the newest answer, when it was an error; 0 otherwise */
	int64_t heard;            /* when the newest good answer was complete, on sys_micros()'s clock */
	int64_t allowance, allowance_at, cpu_at;
	bool sweep_due;
	size_t sweep_at;          /* the next name of the sweep under way */
	bool sweeping;
	size_t sweep_good;        /* readings that succeeded in it */
	bool sweep_skipped;       /* a name was left out: its last reading has just failed */
	const char *sweep_why;    /* what was wrong with the last one that did not */
	bool complete;            /* the first sweep has ended: there is something to post */
	bool blind, hidden; /* the token sees nothing, or not all; which has been said */
	bool denied;      /* a reading was answered with 403: the token's fault, and no one service's */
	int64_t retry_at; /* when a sweep is due for readings that failed; 0: none did */
	int64_t sweep_tokens_at, sweep_cpu, sweep_gap;
	unsigned sweep_tokens, sweep_number;
	struct service_list *recalled; /* from state.path, until it has been offered or is not needed */
	int64_t recall_at, saved;      /* when to offer it; when it was written, in wall time */
	bool unsaved, save_failed;     /* the newest list is not on disk; that has been said */
	int64_t save_at;               /* not before this */
};

/* Requests. */

static void bell_path(struct consul *c, int which)
{
	const char *tag = c->config->tag;
	struct buf filter = { 0 };

	if (which == NAMES) {
		buf_puts(&c->request, "/v1/catalog/services");
		return;
	}
	buf_printf(&filter, "ServiceTags contains \"%s\"", tag);
	if (strcmp(tag, "dill") == 0)
		buf_puts(&filter, " or ServiceTags contains \"dyntcp\"");
	buf_puts(&c->request, "/v1/health/state/any");
	consul_api_add(&c->request, "filter", filter.data);
	buf_free(&filter);
}

/* Counts an error of one service: by its status, when there was an answer. When an outage follows from it, that does not
 * count it again. */
static void count_error(struct consul *c)
{
	source_error(c->source, c->code);
	c->code = SOURCE_COUNTED;
}

static const char *read_json(struct consul *c, const struct http_response *r)
{
	int64_t wait;
	const char *why = consul_api_take(r, &c->json, &c->text, &wait);

	c->code = why && r->status != 200 ? r->status : 0;
	c->at_least = wait ? wait : c->at_least;
	c->heard = why ? c->heard : sys_micros();
	return why;
}

/* The allowance of CPU time. Returns how long to pause, in milliseconds. */
static int64_t account(struct consul *c)
{
	int64_t now = sys_now(), cpu = sys_thread_cpu();

	c->allowance += (now - c->allowance_at) * ALLOWANCE_PER_MS - (cpu - c->cpu_at);
	c->allowance_at = now;
	c->cpu_at = cpu;
	if (c->allowance > ALLOWANCE_US)
		c->allowance = ALLOWANCE_US;
	if (c->allowance < -1000 * ALLOWANCE_PER_MS)
		c->allowance = -1000 * ALLOWANCE_PER_MS;
	return c->allowance < 0 ? -c->allowance / ALLOWANCE_PER_MS : 0;
}

/* The bells. */

static const char *ask_bell(struct consul *c, int which)
{
	struct bell *b = &c->bells[which];
	int64_t wait = c->config->wait;
	struct buf out = { 0 };
	char number[32];
	const char *why = NULL;

	wait -= sys_random() % (uint32_t)(wait / 10 + 1);
	bell_path(c, which);
	if (b->index) {
		snprintf(number, sizeof number, "%ld", b->index);
		consul_api_add(&c->request, "index", number);
		snprintf(number, sizeof number, "%lldms", (long long)wait);
		consul_api_add(&c->request, "wait", number);
	}
	consul_api_finish(c->config, &c->url, &c->request, &out);
	b->asked_at = sys_now();
	b->deadline = b->asked_at + (b->index ? wait + wait / 16 : 0) + 10000;
	if (b->http.fd < 0)
		why = http_connect(&b->http, &c->url, c->source->cancel[0], b->asked_at + CONNECT_MS);
	if (!why)
		why = http_send(&b->http, &out, c->source->cancel[0], b->asked_at + CONNECT_MS);
	b->asked = !why;
	buf_free(&out);
	return why;
}

/* Takes the index of an answer. A nonsense one is none, and then the next question must not come at once. */
static void take_index(struct consul *c, struct bell *b, bool *moved)
{
	struct slice text = http_header(&b->http.response, "X-Consul-Index");
	long index = 0;

	for (size_t i = 0; i < text.len && index >= 0; i++) {
		int digit = text.at[i] - '0';

		index = digit < 0 || digit > 9 || index > (INT64_MAX / 2 - 9) / 10 ? -1 : index * 10 + digit;
	}
	if (index <= 0) {
		b->index = 0;
		b->next_at = sys_now() + 1000;
		*moved = true;
	} else if (index < b->index) {
		b->index = 0; /* it went back: start again */
		atomic_fetch_add(&c->source->counters.resets, 1);
		b->next_at = sys_now() + 100;
		*moved = true;
	} else {
		/* An answer that came at once and says nothing new: an agent that does not block. */
		if (index == b->index && sys_now() - b->asked_at < 500)
			b->next_at = sys_now() + 1000;
		*moved = *moved || index != b->index;
		b->index = index;
	}
}

/* A catalog has Consul itself in it. Without even that (where there are no namespaces), or without what the token may not
 * see, an answer of nothing is no news: the token is blind, or the agent. Then nothing is read, and what is known stays; a
 * source that has never seen anything has not spoken. That there is more than the token sees is said, too. */
static void judge_names(struct consul *c, const struct http_response *r)
{
	bool hidden = consul_api_filtered(r), empty = c->json.tokens[0].type == JSON_OBJECT && !c->json.tokens[0].count;
	bool blind = empty && (hidden || !*c->config->namespace);

	if (blind && !c->blind) {
		log_warn("consul: %s: it lists no service, not even itself: may the token see any? What is known stays in force",
		         c->config->address);
		atomic_fetch_add(&c->source->counters.outages, 1);
		atomic_store(&c->source->up, false);
	} else if (hidden && !blind && !c->hidden) {
		log_warn("consul: %s: the token does not see all services; those that it does not see are not routed",
		         c->config->address);
	}
	c->blind = blind;
	c->hidden = hidden && !blind;
}

/* A complete answer: what it points at becomes wanted. */
static const char *take_bell(struct consul *c, int which)
{
	struct bell *b = &c->bells[which];
	const char *why = read_json(c, &b->http.response);
	bool rung = false, pointed = false;

	if (!why && which == NAMES)
		judge_names(c, &b->http.response);
	if (!why && which == CHECKS)
		why = catalog_checks(&c->catalog, &c->json, &pointed);
	else if (!why && !c->blind)
		why = catalog_names(&c->catalog, &c->json, &pointed);
	if (why)
		return why;
	b->asked = false;
	b->next_at = sys_now() + account(c);
	take_index(c, b, &rung);
	c->sweep_due = c->sweep_due || rung;
	if (!c->source->down && !c->blind)
		source_worked(c->source, c->config->address);
	if (b->http.response.last)
		http_close(&b->http);
	else
		http_next(&b->http);
	return NULL;
}

static const char *listen_to_bell(struct consul *c, int which)
{
	struct bell *b = &c->bells[which];
	const char *why = http_receive(&b->http);

	if (!why && b->http.response.done)
		why = take_bell(c, which);
	else if (!why && sys_now() >= b->deadline)
		why = "no complete answer in time";
	return why;
}

/* The readings. */

static const char *ask_names(struct consul *c, const size_t *which, size_t count, int64_t deadline)
{
	struct buf out = { 0 };
	const char *why = NULL;

	for (size_t i = 0; i < count; i++) {
		buf_puts(&c->request, "/v1/health/service/");
		http_escape(&c->request, c->catalog.names[which[i]].name);
		consul_api_finish(c->config, &c->url, &c->request, &out);
	}
	if (c->reader.fd < 0)
		why = http_connect(&c->reader, &c->url, c->source->cancel[0], sys_now() + CONNECT_MS);
	if (!why)
		why = http_send(&c->reader, &out, c->source->cancel[0], deadline);
	buf_free(&out);
	return why;
}

/* A reading that failed leaves its name as it was, and that is said once. */
static void blame(struct consul *c, struct catalog_name *n, const char *why, int64_t again_in)
{
	if (!n->failed)
		log_warn("consul: service %s: %s; what was known of it stays", n->name, why);
	count_error(c);
	catalog_failed(n, why);
	n->again_at = sys_now() + again_in;
	if (!c->retry_at || c->retry_at > n->again_at)
		c->retry_at = n->again_at;
	c->sweep_why = why;
}

static void take_reading(struct consul *c, struct catalog_name *n, int64_t began)
{
	const char *why = read_json(c, &c->reader.response);

	if (!why && consul_api_filtered(&c->reader.response))
		why = consul_api_hidden;
	if (!why)
		why = catalog_reading(&c->catalog, n, &c->json, began);
	n->sweep = c->sweep_number;
	n->wanted = false;
	if (why)
		blame(c, n, why, SWEEP_MS);
	c->sweep_good += !why;
}

/* Takes the answers to what was asked for, as far as they come, and counts them in *done. */
static const char *take_readings(struct consul *c, const size_t *which, size_t count, size_t *done, int64_t began)
{
	for (; *done < count; http_next(&c->reader)) {
		const char *why = http_wait(&c->reader, c->source->cancel[0], sys_now() + READING_MS);

		c->denied = !why && c->reader.response.status == 403;
		if (c->denied)
			why = read_json(c, &c->reader.response);
		if (why)
			return why;
		take_reading(c, &c->catalog.names[which[(*done)++]], began);
		if (c->reader.response.last) {
			http_close(&c->reader);
			return NULL;
		}
	}
	return NULL;
}

/* Reads some names over one connection, pipelined. A kept connection may have ended meanwhile; when a new one breaks,
 * the name whose answer broke it is blamed, and the others go on. Two in a row without an answer between are an
 * outage. */
static const char *read_names(struct consul *c, const size_t *which, size_t count)
{
	unsigned lost = 0;

	for (size_t done = 0; done < count;) {
		bool kept = c->reader.fd >= 0;
		int64_t began = sys_now();
		size_t before = done;
		const char *why = ask_names(c, which + done, count - done, began + READING_MS);

		if (why && !kept)
			return why;
		if (!why)
			why = take_readings(c, which, count, &done, began);
		if (!why)
			continue;
		http_close(&c->reader);
		if (source_stopping(c->source) || c->denied)
			return why;
		lost = done > before ? 0 : lost;
		if (kept && done == before)
			continue;
		blame(c, &c->catalog.names[which[done]], why, AGAIN_MS);
		c->catalog.names[which[done++]].sweep = c->sweep_number;
		if (++lost == 2)
			return why;
	}
	return NULL;
}

static bool may_read(const struct catalog_name *n)
{
	return sys_now() >= n->again_at;
}

static size_t choose_wanted(struct consul *c, size_t *which)
{
	size_t count = 0;

	for (size_t i = 0; i < c->catalog.count && count < BATCH; i++)
		if (c->catalog.names[i].wanted && may_read(&c->catalog.names[i]))
			which[count++] = i;
	return count;
}

static size_t choose_sweep(struct consul *c, size_t *which)
{
	size_t count = 0;

	for (; c->sweep_at < c->catalog.count && count < BATCH; c->sweep_at++) {
		if (!may_read(&c->catalog.names[c->sweep_at]))
			c->sweep_skipped = true;
		else if (c->catalog.names[c->sweep_at].sweep != c->sweep_number)
			which[count++] = c->sweep_at;
	}
	return count;
}

static void start_sweep(struct consul *c)
{
	int64_t now = sys_now(), gap = c->sweep_gap > SWEEP_MS ? c->sweep_gap : SWEEP_MS;

	if (c->sweep_tokens < SWEEP_BURST && now - c->sweep_tokens_at >= gap) {
		int64_t more = (now - c->sweep_tokens_at) / gap;

		c->sweep_tokens = more > SWEEP_BURST ? SWEEP_BURST : c->sweep_tokens + (unsigned)more;
		if (c->sweep_tokens > SWEEP_BURST)
			c->sweep_tokens = SWEEP_BURST;
		c->sweep_tokens_at = now;
	}
	if (c->retry_at && now >= c->retry_at) {
		c->sweep_due = true;
		c->retry_at = 0;
	}
	if (!c->sweep_due || c->sweeping || !c->sweep_tokens)
		return;
	if (c->sweep_tokens-- == SWEEP_BURST)
		c->sweep_tokens_at = now;
	c->sweep_due = false;
	c->sweeping = true;
	c->sweep_at = 0;
	c->sweep_number++;
	c->sweep_good = 0;
	c->sweep_skipped = false;
	c->sweep_why = NULL;
	c->sweep_cpu = sys_thread_cpu();
}

/* A sweep in which not one reading succeeded is an outage; one that had to leave out all that there is says nothing. */
static const char *end_sweep(struct consul *c)
{
	c->sweeping = false;
	c->sweep_gap = (sys_thread_cpu() - c->sweep_cpu) * SWEEP_COST / 1000;
	if (!c->sweep_good && (c->sweep_why || c->sweep_skipped))
		return c->sweep_why;
	c->complete = true;
	c->at_least = 0;
	log_debug("consul: %zu services read, index %ld and %ld", c->sweep_good, c->bells[NAMES].index,
	          c->bells[CHECKS].index);
	source_worked(c->source, c->config->address);
	return NULL;
}

/* The last good services on disk. */

#define RECALL_MS 1000 /* so long Consul has to answer, at a start */
#define SAVE_MS 1000   /* between two writes */

static void recall(struct consul *c)
{
	struct buf why = { 0 };

	c->recalled = state_load(c->source->config->state_path, &c->saved, &why);
	if (c->recalled)
		catalog_recall(&c->catalog, service_list_ref(c->recalled));
	else if (why.len)
		log_warn("state.path: %s %s; it is not used", c->source->config->state_path, why.data);
	c->recall_at = sys_now() + RECALL_MS;
	buf_free(&why);
}

static void offer_recalled(struct consul *c)
{
	struct service_list *list = c->recalled;

	if (!list)
		return;
	c->recalled = NULL;
	if (c->complete) {
		service_list_unref(list);
		return;
	}
	log_warn("consul: no answer yet; until there is one, %zu instances as they were %lld s ago, from %s", list->count,
	         (long long)(sys_wall() / 1000 - c->saved), c->source->config->state_path);
	source_post(c->source, list);
}

static void save(struct consul *c, bool now)
{
	int error;

	if (!c->unsaved || !*c->source->config->state_path || (!now && sys_now() < c->save_at))
		return;
	error = state_save(c->source->config->state_path, c->catalog.list);
	if (error && !c->save_failed)
		log_warn("state.path: cannot write %s: %s", c->source->config->state_path, strerror(error));
	c->save_failed = error != 0;
	c->unsaved = false;
	c->save_at = sys_now() + SAVE_MS;
}

static void post(struct consul *c, bool first)
{
	struct service_list *list;

	/* The first list is posted when it is whole, even when it is empty. */
	list = catalog_compose(&c->catalog, sys_now());
	if (c->sweeping)
		c->sweep_at = 0; /* names may have moved; those that were read are known by their time */
	if (list && !c->complete) {
		service_list_unref(list);
		list = NULL;
	} else if (!list && first && c->complete) {
		list = service_list_ref(c->catalog.list);
	}
	if (!list)
		return;
	list->heard = c->heard;
	source_post(c->source, list);
	c->unsaved = true;
	offer_recalled(c); /* it is not needed any more */
}

/* Reads what is wanted, or the next part of a sweep. *busy: there was something to do. */
static const char *read_some(struct consul *c, bool *busy)
{
	size_t which[BATCH], count;
	bool first = !c->complete;
	const char *why = NULL;

	catalog_confirm(&c->catalog, sys_now());
	start_sweep(c);
	count = choose_wanted(c, which);
	if (!count && c->sweeping)
		count = choose_sweep(c, which);
	*busy = count || c->sweeping;
	if (!*busy)
		return NULL;
	if (count)
		why = read_names(c, which, count);
	if (!why && c->sweeping && c->sweep_at >= c->catalog.count)
		why = end_sweep(c);
	post(c, first); /* what was read before something went wrong is true all the same */
	return why;
}

/* One stretch without trouble. */

static int64_t soonest(const struct consul *c, bool open, bool busy)
{
	int64_t now = sys_now(), at = busy ? now : now + 60000;

	if (c->unsaved && *c->source->config->state_path && c->save_at < at)
		at = c->save_at;
	if (c->recalled && c->recall_at < at)
		at = c->recall_at;
	for (int i = 0; i < BELLS; i++) {
		const struct bell *b = &c->bells[i];
		int64_t next = b->asked ? b->deadline : b->next_at;

		at = next < at ? next : at;
	}
	if (!open)
		return at < now ? now : at;
	if (c->catalog.hold.confirm_at && c->catalog.hold.confirm_at < at)
		at = c->catalog.hold.confirm_at;
	if (c->retry_at && c->retry_at < at)
		at = c->retry_at;
	if (c->sweep_due && c->sweep_tokens_at + (c->sweep_gap > SWEEP_MS ? c->sweep_gap : SWEEP_MS) < at)
		at = c->sweep_tokens_at + (c->sweep_gap > SWEEP_MS ? c->sweep_gap : SWEEP_MS);
	return at < now ? now : at;
}

/* Waits for a bell, the next thing that is due, or the stop. */
static const char *wait_for_bells(struct consul *c, int64_t until)
{
	struct pollfd polls[BELLS + 1];
	const char *why = NULL;
	int64_t left;

	for (int i = 0; i < BELLS; i++)
		polls[i] = (struct pollfd){ .fd = c->bells[i].asked ? c->bells[i].http.fd : -1, .events = POLLIN };
	polls[BELLS] = (struct pollfd){ .fd = c->source->cancel[0], .events = POLLIN };
	left = until - sys_now();
	poll(polls, BELLS + 1, left < 0 ? 0 : (int)left);
	for (int i = 0; i < BELLS && !why; i++)
		if (c->bells[i].asked && (polls[i].revents || sys_now() >= c->bells[i].deadline))
			why = listen_to_bell(c, i);
	return polls[BELLS].revents ? "stopped" : why;
}

/* Nothing can be read before the names are known; and at first nothing should be that the checks will ask for again. */
static bool answered(const struct consul *c, int which)
{
	return c->bells[which].index || !c->bells[which].asked;
}

static const char *consul_watch(struct consul *c)
{
	const char *why = NULL;

	for (int i = 0; i < BELLS; i++) {
		c->bells[i].index = 0;
		c->bells[i].asked = false;
		c->bells[i].next_at = 0;
	}
	c->sweep_due = true;
	c->sweep_tokens = SWEEP_BURST;
	while (!why) {
		bool busy = false, open;

		for (int i = 0; i < BELLS && !why; i++)
			if (!c->bells[i].asked && sys_now() >= c->bells[i].next_at)
				why = ask_bell(c, i);
		open = answered(c, NAMES) && (c->complete || answered(c, CHECKS)) && !c->blind;
		if (!why && open) {
			why = read_some(c, &busy);
			c->code = why ? c->code : 0;
		}
		save(c, false);
		if (sys_now() >= c->recall_at)
			offer_recalled(c);
		if (!why)
			why = wait_for_bells(c, soonest(c, open, busy));
	}
	return why;
}

static void hang_up(struct consul *c)
{
	for (int i = 0; i < BELLS; i++)
		http_close(&c->bells[i].http);
	http_close(&c->reader);
	c->sweeping = false;
	c->request.len = 0;
}

static void consul_run(struct source *s)
{
	struct consul c = { .source = s, .config = s->settings, .allowance = ALLOWANCE_US };

	consul_api_url(&c.url, c.config->address);
	catalog_open(&c.catalog, c.config->tag);
	for (int i = 0; i < BELLS; i++)
		http_open(&c.bells[i].http, BELL_BODY_MAX);
	http_open(&c.reader, READING_BODY_MAX);
	c.allowance_at = sys_now();
	if (s->known)
		catalog_recall(&c.catalog, service_list_ref(s->known)); /* a reload: closing is as careful as ever */
	else if (*s->config->state_path)
		recall(&c);
	while (!source_stopping(s)) {
		const char *why = consul_watch(&c);
		bool go_on;

		if (!source_stopping(s))
			offer_recalled(&c);
		go_on = source_failed(s, c.code, c.config->address, why, c.at_least);
		c.at_least = 0;
		c.code = 0;
		hang_up(&c);
		if (!go_on)
			break;
	}
	save(&c, true);
	service_list_unref(c.recalled);
	for (int i = 0; i < BELLS; i++)
		http_free(&c.bells[i].http);
	http_free(&c.reader);
	json_free(&c.json);
	buf_free(&c.request);
	buf_free(&c.text);
	catalog_close(&c.catalog);
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
	.name = "consul", .title = "Consul", .table = "consul", .alias = "routing.consul", .options = consul_options,
	.option_count = ARRAY_LEN(consul_options), .size = sizeof(struct consul_settings), .standard = true,
	.remembers = true, .polls = true, .run = consul_run, .ask = consul_ask, .word = consul_word
};
