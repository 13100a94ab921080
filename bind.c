#include "base.h"
#include "bind.h"

#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "format.h"
#include "net.h"

#define SHOWN_MAX 8 /* grants of a service that are listed */

/* Patterns. */

static bool is_everybody(const struct bind_pattern *pattern)
{
	return strcmp(pattern->name, "*") == 0;
}

static const char *behind_character(const char *name)
{
	for (name++; ((unsigned char)*name & 0xc0) == 0x80;)
		name++;
	return name;
}

/* One star at a time: a later one can take over whatever an earlier one has matched. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern == '?') {
			pattern++;
			name = behind_character(name);
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = from = behind_character(from);
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

static struct bind_pattern *find_pattern(const struct bind_table *bind, struct slice name)
{
	for (size_t i = 0; i < bind->count; i++)
		if (slice_is(name, bind->patterns[i].name))
			return &bind->patterns[i];
	return NULL;
}

static const char *check_pattern(struct slice name, struct arena *memory)
{
	if (!name.len)
		return "has an empty pattern";
	if (text_hides(name))
		return "has an invisible character (\\xNN) in its pattern";
	for (size_t i = 0; i < name.len; i++)
		if (strchr("[]{}\\", name.at[i]))
			return text_printf(memory, "has the pattern \"%.*s\": only * and ? stand for others, not %c", (int)name.len, name.at,
			                   name.at[i]);
	return NULL;
}

/* Grants. */

static const char *read_ports(struct slice text, struct bind_span *span)
{
	bool range = memchr(text.at, '-', text.len);
	struct slice first;

	span->first = 1;
	span->last = UINT16_MAX;
	if (slice_is(text, "*"))
		return NULL;
	slice_next(&text, '-', &first);
	if (net_port(first, &span->first) || net_port(range ? slice_trim(text) : first, &span->last))
		return "has a port out of range (1-65535)";
	return span->last < span->first ? "ends before it begins" : NULL;
}

static const char *read_grant(struct slice text, struct bind_span *span)
{
	struct slice ports = text;

	if (!slice_next(&ports, ':', &span->label) || !span->label.len || !slice_trim(ports).len)
		return "is not label:port, label:first-last or label:*";
	return read_ports(slice_trim(ports), span);
}

/* The part is shown without what may be a secret. */
static const char *complain_part(struct slice part, const struct bind_pattern *of, const char *why, struct arena *memory)
{
	struct buf shown = { 0 };
	const char *text;

	buf_masked(&shown, arena_dup(memory, part.at, part.len));
	text = text_printf(memory, "has \"%s\" for \"%s\", which %s", shown.data, of->name, why);
	buf_free(&shown);
	return text;
}

/* Adds what the pattern grants to the spans; without spans it is only looked at. NULL or the reason. */
static const char *read_grants(struct slice grants, const struct bind_pattern *of, struct bind_spans *to,
                               struct arena *memory)
{
	struct slice part;
	bool any = false;

	for (; slice_next(&grants, ',', &part); any = any || part.len) {
		struct bind_span span = { .of = of };
		const char *why = part.len ? read_grant(part, &span) : NULL;

		if (why)
			return complain_part(part, of, why, memory);
		if (!part.len || !to)
			continue;
		ARENA_GROW(memory, to->items, to->count, to->cap);
		to->items[to->count++] = span;
	}
	return any ? NULL : text_printf(memory, "has nothing for \"%s\"", of->name);
}

/* web[2] is the pattern web; true: and it goes on with a list that has begun. */
static bool cut_index(struct slice *name)
{
	size_t len = name->len;

	if (!len || name->at[len - 1] != ']')
		return false;
	for (len--; len && name->at[len - 1] >= '0' && name->at[len - 1] <= '9';)
		len--;
	if (len < 2 || name->at[len - 1] != '[' || len + 1 == name->len)
		return false;
	name->len = len - 1;
	return name->at[len] != '0';
}

const char *bind_add(struct bind_table *bind, struct slice name, struct slice grants, const char *origin,
                     struct arena *memory)
{
	bool goes_on = cut_index(&name);
	const char *why = text_hides(grants) ? "has an invisible character (\\xNN)" : check_pattern(name, memory);
	struct bind_pattern *at = find_pattern(bind, name), pattern = { .origin = arena_dup(memory, origin, strlen(origin)) };

