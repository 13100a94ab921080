#include "base.h"
#include "supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "http_url.h"
#include "log.h"
#include "option.h"
#include "sources.h"
#include "sys.h"

/* The thread of a source, and the configuration that it goes by. */
struct supervisor_thread {
	struct source source;
	struct config *config;
	struct supervisor_thread *below;
};

void supervisor_open(struct supervisor *supervisor, void (*ring)(void *arg), void *arg)
{
	*supervisor = (struct supervisor){ .count = source_count, .ring = ring, .arg = arg };
	supervisor->lists = sys_alloc(source_count * sizeof *supervisor->lists);
	supervisor->threads = sys_alloc(source_count * sizeof *supervisor->threads);
	mailbox_open(&supervisor->box, source_count, ring, arg);
}

static void replace_list(struct supervisor *supervisor, size_t which, struct service_list *list)
{
	service_list_unref(supervisor->lists[which]);
	supervisor->lists[which] = list;
}

void supervisor_hand(struct supervisor *supervisor, struct slice source, struct service_list *list)
{
	for (size_t i = 0; i < source_count; i++)
		if (sources[i]->run && slice_is(source, sources[i]->name)) {
			list->source = sources[i]->name;
			list->title = sources[i]->title;
			replace_list(supervisor, i, list);
			return;
		}
	service_list_unref(list); /* of a source that this dill does not have */
}

/* Nobody waits for the thread here: a file system may block it. */
static void stop_source(struct supervisor *supervisor, size_t which)
{
	struct supervisor_thread *thread = supervisor->threads[which];

	if (!thread)
		return;
	source_cancel(&thread->source);
	thread->below = supervisor->leaving;
	supervisor->leaving = thread;
	supervisor->threads[which] = NULL;
}

static void join_source(struct supervisor_thread *thread)
{
	source_join(&thread->source);
	config_unref(thread->config);
	service_list_unref(thread->source.known);
	free(thread);
}

static void join_ended(struct supervisor *supervisor)
{
	for (struct supervisor_thread **at = &supervisor->leaving; *at;) {
		struct supervisor_thread *thread = *at;

		if (atomic_load(&thread->source.ended)) {
			*at = thread->below;
			join_source(thread);
		} else {
			at = &thread->below;
		}
	}
}

/* Without the source its services are gone, too. */
static void forget_source(struct supervisor *supervisor, size_t which)
{
	stop_source(supervisor, which);
	service_list_unref(mailbox_take(&supervisor->box, which));
	replace_list(supervisor, which, NULL);
}

/* Said at each start: whoever sits on the way can read the token and forge routes, also where the address is not https, which
 * who gives a key for TLS may not have meant. */
static void warn_of_row(const struct config_table *table, const struct option *row, const char *source,
                        const char *address, enum http_scheme scheme)
{
	bool on = row->type == OPTION_SWITCH && *(const bool *)((const char *)table->values + row->at);

	if (scheme == HTTP_TLS && on)
		log_warn("%s: %s: its certificate is not verified, as %s has it", source, address, row->key);
	else if (scheme == HTTP_PLAIN && config_mark(table, row)->layer != CONFIG_DEFAULT)
		log_warn("%s: %s: is not https, and %s has no effect", source, address, row->key);
}

static void warn_of_tls(const struct config *config, size_t which)
{
	const struct source_kind *kind = sources[which];
	struct config_table *table;
	const struct option *asks = kind->asks ? config_find(config, kind->asks, &table) : NULL;
	struct http_url url;

	for (size_t i = 0; asks && i < kind->option_count; i++) {
		const char *address = *(const char *const *)((const char *)table->values + asks->at);

		if (kind->options[i].of_tls && !http_url_parse(&url, address, kind->asks_port))
			warn_of_row(table, &kind->options[i], kind->name, address, url.scheme);
	}
}

