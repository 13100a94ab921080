#include "base.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "histogram.h"
#include "log.h"
#include "metrics_put.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "session.h"
#include "source.h"
#include "supervisor.h"
#include "sys.h"
#include "worker.h"

struct metrics_backend {
	const struct route_listener *listener;
	const struct route_backend *backend;
	unsigned weight; /* 0: it has left the table */
};

/* What is read once for all families. */
struct metrics {
	struct buf *out;
	const struct stats *stats;
	const struct route_table *table;
	struct supervisor_state *sources;
	size_t source_count;
	/* Those of the table, then those that left and whose last bytes may not have been read. */
	const struct route_listener **listeners;
	struct metrics_backend *backends;
	size_t listener_count, backend_count;
};

enum metrics_type { GAUGE, COUNTER, HISTOGRAM };
static const char *const metrics_types[] = { "gauge", "counter", "histogram" };

/* How a figure is kept in the object that it belongs to. */
enum metrics_number {
	IS_UINT,
	IS_ULLONG,
	IS_FIGURE, /* one of struct route_figures */
	IS_FALSE,  /* 1: the flag is not set */
	IS_OPEN,   /* a listener, whatever the member: 1: it accepts clients */
	IS_WEIGHT, /* a backend's, in this table */
	IS_INT64,
	IS_MICROS  /* an int64_t, shown as seconds */
};

/* A family: one HELP and one TYPE, then all of its samples, which `put` adds. */
struct metrics_family {
	const char *name, *help;
	void (*put)(const struct metrics *metrics, const struct metrics_family *family);
	uint16_t at;    /* offset of the figure, for those who go by `number` */
	uint8_t number; /* enum metrics_number */
	uint8_t type;   /* enum metrics_type */
};

/* Parts of a sample. */

static void metrics_put_head(struct buf *out, const struct metrics_family *family)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, metrics_types[family->type]);
}

static unsigned long long metrics_value(const struct metrics_family *family, const void *object)
{
	const void *at = (const char *)object + family->at;

	switch (family->number) {
	case IS_UINT:
		return atomic_load((const atomic_uint *)at);
	case IS_ULLONG:
		return atomic_load((const atomic_ullong *)at);
	case IS_FIGURE:
		return *(const unsigned long long *)at;
	case IS_FALSE:
		return !atomic_load((const atomic_bool *)at);
	default: /* IS_OPEN */
		return stats_is_open(object);
	}
}

/* A family of one sample. */
static void metrics_put_single(const struct metrics *metrics, const struct metrics_family *family,
                               unsigned long long value)
{
	buf_puts(metrics->out, family->name);
	metrics_put_number(metrics->out, " ", value);
}

/* The program and its sessions. */

static void metrics_put_build(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_name(metrics->out, family->name, "{version=\"", DILL_VERSION);
	buf_puts(metrics->out, "} 1\n");
}

static void metrics_put_shared(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, metrics_value(family, &metrics->stats->pool->shared));
}

static void metrics_put_sessions(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, session_live(&metrics->stats->pool->shared));
}

static void metrics_put_ends(const struct metrics *metrics, const struct metrics_family *family)
{
	for (int i = 0; i < SESSION_ENDS; i++) {
		metrics_put_name(metrics->out, family->name, "{end=\"", session_end_names[i]);
		metrics_put_number(metrics->out, "} ", session_ended(&metrics->stats->pool->shared, (enum session_end)i));
	}
}

static void metrics_put_pauses(const struct metrics *metrics, const struct metrics_family *family)
{
	for (int i = 0; i < WORKER_PAUSES; i++) {
		metrics_put_name(metrics->out, family->name, "{reason=\"", worker_pause_names[i]);
		metrics_put_number(metrics->out, "} ", atomic_load(&metrics->stats->pool->pauses[i]));
	}
}

