#include "base.h"
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "doc.h"
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

enum field { FIELD_NAME, FIELD_WISHES, FIELD_BACKENDS, FIELD_OPTION, FIELDS = FIELD_OPTION + SERVICE_OPTIONS };

/* Where a service stands in the tree: services.web, services[0]. */
struct manifest_place {
	const char *text;
	uint32_t hash;
	bool named;           /* by a key, not by its place */
	uint8_t rank[FIELDS]; /* of what was given for each field */
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
	m->places[count] = (struct manifest_place){ .text = arena_dup(&m->list->memory, place.at, place.len), .hash = h };
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

/* A list comes element by element, and is put together beside the arena, which would keep every stage of it. */
static void join_option(struct manifest *m)
{
	if (m->joining)
		m->list->items[m->joining_service].options[m->joining_option] =
			arena_dup(&m->list->memory, m->joined.data, m->joined.len);
	m->joining = false;
	m->joined.len = 0;
}

static const char *set_option(struct manifest *m, struct service *s, int option, const char *value)
{
	const char **to = &s->options[option];

	if (m->joining_service != (size_t)(s - m->list->items) || m->joining_option != option || !*to) {
		join_option(m);
		if (*to)
			buf_puts(&m->joined, *to);
	}
	buf_printf(&m->joined, "%s%s", *to ? "," : "", value);
	*to = "";
	m->joining_service = (size_t)(s - m->list->items);
	m->joining_option = option;
	m->joining = true;
	return NULL;
}

/* Keys that only state.c writes. */
static bool set_state_field(struct service_list *list, struct service *s, struct slice field, const char *value)
{
	long weight;

	if (slice_is(field, "node"))
		s->node = arena_dup(&list->memory, value, strlen(value));
	else if (slice_is(field, "instance"))
		s->instance = arena_dup(&list->memory, value, strlen(value));
	else if (slice_is(field, "weight") && s->backend_count && !text_number(slice_of(value), 1, 65535, &weight))
		s->backends[0].weight = (uint16_t)weight;
	else
		return false;
	return true;
}

/* Which field it is; -1: none. */
static int field_of(bool app, struct slice field)
{
	if (slice_is(field, "name"))
		return FIELD_NAME;
	if (app ? slice_is(field, "ports") : slice_is(field, "listener") || slice_is(field, "listeners"))
		return FIELD_WISHES;
	if (app ? slice_is(field, "targets") : slice_is(field, "backends") || slice_is(field, "backend"))
		return FIELD_BACKENDS;
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is(field, service_option_names[i]))
			return FIELD_OPTION + i;
	return -1;
}

/* What a more important place says replaces what the others said. */
static void outrank(struct manifest *m, struct service *s, int field, uint8_t rank)
{
	struct manifest_place *place = &m->places[s - m->list->items];

	if (rank > place->rank[field]) {
		join_option(m);
		if (field == FIELD_WISHES)
			s->wish_count = 0;
		else if (field == FIELD_BACKENDS)
			s->backend_count = 0;
		else if (field >= FIELD_OPTION)
			s->options[field - FIELD_OPTION] = NULL;
	}
	place->rank[field] = rank;
}

static const char *set_field(struct manifest *m, struct service *s, bool app, struct slice name, const char *value,
                             uint8_t rank)
{
	struct service_list *list = m->list;
	int field;

	name = without_index(name);
	if (m->state && set_state_field(list, s, name, value))
		return NULL;
	field = field_of(app, name);
	if (field < 0)
		return app ? "is not a key of an app (name, ports, targets, balance, proxy, proxy_protocol, allow, deny)"
		           : "is not a key of a service (name, listener, backends, balance, proxy, proxy_protocol, allow, deny)";
	outrank(m, s, field, rank);
	if (field == FIELD_WISHES)
		return add_each(list, s, slice_of(value), app ? add_app_port : add_wish);
	if (field == FIELD_BACKENDS)
		return add_each(list, s, slice_of(value), add_backend);
	if (field >= FIELD_OPTION)
		return set_option(m, s, field - FIELD_OPTION, value);
	m->places[s - list->items].named = true;
	s->name = arena_dup(&list->memory, value, strlen(value));
	return NULL;
}

const char *manifest_key(struct manifest *m, const char *key, const char *value, const char *origin, uint8_t rank)
{
	bool app = strncmp(key, "apps", 4) == 0;
	struct slice rest = slice_of(key + (app ? 4 : 8)), place;
	const char *dot = strrchr(key, '.');

	if (!rest.len)
		return *value ? "is not a table of services" : NULL;
	if (!dot || dot < rest.at)
		return "is not a service";
	place = (struct slice){ key, (size_t)(dot - key) };
	rest = (struct slice){ rest.at, (size_t)(dot - rest.at) };
	if (rest.len && rest.at[0] == '.')
		rest = (struct slice){ rest.at + 1, rest.len - 1 };
	return set_field(m, service_at(m, place, rest, origin), app, slice_of(dot + 1), value, rank);
}

const char *manifest_check(struct manifest *m, const char **place, const char **origin)
{
	join_option(m);
	for (size_t i = 0; i < m->list->count; i++) {
		const struct service *s = &m->list->items[i];
		bool app = strncmp(m->places[i].text, "apps", 4) == 0;

		*place = m->places[i].text;
		*origin = s->origin;
		if (!*s->name || (s->name[0] == '[' && !m->places[i].named))
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
	buf_free(&m->joined);
	return m->list;
}

void manifest_drop(struct manifest *m)
{
	service_free(manifest_take(m));
}

/* Documents. */

/* One item of a document. Returns NULL, or what is wrong with it. */
static const char *read_item(struct manifest *m, const struct format *format, const struct doc_item *item,
                             const char *origin)
{
	/* Variables of an env file have the names that they have in the environment. */
	const char *key = format->variables ? config_variable(&m->list->memory, item->key) : item->key;

	if (!key || (!config_below(key, "services") && !config_below(key, "apps")))
		return "is neither below services nor below apps";
	if (format->lists && !item->container && !strpbrk(key, ".["))
		return "is not a list of services";
	return manifest_key(m, key, item->value, origin, 0);
}

/* True when all of it was taken. */
static bool read_items(struct manifest *m, const struct format *format, const struct doc *doc, const char *name,
                       struct buf *why)
{
	const char *reason = doc->count ? NULL : "is empty (services = [] removes all of them)", *place = name, *origin = "";
	struct buf at = { 0 };

	for (size_t i = 0; i < doc->count && !reason; i++) {
		const struct doc_item *item = &doc->items[i];

		at.len = 0;
		buf_printf(&at, "%s:%d", name, item->line);
		reason = read_item(m, format, item, at.data);
		if (reason) {
			buf_printf(why, "%s: %s: \"", at.data, item->key);
			at.len = 0;
			buf_masked(&at, item->value);
			buf_visible(why, at.data, at.len);
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

static struct service_list *read_document(struct manifest *m, const struct format *format, const char *text, size_t len,
                                          const char *name, struct buf *why)
{
	struct doc doc = { 0 };
	bool fine = format_read(&doc, format, text, len);

	why->len = 0;
	if (!fine)
		buf_printf(why, "%s:%d: %s", name, doc.error_line, doc.error);
	else
		fine = read_items(m, format, &doc, name, why);
	doc_free(&doc);
	if (fine)
		return manifest_take(m);
	manifest_drop(m);
	return NULL;
}

struct service_list *manifest_read(const struct format *format, const char *text, size_t len, const char *name,
                                   bool trusted, struct buf *why)
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
	return read_document(&m, &format_json, text, len, name, why);
}
