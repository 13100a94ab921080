#include "base.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "sys.h"

/* A family: one HELP and one TYPE, then all of its samples. */
static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value goes out as it is, but for what would end it, and for what is not UTF-8. */
static void put_label(struct buf *out, const char *before, const char *value)
{
	size_t len = strlen(value), from = 0, n;

	buf_puts(out, before);
	for (size_t i = 0; i < len; i += n) {
		bool special = value[i] == '\n' || value[i] == '"' || value[i] == '\\';

		n = text_utf8(value + i, len - i);
		if (n && !special)
			continue;
		buf_add(out, value + from, i - from);
		buf_puts(out, special ? "\\" : "?");
		if (special)
			buf_add(out, value[i] == '\n' ? "n" : value + i, 1);
		n = 1;
		from = i + 1;
	}
	buf_add(out, value + from, len - from);
	buf_puts(out, "\"");
}

static void put_value(struct buf *out, const char *before, unsigned long long value)
{
	buf_puts(out, before);
	buf_number(out, value);
	buf_puts(out, "\n");
}

static void single(struct buf *out, const char *name, const char *type, const char *help, unsigned long long value)
{
	family(out, name, type, help);
	buf_puts(out, name);
	put_value(out, " ", value);
}

static void put_seconds(struct buf *out, int64_t us)
{
	buf_printf(out, " %lld.%06d\n", (long long)(us / 1000000), (int)(us % 1000000));
}

/* labels: what every sample has, or "". */
static void put_histogram(struct buf *out, const char *name, const char *labels, const struct histogram *t)
{
	unsigned long long count = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += atomic_load(&t->buckets[i]);
		buf_puts(out, name);
		buf_puts(out, "_bucket{");
		buf_puts(out, labels);
		buf_puts(out, *labels ? ",le=\"" : "le=\"");
		buf_puts(out, histogram_bounds[i].seconds);
		put_value(out, "\"} ", count);
	}
	buf_printf(out, *labels ? "%s_sum{%s}" : "%s_sum%s", name, labels);
	put_seconds(out, (int64_t)atomic_load(&t->sum));
	buf_printf(out, *labels ? "%s_count{%s} %llu\n" : "%s_count%s %llu\n", name, labels, count);
}

/* Listeners and their backends: one row a family. */

enum number { UINT, COUNTER };
struct row {
	const char *name, *type, *help;
	enum number number;
	size_t at; /* in the listener or backend */
};

static unsigned long long value_at(const void *object, const struct row *row)
{
	const void *at = (const char *)object + row->at;

	return row->number == UINT ? atomic_load((const atomic_uint *)at) : atomic_load((const atomic_ullong *)at);
}

/* What to join other series of a listener with. */
static void put_infos(struct buf *out, const struct route_table *t)
{
	family(out, "dill_listener_info", "gauge", "1; the services that share the listener, its strategy, and who opened it.");
	for (size_t i = 0; i < t->count; i++) {
		const struct route_entry *e = &t->entries[i];

		put_label(out, "dill_listener_info{listener=\"", e->listener->name);
		put_label(out, ",service=\"", e->services);
		put_label(out, ",balance=\"", service_balance_names[e->balance]);
		put_label(out, ",source=\"", e->owner.source);
		buf_puts(out, "} 1\n");
	}
}

