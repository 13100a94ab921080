#include "base.h"
#include "manifest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "net.h"
#include "service_option.h"
#include "sys.h"
#include "text.h"

enum field { FIELD_NAME, FIELD_WISHES, FIELD_BACKENDS, FIELD_OPTION, FIELDS = FIELD_OPTION + SERVICE_OPTIONS };
#define NOT_GIVEN (-1)
#define PARTS_MAX 1000000 /* a port of two bytes takes a hundred times as much */

/* Where a service stands in the tree: services.web, services[0]. */
struct manifest_place {
	struct service *service;
	const char *text;
	const char *name; /* the service's, when the layer began */
	uint32_t hash;
	bool app;
	bool named;  /* by a key, not by its place */
	bool broken; /* something is wrong with it, which has been said */
	int line, backends_line; /* in manifest->document */
	signed char layer[FIELDS]; /* of what was given for each field, or NOT_GIVEN */
};

void manifest_open(struct manifest *manifest, bool trusted)
{
	*manifest = (struct manifest){ .list = service_list_new() };
	manifest->list->trusted = trusted;
}

/* Places, by what stands behind `services` or `apps`. */

static size_t prefix_of(bool app)
{
	return app ? strlen("apps") : strlen("services");
}

/* The slot of a place, or the free one where it belongs. Slots hold places by number, from 1. */
static uint32_t *place_slot(const struct manifest *manifest, bool app, struct slice where, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &manifest->slots[i & (manifest->slot_cap - 1)];
		const struct manifest_place *place = *slot ? manifest->places[*slot - 1] : NULL;

		if (!place || (place->hash == hash && place->app == app && slice_is(where, place->text + prefix_of(app))))
			return slot;
	}
}

static void grow_slots(struct manifest *manifest)
{
	size_t count = manifest->list->count;

	if (count * 2 < manifest->slot_cap)
		return;
	free(manifest->slots);
	manifest->slot_cap = manifest->slot_cap ? manifest->slot_cap * 2 : 64;
	manifest->slots = sys_alloc(manifest->slot_cap * sizeof *manifest->slots);
	for (size_t i = 0; i < count; i++) {
		const struct manifest_place *place = manifest->places[i];

		*place_slot(manifest, place->app, slice_of(place->text + prefix_of(place->app)), place->hash) = (uint32_t)i + 1;
	}
}

static struct manifest_place *new_place(struct manifest *manifest, bool app, struct slice where, const char *origin)
{
	struct manifest_place *place = arena_alloc(&manifest->memory, sizeof *place);
	char *text = arena_alloc(&manifest->memory, prefix_of(app) + where.len + 1);

	memcpy(text, app ? "apps" : "services", prefix_of(app));
	memcpy(text + prefix_of(app), where.at, where.len);
	*place = (struct manifest_place){ .app = app, .text = text, .line = manifest->line };
	memset(place->layer, NOT_GIVEN, sizeof place->layer);
	place->service = service_add(manifest->list, slice_starts(where, ".") ? slice_skip(where, 1) : where);
	place->service->origin = service_text(place->service, origin);
	return place;
}

static struct manifest_place *seek_place(struct manifest *manifest, bool app, struct slice where, const char *origin)
{
	uint32_t hash = hash_text(where.at, where.len), *slot;
	size_t count = manifest->list->count;

	grow_slots(manifest);
	slot = place_slot(manifest, app, where, hash);
	if (*slot)
		return manifest->places[*slot - 1];
	SYS_GROW(manifest->places, count, manifest->place_cap);
	*slot = (uint32_t)count + 1;
	manifest->places[count] = new_place(manifest, app, where, origin);
	manifest->places[count]->hash = hash;
	return manifest->places[count];
}

static struct manifest_place *place_at(struct manifest *manifest, bool app, struct slice where, const char *origin)
{
	const struct manifest_place *latest = manifest->latest;

	if (!latest || latest->app != app || !slice_is(where, latest->text + prefix_of(app)))
		manifest->latest = seek_place(manifest, app, where, origin);
	return manifest->latest;
}

/* Fields. */

/* Fields on one line share the text that says where they stand. */
static const char *keep_origin(struct service *service, const char *origin)
{
	const char *last = service->wish_count ? service->wishes[service->wish_count - 1].origin : service->origin;

	return last && origin && strcmp(last, origin) == 0 ? last : service_text(service, origin);
}

static const char *add_wish(struct service *service, struct slice text, const char *origin)
{
	service_wish(service, text, keep_origin(service, origin));
	return service->wishes[service->wish_count - 1].why;
}

