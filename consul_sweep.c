#include "base.h"
#include "consul_sweep.h"


#include "print.h"
#include "sys.h"

#define BEHIND_MS 500 /* before services are read again whose answers were too old; doubled each time */
#define BEHIND_TRIES 7
#define BURST (4 << 20)  /* bytes of a sweep of many names before it has to wait */
#define RATE 300         /* bytes each millisecond from then on */
#define COVER_RATE 125   /* of the sweeps for what explained rings may hide, so many; */
#define COVER_MOST 60000 /* but after so many milliseconds at the latest, */
#define COVER_LEAST 5000 /* and not sooner; */
#define COVER_FEW 2000   /* of few names, as soon as this */
#define EXPLAIN_MS 5     /* a sweep of many names waits so long for a bell that explains the ring */
#define BRAKE 4          /* a sweep without a burst waits so many times as long as Consul took for the answers */

static void note_earliest(int64_t *earliest, int64_t at)
{
	if (!*earliest || *earliest > at)
		*earliest = at;
}

void consul_sweep_restart(struct consul_sweep *sweep)
{
	sweep->due = true;
	sweep->running = sweep->cover = false;
	sweep->lost = 0;
	sweep->step_at = 0;
	pace_fill(&sweep->bucket);
	sweep->bytes = (struct pace_bytes){ .burst = BURST, .rate = RATE, .left = BURST };
}

/* A sweep that asks nodes goes once more around from where it is. */
static void ring_plain(struct consul_sweep *sweep, int64_t now)
{
	sweep->cover = false;
	if (!sweep->running || !sweep->by_node || !sweep->paced) {
		sweep->due = true;
		if (sweep->many && sweep->step_at < now + EXPLAIN_MS)
			sweep->step_at = now + EXPLAIN_MS;
		return;
	}
	sweep->left = SIZE_MAX;
	sweep->end_at = now + CONSUL_SWEEP_MOST_MS;
}

/* Not at once: a change that stands alone shall cost no more than itself. */
static int64_t cover_time(const struct consul_sweep *sweep, int64_t now)
{
	int64_t gap = (int64_t)sweep->cost / COVER_RATE, at = sweep->began_at + (gap < COVER_MOST ? gap : COVER_MOST);

	return at > now + COVER_LEAST ? at : now + COVER_LEAST;
}

void consul_sweep_ring(struct consul_sweep *sweep, const struct catalog *catalog, enum consul_ring ring, int64_t now)
{
	sweep->tries = 0;
	sweep->many = catalog->count >= CONSUL_SWEEP_MANY;
	if (ring != CONSUL_RING_EXPLAINED)
		sweep->fresh = ring == CONSUL_RING_PLAIN && !sweep->due;
	if (ring == CONSUL_RING_WHOLE)
		sweep->due = sweep->whole = true;
	else if (ring == CONSUL_RING_PLAIN)
		ring_plain(sweep, now);
	else if (!sweep->cover_at)
		sweep->cover_at = sweep->many ? cover_time(sweep, now) : now + COVER_FEW;
}

void consul_sweep_explain(struct consul_sweep *sweep, const struct catalog *catalog, int64_t now)
{
	if (!sweep->fresh || sweep->running)
		return;
	sweep->due = sweep->fresh = false;
	consul_sweep_ring(sweep, catalog, CONSUL_RING_EXPLAINED, now);
}

/* Whether one that is due may begin. */
static bool may_begin(struct consul_sweep *sweep, int64_t now)
{
	if (!sweep->due || sweep->running)
		return false;
	return sweep->many && sweep->complete && !sweep->whole ? now >= sweep->step_at : pace_take(&sweep->bucket, now);
}

void consul_sweep_start(struct consul_sweep *sweep, const struct catalog *catalog, const struct consul_nodes *nodes,
                        int64_t now)
{
	bool retry = sweep->retry_at && now >= sweep->retry_at, cover = sweep->cover_at && now >= sweep->cover_at;

	pace_earn(&sweep->bucket, now);
	sweep->many = catalog->count >= CONSUL_SWEEP_MANY;
	if (!sweep->running)
		sweep->cover = cover && !retry && (!sweep->due || sweep->cover);
	sweep->due = sweep->due || retry || cover;
	sweep->fresh = sweep->fresh && !retry && !cover;
	if (retry)
		sweep->retry_at = 0;
	if (!may_begin(sweep, now))
		return;
	sweep->paced = sweep->many && sweep->complete && !sweep->whole;
	sweep->by_node = sweep->complete && !sweep->whole && consul_nodes_serve(nodes, now) && nodes->count < catalog->count;
	sweep->due = sweep->fresh = sweep->skipped = sweep->behind = sweep->whole = sweep->found = false;
	sweep->running = true;
	sweep->next = sweep->good = sweep->cost = 0;
	sweep->left = SIZE_MAX;
	sweep->number++;
	sweep->why = NULL;
	sweep->cover_at = 0;
	sweep->began_at = now;
	sweep->end_at = now + (sweep->by_node ? CONSUL_SWEEP_MOST_MS : CONSUL_SWEEP_MOST_MS / 2);
	sweep->cpu = sys_thread_cpu();
}