static void put_listeners(struct buf *out, const struct route_table *t)
{
	static const struct row rows[] = {
#define AT(field) offsetof(struct route_listener, field)
		{ "dill_listener_connections_total", "counter", "Clients that were accepted.", COUNTER, AT(connections) },
		{ "dill_listener_connections_active", "gauge", "Clients that are connected.", UINT, AT(active) },
		{ "dill_listener_received_bytes_total", "counter", "Bytes from clients.", COUNTER, AT(rx) },
		{ "dill_listener_sent_bytes_total", "counter", "Bytes to clients.", COUNTER, AT(tx) },
#undef AT
	};

	family(out, "dill_listener_up", "gauge", "1: it is open; 0: it cannot listen, and tries again.");
	for (size_t i = 0; i < t->count; i++) {
		put_label(out, "dill_listener_up{listener=\"", t->entries[i].listener->name);
		put_value(out, "} ", atomic_load(&t->entries[i].listener->fd) >= 0);
	}
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		family(out, rows[r].name, rows[r].type, rows[r].help);
		for (size_t i = 0; i < t->count; i++) {
			buf_puts(out, rows[r].name);
			put_label(out, "{listener=\"", t->entries[i].listener->name);
			put_value(out, "} ", value_at(t->entries[i].listener, &rows[r]));
		}
	}
	family(out, "dill_listener_rejected_total", "counter",
	       "Clients without a session, or without a backend: denied by allow or deny, no_backend, connect_failed (none "
	       "could be reached), limit (no memory or descriptor).");
	for (size_t i = 0; i < t->count; i++)
		for (int k = 0; k < ROUTE_REJECTS; k++) {
			put_label(out, "dill_listener_rejected_total{listener=\"", t->entries[i].listener->name);
			buf_printf(out, ",reason=\"%s\"} %llu\n", route_reject_names[k],
			           atomic_load(&t->entries[i].listener->rejected[k]));
		}
}

static void put_backend_labels(struct buf *out, const struct route_entry *e, const struct route_backend *b)
{
	put_label(out, "{listener=\"", e->listener->name);
	put_label(out, ",backend=\"", b->name);
}

static void put_backends(struct buf *out, const struct route_table *t)
{
	static const struct row rows[] = {
#define AT(field) offsetof(struct route_backend, field)
		{ "dill_backend_connections_total", "counter", "Connects that were tried.", COUNTER, AT(connections) },
		{ "dill_backend_connections_active", "gauge", "Live connections.", UINT, AT(active) },
		{ "dill_backend_received_bytes_total", "counter", "Bytes from clients.", COUNTER, AT(rx) },
		{ "dill_backend_sent_bytes_total", "counter", "Bytes to clients.", COUNTER, AT(tx) },
		{ "dill_backend_connect_errors_total", "counter", "Connects that failed.", COUNTER, AT(connect_errors) },
#undef AT
	};

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		family(out, rows[r].name, rows[r].type, rows[r].help);
		for (size_t i = 0; i < t->count; i++)
			for (unsigned b = 0; b < t->entries[i].count; b++) {
				buf_puts(out, rows[r].name);
				put_backend_labels(out, &t->entries[i], t->entries[i].backends[b]);
				put_value(out, "} ", value_at(t->entries[i].backends[b], &rows[r]));
			}
	}
}

static void put_health(struct buf *out, const struct route_table *t)
{
	family(out, "dill_backend_healthy", "gauge", "1: it is used; 0: it is tried last.");
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++) {
			buf_puts(out, "dill_backend_healthy");
			put_backend_labels(out, &t->entries[i], t->entries[i].backends[b]);
			put_value(out, "} ", !atomic_load(&t->entries[i].backends[b]->unhealthy));
		}
	family(out, "dill_backend_weight", "gauge", "Its share of new connections, in proportion to the others'.");
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++) {
			buf_puts(out, "dill_backend_weight");
			put_backend_labels(out, &t->entries[i], t->entries[i].backends[b]);
			put_value(out, "} ", t->entries[i].weights[b]);
		}
}

static void put_connect_times(struct buf *out, const struct route_table *t)
{
	struct buf labels = { 0 };

	family(out, "dill_backend_connect_seconds", "histogram", "How long connects took that succeeded.");
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++) {
			labels.len = 0;
			put_backend_labels(&labels, &t->entries[i], t->entries[i].backends[b]);
			put_histogram(out, "dill_backend_connect_seconds", labels.data + 1, &t->entries[i].backends[b]->connect_time);
		}
	buf_free(&labels);
}

