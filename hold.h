/* hold: opens fast and closes carefully: a wish that is missing in a source's answers keeps its last instances until a
 * second reading, at least HOLD_MS later, confirms it. It does no input or output; the clock is an argument. */
#ifndef HOLD_H
#define HOLD_H

#include "base.h"
#include "service.h"

#define HOLD_MS 1000

struct hold {
	struct hold_wish *wishes; /* the missing ones, sorted */
	size_t count, cap;
	int64_t confirm_at; /* when their services must be read again; 0: none is missing */
};

void hold_close(struct hold *hold); /* forgets all wishes; it can be used again */
/* Adds to `list`, as held, the services of `last` whose wishes it lacks, unless all services with that wish have been
 * read again HOLD_MS after it was first missing. read_at(): when the last good reading of a service began; INT64_MAX
 * when nobody will read it any more. */
void hold_missing(struct hold *hold, const struct service_list *last, struct service_list *list, int64_t now,
                  int64_t (*read_at)(void *arg, const char *service), void *arg);
/* True when the missing wishes must be confirmed now; it is true again HOLD_MS later. */
bool hold_due(struct hold *hold, int64_t now);

#endif
