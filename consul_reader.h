/* consul_reader: reads services (/v1/health/service/NAME), and lists of nodes (/v1/catalog/node-services/NODE), many at
 * a time, over one kept connection. When one cannot be read, the others still are. */
#ifndef CONSUL_READER_H
#define CONSUL_READER_H

#include "base.h"
#include "consul_api.h"
#include "consul_catalog.h"
#include "consul_instance.h"
#include "consul_nodes.h"
#include "consul_sweep.h"
#include "pipeline.h"
#include "source.h"

struct consul_reader {
	struct source *source; /* the caller sets these five, borrowed */
	struct consul_api *api;
	struct catalog *catalog;
	struct consul_nodes *nodes;
	struct consul_sweep *sweep;
	int64_t cause; /* with `stale`, an answer with a lower index is older than the ring that made dill ask; else 0 */
	int64_t listed;  /* likewise, of a node's list: the index of the list of names */
	struct pipeline pipeline;
	struct instance_reading reading; /* the answer that is arriving */
	bool doubts; /* a name was listed and had no instance: the caller must ask for the list anew, and clear this */
};

void consul_reader_open(struct consul_reader *reader); /* after the five are set */
void consul_reader_close(struct consul_reader *reader); /* ends the connection, if any; a reading opens it again */
void consul_reader_free(struct consul_reader *reader);

/* Reads the names at these indexes of the catalog. Returns NULL, or why Consul as a whole does not answer; api->code is
 * then the code for source_failed. The catalog has the readings that came before. */
const char *consul_reader_read(struct consul_reader *reader, const size_t *which, size_t count);
/* Likewise the lists of these nodes: services that differ from their last reading are wanted. */
const char *consul_reader_list(struct consul_reader *reader, const size_t *which, size_t count);
/* Asks whether the token lacks service:read for that service. False, too, when there is no answer. */
bool consul_reader_lacks_right(struct consul_reader *reader, const char *service);

#endif