/* The table. */

static int by_rule(const void *a, const void *b)
{
	return strcmp((*(const struct route_refusal *const *)a)->rule, (*(const struct route_refusal *const *)b)->rule);
}

static void put_refused(struct buf *out, const struct route_table *t)
{
	const struct route_refusal **all = sys_alloc((t->refused_count + 1) * sizeof *all);

	family(out, "dill_routes_refused", "gauge", "Wishes of services that are refused, by the rule that says no.");
	for (size_t i = 0; i < t->refused_count; i++)
		all[i] = &t->refused[i];
	if (t->refused_count)
		qsort(all, t->refused_count, sizeof *all, by_rule);
	for (size_t i = 0, end; i < t->refused_count; i = end) {
		for (end = i + 1; end < t->refused_count && strcmp(all[end]->rule, all[i]->rule) == 0;)
			end++;
		put_label(out, "dill_routes_refused{reason=\"", all[i]->rule);
		buf_printf(out, "} %zu\n", end - i);
	}
	free(all);
}

static void put_table(struct buf *out, const struct stats *s)
{
	const struct route_table *t = s->route->table;
	size_t open = 0;

	for (size_t i = 0; i < t->count; i++)
		open += atomic_load(&t->entries[i].listener->fd) >= 0;
	family(out, "dill_listeners", "gauge", "Listeners, by their state; draining: gone, with connections that live on.");
	buf_printf(out, "dill_listeners{state=\"open\"} %zu\ndill_listeners{state=\"failed\"} %zu\n"
	           "dill_listeners{state=\"draining\"} %zu\n", open, t->count - open, route_draining(s->route));
	put_refused(out, t);
	single(out, "dill_route_changes_total", "counter", "Tables that were put in force.", s->route->changes);
	family(out, "dill_route_update_seconds", "histogram", "From a source's complete answer to its table in force.");
	put_histogram(out, "dill_route_update_seconds", "", &s->update);
	single(out, "dill_route_remembered", "gauge", "1 while the table is from state.path.", t->remembered);
}

/* Sources. */

static void put_sources(struct buf *out, const struct stats *s)
{
	struct supervisor_state states[CONFIG_SOURCES];

	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		states[i] = supervisor_state(s->sources, i);
	family(out, "dill_source_up", "gauge", "1 while the source answers.");
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (states[i].used)
			buf_printf(out, "dill_source_up{source=\"%s\"} %d\n", states[i].name, states[i].up);
	family(out, "dill_source_last_success_timestamp_seconds", "gauge", "When its last good answer came.");
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (states[i].last)
			buf_printf(out, "dill_source_last_success_timestamp_seconds{source=\"%s\"} %lld.%03d\n", states[i].name,
			           (long long)(states[i].last / 1000), (int)(states[i].last % 1000));
	family(out, "dill_source_index_resets_total", "counter", "Blocking queries that began anew: the index went back.");
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (states[i].counters && i == CONFIG_CONSUL)
			buf_printf(out, "dill_source_index_resets_total{source=\"%s\"} %llu\n", states[i].name,
			           atomic_load(&states[i].counters->resets));
	family(out, "dill_source_errors_total", "counter",
	       "Answers that could not be used, by HTTP status; none: there was no answer, or one that makes no sense.");
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		for (int k = 0; states[i].counters && k < SOURCE_CODES; k++) {
			unsigned long long count = atomic_load(&states[i].counters->errors[k].count);
			int code = atomic_load(&states[i].counters->errors[k].code);

			if (!count && k) /* the first one is `none`, and there from the beginning */
				continue;
			buf_printf(out, "dill_source_errors_total{source=\"%s\",code=\"", states[i].name);
			buf_printf(out, code > 0 ? "%d" : code ? "other" : "none", code);
			buf_printf(out, "\"} %llu\n", count);
		}
}

/* The configuration. */