static void metrics_put_busy(const struct metrics *metrics, const struct metrics_family *family)
{
	for (unsigned i = 0; i < metrics->stats->pool->count; i++) {
		buf_printf(metrics->out, "%s{worker=\"%u\"}", family->name, i);
		metrics_put_micros(metrics->out, worker_cpu(metrics->stats->pool, i));
	}
}

static void metrics_put_log_dropped(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, log_dropped());
}

static void metrics_put_started(const struct metrics *metrics, const struct metrics_family *family)
{
	buf_puts(metrics->out, family->name);
	metrics_put_millis(metrics->out, " ", metrics->stats->began);
}

/* The configuration. */

static void metrics_put_reloads(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_name(metrics->out, family->name, "{result=\"", "done");
	metrics_put_number(metrics->out, "} ", metrics->stats->reloads);
	metrics_put_name(metrics->out, family->name, "{result=\"", "failed");
	metrics_put_number(metrics->out, "} ", metrics->stats->failed_reloads);
}

static void metrics_put_reload_successful(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, !metrics->stats->reload_failed);
}

static void metrics_put_loaded(const struct metrics *metrics, const struct metrics_family *family)
{
	buf_puts(metrics->out, family->name);
	metrics_put_millis(metrics->out, " ", metrics->stats->loaded);
}

/* The table. */

static void metrics_put_states(const struct metrics *metrics, const struct metrics_family *family)
{
	size_t open, failed;

	stats_listeners(metrics->table, &open, &failed);
	metrics_put_name(metrics->out, family->name, "{state=\"", "open");
	metrics_put_number(metrics->out, "} ", open);
	metrics_put_name(metrics->out, family->name, "{state=\"", "failed");
	metrics_put_number(metrics->out, "} ", failed);
	metrics_put_name(metrics->out, family->name, "{state=\"", "draining");
	metrics_put_number(metrics->out, "} ", route_draining(metrics->stats->route));
}

static int metrics_by_rule(const void *a, const void *b)
{
	return strcmp((*(const struct route_refusal *const *)a)->rule, (*(const struct route_refusal *const *)b)->rule);
}

static void metrics_put_refused(const struct metrics *metrics, const struct metrics_family *family)
{
	size_t count = metrics->table->refused_count;
	const struct route_refusal **all = malloc((count + 1) * sizeof *all);

	if (!all) {
		buf_fail(metrics->out);
		return;
	}
	for (size_t i = 0; i < count; i++)
		all[i] = &metrics->table->refused[i];
	qsort(all, count, sizeof *all, metrics_by_rule);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && strcmp(all[end]->rule, all[i]->rule) == 0;)
			end++;
		metrics_put_name(metrics->out, family->name, "{reason=\"", all[i]->rule);
		metrics_put_number(metrics->out, "} ", end - i);
	}
	free(all);
}

static void metrics_put_changes(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, metrics->stats->route->changes);
}

static void metrics_put_update(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_histogram(metrics->out, family->name, "", &metrics->stats->update);
}

static void metrics_put_remembered(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_single(metrics, family, metrics->table->remembered != NULL);
}

/* Sources. */

static void metrics_put_source_up(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->source_count; i++) {
		if (!metrics->sources[i].used)
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", metrics->sources[i].kind->name);
		metrics_put_number(metrics->out, "} ", metrics->sources[i].up);
	}
}

static void metrics_put_source_success(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->source_count; i++) {
		if (!metrics->sources[i].last)
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", metrics->sources[i].kind->name);
		metrics_put_millis(metrics->out, "} ", metrics->sources[i].last);
	}
}

static void metrics_put_source_counter(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->source_count; i++) {
		const struct supervisor_state *source = &metrics->sources[i];
		bool resets = family->at == offsetof(struct source_counters, resets);

		if (!source->counters || !(resets ? source->kind->polls : source->kind->remembers))
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", source->kind->name);
		metrics_put_number(metrics->out, "} ", metrics_value(family, source->counters));
	}
}

