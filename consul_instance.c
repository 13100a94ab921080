#include "base.h"
#include "consul_instance.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"

bool instance_marked(struct slice tag, const char *configured)
{
	return slice_is(tag, configured) || (strcmp(configured, "dill") == 0 && slice_is(tag, "dyntcp"));
}

static bool text_at(const struct json *j, uint32_t object, const char *key, struct buf *out)
{
	uint32_t t = object ? json_get(j, object, key) : 0;

	out->len = 0;
	buf_add(out, "", 0);
	return t && json_string(j, t, out);
}

/* The worst of all checks counts, node checks included; none at all is fine. `warning` is not passing. What is wrong
 * goes to `why`. */
static void look_at_checks(const struct json *j, uint32_t checks, struct buf *why)
{
	struct buf status = { 0 }, id = { 0 };

	if (checks && j->tokens[checks].type == JSON_ARRAY)
		for (JSON_EACH(j, checks, c)) {
			if (why->len || (text_at(j, c, "Status", &status) && strcmp(status.data, "passing") == 0))
				continue;
			text_at(j, c, "CheckID", &id);
			buf_printf(why, *id.data ? "its check %s is %s" : "one%s of its checks is %s", id.data,
			           *status.data ? status.data : "without a status");
		}
	buf_free(&status);
	buf_free(&id);
}

static bool has_mark(const struct json *j, uint32_t tags, const char *configured)
{
	struct buf tag = { 0 };
	bool found = false;

	if (!tags || j->tokens[tags].type != JSON_ARRAY)
		return false;
	for (JSON_EACH(j, tags, t)) {
		tag.len = 0;
		found = found || (json_string(j, t, &tag) && instance_marked((struct slice){ tag.data, tag.len }, configured));
	}
	buf_free(&tag);
	return found;
}

/* Takes `mark.` off the key. */
static bool skip_mark(struct slice *key, const char *mark)
{
	size_t len = strlen(mark);

	if (key->len <= len || key->at[len] != '.' || memcmp(key->at, mark, len) != 0)
		return false;
	*key = (struct slice){ key->at + len + 1, key->len - len - 1 };
	return true;
}

enum instance_tag instance_tag(struct slice tag, const char *configured, struct slice *value)
{
	const char *equals = tag.len ? memchr(tag.at, '=', tag.len) : NULL;
	struct slice key = { tag.at, equals ? (size_t)(equals - tag.at) : tag.len };

	*value = (struct slice){ NULL, 0 };
	if (instance_marked(tag, configured))
		return INSTANCE_MARK;
	if (!skip_mark(&key, configured) && (strcmp(configured, "dill") != 0 || !skip_mark(&key, "dyntcp")))
		return INSTANCE_FOREIGN;
	if (!equals)
		return INSTANCE_UNKNOWN;
	*value = slice_trim((struct slice){ equals + 1, tag.len - (size_t)(equals + 1 - tag.at) });
	if (slice_is(key, "listener"))
		return INSTANCE_LISTENER;
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is(key, service_option_names[i]))
			return (enum instance_tag)(INSTANCE_OPTION + i);
	return INSTANCE_UNKNOWN;
}

/* A tag that is there twice counts as one with both values: a list of networks goes on, and of all else nothing is accepted
 * that has two. */
static void take_option(struct service_list *list, struct service *s, int option, struct slice value)
{
	const char *before = s->options[option];
	bool same = before && (option == SERVICE_PROXY ? slice_is(value, before) : slice_is_nocase(value, before));
	struct buf both = { 0 };

	if (same || (before && !*before)) /* one that is empty stays wrong */
		return;
	if (before && option == SERVICE_PROXY) { /* what may hold a password is not joined to be shown */
		s->fault = "its instance has two tags for its proxy";
		return;
	}
	if (before && value.len)
		buf_printf(&both, "%s,", before);
	buf_add(&both, value.at, value.len);
	s->options[option] = arena_dup(&list->memory, both.data, both.len);
	buf_free(&both);
}

