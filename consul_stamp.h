/* consul_stamp: what a reading of a service and a list of a node's services have in common: by it, one short answer for each
 * node tells which services must be read again. */
#ifndef CONSUL_STAMP_H
#define CONSUL_STAMP_H

#include "base.h"
#include "json.h"
#include "text.h"

/* Of a service's instances on one node. Zero is the sum of none. */
struct consul_stamp {
	uint64_t node; /* digest of its name */
	uint64_t sum;  /* of the digests of the instances, so that their order does not matter */
};

struct consul_stamps {
	struct consul_stamp *items;
	size_t count;
};

uint64_t consul_stamp_text(struct slice text); /* a digest, never 0 */
/* The digest of one instance, of its member Service, or the element of a node's list. `scratch` is the caller's. */
uint64_t consul_stamp_instance(const struct json *answer, uint32_t service, struct buf *scratch);
/* Takes the place of the stamps with those of an answer to /v1/health/service/NAME, for instances that carry the mark `word`. */
void consul_stamps_read(struct consul_stamps *stamps, const struct json *answer, const char *name, const char *word);
void consul_stamps_free(struct consul_stamps *stamps);

#endif
