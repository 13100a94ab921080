#include "base.h"
#include "pace.h"

#include "sys.h"

#define BURST_US 100000
#define SHARE 10      /* microseconds of CPU for each millisecond */
#define DEBT_MS 1000  /* the longest pause */
#define NEWS_PART 10  /* of the work for news, this part of it counts */

#define TOKENS 4
#define GAP_MS 1000
#define GAP_COST 50   /* a gap is this many times the CPU time that the last token cost */

void pace_allow(struct pace_allowance *allowance, int64_t now)
{
	*allowance = (struct pace_allowance){ .left = BURST_US, .at = now };
}

int64_t pace_pause(struct pace_allowance *allowance, int64_t now)
{
	int64_t cpu = sys_thread_cpu();

	allowance->left += (now - allowance->at) * SHARE - (cpu - allowance->cpu_at);
	allowance->at = now;
	allowance->cpu_at = cpu;
	if (allowance->left > BURST_US)
		allowance->left = BURST_US;
	if (allowance->left < -DEBT_MS * SHARE)
		allowance->left = -DEBT_MS * SHARE;
	return allowance->left < 0 ? -allowance->left / SHARE : 0;
}

void pace_news(struct pace_allowance *allowance)
{
	int64_t used = sys_thread_cpu() - allowance->cpu_at;

	allowance->cpu_at += used - used / NEWS_PART;
}

static int64_t bucket_gap(const struct pace_bucket *bucket)
{
	return bucket->gap > GAP_MS ? bucket->gap : GAP_MS;
}

void pace_fill(struct pace_bucket *bucket)
{
	bucket->tokens = TOKENS;
}

void pace_earn(struct pace_bucket *bucket, int64_t now)
{
	int64_t earned = (now - bucket->at) / bucket_gap(bucket);

	if (bucket->tokens >= TOKENS || earned < 1)
		return;
	bucket->tokens = earned < TOKENS - bucket->tokens ? bucket->tokens + (unsigned)earned : TOKENS;
	bucket->at = now;
}

bool pace_take(struct pace_bucket *bucket, int64_t now)
{
	if (!bucket->tokens)
		return false;
	if (bucket->tokens-- == TOKENS)
		bucket->at = now;
	return true;
}

void pace_cost(struct pace_bucket *bucket, int64_t cpu)
{
	bucket->gap = cpu * GAP_COST / 1000;
}

int64_t pace_at(const struct pace_bucket *bucket)
{
	return bucket->at + bucket_gap(bucket);
}

void pace_spend(struct pace_bytes *bytes, size_t count, int64_t now)
{
	bytes->left += (now - bytes->at) * bytes->rate;
	if (bytes->left > bytes->burst)
		bytes->left = bytes->burst;
	bytes->left -= (int64_t)count;
	bytes->at = now;
}

void pace_refund(struct pace_bytes *bytes, size_t count)
{
	bytes->left += (int64_t)count;
	if (bytes->left > bytes->burst)
		bytes->left = bytes->burst;
}

int64_t pace_debt(struct pace_bytes *bytes, int64_t now)
{
	pace_spend(bytes, 0, now);
	return bytes->left < 0 ? -bytes->left / bytes->rate : 0;
}
