#include "base.h"
#include "consul_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "consul_stamp.h"
#include "sys.h"
#include "text.h"

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

static void nodes_clear(struct consul_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		free(nodes->items[i].name);
	free(nodes->items);
}

bool consul_nodes_take(struct consul_nodes *nodes, const struct json *answer)
{
	struct consul_nodes fresh = { 0 };
	struct buf text = { 0 };
	bool alone = false;

	for (JSON_EACH(answer, 0, element)) {
		uint32_t name = json_get(answer, element, "Node");
		const struct consul_node *before;
		struct consul_node node = { 0 };

		text.len = 0;
		if (!name || !json_string(answer, name, &text) || !text.len)
			continue;
		node.digest = consul_stamp_text((struct slice){ text.data, text.len });
		before = node_find(nodes, node.digest);
		if (before)
			node = *before;
		else
			node.alone = nodes->count;
		alone = alone || node.alone;
		node.name = sys_dup(text.data);
		SYS_GROW(fresh.items, fresh.count, fresh.cap);
		fresh.items[fresh.count++] = node;
	}
	buf_free(&text);
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
	*nodes = (struct consul_nodes){ 0 };
}

bool consul_nodes_serve(const struct consul_nodes *nodes, int64_t now)
{
	return nodes->count && now >= nodes->refused_until;
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

static void known_build(struct consul_nodes *nodes, const struct catalog *catalog)
{
	if (nodes->serial == catalog->serial)
		return;
	nodes->serial = catalog->serial;
	nodes->known_count = 0;
	for (size_t i = 0; i < catalog->count; i++) {
		const struct consul_stamps *stamps = &catalog->names[i].stamps;

		for (size_t k = 0; k < stamps->count; k++) {
			SYS_GROW(nodes->known, nodes->known_count, nodes->known_cap);
			nodes->known[nodes->known_count++] =
				(struct consul_nodes_known){ .node = stamps->items[k].node, .sum = stamps->items[k].sum, .name = i };
		}
	}
	if (nodes->known_count)
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

static size_t want(struct catalog *catalog, size_t index)
{
	struct catalog_name *name = &catalog->names[index];

	if (name->wanted)
		return 0;
	name->wanted = true;
	return 1;
}

/* Lists. */

void consul_nodes_begin(struct consul_nodes *nodes, const struct catalog *catalog, const struct consul_node *node)
{
	known_build(nodes, catalog);
	nodes->from = nodes->to = known_first(nodes, node->digest);
	for (; nodes->to < nodes->known_count && nodes->known[nodes->to].node == node->digest; nodes->to++)
		nodes->known[nodes->to].left = nodes->known[nodes->to].sum;
}

size_t consul_nodes_element(struct consul_nodes *nodes, struct catalog *catalog, const struct json *answer, uint32_t element)
{
	uint32_t said = json_get(answer, element, "Service");
	struct consul_nodes_known key = { 0 }, *known;
	const struct catalog_name *name;
	struct buf text = { 0 };

	buf_add(&text, "", 0);
	name = said && json_string(answer, said, &text) ? catalog_find(catalog, text.data) : NULL;
	key.name = name ? (size_t)(name - catalog->names) : 0;
	key.node = nodes->from < nodes->to ? nodes->known[nodes->from].node : 0;
	known = !name || nodes->from == nodes->to ? NULL :
	        bsearch(&key, nodes->known + nodes->from, nodes->to - nodes->from, sizeof key, by_node);
	if (known)
		known->left -= consul_stamp_instance(answer, element, &text);
	buf_free(&text);
	return !known && name && name->listed ? want(catalog, key.name) : 0;
}

size_t consul_nodes_end(struct consul_nodes *nodes, struct catalog *catalog)
{
	size_t count = 0;

	for (size_t i = nodes->from; i < nodes->to; i++)
		if (nodes->known[i].left)
			count += want(catalog, nodes->known[i].name);
	return count;
}

size_t consul_nodes_gone(struct consul_nodes *nodes, struct catalog *catalog)
{
	size_t count = 0;
	bool gone = false;

	known_build(nodes, catalog);
	for (size_t i = 0; i < nodes->known_count; i++) {
		if (!i || nodes->known[i].node != nodes->known[i - 1].node)
			gone = !node_find(nodes, nodes->known[i].node);
		if (gone)
			count += want(catalog, nodes->known[i].name);
	}
	return count;
}
