#include "base.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "httpd.h"
#include "metrics.h"
#include "page.h"
#include "page_frame.h"
#include "route.h"
#include "routes.h"
#include "session.h"
#include "sys.h"
#include "text.h"
#include "why.h"
#include "worker.h"

#define LINES_MS 1 /* others have the loop meanwhile */
#define STATUS_PLAIN "text/plain; charset=utf-8"

/* What counts sessions and bytes needs the workers, which own them: they are asked, and the answer follows when all
 * have brought their counters up to date. */
static const struct status_page {
	const char *path, *type;
	struct body *(*body)(struct stats *stats); /* NULL: routes_connections, which needs every session */
} pages[] = {
	{ "/", "text/html; charset=utf-8", page_body },
	{ "/connections", "application/json", NULL },
	{ "/routes", "application/json", routes_body },
	{ "/metrics", METRICS_TYPE, metrics_body },
};
#define NO_PAGE ARRAY_LEN(pages)

static size_t status_find_page(struct slice path)
{
	size_t page = 0;

	while (page < NO_PAGE && !slice_is(path, pages[page].path))
		page++;
	return page;
}

/* Answers. */

static void status_put_head(struct admin_client *client, int code, const char *type, size_t length)
{
	httpd_put_head(&client->out, &(struct httpd_answer){
		.code = code, .type = type, .length = length, .old = client->old, .last = client->close,
		.policy = type == pages[0].type ? page_frame_policy : NULL
	});
}

/* A short one. */
static void status_answer_line(struct status *status, struct admin_client *client, int code, const char *text)
{
	status_put_head(client, code, STATUS_PLAIN, strlen(text) + 1);
	if (!client->bare) {
		buf_puts(&client->out, text);
		buf_puts(&client->out, "\n");
	}
	admin_answer(&status->server, client, client->close);
}

/* A body is long or short: that of one part has a length. */
static void status_put_first(struct admin_client *client, const struct buf *part, bool more)
{
	client->chunked = more && !client->old;
	client->close = client->close || client->dismissed || (more && client->old);
	client->last = client->close;
	status_put_head(client, client->code, client->page == NO_PAGE ? STATUS_PLAIN : pages[client->page].type,
	                client->chunked ? HTTPD_CHUNKED : more ? HTTPD_UNTIL_CLOSE : part->len);
}

static bool status_frame(struct admin *server, struct admin_client *client, struct buf *part, bool more)
{
	static const char no_memory[] = "There is no memory for this answer. Try again later.\n";

	(void)server;
	if (part->failed && !client->waiting)
		return false;
	if (part->failed) {
		client->code = 503;
		client->page = NO_PAGE;
		part->failed = part->may_fail = false;
		buf_puts(part, no_memory);
	}
	if (client->waiting)
		status_put_first(client, part, more);
	if (client->bare)
		admin_forget_body(client);
	else if (client->chunked)
		httpd_put_chunk(&client->out, part->data, part->len, more);
	else
		buf_add(&client->out, part->data, part->len);
	return true;
}

/* Pages. */

static void status_ask_workers(struct status *status)
{
	status->asked = true;
	status->sessions = false;
	for (struct admin_client *client = status->server.clients; client; client = client->next)
		status->sessions = status->sessions || (client->waiting && !client->body && !pages[client->page].body);
	worker_ask(status->stats->pool, status->sessions);
}

/* /explain/NAME */

static void status_answer_explain(struct status *status, struct admin_client *client, struct slice name)
{
	char *service = sys_alloc(name.len + 1);
	const char *wrong = text_unescape(name, service);

	client->code = !wrong && why_is_known(status->stats, service) ? 200 : 404;
	if (wrong)
		status_answer_line(status, client, 400, "The name has a wrong escape.");
	else
		admin_answer_body(&status->server, client, why_body(status->stats, service), client->close);
	free(service);
}

/* Requests. */

static void status_answer_path(struct status *status, struct admin_client *client, struct slice path)
{
	static const char explain[] = "/explain/";
	const char *why;
	int code;

	if (slice_is(path, "/status")) {
		code = stats_ready(status->stats, &why);
		status_answer_line(status, client, code, why);
	} else if (slice_starts(path, explain) && path.len > sizeof explain - 1) {
		status_answer_explain(status, client, slice_skip(path, sizeof explain - 1));
	} else {
		status_answer_line(status, client, 404, "There are /, /status, /connections, /routes, /metrics and /explain/NAME.");
	}
}

