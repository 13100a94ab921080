/* consul_reader: reads services (/v1/health/service/NAME), many at a time, over one kept connection. A service that
 * cannot be read does not keep the others from it. */
#ifndef CONSUL_READER_H
#define CONSUL_READER_H

#include "base.h"
#include "consul_api.h"
#include "consul_catalog.h"
#include "consul_sweep.h"
#include "http.h"
#include "source.h"

struct consul_reader {
	struct source *source; /* these four are borrowed */
	struct consul_api *api;
	struct catalog *catalog;
	struct consul_sweep *sweep;
	struct http http;
};

void consul_reader_open(struct consul_reader *reader); /* behind the four, which the caller has set */
void consul_reader_close(struct consul_reader *reader); /* the connection */
void consul_reader_free(struct consul_reader *reader);

/* Reads the names in these places of the catalog. NULL, or why Consul as a whole does not answer (api->code is then for
 * source_failed): the readings before that are in the catalog all the same. */
const char *consul_reader_read(struct consul_reader *reader, const size_t *which, size_t count);

#endif
