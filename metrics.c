#include "base.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "histogram.h"
#include "log.h"
#include "metrics_family.h"
#include "metrics_put.h"
#include "resolve.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "session.h"
#include "source.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"
#include "walk.h"
#include "worker.h"

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
	metrics_put_name(metrics->out, family->name, "{state=\"", "open");
	metrics_put_number(metrics->out, "} ", metrics->counts.open);
	metrics_put_name(metrics->out, family->name, "{state=\"", "waiting");
	metrics_put_number(metrics->out, "} ", metrics->counts.waiting);
	metrics_put_name(metrics->out, family->name, "{state=\"", "failed");
	metrics_put_number(metrics->out, "} ", metrics->counts.failed);
	metrics_put_name(metrics->out, family->name, "{state=\"", "draining");
	metrics_put_number(metrics->out, "} ", route_draining(metrics->stats->route));
}

static void metrics_put_refused(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->rule_count; i++) {
		metrics_put_name(metrics->out, family->name, "{reason=\"", metrics->rules[i].rule);
		metrics_put_number(metrics->out, "} ", metrics->rules[i].count);
	}
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
	metrics_put_single(metrics, family, metrics->stats->route->table->remembered != NULL);
}

/* Names. */

static struct resolve_figures metrics_names(const struct metrics *metrics)
{
	struct resolve_figures figures = { 0 };

	if (metrics->stats->resolver)
		resolve_figures(metrics->stats->resolver, &figures);
	return figures;
}

static void metrics_put_queries(const struct metrics *metrics, const struct metrics_family *family)
{
	struct resolve_figures figures = metrics_names(metrics);

	for (int i = 0; i < RESOLVE_RESULTS; i++) {
		metrics_put_name(metrics->out, family->name, "{result=\"", resolve_result_names[i]);
		metrics_put_number(metrics->out, "} ", figures.queries[i]);
	}
}

static void metrics_put_names(const struct metrics *metrics, const struct metrics_family *family)
{
	struct resolve_figures figures = metrics_names(metrics);

	for (int i = 0; i < RESOLVE_STATES; i++) {
		metrics_put_name(metrics->out, family->name, "{state=\"", resolve_state_names[i]);
		metrics_put_number(metrics->out, "} ", figures.names[i]);
	}
}

/* Sources. */

static void metrics_put_source_up(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->stats->sources->count; i++) {
		struct supervisor_state source = supervisor_state(metrics->stats->sources, i);

		if (!source.used)
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", source.kind->name);
		metrics_put_number(metrics->out, "} ", source.up);
	}
}

static void metrics_put_source_success(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->stats->sources->count; i++) {
		struct supervisor_state source = supervisor_state(metrics->stats->sources, i);

		if (!source.last)
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", source.kind->name);
		metrics_put_millis(metrics->out, "} ", source.last);
	}
}

static void metrics_put_source_counter(const struct metrics *metrics, const struct metrics_family *family)
{
	for (size_t i = 0; i < metrics->stats->sources->count; i++) {
		struct supervisor_state source = supervisor_state(metrics->stats->sources, i);
		bool resets = family->at == offsetof(struct source_counters, resets);

		if (!source.counters || !(resets ? source.kind->polls : source.kind->remembers))
			continue;
		metrics_put_name(metrics->out, family->name, "{source=\"", source.kind->name);
		metrics_put_number(metrics->out, "} ", metrics_value(family, source.counters));
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
	for (size_t i = 0; i < metrics->stats->sources->count; i++) {
		struct supervisor_state source = supervisor_state(metrics->stats->sources, i);
		const struct source_counters *counters = source.counters;

		for (int k = 0; counters && k < SOURCE_CODES; k++) {
			unsigned long long count = atomic_load(&counters->errors[k].count);
			int code = atomic_load(&counters->errors[k].code);

			if (count || !k) /* the first one is `none`, and there from the beginning */
				metrics_put_code(metrics->out, family->name, source.kind->name, code, count);
		}
	}
}

/* All of them, in the order in which they appear. */

/* What a row ends in: its type, and what writes its samples; of a figure also how it is kept, and in which member. */
#define OWN(kind, function) .type = kind, .put = function
#define OF_EACH(kind, function) .type = kind, .listener = function
#define OF_EACH_BACKEND(kind, function) .type = kind, .backend = function
#define KEPT(as, object, field) .number = as, .at = offsetof(struct object, field)
#define FIGURE(kind, function, object, as, field) OWN(kind, function), KEPT(as, object, field)
#define SHARED(kind, as, field) FIGURE(kind, metrics_put_shared, session_shared, as, field)
#define LISTENER(kind, as, field) OF_EACH(kind, metrics_put_listener), KEPT(as, route_listener, field)
#define BACKEND(kind, as, field) OF_EACH_BACKEND(kind, metrics_put_backend), KEPT(as, route_backend, field)
#define OF_LISTENER(kind, field) OF_EACH(kind, metrics_put_listener), KEPT(IS_FIGURE, route_figures, field)
#define OF_BACKEND(kind, field) OF_EACH_BACKEND(kind, metrics_put_backend), KEPT(IS_FIGURE, route_figures, field)
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

	{ "dill_listeners", "Listeners, by their state; waiting: for names; draining: gone, with connections that live on.",
	  OWN(GAUGE, metrics_put_states) },
	{ "dill_routes_refused", "Wishes of services that are refused, by the rule that says no.",
	  OWN(GAUGE, metrics_put_refused) },
	{ "dill_route_changes_total", "Tables that were put in force.", OWN(COUNTER, metrics_put_changes) },
	{ "dill_route_update_seconds", "From a source's complete answer to its table in force.",
	  OWN(HISTOGRAM, metrics_put_update) },
	{ "dill_route_remembered", "1 while the table is from state.path.", OWN(GAUGE, metrics_put_remembered) },

	{ "dill_dns_queries_total", "Questions that were sent to name servers, by what became of them.",
	  OWN(COUNTER, metrics_put_queries) },
	{ "dill_dns_names", "Names in use; kept: asking fails, and the last addresses are used; failed: there is none.",
	  OWN(GAUGE, metrics_put_names) },

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
	  OF_EACH(GAUGE, metrics_put_info) },
	{ "dill_listener_up", "1: it is open; 0: it cannot listen (retrying).", LISTENER(GAUGE, IS_OPEN, fd) },
	{ "dill_listener_backends", "Backends in the table, by their health; without a healthy one, clients fail.",
	  OF_EACH(GAUGE, metrics_put_health), .number = IS_OPEN },
	{ "dill_listener_connections_total", "Clients that were accepted.", OF_LISTENER(COUNTER, connections) },
	{ "dill_listener_connections_active", "Clients that are connected.", OF_LISTENER(GAUGE, active) },
	{ "dill_listener_received_bytes_total", "Bytes from clients.", OF_LISTENER(COUNTER, rx) },
	{ "dill_listener_sent_bytes_total", "Bytes to clients.", OF_LISTENER(COUNTER, tx) },
	{ "dill_listener_rejected_total",
	  "Clients without a session, or without a backend: denied by allow or deny, no_backend, connect_failed (none could "
	  "be reached), limit (no memory or descriptor), loop (dill itself).",
	  OF_EACH(COUNTER, metrics_put_rejected) },

	{ "dill_backend_connections_total", "Connects that were tried.", OF_BACKEND(COUNTER, connections) },
	{ "dill_backend_connections_active", "Live connections.", OF_BACKEND(GAUGE, active) },
	{ "dill_backend_received_bytes_total", "Bytes from clients.", OF_BACKEND(COUNTER, rx) },
	{ "dill_backend_sent_bytes_total", "Bytes to clients.", OF_BACKEND(COUNTER, tx) },
	{ "dill_backend_connect_errors_total", "Connects that failed.", OF_BACKEND(COUNTER, connect_errors) },
	{ "dill_backend_healthy", "1: it is used; 0: it is tried last.", BACKEND(GAUGE, IS_FALSE, unhealthy) },
	{ "dill_backend_weight", "Its share of new connections, in proportion to the others'.",
	  OF_EACH_BACKEND(GAUGE, metrics_put_backend), .number = IS_WEIGHT },
	{ "dill_backend_connect_seconds", "How long connects took that succeeded.",
	  OF_EACH_BACKEND(HISTOGRAM, metrics_put_connect_time) },

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