/* last_good: of the thread before it, whose list is still in force. */
static bool start_source(struct supervisor *supervisor, size_t which, struct config *config, int64_t last_good)
{
	struct supervisor_thread *thread = sys_alloc(sizeof *thread);
	struct service_list *known = supervisor->lists[which];
	int error;

	thread->source = (struct source){
		.kind = sources[which], .config = config, .settings = config->tables[1 + which].values,
		.box = &supervisor->box, .slot = which,
		.ring = supervisor->ring, .arg = supervisor->arg, .known = known ? service_list_ref(known) : NULL
	};
	atomic_store(&thread->source.last_good, last_good);
	warn_of_tls(config, which);
	error = source_start(&thread->source);
	if (error) {
		log_error("cannot start the source %s: %s", sources[which]->name, strerror(error));
		service_list_unref(thread->source.known);
		free(thread);
		return false;
	}
	thread->config = config_ref(config);
	supervisor->threads[which] = thread;
	return true;
}

static bool runs_on(const struct supervisor_thread *thread, const struct config *config, size_t i)
{
	const struct source_kind *kind = sources[i];

	return thread && config_same_table(thread->config, config, 1 + i) &&
	       !(kind->shares && !config_same_below(thread->config, config, kind->shares)) &&
	       !(kind->remembers && strcmp(thread->config->state_path, config->state_path) != 0) &&
	       !(kind->restarts && kind->restarts(config->tables[1 + i].values));
}

bool supervisor_follow(struct supervisor *supervisor, struct config *config)
{
	bool fine = true;

	for (size_t i = 0; i < source_count; i++) {
		const struct supervisor_thread *thread = supervisor->threads[i];

		if (!sources[i]->run) {
			replace_list(supervisor, i, service_list_ref(config->given));
		} else if (!config->uses[i]) {
			forget_source(supervisor, i);
		} else if (!runs_on(thread, config, i)) {
			int64_t last_good = thread ? atomic_load(&thread->source.last_good) : 0;

			stop_source(supervisor, i); /* its list stays in force until the new one posts */
			fine = start_source(supervisor, i, config, last_good) && fine;
		}
	}
	return fine;
}

int64_t supervisor_collect(struct supervisor *supervisor)
{
	int64_t heard = 0;

	for (size_t i = 0; i < source_count; i++) {
		struct service_list *list = mailbox_take(&supervisor->box, i);

		if (!list)
			continue;
		replace_list(supervisor, i, list);
		heard = !heard || list->heard < heard ? list->heard : heard;
	}
	join_ended(supervisor);
	return heard;
}

struct supervisor_state supervisor_state(const struct supervisor *supervisor, size_t source)
{
	const struct supervisor_thread *thread = supervisor->threads[source];
	struct supervisor_state state = { .kind = sources[source] };
	int64_t last;

	if (!sources[source]->run) {
		state.used = state.up = supervisor->lists[source] && supervisor->lists[source]->count;
	} else if (thread) {
		last = atomic_load(&thread->source.last_good);
		state.used = true;
		state.up = atomic_load(&thread->source.up);
		state.age = last ? sys_now() - last : -1;
		state.last = last ? sys_wall_at(last) : 0;
		state.failed = atomic_load(&thread->source.counters.outages) != 0;
		state.counters = &thread->source.counters;
	}
	return state;
}

bool supervisor_spoken(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < source_count; i++)
		if (supervisor->threads[i] && !supervisor->lists[i])
			return false;
	return true;
}

void supervisor_cancel(struct supervisor *supervisor)
{
	for (size_t i = 0; i < source_count; i++)
		stop_source(supervisor, i);
}

void supervisor_stop(struct supervisor *supervisor)
{
	supervisor_cancel(supervisor);
	while (supervisor->leaving) {
		struct supervisor_thread *thread = supervisor->leaving;

		supervisor->leaving = thread->below;
		join_source(thread);
	}
}

void supervisor_close(struct supervisor *supervisor)
{
	for (size_t i = 0; i < source_count; i++)
		forget_source(supervisor, i);
	mailbox_close(&supervisor->box);
	free(supervisor->lists);
	free(supervisor->threads);
}
