/* pace: limits the work of a source that hears of every change: a share of a CPU core for all of it, and a token bucket
 * for what costs most. The clock is an argument, except that of the calling thread's CPU time. */
#ifndef PACE_H
#define PACE_H

#include "base.h"

/* CPU time: 1 % of a core, with a burst of 100 ms. */
struct pace_allowance {
	int64_t left;   /* microseconds; negative: a debt, to be paid by waiting */
	int64_t at;     /* when `left` was computed, in milliseconds */
	int64_t cpu_at; /* and the CPU time of the thread then, in microseconds */
};
void pace_allow(struct pace_allowance *allowance, int64_t now); /* the whole burst; call when the thread starts */
int64_t pace_pause(struct pace_allowance *allowance, int64_t now); /* milliseconds to do nothing, at most 1000 */
void pace_news(struct pace_allowance *allowance); /* what was done since then was worth it: a tenth of it counts */

/* Four tokens at first, and then one for each `gap`, which is at least a second. Start with {0} and pace_fill. */
struct pace_bucket {
	unsigned tokens;
	int64_t at;  /* since when the next token is being earned */
	int64_t gap; /* milliseconds */
};
void pace_fill(struct pace_bucket *bucket);
void pace_earn(struct pace_bucket *bucket, int64_t now); /* call it often: parts of a gap are lost */
bool pace_take(struct pace_bucket *bucket, int64_t now); /* takes one token; false: there is none */
void pace_cost(struct pace_bucket *bucket, int64_t cpu); /* of the work for the last token: microseconds */
int64_t pace_at(const struct pace_bucket *bucket);       /* when the next one is earned */

/* Bytes: so many in a burst, and then so many each millisecond. Start with those two set, and `left` as the burst. */
struct pace_bytes {
	int64_t burst, rate;
	int64_t left; /* negative: a debt, to be paid by waiting */
	int64_t at;   /* when `left` was computed */
};
void pace_spend(struct pace_bytes *bytes, size_t count, int64_t now);
int64_t pace_debt(struct pace_bytes *bytes, int64_t now); /* milliseconds until there is none */
void pace_refund(struct pace_bytes *bytes, size_t count);  /* so many were well spent */

#endif
