#include "base.h"
#include "consul_reader.h"

#include "answer.h"
#include "consul_instance.h"
#include "digest.h"
#include "log.h"
#include "longpoll.h"
#include "sys.h"
#include "text.h"

#define CONNECT_MS 5000
#define READING_MS 5000 /* for one reading */
#define BROKEN_MS 10000 /* before the next reading of a service whose answer broke the connection */
#define RIGHT_MS 5000   /* before the next reading of a service for which the token lacks a right */
#define NODE_MS 10000   /* before the next list of a node that did not give it */
#define LEAST_BYTES (4u << 20) /* a larger answer gets as much time again for each so many */

/* Readings that are asked for together, pipelined. */
struct batch {
	const size_t *which; /* their indexes in the catalog, or among the nodes: */
	bool nodes;
	size_t count, done, asked;
	int64_t began, deadline;
	bool denied; /* one was answered with 403: the token is wrong, not that service */
	bool proved; /* the next name's right is known: */
	const char *hidden; /* why its absence means nothing; NULL: it is gone, if it is absent */
};

void consul_reader_open(struct consul_reader *reader)
{
	http_open(&reader->http, CONSUL_API_BODY_MAX);
	consul_api_connects(reader->api, &reader->http);
	instance_open(&reader->reading, reader->catalog->tag, &reader->catalog->failing);
	answer_stream(&reader->http.response, &reader->reading.walk);
	reader->depth = CONSUL_SWEEP_BATCH;
}

void consul_reader_close(struct consul_reader *reader)
{
	http_close(&reader->http);
	reader->depth = CONSUL_SWEEP_BATCH;
}

void consul_reader_free(struct consul_reader *reader)
{
	http_free(&reader->http);
	instance_close(&reader->reading);
}

/* A name that is gone from the list may be hidden by a token that has lost its right. */
static bool needs_proof(const struct consul_reader *reader, const struct batch *batch, size_t at)
{
	return !batch->nodes && !reader->catalog->names[batch->which[at]].listed &&
	       (reader->catalog->narrow || *consul_api_token(reader->api));
}

/* Adds the questions about one of them. */
static void ask_one(struct consul_reader *reader, const struct batch *batch, size_t at, struct buf *out)
{
	const char *name = batch->nodes ? reader->nodes->items[batch->which[at]].name :
	                   reader->catalog->names[batch->which[at]].name;

	if (needs_proof(reader, batch, at) && !(at == batch->done && batch->proved)) {
		consul_api_right(reader->api, name);
		consul_api_finish(reader->api, out);
	}
	(batch->nodes ? consul_api_node : consul_api_health)(reader->api, name);
	consul_api_finish(reader->api, out);
}

/* Whether the next answer is about the right to the next name, not about its instances. */
static bool batch_proves(const struct consul_reader *reader, const struct batch *batch)
{
	return needs_proof(reader, batch, batch->done) && !batch->proved;
}

/* Says whose the next answer is. It may come with this one: call this before anything of it is looked at. */
static void batch_expect(struct consul_reader *reader, const struct batch *batch)
{
	bool instances = batch->done < batch->asked && !batch->nodes && !batch_proves(reader, batch);

	reader->reading.name = instances ? reader->catalog->names[batch->which[batch->done]].name : NULL;
}

static const char *batch_ask(struct consul_reader *reader, struct batch *batch)
{
	int cancel_fd = reader->source->cancel[0];
	struct buf out = { 0 };
	const char *why = NULL;

	batch->began = sys_now();
	batch->deadline = batch->began + READING_MS;
	batch->asked = batch->done;
	for (; batch->asked < batch->count && batch->asked < batch->done + reader->depth; batch->asked++)
		ask_one(reader, batch, batch->asked, &out);
	batch_expect(reader, batch);
	answer_stream(&reader->http.response, batch->nodes ? NULL : &reader->reading.walk);
	if (reader->http.fd < 0) {
		reader->served = 0;
		why = http_connect(&reader->http, &reader->api->url, cancel_fd, sys_now() + CONNECT_MS);
	}
	if (!why)
		why = http_send(&reader->http, &out, cancel_fd, batch->deadline);
	buf_free(&out);
	return why;
}

/* A reading that failed leaves its service as it was. It is logged once, and counted here, so an outage that follows
 * does not count it (SOURCE_COUNTED). */
