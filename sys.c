#include "base.h"
#include "sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void *or_abort(void *p)
{
	static const char why[] = "dill: out of memory\n";

	if (!p) {
		ssize_t n = write(STDERR_FILENO, why, sizeof why - 1);
		(void)n;
		abort();
	}
	return p;
}

void *sys_alloc(size_t size)
{
	return or_abort(calloc(1, size ? size : 1));
}

void *sys_realloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1));
}

char *sys_dup(const char *text)
{
	return strcpy(sys_alloc(strlen(text) + 1), text);
}

#define ARENA_BLOCK 256

struct arena_block {
	struct arena_block *below;
	size_t used, size;
	max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->top;
	size_t need = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	void *p;

	if (!b || b->size - b->used < need) {
		/* Blocks double up to a bound: a small list costs little, a large one few calls. */
		size_t room = b && b->size < 64 * 1024 ? b->size * 2 : ARENA_BLOCK;

		if (b && b->size >= 64 * 1024)
			room = b->size;
		if (room < need)
			room = need;
		b = sys_alloc(sizeof *b + room);
		b->size = room;
		b->below = a->top;
		a->top = b;
	}
	p = (char *)b->data + b->used;
	b->used += need;
	return p;
}

char *arena_dup(struct arena *a, const char *bytes, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len)
		memcpy(p, bytes, len);
	return p;
}

void *arena_grow(struct arena *a, const void *old, size_t used, size_t size)
{
	void *items = arena_alloc(a, size);

	if (used)
		memcpy(items, old, used);
	return items;
}

void arena_free(struct arena *a)
{
	while (a->top) {
		struct arena_block *below = a->top->below;

		free(a->top);
		a->top = below;
	}
}

static int64_t read_clock(clockid_t id, int64_t per_second)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int sys_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

void sys_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			socket(AF_INET, SOCK_DGRAM, 0); /* where there are no files: it takes the lowest number that is free, too */
}

int64_t sys_now(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000);
}

int64_t sys_micros(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000000);
}

int64_t sys_wall(void)
{
	return read_clock(CLOCK_REALTIME, 1000);
}

int64_t sys_thread_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID, 1000000);
}

void sys_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	int64_t at = sys_wall() + (deadline - sys_now());
	struct timespec t = { .tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000 * 1000000) };

	pthread_cond_timedwait(cond, lock, &t);
}

/* A counter through the finaliser of splitmix64: every caller gets a number of its own, without a lock. */
uint32_t sys_random(void)
{
	static _Atomic uint64_t counter;
	uint64_t x = atomic_load_explicit(&counter, memory_order_relaxed);

	if (!x)
		atomic_compare_exchange_strong(&counter, &x, (uint64_t)sys_wall() << 20 | (uint64_t)getpid());
	x = atomic_fetch_add_explicit(&counter, 0x9e3779b97f4a7c15u, memory_order_relaxed);
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(x ^ x >> 31);
}
