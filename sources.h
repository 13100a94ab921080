/* sources: the list of them. */
#ifndef SOURCES_H
#define SOURCES_H

#include "base.h"
#include "source.h"
#include "text.h"

extern const struct source_kind *const sources[];
extern const size_t source_count;

void sources_put_names(const char *before_last, struct buf *out); /* "static, consul, file" BEFORE_LAST "http" */

#endif
