#include "base.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "metrics.h"
#include "page.h"
#include "sys.h"

/* One request, as far as it matters here. */
struct request {
	struct slice method, path;
	bool old;  /* HTTP/1.0 */
	bool last; /* the connection ends with its answer */
};

static const char *reason_of(int code)
{
	switch (code) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Error";
	}
}

/* A server with a clock says what it shows (RFC 9110, 6.6.1, 5.6.7). */
static void put_date(struct buf *out)
{
	static const char days[][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	int64_t now = sys_wall() / 1000, day = now / 86400;
	struct text_date date = text_date(day);
	int second = (int)(now % 86400);

	buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[day % 7], date.day, months[date.month - 1],
	           date.year, second / 3600, second / 60 % 60, second % 60);
}

static void put_head(struct admin_client *c, int code, const char *type, size_t length)
{
	buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", code, reason_of(code));
	put_date(&c->out);
	buf_printf(&c->out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", type, length);
	if (code == 405)
		buf_puts(&c->out, "Allow: GET, HEAD\r\n");
	if (c->close)
		buf_puts(&c->out, "Connection: close\r\n");
	else if (c->old)
		buf_puts(&c->out, "Connection: keep-alive\r\n");
	buf_puts(&c->out, "\r\n");
}

/* Takes the body. */
static void answer(struct status *s, struct admin_client *c, int code, const char *type, struct buf *body)
{
	put_head(c, code, type, body->len);
	if (!c->bare && body->len)
		buf_add(&c->out, body->data, body->len);
	buf_free(body);
	admin_answer(&s->server, c, c->close);
}

static void answer_text(struct status *s, struct admin_client *c, int code, const char *text)
{
	struct buf body = { 0 };

	buf_printf(&body, "%s\n", text);
	answer(s, c, code, "text/plain; charset=utf-8", &body);
}

/* JSON. */

static void put_string(struct buf *out, const char *before, const char *text)
{
	buf_puts(out, before);
	buf_json(out, text, strlen(text));
}

static void put_backend(struct buf *out, const struct route_entry *e, unsigned i)
{
	struct route_backend *b = e->backends[i];

	put_string(out, i ? ",{\"address\":" : "{\"address\":", b->name);
	buf_printf(out, ",\"healthy\":%s,\"weight\":%u,\"active\":%u,\"connections\":%llu,\"rx\":%llu,\"tx\":%llu,"
	           "\"connect_errors\":%llu}", atomic_load(&b->unhealthy) ? "false" : "true", e->weights[i],
	           atomic_load(&b->active), atomic_load(&b->connections), atomic_load(&b->rx), atomic_load(&b->tx),
	           atomic_load(&b->connect_errors));
}

static void put_services(struct buf *out, const struct route_entry *e)
{
	buf_puts(out, ",\"services\":[");
	for (size_t i = 0; i < e->name_count; i++)
		put_string(out, i ? "," : "", e->names[i]);
	buf_puts(out, "]");
}

static void put_ranges(struct buf *out, const char *before, const struct admit_ranges *ranges)
{
	char text[NET_RANGE_TEXT];

	buf_puts(out, before);
	for (size_t i = 0; i < ranges->count; i++) {
		net_print_range(&ranges->items[i], text);
		put_string(out, i ? "," : "", text);
	}
	buf_puts(out, "]");
}

static void put_listener(struct buf *out, const struct route_entry *e)
{
	put_string(out, "{\"address\":", e->listener->name);
	buf_printf(out, ",\"state\":\"%s\"", atomic_load(&e->listener->fd) >= 0 ? "open" : "failed");
	if (e->listener->error)
		put_string(out, ",\"error\":", strerror(e->listener->error));
	put_string(out, ",\"balance\":", service_balance_names[e->balance]);
	put_services(out, e);
	if (e->proxy_protocol)
		buf_printf(out, ",\"proxy_protocol\":\"v%u\"", e->proxy_protocol);
	if (e->limited)
		put_ranges(out, ",\"allow\":[", &e->allow);
	if (e->deny.count)
		put_ranges(out, ",\"deny\":[", &e->deny);
	buf_printf(out, ",\"active\":%u,\"connections\":%llu,\"rx\":%llu,\"tx\":%llu", atomic_load(&e->listener->active),
	           atomic_load(&e->listener->connections), atomic_load(&e->listener->rx), atomic_load(&e->listener->tx));
	buf_puts(out, ",\"backends\":[");
	for (unsigned i = 0; i < e->count; i++)
		put_backend(out, e, i);
	buf_puts(out, "]}");
}

static void put_sources(struct buf *out, const struct supervisor *s)
{
	const char *comma = "";

	buf_puts(out, "],\"sources\":[");
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		struct supervisor_state state = supervisor_state(s, i);

		if (!state.used)
			continue;
		buf_puts(out, comma);
		put_string(out, "{\"name\":", state.name);
		buf_printf(out, ",\"up\":%s,\"age\":", state.up ? "true" : "false");
		if (state.age < 0)
			buf_puts(out, "null}");
		else
			buf_printf(out, "%lld.%03d}", (long long)(state.age / 1000), (int)(state.age % 1000));
		comma = ",";
	}
}

