/* state_memory: keeps the last good services of a source on disk (state.path): reads them at a start, posts them if the
 * source does not answer soon, and writes them after each change. */
#ifndef STATE_MEMORY_H
#define STATE_MEMORY_H

#include "base.h"
#include "service.h"
#include "source.h"

struct state_memory {
	const char *path; /* borrowed; "": nothing is kept */
	struct service_list *recalled; /* from the file, until it is posted or no longer needed; else NULL */
	int64_t saved_at;   /* when the file was written, in seconds since 1970 */
	int64_t offer_at;   /* when to post it if the source has not answered */
	bool unsaved;       /* the newest services are not on disk */
	bool failed;        /* the last write failed, which has been logged */
	int64_t save_at;    /* no write before this */
};

/* Reads the file. Returns its services, which the memory owns; or NULL. */
struct service_list *state_memory_recall(struct state_memory *memory);
/* Posts what was recalled, with a warning, the first time it is called. */
void state_memory_offer(struct state_memory *memory, struct source *source);
/* Drops what was recalled: the source has answered, or it stops. */
void state_memory_forget(struct state_memory *memory);
/* Writes the list if the newest services are not on disk: now, or else at most once a second, less
 * often where a write takes long, and ten seconds after a failure. */
void state_memory_save(struct state_memory *memory, struct source *source, const struct service_list *list, bool now);
/* While it is held, nothing is written: another process is in charge of the files. Any thread. */
void state_memory_hold(bool hold);
int64_t state_memory_at(const struct state_memory *memory); /* when to offer or save next; INT64_MAX: neither */

#endif
