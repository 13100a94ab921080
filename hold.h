/* hold: opening is fast, closing is careful: a wish that is gone from a source's answers keeps its last instances until a
 * second reading, HOLD_MS after the first, says the same. No input or output; the clock is an argument. */
#ifndef HOLD_H
#define HOLD_H

#include "base.h"
#include "service.h"

#define HOLD_MS 1000

struct hold {
	struct hold_wish *wishes; /* that are missed, sorted */
	size_t count, cap;
	int64_t confirm_at; /* when their services must be read again; 0: none is missed */
};

void hold_close(struct hold *hold);
/* Adds to `list` the services of `last` whose wishes it lacks, held, unless all of them have been read again long enough
 * after they were missed first. read_at(): when the last good reading of a service began; a large number when nobody will
 * read it any more. */
void hold_missing(struct hold *hold, const struct service_list *last, struct service_list *list, int64_t now,
                  int64_t (*read_at)(void *arg, const char *service), void *arg);
/* True when what is held must be read again now: the next time is HOLD_MS later. */
bool hold_due(struct hold *hold, int64_t now);

#endif
