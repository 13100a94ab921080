#include "base.h"
#include "consul_bell.h"

#include <stdlib.h>
#include <string.h>

#include "consul_shape.h"
#include "json_shape.h"
#include "sys.h"
#include "tag.h"

/* The text of a string as it is written: without its quotes, which stand around it. */
static struct slice plain_text(struct consul_bell *bell, struct slice raw)
{
	bell->text.len = 0;
	if (!raw.len || !memchr(raw.at, '\\', raw.len))
		return raw;
	if (!json_parse(&bell->json, raw.at - 1, raw.len + 2))
		json_string(&bell->json, 0, &bell->text);
	return (struct slice){ bell->text.data, bell->text.len };
}

/* The names. */

/* The digest of a name's tags, which come in any order. *marked: one of them is the mark. */
static uint64_t tags_digest(struct consul_bell *bell, struct slice tags, bool *marked)
{
	struct slice rest = tags, tag;
	uint64_t sum = 1;

	while (json_walk_string(&rest, &tag)) {
		sum += digest_text(tag);
		*marked = *marked || tag_is_mark(plain_text(bell, tag), bell->catalog->tag);
	}
	if (!slice_is(rest, "]") && !slice_is(tags, "null"))
		bell->why = slice_starts(tags, "[") ? "a tag is no text" : "Tags is no list";
	return sum;
}

static void add_fresh(struct consul_bell *bell, const char *name, uint64_t tags)
{
	SYS_GROW(bell->fresh, bell->fresh_count, bell->fresh_cap);
	bell->fresh[bell->fresh_count++] = (struct consul_bell_name){ sys_dup(name), tags };
}

static void forget_fresh(struct consul_bell *bell)
{
	while (bell->fresh_count)
		free(bell->fresh[--bell->fresh_count].name);
}

/* The member is likely to come again as it is: Consul gives tags in an order that is mostly the same, so another one must come
 * twice in a row. But that of Consul itself must be seen. */
static void note_member(struct catalog_name *known, struct slice name, struct slice tags)
{
	struct slice member = slice_between(name.at - 1, tags.at + tags.len);

	if (slice_is(name, "consul"))
		return;
	known->strayed = known->length && known->means == known->coming && !known->strayed;
	if (known->strayed)
		return;
	known->member = digest_text(member);
	known->means = known->coming;
	known->length = member.len;
}

/* Its name and tags, as those that are next in the catalog were written. */
static size_t bell_known(void *arg, const char *at, const char *end)
{
	struct consul_bell *bell = arg;
	struct catalog_name *known = bell->next < bell->catalog->count ? &bell->catalog->names[bell->next] : NULL;

	if (bell->why || !known || !known->length || known->length > (size_t)(end - at) || at[known->length - 1] != ']' ||
	    digest_text((struct slice){ at, known->length }) != known->member)
		return 0;
	known->coming = known->means;
	known->strayed = false;
	bell->next++;
	return known->length;
}

static void note_marked(struct consul_bell *bell, struct slice name, struct slice tags, uint64_t sum)
{
	struct catalog *catalog = bell->catalog;
	struct catalog_name *known = bell->next < catalog->count ? &catalog->names[bell->next] : NULL;
	struct slice text;

	if (!known || !slice_is(name, known->name)) {
		text = plain_text(bell, name);
		if (text.at != bell->text.data)
			buf_add(&bell->text, text.at, text.len);
		if (bell->text.len && strlen(bell->text.data) != bell->text.len)
			return; /* a zero byte in it: to take it for what stands before that would hide another service */
		known = bell->text.len ? catalog_find(catalog, bell->text.data) : NULL;
	}
	if (known) {
		known->coming = sum;
		note_member(known, name, tags);
		bell->next = (size_t)(known - catalog->names) + 1;
	} else if (bell->text.len) {
		add_fresh(bell, bell->text.data, sum);
	}
}

static uint64_t stranger_digest(struct slice name, uint64_t tags)
{
	uint64_t both[] = { digest_text(name), tags };

	return digest_text((struct slice){ (const char *)both, sizeof both });
}

static void take_name(struct consul_bell *bell, struct slice name, struct slice tags)
{
	bool marked = false;
	uint64_t sum = tags_digest(bell, tags, &marked);

	bell->consul = bell->consul || slice_is(name, "consul");
	if (!bell->why && marked)
		note_marked(bell, name, tags, sum);
	else
		bell->others += stranger_digest(name, sum);
}

static unsigned names_taken(struct consul_bell *bell)
{
	struct catalog *catalog = bell->catalog;
	unsigned news = catalog->others && catalog->others != bell->others ? CONSUL_NEWS_OTHERS : 0;

	catalog->others = bell->others;
	for (size_t i = 0; i < bell->fresh_count; i++)
		catalog_add(catalog, bell->fresh[i].name, bell->fresh[i].tags);
	forget_fresh(bell);
	return news | (catalog_listed(catalog) ? CONSUL_NEWS_POINTED : 0);
}

/* The checks. */

