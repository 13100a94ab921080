/* nomad_reader: reads services (/v1/service/NAME), many at a time, over one kept connection. When one cannot be read, the
 * others still are. */
#ifndef NOMAD_READER_H
#define NOMAD_READER_H

#include "base.h"
#include "consul_catalog.h"
#include "nomad_api.h"
#include "nomad_instance.h"
#include "pipeline.h"
#include "source.h"

#define NOMAD_READER_BATCH 64

struct nomad_reader {
	struct source *source; /* the caller sets these three, borrowed */
	struct nomad_api *api;
	struct catalog *catalog;
	int64_t least;   /* with `stale`, an answer with a lower index is older than the ring that made dill ask; else 0 */
	int64_t behind;  /* since when all answers are; 0: the newest is not */
	/* What has come; the caller sets them to 0: */
	size_t good, bad; /* answers */
	bool found;       /* one of them differed from the one before */
	bool doubts;      /* one contradicts the list of names: the caller must ask for that anew */
	struct pipeline pipeline;
	struct nomad_instances reading;
};

void nomad_reader_open(struct nomad_reader *reader); /* after the three are set */
void nomad_reader_close(struct nomad_reader *reader); /* ends the connection, if any; a reading opens it again */
void nomad_reader_free(struct nomad_reader *reader);

/* Reads the names at these indexes of the catalog. Returns NULL, or why Nomad as a whole does not answer; api->code is
 * then the code for source_failed. The catalog has the readings that came before. */
const char *nomad_reader_read(struct nomad_reader *reader, const size_t *which, size_t count);

#endif
