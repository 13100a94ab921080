#include "base.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"

const char *const service_option_names[SERVICE_OPTIONS] = { "balance", "proxy", "proxy_protocol", "allow", "deny" };

struct service *service_add(struct service_list *list, struct slice name)
{
	struct service *s;

	SYS_GROW(list->items, list->count, list->cap);
	s = &list->items[list->count++];
	*s = (struct service){ .name = arena_dup(&list->memory, name.at, name.len) };
	return s;
}

void service_wish(struct service_list *list, struct service *s, struct slice wish)
{
	SYS_GROW(s->wishes, s->wish_count, s->wish_cap);
	s->wishes[s->wish_count++] = arena_dup(&list->memory, wish.at, wish.len);
}

void service_backend(struct service_list *list, struct service *s, struct slice host, uint16_t port, uint16_t weight)
{
	SYS_GROW(s->backends, s->backend_count, s->backend_cap);
	s->backends[s->backend_count++] = (struct service_backend){
		.host = arena_dup(&list->memory, host.at, host.len), .port = port, .weight = weight
	};
}

static const char *keep(struct service_list *list, const char *s)
{
	return s ? arena_dup(&list->memory, s, strlen(s)) : NULL;
}

void service_copy(struct service_list *to, const struct service *s, const char *only_wish)
{
	struct service *copy = service_add(to, slice_of(s->name));

	copy->instance = keep(to, s->instance);
	copy->fault = keep(to, s->fault);
	copy->held = s->held;
	for (size_t i = 0; i < s->wish_count; i++)
		if (!only_wish || s->wishes[i] == only_wish)
			service_wish(to, copy, slice_of(s->wishes[i]));
	for (size_t i = 0; i < s->backend_count; i++)
		service_backend(to, copy, slice_of(s->backends[i].host), s->backends[i].port, s->backends[i].weight);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		copy->options[i] = keep(to, s->options[i]);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_service(const struct service *a, const struct service *b)
{
	if (!same_text(a->name, b->name) || !same_text(a->instance, b->instance) || !same_text(a->fault, b->fault) || a->wish_count != b->wish_count ||
	    a->backend_count != b->backend_count)
		return false;
	for (size_t i = 0; i < a->wish_count; i++)
		if (strcmp(a->wishes[i], b->wishes[i]) != 0)
			return false;
	for (size_t i = 0; i < a->backend_count; i++) {
		const struct service_backend *x = &a->backends[i], *y = &b->backends[i];

		if (x->port != y->port || x->weight != y->weight || strcmp(x->host, y->host) != 0)
			return false;
	}
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (!same_text(a->options[i], b->options[i]))
			return false;
	return true;
}

bool service_equal(const struct service_list *a, const struct service_list *b)
{
	if (a->count != b->count || a->trusted != b->trusted)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_service(&a->items[i], &b->items[i]))
			return false;
	return true;
}

struct service_list *service_hold(struct service_list *list)
{
	atomic_fetch_add(&list->refs, 1);
	return list;
}

void service_free(struct service_list *list)
{
	if (!list || atomic_fetch_sub(&list->refs, 1) != 0)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].wishes);
		free(list->items[i].backends);
	}
	free(list->items);
	arena_free(&list->memory);
	free(list);
}

/* Services out of keys. The place of a service in the tree (services.web, services[0]) is kept in `instance` until
 * service_check; `name` follows from it, or from a `name` key. */

static const char *add_each(struct service_list *list, struct service *s, struct slice value,
                            const char *(*add)(struct service_list *, struct service *, struct slice))
{
	struct slice part;
	const char *why;

	while (slice_next(&value, ',', &part))
		if (part.len && (why = add(list, s, part)))
			return why;
	return NULL;
}

static const char *add_wish(struct service_list *list, struct service *s, struct slice text)
{
	struct slice host;
	uint16_t port;
	const char *why = net_split(text, &host, &port);

	if (why)
		return why;
	service_wish(list, s, text);
	return NULL;
}

static const char *add_app_port(struct service_list *list, struct service *s, struct slice text)
{
	struct buf wish = { 0 };
	uint16_t port;
	const char *why = net_port(text, &port);

	if (why)
		return why;
	buf_printf(&wish, "any:%u", port);
	service_wish(list, s, slice_of(wish.data));
	buf_free(&wish);
	return NULL;
}

