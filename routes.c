#include "base.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "config.h"
#include "net.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"
#include "walk.h"

/* /routes */

static void routes_put_ranges(struct buf *out, const char *before, const struct net_ranges *ranges)
{
	char text[NET_RANGE_TEXT];

	buf_puts(out, before);
	for (size_t i = 0; i < ranges->count; i++) {
		net_print_range(&ranges->items[i], text);
		buf_puts_json(out, i ? "," : "", text);
	}
	buf_puts(out, "]");
}

static void routes_put_figures(struct buf *out, const struct route_figures *figures)
{
	buf_puts_number(out, ",\"active\":", figures->active);
	buf_puts_number(out, ",\"connections\":", figures->connections);
	buf_puts_number(out, ",\"rx\":", figures->rx);
	buf_puts_number(out, ",\"tx\":", figures->tx);
}

static void routes_put_name(struct buf *out, const struct route_target *name)
{
	buf_puts_json(out, ",\"name\":", name->name);
	buf_puts_json(out, ",\"state\":", resolve_state_names[name->state]);
	if (name->why)
		buf_puts_json(out, ",\"why\":", name->why);
}

/* One without an address stands there by its name, and with all figures: readers may know nothing of names. */
static void routes_put_absent(struct buf *out, const struct route_target *name)
{
	static const struct route_figures none;

	buf_puts_json(out, "{\"address\":", name->name);
	routes_put_name(out, name);
	buf_puts(out, ",\"healthy\":false,\"weight\":0");
	routes_put_figures(out, &none);
	buf_puts(out, ",\"connect_errors\":0}");
}

static void routes_put_backend(struct buf *out, const struct route_entry *entry, unsigned index)
{
	const struct route_backend *backend = entry->backends[index];
	const struct route_target *name = route_target_of(entry, index);
	struct route_figures figures = route_backend_figures(backend);

	buf_puts_json(out, "{\"address\":", backend->name);
	if (name)
		routes_put_name(out, name);
	buf_puts(out, atomic_load(&backend->unhealthy) ? ",\"healthy\":false" : ",\"healthy\":true");
	buf_puts_number(out, ",\"weight\":", entry->weights[index]);
	buf_puts(out, route_is_last(entry, index) ? ",\"last\":true" : "");
	routes_put_figures(out, &figures);
	buf_puts_number(out, ",\"connect_errors\":", figures.connect_errors);
	buf_puts(out, "}");
}

static void routes_put_terms(struct buf *out, const struct route_terms *terms)
{
	const struct service_options *options = terms->options;

	buf_puts_json(out, "{\"service\":", terms->service->name);
	if (options->proxy_protocol)
		buf_printf(out, ",\"proxy_protocol\":\"v%d\"", options->proxy_protocol);
	if (options->limited)
		routes_put_ranges(out, ",\"allow\":[", &options->allow);
	if (options->deny.count)
		routes_put_ranges(out, ",\"deny\":[", &options->deny);
	buf_puts(out, "}");
}

/* What the services ask for. */
static void routes_put_wanted(struct buf *out, const struct route_entry *entry)
{
	bool asked = false;

	buf_puts_json(out, ",\"balance\":", service_balance_names[entry->balance]);
	buf_puts(out, ",\"services\":[");
	for (size_t i = 0; i < entry->name_count; i++)
		buf_puts_json(out, i ? "," : "", entry->names[i]);
	buf_puts(out, "]");
	for (unsigned i = 0; i < entry->term_count; i++)
		if (service_options_asked(entry->terms[i].options)) {
			buf_puts(out, asked ? "," : ",\"options\":[");
			routes_put_terms(out, &entry->terms[i]);
			asked = true;
		}
	buf_puts(out, asked ? "]" : "");
}

