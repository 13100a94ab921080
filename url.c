#include "base.h"
#include "url.h"

#include <string.h>

#include "config.h"
#include "format.h"
#include "log.h"
#include "manifest.h"
#include "sys.h"

#define BODY_MAX (16u << 20)

struct url {
	struct source *source;
	const struct config *config;
	struct http_url url;
	struct http http;
	struct buf name; /* the URL as the log has it */
	struct buf tag;  /* the ETag of the newest answer that was taken */
	struct buf why;
	struct service_list *last; /* what was posted last */
	int code; /* of the newest answer, when it was an error; 0: there was none */
};

const char *url_url(struct http_url *u, const char *text)
{
	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return "is not an http:// URL";
	return http_url_parse(u, text);
}

/* The format by its media type, or by the URL's path where the server does not know the type. */
static const struct format *format_of_answer(struct slice type, const char *path)
{
	static const char *const vague[] = { "", "text/plain", "application/octet-stream", "binary/octet-stream" };
	const struct format *format;
	struct slice media = { NULL, 0 }, name = { NULL, 0 };
	size_t query = strcspn(path, "?");
	char file[256];

	slice_next(&type, ';', &media);
	for (size_t i = 0; i < ARRAY_LEN(vague); i++)
		if (slice_is_nocase(media, vague[i])) {
			memcpy(file, path, query);
			file[query] = '\0';
			return format_of(file);
		}
	/* application/json, text/x-yaml, application/vnd.yaml, application/problem+json */
	for (size_t i = 0; i < media.len; i++)
		if (strchr("/+.", media.at[i]))
			name = (struct slice){ media.at + i + 1, media.len - i - 1 };
	if (name.len > 2 && slice_is_nocase((struct slice){ name.at, 2 }, "x-"))
		name = (struct slice){ name.at + 2, name.len - 2 };
	format = format_named(name);
	return format == &format_json || format == &format_yaml || format == &format_toml ? format : NULL;
}

static const char *say(struct url *e, const char *fmt, struct slice text)
{
	struct buf words = { 0 };

	buf_visible(&words, text.len ? text.at : "", text.len > 120 ? 120 : text.len);
	e->why.len = 0;
	buf_printf(&e->why, fmt, words.data ? words.data : "");
	buf_free(&words);
	return e->why.data;
}

/* A complete answer of status 200. */
static const char *take(struct url *e)
{
	const struct http_response *r = &e->http.response;
	struct slice type = http_header(r, "Content-Type"), tag = http_header(r, "ETag");
	const struct format *format = format_of_answer(type, e->url.prefix);
	struct service_list *list;

	if (!format)
		return say(e, "its Content-Type \"%s\" is not JSON, YAML or TOML", type);
	list = manifest_read(format, r->body.data ? r->body.data : "", r->body.len, "answer", false, &e->why);
	if (!list)
		return e->why.data;
	e->tag.len = 0;
	if (tag.len)
		buf_add(&e->tag, tag.at, tag.len);
	if (e->last && service_equal(e->last, list)) {
		service_free(list);
		return NULL;
	}
	service_free(e->last);
	e->last = service_hold(list);
	log_info("%s: %zu service%s in %s", e->source->name, list->count, list->count == 1 ? "" : "s",
	         e->name.data);
	source_post(e->source, list);
	return NULL;
}

static const char *judge(struct url *e)
{
	const struct http_response *r = &e->http.response;
	struct slice head = { r->head.data, r->head.len }, line;

	if (r->status == 200)
		return take(e);
	e->code = r->status;
	if (r->status == 304 && e->tag.len)
		return NULL;
	slice_next(&head, '\n', &line);
	return say(e, "it answered %s", line.len > 9 ? (struct slice){ line.at + 9, line.len - 9 } : line);
}

static const char *ask_once(struct url *e, int64_t deadline)
{
	int cancel = e->source->cancel[0];
	struct buf request = { 0 };
	const char *why = NULL;

	http_request(&request, "GET", &e->url, *e->url.prefix ? "" : "/");
	if (e->tag.len)
		buf_printf(&request, "If-None-Match: %s\r\n", e->tag.data);
	buf_puts(&request, "\r\n");
	if (e->http.fd < 0)
		why = http_connect(&e->http, &e->url, cancel, deadline);
	if (!why)
		why = http_send(&e->http, &request, cancel, deadline);
	if (!why)
		why = http_wait(&e->http, cancel, deadline);
	buf_free(&request);
	return why;
}

/* A server may have closed a kept connection meanwhile: then once more, over a new one. */
static const char *ask(struct url *e)
{
	int64_t deadline = sys_now() + e->config->poll_timeout;
	bool kept = e->http.fd >= 0;
	const char *why = ask_once(e, deadline);

	e->code = 0;
	if (why && kept && sys_now() < deadline) {
		http_close(&e->http);
		why = ask_once(e, deadline);
	}
	if (!why)
		why = judge(e);
	/* More than was asked for would be taken for the next answer. */
	if (why || e->http.response.last || e->http.ahead.len)
		http_close(&e->http);
	else
		http_next(&e->http);
	return why;
}

void url_run(struct source *s)
{
	struct url e = { .source = s, .config = s->config };
	bool go_on = true;

	url_url(&e.url, e.config->http_endpoint);
	buf_masked(&e.name, e.config->http_endpoint);
	http_open(&e.http, BODY_MAX);
	while (go_on) {
		const char *why = ask(&e);

		if (why) {
			go_on = source_failed(s, e.code, e.name.data, why, 0);
		} else {
			source_worked(s, e.name.data);
			go_on = source_sleep(s, e.config->poll_interval);
		}
	}
	http_free(&e.http);
	service_free(e.last);
	buf_free(&e.name);
	buf_free(&e.tag);
	buf_free(&e.why);
}
