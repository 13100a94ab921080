#include "base.h"
#include "consul_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "consul_instance.h"
#include "digest.h"
#include "longpoll.h"
#include "sys.h"
#include "text.h"

#define REFUSED_MS 300000 /* as of the nodes themselves */

/* The nodes. */

static int by_digest(const void *a, const void *b)
{
	const struct consul_node *x = a, *y = b;

	return x->digest < y->digest ? -1 : x->digest > y->digest;
}

static struct consul_node *node_find(const struct consul_nodes *nodes, uint64_t digest)
{
	struct consul_node key = { .digest = digest };

	return nodes->count ? bsearch(&key, nodes->items, nodes->count, sizeof key, by_digest) : NULL;
}

void consul_node_unbell(struct consul_node *node)
{
	if (node->bell)
		longpoll_free(node->bell);
	free(node->bell);
	node->bell = NULL;
	node->index = 0;
}

static void nodes_clear(struct consul_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		consul_node_unbell(&nodes->items[i]);
		free(nodes->items[i].name);
	}
	free(nodes->items);
}

bool consul_nodes_take(struct consul_nodes *nodes, const struct buf *names)
{
	struct consul_nodes fresh = { 0 };
	bool alone = false;

	for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1) {
		struct consul_node node = { .digest = digest_text(slice_of(names->data + at)), .alone = nodes->count };
		struct consul_node *before = node_find(nodes, node.digest);

		if (before) {
			node = *before;
			before->bell = NULL;
		}
		alone = alone || node.alone;
		node.name = sys_dup(names->data + at);
		SYS_GROW(fresh.items, fresh.count, fresh.cap);
		fresh.items[fresh.count++] = node;
	}
	if (fresh.count)
		qsort(fresh.items, fresh.count, sizeof *fresh.items, by_digest);
	nodes_clear(nodes);
	nodes->items = fresh.items;
	nodes->count = fresh.count;
	nodes->cap = fresh.cap;
	return alone;
}

void consul_nodes_free(struct consul_nodes *nodes)
{
	nodes_clear(nodes);
	free(nodes->known);
	json_free(&nodes->json);
	buf_free(&nodes->text);
	*nodes = (struct consul_nodes){ 0 };
}

bool consul_nodes_serve(const struct consul_nodes *nodes, int64_t now)
{
	return nodes->count && !nodes->outdated && now >= nodes->refused_until;
}

void consul_nodes_refuse(struct consul_nodes *nodes, int64_t now)
{
	nodes->refused_until = now + REFUSED_MS;
}

size_t consul_nodes_after(const struct consul_nodes *nodes, uint64_t digest)
{
	size_t low = 0, high = nodes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (nodes->items[middle].digest <= digest)
			low = middle + 1;
		else
			high = middle;
	}
	return low < nodes->count ? low : 0;
}

/* What is known. */

