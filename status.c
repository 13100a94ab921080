#include "base.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "explain.h"
#include "httpd.h"
#include "metrics.h"
#include "page.h"
#include "page_frame.h"
#include "route.h"
#include "routes.h"
#include "session.h"
#include "source.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"
#include "worker.h"

#define STATUS_PLAIN "text/plain; charset=utf-8"

/* What counts sessions and bytes needs the workers, which own them: they are asked, and the answer follows when all
 * have brought their counters up to date. */
static const struct status_page {
	const char *path, *type;
	void (*text)(struct stats *stats, struct buf *out); /* NULL: routes_connections, which needs every session */
} pages[] = {
	{ "/", "text/html; charset=utf-8", page_text },
	{ "/connections", "application/json", NULL },
	{ "/routes", "application/json", routes_text },
	{ "/metrics", METRICS_TYPE, metrics_text },
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

/* Takes the body. */
static void status_answer(struct status *status, struct admin_client *client, int code, struct buf *body)
{
	status_put_head(client, code, STATUS_PLAIN, body->len);
	if (client->bare)
		buf_free(body);
	else
		client->body = admin_body(&status->server, body);
	admin_answer(&status->server, client, client->close);
}

static void status_answer_line(struct status *status, struct admin_client *client, int code, const char *text)
{
	struct buf body = { 0 };

	buf_printf(&body, "%s\n", text);
	status_answer(status, client, code, &body);
}

static void status_answer_no_memory(struct status *status, struct admin_client *client)
{
	status_answer_line(status, client, 503, "There is no memory for this answer. Try again later.");
}

/* Pages. */

static void status_ask_workers(struct status *status)
{
	status->asked = true;
	status->sessions = false;
	for (struct admin_client *client = status->server.clients; client; client = client->next)
		status->sessions = status->sessions || (client->waiting && !pages[client->page].text);
	worker_ask(status->stats->pool, status->sessions);
}

/* NULL: without memory. */
static struct admin_body *status_write_page(struct status *status, const struct status_page *page,
                                            const struct session_report *report)
{
	struct buf text = { .may_fail = true };

	if (page->text)
		page->text(status->stats, &text);
	else if (!report->failed)
		routes_connections(status->stats, report, &text);
	return text.len ? admin_body(&status->server, &text) : NULL;
}

/* All who wait for a page get the same one. *body: NULL until the first of them. */
static void status_answer_page(struct status *status, struct admin_client *client, const struct session_report *report,
                               struct admin_body **body)
{
	const struct status_page *page = &pages[client->page];

	if (!sys_reserve()) {
		admin_drop(&status->server, client);
		return;
	}
	client->close = client->close || client->dismissed;
	if (!*body)
		*body = status_write_page(status, page, report);
	if (!*body) {
		status_answer_no_memory(status, client);
		return;
	}
	status_put_head(client, 200, page->type, (*body)->text.len);
	if (!client->bare)
		client->body = admin_body_ref(*body);
	admin_answer(&status->server, client, client->close);
}

/* /explain/NAME */

/* What a source says counts for less while it does not answer. */
static void status_put_silence(struct supervisor_state state, struct buf *out)
{
	if (!state.counters || state.up)
		return;
	if (state.age < 0)
		buf_printf(out, "note: %s has not answered yet\n", state.kind->name);
	else
		buf_printf(out, "note: %s has not answered for %lld s; this is what it said last\n", state.kind->name,
		           (long long)(state.age / 1000));
}

/* What to say of a name that no list has. */
static void status_put_nothing(const struct stats *stats, const char *name, struct buf *out)
{
	const struct config *config = stats->config;

	buf_puts_visible(out, "", name);
	buf_puts(out, ": no source has a service of this name.");
	for (size_t i = 0; i < stats->sources->count; i++) {
		const struct source_kind *kind = supervisor_state(stats->sources, i).kind;

		if (config->uses[i] && kind->word)
			buf_printf(out, " In %s it must be registered, and have the tag %s.", kind->title,
			           kind->word(config->tables[1 + i].values));
	}
	buf_puts(out, "\n");
}

/* Returns how many services of that name there are. */
static size_t status_explain(const struct stats *stats, const char *name, struct buf *out)
{
	struct explain explain = { .rules = &stats->route->rules.admit, .table = stats->route->table };
	size_t found = 0;

	for (size_t i = 0; i < stats->sources->count; i++)
		found += explain_list(&explain, stats->sources->lists[i], name, out);
	if (!found)
		status_put_nothing(stats, name, out);
	for (size_t i = 0; i < stats->sources->count; i++)
		status_put_silence(supervisor_state(stats->sources, i), out);
	return found;
}

static void status_answer_explain(struct status *status, struct admin_client *client, struct slice name)
{
	char *service = sys_alloc(name.len + 1);
	struct buf body = { .may_fail = true };
	const char *wrong = text_unescape(name, service);
	int code;

	admin_relieve(&status->server); /* of many instances there is much to say */
	code = !wrong && status_explain(status->stats, service, &body) ? 200 : 404;
	if (wrong)
		status_answer_line(status, client, 400, "The name has a wrong escape.");
	else if (body.failed)
		status_answer_no_memory(status, client);
	else
		status_answer(status, client, code, &body);
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

	while (client->in.len && client->in.len < before && !client->last && !client->waiting && !client->out.len) {
		before = client->in.len;
		status_take_request(server->owner, client);
	}
}

/* The workers have reported. True: a client wants sessions, which this report lacks: they are to be asked again. */
static bool status_answer_waiting(struct status *status, const struct session_report *report, bool sessions)
{
	struct admin_body *bodies[ARRAY_LEN(pages)] = { NULL };
	bool left = false;

	admin_relieve(&status->server); /* here, where nothing is held but by readers */
	for (struct admin_client *client = status->server.clients, *next; client; client = next) {
		next = client->next;
		if (!client->waiting)
			continue;
		if (!pages[client->page].text && !sessions) {
			left = true;
			continue;
		}
		status_answer_page(status, client, report, &bodies[client->page]);
	}
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		admin_body_unref(&status->server, bodies[i]);
	for (struct admin_client *client = status->server.clients, *next; client; client = next) {
		next = client->next; /* one that makes room meanwhile still leads to the next: the loop frees it later */
		status_input(&status->server, client);
	}
	return left;
}

void status_woken(struct status *status)
{
	struct session_report report = { 0 };
	bool left;

	if (!status->asked || !worker_told(status->stats->pool, &report))
		return;
	status->asked = false;
	if (status->logging)
		stats_log(status->stats);
	status->logging = false;
	left = status_answer_waiting(status, &report, status->sessions);
	session_report_free(&report);
	if (left && !status->asked)
		status_ask_workers(status);
}

void status_log(struct status *status)
{
	status->logging = true;
	if (!status->asked)
		status_ask_workers(status);
}

void status_open(struct status *status, struct loop *loop)
{
	status->server.input = status_input;
	status->server.owner = status;
	admin_open(&status->server, loop);
}
