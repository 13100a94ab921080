/* state_memory: a source's last good services on disk (state.path): read at a start, used when the source does not answer
 * soon, written again after each change. */
#ifndef STATE_MEMORY_H
#define STATE_MEMORY_H

#include "base.h"
#include "service.h"
#include "source.h"

struct state_memory {
	const char *path; /* borrowed; "": nothing is kept */
	struct service_list *recalled; /* from the file, until it has been offered or is not needed; else NULL */
	int64_t saved_at;   /* when that was written, in seconds since 1970 */
	int64_t offer_at;   /* when it is used if the source has not answered */
	bool unsaved;       /* the newest services are not on disk */
	bool failed;        /* the last write did, which has been said */
	int64_t save_at;    /* no write before this */
};

/* Reads the file. Returns its services, or NULL; they stay the memory's. */
struct service_list *state_memory_recall(struct state_memory *memory);
/* Posts what was recalled, with a warning; nothing when that has been done. */
void state_memory_offer(struct state_memory *memory, struct source *source);
void state_memory_forget(struct state_memory *memory); /* what was recalled: the source has answered, or it is the end */
/* Writes the newest services when they are not on disk: `now`, or when it has been long enough since the last time. */
void state_memory_save(struct state_memory *memory, const struct service_list *list, bool now);
int64_t state_memory_at(const struct state_memory *memory); /* when to offer or to save; INT64_MAX: neither */

#endif