static void status_serve(struct status *status, struct admin_client *client, const struct httpd_request *request)
{
	client->close = request->last || client->dismissed;
	client->old = request->old;
	client->bare = slice_is(request->method, "HEAD");
	client->page = (uint8_t)status_find_page(request->path);
	if (!httpd_is_for(request, status->stats->config->status_hosts)) {
		client->close = true;
		status_answer_line(status, client, 421, "dill answers here for addresses, localhost and the names in status.hosts.");
	} else if (!client->bare && !slice_is(request->method, "GET")) {
		client->close = true; /* a body may follow */
		status_answer_line(status, client, 405, "Only GET and HEAD are served here.");
	} else if (client->page != NO_PAGE) {
		client->waiting = true;
		if (!status->asked)
			status_ask_workers(status);
	} else {
		status_answer_path(status, client, request->path);
	}
}

static void status_refuse(struct status *status, struct admin_client *client, int code)
{
	client->close = true;
	client->bare = client->old = false;
	status_answer_line(status, client, code, httpd_reason(code));
}

static void status_skip_input(struct buf *in, size_t len)
{
	memmove(in->data, in->data + len, in->len - len);
	in->len -= len;
}

static void status_take_request(struct status *status, struct admin_client *client)
{
	struct httpd_request request;
	struct buf *in = &client->in, head = { 0 };
	size_t len, empty = 0;
	int code;

	while (empty < in->len && (in->data[empty] == '\r' || in->data[empty] == '\n'))
		empty++; /* lines before a request are passed over (RFC 9112, 2.2) */
	status_skip_input(in, empty);
	len = httpd_head_length((struct slice){ in->data, in->len });
	if (!len && in->len < ADMIN_INPUT_MAX)
		return;
	buf_add(&head, in->data, len); /* a copy: an answer may free the client */
	code = len ? httpd_read((struct slice){ head.data, head.len }, &request) : 431;
	status_skip_input(in, len);
	if (code)
		status_refuse(status, client, code);
	else
		status_serve(status, client, &request);
	buf_free(&head);
}

/* One request after the other, for as long as they are there and their answers get out. */
static void status_input(struct admin *server, struct admin_client *client)
{
	size_t before = client->in.len + 1;

	while (client->in.len && client->in.len < before && !client->last && !client->waiting && !client->out.len && !client->body) {
		before = client->in.len;
		status_take_request(server->owner, client);
	}
}

/* The workers have reported. True: a client wants sessions, which this report lacks: they are to be asked again. */
static bool status_answer_waiting(struct status *status, struct routes_sessions *report, bool sessions)
{
	bool left = false;

	for (struct admin_client *client = status->server.clients; client; client = client->next) {
		const struct status_page *page = &pages[client->page];

		if (!client->waiting || client->body)
			continue;
		client->code = 200;
		if (page->body || sessions)
			admin_answer_body(&status->server, client, page->body ? page->body(status->stats) :
			                  routes_connections(status->stats, report), client->close);
		else
			left = true;
	}
	admin_feed(&status->server);
	return left;
}

/* Lines of the counters, a part at a time. */
static void status_log_lines(struct status *status)
{
	struct buf nothing = { 0 };

	if (body_add(status->log, &nothing)) {
		loop_arm(status->server.loop, &status->lines, &status->more_lines);
		return;
	}
	body_free(status->log);
	status->log = NULL;
}

/* Those that are still being logged go on: so do their figures. */
static void status_begin_log(struct status *status)
{
	status->logging = false;
	if (status->log)
		return;
	status->log = stats_log(status->stats);
	status_log_lines(status);
}

void status_woken(struct status *status)
{
	struct session_report report = { 0 };
	struct routes_sessions *sessions;
	bool left;

	if (!status->asked || !worker_told(status->stats->pool, &report))
		return;
	status->asked = false;
	if (status->logging)
		status_begin_log(status);
	sessions = routes_sessions_new(&report);
	left = status_answer_waiting(status, sessions, status->sessions);
	routes_sessions_unref(sessions);
	if (left && !status->asked)
		status_ask_workers(status);
}

void status_log(struct status *status)
{
	status->logging = true;
	if (!status->asked)
		status_ask_workers(status);
}

bool status_expired(struct status *status, struct loop_fifo *fifo, struct loop_timer *timer)
{
	if (fifo == &status->lines)
		status_log_lines(status);
	return fifo == &status->lines || admin_expired(&status->server, fifo, timer);
}

void status_open(struct status *status, struct loop *loop)
{
	status->server.input = status_input;
	status->server.frame = status_frame;
	status->server.owner = status;
	loop_fifo_open(loop, &status->lines, LINES_MS, 0);
	admin_open(&status->server, loop);
}

void status_close(struct status *status)
{
	loop_disarm(&status->more_lines);
	body_free(status->log);
	status->log = NULL;
	admin_close(&status->server);
}