static void reading_fail(struct consul_reader *reader, struct catalog_name *name, const char *why, int64_t again_in)
{
	if (!name->failed)
		log_about(LOG_WARN, name, "time", "consul: service %s: %s; keeping its last known instances", name->name, why);
	source_error(reader->source, reader->api->code);
	reader->api->code = SOURCE_COUNTED;
	catalog_failed(name, why);
	consul_sweep_failed(reader->sweep, name, why, sys_now() + again_in);
}

/* A name that is listed and has no instance: perhaps the list is a moment old, so it is asked for anew before the next
 * look, each time. */
static void reading_doubt(struct consul_reader *reader, struct catalog_name *name)
{
	reader->doubts = true;
	if (name->doubted)
		reading_fail(reader, name, "listed without any instance: the token seems to lack node:read", RIGHT_MS);
	else
		consul_sweep_later(reader->sweep, name, sys_now() + CONSUL_SWEEP_MS);
	name->doubted = true;
}

static void reading_take(struct consul_reader *reader, struct catalog_name *name, const struct batch *batch)
{
	const struct http_response *response = &reader->http.response;
	const char *why = consul_api_take(reader->api, response);
	bool none = !why && instance_none(&reader->reading);
	int64_t again_in = CONSUL_SWEEP_MS;

	name->wanted = false;
	if (!why && consul_api_filtered(response))
		why = consul_api_hidden;
	if (!why && none && name->listed) {
		reading_doubt(reader, name);
		return;
	}
	if (!why && none && batch->hidden) {
		why = batch->hidden;
		again_in = RIGHT_MS;
	}
	if (!why)
		why = instance_end(&reader->reading);
	if (!why)
		catalog_reading(reader->catalog, name, &reader->reading, batch->began);
	if (why) {
		reading_fail(reader, name, why, again_in);
		return;
	}
	consul_sweep_read(reader->sweep, name);
	/* No list of a node tells of its checks. */
	if (longpoll_index(response, "X-Consul-Index") < reader->cause &&
	    consul_sweep_behind(reader->sweep, sys_now()) && name->unsure)
		consul_sweep_later(reader->sweep, name, sys_now() + CONSUL_SWEEP_MS);
}

/* A node that gives no list, again and again (its name may be one that a gateway refuses): what is known there is read by
 * name. */
static void want_on(struct catalog *catalog, const struct consul_node *node)
{
	struct digest_set nodes = { 0 };

	digest_add(&nodes, node->digest, 1);
	catalog_want_on(catalog, &nodes);
	digest_free(&nodes);
}

/* A list that cannot be had tells nothing. It is said once; while several cannot, one of them is named. */
static void list_fail(struct consul_reader *reader, struct consul_node *node, const char *why)
{
	if (node->alone)
		want_on(reader->catalog, node);
	if (!node->again_at && !reader->sweep->node_at && why != consul_nodes_unknown)
		log_warn("consul: the services of node %s: %s; asking again", node->name, why);
	reader->api->code = SOURCE_COUNTED;
	consul_sweep_node_failed(reader->sweep, node, why, sys_now() + NODE_MS);
}

static void list_take(struct consul_reader *reader, struct consul_node *node)
{
	const struct http_response *response = &reader->http.response;
	const char *why = consul_api_judge(reader->api, response);
	bool differs = false;
	struct slice answer = { response->body.data ? response->body.data : "", response->body.len };

	if (!why && consul_api_filtered(response))
		why = consul_api_hidden;
	if (!why)
		why = consul_nodes_compare(reader->nodes, reader->catalog, node, answer, &differs);
	if (why) {
		list_fail(reader, node, why);
		return;
	}
	if (longpoll_index(response, "X-Consul-Index") < reader->listed)
		consul_sweep_behind(reader->sweep, sys_now());
	node->index = answer.len > CONSUL_NODES_LIST ? 0 : longpoll_index(response, "X-Consul-Index");
	consul_sweep_listed(reader->sweep, node, differs);
}

/* Waits for one answer. */
static const char *batch_wait(struct consul_reader *reader, struct batch *batch)
{
	const char *why;
	uint64_t had;

	do {
		had = reader->http.response.size;
		batch->deadline = sys_now() + READING_MS;
		why = http_wait(&reader->http, reader->source->cancel[0], batch->deadline);
	} while (why && reader->http.response.size >= had + LEAST_BYTES); /* another reason comes back at once */
	return why;
}

/* Fewer questions together where the server ends a connection after fewer answers. */
static void batch_shrink(struct consul_reader *reader)
{
	if (reader->served < reader->depth)
		reader->depth = reader->served ? reader->served : 1;
}

