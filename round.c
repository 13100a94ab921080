#include "base.h"
#include "round.h"

#include <stdlib.h>

#include "sys.h"

#define ROUND_MAX 4096
#define ROUND_EACH 4 /* or so many for each place */

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

/* What the weights are divided by. More than ROUND_MAX turns are too many, and for many places more than they need: then
 * by more, and the shares are nearly right. */
static unsigned divisor(const uint16_t *weights, unsigned count)
{
	uint64_t total = 0, most = count < ROUND_MAX / ROUND_EACH ? ROUND_MAX : (uint64_t)ROUND_EACH * count;
	unsigned common = weights[0];

	for (unsigned i = 0; i < count; i++) {
		common = gcd(weights[i], common);
		total += weights[i];
	}
	while (total / common > most)
		common++;
	return common;
}

static unsigned turns(unsigned weight, unsigned divided_by)
{
	return weight / divided_by ? weight / divided_by : 1;
}

/* Backends of one weight, which come one after the other. */
struct lane {
	const uint32_t *places;
	unsigned count, at;
	unsigned turns, laps; /* that each has in a round, and has had */
};

static int by_weight(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorts the places by weight into lanes, and returns how many of these there are. */
static unsigned make_lanes(const uint16_t *weights, unsigned count, unsigned common, uint32_t *places, struct lane *lanes)
{
	uint64_t *keys = sys_alloc(count * sizeof *keys);
	unsigned lane_count = 0;

	for (unsigned i = 0; i < count; i++)
		keys[i] = (uint64_t)turns(weights[i], common) << 32 | i;
	qsort(keys, count, sizeof *keys, by_weight);
	for (unsigned i = 0; i < count; i++) {
		places[i] = (uint32_t)keys[i];
		if (!i || keys[i] >> 32 != keys[i - 1] >> 32)
			lanes[lane_count++] = (struct lane){ .places = &places[i], .turns = (unsigned)(keys[i] >> 32) };
		lanes[lane_count - 1].count++;
	}
	free(keys);
	return lane_count;
}

/* The smooth order of nginx: in each turn every place earns its turns, and the one that has earned most is next, and pays
 * for the whole round. Within a lane that is the one behind the last. */
static uint32_t next_place(struct lane *lanes, unsigned count, int64_t turn, int64_t total)
{
	struct lane *best = lanes;
	int64_t most = INT64_MIN;
	uint32_t place;

	for (struct lane *lane = lanes; lane < lanes + count; lane++) {
		int64_t due = turn * lane->turns - total * lane->laps;

		if (due > most || (due == most && lane->places[lane->at] < best->places[best->at])) {
			best = lane;
			most = due;
		}
	}
	place = best->places[best->at];
	if (++best->at == best->count) {
		best->at = 0;
		best->laps++;
	}
	return place;
}

uint32_t *round_by_weight(const uint16_t *weights, unsigned count, unsigned *len)
{
	unsigned common, total = 0, lane_count;
	uint32_t *round, *places;
	struct lane *lanes;

	*len = count;
	if (all_equal(weights, count))
		return NULL;
	common = divisor(weights, count);
	for (unsigned i = 0; i < count; i++)
		total += turns(weights[i], common);
	round = sys_alloc(total * sizeof *round);
	places = sys_alloc(count * sizeof *places);
	lanes = sys_alloc(count * sizeof *lanes);
	lane_count = make_lanes(weights, count, common, places, lanes);
	for (unsigned at = 0; at < total; at++)
		round[at] = next_place(lanes, lane_count, at + 1, total);
	free(places);
	free(lanes);
	*len = total;
	return round;
}