/* Wanted names are looked for from where the last choice has ended, once around. What is there comes before what is
 * leaving: opening is fast, closing is careful. */
static size_t choose_wanted(struct consul_sweep *sweep, const struct catalog *catalog, size_t *which, int64_t now)
{
	size_t leaving[CONSUL_SWEEP_BATCH], count = 0, left = 0, seen = 0, i = sweep->wanted;

	sweep->wanted_at = 0;
	for (; seen < catalog->count && count < CONSUL_SWEEP_BATCH; seen++, i++) {
		const struct catalog_name *name;

		if (i >= catalog->count)
			i = 0;
		name = &catalog->names[i];
		if (!name->wanted)
			continue;
		if (now < name->again_at)
			note_earliest(&sweep->wanted_at, name->again_at);
		else if (name->listed)
			which[count++] = i;
		else if (left < CONSUL_SWEEP_BATCH)
			leaving[left++] = i;
	}
	sweep->wanted = i;
	for (size_t k = 0; k < left && count < CONSUL_SWEEP_BATCH; k++)
		which[count++] = leaving[k];
	return count;
}

static size_t choose_next(struct consul_sweep *sweep, const struct catalog *catalog, size_t *which, int64_t now)
{
	size_t count = 0;

	for (; sweep->next < catalog->count && count < CONSUL_SWEEP_BATCH; sweep->next++) {
		const struct catalog_name *name = &catalog->names[sweep->next];

		if (now < name->again_at) {
			sweep->skipped = true;
			if (!name->wanted || !sweep->complete)
				note_earliest(&sweep->retry_at, name->again_at);
		} else if (name->sweep != sweep->number) {
			which[count++] = sweep->next;
		}
	}
	return count;
}

bool consul_sweep_busy(const struct consul_sweep *sweep, int64_t now)
{
	return sweep->running && (!sweep->paced || now >= sweep->step_at);
}

size_t consul_sweep_choose(struct consul_sweep *sweep, const struct catalog *catalog, size_t which[CONSUL_SWEEP_BATCH],
                           int64_t now)
{
	size_t count = choose_wanted(sweep, catalog, which, now);

	return count || sweep->by_node || !consul_sweep_busy(sweep, now) ? count : choose_next(sweep, catalog, which, now);
}

static size_t choose_alone(struct consul_sweep *sweep, const struct consul_nodes *nodes, size_t *which, int64_t now)
{
	size_t count = 0;

	if (!sweep->node_at || now < sweep->node_at)
		return 0;
	sweep->node_at = 0;
	if (!consul_nodes_serve(nodes, now))
		return 0; /* sweeps read by name; the next list of nodes makes it due again */
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].alone && now >= nodes->items[i].again_at && count < CONSUL_SWEEP_NODES)
			which[count++] = i;
		else if (nodes->items[i].alone)
			note_earliest(&sweep->node_at, nodes->items[i].again_at);
	return count;
}

size_t consul_sweep_nodes(struct consul_sweep *sweep, const struct consul_nodes *nodes,
                          size_t which[CONSUL_SWEEP_NODES], int64_t now)
{
	size_t count = choose_alone(sweep, nodes, which, now), i;

	if (count || !sweep->by_node || !consul_sweep_busy(sweep, now))
		return count;
	if (sweep->left > nodes->count || !consul_nodes_serve(nodes, now))
		sweep->left = consul_nodes_serve(nodes, now) ? nodes->count : 0;
	for (i = consul_nodes_after(nodes, sweep->node); sweep->left && count < CONSUL_SWEEP_NODES; sweep->left--, i++) {
		if (i >= nodes->count)
			i = 0;
		sweep->node = nodes->items[i].digest;
		if (now >= nodes->items[i].again_at)
			which[count++] = i;
	}
	return count;
}

