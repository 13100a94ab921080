#include "base.h"
#include "consul_sweep.h"

#include <stdio.h>

#include "sys.h"

#define BEHIND_MS 500 /* before services are read again whose answers were too old; doubled each time */
#define BEHIND_TRIES 7

static void note_earliest(int64_t *earliest, int64_t at)
{
	if (!*earliest || *earliest > at)
		*earliest = at;
}

void consul_sweep_restart(struct consul_sweep *sweep)
{
	sweep->due = true;
	sweep->running = false;
	pace_fill(&sweep->bucket);
}

void consul_sweep_ring(struct consul_sweep *sweep)
{
	sweep->due = true;
	sweep->tries = 0;
}

void consul_sweep_start(struct consul_sweep *sweep, int64_t now)
{
	pace_earn(&sweep->bucket, now);
	if (sweep->retry_at && now >= sweep->retry_at) {
		sweep->due = true;
		sweep->retry_at = 0;
	}
	if (!sweep->due || sweep->running || !pace_take(&sweep->bucket, now))
		return;
	sweep->due = sweep->skipped = sweep->behind = false;
	sweep->running = true;
	sweep->next = sweep->good = 0;
	sweep->number++;
	sweep->why = NULL;
	sweep->cpu = sys_thread_cpu();
}

/* What is there comes before what is leaving: opening is fast, closing is careful. */
static size_t choose_wanted(struct consul_sweep *sweep, const struct catalog *catalog, size_t *which, int64_t now)
{
	size_t leaving[CONSUL_SWEEP_BATCH], count = 0, left = 0;

	sweep->wanted_at = 0;
	for (size_t i = 0; i < catalog->count && count < CONSUL_SWEEP_BATCH; i++) {
		const struct catalog_name *name = &catalog->names[i];

		if (!name->wanted)
			continue;
		if (now < name->again_at)
			note_earliest(&sweep->wanted_at, name->again_at);
		else if (name->listed)
			which[count++] = i;
		else if (left < CONSUL_SWEEP_BATCH)
			leaving[left++] = i;
	}
	for (size_t i = 0; i < left && count < CONSUL_SWEEP_BATCH; i++)
		which[count++] = leaving[i];
	return count;
}

static size_t choose_next(struct consul_sweep *sweep, const struct catalog *catalog, size_t *which, int64_t now)
{
	size_t count = 0;

	for (; sweep->next < catalog->count && count < CONSUL_SWEEP_BATCH; sweep->next++) {
		const struct catalog_name *name = &catalog->names[sweep->next];

		if (now < name->again_at) {
			sweep->skipped = true;
			if (!name->wanted)
				note_earliest(&sweep->retry_at, name->again_at);
		} else if (name->sweep != sweep->number) {
			which[count++] = sweep->next;
		}
	}
	return count;
}

size_t consul_sweep_choose(struct consul_sweep *sweep, const struct catalog *catalog, size_t which[CONSUL_SWEEP_BATCH],
                           int64_t now)
{
	size_t count = choose_wanted(sweep, catalog, which, now);

	return count || !sweep->running ? count : choose_next(sweep, catalog, which, now);
}

void consul_sweep_read(struct consul_sweep *sweep, struct catalog_name *name)
{
	name->sweep = sweep->number;
	sweep->good++;
}

void consul_sweep_failed(struct consul_sweep *sweep, struct catalog_name *name, const char *why, int64_t again_at)
{
	name->sweep = sweep->number;
	name->again_at = again_at;
	note_earliest(&sweep->retry_at, again_at);
	snprintf(sweep->words, sizeof sweep->words, "%s", why);
	sweep->why = sweep->words;
}

void consul_sweep_later(struct consul_sweep *sweep, struct catalog_name *name, int64_t again_at)
{
	name->sweep = sweep->number;
	name->again_at = again_at;
	name->wanted = true;
	sweep->skipped = true;
}

void consul_sweep_behind(struct consul_sweep *sweep, int64_t now)
{
	if (sweep->behind || sweep->tries == BEHIND_TRIES)
		return;
	sweep->behind = true;
	note_earliest(&sweep->retry_at, now + (BEHIND_MS << sweep->tries++));
}

bool consul_sweep_over(const struct consul_sweep *sweep, const struct catalog *catalog)
{
	return sweep->running && sweep->next >= catalog->count;
}

bool consul_sweep_end(struct consul_sweep *sweep)
{
	bool good = sweep->good || (!sweep->why && !sweep->skipped);

	sweep->running = false;
	pace_cost(&sweep->bucket, sys_thread_cpu() - sweep->cpu);
	sweep->complete = sweep->complete || good;
	return good;
}

void consul_sweep_moved(struct consul_sweep *sweep)
{
	sweep->next = 0; /* names that were read already have the number of this sweep */
}

int64_t consul_sweep_at(const struct consul_sweep *sweep)
{
	int64_t at = sweep->due ? pace_at(&sweep->bucket) : INT64_MAX;

	note_earliest(&at, sweep->retry_at ? sweep->retry_at : INT64_MAX);
	note_earliest(&at, sweep->wanted_at ? sweep->wanted_at : INT64_MAX);
	return at;
}