static void take_check(struct consul_bell *bell, struct slice check)
{
	bell->why = json_shape_read(&bell->json, check, &consul_shape_check);
	if (!bell->why)
		consul_failing_add(&bell->failing, &bell->json, 0);
}

static unsigned checks_taken(struct consul_bell *bell)
{
	struct consul_failing *known = &bell->catalog->failing;
	struct digest_set services = { 0 }, nodes = { 0 };
	bool pointed = catalog_want_unsure(bell->catalog);
	unsigned news;

	consul_failing_sort(&bell->failing);
	digest_compare(&known->services, &bell->failing.services, &services);
	digest_compare(&known->nodes, &bell->failing.nodes, &nodes);
	news = services.count || nodes.count ? CONSUL_NEWS_OTHERS : 0;
	pointed = catalog_want(bell->catalog, &services) || pointed;
	pointed = catalog_want_on(bell->catalog, &nodes) || pointed;
	digest_exchange(&known->services, &bell->failing.services);
	digest_exchange(&known->nodes, &bell->failing.nodes);
	digest_free(&services);
	digest_free(&nodes);
	return pointed ? news | CONSUL_NEWS_POINTED : news;
}

/* The nodes. */

static void note_node(struct consul_bell *bell)
{
	uint32_t name = json_get(&bell->json, 0, "Node");

	bell->text.len = 0;
	if (name && json_string(&bell->json, name, &bell->text) && bell->text.len)
		buf_add(&bell->node_names, bell->text.data, strlen(bell->text.data) + 1);
}

static void take_node(struct consul_bell *bell, struct slice node)
{
	bell->why = json_shape_read(&bell->json, node, &consul_shape_node);
	if (!bell->why) {
		note_node(bell);
		digest_add(&bell->nodes, consul_member_digest(&bell->json, 0, "Node"),
		           consul_member_digest(&bell->json, 0, "Address"));
	}
}

static unsigned nodes_taken(struct consul_bell *bell)
{
	struct digest_set *known = &bell->catalog->nodes, moved = { 0 };
	unsigned news = 0;

	digest_sort(&bell->nodes);
	if (known->count)
		digest_compare(known, &bell->nodes, &moved);
	if (moved.count)
		news = CONSUL_NEWS_OTHERS | (catalog_want_on(bell->catalog, &moved) ? CONSUL_NEWS_POINTED : 0);
	digest_exchange(known, &bell->nodes);
	digest_free(&moved);
	return news;
}

/* All of them. */

static void bell_begin(void *arg)
{
	struct consul_bell *bell = arg;

	for (size_t i = 0; bell->kind == CONSUL_BELL_NAMES && i < bell->catalog->count; i++)
		bell->catalog->names[i].coming = 0;
	forget_fresh(bell);
	consul_failing_clear(&bell->failing);
	bell->nodes.count = bell->next = bell->node_names.len = 0;
	bell->others = 1;
	bell->consul = false;
	bell->why = NULL;
}

static const char *bell_piece(void *arg, struct slice name, struct slice value)
{
	struct consul_bell *bell = arg;
	const char *many = json_shape_count(bell->walk.count);

	if (many)
		return many; /* a body without end shall not cost more */
	if (bell->why || !name.at != (bell->kind != CONSUL_BELL_NAMES))
		return NULL; /* what remains is read to its end: it may be no JSON at all */
	if (bell->kind == CONSUL_BELL_NAMES)
		take_name(bell, name, value);
	else if (bell->kind == CONSUL_BELL_CHECKS)
		take_check(bell, value);
	else
		take_node(bell, value);
	return NULL;
}

void consul_bell_open(struct consul_bell *bell, enum consul_bell_kind kind, struct catalog *catalog)
{
	*bell = (struct consul_bell){
		.walk = { .take = bell_piece, .begin = bell_begin, .arg = bell }, .kind = kind, .catalog = catalog
	};
	if (kind == CONSUL_BELL_NAMES)
		bell->walk.known = bell_known;
}

void consul_bell_close(struct consul_bell *bell)
{
	forget_fresh(bell);
	free(bell->fresh);
	consul_failing_free(&bell->failing);
	digest_free(&bell->nodes);
	buf_free(&bell->node_names);
	json_walk_free(&bell->walk);
	json_free(&bell->json);
	buf_free(&bell->text);
}

const char *consul_bell_judge(struct consul_bell *bell)
{
	static const char *const wrong[] = {
		"the list of services is no object", "the checks are no list", "the nodes are no list"
	};

	if (!bell->why && bell->walk.root != (bell->kind == CONSUL_BELL_NAMES ? JSON_OBJECT : JSON_ARRAY))
		bell->why = wrong[bell->kind];
	return bell->why;
}

unsigned consul_bell_take(struct consul_bell *bell)
{
	if (bell->kind == CONSUL_BELL_NAMES)
		return names_taken(bell);
	return bell->kind == CONSUL_BELL_CHECKS ? checks_taken(bell) : nodes_taken(bell);
}