	if (why)
		return why;
	pattern.name = arena_dup(memory, name.at, name.len);
	pattern.grants = at && goes_on ? text_printf(memory, "%s, %.*s", at->grants, (int)grants.len, grants.at)
	                               : arena_dup(memory, grants.at, grants.len);
	why = read_grants(grants, &pattern, NULL, memory);
	if (why)
		return why;
	if (!at)
		ARENA_GROW(memory, bind->patterns, bind->count, bind->cap);
	*(at ? at : &bind->patterns[bind->count++]) = pattern;
	return NULL;
}

static const char *set_object(struct bind_table *bind, struct slice json, const char *origin, struct arena *memory)
{
	const char *why = NULL;
	struct doc doc;

	if (!format_read(&doc, &format_json, json.at, json.len))
		why = text_printf(memory, "is not a JSON object: %s", doc.error);
	for (size_t i = 0; i < doc.count && !why; i++)
		why = bind_add(bind, slice_of(doc.items[i].key), slice_trim(slice_of(doc.items[i].value)), origin, memory);
	if (!why && doc.null_count)
		why = text_printf(memory, "has nothing for \"%s\"", doc.nulls[0].key);
	doc_free(&doc);
	return why;
}

const char *bind_set(struct bind_table *bind, const char *value, const char *origin, struct arena *memory)
{
	struct slice rest = slice_trim(slice_of(value)), part, name;
	const char *why = NULL;

	bind->count = 0;
	if (slice_starts(rest, "{"))
		why = set_object(bind, rest, origin, memory);
	else
		while (!why && slice_next(&rest, ';', &part)) {
			if (!part.len)
				continue;
			if (!memchr(part.at, '=', part.len))
				return "is not a list like db-*=public:5432-5439,local:5432; *=local:8000-8999";
			slice_next(&part, '=', &name);
			if (find_pattern(bind, name))
				return text_printf(memory, "has the pattern \"%.*s\" twice", (int)name.len, name.at);
			why = bind_add(bind, name, slice_trim(part), origin, memory);
		}
	return !why && *value && !bind->count ? "names no pattern" : why;
}

void bind_put(const struct bind_table *bind, struct buf *out)
{
	for (size_t i = 0; i < bind->count; i++)
		buf_printf(out, "%s%s=%s", i ? "; " : "", bind->patterns[i].name, bind->patterns[i].grants);
}

/* Spans. */

static int label_order(struct slice left, struct slice right)
{
	int order = memcmp(left.at, right.at, left.len < right.len ? left.len : right.len);

	return order ? order : (left.len > right.len) - (left.len < right.len);
}

static int by_place(const void *left, const void *right)
{
	const struct bind_span *a = left, *b = right;
	int order = label_order(a->label, b->label);

	return order ? order : (int)a->first - (int)b->first;
}

static void sort_spans(struct bind_spans *spans)
{
	struct bind_span *items = spans->items;

	if (spans->count)
		qsort(items, spans->count, sizeof *items, by_place);
	for (size_t i = 0; i < spans->count; i++) {
		bool same = i && label_order(items[i - 1].label, items[i].label) == 0;

		items[i].reach = same && items[i - 1].reach > items[i].last ? items[i - 1].reach : items[i].last;
	}
}

