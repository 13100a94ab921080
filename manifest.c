#include "base.h"
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "net.h"

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

/* Where a service stands in the tree: services.web, services[0]. */
struct manifest_place {
	const char *text;
	uint32_t hash;
};

void manifest_open(struct manifest *m, bool trusted)
{
	*m = (struct manifest){ .list = sys_alloc(sizeof *m->list) };
	m->list->trusted = trusted;
}

static uint32_t hash(struct slice s) /* FNV-1a */
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.at[i]) * 16777619u;
	return h;
}

/* The slot of a place, or the free one where it belongs. Slots hold places by number, from 1. */
static uint32_t *find_slot(const struct manifest *m, struct slice place, uint32_t h)
{
	for (size_t i = h;; i++) {
		uint32_t *slot = &m->slots[i & (m->slot_cap - 1)];

		if (!*slot || (m->places[*slot - 1].hash == h && slice_is(place, m->places[*slot - 1].text)))
			return slot;
	}
}

static void grow(struct manifest *m)
{
	size_t count = m->list->count;

	if (count * 2 < m->slot_cap)
		return;
	free(m->slots);
	m->slot_cap = m->slot_cap ? m->slot_cap * 2 : 64;
	m->slots = sys_alloc(m->slot_cap * sizeof *m->slots);
	for (size_t i = 0; i < count; i++)
		*find_slot(m, slice_of(m->places[i].text), m->places[i].hash) = (uint32_t)i + 1;
}

static struct service *service_at(struct manifest *m, struct slice place, struct slice name, const char *origin)
{
	uint32_t h = hash(place), *slot;
	struct service *s;
	size_t count;

	grow(m);
	slot = find_slot(m, place, h);
	if (*slot)
		return &m->list->items[*slot - 1];
	count = m->list->count;
	SYS_GROW(m->places, count, m->place_cap);
	m->places[count] = (struct manifest_place){ arena_dup(&m->list->memory, place.at, place.len), h };
	*slot = (uint32_t)count + 1;
	s = service_add(m->list, name);
	s->origin = arena_dup(&m->list->memory, origin, strlen(origin));
	return s;
}

/* Takes a list element's index off the end: backends[1] is backends. */
static struct slice without_index(struct slice field)
{
	const char *bracket = field.len ? memchr(field.at, '[', field.len) : NULL;

	return bracket ? (struct slice){ field.at, (size_t)(bracket - field.at) } : field;
}

static const char *set_option(struct service_list *list, struct service *s, int option, const char *value)
{
	struct buf all = { 0 };

	if (s->options[option]) /* a list, element by element */
		buf_printf(&all, "%s,", s->options[option]);
	buf_puts(&all, value);
	s->options[option] = arena_dup(&list->memory, all.data, all.len);
	buf_free(&all);
	return NULL;
}

/* Keys that only state.c writes. */
static bool set_state_field(struct service_list *list, struct service *s, struct slice field, const char *value)
{
	long weight;

	if (slice_is(field, "instance"))
		s->instance = arena_dup(&list->memory, value, strlen(value));
	else if (slice_is(field, "weight") && s->backend_count && !text_number(slice_of(value), 1, 65535, &weight))
		s->backends[0].weight = (uint16_t)weight;
	else
		return false;
	return true;
}

static const char *set_field(const struct manifest *m, struct service *s, bool app, struct slice field,
                             const char *value)
{
	struct service_list *list = m->list;

	field = without_index(field);
	if (m->state && set_state_field(list, s, field, value))
		return NULL;
	if (slice_is(field, "name")) {
		s->name = arena_dup(&list->memory, value, strlen(value));
		return NULL;
	}
	if (app && slice_is(field, "ports"))
		return add_each(list, s, slice_of(value), add_app_port);
	if (!app && (slice_is(field, "listener") || slice_is(field, "listeners")))
		return add_each(list, s, slice_of(value), add_wish);
	if (slice_is(field, app ? "targets" : "backends") || (!app && slice_is(field, "backend")))
		return add_each(list, s, slice_of(value), add_backend);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is(field, service_option_names[i]))
			return set_option(list, s, i, value);
	return app ? "is not a key of an app (name, ports, targets, balance, proxy, proxy_protocol, allow, deny)"
	           : "is not a key of a service (name, listener, backends, balance, proxy, proxy_protocol, allow, deny)";
}

