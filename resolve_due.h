/* resolve_due: when names are to be looked at, and which of those that are due comes first. It asks nobody; the clock is an
 * argument. */
#ifndef RESOLVE_DUE_H
#define RESOLVE_DUE_H

#include "base.h"

enum resolve_rank {
	RESOLVE_RANK_GOOD, RESOLVE_RANK_NEW, RESOLVE_RANK_DOUBTED, RESOLVE_RANK_BAD, RESOLVE_RANKS
};

/* Of one name: embedded by its owner. */
struct resolve_due {
	int64_t at;   /* when it is to be looked at */
	size_t place; /* in the heap */
	struct resolve_due *behind, **link; /* in its queue; `link` is NULL when it is in none */
	bool asked;   /* it is on its way */
	uint8_t rank; /* then */
	bool known;   /* it has been answered, or has failed */
	uint8_t doubt; /* 0: it answers in time */
};

/* Names that wait, in the order in which they became due. */
struct resolve_queue {
	struct resolve_due *first, **end;
};

struct resolve_dues {
	struct resolve_due **items; /* a heap: none is due before the one at half its place */
	size_t count, cap;
	struct resolve_queue queues[RESOLVE_RANKS];
	unsigned asked[RESOLVE_RANKS];
	unsigned turn;
};

void resolve_due_open(struct resolve_dues *dues);
void resolve_due_close(struct resolve_dues *dues);
void resolve_due_add(struct resolve_dues *dues, struct resolve_due *due); /* with its time */
void resolve_due_remove(struct resolve_dues *dues, struct resolve_due *due);
void resolve_due_set(struct resolve_dues *dues, struct resolve_due *due, int64_t at);
struct resolve_due *resolve_due_first(const struct resolve_dues *dues); /* NULL: there are none */

bool resolve_due_idle(const struct resolve_due *due); /* it neither waits nor is on its way */
void resolve_due_wait(struct resolve_dues *dues, struct resolve_due *due); /* it is idle */
struct resolve_due *resolve_due_take(struct resolve_dues *dues); /* who is asked for now; NULL: nobody may be */
void resolve_due_done(struct resolve_dues *dues, struct resolve_due *due, bool slow); /* it is back; `slow`: late */
/* It is on its way, and slow. True: a new one takes its place, and it waits behind them from now on. */
bool resolve_due_yield(struct resolve_dues *dues, struct resolve_due *due);
void resolve_due_leave(struct resolve_dues *dues, struct resolve_due *due); /* it is idle from now on, as if it had not been due */
unsigned resolve_due_under_way(const struct resolve_dues *dues);

#endif
