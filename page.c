#include "base.h"
#include "page.h"

#include <string.h>

#include "admit.h"
#include "config.h"
#include "net.h"
#include "page_frame.h"
#include "page_put.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "session.h"
#include "source.h"
#include "span.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"
#include "walk.h"

#define UNSERVED_NAMED 5

/* The verdict. */

struct page {
	struct body body;
	struct stats *stats;
	struct walk walk;
	struct stats_listeners counts;
	size_t unserved, more; /* spans whose clients nobody may serve; listeners of those that are not named */
	struct buf named;
	bool listed; /* there is a table of listeners */
};

static struct page *page_of(struct body *body)
{
	return CONTAINER_OF(body, struct page, body);
}

static void page_put_address(struct buf *out, const struct span *span)
{
	struct buf text = { 0 };

	if (span->count == 1) {
		page_put_slice(out, slice_of(span->first[0]->listener->name));
		return;
	}
	span_put_address(span, &text);
	page_put_slice(out, slice_of(text.data));
	buf_free(&text);
}

static void page_name_unserved(struct page *page, const struct span *span)
{
	if (++page->unserved > UNSERVED_NAMED) {
		page->more += span->count;
		return;
	}
	buf_puts(&page->named, page->unserved > 1 ? ", " : "");
	page_put_address(&page->named, span);
}

/* What the head says of all listeners: they are counted first. */
static bool page_count(struct body *body)
{
	struct page *page = page_of(body);
	struct walk *walk = &page->walk;

	while (walk_on(walk)) {
		bool served = walk_is_served(walk);

		if (!served)
			walk_span(walk);
		for (size_t i = 0; i < walk->span.count; i++)
			stats_count(&page->counts, walk->span.first[i]);
		if (!served)
			page_name_unserved(page, &walk->span);
		if (body_full(body, walk->span.count + walk->count))
			return walk_pause(walk, false);
	}
	return false;
}

static void page_put_unserved(const struct page *page, struct buf *out)
{
	if (!page->unserved)
		return;
	buf_puts(out, "<li class=\"bad\">no healthy backend: ");
	buf_add(out, page->named.data, page->named.len);
	if (page->more)
		page_put_number(out, " and ", page->more, " more");
	buf_puts(out, "</li>\n");
}

static void page_put_verdict(const struct page *page, struct buf *out)
{
	struct stats *stats = page->stats;
	const struct route_table *table = stats->route->table;
	const char *why;
	bool ready = stats_ready(stats, &why) == 200;
	size_t draining = route_draining(stats->route);

	buf_puts(out, "<ul class=\"verdict\">\n");
	page_put_unserved(page, out);
	buf_printf(out, "<li class=\"%s\">%s</li>\n", !ready ? "warn" : page->unserved ? "soft" : "ok", ready ? "ready" : why);
	page_put_plural(out, "<li>", page->counts.open, " listener", " open</li>\n");
	if (page->counts.waiting)
		page_put_number(out, "<li class=\"warn\">", page->counts.waiting, " waiting for names</li>\n");
	if (page->counts.failed)
		page_put_number(out, "<li class=\"bad\">", page->counts.failed, " failed</li>\n");
	if (draining)
		page_put_number(out, "<li>", draining, " draining</li>\n");
	if (stats->reload_failed)
		buf_puts(out, "<li class=\"bad\">the last reload failed</li>\n");
	page_put_number(out, "<li>", session_live(&stats->pool->shared), " of ");
	page_put_plural(out, "", atomic_load(&stats->pool->shared.limit), " connection", " live</li>\n");
	page_put_number(out, table->refused_count ? "<li class=\"warn\">" : "<li>", table->refused_count,
	                table->refused_count == 1 ? " refused wish</li>\n</ul>\n" : " refused wishes</li>\n</ul>\n");
}

static bool page_put_header(struct body *body)
{
	struct page *page = page_of(body);
	struct buf *out = body->out;

	page_frame_open(out);
	buf_puts(out, "<header>\n<h1>dill</h1> <span class=\"soft\">" DILL_VERSION ", up ");
	page_put_time(out, sys_now() - page->stats->started);
	buf_puts(out, "</span>\n");
	page_put_verdict(page, out);
	buf_puts(out, "</header>\n");
	return false;
}

