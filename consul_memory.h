/* consul_memory: the last good services on disk (state.path). They are read at a start, used when Consul does not
 * answer soon, and written again after each change. */
#ifndef CONSUL_MEMORY_H
#define CONSUL_MEMORY_H

#include "base.h"
#include "service.h"
#include "source.h"

struct consul_memory {
	const char *path; /* borrowed; "": nothing is kept */
	struct service_list *recalled; /* from the file, until it has been offered or is not needed; else NULL */
	int64_t saved_at;   /* when that was written, in seconds since 1970 */
	int64_t offer_at;   /* when it is used if Consul has not answered */
	bool unsaved;       /* the newest services are not on disk */
	bool failed;        /* the last write did, which has been said */
	int64_t save_at;    /* no write before this */
};

/* Reads the file. Returns its services, or NULL; they stay the memory's. */
struct service_list *consul_memory_recall(struct consul_memory *memory);
/* Posts what was recalled, with a warning; nothing when that has been done. */
void consul_memory_offer(struct consul_memory *memory, struct source *source);
void consul_memory_forget(struct consul_memory *memory); /* what was recalled: Consul has answered, or it is the end */
/* Writes the newest services when they are not on disk: `now`, or when it has been long enough since the last time. */
void consul_memory_save(struct consul_memory *memory, const struct service_list *list, bool now);
int64_t consul_memory_at(const struct consul_memory *memory); /* when to offer or to save; INT64_MAX: neither */

#endif
