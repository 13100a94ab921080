#include "base.h"
#include "nomad_sweep.h"

#define BURST (4 << 20) /* bytes of answers that bring nothing before a sweep has to wait; */
#define RATE 300        /* bytes each millisecond from then on; */
#define MOST_MS 5000    /* but so long a pause at most */

void nomad_sweep_open(struct nomad_sweep *sweep, struct catalog *catalog, int64_t now)
{
	*sweep = (struct nomad_sweep){
		.catalog = catalog, .bucket.at = now, .waste = { .burst = BURST, .rate = RATE, .left = BURST, .at = now }
	};
	pace_fill(&sweep->bucket);
}

void nomad_sweep_ring(struct nomad_sweep *sweep, bool at_once)
{
	sweep->due = true;
	sweep->hurry = sweep->hurry || at_once;
}

bool nomad_sweep_start(struct nomad_sweep *sweep, int64_t now)
{
	pace_earn(&sweep->bucket, now);
	if (!sweep->due || (!sweep->hurry && (now < sweep->at || !pace_take(&sweep->bucket, now))))
		return false;
	sweep->due = sweep->hurry = false;
	sweep->running = true;
	sweep->number++;
	return true;
}

/* Those whose last reading has failed are wanted, and have their own time. */
static bool is_unread(const struct nomad_sweep *sweep, const struct catalog_name *name, int64_t now)
{
	return name->listed && name->sweep != sweep->number && now >= name->again_at;
}

static size_t choose_first(struct nomad_sweep *sweep, size_t *which, size_t most, int64_t now)
{
	struct catalog *catalog = sweep->catalog;
	size_t count = 0;

	for (size_t seen = 0; seen < catalog->count && count < most; seen++, sweep->wanted++) {
		struct catalog_name *name;

		sweep->wanted = sweep->wanted < catalog->count ? sweep->wanted : 0;
		name = &catalog->names[sweep->wanted];
		if (!name->wanted || now < name->again_at)
			continue;
		name->sweep = sweep->number;
		which[count++] = sweep->wanted;
	}
	return count;
}

size_t nomad_sweep_choose(struct nomad_sweep *sweep, size_t *which, size_t most, int64_t now)
{
	struct catalog *catalog = sweep->catalog;
	size_t count = choose_first(sweep, which, most, now), seen = 0;

	for (; sweep->running && count < most && seen < catalog->count; seen++, sweep->next++) {
		struct catalog_name *name;

		sweep->next = sweep->next < catalog->count ? sweep->next : 0;
		name = &catalog->names[sweep->next];
		if (!is_unread(sweep, name, now))
			continue;
		name->sweep = sweep->number;
		which[count++] = sweep->next;
	}
	return count;
}

bool nomad_sweep_over(struct nomad_sweep *sweep, int64_t now)
{
	if (!sweep->running)
		return false;
	for (size_t seen = 0; seen < sweep->catalog->count; seen++, sweep->next++) {
		const struct catalog_name *name;

		sweep->next = sweep->next < sweep->catalog->count ? sweep->next : 0;
		name = &sweep->catalog->names[sweep->next];
		if (is_unread(sweep, name, now) || (name->wanted && now >= name->again_at))
			return false;
	}
	sweep->running = false;
	return true;
}

bool nomad_sweep_whole(const struct nomad_sweep *sweep)
{
	for (size_t i = 0; i < sweep->catalog->count; i++) {
		const struct catalog_name *name = &sweep->catalog->names[i];

		if (name->listed && !name->read_at && !name->failed)
			return false;
	}
	return true;
}

void nomad_sweep_cost(struct nomad_sweep *sweep, size_t bytes, int64_t cpu, int64_t now)
{
	int64_t debt;

	pace_cost(&sweep->bucket, cpu);
	pace_spend(&sweep->waste, bytes, now);
	debt = pace_debt(&sweep->waste, now);
	sweep->at = now + (debt < MOST_MS ? debt : MOST_MS);
}

int64_t nomad_sweep_at(const struct nomad_sweep *sweep)
{
	int64_t begin = sweep->hurry ? 0 : sweep->bucket.tokens ? sweep->at : pace_at(&sweep->bucket);
	int64_t at = sweep->running ? 0 : sweep->due ? begin : INT64_MAX;

	if (at < sweep->at && !sweep->running && !sweep->hurry)
		at = sweep->at;
	for (size_t i = 0; i < sweep->catalog->count; i++)
		if (sweep->catalog->names[i].wanted && sweep->catalog->names[i].again_at < at)
			at = sweep->catalog->names[i].again_at;
	return at;
}