static void batch_next(struct batch *batch)
{
	batch->done++;
	batch->proved = false;
	batch->hidden = NULL;
}

static void one_take(struct consul_reader *reader, const struct batch *batch)
{
	size_t at = batch->which[batch->done];

	if (batch->nodes)
		list_take(reader, &reader->nodes->items[at]);
	else
		reading_take(reader, &reader->catalog->names[at], batch);
}

static void one_fail(struct consul_reader *reader, const struct batch *batch, const char *why)
{
	size_t at = batch->which[batch->done];

	if (batch->nodes)
		list_fail(reader, &reader->nodes->items[at], why);
	else
		reading_fail(reader, &reader->catalog->names[at], why, BROKEN_MS);
}

/* Takes the answers as they come: all of them, or those that came before the server closed the connection. */
static const char *batch_take(struct consul_reader *reader, struct batch *batch)
{
	for (; batch->done < batch->asked; http_next(&reader->http)) {
		const char *why = batch_wait(reader, batch);
		bool proves = batch_proves(reader, batch);

		batch->denied = !why && !proves && !batch->nodes && reader->http.response.status == 403;
		if (batch->denied)
			why = consul_api_take(reader->api, &reader->http.response);
		if (why)
			return why;
		reader->served++;
		reader->received += reader->http.response.size;
		if (proves) {
			batch->proved = true;
			batch->hidden = consul_api_judge_right(reader->api, &reader->http.response);
		} else {
			one_take(reader, batch);
			batch_next(batch);
		}
		batch_expect(reader, batch);
		if (!reader->http.response.last)
			continue;
		http_close(&reader->http);
		if (batch->done < batch->asked)
			batch_shrink(reader);
		return NULL;
	}
	return NULL;
}

/* Whether what is left can be asked again without blaming a service: a kept connection has ended, or one that ended
 * between two answers, or before the first of several. */
static bool batch_again(struct consul_reader *reader, const struct batch *batch, bool kept, bool answered)
{
	bool ended = http_silent(&reader->http) && sys_now() < batch->deadline;

	if (kept && !answered)
		return true;
	if (!ended || (!answered && reader->depth == 1))
		return false;
	batch_shrink(reader);
	return true;
}

/* When a new connection breaks, the service or node whose answer broke it has failed, and the others go on. Two of
 * these in a row, with no answer in between, are an outage; but lists can be done without. */
static const char *batch_read(struct consul_reader *reader, struct batch batch)
{
	unsigned lost = 0;

	while (batch.done < batch.count) {
		bool kept = reader->http.fd >= 0, answered, again;
		size_t before = kept ? reader->served : 0;
		const char *why = batch_ask(reader, &batch);

		if (reader->http.fd < 0)
			return why;
		if (!why)
			why = batch_take(reader, &batch);
		if (!why)
			continue;
		answered = reader->served > before;
		again = batch_again(reader, &batch, kept, answered);
		http_close(&reader->http);
		if (source_stopping(reader->source) || batch.denied)
			return why;
		if (answered)
			lost = 0;
		if (again)
			continue;
		one_fail(reader, &batch, why);
		batch_next(&batch);
		if (++lost < 2)
			continue;
		if (!batch.nodes)
			return why;
		consul_nodes_refuse(reader->nodes, sys_now());
		return NULL;
	}
	return NULL;
}

const char *consul_reader_read(struct consul_reader *reader, const size_t *which, size_t count)
{
	return batch_read(reader, (struct batch){ .which = which, .count = count });
}

const char *consul_reader_list(struct consul_reader *reader, const size_t *which, size_t count)
{
	return batch_read(reader, (struct batch){ .which = which, .count = count, .nodes = true });
}

bool consul_reader_lacks_right(struct consul_reader *reader, const char *service)
{
	int cancel_fd = reader->source->cancel[0];
	bool kept, lacks, answered;
	struct buf out = { 0 };

	reader->reading.name = NULL;
	consul_api_right(reader->api, service);
	consul_api_finish(reader->api, &out);
	do {
		kept = reader->http.fd >= 0;
		if (!kept)
			reader->served = 0;
		answered = !http_ask(&reader->http, &reader->api->url, &out, cancel_fd, sys_now() + READING_MS);
		lacks = answered && reader->http.response.status == 403;
		if (answered && !reader->http.response.last)
			http_next(&reader->http);
		else
			http_close(&reader->http);
	} while (!answered && kept && !source_stopping(reader->source));
	buf_free(&out);
	return lacks;
}
