#include "base.h"
#include "sys.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
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

static _Atomic(void *) reserve;

bool sys_reserve(void)
{
	if (!atomic_load(&reserve))
		free(atomic_exchange(&reserve, malloc(SYS_RESERVE)));
	return atomic_load(&reserve);
}

/* False: there was none. */
static bool use_reserve(void)
{
	void *p = atomic_exchange(&reserve, NULL);
	bool was = p;

	free(p);
	return was;
}

void *sys_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p && use_reserve())
		p = calloc(1, size ? size : 1);
	return or_abort(p);
}

void *sys_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p && use_reserve())
		p = realloc(old, size ? size : 1);
	return or_abort(p);
}

char *sys_dup(const char *text)
{
	return strcpy(sys_alloc(strlen(text) + 1), text);
}

#define ARENA_BLOCK 256

/* What is aligned comes from the front; texts, which need not be, from the end. */
struct arena_block {
	struct arena_block *below;
	size_t used, end;
	size_t room; /* what the next one goes by */
	max_align_t data[];
};

static struct arena_block *add_block(struct arena *a, size_t room, size_t next)
{
	struct arena_block *b = sys_alloc(sizeof *b + room);

	*b = (struct arena_block){ .below = a->top, .end = room, .room = next };
	return a->top = b;
}

/* The block that has `need` bytes left. Blocks double up to a bound: a small list costs little, a large one few calls. */
static struct arena_block *block_for(struct arena *a, size_t need)
{
	struct arena_block *b = a->top;
	size_t room = !b ? ARENA_BLOCK : b->room < 64 * 1024 ? b->room * 2 : b->room;

	if (b && b->end - b->used >= need)
		return b;
	room = room < need ? need : room;
	return add_block(a, room, room);
}

static size_t aligned(size_t size)
{
	return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

void *arena_start(struct arena *a, size_t size, size_t room)
{
	struct arena_block *b = add_block(a, aligned(size + room), ARENA_BLOCK / 4);

	b->used = aligned(size);
	return b->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t need = aligned(size);
	struct arena_block *b = block_for(a, need);
	void *p = (char *)b->data + b->used;

	b->used += need;
	return p;
}

char *arena_dup(struct arena *a, const char *bytes, size_t len)
{
	struct arena_block *b = block_for(a, len + 1);
	char *p = (char *)b->data + (b->end -= len + 1);

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
	struct timespec t = { 0 };
	int64_t seconds;

	clock_gettime(id, &t); /* 0 where a clock is refused: that of a thread's CPU time may be */
	seconds = sizeof t.tv_sec == 4 ? (int64_t)(uint32_t)t.tv_sec : t.tv_sec; /* of 32 bits: it goes on after 2038 */
	return seconds * per_second + t.tv_nsec / (1000000000 / per_second);
}

/* musl's own default is 128 KiB: what holds with one libc shall hold with the other. */
#define STACK_SIZE (1024 * 1024)

#define NICER 5 /* 2 was too little to be felt by clients, 10 gave no more */
#define SLICE 100000 /* nanoseconds: the least that Linux takes */

void sys_thread_prompt(void)
{
#if defined(__linux__) && defined(SYS_sched_setattr)
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} wish = { .size = sizeof wish, .nice = getpriority(PRIO_PROCESS, 0), .runtime = SLICE };

	/* By number: the function of musl only says that it knows no such thing. */
	if (syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER)
		(void)syscall(SYS_sched_setattr, 0, &wish, 0);
#endif
}

void sys_thread_patient(void)
{
#if defined(__linux__)
	(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
#endif
}

int sys_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	pthread_attr_t attributes;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	error = pthread_create(thread, &attributes, run, arg);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

void sys_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			socket(AF_INET, SOCK_DGRAM, 0); /* where there are no files: it takes the lowest number that is free, too */
}

unsigned long sys_raise_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
#ifdef __linux__
	prlimit(0, RLIMIT_NOFILE, &limit, NULL); /* musl's setrlimit can stop all threads, for kernels that lack this */
#else
	setrlimit(RLIMIT_NOFILE, &limit);
#endif
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur == RLIM_INFINITY ? 1 << 20 : (unsigned long)limit.rlim_cur;
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

int64_t sys_wall_at(int64_t then)
{
	return sys_wall() - (sys_now() - then);
}

int64_t sys_thread_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID, 1000000);
}

#ifdef __APPLE__ /* has no conditions by the monotonic clock */

void sys_cond_open(pthread_cond_t *cond)
{
	pthread_cond_init(cond, NULL);
}

void sys_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	int64_t left = deadline - sys_now();
	struct timespec t = { .tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000 * 1000000) };

	if (left > 0)
		pthread_cond_timedwait_relative_np(cond, lock, &t);
}

#else

void sys_cond_open(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

void sys_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	struct timespec t = { .tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000 * 1000000) };

	pthread_cond_timedwait(cond, lock, &t);
}

#endif

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

/* As musl's sysconf has it, which links a table of all its limits for that. */
long sys_processors(void)
{
#ifdef __linux__
	cpu_set_t set[8]; /* 8,192 of them, the most that Linux has */

	return sched_getaffinity(0, sizeof set, set) == 0 ? CPU_COUNT_S(sizeof set, set) : 1;
#else
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 ? count : 1;
#endif
}
