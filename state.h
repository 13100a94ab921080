/* state: the last good services of a source, on disk, for a start while the source is away. */
#ifndef STATE_H
#define STATE_H

#include "base.h"
#include "service.h"
#include "text.h"

/* Replaces the file in one step: whoever reads it sees the old one or the new one. 0 or an errno. */
int state_save(const char *path, const struct service_list *list);
/* What state_save has written, sorted by name, marked as remembered. NULL: why says what is wrong with the file; it is
 * empty when there is none. *saved: when it was written, seconds since 1970. */
struct service_list *state_load(const char *path, int64_t *saved, struct buf *why);

#endif
