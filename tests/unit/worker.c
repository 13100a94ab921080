/* Cases for worker.c: as many workers as the system has threads and descriptors for. */
#include "base.h"

#include <errno.h>
#include <pthread.h>

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

#define sys_thread few_threads
#define net_accept fake_accept
#include "../../worker.c"
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
	struct worker_pool pool = { .ring = ring };
	struct worker worker = { .pool = &pool, .spare = -1 };
	struct net_addr addr = { .sa.v4.sin_family = AF_INET };
	struct route_listener *listener = route_listener_ref(route_listener_new(&addr, "here"));
	struct watched *watched = watched_new(listener), *all[] = { watched };

	worker.watched = all;
	worker.watched_count = 1;
	atomic_store(&pool.shared.limit, 10);
	answers = said;
	accepts = 0;
	check(loop_open(&worker.loop, &worker_ops, &worker), "a loop", what);
	loop_fifo_open(&worker.loop, &worker.pause, PAUSE_MS, 0);
	loop_fifo_open(&worker.loop, &worker.resting, PAUSE_MS, 0);
	watched->io.fd = fcntl(worker.loop.wake_fds[1], F_DUPFD, 0);
	watched_want(&worker, watched);
	check(watched->io.want & LOOP_IN, "is watched", what);
	accept_some(&worker, watched);
	check(accepts == asked, "how often it is asked", what);
	check(watched->resting == rests && !worker.wake_resting.next == !rests && !watched->io.want == rests && !worker.paused, "rests, it alone", what);
	check(!atomic_load(&listener->deaf) == !rests, "is known to be deaf", what);
	check(!atomic_load(&pool.shared.sessions), "places are given back", what);
	worker.wake_resting.at = 0;
	atomic_store(&pool.stopping, true); /* one turn of the loop */
	loop_wake(&worker.loop);
	loop_run(&worker.loop);
	check(watched->io.want & LOOP_IN, "is watched again", what);
	check(!atomic_load(&listener->deaf), "nobody comes, and it is not deaf any more", what);
	accept_some(&worker, watched);
	check(!atomic_load(&listener->deaf), "accepts again", what);
	close(watched->io.fd);
	watched->io.fd = -1;
	free(watched);
	route_listener_unref(listener);
	close(worker.spare);
	loop_close(&worker.loop);
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
	check_start(9, 3, 3, "all");
	check_start(2, 5, 2, "some");
	check_start(0, 4, 0, "none");
	return check_sum();
}
