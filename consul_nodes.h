/* consul_nodes: the nodes of Consul, and what is known of the services on each. It compares that with what a node lists
 * (/v1/catalog/node-services/NODE), and marks the services that differ as wanted. A list only points: what it lacks is
 * read by name before anything goes. It does no input or output; the clock is an argument. */
#ifndef CONSUL_NODES_H
#define CONSUL_NODES_H

#include "base.h"
#include "consul_catalog.h"
#include "json.h"

struct consul_node {
	char *name;
	uint64_t digest;  /* of its name */
	bool alone;       /* to be asked outside of sweeps: it is new, or its last list could not be read: */
	int64_t again_at; /* not before this */
};

/* The instances of one name on one node. */
struct consul_nodes_known {
	uint64_t node, sum;
	uint64_t left;  /* what the list that is being compared lacks of it */
	size_t name;    /* its index in the catalog */
};

struct consul_nodes {
	struct consul_node *items; /* sorted by digest */
	size_t count, cap;
	struct consul_nodes_known *known; /* sorted by node, then name */
	size_t known_count, known_cap;
	uint64_t serial;   /* of the catalog that it was made from; 0: of none */
	size_t from, to;   /* those of the node that is being compared */
	int64_t refused_until; /* no node gives its list: services must be read by name */
};

/* Takes the names of an answer to /v1/catalog/nodes. True when one of them is new, and has to be asked. */
bool consul_nodes_take(struct consul_nodes *nodes, const struct json *answer);
void consul_nodes_free(struct consul_nodes *nodes);
bool consul_nodes_serve(const struct consul_nodes *nodes, int64_t now); /* there are some, and they may be asked */
size_t consul_nodes_after(const struct consul_nodes *nodes, uint64_t digest); /* index of the next one in the circle */

/* One list: begin, then each of its elements, then end, but only if it was whole. Return how many names are wanted by it
 * that were not. */
void consul_nodes_begin(struct consul_nodes *nodes, const struct catalog *catalog, const struct consul_node *node);
size_t consul_nodes_element(struct consul_nodes *nodes, struct catalog *catalog, const struct json *answer, uint32_t element);
size_t consul_nodes_end(struct consul_nodes *nodes, struct catalog *catalog);
/* Marks the services of which instances are known on nodes that are no more. */
size_t consul_nodes_gone(struct consul_nodes *nodes, struct catalog *catalog);

#endif