static const char *add_app_port(struct service *service, struct slice text, const char *origin)
{
	struct buf wish = { 0 };
	uint16_t port;
	const char *why = text_octal(text);

	if (!why)
		why = net_port(text, &port);
	if (why)
		return why;
	buf_printf(&wish, "any:%u", port);
	service_wish(service, slice_of(wish.data), keep_origin(service, origin));
	buf_free(&wish);
	return NULL;
}

static const char *add_backend(struct service *service, struct slice text, const char *origin)
{
	struct slice host = text;
	uint16_t port = 0, last = 0;
	const char *why = net_is_srv(text) ? NULL : net_split_range(text, &service->memory, &host, &port, &last);

	if (!why && !host.len)
		why = "has no host";
	if (why)
		return why;
	if (!service->backend_count)
		service->backends_origin = keep_origin(service, origin);
	service_backend(service, host, port, 1);
	if (memchr(host.at + host.len, '-', (size_t)(text.at + text.len - host.at) - host.len))
		service->backends[service->backend_count - 1].last = last;
	return NULL;
}

static const char *add_each(struct manifest *manifest, struct service *service, const char *value, const char *origin,
                            const char *(*add)(struct service *service, struct slice text, const char *origin))
{
	struct slice rest = slice_of(value), part;
	const char *why = NULL;

	while (!why && slice_next(&rest, ',', &part)) {
		if (manifest->list->trusted)
			net_keep_zone(part);
		if (part.len)
			why = manifest->parts++ < PARTS_MAX ? add(service, part, origin)
			                                    : "is one too many: more than 1000000 listeners and backends";
	}
	return why;
}

/* A list comes element by element, and is put together beside the service's memory, which would keep every stage of
 * it. */
static void join_option(struct manifest *manifest)
{
	if (manifest->joining)
		service_set(manifest->joining, manifest->joining_option, slice_of(manifest->joined.data), manifest->joining_origin);
	manifest->joining = NULL;
	manifest->joined.len = 0;
}

static void set_option(struct manifest *manifest, struct service *service, int option, const char *value,
                       const char *origin)
{
	const struct service_setting *before;
	bool goes_on = manifest->joining == service && manifest->joining_option == option;

	if (!goes_on) {
		join_option(manifest);
		before = service_setting(service, option);
		if (before && before->value)
			buf_puts(&manifest->joined, before->value);
		goes_on = before && before->value;
		manifest->joining = service;
		manifest->joining_option = option;
		manifest->joining_origin = goes_on ? before->origin : keep_origin(service, origin);
	}
	buf_puts(&manifest->joined, goes_on ? "," : "");
	buf_puts(&manifest->joined, value);
}

/* Keys that only state.c writes. */
static bool set_state_field(struct service *service, struct slice field, const char *value)
{
	long weight, created;

	if (slice_is(field, "node"))
		service->node = service_text(service, value);
	else if (slice_is(field, "instance"))
		service->instance = service_text(service, value);
	else if (slice_is(field, "absent"))
		service->absent = service_text(service, value);
	else if (slice_is(field, "created") && !text_number(slice_of(value), 1, LONG_MAX, &created))
		service->created = (uint64_t)created;
	else if (slice_is(field, "weight") && service->backend_count && !text_number(slice_of(value), 1, 65535, &weight))
		service->backends[0].weight = (uint16_t)weight;
	else
		return false;
	return true;
}

/* Which field it is; -1: none. A list element's index does not count: backends[1] is backends. */
static int field_of(bool app, struct slice name)
{
	static const struct {
		const char *service, *app;
		int field;
	} fields[] = {
		{ "name", "name", FIELD_NAME }, { "listener", "ports", FIELD_WISHES }, { "listeners", "ports", FIELD_WISHES },
		{ "backends", "targets", FIELD_BACKENDS }, { "backend", "targets", FIELD_BACKENDS }
	};
	const char *bracket = name.len ? memchr(name.at, '[', name.len) : NULL;

	name = bracket ? slice_between(name.at, bracket) : name;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_is_nocase(name, app ? fields[i].app : fields[i].service))
			return fields[i].field;
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is_nocase(name, service_option_name(i)))
			return FIELD_OPTION + i;
	return -1;
}