static void metrics_put_code(struct buf *out, const char *name, const char *source, int code, unsigned long long count)
{
	metrics_put_name(out, name, "{source=\"", source);
	buf_printf(out, code > 0 ? ",code=\"%d\"" : code ? ",code=\"other\"" : ",code=\"none\"", code);
	metrics_put_number(out, "} ", count);
}

static void metrics_put_source_errors(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->source_count; i++) {
		const struct source_counters *counters = metrics->sources[i].counters;

		for (int k = 0; counters && k < SOURCE_CODES; k++) {
			unsigned long long count = atomic_load(&counters->errors[k].count);
			int code = atomic_load(&counters->errors[k].code);

			if (count || !k) /* the first one is `none`, and there from the beginning */
				metrics_put_code(metrics->out, family->name, metrics->sources[i].kind->name, code, count);
		}
	}
}

/* Listeners. */

/* What to join other series of a listener with. */
static void metrics_put_infos(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->listener_count; i++) {
		const struct route_entry *entry = i < metrics->table->count ? metrics->table->entries[i] : NULL;
		const struct route_listener *it = metrics->listeners[i];

		metrics_put_name(metrics->out, family->name, "{listener=\"", it->name);
		metrics_put_label(metrics->out, ",service=\"", entry ? entry->services : it->services);
		metrics_put_label(metrics->out, ",balance=\"", service_balance_names[entry ? entry->balance : it->balance]);
		metrics_put_label(metrics->out, ",source=\"", entry ? entry->owner.source : it->source);
		buf_puts(metrics->out, "} 1\n");
	}
}

/* Whether those that left the table have this figure, too: how much there was, not how things are. */
static bool metrics_lasts(const struct metrics_family *family)
{
	return family->number != IS_OPEN && family->number != IS_FALSE && family->number != IS_WEIGHT;
}

static void metrics_put_listeners(const struct metrics *metrics, const struct metrics_family *family)
{
	size_t count = metrics_lasts(family) ? metrics->listener_count : metrics->table->count;

	for (size_t i = 0; i < count; i++) {
		const struct route_listener *it = metrics->listeners[i];
		struct route_figures figures = route_listener_figures(it);

		metrics_put_name(metrics->out, family->name, "{listener=\"", it->name);
		metrics_put_number(metrics->out, "} ",
		                   metrics_value(family, family->number == IS_FIGURE ? (const void *)&figures : it));
	}
}

static void metrics_put_rejected(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->listener_count; i++)
		for (int k = 0; k < ROUTE_REJECTS; k++) {
			metrics_put_name(metrics->out, family->name, "{listener=\"", metrics->listeners[i]->name);
			metrics_put_label(metrics->out, ",reason=\"", route_reject_names[k]);
			metrics_put_number(metrics->out, "} ", route_rejected(metrics->listeners[i], (enum route_reject)k));
		}
}

static void metrics_put_healths(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->table->count; i++) {
		const struct route_entry *entry = metrics->table->entries[i];
		unsigned healthy = route_healthy(entry);

		metrics_put_name(metrics->out, family->name, "{listener=\"", entry->listener->name);
		metrics_put_number(metrics->out, ",state=\"healthy\"} ", healthy);
		metrics_put_name(metrics->out, family->name, "{listener=\"", entry->listener->name);
		metrics_put_number(metrics->out, ",state=\"unhealthy\"} ", entry->count - healthy);
	}
}

/* Backends. */

static void metrics_put_backends(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->backend_count; i++) {
		const struct metrics_backend *it = &metrics->backends[i];
		struct route_figures figures = route_backend_figures(it->backend);

		if (!it->weight && !metrics_lasts(family))
			continue;
		metrics_put_name(metrics->out, family->name, "{listener=\"", it->listener->name);
		metrics_put_label(metrics->out, ",backend=\"", it->backend->name);
		metrics_put_number(metrics->out, "} ", family->number == IS_WEIGHT ? it->weight : metrics_value(family,
		                   family->number == IS_FIGURE ? (const void *)&figures : it->backend));
	}
}

