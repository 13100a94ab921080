/* sources: the list of them. */
#ifndef SOURCES_H
#define SOURCES_H

#include "base.h"
#include "source.h"
#include "text.h"

extern const struct source_kind *const sources[];
extern const size_t source_count;

/* Names that are documented, or known from earlier programs, and whose sources are not here: to pass over them would be
 * wrong. A key that belongs to one; the name of one; the key that an option of an earlier program means, or NULL. */
bool sources_lack_key(const char *key);
bool sources_lack(struct slice name);
const char *sources_lacking_flag(const char *flag);

void sources_put_names(const char *before_last, struct buf *out); /* "static, consul, file" BEFORE_LAST "http" */

#endif
