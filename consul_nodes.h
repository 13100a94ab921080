/* consul_nodes: the nodes of Consul, and what is known of the services on each. It compares that with what a node lists
 * (/v1/catalog/node-services/NODE), and marks the services that differ as wanted. A list only points: what it lacks is
 * read by name before anything goes. It does no input or output; the clock is an argument. */
#ifndef CONSUL_NODES_H
#define CONSUL_NODES_H

#include "base.h"
#include "consul_catalog.h"
#include "json.h"
#include "longpoll.h"
#include "text.h"

struct consul_node {
	char *name;
	uint64_t digest;  /* of its name */
	bool alone;       /* to be asked outside of sweeps: it is new, or its last list could not be read: */
	int64_t again_at; /* not before this */
	int64_t index;    /* of its newest list, if that is short enough to be waited for; 0: it must be listed first */
	struct longpoll *bell; /* waits for the next one, see consul_node_bells.h; NULL: nobody does */
	unsigned looks; /* at lists that differed, in a row, see there */
	uint64_t list, same; /* digests of its newest list that differed in nothing, and of what was known then; 0: none */
};

/* The instances of one name on one node. */
struct consul_nodes_known {
	uint64_t node, sum;
	uint64_t left;  /* what the list that is being compared lacks of it */
	size_t name;    /* its index in the catalog */
};

#define CONSUL_NODES_LIST (128 << 10) /* bytes of a list that is short enough to be read at each change on its node */

struct consul_nodes {
	struct consul_node *items; /* sorted by digest */
	size_t count, cap;
	struct consul_nodes_known *known; /* sorted by node, then name */
	size_t known_count, known_cap;
	uint64_t serial;   /* of the catalog that it was made from; 0: of none */
	uint64_t only;     /* it is of this node alone; 0: of all */
	size_t from, to;   /* those of the node whose list is being compared */
	struct json json;  /* which is this */
	struct buf text;
	int64_t refused_until; /* no node gives its list: services must be read by name; */
	bool outdated; /* likewise: the list of nodes could not be had, and there may be others */
};

/* Takes the names of all nodes, each with a zero byte behind it. True when one of them is new, and has to be asked. */
bool consul_nodes_take(struct consul_nodes *nodes, const struct buf *names);
void consul_node_unbell(struct consul_node *node); /* ends its bell, if any: it must be listed again first */
void consul_nodes_free(struct consul_nodes *nodes);
bool consul_nodes_serve(const struct consul_nodes *nodes, int64_t now); /* there are some, and they may be asked */
void consul_nodes_refuse(struct consul_nodes *nodes, int64_t now); /* for some minutes, none gives its list */
size_t consul_nodes_after(const struct consul_nodes *nodes, uint64_t digest); /* index of the next one in the circle */

/* Compares a node's list, and marks the services that differ, if any; *differs tells that. NULL, or why it tells
 * nothing: consul_nodes_unknown when Consul does not know that node. A list that is as it was when all was as it was
 * read costs next to nothing. */
const char *consul_nodes_compare(struct consul_nodes *nodes, struct catalog *catalog, struct consul_node *node,
                                 struct slice answer, bool *differs);
extern const char consul_nodes_unknown[];
/* Marks the services of which instances are known on nodes that are no more. */
void consul_nodes_gone(struct consul_nodes *nodes, struct catalog *catalog);

#endif