static void metrics_put_connect_times(const struct metrics *metrics, const struct metrics_family *family)
{
	struct histogram times;
	struct buf labels = { 0 };

	for (size_t i = 0; i < metrics->backend_count; i++) {
		labels.len = 0;
		metrics_put_label(&labels, "listener=\"", metrics->backends[i].listener->name);
		metrics_put_label(&labels, ",backend=\"", metrics->backends[i].backend->name);
		route_connect_times(metrics->backends[i].backend, &times);
		metrics_put_histogram(metrics->out, family->name, labels.data, &times);
	}
	buf_free(&labels);
}

/* All of them, in the order in which they appear. */

/* What a row ends in: its type, and what writes its samples; of a figure also how it is kept, and in which member. */
#define OWN(kind, function) .type = kind, .put = function
#define FIGURE(kind, function, object, as, field) \
	OWN(kind, function), .number = as, .at = offsetof(struct object, field)
#define SHARED(kind, as, field) FIGURE(kind, metrics_put_shared, session_shared, as, field)
#define LISTENER(kind, as, field) FIGURE(kind, metrics_put_listeners, route_listener, as, field)
#define BACKEND(kind, as, field) FIGURE(kind, metrics_put_backends, route_backend, as, field)
#define OF_LISTENER(kind, field) FIGURE(kind, metrics_put_listeners, route_figures, IS_FIGURE, field)
#define OF_BACKEND(kind, field) FIGURE(kind, metrics_put_backends, route_figures, IS_FIGURE, field)
#define SOURCE(field) FIGURE(COUNTER, metrics_put_source_counter, source_counters, IS_ULLONG, field)
#define PROCESS(kind, as, field) FIGURE(kind, NULL, stats_process, as, field)