void consul_sweep_spend(struct consul_sweep *sweep, const struct catalog *catalog, size_t bytes, int64_t took,
                        int64_t now)
{
	size_t steps = sweep->by_node ? sweep->left / CONSUL_SWEEP_NODES : (catalog->count - sweep->next) / CONSUL_SWEEP_BATCH;
	int64_t rest, most = sweep->end_at > now ? (sweep->end_at - now) / (int64_t)(steps + 1) : 0;

	if (!sweep->paced || !sweep->running)
		return;
	sweep->cost += bytes;
	pace_spend(&sweep->bytes, bytes, now);
	rest = pace_debt(&sweep->bytes, now);
	if (rest && rest < took * BRAKE)
		rest = took * BRAKE;
	sweep->step_at = now + (rest < most ? rest : most);
}

void consul_sweep_read(struct consul_sweep *sweep, struct catalog_name *name)
{
	name->sweep = sweep->number;
	sweep->good++;
	sweep->lost = 0;
}

static void note_why(struct consul_sweep *sweep, const char *why)
{
	print_text(sweep->words, sizeof sweep->words, "%s", why);
	sweep->why = sweep->words;
}

void consul_sweep_failed(struct consul_sweep *sweep, struct catalog_name *name, const char *why, int64_t again_at)
{
	name->sweep = sweep->number;
	name->again_at = again_at;
	name->wanted = true; /* a sweep by node would not tell what its checks say */
	if (!sweep->many)
		note_earliest(&sweep->retry_at, again_at);
	sweep->lost += sweep->lost < CONSUL_SWEEP_BATCH;
	note_why(sweep, why);
}

void consul_sweep_later(struct consul_sweep *sweep, struct catalog_name *name, int64_t again_at)
{
	name->sweep = sweep->number;
	name->again_at = again_at;
	name->wanted = true;
	sweep->skipped = true;
}

void consul_sweep_listed(struct consul_sweep *sweep, struct consul_node *node, bool differs)
{
	sweep->found = sweep->found || differs;
	node->alone = false;
	node->again_at = 0;
	sweep->good++;
}

void consul_sweep_node_failed(struct consul_sweep *sweep, struct consul_node *node, const char *why, int64_t again_at)
{
	node->alone = true;
	node->again_at = again_at;
	note_earliest(&sweep->node_at, again_at);
	note_why(sweep, why);
}

void consul_sweep_new_node(struct consul_sweep *sweep, int64_t now)
{
	note_earliest(&sweep->node_at, now);
	if (sweep->running && sweep->by_node)
		sweep->left = SIZE_MAX; /* the circle is larger: what is left would end too early */
}

bool consul_sweep_behind(struct consul_sweep *sweep, int64_t now)
{
	if (sweep->tries == BEHIND_TRIES)
		return false;
	if (!sweep->behind)
		note_earliest(&sweep->retry_at, now + (BEHIND_MS << sweep->tries++));
	sweep->behind = true;
	return true;
}

bool consul_sweep_over(const struct consul_sweep *sweep, const struct catalog *catalog)
{
	return sweep->running && (sweep->by_node ? !sweep->left : sweep->next >= catalog->count);
}

bool consul_sweep_end(struct consul_sweep *sweep)
{
	bool good = sweep->good || (!sweep->why && !sweep->skipped);

	sweep->running = false;
	if (!sweep->paced)
		pace_cost(&sweep->bucket, sys_thread_cpu() - sweep->cpu);
	else if (sweep->found || sweep->cover)
		pace_refund(&sweep->bytes, sweep->cost);
	if (sweep->paced && sweep->bytes.left > 0)
		sweep->step_at = 0;
	sweep->complete = sweep->complete || good;
	return good;
}

const char *consul_sweep_lost(const struct consul_sweep *sweep)
{
	return sweep->lost == CONSUL_SWEEP_BATCH ? sweep->why : NULL;
}

void consul_sweep_moved(struct consul_sweep *sweep)
{
	sweep->next = 0; /* names that were read already have the number of this sweep */
	sweep->wanted = 0;
}

int64_t consul_sweep_at(const struct consul_sweep *sweep)
{
	bool paced = sweep->running ? sweep->paced : sweep->many && sweep->complete && !sweep->whole;
	int64_t at = !sweep->due && !sweep->running ? INT64_MAX : paced ? sweep->step_at : pace_at(&sweep->bucket);
	int64_t others[] = { sweep->retry_at, sweep->wanted_at, sweep->node_at, sweep->running ? 0 : sweep->cover_at };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (others[i] && others[i] < at)
			at = others[i];
	return at;
}
