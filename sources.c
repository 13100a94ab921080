#include "base.h"
#include "sources.h"

#include <string.h>

#include "endpoint.h"
#include "file.h"
#include "format.h"
#include "log.h"
#include "manifest.h"
#include "option.h"

/* One row a source. The first one has no thread: its services are in the configuration. */
static const struct kind {
	const char *name, *table;
	void (*run)(struct source *s);
} kinds[CONFIG_SOURCES] = {
	[CONFIG_STATIC] = { "static", "services", NULL },
	[CONFIG_CONSUL] = { "consul", "consul", consul_run },
	[CONFIG_FILE] = { "routing.file", "routing.file", file_run },
	[CONFIG_HTTP] = { "routing.http", "routing.http", endpoint_run },
};

struct service_list *sources_given(const struct config *c)
{
	const char *why, *place, *origin;
	struct manifest m;
	bool fine = true;

	manifest_open(&m, true);
	for (size_t i = 0; i < c->service_count && c->uses[CONFIG_STATIC]; i++) {
		const struct config_setting *s = &c->services[i];

		if ((why = manifest_key(&m, s->key, s->value, s->origin))) {
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
		config_complain(&(struct config_setting){ key, value, c->origins[option_find(key)] }, why);
	return !why;
}

bool sources_check(const struct config *c)
{
	struct http_url u;
	bool fine = true;

	if (c->uses[CONFIG_CONSUL])
		fine = check(c, "consul.address", c->consul_address, http_url_parse(&u, c->consul_address));
	if (c->uses[CONFIG_HTTP])
		fine = check(c, "routing.http.endpoint", c->http_endpoint, endpoint_url(&u, c->http_endpoint)) && fine;
	if (c->uses[CONFIG_FILE] && format_of(c->file_path) == FORMAT_NONE)
		fine = check(c, "routing.file.path", c->file_path, format_unknown) && fine;
	return fine;
}

void sources_open(struct sources *s, void (*ring)(void *arg), void *arg)
{
	*s = (struct sources){ .lists = { NULL } };
	service_mailbox_open(&s->box, CONFIG_SOURCES, ring, arg);
}

static void stop(struct sources *s, size_t i)
{
	if (!s->configs[i])
		return;
	source_stop(&s->threads[i]);
	config_unref(s->configs[i]);
	s->configs[i] = NULL;
}

/* Without it, its services are gone too. */
static void forget(struct sources *s, size_t i)
{
	stop(s, i);
	service_free(service_take(&s->box, i));
	service_free(s->lists[i]);
	s->lists[i] = NULL;
}

static void set_consul(struct sources *s, const struct config *c)
{
	s->consul = (struct consul_options){
		.address = c->consul_address, .token = c->consul_token, .datacenter = c->consul_datacenter,
		.namespace_ = c->consul_namespace, .consistency = c->consul_consistency, .tag = c->consul_tag, .wait = c->wait,
		.state_path = c->state_path
	};
	http_url_parse(&s->consul.url, c->consul_address);
	for (size_t len = strlen(s->consul.url.prefix); len && s->consul.url.prefix[len - 1] == '/';)
		s->consul.url.prefix[--len] = '\0';
}

static bool start(struct sources *s, size_t i, struct config *c)
{
	int error;

	if (i == CONFIG_CONSUL)
		set_consul(s, c);
	s->threads[i] = (struct source){
		.name = kinds[i].name, .run = kinds[i].run, .config = i == CONFIG_CONSUL ? (void *)&s->consul : (void *)c,
		.box = &s->box, .slot = i
	};
	error = source_start(&s->threads[i]);
	if (error)
		log_error("cannot start the source %s: %s", kinds[i].name, strerror(error));
	else
		s->configs[i] = config_ref(c);
	return !error;
}

/* A file that is not watched is read again whenever it is asked for. */
static bool same(const struct config *a, const struct config *b, size_t i)
{
	return option_same(a, b, kinds[i].table) && (i != CONFIG_CONSUL || option_same(a, b, "state")) && (i != CONFIG_FILE || b->file_watch);
}

bool sources_follow(struct sources *s, struct config *c, struct service_list *given)
{
	bool fine = true;

	service_free(s->lists[CONFIG_STATIC]);
	s->lists[CONFIG_STATIC] = given;
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		if (!kinds[i].run)
			continue;
		if (!c->uses[i]) {
			forget(s, i);
		} else if (!s->configs[i] || !same(s->configs[i], c, i)) {
			stop(s, i); /* what it has said stays in force until the new one speaks */
			fine = start(s, i, c) && fine;
		}
	}
	return fine;
}

void sources_collect(struct sources *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		struct service_list *list = service_take(&s->box, i);

		if (!list)
			continue;
		service_free(s->lists[i]);
		s->lists[i] = list;
	}
}

struct sources_state sources_state(const struct sources *s, size_t source)
{
	const struct source *thread = &s->threads[source];
	struct sources_state state = { .name = kinds[source].name };
	int64_t last;

	if (!kinds[source].run) {
		state.used = state.up = s->lists[source] && s->lists[source]->count;
	} else if (s->configs[source]) {
		last = atomic_load(&thread->last_good);
		state.used = true;
		state.up = atomic_load(&thread->up);
		state.age = last ? sys_wall() - last : -1;
	}
	return state;
}

bool sources_spoken(const struct sources *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (s->configs[i] && !s->lists[i])
			return false;
	return true;
}

void sources_stop(struct sources *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		stop(s, i);
}

void sources_close(struct sources *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		forget(s, i);
	service_mailbox_close(&s->box);
}
