#include "base.h"
#include "page.h"

#include <string.h>

#include "admit.h"
#include "config.h"
#include "net.h"
#include "page_frame.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "session.h"
#include "source.h"
#include "span.h"
#include "supervisor.h"
#include "sys.h"

#define UNSERVED_NAMED 5

/* Texts and figures. */

/* A stranger's: markup is escaped, and bytes that are not UTF-8 are replaced. */
static void page_put_slice(struct buf *out, struct slice text)
{
	static const char special[] = "&<>\"'";
	static const char *const escaped[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
	struct buf seen = { 0 };

	buf_visible(&seen, text.at, text.len);
	for (size_t i = 0; i < seen.len;) {
		const char *at = memchr(special, seen.data[i], sizeof special - 1);
		size_t n = text_utf8(seen.data + i, seen.len - i);

		if (at)
			buf_puts(out, escaped[at - special]);
		else if (n)
			buf_add(out, seen.data + i, n);
		else
			buf_puts(out, "\357\277\275");
		i += n ? n : 1;
	}
	buf_free(&seen);
}

static void page_put_text(struct buf *out, const char *before, const char *text, const char *after)
{
	buf_puts(out, before);
	page_put_slice(out, slice_of(text));
	buf_puts(out, after);
}

/* Three digits, in the unit that suits. */
static void page_put_scaled(struct buf *out, double n, const char *const *unit)
{
	bool whole = true;

	for (; n >= 999.5 && unit[1]; unit++, whole = false)
		n /= 1000;
	buf_printf(out, whole || n >= 99.95 ? "%.0f%s" : "%.1f%s", n, *unit);
}

static void page_put_bytes(struct buf *out, double n)
{
	static const char *const units[] = { " B", " kB", " MB", " GB", " TB", " PB", NULL };

	page_put_scaled(out, n, units);
}

static void page_put_count(struct buf *out, unsigned long long n)
{
	static const char *const units[] = { "", " k", " M", " G", " T", NULL };

	if (n >= 1000000)
		page_put_scaled(out, (double)n, units);
	else if (n >= 1000)
		buf_printf(out, "%llu,%03llu", n / 1000, n % 1000);
	else
		buf_printf(out, "%llu", n);
}

static void page_put_number(struct buf *out, const char *before, unsigned long long n, const char *after)
{
	buf_puts(out, before);
	page_put_count(out, n);
	buf_puts(out, after);
}

static void page_put_plural(struct buf *out, const char *before, unsigned long long n, const char *noun,
                            const char *after)
{
	page_put_number(out, before, n, noun);
	buf_puts(out, text_s(n));
	buf_puts(out, after);
}

static void page_put_time(struct buf *out, int64_t ms)
{
	long long s = ms < 0 ? 0 : ms / 1000;

	if (s < 60)
		buf_printf(out, "%lld s", s);
	else if (s < 3600)
		buf_printf(out, "%lld min", s / 60);
	else if (s < 86400)
		buf_printf(out, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

/* The verdict. */

static void page_put_address(struct buf *out, const struct span *span)
{
	struct buf text = { 0 };

	span_put_address(span, &text);
	page_put_slice(out, slice_of(text.data));
	buf_free(&text);
}

/* The listeners whose clients nobody may serve. False: there are none. */
static bool page_put_unserved(const struct route_table *table, struct buf *out)
{
	size_t count = 0, more = 0;
	struct span span;

	for (size_t i = 0; i < table->count; i += span.count) {
		span = span_of(&table->entries[i]);
		if (route_healthy(*span.first))
			continue;
		span = span_at(table, i);
		if (++count > UNSERVED_NAMED) {
			more += span.count;
			continue;
		}
		buf_puts(out, count == 1 ? "<li class=\"bad\">no healthy backend: " : ", ");
		page_put_address(out, &span);
	}
	if (more)
		page_put_number(out, " and ", more, " more");
	buf_puts(out, count ? "</li>\n" : "");
	return count;
}

static void page_put_verdict(struct stats *stats, struct buf *out)
{
	const struct route_table *table = stats->route->table;
	const char *why;
	bool ready = stats_ready(stats, &why) == 200, served;
	size_t open, failed, draining = route_draining(stats->route);

	stats_listeners(table, &open, &failed);
	buf_puts(out, "<ul class=\"verdict\">\n");
	served = !page_put_unserved(table, out);
	buf_printf(out, "<li class=\"%s\">%s</li>\n", !ready ? "warn" : served ? "ok" : "soft", ready ? "ready" : why);
	page_put_plural(out, "<li>", open, " listener", " open</li>\n");
	if (failed)
		page_put_number(out, "<li class=\"bad\">", failed, " failed</li>\n");
	if (draining)
		page_put_number(out, "<li>", draining, " draining</li>\n");
	if (stats->reload_failed)
		buf_puts(out, "<li class=\"bad\">the last reload failed</li>\n");
	page_put_number(out, "<li>", session_live(&stats->pool->shared), " of ");
	page_put_plural(out, "", atomic_load(&stats->pool->shared.limit), " connection", " live</li>\n");
	page_put_number(out, table->refused_count ? "<li class=\"warn\">" : "<li>", table->refused_count,
	                table->refused_count == 1 ? " refused wish</li>\n</ul>\n" : " refused wishes</li>\n</ul>\n");
}

static void page_put_header(struct stats *stats, struct buf *out)
{
	buf_puts(out, "<header>\n<h1>dill</h1> <span class=\"soft\">" DILL_VERSION ", up ");
	page_put_time(out, sys_now() - stats->started);
	buf_puts(out, "</span>\n");
	page_put_verdict(stats, out);
	buf_puts(out, "</header>\n");
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

static void page_put_sources(struct stats *stats, struct buf *out)
{
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
	buf_printf(out, "<small>%s", service_balance_names[entry->balance]);
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

static void page_put_state(struct buf *out, const struct route_listener *listener)
{
	if (stats_is_open(listener))
		buf_puts(out, "<td class=\"w ok\">open</td>");
	else if (route_listener_error(listener))
		page_put_text(out, "<td class=\"w bad\">cannot listen: ", strerror(route_listener_error(listener)), "</td>");
	else
		buf_puts(out, "<td class=\"w bad\">not open yet</td>");
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
		buf_printf(out, n < 0.05 || n >= 99.95 ? "%.0f/s" : "%.1f/s", n);
	buf_puts(out, rated ? "</small></td>" : "–</small></td>");
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
	page_put_state(out, span->first[0]->listener);
	page_put_number(out, "<td>", sum.figures.active, "</td>");
	page_put_number(out, "<td>", sum.figures.connections, "<small>");
	page_put_rate(out, sum.rated, sum.rate.connections);
	page_put_flow(out, sum.figures.rx, sum.rated, sum.rate.rx);
	page_put_flow(out, sum.figures.tx, sum.rated, sum.rate.tx);
	page_put_rejected(out, sum.rejected);
	buf_puts(out, "</tr>\n");
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
	if (weight != 1)
		buf_printf(out, "<small>weight %u</small>", weight);
	buf_puts(out, atomic_load(&span->first[0]->backends[index]->unhealthy) ? "</th><td class=\"w bad\">unhealthy</td>" :
	              "</th><td class=\"w ok\">healthy</td>");
	page_put_number(out, "<td>", sum.active, "</td>");
	page_put_number(out, "<td>", sum.connections, "</td><td>");
	page_put_bytes(out, (double)sum.rx);
	buf_puts(out, "</td><td>");
	page_put_bytes(out, (double)sum.tx);
	page_put_number(out, sum.connect_errors ? "</td><td>" : "</td><td class=\"z\">", sum.connect_errors, "</td></tr>\n");
}

static void page_put_span(struct buf *out, const struct span *span)
{
	page_put_listener(out, span);
	for (unsigned i = 0; i < span->first[0]->count; i++)
		page_put_backend(out, span, i);
	if (!span->first[0]->count)
		buf_puts(out, "<tr><th scope=\"row\">no backend</th><td class=\"w warn\">no address is known</td></tr>\n");
	buf_puts(out, "</tbody>\n");
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

static void page_put_no_route(struct stats *stats, struct buf *out)
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

static void page_put_listeners(struct stats *stats, struct buf *out)
{
	static const char routes_head[] =
		"<table class=\"routes\">\n<thead><tr><th scope=\"col\">Listener, services and backends</th>"
		"<th scope=\"col\" class=\"w\">State</th><th scope=\"col\">Live</th><th scope=\"col\">Total</th>"
		"<th scope=\"col\" title=\"bytes from clients\">In</th><th scope=\"col\" title=\"bytes to clients\">Out</th>"
		"<th scope=\"col\">Failed</th></tr></thead>\n";
	const struct route_table *table = stats->route->table;
	struct span span;

	buf_puts(out, "<section>\n<h2>Listeners");
	if (table->allow.count)
		page_put_networks(out, " <small>all of them only for listeners.allow: ", &table->allow);
	buf_puts(out, table->allow.count ? "</small></h2>\n" : "</h2>\n");
	if (!table->count)
		page_put_no_route(stats, out);
	else
		buf_puts(out, routes_head);
	for (size_t i = 0; i < table->count; i += span.count) {
		span = span_at(table, i);
		page_put_span(out, &span);
	}
	buf_puts(out, table->count ? "</table>\n</section>\n" : "</section>\n");
}

static void page_put_refused(const struct route_table *table, struct buf *out)
{
	if (!table->refused_count)
		return;
	buf_puts(out, "<section>\n<h2>Refused wishes <small><code>dill --explain NAME</code> says more</small></h2>\n"
	              "<table class=\"refused\">\n<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">Wish</th>"
	              "<th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < table->refused_count; i++) {
		page_put_text(out, "<tr><th scope=\"row\">", table->refused[i].service, "</th><td class=\"w mono\">");
		page_put_text(out, "", table->refused[i].wish, "</td><td class=\"w\">");
		page_put_text(out, "", table->refused[i].reason, "</td></tr>\n");
	}
	buf_puts(out, "</tbody>\n</table>\n</section>\n");
}

void page_text(struct stats *stats, struct buf *out)
{
	page_frame_open(out);
	page_put_header(stats, out);
	page_put_sources(stats, out);
	page_put_listeners(stats, out);
	page_put_refused(stats->route->table, out);
	page_frame_close(out);
}