static const struct metrics_family families[] = {
	{ "dill_build_info", "The version that runs.", OWN(GAUGE, metrics_put_build) },
	{ "dill_sessions", "Live sessions.", OWN(GAUGE, metrics_put_sessions) },
	{ "dill_sessions_limit", "Most simultaneous sessions; accepting pauses there.", SHARED(GAUGE, IS_UINT, limit) },
	{ "dill_sessions_ended_total", "Sessions that have ended, by how they did: see the access log.",
	  OWN(COUNTER, metrics_put_ends) },
	{ "dill_accept_pauses_total",
	  "How often a worker stopped accepting for a moment: limit (of connections), descriptors (there were none).",
	  OWN(COUNTER, metrics_put_pauses) },
	{ "dill_worker_busy_seconds_total", "CPU time of each worker; its rate is the busy share.",
	  OWN(COUNTER, metrics_put_busy) },
	{ "dill_log_dropped_total", "Lines of the log that stderr did not take in time.",
	  OWN(COUNTER, metrics_put_log_dropped) },

	{ "dill_config_reloads_total", "SIGHUPs; failed: the configuration had an error.",
	  OWN(COUNTER, metrics_put_reloads) },
	{ "dill_config_last_reload_successful", "0: the last reload had an error, and changed nothing.",
	  OWN(GAUGE, metrics_put_reload_successful) },
	{ "dill_config_last_reload_success_timestamp_seconds", "When the configuration in force was read.",
	  OWN(GAUGE, metrics_put_loaded) },

	{ "dill_listeners", "Listeners, by their state; draining: gone, with connections that live on.",
	  OWN(GAUGE, metrics_put_states) },
	{ "dill_routes_refused", "Wishes of services that are refused, by the rule that says no.",
	  OWN(GAUGE, metrics_put_refused) },
	{ "dill_route_changes_total", "Tables that were put in force.", OWN(COUNTER, metrics_put_changes) },
	{ "dill_route_update_seconds", "From a source's complete answer to its table in force.",
	  OWN(HISTOGRAM, metrics_put_update) },
	{ "dill_route_remembered", "1 while the table is from state.path.", OWN(GAUGE, metrics_put_remembered) },

	{ "dill_source_up", "1 while the source answers.", OWN(GAUGE, metrics_put_source_up) },
	{ "dill_source_last_success_timestamp_seconds", "When its last good answer came.",
	  OWN(GAUGE, metrics_put_source_success) },
	{ "dill_source_index_resets_total", "Blocking queries that began anew: the index went back.",
	  SOURCE(resets) },
	{ "dill_state_write_errors_total", "Writes of state.path that failed.", SOURCE(unsaved) },
	{ "dill_source_errors_total",
	  "Answers that could not be used, by HTTP status; none: there was no answer, or one that makes no sense.",
	  OWN(COUNTER, metrics_put_source_errors) },

	{ "dill_listener_info", "1; the services that share the listener, its strategy, and who opened it.",
	  OWN(GAUGE, metrics_put_infos) },
	{ "dill_listener_up", "1: it is open; 0: it cannot listen (retrying).", LISTENER(GAUGE, IS_OPEN, fd) },
	{ "dill_listener_backends", "Backends in the table, by their health; without a healthy one, clients fail.",
	  OWN(GAUGE, metrics_put_healths) },
	{ "dill_listener_connections_total", "Clients that were accepted.", OF_LISTENER(COUNTER, connections) },
	{ "dill_listener_connections_active", "Clients that are connected.", OF_LISTENER(GAUGE, active) },
	{ "dill_listener_received_bytes_total", "Bytes from clients.", OF_LISTENER(COUNTER, rx) },
	{ "dill_listener_sent_bytes_total", "Bytes to clients.", OF_LISTENER(COUNTER, tx) },
	{ "dill_listener_rejected_total",
	  "Clients without a session, or without a backend: denied by allow or deny, no_backend, connect_failed (none could "
	  "be reached), limit (no memory or descriptor), loop (dill itself).",
	  OWN(COUNTER, metrics_put_rejected) },

	{ "dill_backend_connections_total", "Connects that were tried.", OF_BACKEND(COUNTER, connections) },
	{ "dill_backend_connections_active", "Live connections.", OF_BACKEND(GAUGE, active) },
	{ "dill_backend_received_bytes_total", "Bytes from clients.", OF_BACKEND(COUNTER, rx) },
	{ "dill_backend_sent_bytes_total", "Bytes to clients.", OF_BACKEND(COUNTER, tx) },
	{ "dill_backend_connect_errors_total", "Connects that failed.", OF_BACKEND(COUNTER, connect_errors) },
	{ "dill_backend_healthy", "1: it is used; 0: it is tried last.", BACKEND(GAUGE, IS_FALSE, unhealthy) },
	{ "dill_backend_weight", "Its share of new connections, in proportion to the others'.",
	  OWN(GAUGE, metrics_put_backends), .number = IS_WEIGHT },
	{ "dill_backend_connect_seconds", "How long connects took that succeeded.",
	  OWN(HISTOGRAM, metrics_put_connect_times) },

	{ "process_start_time_seconds", "When the process began, since 1970.", OWN(GAUGE, metrics_put_started) },
};

/* Figures of the process, each an int64_t of struct stats_process. */

static const struct metrics_family process_families[] = {
	{ "process_cpu_seconds_total", "CPU time of all threads.", PROCESS(COUNTER, IS_MICROS, cpu) },
	{ "process_open_fds", "Open file descriptors.", PROCESS(GAUGE, IS_INT64, open_fds) },
	{ "process_max_fds", "Most open file descriptors.", PROCESS(GAUGE, IS_INT64, max_fds) },
	{ "process_resident_memory_bytes", "Resident memory.", PROCESS(GAUGE, IS_INT64, resident) },
	{ "process_virtual_memory_bytes", "Virtual memory.", PROCESS(GAUGE, IS_INT64, virtual_size) },
};

