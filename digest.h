/* digest: what an answer says of many things, as one sum for each, so that it can be compared with the next answer's
 * without being kept. */
#ifndef DIGEST_H
#define DIGEST_H

#include "base.h"
#include "text.h"

uint64_t digest_text(struct slice text); /* for what is compared within this process */

struct digest {
	uint64_t key, sum; /* of what; the sum of the digests of all that was said of it: their order does not matter */
};

/* Start with {0}. Fill it with digest_add, and close it with digest_sort before anything else. */
struct digest_set {
	struct digest *items;
	size_t count, cap;
};

void digest_add(struct digest_set *set, uint64_t key, uint64_t sum);
void digest_sort(struct digest_set *set);
uint64_t digest_of(const struct digest_set *set, uint64_t key); /* its sum; 0: nothing was said of it */
/* Makes `changed` the set of what differs between the two. */
void digest_compare(const struct digest_set *left, const struct digest_set *right, struct digest_set *changed);
void digest_exchange(struct digest_set *known, struct digest_set *newer); /* keeps the newer of two, and its memory for the next */
void digest_free(struct digest_set *set);

#endif
