#include "base.h"
#include "supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "consul.h"
#include "url.h"
#include "file.h"
#include "format.h"
#include "log.h"
#include "manifest.h"
#include "option.h"
#include "consul_api.h"

/* A thread and what it goes by. */
struct supervisor_thread {
	struct source source;
	struct config *config;
	struct supervisor_thread *below;
};

/* One row a source. The first one has no thread: its services are in the configuration. */
static const struct kind {
	const char *name, *table;
	void (*run)(struct source *s);
} kinds[CONFIG_SOURCES] = {
	[CONFIG_STATIC] = { "static", "services", NULL },
	[CONFIG_CONSUL] = { "consul", "consul", consul_run },
	[CONFIG_FILE] = { "routing.file", "routing.file", file_run },
	[CONFIG_HTTP] = { "routing.http", "routing.http", url_run },
};

struct service_list *supervisor_given(const struct config *c)
{
	const char *why, *place, *origin;
	struct manifest m;
	bool fine = true;

	manifest_open(&m, true);
	for (size_t i = 0; i < c->service_count && c->uses[CONFIG_STATIC]; i++) {
		const struct config_setting *s = &c->services[i];

		if ((why = manifest_key(&m, s->key, s->value, s->origin, s->rank))) {
			config_complain(s, why);
			fine = false;
		}
	}
	if (fine && (why = manifest_check(&m, &place, &origin))) {
		log_complain(LOG_ERROR, "%s: %s %s", origin, place, why);
		fine = false;
	}
	if (fine)
		return manifest_take(&m);
	manifest_drop(&m);
	return NULL;
}

static bool check(const struct config *c, const char *key, const char *value, const char *why)
{
	if (why)
		config_complain(&(struct config_setting){ .key = key, .value = value, .origin = c->origins[option_find(key)] }, why);
	return !why;
}

bool supervisor_check(const struct config *c)
{
	struct http_url u;
	bool fine = true;

	if (c->uses[CONFIG_CONSUL])
		fine = check(c, "consul.address", c->consul_address, consul_api_url(&u, c->consul_address));
	if (c->uses[CONFIG_HTTP])
		fine = check(c, "routing.http.endpoint", c->http_endpoint, url_url(&u, c->http_endpoint)) && fine;
	if (c->uses[CONFIG_FILE] && !format_of(c->file_path))
		fine = check(c, "routing.file.path", c->file_path, format_unknown) && fine;
	return fine;
}

void supervisor_open(struct supervisor *s, void (*ring)(void *arg), void *arg)
{
	*s = (struct supervisor){ .ring = ring, .arg = arg };
	service_mailbox_open(&s->box, CONFIG_SOURCES, ring, arg);
}

/* The thread may be kept by something that cannot be cancelled, such as a look-up of libc's: nobody waits for it. */
static void stop(struct supervisor *s, size_t i)
{
	struct supervisor_thread *t = s->threads[i];

	if (!t)
		return;
	source_cancel(&t->source);
	t->below = s->leaving;
	s->leaving = t;
	s->threads[i] = NULL;
}

static void dispose(struct supervisor_thread *t)
{
	source_join(&t->source);
	config_unref(t->config);
	service_free(t->source.known);
	free(t);
}

static void reap(struct supervisor *s)
{
	for (struct supervisor_thread **at = &s->leaving; *at;) {
		struct supervisor_thread *t = *at;

		if (atomic_load(&t->source.ended)) {
			*at = t->below;
			dispose(t);
		} else {
			at = &t->below;
		}
	}
}

/* Without it, its services are gone too. */
static void forget(struct supervisor *s, size_t i)
{
	stop(s, i);
	service_free(service_take(&s->box, i));
	service_free(s->lists[i]);
	s->lists[i] = NULL;
}

/* last_good: of the one before it, whose list is still in force. */
static bool start(struct supervisor *s, size_t i, struct config *c, int64_t last_good)
{
	struct supervisor_thread *t = sys_alloc(sizeof *t);
	int error;

	t->source = (struct source){
		.name = kinds[i].name, .run = kinds[i].run, .config = c, .box = &s->box, .slot = i, .ring = s->ring, .arg = s->arg,
		.known = s->lists[i] ? service_hold(s->lists[i]) : NULL
	};
	atomic_store(&t->source.last_good, last_good);
	error = source_start(&t->source);
	if (error) {
		log_error("cannot start the source %s: %s", kinds[i].name, strerror(error));
		service_free(t->source.known);
		free(t);
		return false;
	}
	t->config = config_ref(c);
	s->threads[i] = t;
	return true;
}

/* A file that is not watched is read again whenever it is asked for. */
static bool same(const struct config *a, const struct config *b, size_t i)
{
	return option_same(a, b, kinds[i].table) && (i != CONFIG_CONSUL || option_same(a, b, "state")) &&
	       (i != CONFIG_FILE || b->file_watch);
}

bool supervisor_follow(struct supervisor *s, struct config *c, struct service_list *given)
{
	bool fine = true;

	service_free(s->lists[CONFIG_STATIC]);
	s->lists[CONFIG_STATIC] = given;
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		if (!kinds[i].run)
			continue;
		if (!c->uses[i]) {
			forget(s, i);
		} else if (!s->threads[i] || !same(s->threads[i]->config, c, i)) {
			int64_t last_good = s->threads[i] ? atomic_load(&s->threads[i]->source.last_good) : 0;

			stop(s, i); /* what it has said stays in force until the new one speaks */
			fine = start(s, i, c, last_good) && fine;
		}
	}
	return fine;
}

int64_t supervisor_collect(struct supervisor *s)
{
	int64_t heard = 0;

	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		struct service_list *list = service_take(&s->box, i);

		if (!list)
			continue;
		service_free(s->lists[i]);
		s->lists[i] = list;
		heard = !heard || list->heard < heard ? list->heard : heard;
	}
	reap(s);
	return heard;
}

struct supervisor_state supervisor_state(const struct supervisor *s, size_t source)
{
	const struct supervisor_thread *t = s->threads[source];
	struct supervisor_state state = { .name = kinds[source].name };
	int64_t last;

	if (!kinds[source].run) {
		state.used = state.up = s->lists[source] && s->lists[source]->count;
	} else if (t) {
		last = atomic_load(&t->source.last_good);
		state.used = true;
		state.up = atomic_load(&t->source.up);
		state.age = last ? sys_wall() - last : -1;
		state.last = last;
		state.failed = atomic_load(&t->source.counters.outages) != 0;
		state.counters = &t->source.counters;
	}
	return state;
}

bool supervisor_spoken(const struct supervisor *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (s->threads[i] && !s->lists[i])
			return false;
	return true;
}

void supervisor_stop(struct supervisor *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		stop(s, i);
	while (s->leaving) {
		struct supervisor_thread *t = s->leaving;

		s->leaving = t->below;
		dispose(t);
	}
}

void supervisor_close(struct supervisor *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		forget(s, i);
	service_mailbox_close(&s->box);
}
