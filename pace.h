/* pace: how much a source that hears of every change may do about it: a share of a core, and a token bucket for what
 * costs most. The clock is an argument, except that of the calling thread's CPU time. */
#ifndef PACE_H
#define PACE_H

#include "base.h"

/* CPU time: 1 % of a core, with a burst of 100 ms. */
struct pace_allowance {
	int64_t left;   /* microseconds; negative: to be waited for */
	int64_t at;     /* when that was, in milliseconds */
	int64_t cpu_at; /* and the thread's CPU time then */
};
void pace_allow(struct pace_allowance *allowance, int64_t now);    /* the whole burst; at the start of the thread */
int64_t pace_pause(struct pace_allowance *allowance, int64_t now); /* milliseconds to do nothing, at most a second */

/* A few tokens at once, and then one for each `gap`, at least a second. Start with {0} and pace_fill. */
struct pace_bucket {
	unsigned tokens;
	int64_t at;  /* when the next token began to be earned */
	int64_t gap; /* milliseconds */
};
void pace_fill(struct pace_bucket *bucket);
void pace_earn(struct pace_bucket *bucket, int64_t now); /* to be called often: parts of a gap are lost */
bool pace_take(struct pace_bucket *bucket, int64_t now); /* one token; false: there is none */
void pace_cost(struct pace_bucket *bucket, int64_t cpu); /* what the last token was used for, in microseconds of CPU */
int64_t pace_at(const struct pace_bucket *bucket);       /* when the next one is earned */

#endif
