/* state: the file with the last good services of a source, for a start while the source does not answer. */
#ifndef STATE_H
#define STATE_H

#include "base.h"
#include "service.h"
#include "text.h"

/* Replaces the file in one step: a reader sees the old one or the new one. Returns 0 or an errno. */
int state_save(const char *path, const struct service_list *list);
/* Returns what state_save has written, sorted by name; the caller owns it. A link, or what others could have written, is
 * not read. *saved: when that was, in seconds since
 * 1970. NULL: why is the reason with the file, and is empty when there is no file. */
struct service_list *state_load(const char *path, int64_t *saved, struct buf *why);

/* The same services as text, to be read again by another process: also those of a source whose services have several
 * backends, one weight for all of them. */
void state_put(const struct service_list *list, struct buf *out);
struct service_list *state_take(struct slice text, const char *name, struct buf *why); /* as state_load */

#endif