static void put_config(struct buf *out, const struct stats *s)
{
	family(out, "dill_config_reloads_total", "counter", "SIGHUPs; failed: the configuration had an error.");
	buf_printf(out, "dill_config_reloads_total{result=\"done\"} %lu\ndill_config_reloads_total{result=\"failed\"} %lu\n",
	           s->reloads, s->failed_reloads);
	single(out, "dill_config_last_reload_successful", "gauge", "0: the last reload had an error, and changed nothing.",
	       !s->reload_failed);
	family(out, "dill_config_last_reload_success_timestamp_seconds", "gauge", "When what is in force was read.");
	buf_printf(out, "dill_config_last_reload_success_timestamp_seconds %lld.%03d\n", (long long)(s->loaded / 1000),
	           (int)(s->loaded % 1000));
}

/* The process. */

static void put_process(struct buf *out, const struct stats *s)
{
	struct stats_process p;

	stats_process(&p);
	family(out, "process_start_time_seconds", "gauge", "When the process began, since 1970.");
	buf_printf(out, "process_start_time_seconds %lld.%03d\n", (long long)(s->started / 1000), (int)(s->started % 1000));
	if (p.cpu >= 0) {
		family(out, "process_cpu_seconds_total", "counter", "CPU time of all threads.");
		buf_puts(out, "process_cpu_seconds_total");
		put_seconds(out, p.cpu);
	}
	if (p.open_fds >= 0)
		single(out, "process_open_fds", "gauge", "Open file descriptors.", (unsigned long long)p.open_fds);
	if (p.max_fds >= 0)
		single(out, "process_max_fds", "gauge", "How many there may be.", (unsigned long long)p.max_fds);
	if (p.resident >= 0)
		single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", (unsigned long long)p.resident);
	if (p.virtual_size >= 0)
		single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", (unsigned long long)p.virtual_size);
}

static void put_dill(struct buf *out, const struct stats *s)
{
	family(out, "dill_build_info", "gauge", "The version that runs.");
	buf_puts(out, "dill_build_info{version=\"" DILL_VERSION "\"} 1\n");
	single(out, "dill_sessions", "gauge", "Live sessions.", atomic_load(&s->pool->shared.sessions));
	single(out, "dill_sessions_limit", "gauge", "How many there may be; accepting pauses there.",
	       atomic_load(&s->pool->shared.limit));
	family(out, "dill_sessions_ended_total", "counter", "Sessions that have ended, by how they did: see the access log.");
	for (int i = 0; i < SESSION_ENDS; i++)
		buf_printf(out, "dill_sessions_ended_total{end=\"%s\"} %llu\n", session_end_names[i],
		           atomic_load(&s->pool->shared.ended[i]));
	family(out, "dill_accept_pauses_total", "counter",
	       "How often a worker stopped accepting for a moment: limit (of connections), descriptors (there were none).");
	for (int i = 0; i < WORKER_PAUSES; i++)
		buf_printf(out, "dill_accept_pauses_total{reason=\"%s\"} %llu\n", worker_pause_names[i],
		           atomic_load(&s->pool->pauses[i]));
	family(out, "dill_worker_busy_seconds_total", "counter", "CPU time of each worker; its rate is the busy share.");
	for (unsigned i = 0; i < s->pool->count; i++) {
		buf_printf(out, "dill_worker_busy_seconds_total{worker=\"%u\"}", i);
		put_seconds(out, worker_cpu(s->pool, i));
	}
	single(out, "dill_log_dropped_total", "counter", "Lines of the log that stderr did not take in time.", log_dropped());
}

void metrics_text(struct stats *s, struct buf *out)
{
	const struct route_table *t = s->route->table;

	put_dill(out, s);
	put_config(out, s);
	put_table(out, s);
	put_sources(out, s);
	put_infos(out, t);
	put_listeners(out, t);
	put_backends(out, t);
	put_health(out, t);
	put_connect_times(out, t);
	put_process(out, s);
}