/* How many spans stand before all that begin behind this port of the label. */
static size_t count_up_to(const struct bind_spans *spans, struct slice label, uint16_t port)
{
	size_t low = 0, high = spans->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = label_order(spans->items[middle].label, label);

		if (order < 0 || (!order && spans->items[middle].first <= port))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of the first `*before` spans, the last one whose ports of the label reach to `port`; NULL: none does. */
static const struct bind_span *span_before(const struct bind_spans *spans, size_t *before, struct slice label,
                                           uint16_t port)
{
	while (*before) {
		const struct bind_span *span = &spans->items[--*before];

		if (label_order(span->label, label) != 0 || span->reach < port)
			return NULL;
		if (span->last >= port)
			return span;
	}
	return NULL;
}

/* Adds to `rest` what narrower patterns leave of the span. */
static void add_rest(struct bind_table *bind, struct bind_span span, struct arena *memory)
{
	const struct bind_spans *named = &bind->named;
	struct bind_spans *rest = &bind->rest;
	uint32_t at = span.first, end = span.last;

	while (at <= end) {
		size_t next = count_up_to(named, span.label, (uint16_t)at), before = next;
		const struct bind_span *taken = span_before(named, &before, span.label, (uint16_t)at);

		if (!taken) {
			bool meets = next < named->count && label_order(named->items[next].label, span.label) == 0;

			span.first = (uint16_t)at;
			span.last = (uint16_t)(meets && named->items[next].first <= end ? named->items[next].first - 1u : end);
			ARENA_GROW(memory, rest->items, rest->count, rest->cap);
			rest->items[rest->count++] = span;
		}
		at = (taken ? taken->last : span.last) + 1u;
	}
}

void bind_seal(struct bind_table *bind, struct arena *memory)
{
	struct bind_spans all = { 0 }; /* of "*" */

	bind->named = bind->rest = (struct bind_spans){ 0 };
	for (size_t i = 0; i < bind->count; i++) {
		const struct bind_pattern *pattern = &bind->patterns[i];

		read_grants(slice_of(pattern->grants), pattern, is_everybody(pattern) ? &all : &bind->named, memory);
	}
	sort_spans(&bind->named);
	for (size_t i = 0; i < all.count; i++)
		add_rest(bind, all.items[i], memory);
	sort_spans(&bind->rest);
}

/* Questions. */

/* Of the spans that grant the first port to the service, one that reaches to the last, or else the farthest; NULL: none
 * does. */
static const struct bind_span *find_granting(const struct bind_table *bind, const char *service, struct slice label,
                                             uint16_t first, uint16_t last, bool by_name)
{
	size_t before = count_up_to(&bind->named, label, first);
	const struct bind_span *span, *best = NULL;

	while ((!best || best->last < last) && (span = span_before(&bind->named, &before, label, first)))
		if ((!best || span->last > best->last) && matches(span->of->name, service))
			best = span;
	if (best || by_name)
		return best;
	before = count_up_to(&bind->rest, label, first);
	return span_before(&bind->rest, &before, label, first);
}

static bool grants_all(const struct bind_table *bind, const char *service, struct slice label, uint16_t first,
                       uint16_t last)
{
	for (uint32_t at = first; at <= last;) {
		const struct bind_span *span = find_granting(bind, service, label, (uint16_t)at, last, false);

		if (!span)
			return false;
		at = span->last + 1u;
	}
	return true;
}

bool bind_grants(const struct bind_table *bind, const char *service, struct slice label, uint16_t first, uint16_t last)
{
	return !bind || !bind->count || grants_all(bind, service, label, first, last);
}

size_t bind_unnamed(const struct bind_table *bind, const char *service, struct slice label, uint16_t first, uint16_t last,
                    size_t most)
{
	size_t count = 0;

	for (uint32_t at = first; at <= last && count <= most;) {
		const struct bind_span *span = bind ? find_granting(bind, service, label, (uint16_t)at, last, true) : NULL;

		count += !span;
		at = (span ? span->last : at) + 1u;
	}
	return count;
}

const char *bind_granting(const struct bind_table *bind, const char *service, struct slice label, uint16_t port)
{
	const struct bind_span *span = bind ? find_granting(bind, service, label, port, port, false) : NULL;

	return span ? span->of->name : NULL;
}

const char *bind_naming(const struct bind_table *bind, struct slice label, uint16_t first, uint16_t last)
{
	size_t before = bind ? count_up_to(&bind->named, label, last) : 0;
	const struct bind_span *span = before ? span_before(&bind->named, &before, label, first) : NULL;

	return span ? span->of->name : NULL;
}

void bind_put_span(const struct bind_span *span, struct buf *out)
{
	buf_printf(out, "%.*s:", (int)span->label.len, span->label.at);
	if (span->first == 1 && span->last == UINT16_MAX)
		buf_puts(out, "*");
	else if (span->first == span->last)
		buf_printf(out, "%u", span->first);
	else
		buf_printf(out, "%u-%u", span->first, span->last);
}

void bind_put_granted(const struct bind_table *bind, const char *service, struct buf *out)
{
	const struct bind_spans *both[] = { &bind->named, &bind->rest };
	size_t shown = 0;

	for (size_t which = 0; which < ARRAY_LEN(both); which++)
		for (size_t i = 0; i < both[which]->count && shown <= SHOWN_MAX; i++) {
			const struct bind_span *span = &both[which]->items[i];

			if (!matches(span->of->name, service))
				continue;
			buf_puts(out, shown ? ", " : "");
			if (shown++ < SHOWN_MAX) {
				bind_put_span(span, out);
				buf_printf(out, " (\"%s\")", span->of->name);
			} else {
				buf_puts(out, "and more");
			}
		}
	buf_puts(out, shown ? "" : "nothing");
}