/* Sources. */

static void page_put_errors(struct buf *out, const struct source_counters *counters)
{
	const char *comma = " (";
	unsigned long long sum = 0;

	for (size_t i = 0; i < SOURCE_CODES; i++)
		sum += atomic_load(&counters->errors[i].count);
	page_put_plural(out, ", ", sum, " error", "");
	for (size_t i = 0; i < SOURCE_CODES && sum; i++) {
		int code = atomic_load(&counters->errors[i].code);
		unsigned long long n = atomic_load(&counters->errors[i].count);

		if (!n)
			continue;
		buf_printf(out, code > 0 ? "%sHTTP %d: " : code < 0 ? "%sother: " : "%sno answer: ", comma, code);
		page_put_count(out, n);
		comma = ", ";
	}
	buf_puts(out, sum ? ")" : "");
}

static void page_put_source(struct buf *out, const struct supervisor_state *state)
{
	page_put_text(out, "<li><b>", state->kind->name, "</b> ");
	if (!state->counters) {
		buf_puts(out, "<span class=\"ok\">in force</span></li>\n");
		return;
	}
	if (state->up)
		buf_puts(out, state->kind->polls ? "<span class=\"ok\">in step</span>" : "<span class=\"ok\">up</span>");
	else
		buf_puts(out, state->age < 0 ? "<span class=\"warn\">no answer yet</span>" : "<span class=\"bad\">down</span>");
	buf_puts(out, "<span class=\"soft\">");
	if (state->age >= 0) {
		buf_puts(out, ", last good answer ");
		page_put_time(out, state->age);
		buf_puts(out, " ago");
	}
	page_put_errors(out, state->counters);
	buf_puts(out, state->up || state->age < 0 ? "" : "; keeping the last known services; retrying");
	buf_puts(out, "</span></li>\n");
}

static bool page_put_sources(struct body *body)
{
	const struct stats *stats = page_of(body)->stats;
	struct buf *out = body->out;
	bool any = false;

	buf_puts(out, "<section>\n<h2>Sources</h2>\n<ul class=\"sources\">\n");
	for (size_t i = 0; i < stats->sources->count; i++) {
		struct supervisor_state state = supervisor_state(stats->sources, i);

		if (state.used)
			page_put_source(out, &state);
		any = any || state.used;
	}
	buf_puts(out, any ? "</ul>\n" : "<li>none is configured</li>\n</ul>\n");
	if (stats->route->table->remembered)
		buf_printf(out, "<p class=\"warn\">Listeners are from state.path: %s has not answered yet.</p>\n",
		           stats->route->table->remembered);
	buf_puts(out, "</section>\n");
	return false;
}

/* Listeners and backends. */

static void page_put_networks(struct buf *out, const char *before, const struct net_ranges *ranges)
{
	if (ranges->count)
		page_put_plural(out, before, ranges->count, " network", "");
	else
		buf_printf(out, "%snobody", before);
}

static void page_put_terms(struct buf *out, const struct route_terms *terms, bool named)
{
	const struct service_options *options = terms->options;

	if (named)
		page_put_text(out, " · <bdi>", terms->service->name, "</bdi>:");
	if (options->proxy_protocol)
		buf_printf(out, " · PROXY v%d", options->proxy_protocol);
	if (options->limited)
		page_put_networks(out, " · allow ", &options->allow);
	if (options->deny.count)
		page_put_networks(out, " · deny ", &options->deny);
}

/* What a client and a backend get, beside bytes. */
static void page_put_marks(struct buf *out, const struct route_entry *entry)
{
	buf_puts(out, "<small>");
	buf_puts(out, service_balance_names[entry->balance]);
	for (unsigned i = 0; i < entry->term_count; i++)
		if (service_options_asked(entry->terms[i].options))
			page_put_terms(out, &entry->terms[i], entry->term_count > 1);
	buf_puts(out, "</small>");
	if (entry->conflict)
		page_put_text(out, "<small class=\"warn\">", entry->conflict, "</small>");
}

