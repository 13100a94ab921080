/* sources: the list of them. */
#ifndef SOURCES_H
#define SOURCES_H

#include "base.h"
#include "source.h"
#include "text.h"

extern const struct source_kind *const sources[];
extern const size_t source_count;

/* Sources that this dill has been built without: to pass over what is said to them would be wrong. A key that belongs to
 * one, or an option of an earlier program that stands for one; the name of one. */
bool sources_lack_key(const char *key);
bool sources_lack(struct slice name);

void sources_put_names(const char *before_last, struct buf *out); /* "static, consul, file" BEFORE_LAST "http" */

#endif
