/* skip: places that need not be looked at again until something changes for the better. Any thread. */
#ifndef SKIP_H
#define SKIP_H

#include "base.h"
#include "sys.h"

struct skip;

/* Of so many places, all of which are to be looked at; NULL: they are so few that it does not pay. In the arena. */
struct skip *skip_new(struct arena *memory, unsigned count);
/* Once the serial is another one, all are to be looked at again. */
void skip_renew(struct skip *skip, unsigned serial);
/* Adds a place, which was looked at after skip_renew() with a serial. Where that can change meanwhile, it is looked at
 * again afterwards: when it has, skip_remove() takes the place back. */
void skip_add(struct skip *skip, unsigned place);
void skip_remove(struct skip *skip, unsigned place);
/* The first place from `from` on that is to be looked at; the number of places: there is none. */
unsigned skip_next(const struct skip *skip, unsigned from);

#endif