void status_routes(const struct stats *s, struct buf *out)
{
	const struct route_table *t = s->route->table;

	buf_puts(out, "{\"listeners\":[");
	for (size_t i = 0; i < t->count; i++) {
		buf_puts(out, i ? ",\n" : "");
		put_listener(out, &t->entries[i]);
	}
	buf_puts(out, "]");
	if (t->allow.count)
		put_ranges(out, ",\"allow\":[", &t->allow);
	buf_puts(out, ",\"refused\":[");
	for (size_t i = 0; i < t->refused_count; i++) {
		put_string(out, i ? ",\n{\"service\":" : "{\"service\":", t->refused[i].service);
		put_string(out, ",\"wish\":", t->refused[i].wish);
		put_string(out, ",\"reason\":", t->refused[i].reason);
		buf_puts(out, "}");
	}
	put_sources(out, s->sources);
	buf_puts(out, "]}\n");
}

static void put_session(struct buf *out, const struct stats *s, const struct session_view *v)
{
	const struct route_entry *e = route_find(s->route->table, &v->listener->addr);
	int64_t age = (sys_micros() - v->started) / 1000;
	char client[NET_TEXT];

	net_print(&v->client, client);
	put_string(out, "{\"client\":", client);
	put_string(out, ",\"listener\":", v->listener->name);
	put_string(out, ",\"backend\":", v->target ? v->target->name : "");
	put_string(out, ",\"service\":", e ? e->services : v->listener->services);
	age = age < 0 ? 0 : age;
	buf_printf(out, ",\"rx\":%llu,\"tx\":%llu,\"age\":%lld.%03d}", (unsigned long long)v->rx, (unsigned long long)v->tx,
	           (long long)(age / 1000), (int)(age % 1000));
}

static void put_connections(struct buf *out, const struct stats *s, const struct session_report *report)
{
	const struct route_table *t = s->route->table;
	struct buf text = { 0 };
	const char *comma = "";

	buf_puts(out, "{\"name\":\"dill\",\"connections\":[");
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++) {
			text.len = 0;
			buf_printf(&text, "%u:%s", net_addr_port(&t->entries[i].listener->addr), t->entries[i].backends[b]->name);
			put_string(out, comma, text.data);
			comma = ",";
		}
	buf_puts(out, "],\"active\":[");
	for (size_t i = 0; i < report->count; i++) {
		buf_puts(out, i ? ",\n" : "");
		put_session(out, s, &report->views[i]);
	}
	buf_puts(out, "]}\n");
	buf_free(&text);
}

/* Pages. What counts sessions and bytes needs the workers, which own them: they are asked, and the answer follows when
 * all have brought their counters up to date. */

enum page { PAGE_NONE, PAGE_PEOPLE, PAGE_CONNECTIONS, PAGE_ROUTES, PAGE_METRICS };
#define PAGES (PAGE_METRICS + 1)

#define HELD_MAX (32u << 20) /* bytes that slow readers may keep waiting: then they give way, or others come again */

static enum page page_of(struct slice path)
{
	static const struct {
		const char *path;
		enum page page;
	} pages[] = {
		{ "/", PAGE_PEOPLE }, { "/connections", PAGE_CONNECTIONS }, { "/routes", PAGE_ROUTES }, { "/metrics", PAGE_METRICS }
	};

	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (slice_is(path, pages[i].path))
			return pages[i].page;
	return PAGE_NONE;
}

static void ask_workers(struct status *s)
{
	bool sessions = false;

	for (struct admin_client *c = s->server.clients; c; c = c->next)
		sessions = sessions || (c->waiting && c->page == PAGE_CONNECTIONS);
	s->asked = true;
	s->sessions = sessions;
	worker_ask(s->stats->pool, sessions);
}

static void write_page(struct status *s, enum page page, const struct session_report *report, struct buf *out)
{
	switch (page) {
	case PAGE_NONE:
		break;
	case PAGE_PEOPLE:
		page_text(s->stats, out);
		break;
	case PAGE_CONNECTIONS:
		put_connections(out, s->stats, report);
		break;
	case PAGE_ROUTES:
		status_routes(s->stats, out);
		break;
	case PAGE_METRICS:
		metrics_text(s->stats, out);
		break;
	}
}

