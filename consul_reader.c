#include "base.h"
#include "consul_reader.h"

#include "answer.h"
#include "consul_instance.h"
#include "digest.h"
#include "http.h"
#include "log.h"
#include "longpoll.h"
#include "pipeline.h"
#include "sys.h"
#include "text.h"

#define BROKEN_MS 10000 /* before the next reading of a service whose answer broke the connection */
#define RIGHT_MS 5000   /* before the next reading of a service for which the token lacks a right */
#define NODE_MS 10000   /* before the next list of a node that did not give it */

/* Readings that are asked for together. */
struct batch {
	struct pipeline_batch pipe;
	struct consul_reader *reader;
	const size_t *which; /* their indexes in the catalog, or among the nodes: */
	bool nodes;
	bool proved; /* the next name's right is known: */
	const char *hidden; /* why its absence means nothing; NULL: it is gone, if it is absent */
};

void consul_reader_open(struct consul_reader *reader)
{
	reader->pipeline = (struct pipeline){
		.source = reader->source, .url = &reader->api->url, .most = CONSUL_SWEEP_BATCH
	};
	pipeline_open(&reader->pipeline, CONSUL_API_BODY_MAX);
	consul_api_connects(reader->api, &reader->pipeline.http);
	instance_open(&reader->reading, reader->catalog->tag, &reader->catalog->failing);
	answer_stream(&reader->pipeline.http.response, &reader->reading.walk);
}

void consul_reader_close(struct consul_reader *reader)
{
	pipeline_close(&reader->pipeline);
}

void consul_reader_free(struct consul_reader *reader)
{
	pipeline_free(&reader->pipeline);
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

	if (needs_proof(reader, batch, at) && !(at == batch->pipe.done && batch->proved)) {
		consul_api_right(reader->api, name);
		consul_api_finish(reader->api, out);
	}
	(batch->nodes ? consul_api_node : consul_api_health)(reader->api, name);
	consul_api_finish(reader->api, out);
}

/* Whether the next answer is about the right to the next name, not about its instances. */
static bool batch_proves(const struct batch *batch)
{
	return needs_proof(batch->reader, batch, batch->pipe.done) && !batch->proved;
}

/* Says whose the next answer is. */
static void batch_expect(const struct batch *batch)
{
	struct consul_reader *reader = batch->reader;
	bool instances = batch->pipe.done < batch->pipe.asked && !batch->nodes && !batch_proves(batch);

	reader->reading.name = instances ? reader->catalog->names[batch->which[batch->pipe.done]].name : NULL;
}

static void batch_ask(struct pipeline_batch *pipe, struct buf *out)
{
	struct batch *batch = (struct batch *)pipe;
	struct consul_reader *reader = batch->reader;

	for (size_t at = pipe->done; at < pipe->asked; at++)
		ask_one(reader, batch, at, out);
	batch_expect(batch);
	answer_stream(&reader->pipeline.http.response, batch->nodes ? NULL : &reader->reading.walk);
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
	const struct http_response *response = &reader->pipeline.http.response;
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
		catalog_reading(reader->catalog, name, &reader->reading, batch->pipe.began);
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
	const struct http_response *response = &reader->pipeline.http.response;
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

static void batch_next(struct batch *batch)
{
	batch->pipe.done++;
	batch->proved = false;
	batch->hidden = NULL;
}

static void one_take(const struct batch *batch)
{
	size_t at = batch->which[batch->pipe.done];

	if (batch->nodes)
		list_take(batch->reader, &batch->reader->nodes->items[at]);
	else
		reading_take(batch->reader, &batch->reader->catalog->names[at], batch);
}

/* After 403 the token is wrong, not that service. */
static const char *batch_take(struct pipeline_batch *pipe)
{
	struct batch *batch = (struct batch *)pipe;
	struct consul_reader *reader = batch->reader;
	const struct http_response *response = &reader->pipeline.http.response;

	if (batch_proves(batch)) {
		batch->proved = true;
		batch->hidden = consul_api_judge_right(reader->api, response);
	} else if (response->status == 403 && !batch->nodes) {
		return consul_api_take(reader->api, response);
	} else {
		one_take(batch);
		batch_next(batch);
	}
	batch_expect(batch);
	return NULL;
}

static void batch_fail(struct pipeline_batch *pipe, const char *why)
{
	struct batch *batch = (struct batch *)pipe;
	size_t at = batch->which[pipe->done];

	if (batch->nodes)
		list_fail(batch->reader, &batch->reader->nodes->items[at], why);
	else
		reading_fail(batch->reader, &batch->reader->catalog->names[at], why, BROKEN_MS);
	batch_next(batch);
}

static const char *batch_read(struct consul_reader *reader, const size_t *which, size_t count, bool nodes, bool *lost)
{
	struct batch batch = {
		.pipe = { .count = count, .ask = batch_ask, .take = batch_take, .fail = batch_fail },
		.reader = reader, .which = which, .nodes = nodes
	};

	return pipeline_run(&reader->pipeline, &batch.pipe, lost);
}

const char *consul_reader_read(struct consul_reader *reader, const size_t *which, size_t count)
{
	bool lost;

	return batch_read(reader, which, count, false, &lost);
}

/* Lists can be done without: when they are what breaks connections, it is no outage. */
const char *consul_reader_list(struct consul_reader *reader, const size_t *which, size_t count)
{
	bool lost;
	const char *why = batch_read(reader, which, count, true, &lost);

	if (!lost)
		return why;
	consul_nodes_refuse(reader->nodes, sys_now());
	return NULL;
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
		kept = reader->pipeline.http.fd >= 0;
		if (!kept)
			reader->pipeline.served = 0;
		answered = !http_ask(&reader->pipeline.http, &reader->api->url, &out, cancel_fd, sys_now() + PIPELINE_MS);
		lacks = answered && reader->pipeline.http.response.status == 403;
		if (answered && !reader->pipeline.http.response.last)
			http_next(&reader->pipeline.http);
		else
			http_close(&reader->pipeline.http);
	} while (!answered && kept && !source_stopping(reader->source));
	buf_free(&out);
	return lacks;
}