static int by_node(const void *a, const void *b)
{
	const struct consul_nodes_known *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* What is known of a node, or of all: 0. A change rings on one node, and then this is to know no more; a sweep asks for
 * others with the same serial. */
static void known_build(struct consul_nodes *nodes, const struct catalog *catalog, uint64_t node)
{
	bool built = nodes->serial == catalog->serial;

	if (built && (!nodes->only || nodes->only == node))
		return;
	nodes->only = built ? 0 : node;
	nodes->serial = catalog->serial;
	nodes->known_count = 0;
	for (size_t i = 0; i < catalog->count; i++) {
		const struct digest_set *stamps = &catalog->names[i].stamps;

		for (size_t k = 0; k < stamps->count; k++) {
			if (nodes->only && stamps->items[k].key != nodes->only)
				continue;
			SYS_GROW(nodes->known, nodes->known_count, nodes->known_cap);
			nodes->known[nodes->known_count++] =
				(struct consul_nodes_known){ .node = stamps->items[k].key, .sum = stamps->items[k].sum, .name = i };
		}
	}
	if (nodes->known_count && !nodes->only)
		qsort(nodes->known, nodes->known_count, sizeof *nodes->known, by_node);
}

/* Index of the first that belongs to this node, or to a later one. */
static size_t known_first(const struct consul_nodes *nodes, uint64_t node)
{
	size_t low = 0, high = nodes->known_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (nodes->known[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Lists. */

#define TOKENS_KEPT 65536 /* memory that one list leaves to the next */

const char consul_nodes_unknown[] = "Consul does not know it";

static void known_begin(struct consul_nodes *nodes, const struct consul_node *node)
{
	nodes->from = nodes->to = known_first(nodes, node->digest);
	for (; nodes->to < nodes->known_count && nodes->known[nodes->to].node == node->digest; nodes->to++)
		nodes->known[nodes->to].left = nodes->known[nodes->to].sum;
}

/* The digest of all that is known of the node. */
static uint64_t known_digest(const struct consul_nodes *nodes, const struct catalog *catalog)
{
	uint64_t all = 1;

	for (size_t i = nodes->from; i < nodes->to; i++) {
		uint64_t each[] = { all, nodes->known[i].sum, (uint64_t)(uintptr_t)catalog->names[nodes->known[i].name].name };

		all = digest_text((struct slice){ (const char *)each, sizeof each });
	}
	return all;
}

/* Takes an element of the list. True when it is of a service of which nothing is known on that node. */
static bool take_instance(struct consul_nodes *nodes, struct catalog *catalog, uint64_t node, uint32_t element)
{
	uint32_t said = json_get(&nodes->json, element, "Service");
	struct consul_nodes_known key = { .node = node }, *known = NULL;
	const struct catalog_name *name;

	nodes->text.len = 0;
	buf_add(&nodes->text, "", 0);
	name = said && json_string(&nodes->json, said, &nodes->text) ? catalog_find(catalog, nodes->text.data) : NULL;
	if (!name)
		return false; /* the list of names will tell */
	key.name = (size_t)(name - catalog->names);
	if (nodes->from < nodes->to)
		known = bsearch(&key, nodes->known + nodes->from, nodes->to - nodes->from, sizeof key, by_node);
	if (known)
		known->left -= instance_digest(&nodes->json, element);
	else if (name->listed)
		catalog->names[key.name].wanted = true;
	return !known;
}

/* *differs: the list, which is in nodes->json, is not what is known. */
static const char *list_match(struct consul_nodes *nodes, struct catalog *catalog, uint64_t node, bool *differs)
{
	uint32_t list = json_get(&nodes->json, 0, "Services");

	if (!list || nodes->json.tokens[list].type != JSON_ARRAY)
		return list && nodes->json.tokens[list].type == JSON_NULL ? consul_nodes_unknown : "its services are no list";
	for (JSON_EACH(&nodes->json, list, element))
		*differs = take_instance(nodes, catalog, node, element) || *differs;
	for (size_t i = nodes->from; i < nodes->to; i++)
		if (nodes->known[i].left)
			*differs = catalog->names[nodes->known[i].name].wanted = true;
	return NULL;
}

const char *consul_nodes_compare(struct consul_nodes *nodes, struct catalog *catalog, struct consul_node *node,
                                 struct slice answer, bool *differs)
{
	uint64_t digest = digest_text(answer), known;
	const char *why;

	*differs = false;
	known_build(nodes, catalog, node->digest);
	known_begin(nodes, node);
	known = known_digest(nodes, catalog);
	if (node->list == digest && node->same == known)
		return NULL;
	why = json_parse(&nodes->json, answer.at, answer.len);
	if (!why)
		why = list_match(nodes, catalog, node->digest, differs);
	if (nodes->json.cap > TOKENS_KEPT)
		json_free(&nodes->json);
	node->list = why || *differs ? 0 : digest;
	node->same = known;
	return why;
}

void consul_nodes_gone(struct consul_nodes *nodes, struct catalog *catalog)
{
	bool gone = false;

	known_build(nodes, catalog, 0);
	for (size_t i = 0; i < nodes->known_count; i++) {
		if (!i || nodes->known[i].node != nodes->known[i - 1].node)
			gone = !node_find(nodes, nodes->known[i].node);
		if (gone)
			catalog->names[nodes->known[i].name].wanted = true;
	}
}
