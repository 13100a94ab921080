/* hash: of strangers' texts, which cannot be chosen so that they fall together. */
#ifndef HASH_H
#define HASH_H

#include "base.h"

/* Others in each process; any thread. */
uint32_t hash_text(const char *bytes, size_t len);
uint64_t hash_whole(const char *bytes, size_t len); /* for those who compare nothing else */

#endif