/* All who wait for a page get the same one. *body: NULL until the first of them. */
static void answer_page(struct status *s, struct admin_client *c, const struct session_report *report,
                        struct admin_body **body)
{
	static const char *const types[] = {
		[PAGE_NONE] = "", [PAGE_PEOPLE] = "text/html; charset=utf-8", [PAGE_CONNECTIONS] = "application/json",
		[PAGE_ROUTES] = "application/json", [PAGE_METRICS] = METRICS_TYPE
	};
	struct buf text = { 0 };

	c->close = c->close || c->dismissed;
	while (!*body && s->server.held > HELD_MAX && admin_relieve(&s->server))
		;
	if (!*body && s->server.held > HELD_MAX) {
		answer_text(s, c, 503, "Slow readers have not taken what they asked for. Try again later.");
		return;
	}
	if (!*body) {
		write_page(s, c->page, report, &text);
		*body = admin_body(&s->server, &text);
	}
	put_head(c, 200, types[c->page], (*body)->text.len);
	if (!c->bare)
		c->body = admin_body_ref(*body);
	admin_answer(&s->server, c, c->close);
}

/* What a source says counts for less while it does not answer. */
static void put_silence(struct supervisor_state state, struct buf *out)
{
	if (!state.counters || state.up)
		return;
	if (state.age < 0)
		buf_printf(out, "note: %s has not answered yet\n", state.name);
	else
		buf_printf(out, "note: %s has not answered for %lld s; this is what it said last\n", state.name,
		           (long long)(state.age / 1000));
}

static void answer_explain(struct status *s, struct admin_client *c, struct slice name)
{
	const struct stats *st = s->stats;
	struct explain x = {
		.rules = &st->route->rules.admit, .tag = st->config->consul_tag, .table = st->route->table,
		.consul = st->config->uses[CONFIG_CONSUL]
	};
	char *service = sys_alloc(name.len + 1);
	struct buf body = { 0 };
	size_t found = 0;

	if (text_unescape(name, service)) {
		free(service);
		answer_text(s, c, 400, "The name has a wrong escape.");
		return;
	}
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		found += explain_list(&x, st->sources->lists[i], service, &body);
	if (!found)
		explain_nothing(&x, service, &body);
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		put_silence(supervisor_state(st->sources, i), &body);
	free(service);
	answer(s, c, found ? 200 : 404, "text/plain; charset=utf-8", &body);
}

/* Requests. */

static void serve(struct status *s, struct admin_client *c, const struct request *r)
{
	const char *why;
	int code;

	c->close = r->last || c->dismissed;
	c->old = r->old;
	c->bare = slice_is(r->method, "HEAD");
	c->page = (uint8_t)page_of(r->path);
	if (!c->bare && !slice_is(r->method, "GET")) {
		c->close = true; /* a body may follow */
		answer_text(s, c, 405, "Only GET and HEAD are served here.");
	} else if (c->page != PAGE_NONE) {
		c->waiting = true;
		if (!s->asked)
			ask_workers(s);
	} else if (slice_is(r->path, "/status")) {
		code = stats_ready(s->stats, &why);
		answer_text(s, c, code, why);
	} else if (r->path.len > 9 && memcmp(r->path.at, "/explain/", 9) == 0) {
		answer_explain(s, c, (struct slice){ r->path.at + 9, r->path.len - 9 });
	} else {
		answer_text(s, c, 404, "There are /, /status, /connections, /routes, /metrics and /explain/NAME.");
	}
}

/* What the lines behind the first say. */
struct fields {
	unsigned hosts;
	bool close, keep, body;
};

/* A name is a token (RFC 9110, 5.6.2). */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.len != 0;
}

/* False when the line is wrong. */
static bool read_field(struct fields *f, struct slice line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct slice name = { line.at, colon ? (size_t)(colon - line.at) : 0 }, value;

	if (!is_token(name) || memchr(line.at, '\r', line.len))
		return false;
	value = slice_trim((struct slice){ colon + 1, line.len - name.len - 1 });
	if (slice_is_nocase(name, "Host")) {
		f->hosts++;
	} else if (slice_is_nocase(name, "Connection")) {
		f->close = f->close || slice_has_word(value, "close");
		f->keep = f->keep || slice_has_word(value, "keep-alive");
	} else if (slice_is_nocase(name, "Transfer-Encoding") ||
	           (slice_is_nocase(name, "Content-Length") && !slice_is(value, "0"))) {
		f->body = true; /* which is not read */
	}
	return true;
}

/* GET http://host/path is the same as GET /path. */
static struct slice path_of(struct slice target)
{
	const char *slash;