static void page_put_services(struct buf *out, const struct route_entry *entry)
{
	for (size_t i = 0; i < entry->name_count; i++)
		page_put_text(out, i ? ", <bdi>" : "<bdi>", entry->names[i], "</bdi>");
}

static void page_put_state(struct buf *out, const struct route_entry *entry)
{
	const struct route_listener *listener = entry->listener;

	if (stats_is_open(listener))
		buf_puts(out, "<td class=\"w ok\">open</td>");
	else if (route_listener_error(listener))
		page_put_text(out, "<td class=\"w bad\">cannot listen: ", strerror(route_listener_error(listener)), "</td>");
	else
		buf_puts(out, route_waits(entry) ? "<td class=\"w warn\">waiting for its names</td>" :
		         "<td class=\"w bad\">not open yet</td>");
}

/* The figures of all listeners of a span. */
struct page_sum {
	struct route_figures figures;
	unsigned long long rejected[ROUTE_REJECTS];
	struct stats_rate rate;
	bool rated;
};

static struct page_sum page_sum_up(const struct span *span)
{
	struct page_sum sum = { 0 };

	for (size_t i = 0; i < span->count; i++) {
		struct route_listener *listener = span->first[i]->listener;
		struct route_figures figures = route_listener_figures(listener);
		struct stats_rate rate = { 0 };

		sum.rated = stats_rate(listener, &rate) || sum.rated;
		sum.rate.connections += rate.connections;
		sum.rate.rx += rate.rx;
		sum.rate.tx += rate.tx;
		route_add_figures(&sum.figures, &figures);
		for (int why = 0; why < ROUTE_REJECTS; why++)
			sum.rejected[why] += route_rejected(listener, (enum route_reject)why);
	}
	return sum;
}

static void page_put_rejected(struct buf *out, const unsigned long long counts[ROUTE_REJECTS])
{
	unsigned long long sum = 0;

	for (int i = 0; i < ROUTE_REJECTS; i++)
		sum += counts[i];
	page_put_number(out, sum ? "<td>" : "<td class=\"z\">", sum, "");
	for (int i = 0; i < ROUTE_REJECTS; i++) {
		if (!counts[i])
			continue;
		buf_printf(out, "<small>%s ", route_reject_names[i]);
		page_put_number(out, "", counts[i], "</small>");
	}
	buf_puts(out, "</td>");
}

/* A sum of bytes, and how many a second. */
static void page_put_flow(struct buf *out, unsigned long long sum, bool rated, double rate)
{
	buf_puts(out, "<td>");
	page_put_bytes(out, (double)sum);
	buf_puts(out, "<small>");
	if (rated)
		page_put_bytes(out, rate);
	buf_puts(out, rated ? "/s</small></td>" : "–</small></td>");
}

static void page_put_rate(struct buf *out, bool rated, double n)
{
	if (rated)
		page_put_decimal(out, n, n < 0.05 || n >= 99.95);
	buf_puts(out, rated ? "/s</small></td>" : "–</small></td>");
}

static void page_put_listener(struct buf *out, const struct span *span)
{
	struct page_sum sum = page_sum_up(span);

	buf_puts(out, "<tbody>\n<tr><th scope=\"rowgroup\"><b>");
	page_put_address(out, span);
	buf_puts(out, "</b>");
	page_put_services(out, span->first[0]);
	page_put_marks(out, span->first[0]);
	buf_puts(out, "</th>");
	page_put_state(out, span->first[0]);
	page_put_number(out, "<td>", sum.figures.active, "</td>");
	page_put_number(out, "<td>", sum.figures.connections, "<small>");
	page_put_rate(out, sum.rated, sum.rate.connections);
	page_put_flow(out, sum.figures.rx, sum.rated, sum.rate.rx);
	page_put_flow(out, sum.figures.tx, sum.rated, sum.rate.tx);
	page_put_rejected(out, sum.rejected);
	buf_puts(out, "</tr>\n");
}

