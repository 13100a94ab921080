/* Cases for worker.c: as many workers as the system has threads and descriptors for. */
#include "base.h"

#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "sys.h"

static int threads_left;

static int few_threads(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	return threads_left-- > 0 ? sys_thread(thread, run, arg) : EAGAIN;
}

#define sys_thread few_threads
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

int main(void)
{
	check_start(9, 3, 3, "all");
	check_start(2, 5, 2, "some");
	check_start(0, 4, 0, "none");
	return check_sum();
}
