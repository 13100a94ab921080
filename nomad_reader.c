#include "base.h"
#include "nomad_reader.h"

#include "answer.h"
#include "hash.h"
#include "http.h"
#include "log.h"
#include "longpoll.h"
#include "pipeline.h"
#include "sys.h"
#include "text.h"

#define SOON_MS 1000    /* before the next reading of a service that could not be read; */
#define AGAIN_MS 10000  /* again and again */
#define BEHIND_MS 500   /* before the next question to a server that was behind; */
#define PATIENCE_MS 10000 /* after so long, what it says is taken all the same */

/* Readings that are asked for together. */
struct readings {
	struct pipeline_batch pipe;
	struct nomad_reader *reader;
	const size_t *which; /* their indexes in the catalog */
};

void nomad_reader_open(struct nomad_reader *reader)
{
	const struct nomad_settings *settings = reader->api->settings;

	reader->pipeline = (struct pipeline){
		.source = reader->source, .url = &reader->api->url, .most = NOMAD_READER_BATCH
	};
	pipeline_open(&reader->pipeline, ANSWER_BODY_MAX);
	reader->pipeline.http.tls = &settings->tls;
	nomad_instances_open(&reader->reading, settings->tag, nomad_api_several(settings));
}

void nomad_reader_close(struct nomad_reader *reader)
{
	pipeline_close(&reader->pipeline);
}

void nomad_reader_free(struct nomad_reader *reader)
{
	pipeline_free(&reader->pipeline);
	nomad_instances_close(&reader->reading);
}

/* A reading that failed leaves its service as it was. It is logged once, and counted here, so an outage that follows
 * does not count it (SOURCE_COUNTED). */
static void reader_fail(struct nomad_reader *reader, struct catalog_name *name, const char *why)
{
	name->wanted = true;
	name->again_at = sys_now() + (name->failed ? AGAIN_MS : SOON_MS);
	name->answer = 0;
	if (!name->failed)
		log_about(LOG_WARN, name, "time", "nomad: service %s: %s; keeping its last known instances", name->name, why);
	source_error(reader->source, reader->api->code);
	reader->api->code = SOURCE_COUNTED;
	reader->api->pause = 0;
	catalog_failed(name, why);
	reader->bad++;
}

/* An answer whose bytes are those of the last one is not even parsed. *none: it has no instance. */
static const char *reader_judge(struct nomad_reader *reader, struct catalog_name *name, uint64_t answer, bool *none)
{
	const struct http_response *response = &reader->pipeline.http.response;
	const char *why = nomad_api_judge(reader->api, response), *broken;

	*none = false;
	if (why || answer == name->answer)
		return why;
	broken = nomad_instances_read(&reader->reading, name->name, &response->body);
	*none = !broken && !reader->reading.list->count; /* those of another service are none */
	return nomad_api_take(reader->api, response, reader->reading.why, broken);
}

static void reader_keep(struct nomad_reader *reader, struct catalog_name *name, uint64_t answer, int64_t began)
{
	reader->good++;
	name->doubted = false;
	name->read_at = began;
	if (answer == name->answer)
		return;
	catalog_take(reader->catalog, name, reader->reading.list, began);
	name->answer = answer;
	reader->found = true;
}

static void reader_later(struct catalog_name *name, int64_t ms)
{
	name->wanted = true;
	name->again_at = sys_now() + ms;
}

/* A name that is listed, and has no instance, or may not be read: perhaps the list is a moment old, or the token's rights have
 * changed since. So the list is asked for anew before the next look. */
static bool reader_doubts(struct nomad_reader *reader, struct catalog_name *name, const char *why, bool none)
{
	if (!name->listed || name->doubted || !(why ? reader->api->code == 403 : none))
		return false;
	reader->doubts = name->doubted = true;
	reader_later(name, SOON_MS);
	return true;
}

/* Rings do not stop, so patience with a server that stays behind must not begin anew with each of them. */
static bool is_behind(struct nomad_reader *reader)
{
	const struct http_response *response = &reader->pipeline.http.response;

	if (response->status != 200 || !reader->least)
		return false;
	if (longpoll_index(response, "X-Nomad-Index") >= reader->least)
		reader->behind = 0;
	else if (!reader->behind)
		reader->behind = sys_now();
	return reader->behind && sys_now() < reader->behind + PATIENCE_MS;
}

static void reader_take(struct nomad_reader *reader, struct catalog_name *name, int64_t began)
{
	const struct http_response *response = &reader->pipeline.http.response;
	uint64_t answer = hash_whole(response->body.data ? response->body.data : "", response->body.len) | 1;
	const char *why;
	bool none;

	if (is_behind(reader)) {
		reader_later(name, BEHIND_MS);
		return;
	}
	name->wanted = false;
	name->again_at = 0;
	why = reader_judge(reader, name, answer, &none);
	if (reader_doubts(reader, name, why, none))
		return;
	if (!why && none && name->listed)
		why = "listed, and yet without any instance";
	if (why)
		reader_fail(reader, name, why);
	else
		reader_keep(reader, name, answer, began);
}

/* What one service is refused, all are: but of several namespaces the token may read some. */
static bool is_denied(const struct nomad_reader *reader)
{
	int status = reader->pipeline.http.response.status;

	return status == 429 || (status == 403 && !nomad_api_several(reader->api->settings));
}

static void readings_ask(struct pipeline_batch *pipe, struct buf *out)
{
	const struct readings *readings = (struct readings *)pipe;
	struct nomad_reader *reader = readings->reader;

	for (size_t at = pipe->done; at < pipe->asked; at++) {
		nomad_api_service(reader->api, reader->catalog->names[readings->which[at]].name);
		nomad_api_finish(reader->api, out);
	}
}

static const char *readings_take(struct pipeline_batch *pipe)
{
	const struct readings *readings = (struct readings *)pipe;
	struct nomad_reader *reader = readings->reader;

	if (is_denied(reader))
		return nomad_api_judge(reader->api, &reader->pipeline.http.response);
	reader_take(reader, &reader->catalog->names[readings->which[pipe->done++]], pipe->began);
	return NULL;
}

static void readings_fail(struct pipeline_batch *pipe, const char *why)
{
	const struct readings *readings = (struct readings *)pipe;

	reader_fail(readings->reader, &readings->reader->catalog->names[readings->which[pipe->done++]], why);
}

const char *nomad_reader_read(struct nomad_reader *reader, const size_t *which, size_t count)
{
	struct readings readings = {
		.pipe = { .count = count, .ask = readings_ask, .take = readings_take, .fail = readings_fail },
		.reader = reader, .which = which
	};
	bool lost;

	return pipeline_run(&reader->pipeline, &readings.pipe, &lost);
}
