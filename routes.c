#include "base.h"
#include "routes.h"

#include <string.h>

#include "admit.h"
#include "config.h"
#include "net.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "supervisor.h"
#include "sys.h"

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

static void routes_put_backend(struct buf *out, const struct route_backend *backend, unsigned weight)
{
	struct route_figures figures = route_backend_figures(backend);

	buf_puts_json(out, "{\"address\":", backend->name);
	buf_printf(out, ",\"healthy\":%s,\"weight\":%u,\"active\":%llu,\"connections\":%llu,\"rx\":%llu,\"tx\":%llu,"
	           "\"connect_errors\":%llu}", atomic_load(&backend->unhealthy) ? "false" : "true", weight,
	           figures.active, figures.connections, figures.rx, figures.tx, figures.connect_errors);
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

static void routes_put_listener(struct buf *out, const struct route_entry *entry)
{
	const struct route_listener *listener = entry->listener;
	struct route_figures figures = route_listener_figures(listener);
	int error = route_listener_error(listener);

	buf_puts_json(out, "{\"address\":", listener->name);
	buf_puts(out, stats_is_open(listener) ? ",\"state\":\"open\"" : ",\"state\":\"failed\"");
	if (error)
		buf_puts_json(out, ",\"error\":", strerror(error));
	routes_put_wanted(out, entry);
	buf_printf(out, ",\"active\":%llu,\"connections\":%llu,\"rx\":%llu,\"tx\":%llu,\"backends\":[",
	           figures.active, figures.connections, figures.rx, figures.tx);
	for (unsigned i = 0; i < entry->count; i++) {
		buf_puts(out, i ? "," : "");
		routes_put_backend(out, entry->backends[i], entry->weights[i]);
	}
	buf_puts(out, "]}");
}

static void routes_put_refused(struct buf *out, const struct route_table *table)
{
	buf_puts(out, ",\"refused\":[");
	for (size_t i = 0; i < table->refused_count; i++) {
		buf_puts_json(out, i ? ",\n{\"service\":" : "{\"service\":", table->refused[i].service);
		buf_puts_json(out, ",\"wish\":", table->refused[i].wish);
		buf_puts_json(out, ",\"reason\":", table->refused[i].reason);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void routes_put_sources(struct buf *out, const struct supervisor *sources)
{
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
	buf_puts(out, "]");
}

void routes_text(struct stats *stats, struct buf *out)
{
	const struct route_table *table = stats->route->table;

	buf_puts(out, "{\"listeners\":[");
	for (size_t i = 0; i < table->count; i++) {
		buf_puts(out, i ? ",\n" : "");
		routes_put_listener(out, table->entries[i]);
	}
	buf_puts(out, "]");
	if (table->allow.count)
		routes_put_ranges(out, ",\"allow\":[", &table->allow);
	routes_put_refused(out, table);
	routes_put_sources(out, stats->sources);
	buf_puts(out, "}\n");
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
	buf_printf(out, ",\"rx\":%llu,\"tx\":%llu,\"age\":", (unsigned long long)session->rx, (unsigned long long)session->tx);
	buf_seconds(out, age < 0 ? 0 : age);
	buf_puts(out, "}");
}

/* Every backend with its listener's port before it. */
static void routes_put_pairs(struct buf *out, const struct route_table *table)
{
	struct buf pair = { 0 };
	const char *comma = "";

	for (size_t i = 0; i < table->count; i++)
		for (unsigned k = 0; k < table->entries[i]->count; k++) {
			pair.len = 0;
			buf_printf(&pair, "%u:%s", net_addr_port(&table->entries[i]->listener->addr), table->entries[i]->backends[k]->name);
			buf_puts_json(out, comma, pair.data);
			comma = ",";
		}
	buf_free(&pair);
}

void routes_connections(const struct stats *stats, const struct session_report *report, struct buf *out)
{
	buf_puts(out, "{\"name\":\"dill\",\"connections\":[");
	routes_put_pairs(out, stats->route->table);
	buf_puts(out, "],\"active\":[");
	for (size_t i = 0; i < report->count; i++) {
		buf_puts(out, i ? ",\n" : "");
		routes_put_session(out, stats->route->table, &report->views[i]);
	}
	buf_puts(out, "]}\n");
}