	if (target.len > 7 && slice_is_nocase((struct slice){ target.at, 7 }, "http://")) {
		slash = memchr(target.at + 7, '/', target.len - 7);
		target = slash ? (struct slice){ slash, target.len - (size_t)(slash - target.at) } : slice_of("/");
	}
	for (size_t i = 0; i < target.len; i++)
		if (target.at[i] == '?')
			target.len = i;
	return target;
}

/* A complete head. Returns 0, or the status code of what is wrong. */
static int read_head(struct request *r, struct slice head)
{
	struct fields f = { 0 };
	struct slice line;

	slice_next(&head, '\n', &line);
	if (!slice_next(&line, ' ', &r->method) || !is_token(r->method) || !slice_next(&line, ' ', &r->path))
		return 400;
	r->path = path_of(r->path);
	if (!r->path.len || r->path.at[0] != '/' || line.len != 8 || memcmp(line.at, "HTTP/", 5) != 0)
		return 400;
	if (memcmp(line.at, "HTTP/1.", 7) != 0)
		return 505;
	r->old = line.at[7] == '0';
	while (head.len) {
		const char *end = memchr(head.at, '\n', head.len);
		struct slice field = { head.at, end ? (size_t)(end - head.at) : head.len };

		head = (struct slice){ head.at + field.len + (end != NULL), head.len - field.len - (end != NULL) };
		if (field.len && field.at[field.len - 1] == '\r')
			field.len--;
		if (field.len && !read_field(&f, field))
			return 400;
	}
	r->last = f.body || f.close || (r->old && !f.keep);
	return f.hosts == 1 || (r->old && !f.hosts) ? 0 : 400;
}

/* The length of a head that is complete, empty line included; 0: not yet. */
static size_t head_length(const struct buf *in)
{
	for (size_t i = 1; i < in->len; i++)
		if (in->data[i] == '\n' && (in->data[i - 1] == '\n' || (i > 1 && in->data[i - 1] == '\r' && in->data[i - 2] == '\n')))
			return i + 1;
	return 0;
}

static void take_request(struct status *s, struct admin_client *c)
{
	struct request r = { .last = true };
	struct buf head = { 0 };
	size_t len, empty = 0;
	int code;

	while (empty < c->in.len && (c->in.data[empty] == '\r' || c->in.data[empty] == '\n'))
		empty++; /* lines before a request are passed over (RFC 9112, 2.2) */
	memmove(c->in.data, c->in.data + empty, c->in.len - empty);
	c->in.len -= empty;
	len = head_length(&c->in);
	if (!len && c->in.len < ADMIN_INPUT_MAX)
		return;
	code = len ? 0 : 431;
	buf_add(&head, c->in.data, len);
	if (!code)
		code = memchr(head.data, '\0', head.len) ? 400 : read_head(&r, (struct slice){ head.data, head.len });
	memmove(c->in.data, c->in.data + len, c->in.len - len);
	c->in.len -= len;
	if (code) {
		c->close = true;
		c->bare = c->old = false;
		answer_text(s, c, code, reason_of(code));
	} else {
		serve(s, c, &r);
	}
	buf_free(&head);
}

/* One request after the other, for as long as they are there and their answers get out. */
static void on_input(struct admin *server, struct admin_client *c)
{
	size_t before = c->in.len + 1;

	while (c->in.len && c->in.len < before && !c->last && !c->waiting && !c->out.len) {
		before = c->in.len;
		take_request(server->owner, c);
	}
}

void status_woken(struct status *s)
{
	struct admin_body *bodies[PAGES] = { NULL };
	struct session_report report = { 0 };
	bool sessions = s->sessions, waiting = false;

	if (!s->asked || !worker_told(s->stats->pool, &report))
		return;
	s->asked = false;
	if (s->logging)
		stats_log(s->stats);
	s->logging = false;
	for (struct admin_client *c = s->server.clients, *next; c; c = next) {
		next = c->next;
		if (!c->waiting)
			continue;
		if (c->page == PAGE_CONNECTIONS && !sessions) {
			waiting = true; /* it came after the workers had been asked for less */
			continue;
		}
		answer_page(s, c, &report, &bodies[c->page]);
		on_input(&s->server, c);
	}
	for (size_t i = 0; i < PAGES; i++)
		admin_body_unref(&s->server, bodies[i]);
	session_report_free(&report);
	if (waiting && !s->asked)
		ask_workers(s);
}

void status_log(struct status *s)
{
	s->logging = true;
	if (!s->asked)
		ask_workers(s);
}

void status_open(struct status *s, struct loop *loop)
{
	s->server.input = on_input;
	s->server.owner = s;
	admin_open(&s->server, loop);
}