/* What an upper layer says replaces what lower ones said. */
static void clear_field(struct manifest *manifest, struct service *service, int field)
{
	struct service_setting *setting;

	join_option(manifest);
	setting = field >= FIELD_OPTION ? service_setting(service, field - FIELD_OPTION) : NULL;
	if (field == FIELD_WISHES)
		service->wish_count = 0;
	else if (field == FIELD_BACKENDS)
		service->backend_count = 0;
	else if (setting)
		*setting = service->settings[--service->setting_count];
}

/* As it was written, whatever it is: a wish that was refused is refused again. */
static const char *add_state_wish(struct service *service, const char *value, const char *origin)
{
	add_wish(service, slice_of(value), origin);
	return NULL;
}

static const char *set_field(struct manifest *manifest, struct manifest_place *place, bool app, int field,
                             const char *value, const char *origin)
{
	struct service *service = place->service;

	if (manifest->state && field == FIELD_WISHES)
		return add_state_wish(service, value, origin);
	switch (field) {
	case FIELD_NAME:
		place->named = true;
		service->name = service_text(service, value);
		return NULL;
	case FIELD_WISHES:
		return add_each(manifest, service, value, origin, app ? add_app_port : add_wish);
	case FIELD_BACKENDS:
		if (!service->backend_count)
			place->backends_line = manifest->line;
		return add_each(manifest, service, value, origin, add_backend);
	default:
		set_option(manifest, service, field - FIELD_OPTION, value, origin);
		return NULL;
	}
}

bool manifest_is_key(const char *key)
{
	const char *dot = strrchr(key, '.');

	return !dot || field_of((key[0] | 0x20) == 'a', slice_of(dot + 1)) >= 0;
}

static const char not_service[] = "is not a service: a table expected";

/* Why a key is none of a service's; `where` leads to it. */
static const char *no_field(bool app, struct slice where)
{
	struct slice last = where;

	if (!where.len)
		return not_service;
	while (last.len && last.at[last.len - 1] != '.')
		last.len--;
	if (last.len && field_of(app, slice_skip(where, last.len)) >= 0)
		return "is in a table: a value or a list of values expected above it";
	return app ? "is not a key of an app (name, ports, targets, balance, proxy, proxy_protocol, allow, deny)"
	           : "is not a key of a service (name, listener, backends, balance, proxy, proxy_protocol, allow, deny, ports)";
}

static bool takes_list(int field)
{
	return field == FIELD_WISHES || field == FIELD_BACKENDS ||
	       (field >= FIELD_OPTION && service_option_is_list(field - FIELD_OPTION));
}

/* A newer version has written it. Without what may restrict it, the service is not routed; all others are. */
static const char *refuse_state_field(struct service *service, struct slice name)
{
	service->fault = text_printf(&service->memory, "state.path says \"%.*s\" of it, which this version does not understand",
	                             (int)name.len, name.at);
	return NULL;
}

/* app: whose words the key is in, which may not be the place's own. */
static const char *take_field(struct manifest *manifest, struct manifest_place *place, bool app, struct slice name,
                              const char *value, const char *origin)
{
	int field = field_of(app, name);
	const char *why;

	if (manifest->state && set_state_field(place->service, name, value))
		return NULL;
	why = field < 0 ? no_field(app, slice_of(place->text + prefix_of(place->app)))
	    : memchr(name.at, '[', name.len) && !takes_list(field) ? "is in a list: one value expected" : NULL;
	if (why && manifest->state)
		return refuse_state_field(place->service, name);
	place->broken = place->broken || why;
	if (why)
		return why;
	if (place->layer[field] != NOT_GIVEN && manifest->layer > place->layer[field])
		clear_field(manifest, place->service, field);
	place->layer[field] = (signed char)manifest->layer;
	why = set_field(manifest, place, app, field, value, origin);
	if (why && manifest->state)
		return refuse_state_field(place->service, name);
	place->broken = place->broken || why;
	return why;
}

/* Names. */

/* A byte of a name as variables have it. */
static int variable_byte(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c + 32;
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
}

static int compare_variables(const char *a, const char *b)
{
	for (; *a && *b && variable_byte(*a) == variable_byte(*b); a++, b++)
		;
	return *a && *b ? variable_byte(*a) - variable_byte(*b) : (*a != '\0') - (*b != '\0');
}

static int by_variable(const void *a, const void *b)
{
	return compare_variables((*(struct manifest_place *const *)a)->name, (*(struct manifest_place *const *)b)->name);
}

