#include "base.h"
#include "pipeline.h"

#include "sys.h"

#define CONNECT_MS 5000
#define LEAST_BYTES (4u << 20) /* a larger answer gets as much time again for each so many */

void pipeline_open(struct pipeline *pipeline, size_t max_body)
{
	http_open(&pipeline->http, max_body);
	pipeline->depth = pipeline->most;
}

void pipeline_close(struct pipeline *pipeline)
{
	http_close(&pipeline->http);
	pipeline->depth = pipeline->most;
}

void pipeline_free(struct pipeline *pipeline)
{
	http_free(&pipeline->http);
}

static const char *pipeline_ask(struct pipeline *pipeline, struct pipeline_batch *batch)
{
	int cancel_fd = pipeline->source->cancel[0];
	struct buf out = { 0 };
	const char *why = NULL;

	batch->began = sys_now();
	batch->deadline = batch->began + PIPELINE_MS;
	batch->asked = batch->done + pipeline->depth < batch->count ? batch->done + pipeline->depth : batch->count;
	batch->ask(batch, &out);
	if (pipeline->http.fd < 0) {
		pipeline->served = 0;
		why = http_connect(&pipeline->http, pipeline->url, cancel_fd, sys_now() + CONNECT_MS);
	}
	if (!why)
		why = http_send(&pipeline->http, &out, cancel_fd, batch->deadline);
	buf_free(&out);
	return why;
}

/* Waits for one answer. */
static const char *pipeline_wait(struct pipeline *pipeline, struct pipeline_batch *batch)
{
	const char *why;
	uint64_t had;

	do {
		had = pipeline->http.response.size;
		batch->deadline = sys_now() + PIPELINE_MS;
		why = http_wait(&pipeline->http, pipeline->source->cancel[0], batch->deadline);
	} while (why && pipeline->http.response.size >= had + LEAST_BYTES); /* another reason comes back at once */
	return why;
}

/* Fewer questions together where the server ends a connection after fewer answers. */
static void pipeline_shrink(struct pipeline *pipeline)
{
	if (pipeline->served < pipeline->depth)
		pipeline->depth = pipeline->served ? pipeline->served : 1;
}

/* Takes the answers as they come: all of them, or those that came before the server closed the connection. */
static const char *pipeline_take(struct pipeline *pipeline, struct pipeline_batch *batch)
{
	for (; batch->done < batch->asked; http_next(&pipeline->http)) {
		const char *why = pipeline_wait(pipeline, batch);

		if (why)
			return why;
		pipeline->served++;
		pipeline->received += pipeline->http.response.size;
		why = batch->take(batch);
		batch->denied = why;
		if (why)
			return why;
		if (!pipeline->http.response.last)
			continue;
		http_close(&pipeline->http);
		if (batch->done < batch->asked)
			pipeline_shrink(pipeline);
		return NULL;
	}
	return NULL;
}

/* Whether what is left can be asked again without blaming a question: a kept connection has ended, or one that ended
 * between two answers, or before the first of several. */
static bool pipeline_again(struct pipeline *pipeline, const struct pipeline_batch *batch, bool kept, bool answered)
{
	bool ended = http_silent(&pipeline->http) && sys_now() < batch->deadline;

	if (kept && !answered)
		return true;
	if (!ended || (!answered && pipeline->depth == 1))
		return false;
	pipeline_shrink(pipeline);
	return true;
}

const char *pipeline_run(struct pipeline *pipeline, struct pipeline_batch *batch, bool *lost)
{
	unsigned broken = 0;

	for (*lost = false; batch->done < batch->count;) {
		bool kept = pipeline->http.fd >= 0, answered, again;
		size_t before = kept ? pipeline->served : 0;
		const char *why = pipeline_ask(pipeline, batch);

		if (pipeline->http.fd < 0)
			return why;
		if (!why)
			why = pipeline_take(pipeline, batch);
		if (!why)
			continue;
		answered = pipeline->served > before;
		again = pipeline_again(pipeline, batch, kept, answered);
		http_close(&pipeline->http);
		if (source_stopping(pipeline->source) || batch->denied)
			return why;
		if (answered)
			broken = 0;
		if (again)
			continue;
		batch->fail(batch, why);
		*lost = ++broken == 2;
		if (*lost)
			return why;
	}
	return NULL;
}
