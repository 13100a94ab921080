#include "base.h"
#include "option.h"

#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "format.h"

bool option_is_list(const struct option *row)
{
	return row->type == OPTION_NETWORKS || row->type == OPTION_ADDRESSES || row->type == OPTION_NAMES;
}

bool option_variable(const struct option *row)
{
	return row->other_is == OPTION_VARIABLE || row->other_is == OPTION_VARIABLE_NOT;
}

bool option_is(const struct option *row, enum option_name kind, const char *name)
{
	return row->other_is == kind && strcmp(row->other, name) == 0;
}

const struct option_label *option_find_label(const struct option_labels *labels, struct slice name)
{
	for (size_t i = 0; i < labels->count; i++)
		if (slice_is(name, labels->items[i].name))
			return &labels->items[i];
	return NULL;
}

const char *option_add_label(struct option_labels *labels, struct slice name, struct slice address, const char *origin,
                             struct arena *memory)
{
	struct option_label label;

	if (!name.len)
		return "has an empty label";
	if (memchr(name.at, '[', name.len))
		return "is in a list: one IP address expected for a label";
	if (text_hides(address))
		return "has an invisible character (\\xNN)";
	net_keep_zone(address);
	if (!net_numeric(address, 0, &label.addr))
		return "is not an IP address";
	label.name = arena_dup(memory, name.at, name.len);
	label.origin = arena_dup(memory, origin, strlen(origin));
	for (size_t i = 0; i < labels->count; i++)
		if (strcmp(labels->items[i].name, label.name) == 0) {
			labels->items[i] = label;
			return NULL;
		}
	ARENA_GROW(memory, labels->items, labels->count, labels->cap);
	labels->items[labels->count++] = label;
	return NULL;
}

static const char *set_labels_of_object(struct option_labels *labels, struct slice json, const char *origin,
                                        struct arena *memory)
{
	const char *why = NULL;
	struct doc doc;

	if (!format_read(&doc, &format_json, json.at, json.len))
		why = "is not a JSON object";
	for (size_t i = 0; i < doc.count && !why; i++)
		why = option_add_label(labels, slice_of(doc.items[i].key), slice_of(doc.items[i].value), origin, memory);
	doc_free(&doc);
	return why;
}

/* A map in one value: internal=10.0.0.1,public=1.2.3.4 or a JSON object. It replaces what was there. */
static const char *set_labels(struct option_labels *labels, const char *value, const char *origin, struct arena *memory)
{
	struct slice rest = slice_trim(slice_of(value)), part;
	const char *why = NULL;

	labels->count = 0;
	if (slice_starts(rest, "{"))
		return set_labels_of_object(labels, rest, origin, memory);
	while (!why && slice_next(&rest, ',', &part)) {
		struct slice name = { NULL, 0 };

		if (!part.len)
			continue;
		if (!memchr(part.at, '=', part.len))
			return "is not a list like local=127.0.0.1,any=0.0.0.0";
		slice_next(&part, '=', &name);
		why = option_add_label(labels, name, slice_trim(part), origin, memory);
	}
	return why;
}

static const char *check_networks(const char *value, struct arena *memory)
{
	struct slice rest = slice_of(value), part;
	struct net_ranges ranges;
	const char *why;

	while (slice_next(&rest, ',', &part))
		net_keep_zone(part);
	why = net_ranges_parse(slice_of(value), memory, &ranges);
	return why || ranges.count || !*value ? why : "names no network";
}

static const char *check_names(const char *value)
{
	struct slice rest = slice_of(value), name;

	while (slice_next(&rest, ',', &name)) {
		if (!net_is_host(name) || memchr(name.at, ':', name.len) || memchr(name.at, '*', name.len))
			return "is not a list of host names, without ports and wildcards";
	}
	return NULL;
}

static bool find_word(const struct option *row, const char *value, long *place)
{
	for (long i = 0; row->words[i]; i++)
		if (slice_is_nocase(slice_of(value), row->words[i])) {
			*place = i;
			return true;
		}
	return false;
}

static const char *range_error(const struct option *row, struct arena *memory)
{
	if (row->words)
		return text_printf(memory, "is not one of %s", row->help);
	return text_printf(memory, row->type == OPTION_PORT ? "is not a port (%d-%d)" : "is not a number from %d to %d",
	                   row->min, row->max);
}

static const char *check_listen_address(struct slice value)
{
	struct slice host;
	struct net_addr addr;
	uint16_t port;
	const char *why = value.len ? net_split(value, &host, &port) : NULL;

	if (!why && value.len && !net_local(host, port, &addr))
		why = "has no IP address before its port";
	return why;
}