/* A name without an address. */
static void page_put_absent(struct buf *out, const struct span *span, const struct route_target *target)
{
	struct buf name = { 0 };

	span_put_name(span, target, &name);
	page_put_text(out, "<tr><th scope=\"row\">", name.data, "</th>");
	if (target->state == RESOLVE_ASKED)
		buf_puts(out, "<td class=\"w warn\">resolving</td></tr>\n");
	else
		page_put_text(out, "<td class=\"w bad\">cannot resolve: ", target->why, "</td></tr>\n");
	buf_free(&name);
}

/* The name that it was written with. */
static void page_put_name(struct buf *out, const struct span *span, unsigned index)
{
	const struct route_target *target = route_target_of(span->first[0], index);
	struct buf name = { 0 };

	if (!target)
		return;
	span_put_name(span, target, &name);
	page_put_text(out, " <bdi class=\"soft\">", name.data, "</bdi>"); /* it may be long, and is to wrap */
	buf_free(&name);
}

static void page_put_health(struct buf *out, const struct route_entry *entry, unsigned index)
{
	const struct route_target *target = route_target_of(entry, index);
	bool kept = target && target->state == RESOLVE_KEPT;

	buf_puts(out, atomic_load(&entry->backends[index]->unhealthy) ? "</th><td class=\"w bad\">unhealthy" :
	              kept ? "</th><td class=\"w warn\">healthy" : "</th><td class=\"w ok\">healthy");
	if (kept)
		page_put_text(out, "<small>last address; cannot resolve: ", target->why, "</small>");
	buf_puts(out, "</td>");
}

static void page_put_backend(struct buf *out, const struct span *span, unsigned index)
{
	struct route_figures sum = { 0 };
	unsigned weight = span->first[0]->weights[index];
	struct buf name = { 0 };

	for (size_t i = 0; i < span->count; i++) {
		struct route_figures figures = route_backend_figures(span->first[i]->backends[index]);

		route_add_figures(&sum, &figures);
	}
	span_put_backend(span, index, &name);
	page_put_text(out, "<tr><th scope=\"row\">", name.data, "");
	buf_free(&name);
	page_put_name(out, span, index);
	if (weight != 1)
		buf_printf(out, "<small>weight %u</small>", weight);
	buf_puts(out, route_is_last(span->first[0], index) ? "<small>tried last</small>" : "");
	page_put_health(out, span->first[0], index);
	page_put_number(out, "<td>", sum.active, "</td>");
	page_put_number(out, "<td>", sum.connections, "</td><td>");
	page_put_bytes(out, (double)sum.rx);
	buf_puts(out, "</td><td>");
	page_put_bytes(out, (double)sum.tx);
	page_put_number(out, sum.connect_errors ? "</td><td>" : "</td><td class=\"z\">", sum.connect_errors, "</td></tr>\n");
}

/* The tags of a service that would get a listener. */
static void page_put_example(const struct config *config, const struct source_kind *kind, const char *word,
                             struct buf *out)
{
	page_put_text(out, "<p class=\"soft\">A service in ", kind->title, " gets a listener by its tags:</p>\n");
	page_put_text(out, "<pre>\"Tags\": [\"", word, "\", \"");
	page_put_slice(out, slice_of(word));
	page_put_text(out, ".listener=", config->labels.count ? config->labels.items[0].name : "LABEL", "");
	buf_printf(out, ":%ld\"]</pre>\n", config->port_min > 8080 || config->port_max < 8080 ? config->port_min : 8080);
}

static void page_put_no_route(const struct stats *stats, struct buf *out)
{
	const struct config *config = stats->config;

	if (stats->stopping) {
		buf_puts(out, "<p>All are closed. Live connections may finish.</p>\n");
		return;
	}
	buf_puts(out, "<p>No registered backends. Please verify routing configuration.</p>\n");
	for (size_t i = 0; i < stats->sources->count; i++) {
		const struct source_kind *kind = supervisor_state(stats->sources, i).kind;

		if (config->uses[i] && kind->word)
			page_put_example(config, kind, kind->word(config->tables[1 + i].values), out);
	}
}

