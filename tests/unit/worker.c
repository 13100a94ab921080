/* Cases for worker.c: as many workers as the system has threads and descriptors for; what accept and a full house lead to. */
#include "base.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "net.h"
#include "sys.h"

static int threads_left;

static int few_threads(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	return threads_left-- > 0 ? sys_thread(thread, run, arg) : EAGAIN;
}

/* What accept says, one after the other, until 0; then EAGAIN. */
static const int *answers;
static int accepts;

static int fake_accept(int fd, struct net_addr *peer)
{
	(void)fd, (void)peer;
	accepts++;
	return *answers ? -*answers++ : -EAGAIN;
}

static bool no_memory;

static void *scarce_calloc(size_t count, size_t size)
{
	return no_memory ? NULL : calloc(count, size);
}

#define sys_thread few_threads
#define net_accept fake_accept
#define calloc scarce_calloc
#include "../../worker.c"
#include "../../watch.c"
#undef calloc
#undef sys_thread

static void ring(void *arg)
{
	(void)arg;
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void check_start(int threads, unsigned asked, unsigned runs, const char *what)
{
	struct worker_pool pool = { .ring = ring };
	int before = count_descriptors(), error;
	struct route route;

	route_open(&route, &(struct route_rules){ .lookup = NULL });
	pool.route = &route;
	threads_left = threads;
	error = worker_open(&pool, asked);
	check(error == (runs < asked ? EAGAIN : 0), "says what stopped it", what);
	check(pool.count == runs, "how many run", what);
	check(count_descriptors() - before == (int)(runs * WORKER_FDS), "descriptors", what);
	if (pool.count)
		worker_close(&pool);
	check(count_descriptors() == before, "gives all back", what);
	route_close(&route);
}

/* The listener of a worker whose accept answers so: how often it is asked at once, and whether it rests then. */
static void check_accept(const int *said, int asked, bool rests, const char *what)
{
	struct session_cell cell = { 0 };
	struct worker_pool pool = { .ring = ring, .shared = { .cells = &cell, .cell_count = 1 } };
	struct worker worker = { .pool = &pool, .spare = -1 };
	struct net_addr addr = { .sa.v4.sin_family = AF_INET };
	struct route_listener *listener = route_listener_ref(route_listener_new(&addr, "here"));
	struct route_entry entry = { .listener = listener };
	struct watched *watched;

	atomic_store(&pool.shared.limit, 10);
	atomic_store(&pool.shared.common_limit, 10);
	answers = said;
	accepts = 0;
	check(loop_open(&worker.loop, &worker_ops, &worker), "a loop", what);
	loop_fifo_open(&worker.loop, &worker.pause, PAUSE_MS, 0);
	watch_open(&worker.watches, &worker.loop, WORKER_LISTENER);
	watched = watched_new(&worker.watches, &entry);
	watched->io.fd = fcntl(worker.loop.wake_fds[1], F_DUPFD, 0);
	watched_want(&worker.watches, watched);
	check(watched->io.want & LOOP_IN, "is watched", what);
	accept_some(&worker, watched);
	check(accepts == asked, "how often it is asked", what);
	check(!watched->rest == !rests && !watched->io.want == rests && !worker.watches.paused, "rests, it alone", what);
	check(!atomic_load(&listener->deaf) == !rests, "is known to be deaf", what);
	check(!atomic_load(&pool.shared.taken), "places are given back", what);
	if (watched->rest)
		watched->rest->timer.at = 0;
	atomic_store(&pool.stopping, true); /* one turn of the loop */
	loop_wake(&worker.loop);
	loop_run(&worker.loop);
	check(watched->io.want & LOOP_IN, "is watched again", what);
	check(!atomic_load(&listener->deaf), "nobody comes, and it is not deaf any more", what);
	accept_some(&worker, watched);
	check(!atomic_load(&listener->deaf), "accepts again", what);
	close(watched->io.fd);
	watched->io.fd = -1;
	free(worker.watches.later);
	free(watched);
	route_listener_unref(listener);
	close(worker.spare);
	loop_close(&worker.loop);
}

/* A worker with two listeners, `first` and `second`, of which it watches both. */
static struct world {
	struct worker_pool pool;
	struct worker worker;
	struct session_cell cell;
	struct route_listener first, second;
	struct route_entry entries[2];
	struct watched *watched[2];
} world;

static void world_begin(int limit, unsigned own)
{
	static const int none[] = { 0 };
	struct worker *w = &world.worker;

	memset(&world, 0, sizeof world);
	world.pool.ring = ring;
	world.pool.workers = w;
	world.pool.count = 1;
	world.pool.shared.cells = &world.cell;
	world.pool.shared.cell_count = 1;
	world.pool.shared.limit = (unsigned)limit;
	world.pool.shared.common_limit = limit - 2 * (int)own;
	w->pool = &world.pool;
	w->spare = -1;
	answers = none;
	accepts = 0;
	loop_open(&w->loop, &worker_ops, w);
	w->sessions.loop = &w->loop;
	loop_fifo_open(&w->loop, &w->pause, PAUSE_MS, 0);
	watch_open(&w->watches, &w->loop, WORKER_LISTENER);
	w->watches.stuck = worker_stuck;
	w->watches.all = world.watched;
	w->watches.count = 2;
	for (int i = 0; i < 2; i++) {
		struct route_listener *listener = i ? &world.second : &world.first;

		strcpy(listener->name, i ? "second" : "first");
		listener->places = (unsigned long long)own << 32;
		atomic_init(&listener->fd, -1);
		world.entries[i].listener = listener;
		world.watched[i] = watched_new(&w->watches, &world.entries[i]);
		world.watched[i]->io.fd = fcntl(w->loop.wake_fds[1], F_DUPFD, 0);
		watched_want(&w->watches, world.watched[i]);
	}
}

/* Sessions of the worker, or places that others only hold for a moment. */
static void world_take(struct route_listener *listener, int count, bool live)
{
	for (int i = 0; i < count; i++)
		check(place_take(&world.pool.shared, &world.cell, listener, route_listener_cell(listener, 0, 1)), "a place",
		      listener->name);
	add_live(&world.worker, live ? count : 0);
}

static bool is_watched(int which)
{
	return world.watched[which]->io.want & LOOP_IN;
}

static bool tries(int which)
{
	accepts = 0;
	accept_some(&world.worker, world.watched[which]);
	return accepts;
}

static void world_turn(void)
{
	atomic_store(&world.pool.stopping, true); /* after one turn of the loop */
	loop_wake(&world.worker.loop);
	loop_run(&world.worker.loop);
	atomic_store(&world.pool.stopping, false);
	world.worker.loop.stop = false;
}

static void world_end(void)
{
	for (int i = 0; i < 2; i++) {
		close(world.watched[i]->io.fd);
		watched_end_rest(world.watched[i]);
		free(world.watched[i]);
	}
	free(world.worker.watches.later);
	route_cells_free(world.first.cells);
	route_cells_free(world.second.cells);
	close(world.worker.spare);
	loop_close(&world.worker.loop);
}

static unsigned long long pauses(void)
{
	return atomic_load(&world.pool.pauses[WORKER_LIMIT]);
}

/* One listener has all that it may have: it rests, the other goes on; until a session ends that makes a difference. */
static void full_cases(void)
{
	struct sessions *set = &world.worker.sessions;

	world_begin(8, 2);
	world_take(&world.first, 6, true);
	check(!tries(0) && !is_watched(0) && pauses() == 1, "full", "it rests");
	check(!world.worker.watches.paused && is_watched(1) && tries(1), "full", "the other goes on");
	world_take(&world.second, 1, true);
	worker_ended(set, &world.second);
	check(!atomic_load(&world.worker.loop.wake_sent) && !is_watched(0), "another's own place", "makes no difference");
	worker_ended(set, &world.first);
	check(atomic_load(&world.worker.loop.wake_sent), "its session ends", "workers are woken");
	worker_woken(&world.worker.loop);
	check(is_watched(0) && tries(0) && is_watched(0), "its session has ended", "it accepts");
	world_end();
	world_begin(8, 2);
	world_take(&world.first, 6, true);
	tries(0);
	worker_ended(set, &world.first);
	world_take(&world.second, 3, true);
	world.watched[0]->rest->timer.at = 0;
	world_turn();
	check(!is_watched(0) && pauses() == 2 && !accepts, "the other was faster", "it rests again");
	world_end();
	world_begin(8, 2);
	world_take(&world.first, 6, true);
	no_memory = true;
	check(!tries(0) && world.worker.watches.paused && !is_watched(0) && !is_watched(1), "full, without memory", "all pause");
	no_memory = false;
	worker_ended(set, &world.first);
	worker_woken(&world.worker.loop);
	check(!world.worker.watches.paused && is_watched(0) && is_watched(1), "a session has ended", "all go on");
	world_end();
}

/* All have all: accepting pauses. Places that are only held for a moment are not said to be connections. */
static void limit_cases(void)
{
	struct sessions *set = &world.worker.sessions;

	world_begin(4, 1);
	world_take(&world.first, 3, true);
	world_take(&world.second, 1, true);
	check(!tries(0) && world.worker.watches.paused && !is_watched(0) && !is_watched(1) && pauses() == 1, "the limit", "all pause");
	worker_ended(set, &world.second);
	worker_woken(&world.worker.loop);
	check(!world.worker.watches.paused && is_watched(0) && is_watched(1), "a session has ended", "all go on");
	check(tries(1) && !tries(0) && !is_watched(0) && !world.worker.watches.paused, "a session has ended", "whose own place it was");
	world_end();
	world_begin(4, 0);
	world_take(&world.first, 3, true);
	world_take(&world.second, 1, false);
	check(!tries(0) && !pauses() && !world.worker.watches.paused && !is_watched(0), "the last place held", "is no pause");
	world_end();
	world_begin(4, 1);
	world_take(&world.first, 2, true);
	world_take(&world.first, 1, false);
	check(!tries(0) && !pauses() && !world.worker.watches.paused && !is_watched(0), "places held", "is no pause");
	check(world.watched[0]->rest->timer.at <= world.worker.loop.now + 1, "places held", "it waits for a moment");
	unreserve(&world.worker, &world.first);
	world.watched[0]->rest->timer.at = 0;
	world_turn();
	check(is_watched(0) && accepts, "places held", "it looks again");
	check(atomic_load(&world.pool.shared.taken) == 2 && atomic_load(&world.pool.shared.common) == 1, "all", "is given back");
	world_end();
}

int main(void)
{
	static const int passing[] = { ECONNABORTED, EPROTO, EINTR, ENETDOWN, EHOSTUNREACH, EAGAIN, 0 };
	static const int lasting[] = { EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, 0 };
	static const int none[] = { 0 };

	log_setup((enum log_level)-1, false); /* the refusal is an error, and no word may go to stderr */
	check_accept(none, 1, false, "nobody is there");
	check_accept(passing, 6, false, "clients that have gone");
	check_accept(lasting, 8, true, "a refusal");
	full_cases();
	limit_cases();
	check_start(9, 3, 3, "all");
	check_start(2, 5, 2, "some");
	check_start(0, 4, 0, "none");
	return check_sum();
}