/* Up to its backends. */
static void routes_put_listener(struct buf *out, const struct route_entry *entry)
{
	const struct route_listener *listener = entry->listener;
	struct route_figures figures = route_listener_figures(listener);
	int error = route_listener_error(listener);

	buf_puts_json(out, "{\"address\":", listener->name);
	buf_puts_json(out, ",\"state\":", stats_is_open(listener) ? "open" : route_waits(entry) ? "waiting" : "failed");
	if (error)
		buf_puts_json(out, ",\"error\":", strerror(error));
	routes_put_wanted(out, entry);
	routes_put_figures(out, &figures);
	buf_puts(out, ",\"backends\":[");
}

struct routes {
	struct body body;
	const struct stats *stats;
	struct walk walk;
	bool begun; /* something is listed before the next one */
	bool listed; /* likewise, of the listener's backends */
	struct routes_sessions *sessions; /* of /connections: held */
};

static struct routes *routes_of(struct body *body)
{
	return CONTAINER_OF(body, struct routes, body);
}

static bool routes_put_listeners(struct body *body)
{
	struct routes *routes = routes_of(body);
	struct walk *walk = &routes->walk;

	if (!body->at++)
		buf_puts(body->out, "{\"listeners\":[");
	while (walk_on(walk)) {
		if (!walk->inside) {
			buf_puts(body->out, routes->begun ? ",\n" : "");
			routes_put_listener(body->out, walk->entry);
			routes->begun = true;
			routes->listed = false;
		}
		for (; walk_more(walk); walk_past(walk)) {
			if (body_full(body, 1))
				return walk_pause(walk, true);
			buf_puts(body->out, routes->listed ? "," : "");
			routes->listed = true;
			if (walk->name)
				routes_put_absent(body->out, walk->name);
			else
				routes_put_backend(body->out, walk->entry, walk->backend);
		}
		buf_puts(body->out, "]}");
		if (body_full(body, 1))
			return walk_pause(walk, false);
	}
	buf_puts(body->out, "]");
	return false;
}

static bool routes_put_refused(struct body *body)
{
	struct routes *routes = routes_of(body);
	const struct route_table *table = routes->stats->route->table;
	const struct route_refusal *refusal;

	if (!body->at && table->allow.count)
		routes_put_ranges(body->out, ",\"allow\":[", &table->allow);
	if (!body->at)
		buf_puts(body->out, ",\"refused\":[");
	while ((refusal = walk_refused(&routes->walk))) {
		buf_puts_json(body->out, body->at++ ? ",\n{\"service\":" : "{\"service\":", refusal->service);
		buf_puts_json(body->out, ",\"wish\":", refusal->wish);
		buf_puts_json(body->out, ",\"reason\":", refusal->reason);
		buf_puts(body->out, "}");
		if (body_full(body, 1))
			return walk_pause_refused(&routes->walk);
	}
	buf_puts(body->out, "]");
	return false;
}

static bool routes_put_sources(struct body *body)
{
	const struct supervisor *sources = routes_of(body)->stats->sources;
	struct buf *out = body->out;
	const char *comma = "";

	buf_puts(out, ",\"sources\":[");
	for (size_t i = 0; i < sources->count; i++) {
		struct supervisor_state state = supervisor_state(sources, i);

		if (!state.used)
			continue;
		buf_puts(out, comma);
		buf_puts_json(out, "{\"name\":", state.kind->name);
		buf_printf(out, ",\"up\":%s,\"age\":", state.up ? "true" : "false");
		if (state.age < 0)
			buf_puts(out, "null");
		else
			buf_seconds(out, state.age);
		buf_puts(out, "}");
		comma = ",";
	}
	buf_puts(out, "]}\n");
	return false;
}

static void routes_end(struct body *body)
{
	struct routes *routes = routes_of(body);

	walk_end(&routes->walk);
	routes_sessions_unref(routes->sessions);
}

static struct routes *routes_new(const struct stats *stats, const struct body_kind *kind)
{
	struct routes *routes = sys_alloc(sizeof *routes);

	routes->body.kind = kind;
	routes->stats = stats;
	walk_begin(&routes->walk, stats->route, false);
	return routes;
}

static bool (*const routes_stages[])(struct body *body) = {
	routes_put_listeners, routes_put_refused, routes_put_sources, NULL
};
static const struct body_kind routes_kind = { routes_stages, routes_end, NULL };

