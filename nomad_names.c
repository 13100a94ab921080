#include "base.h"
#include "nomad_names.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "json_shape.h"
#include "sys.h"
#include "tag.h"

static const struct json_shape tag = { "Sa tag is no text", NULL };
static const struct json_shape members[] = { { "SServiceName is no text", NULL }, { "lTags is no list", &tag }, { 0 } };
static const struct json_shape stub = { "Oa service is no object", members };

/* The parts of one namespace, borrowed from its text. */
struct part {
	struct nomad_names *names;
	struct slice namespace, services; /* as they are written; nothing: they have not come */
};

/* The digest of a name's tags, which come in any order; 0: none is the mark. */
static uint64_t digest_tags(struct nomad_names *names, uint32_t tags)
{
	bool marked = false;
	uint64_t sum = 1;

	if (!tags)
		return 0;
	for (JSON_EACH(&names->json, tags, at)) {
		names->text.len = 0;
		json_string(&names->json, at, &names->text);
		sum += digest_text((struct slice){ names->text.data, names->text.len });
		marked = marked || tag_is_mark((struct slice){ names->text.data, names->text.len }, names->word);
	}
	return !marked ? 0 : sum ? sum : 1;
}

static void add_name(struct nomad_names *names, uint64_t tags)
{
	size_t at = names->texts.len;

	names->text.len = 0;
	json_string(&names->json, json_get(&names->json, 0, "ServiceName"), &names->text);
	/* A zero byte in it: to take it for what stands before that would hide another service. */
	if (!names->text.len || strlen(names->text.data) != names->text.len)
		return;
	if (names->several)
		buf_printf(&names->texts, "%s/", names->namespace.data);
	buf_add(&names->texts, names->text.data, names->text.len + 1);
	SYS_GROW(names->items, names->count, names->cap);
	names->items[names->count++] = (struct nomad_name){ .at = at, .tags = tags };
}

static const char *take_service(void *arg, struct slice name, struct slice element)
{
	struct nomad_names *names = arg;
	const char *why = name.at ? "Services is no list" : json_shape_count(++names->total);
	uint64_t tags;

	if (!why)
		why = json_shape_read(&names->json, element, &stub);
	if (why)
		return why;
	tags = digest_tags(names, json_get(&names->json, 0, "Tags"));
	if (tags)
		add_name(names, tags);
	return NULL;
}

static const char *take_stub_member(void *arg, struct slice name, struct slice value)
{
	struct part *part = arg;

	if (!name.at)
		return "a namespace is no object";
	if (slice_is(name, "Namespace"))
		part->namespace = value;
	else if (slice_is(name, "Services"))
		part->services = value;
	return NULL;
}

static const char *walk_text(const char *(*take)(void *arg, struct slice name, struct slice value), void *arg,
                             struct slice text)
{
	struct json_walk walk = { .take = take, .arg = arg };
	const char *why;

	json_walk_start(&walk);
	json_walk_add(&walk, text.at, text.len);
	why = json_walk_end(&walk);
	json_walk_free(&walk);
	return why;
}

/* A name that is no namespace's would make one that is another's. */
static const char *read_namespace(struct nomad_names *names, struct slice written)
{
	names->namespace.len = 0;
	if (!written.len || json_parse(&names->json, written.at, written.len) ||
	    !json_string(&names->json, 0, &names->namespace))
		return "Namespace is no text";
	if (!names->namespace.len || strlen(names->namespace.data) != names->namespace.len || strchr(names->namespace.data, '/'))
		return "Namespace is the name of none";
	return NULL;
}

static bool is_asked(const struct nomad_names *names)
{
	return !names->several || strcmp(names->asked, "*") == 0 || strcmp(names->asked, names->namespace.data) == 0;
}

static const char *take_namespace(void *arg, struct slice name, struct slice element)
{
	struct nomad_names *names = arg;
	struct part part = { .names = names };

	if (name.at)
		return NULL;
	names->why = slice_starts(element, "{") ? walk_text(take_stub_member, &part, element) : "a namespace is no object";
	if (!names->why && names->several)
		names->why = read_namespace(names, part.namespace);
	if (!names->why && !slice_is(part.services, "null") && is_asked(names))
		names->why = slice_starts(part.services, "[") ? walk_text(take_service, names, part.services) : "Services is no list";
	return names->why;
}

static void names_begin(void *arg)
{
	struct nomad_names *names = arg;

	names->why = NULL;
	names->total = names->count = names->texts.len = 0;
}

void nomad_names_open(struct nomad_names *names, const char *word, const char *asked, bool several)
{
	*names = (struct nomad_names){
		.walk = { .take = take_namespace, .begin = names_begin, .arg = names }, .word = word, .asked = asked,
		.several = several
	};
}

void nomad_names_close(struct nomad_names *names)
{
	json_walk_free(&names->walk);
	json_free(&names->json);
	free(names->items);
	buf_free(&names->texts);
	buf_free(&names->namespace);
	buf_free(&names->text);
}

const char *nomad_names_judge(const struct nomad_names *names)
{
	if (names->why)
		return names->why;
	return names->walk.root == JSON_ARRAY ? NULL : "the services are no list";
}

static int by_name_text(const void *a, const void *b)
{
	return strcmp(((const struct nomad_name *)a)->text, ((const struct nomad_name *)b)->text);
}

/* The names that the catalog does not know, each of them once. */
static void add_new(struct catalog *catalog, struct nomad_name *names, size_t count)
{
	if (count)
		qsort(names, count, sizeof *names, by_name_text);
	for (size_t i = 0; i < count; i++)
		if (!i || strcmp(names[i - 1].text, names[i].text) != 0)
			catalog_add(catalog, names[i].text, names[i].tags);
}

/* Of another namespace than the one that was asked for, the list says nothing. */
static bool is_outside(const struct nomad_names *names, const char *name)
{
	size_t len = strlen(names->asked);

	return names->several && strcmp(names->asked, "*") != 0 && !(strncmp(name, names->asked, len) == 0 && name[len] == '/');
}

bool nomad_names_take(struct nomad_names *names, struct catalog *catalog)
{
	size_t fresh = 0;

	for (size_t i = 0; i < catalog->count; i++)
		catalog->names[i].coming = is_outside(names, catalog->names[i].name) ? catalog->names[i].tags : 0;
	for (size_t i = 0; i < names->count; i++) {
		const char *text = names->texts.data + names->items[i].at;
		struct catalog_name *name = catalog_find(catalog, text);

		if (name)
			name->coming = names->items[i].tags;
		else
			names->items[fresh++] = (struct nomad_name){ .text = text, .tags = names->items[i].tags };
	}
	add_new(catalog, names->items, fresh);
	names->count = 0;
	return catalog_listed(catalog);
}
