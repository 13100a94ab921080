#include "base.h"
#include "url.h"

#include <string.h>
#include <strings.h>

#include "format.h"
#include "http.h"
#include "http_url.h"
#include "log.h"
#include "manifest.h"
#include "option.h"
#include "service.h"
#include "sys.h"
#include "text.h"
#include "tls.h"

#define BODY_MAX (16u << 20)
#define DAY 86400000

struct url_settings {
	const char *endpoint;
	int64_t interval, timeout; /* milliseconds */
};

static const char *parse_endpoint(struct http_url *url, const char *text)
{
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return "is not an http:// URL";
	return http_url_parse(url, text, 80);
}

static const char *check_endpoint(const char *text)
{
	struct http_url url;

	return *text ? parse_endpoint(&url, text) : NULL;
}

static const struct option url_options[] = {
	{ .key = "routing.http.endpoint", OPTION_TEXT, .at = offsetof(struct url_settings, endpoint), "",
	  "http:// or https:// URL that answers with services, as JSON, YAML or TOML; off when empty", .check = check_endpoint },
	{ .key = "routing.http.poll_interval", OPTION_DURATION, .at = offsetof(struct url_settings, interval), "5s",
	  "how often it is asked", 10, DAY },
	{ .key = "routing.http.poll_timeout", OPTION_DURATION, .at = offsetof(struct url_settings, timeout), "5s",
	  "how long one answer may take", 1, DAY },
};

struct url {
	struct source *source;
	const struct url_settings *settings;
	struct http_url endpoint;
	struct tls_options tls;
	struct http http;
	struct buf name; /* the URL as the log shows it, without secrets */
	struct buf tag;  /* ETag of the newest good answer */
	struct buf why;  /* the reason why the newest answer is not used */
	struct manifest_document document; /* its list is what was posted last */
	int code; /* status of the newest answer if that was an error, else 0 */
};

static bool url_wanted(const void *settings)
{
	return *((const struct url_settings *)settings)->endpoint;
}

/* The types that servers send when they do not know the type. */
static bool is_vague(struct slice media)
{
	static const char *const types[] = { "", "text/plain", "application/octet-stream", "binary/octet-stream" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (slice_is_nocase(media, types[i]))
			return true;
	return false;
}

/* The format by the media type, or when that is vague, by the path of the URL. NULL: none that can be read here. */
static const struct format *format_of_answer(struct slice type, const char *path)
{
	static const struct format *const formats[] = { &format_json, &format_yaml, &format_toml };
	struct slice media = { NULL, 0 }, name = { NULL, 0 };
	size_t query = strcspn(path, "?");
	char file[256];

	slice_next(&type, ';', &media);
	if (is_vague(media)) {
		memcpy(file, path, query);
		file[query] = '\0';
		return format_of(file);
	}
	/* application/json, text/x-yaml, application/vnd.yaml, application/problem+json */
	for (size_t i = 0; i < media.len; i++)
		if (strchr("/+.", media.at[i]))
			name = slice_skip(media, i + 1);
	if (name.len > 2 && slice_is_nocase(slice_first(name, 2), "x-"))
		name = slice_skip(name, 2);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (slice_is_nocase(name, formats[i]->name))
			return formats[i];
	return NULL;
}

/* Makes `text` part of the reason, which lives until the next one. The server may say the whole URL in it. */
static const char *answer_fault(struct url *url, const char *fmt, struct slice text)
{
	struct buf copy = { 0 }, plain = { 0 }, words = { 0 };

	buf_add(&copy, text.at, text.len);
	buf_masked(&plain, copy.data);
	buf_visible(&words, plain.data ? plain.data : "", plain.len > 120 ? 120 : plain.len);
	url->why.len = 0;
	buf_printf(&url->why, fmt, words.data);
	buf_free(&copy);
	buf_free(&plain);
	buf_free(&words);
	return url->why.data;
}

/* Takes a complete answer of status 200. */
static const char *take_answer(struct url *url)
{
	const struct http_response *response = &url->http.response;
	struct slice type = http_header(response, "Content-Type"), tag = http_header(response, "ETag");
	const struct format *format = format_of_answer(type, url->endpoint.prefix);
	struct slice body = { response->body.data, response->body.len };
	struct service_list *list;

	if (!format)
		return answer_fault(url, "its Content-Type \"%s\" is not JSON, YAML or TOML", type);
	list = manifest_read_again(&url->document, format, body, "answer", false, &url->why);
	if (!list && http_foreign(response))
		return answer_fault(url, "its answer is %s: plain JSON, YAML or TOML expected", slice_of(http_foreign(response)));
	if (!list)
		return url->why.data;
	url->tag.len = 0;
	if (tag.len)
		buf_add(&url->tag, tag.at, tag.len);
	if (url->document.news == MANIFEST_OTHER)
		log_info("%s: %zu service%s in %s", url->source->kind->name, list->count, text_s(list->count), url->name.data);
	if (url->document.news == MANIFEST_SAME)
		service_list_unref(list);
	else
		source_post(url->source, list);
	return NULL;
}

static const char *judge_answer(struct url *url)
{
	const struct http_response *response = &url->http.response;
	struct slice head = { response->head.data, response->head.len }, line;

	if (response->status == 200)
		return take_answer(url);
	url->code = response->status;
	if (response->status == 304 && url->tag.len)
		return NULL;
	slice_next(&head, '\n', &line);
	answer_fault(url, "it answered %s", line.len > 9 ? slice_skip(line, 9) : line);
	http_put_redirect(response, &url->why);
	return url->why.data;
}

static const char *ask_url(struct url *url)
{
	int64_t deadline = sys_now() + url->settings->timeout;
	struct buf request = { 0 };
	const char *why;

	http_request(&request, "GET", &url->endpoint, *url->endpoint.prefix ? "" : "/");
	if (url->tag.len)
		buf_printf(&request, "If-None-Match: %s\r\n", url->tag.data);
	buf_puts(&request, "\r\n");
	url->code = 0;
	why = http_ask_kept(&url->http, &url->endpoint, &request, url->source->cancel[0], deadline);
	buf_free(&request);
	if (!why)
		why = judge_answer(url);
	if (why)
		http_close(&url->http);
	else
		http_reset(&url->http.response); /* until the next question nobody needs it */
	return why;
}

static void url_run(struct source *source)
{
	struct url url = { .source = source, .settings = source->settings };
	bool go_on = true;

	parse_endpoint(&url.endpoint, url.settings->endpoint);
	buf_masked(&url.name, url.settings->endpoint);
	http_open(&url.http, BODY_MAX);
	url.tls.ca = source->config->tls_ca;
	url.http.tls = &url.tls;
	while (go_on) {
		const char *why = ask_url(&url);

		if (why) {
			go_on = source_failed(source, url.code, url.name.data, why, 0);
		} else {
			source_worked(source, url.name.data);
			go_on = source_sleep(source, url.settings->interval);
		}
	}
	http_free(&url.http);
	manifest_forget(&url.document);
	buf_free(&url.name);
	buf_free(&url.tag);
	buf_free(&url.why);
}

const struct source_kind url_kind = {
	.name = "http", .title = "the routing URL", .table = "routing.http", .asks = "routing.http.endpoint", .asks_port = 80, .options = url_options,
	.option_count = ARRAY_LEN(url_options), .size = sizeof(struct url_settings), .shares = "tls",
	.needs = "routing.http.endpoint",
	.wanted = url_wanted, .run = url_run
};