/* A layer begins: all that there is so far is of lower ones. */
static void sort_places(struct manifest *manifest, int layer)
{
	size_t count = manifest->list->count;

	manifest->layer = layer;
	manifest->named_count = count;
	manifest->named = sys_realloc(manifest->named, count * sizeof *manifest->named);
	for (size_t i = 0; i < count; i++) {
		manifest->named[i] = manifest->places[i];
		manifest->named[i]->name = manifest->named[i]->service->name;
	}
	if (count)
		qsort(manifest->named, count, sizeof *manifest->named, by_variable);
}

/* The first of the names that look like this one as variables, if there is any. */
static size_t first_like(const struct manifest *manifest, const char *name)
{
	size_t low = 0, high = manifest->named_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare_variables(manifest->named[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Sets the field of each service of that name in lower layers. *count: how many there are. */
static const char *set_named(struct manifest *manifest, const char *name, bool app, struct slice field,
                             const char *value, const char *origin, size_t *count)
{
	const char *why = NULL;

	*count = 0;
	for (int loose = 0; loose < 2 && !*count; loose++)
		for (size_t i = first_like(manifest, name); i < manifest->named_count; i++) {
			struct manifest_place *place = manifest->named[i];

			if (compare_variables(place->name, name) != 0)
				break;
			if (loose || strcmp(place->name, name) == 0) {
				why = take_field(manifest, place, app, field, value, origin);
				++*count;
			}
		}
	return why;
}

const char *manifest_key(struct manifest *manifest, const char *key, const char *value, const char *origin, int layer)
{
	bool app = (key[0] | 0x20) == 'a';
	struct slice where = slice_skip(slice_of(key), prefix_of(app)), field;
	const char *dot = manifest->state ? strchr(key, '.') : strrchr(key, '.'), *why = NULL; /* state: services[0].what.ever */
	size_t found = 0;

	if (!where.len)
		return *value ? "is not a table of services" : NULL;
	if (!dot || dot < where.at)
		return not_service;
	where = slice_between(where.at, dot);
	field = slice_of(dot + 1);
	if (layer > manifest->layer)
		sort_places(manifest, layer);
	if (where.len && where.at[0] == '.' && manifest->named_count)
		why = set_named(manifest, arena_dup(&manifest->memory, where.at + 1, where.len - 1), app, field, value, origin,
		                &found);
	return found ? why : take_field(manifest, place_at(manifest, app, where, origin), app, field, value, origin);
}

/* *backends: it is about these. */
static const char *lacks(const struct manifest_place *place, bool *backends)
{
	struct service *service = place->service;

	if (!*service->name || (service->name[0] == '[' && !place->named))
		return "has no name";
	if (service->fault || service->absent)
		return NULL;
	if (!service->wish_count)
		return place->app ? "has no ports" : "has no listener";
	if (!service->backend_count)
		return place->app ? "has no targets" : "has no backends";
	*backends = true;
	return service_mismatch(service);
}

static const char *origin_of(struct manifest *manifest, const struct manifest_place *place, bool backends)
{
	if (!manifest->document)
		return backends ? place->service->backends_origin : place->service->origin;
	return text_printf(&manifest->memory, "%s:%d", manifest->document, backends ? place->backends_line : place->line);
}

static void keep_lines(struct manifest *manifest)
{
	struct service_list *list = manifest->list;
	int *lines = arena_alloc(&list->memory, list->count * sizeof *lines);

	for (size_t i = 0; i < list->count; i++)
		lines[i] = manifest->places[i]->line;
	list->lines = lines;
	list->document = arena_dup(&list->memory, manifest->document, strlen(manifest->document));
}

bool manifest_finish(struct manifest *manifest, void (*complain)(void *arg, const char *origin, const char *place,
                     const char *why), void *arg)
{
	bool fine = true;

	join_option(manifest);
	for (size_t i = 0; i < manifest->list->count; i++) {
		const struct manifest_place *place = manifest->places[i];
		bool backends = false;
		const char *why = place->broken ? NULL : lacks(place, &backends);

		if (why)
			complain(arg, origin_of(manifest, place, backends), place->text, why);
		fine = fine && !why && !place->broken;
		service_seal(place->service);
	}
	if (manifest->document)
		keep_lines(manifest);
	return fine;
}

struct service_list *manifest_take(struct manifest *manifest)
{
	free(manifest->places);
	free(manifest->slots);
	free(manifest->named);
	arena_free(&manifest->memory);
	buf_free(&manifest->joined);
	return manifest->list;
}

void manifest_drop(struct manifest *manifest)
{
	service_list_unref(manifest_take(manifest));
}
