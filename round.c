#include "base.h"
#include "round.h"

#include <stdlib.h>

#include "sys.h"

#define ROUND_MAX 4096

static unsigned gcd(unsigned a, unsigned b)
{
	return b ? gcd(b, a % b) : a;
}

static bool all_equal(const uint16_t *weights, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		if (weights[i] != weights[0])
			return false;
	return true;
}

/* What the weights are divided by. More than ROUND_MAX turns are too many: then by more, and the shares are nearly right. */
static unsigned divisor(const uint16_t *weights, unsigned count)
{
	unsigned common = weights[0], total = 0;

	for (unsigned i = 0; i < count; i++) {
		common = gcd(weights[i], common);
		total += weights[i];
	}
	while (total / common > ROUND_MAX)
		common++;
	return common;
}

static unsigned turns(unsigned weight, unsigned divided_by)
{
	return weight / divided_by ? weight / divided_by : 1;
}

uint16_t *round_by_weight(const uint16_t *weights, unsigned count, unsigned *len)
{
	unsigned common, total = 0;
	uint16_t *round;
	int *due; /* smooth weighted round robin, as in nginx */

	*len = count;
	if (all_equal(weights, count))
		return NULL;
	common = divisor(weights, count);
	for (unsigned i = 0; i < count; i++)
		total += turns(weights[i], common);
	due = sys_alloc(count * sizeof *due);
	round = sys_alloc(total * sizeof *round);
	for (unsigned at = 0; at < total; at++) {
		unsigned best = 0;

		for (unsigned i = 0; i < count; i++) {
			due[i] += (int)turns(weights[i], common);
			if (due[i] > due[best])
				best = i;
		}
		due[best] -= (int)total;
		round[at] = (uint16_t)best;
	}
	free(due);
	*len = total;
	return round;
}