static const char *add_backend(struct service_list *list, struct service *s, struct slice text)
{
	struct slice host;
	uint16_t port;
	const char *why = net_split(text, &host, &port);

	if (!why && !host.len)
		why = "has no host";
	if (!why)
		service_backend(list, s, host, port, 1);
	return why;
}

static struct service *service_at(struct service_list *list, struct slice place, struct slice name)
{
	struct service *s;

	for (size_t i = list->count; i-- > 0;)
		if (slice_is(place, list->items[i].instance))
			return &list->items[i];
	s = service_add(list, name);
	s->instance = arena_dup(&list->memory, place.at, place.len);
	return s;
}

/* Takes a list element's index off the end: backends[1] is backends. */
static struct slice without_index(struct slice field)
{
	const char *bracket = field.len ? memchr(field.at, '[', field.len) : NULL;

	return bracket ? (struct slice){ field.at, (size_t)(bracket - field.at) } : field;
}

static const char *set_field(struct service_list *list, struct service *s, bool app, struct slice field, const char *value)
{
	field = without_index(field);
	if (slice_is(field, "name")) {
		s->name = arena_dup(&list->memory, value, strlen(value));
		return NULL;
	}
	if (app && slice_is(field, "ports"))
		return add_each(list, s, slice_of(value), add_app_port);
	if (!app && (slice_is(field, "listener") || slice_is(field, "listeners")))
		return add_each(list, s, slice_of(value), add_wish);
	if (slice_is(field, app ? "targets" : "backends") || slice_is(field, "backend"))
		return add_each(list, s, slice_of(value), add_backend);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is(field, service_option_names[i])) {
			struct buf all = { 0 };

			if (s->options[i]) /* a list, element by element */
				buf_printf(&all, "%s,", s->options[i]);
			buf_puts(&all, value);
			s->options[i] = arena_dup(&list->memory, all.data, all.len);
			buf_free(&all);
			return NULL;
		}
	return "is not a key of a service (name, listener, backends, balance, proxy, proxy_protocol, allow, deny)";
}

const char *service_key(struct service_list *list, const char *key, const char *value)
{
	bool app = strncmp(key, "apps", 4) == 0;
	struct slice rest = slice_of(key + (app ? 4 : 8)), place;
	const char *dot = strrchr(key, '.');

	if (!rest.len)
		return *value ? "is not a table of services" : NULL;
	if (!dot || dot < rest.at)
		return *value ? "is not a service" : NULL; /* an empty table is one without keys */
	place = (struct slice){ key, (size_t)(dot - key) };
	rest = (struct slice){ rest.at, (size_t)(dot - rest.at) };
	if (rest.len && rest.at[0] == '.')
		rest = (struct slice){ rest.at + 1, rest.len - 1 };
	return set_field(list, service_at(list, place, rest), app, slice_of(dot + 1), value);
}

const char *service_check(const struct service_list *list, const char **name)
{
	for (size_t i = 0; i < list->count; i++) {
		struct service *s = &list->items[i];

		*name = s->instance;
		if (s->name[0] == '[')
			return "has no name";
		if (!s->wish_count)
			return "has no listener";
		if (!s->backend_count)
			return "has no backends";
	}
	for (size_t i = 0; i < list->count; i++)
		list->items[i].instance = NULL;
	return NULL;
}

void service_mailbox_open(struct service_mailbox *m, size_t sources, void (*ring)(void *arg), void *arg)
{
	pthread_mutex_init(&m->lock, NULL);
	m->slots = sys_alloc(sources * sizeof *m->slots);
	m->count = sources;
	m->ring = ring;
	m->arg = arg;
}

void service_mailbox_close(struct service_mailbox *m)
{
	for (size_t i = 0; i < m->count; i++)
		service_free(m->slots[i]);
	free(m->slots);
	pthread_mutex_destroy(&m->lock);
}

static struct service_list *swap_slot(struct service_mailbox *m, size_t source, struct service_list *list)
{
	struct service_list *old;

	pthread_mutex_lock(&m->lock);
	old = m->slots[source];
	m->slots[source] = list;
	pthread_mutex_unlock(&m->lock);
	return old;
}

void service_post(struct service_mailbox *m, size_t source, struct service_list *list)
{
	service_free(swap_slot(m, source, list));
	m->ring(m->arg);
}

struct service_list *service_take(struct service_mailbox *m, size_t source)
{
	return swap_slot(m, source, NULL);
}