static void take_tag(struct service_list *list, struct service *s, struct slice tag, const char *configured)
{
	struct slice value;
	enum instance_tag kind = instance_tag(tag, configured, &value);

	if (kind == INSTANCE_LISTENER)
		service_wish(list, s, value);
	else if (kind >= INSTANCE_OPTION)
		take_option(list, s, (int)kind - INSTANCE_OPTION, value);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint16_t weight_of(const struct json *j, uint32_t service)
{
	uint32_t weights = json_get(j, service, "Weights"), passing_weight = weights ? json_get(j, weights, "Passing") : 0;
	long n = 1;

	if (passing_weight)
		json_integer(j, passing_weight, 1, 65535, &n);
	return (uint16_t)n;
}

/* All tags, a line each. */
static void keep_tags(struct service_list *list, struct service *s, const struct json *j, uint32_t tags)
{
	struct buf all = { 0 }, text = { 0 };

	buf_puts(&all, "");
	if (tags && j->tokens[tags].type == JSON_ARRAY)
		for (JSON_EACH(j, tags, t)) {
			text.len = 0;
			if (!json_string(j, t, &text))
				continue;
			while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
				text.len--; /* which no tag of dill's depends on */
			buf_visible(&all, text.data, text.len);
			buf_puts(&all, "\n");
		}
	s->tags = arena_dup(&list->memory, all.data, all.len);
	buf_free(&all);
	buf_free(&text);
}

/* Consul gives tags in any order; the table must not depend on it. */
static void take_tags(struct service_list *list, struct service *s, const struct json *j, uint32_t tags,
                      const char *configured)
{
	const char **sorted = sys_alloc((j->tokens[tags].count + 1) * sizeof *sorted);
	struct buf text = { 0 };
	size_t count = 0;

	for (JSON_EACH(j, tags, t)) {
		text.len = 0;
		if (json_string(j, t, &text))
			sorted[count++] = arena_dup(&list->memory, text.data, text.len);
	}
	if (count)
		qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; i < count; i++)
		take_tag(list, s, slice_of(sorted[i]), configured);
	if (s->wish_count > 1) /* of dill.listener and dyntcp.listener */
		qsort(s->wishes, s->wish_count, sizeof *s->wishes, by_text);
	free(sorted);
	buf_free(&text);
}

/* What its tags ask for, and where it is. */
static void route_instance(struct service_list *list, struct service *s, const struct json *j, uint32_t e,
                           const char *configured)
{
	uint32_t node = json_get(j, e, "Node"), service = json_get(j, e, "Service");
	uint32_t port_at = json_get(j, service, "Port");
	struct buf text = { 0 };
	long port = 0;

	take_tags(list, s, j, json_get(j, service, "Tags"), configured);
	if (!text_at(j, service, "Address", &text) || !text.len)
		text_at(j, node, "Address", &text);
	if (!port_at || !json_integer(j, port_at, 1, 65535, &port))
		s->fault = "its instance has no port";
	else if (!text.len)
		s->fault = "its instance has no address";
	else if (!net_is_host(slice_of(text.data)))
		s->fault = "its instance has an address that is none";
	else
		service_backend(list, s, (struct slice){ text.data, text.len }, (uint16_t)port, weight_of(j, service));
	buf_free(&text);
}

/* One element of the answer. */
static const char *read_instance(struct service_list *list, const char *name, const struct json *j, uint32_t e,
                                 const char *configured)
{
	uint32_t node = json_get(j, e, "Node"), service = json_get(j, e, "Service");
	struct buf text = { 0 };
	struct service *s;

	if (!node || !service)
		return "an instance without Node or Service";
	s = service_add(list, slice_of(name));
	text_at(j, node, "Node", &text);
	s->node = arena_dup(&list->memory, text.data, text.len);
	text_at(j, service, "ID", &text);
	s->instance = arena_dup(&list->memory, text.data, text.len);
	keep_tags(list, s, j, json_get(j, service, "Tags"));
	text.len = 0;
	if (has_mark(j, json_get(j, service, "Tags"), configured))
		look_at_checks(j, json_get(j, e, "Checks"), &text);
	else
		buf_printf(&text, "it has no tag %s", configured);
	if (text.len)
		s->absent = arena_dup(&list->memory, text.data, text.len);
	else
		route_instance(list, s, j, e, configured);
	buf_free(&text);
	return NULL;
}

static int by_instance(const void *a, const void *b)
{
	const struct service *x = a, *y = b;
	int order = strcmp(x->node, y->node);

	return order ? order : strcmp(x->instance, y->instance);
}

static void forget_from(struct service_list *list, size_t first)
{
	while (list->count > first) {
		list->count--;
		free(list->items[list->count].wishes);
		free(list->items[list->count].backends);
	}
}

const char *instance_read(struct service_list *list, const char *name, const struct json *answer, const char *tag)
{
	size_t first = list->count;
	const char *why = NULL;

	if (answer->tokens[0].type != JSON_ARRAY)
		return "not a list of instances";
	for (JSON_EACH(answer, 0, e))
		if (!why)
			why = read_instance(list, name, answer, e, tag);
	if (why)
		forget_from(list, first);
	else if (list->count - first > 1)
		qsort(list->items + first, list->count - first, sizeof *list->items, by_instance);
	return why;
}