struct body *routes_body(struct stats *stats)
{
	return &routes_new(stats, &routes_kind)->body;
}

/* /connections */

static void routes_put_session(struct buf *out, const struct route_table *table, const struct session_view *session)
{
	const struct route_entry *entry = route_find(table, &session->listener->addr);
	int64_t age = (sys_micros() - session->started) / 1000;
	char client[NET_TEXT];

	net_print(&session->client, client);
	buf_puts_json(out, "{\"client\":", client);
	buf_puts_json(out, ",\"listener\":", session->listener->name);
	buf_puts_json(out, ",\"backend\":", session->target ? session->target->name : "");
	buf_puts_json(out, ",\"service\":", entry ? entry->services : session->listener->services);
	buf_puts_number(out, ",\"rx\":", session->rx);
	buf_puts_number(out, ",\"tx\":", session->tx);
	buf_puts(out, ",\"age\":");
	buf_seconds(out, age < 0 ? 0 : age);
	buf_puts(out, "}");
}

/* Every backend as it was written, with its listener's port before it. */
static void routes_put_pair(struct buf *out, const struct walk *walk, const char *comma)
{
	struct buf pair = { 0 };

	buf_number(&pair, net_addr_port(&walk->listener->addr));
	buf_puts(&pair, ":");
	buf_puts(&pair, walk->name ? walk->name->name : walk->entry->backends[walk->backend]->name);
	buf_puts_json(out, comma, pair.data);
	buf_free(&pair);
}

static bool routes_put_pairs(struct body *body)
{
	struct routes *routes = routes_of(body);
	struct walk *walk = &routes->walk;
	const char *proxy = routes->stats->config->proxy;

	if (!body->at++) {
		buf_puts_json(body->out, "{\"name\":", proxy ? proxy : "dill");
		buf_puts(body->out, ",\"connections\":[");
	}
	while (walk_on(walk)) {
		for (; walk_more(walk); walk_past(walk)) {
			if (body_full(body, 1))
				return walk_pause(walk, true);
			routes_put_pair(body->out, walk, routes->begun ? "," : "");
			routes->begun = true;
		}
		if (body_full(body, 1))
			return walk_pause(walk, false);
	}
	buf_puts(body->out, "],\"active\":[");
	return false;
}

static bool routes_put_active(struct body *body)
{
	const struct routes *routes = routes_of(body);
	const struct session_report *report = &routes->sessions->report;

	if (report->failed)
		buf_fail(body->out); /* some are missing */
	while (body->at < report->count) {
		buf_puts(body->out, body->at ? ",\n" : "");
		routes_put_session(body->out, routes->stats->route->table, &report->views[body->at++]);
		if (body_full(body, 1))
			return true;
	}
	buf_puts(body->out, "]}\n");
	return false;
}

static bool (*const routes_connections_stages[])(struct body *body) = { routes_put_pairs, routes_put_active, NULL };

/* Of the report, each of its readers has a part. */
static size_t routes_kept(const struct body *body)
{
	const struct routes_sessions *sessions = ((const struct routes *)body)->sessions;

	return sessions->report.cap * sizeof *sessions->report.views / sessions->refs;
}

static const struct body_kind routes_connections_kind = { routes_connections_stages, routes_end, routes_kept };

struct routes_sessions *routes_sessions_new(struct session_report *report)
{
	struct routes_sessions *sessions = sys_alloc(sizeof *sessions);

	*sessions = (struct routes_sessions){ .report = *report, .refs = 1 };
	*report = (struct session_report){ 0 };
	return sessions;
}

void routes_sessions_unref(struct routes_sessions *sessions)
{
	if (!sessions || --sessions->refs)
		return;
	session_report_free(&sessions->report);
	free(sessions);
}

struct body *routes_connections(const struct stats *stats, struct routes_sessions *sessions)
{
	struct routes *routes = routes_new(stats, &routes_connections_kind);

	routes->walk.names = true;
	routes->sessions = sessions;
	sessions->refs++;
	return &routes->body;
}
