/* consul_node_bells: a blocking query for the list of each node (/v1/catalog/node-services/NODE), over a connection of its
 * own, while there are more services than nodes, and their lists are short. It rings for what the other bells do not
 * say: an instance more or less, or another port. Those of other nodes do not ring then, so a change costs one list, where
 * a sweep costs all.
 *
 * Nodes have their bells once a sweep has listed all of them: as long as nothing calls for one, dill asks for no lists. */
#ifndef CONSUL_NODE_BELLS_H
#define CONSUL_NODE_BELLS_H

#include "base.h"

#include <poll.h>

#include "consul_api.h"
#include "consul_catalog.h"
#include "consul_nodes.h"
#include "consul_sweep.h"
#include "pace.h"
#include "source.h"

#define CONSUL_NODE_BELLS 64 /* most of them: Consul allows 200 connections to all that is on this host */

struct consul_node_bells {
	struct source *source; /* the caller sets these five, borrowed */
	struct consul_api *api;
	struct catalog *catalog;
	struct consul_nodes *nodes; /* they have the bells */
	struct consul_sweep *sweep;
	struct pace_bytes waste; /* of lists that differed in nothing */
	int64_t off_until; /* Consul does not take so many questions */
};

void consul_node_bells_close(struct consul_node_bells *bells); /* ends all: nodes must be listed again first */
void consul_node_bells_outage(struct consul_node_bells *bells); /* likewise, as Consul as a whole does not answer */
/* Asks for each node, once all have been listed, for some of them at a time. One that fails ends all, and a sweep is due;
 * so it is when they are not wanted any more. */
void consul_node_bells_ask(struct consul_node_bells *bells);
/* Every node has one: what the names ring for, one of these says, too. */
bool consul_node_bells_all(const struct consul_node_bells *bells);
size_t consul_node_bells_polls(const struct consul_node_bells *bells, struct pollfd polls[CONSUL_NODE_BELLS]); /* how many */
/* Takes what they say. True when a list differed: the services that do are wanted. */
bool consul_node_bells_hear(struct consul_node_bells *bells, const struct pollfd *polls);
int64_t consul_node_bells_at(const struct consul_node_bells *bells); /* when one is to be opened, asked, or given up */

#endif
