#include "base.h"
#include "nomad_reader.h"

#include "answer.h"
#include "hash.h"
#include "log.h"
#include "longpoll.h"
#include "sys.h"
#include "text.h"

#define CONNECT_MS 5000
#define READING_MS 5000 /* for one reading */
#define SOON_MS 1000    /* before the next reading of a service that could not be read; */
#define AGAIN_MS 10000  /* again and again */
#define BEHIND_MS 500   /* before the next question to a server that was behind; */
#define PATIENCE_MS 10000 /* after so long, what it says is taken all the same */
#define LEAST_BYTES (4u << 20) /* a larger answer gets as much time again for each so many */

/* Readings that are asked for together, pipelined. */
struct batch {
	const size_t *which; /* their indexes in the catalog */
	size_t count, done, asked;
	int64_t began, deadline;
	bool denied; /* one was answered with 403, and that is true of the others, too */
};

void nomad_reader_open(struct nomad_reader *reader)
{
	const struct nomad_settings *settings = reader->api->settings;

	http_open(&reader->http, ANSWER_BODY_MAX);
	reader->http.tls = &settings->tls;
	nomad_instances_open(&reader->reading, settings->tag, nomad_api_several(settings));
	reader->depth = NOMAD_READER_BATCH;
}

void nomad_reader_close(struct nomad_reader *reader)
{
	http_close(&reader->http);
	reader->depth = NOMAD_READER_BATCH;
}

void nomad_reader_free(struct nomad_reader *reader)
{
	http_free(&reader->http);
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
	const struct http_response *response = &reader->http.response;
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
	const struct http_response *response = &reader->http.response;

	if (response->status != 200 || !reader->least)
		return false;
	if (longpoll_index(response, "X-Nomad-Index") >= reader->least)
		reader->behind = 0;
	else if (!reader->behind)
		reader->behind = sys_now();
	return reader->behind && sys_now() < reader->behind + PATIENCE_MS;
}

static void reader_take(struct nomad_reader *reader, struct catalog_name *name, const struct batch *batch)
{
	const struct http_response *response = &reader->http.response;
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
		reader_keep(reader, name, answer, batch->began);
}

static const char *reader_ask(struct nomad_reader *reader, struct batch *batch)
{
	int cancel_fd = reader->source->cancel[0];
	struct buf out = { 0 };
	const char *why = NULL;

	batch->began = sys_now();
	batch->deadline = batch->began + READING_MS;
	batch->asked = batch->done;
	for (; batch->asked < batch->count && batch->asked < batch->done + reader->depth; batch->asked++) {
		nomad_api_service(reader->api, reader->catalog->names[batch->which[batch->asked]].name);
		nomad_api_finish(reader->api, &out);
	}
	if (reader->http.fd < 0) {
		reader->served = 0;
		why = http_connect(&reader->http, &reader->api->url, cancel_fd, batch->began + CONNECT_MS);
	}
	if (!why)
		why = http_send(&reader->http, &out, cancel_fd, batch->deadline);
	buf_free(&out);
	return why;
}

/* Waits for one answer. */
static const char *reader_wait(struct nomad_reader *reader, struct batch *batch)
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
static void reader_shrink(struct nomad_reader *reader)
{
	if (reader->served < reader->depth)
		reader->depth = reader->served ? reader->served : 1;
}

/* What one service is refused, all are: but of several namespaces the token may read some. */
static bool is_denied(const struct nomad_reader *reader)
{
	int status = reader->http.response.status;

	return status == 429 || (status == 403 && !nomad_api_several(reader->api->settings));
}

/* Takes the answers as they come: all of them, or those that came before the server closed the connection. */
static const char *reader_answers(struct nomad_reader *reader, struct batch *batch)
{
	for (; batch->done < batch->asked; http_next(&reader->http)) {
		const char *why = reader_wait(reader, batch);

		batch->denied = !why && is_denied(reader);
		if (batch->denied)
			why = nomad_api_judge(reader->api, &reader->http.response);
		if (why)
			return why;
		reader->served++;
		reader->received += reader->http.response.size;
		reader_take(reader, &reader->catalog->names[batch->which[batch->done]], batch);
		batch->done++;
		if (!reader->http.response.last)
			continue;
		http_close(&reader->http);
		if (batch->done < batch->asked)
			reader_shrink(reader);
		return NULL;
	}
	return NULL;
}

/* Whether what is left can be asked again without blaming a service: a kept connection has ended, or one that ended
 * between two answers, or before the first of several. */
static bool reader_again(struct nomad_reader *reader, const struct batch *batch, bool kept, bool answered)
{
	bool ended = http_silent(&reader->http) && sys_now() < batch->deadline;

	if (kept && !answered)
		return true;
	if (!ended || (!answered && reader->depth == 1))
		return false;
	reader_shrink(reader);
	return true;
}

/* When a new connection breaks, the service whose answer broke it has failed, and the others go on. Two of these in a row,
 * with no answer in between, are an outage. */
const char *nomad_reader_read(struct nomad_reader *reader, const size_t *which, size_t count)
{
	struct batch batch = { .which = which, .count = count };
	unsigned lost = 0;

	while (batch.done < batch.count) {
		bool kept = reader->http.fd >= 0, answered, again;
		size_t before = kept ? reader->served : 0;
		const char *why = reader_ask(reader, &batch);

		if (reader->http.fd < 0)
			return why;
		if (!why)
			why = reader_answers(reader, &batch);
		if (!why)
			continue;
		answered = reader->served > before;
		again = reader_again(reader, &batch, kept, answered);
		http_close(&reader->http);
		if (source_stopping(reader->source) || batch.denied)
			return why;
		if (answered)
			lost = 0;
		if (again)
			continue;
		reader_fail(reader, &reader->catalog->names[which[batch.done++]], why);
		if (++lost >= 2)
			return why;
	}
	return NULL;
}