/* A family that the system does not tell is left out. */
static void metrics_put_process(struct buf *out, const struct metrics_family *family,
                                const struct stats_process *process)
{
	int64_t value = *(const int64_t *)(const void *)((const char *)process + family->at);

	if (value < 0)
		return;
	metrics_put_head(out, family);
	buf_puts(out, family->name);
	if (family->number == IS_MICROS)
		metrics_put_micros(out, value);
	else
		metrics_put_number(out, " ", (unsigned long long)value);
}

/* The table's, and those that left. */

static void metrics_add_backend(struct metrics *metrics, const struct route_listener *listener,
                                const struct route_backend *backend, unsigned weight)
{
	metrics->backends[metrics->backend_count++] = (struct metrics_backend){ listener, backend, weight };
}

static void metrics_add_listener(struct metrics *metrics, const struct route_listener *listener)
{
	metrics->listeners[metrics->listener_count++] = listener;
}

/* Backends with other credentials for the same proxy have the same name: the second would be a series twice. */
static bool metrics_names(const struct metrics *metrics, const struct route_listener *listener,
                          const struct route_backend *backend)
{
	for (size_t i = 0; backend->socks && i < metrics->backend_count; i++)
		if (metrics->backends[i].listener == listener && strcmp(metrics->backends[i].backend->name, backend->name) == 0)
			return true;
	return false;
}

/* Room for all of them. False without memory. */
static bool metrics_make_room(struct metrics *metrics, const struct route *route)
{
	size_t backends = route->retired_count + 1;

	for (size_t i = 0; i < route->table->count; i++)
		backends += route->table->entries[i]->count;
	metrics->backends = malloc(backends * sizeof *metrics->backends);
	metrics->listeners = malloc((route->table->count + route->retired_listener_count + 1) * sizeof *metrics->listeners);
	return metrics->backends && metrics->listeners;
}

static void metrics_collect(struct metrics *metrics, const struct route *route)
{
	for (size_t i = 0; i < route->table->count; i++) {
		const struct route_entry *entry = route->table->entries[i];

		metrics_add_listener(metrics, entry->listener);
		for (unsigned k = 0; k < entry->count; k++)
			metrics_add_backend(metrics, entry->listener, entry->backends[k], entry->weights[k]);
	}
	for (size_t i = 0; i < route->retired_listener_count; i++)
		metrics_add_listener(metrics, route->retired_listeners[i]);
	for (size_t i = 0; i < route->retired_count; i++) {
		const struct route_listener *listener = route_listener_at(route, &route->retired[i]->listener->addr);

		if (listener && !metrics_names(metrics, listener, route->retired[i]))
			metrics_add_backend(metrics, listener, route->retired[i], 0);
	}
}

static void metrics_put_all(const struct metrics *metrics)
{
	struct stats_process process;

	for (size_t i = 0; i < metrics->source_count; i++)
		metrics->sources[i] = supervisor_state(metrics->stats->sources, i);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		metrics_put_head(metrics->out, &families[i]);
		families[i].put(metrics, &families[i]);
	}
	stats_process(&process);
	for (size_t i = 0; i < ARRAY_LEN(process_families); i++)
		metrics_put_process(metrics->out, &process_families[i], &process);
}

void metrics_text(struct stats *stats, struct buf *out)
{
	struct metrics metrics = {
		.out = out, .stats = stats, .table = stats->route->table, .source_count = stats->sources->count,
		.sources = sys_alloc(stats->sources->count * sizeof *metrics.sources)
	};

	if (metrics_make_room(&metrics, stats->route)) {
		metrics_collect(&metrics, stats->route);
		metrics_put_all(&metrics);
	} else {
		buf_fail(out);
	}
	free(metrics.sources);
	free(metrics.listeners);
	free(metrics.backends);
}
