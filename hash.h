/* hash: for tables of strangers' texts, which cannot be chosen so that they fall together. */
#ifndef HASH_H
#define HASH_H

#include "base.h"

uint32_t hash_text(const char *bytes, size_t len); /* another one in each process; any thread */

#endif