static bool page_put_listeners_head(struct body *body)
{
	static const char routes_head[] =
		"<table class=\"routes\">\n<thead><tr><th scope=\"col\">Listener, services and backends</th>"
		"<th scope=\"col\" class=\"w\">State</th><th scope=\"col\">Live</th><th scope=\"col\">Total</th>"
		"<th scope=\"col\" title=\"bytes from clients\">In</th><th scope=\"col\" title=\"bytes to clients\">Out</th>"
		"<th scope=\"col\">Failed</th></tr></thead>\n";
	struct page *page = page_of(body);
	const struct route_table *table = page->stats->route->table;

	buf_puts(body->out, "<section>\n<h2>Listeners");
	if (table->allow.count)
		page_put_networks(body->out, " <small>all of them only for listeners.allow: ", &table->allow);
	buf_puts(body->out, table->allow.count ? "</small></h2>\n" : "</h2>\n");
	page->listed = table->count;
	if (page->listed)
		buf_puts(body->out, routes_head);
	else
		page_put_no_route(page->stats, body->out);
	walk_begin(&page->walk, page->stats->route, false);
	return false;
}

static bool page_put_listeners(struct body *body)
{
	struct page *page = page_of(body);
	struct walk *walk = &page->walk;

	while (page->listed && walk_on(walk)) {
		bool any = false;

		if (walk->entry)
			walk_span(walk);
		if (!walk->inside)
			page_put_listener(body->out, &walk->span);
		for (; walk_more(walk); walk_past(walk)) {
			if (body_full(body, walk->span.count))
				return walk_pause(walk, true);
			if (walk->name)
				page_put_absent(body->out, &walk->span, walk->name);
			else
				page_put_backend(body->out, &walk->span, walk->backend);
			any = true;
		}
		if (!any && !walk->inside)
			buf_puts(body->out, "<tr><th scope=\"row\">no backend</th><td class=\"w warn\">no address is known</td></tr>\n");
		buf_puts(body->out, "</tbody>\n");
		if (body_full(body, walk->span.count))
			return walk_pause(walk, false);
	}
	buf_puts(body->out, page->listed ? "</table>\n</section>\n" : "</section>\n");
	return false;
}

static bool page_put_refused(struct body *body)
{
	static const char head[] =
		"<section>\n<h2>Refused wishes <small><code>dill --explain NAME</code> says more</small></h2>\n"
		"<table class=\"refused\">\n<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">Wish</th>"
		"<th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n";
	struct walk *walk = &page_of(body)->walk;
	const struct route_refusal *refusal;

	while ((refusal = walk_refused(walk))) {
		buf_puts(body->out, body->at++ ? "" : head);
		page_put_text(body->out, "<tr><th scope=\"row\">", refusal->service, "</th><td class=\"w mono\">");
		page_put_text(body->out, "", refusal->wish, "</td><td class=\"w\">");
		page_put_text(body->out, "", refusal->reason, "</td></tr>\n");
		if (body_full(body, 1))
			return walk_pause_refused(walk);
	}
	buf_puts(body->out, body->at ? "</tbody>\n</table>\n</section>\n" : "");
	return false;
}

static bool page_put_foot(struct body *body)
{
	page_frame_close(body->out);
	return false;
}

static void page_end(struct body *body)
{
	walk_end(&page_of(body)->walk);
	buf_free(&page_of(body)->named);
}

static bool (*const page_stages[])(struct body *body) = {
	page_count, page_put_header, page_put_sources, page_put_listeners_head, page_put_listeners, page_put_refused,
	page_put_foot, NULL
};
static const struct body_kind page_kind = { page_stages, page_end, NULL };

struct body *page_body(struct stats *stats)
{
	struct page *page = sys_alloc(sizeof *page);

	page->body.kind = &page_kind;
	page->stats = stats;
	walk_begin(&page->walk, stats->route, false);
	return &page->body;
}