static bool metrics_put_processes(struct body *body)
{
	struct stats_process process;

	stats_process(&process);
	for (size_t i = 0; i < ARRAY_LEN(process_families); i++)
		metrics_put_process(body->out, &process_families[i], &process);
	return false;
}

/* The whole. */

static struct metrics *metrics_of(struct body *body)
{
	return CONTAINER_OF(body, struct metrics, body);
}

static bool metrics_count(struct body *body)
{
	struct metrics *metrics = metrics_of(body);

	while (walk_on(&metrics->walk)) {
		stats_count(&metrics->counts, metrics->walk.entry);
		if (body_full(body, 1))
			return walk_pause(&metrics->walk, false);
	}
	return false;
}

/* Rules are few, and live for ever. */
static void metrics_count_rule(struct metrics *metrics, const char *rule)
{
	size_t i = 0;

	while (i < metrics->rule_count && strcmp(metrics->rules[i].rule, rule) != 0)
		i++;
	if (i == metrics->rule_count) {
		SYS_GROW(metrics->rules, metrics->rule_count, metrics->rule_cap);
		metrics->rules[metrics->rule_count++] = (struct metrics_rule){ rule, 0 };
	}
	metrics->rules[i].count++;
}

static bool metrics_count_refused(struct body *body)
{
	struct metrics *metrics = metrics_of(body);
	const struct route_refusal *refusal;

	while ((refusal = walk_refused(&metrics->walk))) {
		metrics_count_rule(metrics, refusal->rule);
		if (body_full(body, 1))
			return walk_pause_refused(&metrics->walk);
	}
	return false;
}

static bool metrics_put_families(struct body *body)
{
	struct metrics *metrics = metrics_of(body);

	metrics->out = body->out;
	for (; body->at < ARRAY_LEN(families); body->at++, metrics->begun = false) {
		const struct metrics_family *family = &families[body->at];

		if (!metrics->begun)
			metrics_put_head(body->out, family);
		if (family->put)
			family->put(metrics, family);
		else if (metrics_walk(metrics, family))
			return metrics->begun = true;
	}
	return false;
}

static void metrics_end(struct body *body)
{
	struct metrics *metrics = metrics_of(body);

	walk_end(&metrics->walk);
	metrics_forget_left(metrics);
	free(metrics->rules);
}

static size_t metrics_kept(const struct body *body)
{
	return ((const struct metrics *)body)->left_count * sizeof(struct route_backend *);
}

static bool (*const metrics_stages[])(struct body *body) = {
	metrics_count, metrics_count_refused, metrics_put_families, metrics_put_processes, NULL
};
static const struct body_kind metrics_kind = { metrics_stages, metrics_end, metrics_kept };

struct body *metrics_body(struct stats *stats)
{
	struct metrics *metrics = sys_alloc(sizeof *metrics);

	metrics->body.kind = &metrics_kind;
	metrics->stats = stats;
	walk_begin(&metrics->walk, stats->route, false);
	return &metrics->body;
}