static const char *check_listen_addresses(const char *value)
{
	struct slice rest = slice_of(value), part;
	const char *why = NULL;

	while (!why && slice_next(&rest, ',', &part))
		why = check_listen_address(part);
	return why;
}

static const char *check_plain_text(const struct option *row, const char *value, struct arena *memory)
{
	long place;

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "has a control character";
	if (row->words && !find_word(row, value, &place))
		return range_error(row, memory);
	return row->check && row->type != OPTION_FILE ? row->check(value) : NULL;
}

static const char *set_duration(const struct option *row, const char *value, int64_t *out)
{
	const char *why = text_duration(slice_of(value), out);

	if (!why && row->min && *out < row->min)
		why = "is too short";
	return !why && row->max && *out > row->max ? "is too long" : why;
}

/* Where the last character begins. */
static size_t last_of(const char *value)
{
	size_t last = strlen(value);

	while (last && ((unsigned char)value[--last] & 0xc0) == 0x80)
		;
	return last;
}

/* A value that is kept as it was written. */
static const char *check_text(const struct option *row, const char *value, struct arena *memory)
{
	switch (row->type) {
	case OPTION_ADDRESS:
		return check_listen_address(slice_of(value));
	case OPTION_ADDRESSES:
		return check_listen_addresses(value);
	case OPTION_NETWORKS:
		return check_networks(value, memory);
	case OPTION_NAMES:
		return check_names(value);
	default:
		return check_plain_text(row, value, memory);
	}
}

const char *option_set(const struct option *row, void *values, const char *value, const char *origin,
                       struct arena *memory)
{
	bool is_text = row->type == OPTION_TEXT || row->type == OPTION_FILE; /* within a text, it may be meant */
	void *at = (char *)values + row->at;
	const char *why = NULL;

	if (text_hides(slice_skip(slice_of(value), is_text ? last_of(value) : 0)))
		why = "has an invisible character (\\xNN)";
	else if (row->type == OPTION_PORT || row->type == OPTION_NUMBER || row->type == OPTION_DURATION)
		why = text_octal(slice_of(value));
	if (why)
		return why;
	switch (row->type) {
	case OPTION_LABELS:
		return set_labels(at, value, origin, memory);
	case OPTION_BIND:
		return bind_set(at, value, origin, memory);
	case OPTION_PORT:
	case OPTION_NUMBER:
		return text_number(slice_of(value), row->min, row->max, at) ? range_error(row, memory) : NULL;
	case OPTION_DURATION:
		return set_duration(row, value, at);
	case OPTION_WORD:
		return find_word(row, value, at) ? NULL : range_error(row, memory);
	case OPTION_SWITCH:
		return text_bool(slice_of(value), at);
	default:
		why = check_text(row, value, memory);
		*(const char **)at = arena_dup(memory, value, strlen(value));
		return why;
	}
}

static void put_labels(const struct option_labels *labels, struct buf *out)
{
	char host[NET_TEXT];

	for (size_t i = 0; i < labels->count; i++) {
		net_print_host(&labels->items[i].addr, host);
		buf_printf(out, "%s%s=%s", i ? "," : "", labels->items[i].name, host);
	}
}

void option_put(const struct option *row, const void *values, struct buf *out)
{
	const void *at = (const char *)values + row->at;
	char text[32];

	switch (row->type) {
	case OPTION_TEXT:
	case OPTION_SECRET:
	case OPTION_FILE:
	case OPTION_ADDRESS:
	case OPTION_ADDRESSES:
	case OPTION_NETWORKS:
	case OPTION_NAMES:
		buf_puts(out, *(const char *const *)at);
		break;
	case OPTION_NUMBER:
	case OPTION_PORT:
		buf_printf(out, "%ld", *(const long *)at);
		break;
	case OPTION_WORD:
		buf_puts(out, row->words[*(const long *)at]);
		break;
	case OPTION_DURATION:
		text_print_duration(*(const int64_t *)at, text);
		buf_puts(out, text);
		break;
	case OPTION_SWITCH:
		buf_puts(out, *(const bool *)at ? "true" : "false");
		break;
	case OPTION_LABELS:
		put_labels(at, out);
		break;
	case OPTION_BIND:
		bind_put(at, out);
		break;
	}
}

void option_put_variable(const char *key, struct buf *out)
{
	for (; *key; key++) {
		char c = *key == '.' ? '_' : *key >= 'a' && *key <= 'z' ? (char)(*key - 32) : *key;

		buf_add(out, &c, 1);
	}
}
