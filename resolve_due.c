#include "base.h"
#include "resolve_due.h"

#include <stdlib.h>
#include <string.h>

#include "resolve_query.h"
#include "sys.h"

/* A name may hang in a silent server, and strangers may name many of them. Those of a rank and of the ranks below it together
 * are so many at most on their way, and the rest is for those that answer. Each is two questions: no more than may be under way
 * at once. */
static const unsigned rank_most[RESOLVE_RANKS] = { RESOLVE_FLIGHT / 2, RESOLVE_FLIGHT * 3 / 8, RESOLVE_FLIGHT / 4, RESOLVE_FLIGHT / 6 };
#define OTHERS 8     /* one of so many is none of the first rank, when those are too many for their TTLs */
#define DOUBT_SLOW 2 /* for each time that it was slow; each that it was not takes one back */
#define DOUBT_BAD 5
#define DOUBT_MAX 8

void resolve_due_open(struct resolve_dues *dues)
{
	*dues = (struct resolve_dues){ .count = 0 };
	for (size_t i = 0; i < RESOLVE_RANKS; i++)
		dues->queues[i].end = &dues->queues[i].first;
}

void resolve_due_close(struct resolve_dues *dues)
{
	free(dues->items);
}

/* The heap. */

static void heap_put(struct resolve_dues *dues, size_t place, struct resolve_due *due)
{
	dues->items[place] = due;
	due->place = place;
}

/* Brings one whose time has changed to its place. */
static void heap_move(struct resolve_dues *dues, struct resolve_due *due)
{
	size_t at = due->place, next;

	for (; at && due->at < dues->items[(at - 1) / 2]->at; at = (at - 1) / 2)
		heap_put(dues, at, dues->items[(at - 1) / 2]);
	for (; (next = 2 * at + 1) < dues->count; at = next) {
		if (next + 1 < dues->count && dues->items[next + 1]->at < dues->items[next]->at)
			next++;
		if (due->at <= dues->items[next]->at)
			break;
		heap_put(dues, at, dues->items[next]);
	}
	heap_put(dues, at, due);
}

void resolve_due_set(struct resolve_dues *dues, struct resolve_due *due, int64_t at)
{
	due->at = at;
	heap_move(dues, due);
}

void resolve_due_add(struct resolve_dues *dues, struct resolve_due *due)
{
	SYS_GROW(dues->items, dues->count, dues->cap);
	heap_put(dues, dues->count++, due);
	heap_move(dues, due);
}

struct resolve_due *resolve_due_first(const struct resolve_dues *dues)
{
	return dues->count ? dues->items[0] : NULL;
}

/* The queues. */

static enum resolve_rank rank_of(const struct resolve_due *due)
{
	if (due->doubt)
		return due->doubt < DOUBT_BAD ? RESOLVE_RANK_DOUBTED : RESOLVE_RANK_BAD;
	return due->known ? RESOLVE_RANK_GOOD : RESOLVE_RANK_NEW;
}

bool resolve_due_idle(const struct resolve_due *due)
{
	return !due->link && !due->asked;
}

void resolve_due_wait(struct resolve_dues *dues, struct resolve_due *due)
{
	struct resolve_queue *queue = &dues->queues[rank_of(due)];

	due->behind = NULL;
	due->link = queue->end;
	*queue->end = due;
	queue->end = &due->behind;
}

static void queue_leave(struct resolve_dues *dues, struct resolve_due *due)
{
	struct resolve_queue *queue = &dues->queues[rank_of(due)];

	*due->link = due->behind;
	if (due->behind)
		due->behind->link = due->link;
	else
		queue->end = due->link;
	due->link = NULL;
}

unsigned resolve_due_under_way(const struct resolve_dues *dues)
{
	unsigned count = 0;

	for (int rank = 0; rank < RESOLVE_RANKS; rank++)
		count += dues->asked[rank];
	return count;
}

/* Of a rank, who is asked for now. */
static struct resolve_due *due_of(const struct resolve_dues *dues, unsigned rank)
{
	unsigned below = resolve_due_under_way(dues);
	bool room = true;

	for (unsigned i = 0; i <= rank; below -= dues->asked[i++])
		room = room && below < rank_most[i];
	return room ? dues->queues[rank].first : NULL;
}

struct resolve_due *resolve_due_take(struct resolve_dues *dues)
{
	unsigned first = dues->turn++ % OTHERS ? RESOLVE_RANK_GOOD : RESOLVE_RANK_NEW;
	struct resolve_due *due = NULL;

	for (unsigned i = 0; i < RESOLVE_RANKS && !due; i++)
		due = due_of(dues, (first + i) % RESOLVE_RANKS);
	if (!due)
		return NULL;
	queue_leave(dues, due);
	due->rank = (uint8_t)rank_of(due);
	due->asked = true;
	dues->asked[due->rank]++;
	return due;
}

void resolve_due_done(struct resolve_dues *dues, struct resolve_due *due, bool slow)
{
	dues->asked[due->rank]--;
	due->asked = false;
	due->known = true;
	if (!slow)
		due->doubt -= due->doubt > 0;
	else
		due->doubt = due->doubt + DOUBT_SLOW < DOUBT_MAX ? due->doubt + DOUBT_SLOW : DOUBT_MAX;
}

bool resolve_due_yield(struct resolve_dues *dues, struct resolve_due *due)
{
	if (due->rank != RESOLVE_RANK_NEW || !dues->queues[RESOLVE_RANK_NEW].first)
		return false;
	resolve_due_done(dues, due, true);
	resolve_due_wait(dues, due);
	return true;
}

void resolve_due_leave(struct resolve_dues *dues, struct resolve_due *due)
{
	if (due->link)
		queue_leave(dues, due);
	if (due->asked)
		dues->asked[due->rank]--;
	due->asked = false;
}

void resolve_due_remove(struct resolve_dues *dues, struct resolve_due *due)
{
	struct resolve_due *last = dues->items[--dues->count];

	resolve_due_leave(dues, due);
	if (last == due)
		return;
	heap_put(dues, due->place, last);
	heap_move(dues, last);
}