const char *manifest_key(struct manifest *m, const char *key, const char *value, const char *origin)
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
	return set_field(m, service_at(m, place, rest, origin), app, slice_of(dot + 1), value);
}

const char *manifest_check(const struct manifest *m, const char **place, const char **origin)
{
	for (size_t i = 0; i < m->list->count; i++) {
		const struct service *s = &m->list->items[i];
		bool app = strncmp(m->places[i].text, "apps", 4) == 0;

		*place = m->places[i].text;
		*origin = s->origin;
		if (!*s->name || s->name[0] == '[')
			return "has no name";
		if (!s->wish_count)
			return app ? "has no ports" : "has no listener";
		if (!s->backend_count)
			return app ? "has no targets" : "has no backends";
	}
	return NULL;
}

struct service_list *manifest_take(struct manifest *m)
{
	free(m->places);
	free(m->slots);
	return m->list;
}

void manifest_drop(struct manifest *m)
{
	service_free(manifest_take(m));
}

/* Documents. */

/* One item of a document. Returns NULL, or what is wrong with it. */
static const char *read_item(struct manifest *m, enum format format, const struct format_item *item, const char *origin)
{
	/* Variables of an env file have the names that they have in the environment. */
	const char *key = format == FORMAT_ENV ? config_variable(&m->list->memory, item->key) : item->key;

	if (!key || (!config_below(key, "services") && !config_below(key, "apps")))
		return "is neither below services nor below apps";
	return manifest_key(m, key, item->value, origin);
}

/* True when all of it was taken. */
static bool read_items(struct manifest *m, enum format format, const struct format_doc *doc, const char *name,
                       struct buf *why)
{
	const char *reason = doc->count ? NULL : "is empty (services = [] removes all of them)", *place = name, *origin = "";
	struct buf at = { 0 };

	for (size_t i = 0; i < doc->count && !reason; i++) {
		const struct format_item *item = &doc->items[i];

		at.len = 0;
		buf_printf(&at, "%s:%d", name, item->line);
		reason = read_item(m, format, item, at.data);
		if (reason) {
			buf_printf(why, "%s: %s: \"", at.data, item->key);
			buf_visible(why, item->value, strlen(item->value));
			buf_printf(why, "\" %s", reason);
		}
	}
	buf_free(&at);
	if (!reason && (reason = manifest_check(m, &place, &origin)))
		buf_printf(why, "%s: %s %s", origin, place, reason);
	else if (reason && !why->len)
		buf_printf(why, "%s %s", name, reason);
	return !reason;
}

static struct service_list *read_document(struct manifest *m, enum format format, const char *text, size_t len,
                                          const char *name, struct buf *why)
{
	struct format_doc doc = { 0 };
	bool fine = format_read(&doc, format, text, len);

	why->len = 0;
	if (!fine)
		buf_printf(why, "%s:%d: %s", name, doc.error_line, doc.error);
	else
		fine = read_items(m, format, &doc, name, why);
	format_free(&doc);
	if (fine)
		return manifest_take(m);
	manifest_drop(m);
	return NULL;
}

struct service_list *manifest_read(enum format format, const char *text, size_t len, const char *name, bool trusted,
                                   struct buf *why)
{
	struct manifest m;

	manifest_open(&m, trusted);
	return read_document(&m, format, text, len, name, why);
}

struct service_list *manifest_read_state(const char *text, size_t len, const char *name, struct buf *why)
{
	struct manifest m;

	manifest_open(&m, false);
	m.state = m.list->checked = m.list->remembered = true;
	return read_document(&m, FORMAT_JSON, text, len, name, why);
}
