/* sys: memory that does not fail, an arena, threads, and the clock. */
#ifndef SYS_H
#define SYS_H

#include "base.h"

#include <pthread.h>

/* Zeroed memory, to be given to free(). Never NULL: without memory the process says so and aborts. The data plane,
 * where one connection may fail alone, calls malloc() instead; so does what may be large and somebody merely asked for. */
void *sys_alloc(size_t size);
/* As realloc(), with the same promise. What is new is not zeroed. */
void *sys_realloc(void *old, size_t size);
char *sys_dup(const char *text); /* a copy, with the same promise */
/* Puts SYS_RESERVE bytes aside, if they are not there any more: the functions above use them up before they abort. Who
 * serves strangers calls this first, and does not serve when it says false: then the small pieces that an answer takes
 * cannot end the process. */
#define SYS_RESERVE (256 * 1024)
bool sys_reserve(void);
/* Makes room in *items for one more of `size` bytes, doubling: the idiom of every growing array here. */
#define SYS_GROW(items, count, cap) \
	((count) < (cap) ? (void)0 : (void)((items) = sys_realloc((items), ((cap) = (cap) ? (cap) * 2 : 2) * sizeof *(items))))

/* An arena: many small pieces that live and die together. Start with {0}. */
struct arena {
	struct arena_block *top;
};
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
/* The same, the first piece of an arena that will need about `room` bytes more: all of that is one block. */
void *arena_start(struct arena *a, size_t size, size_t room);
char *arena_dup(struct arena *a, const char *bytes, size_t len); /* with a NUL behind it */
/* As SYS_GROW, for an array in the arena: what it grows out of stays there until the end. */
#define ARENA_GROW(arena, items, count, cap) \
	((count) < (cap) ? (void)0 : (void)((items) = arena_grow((arena), (items), (count) * sizeof *(items), \
	                                    ((cap) = (cap) ? (cap) * 2 : 1) * sizeof *(items))))
void *arena_grow(struct arena *a, const void *old, size_t used, size_t size);
void arena_free(struct arena *a);

/* A thread that no signal is delivered to: they belong to the control plane. Its stack is 1 MiB. 0 or an errno. */
int sys_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);
/* Asks the system for short turns of this thread, and soon: it has little to do at a time. No more of the CPU than others
 * have. Nothing happens where the system knows no such wish (Linux 6.12 does). */
void sys_thread_prompt(void);
/* Lets others go first where there is one CPU for all: this thread's nice value is 5 higher, so that it has a quarter of
 * their share. On Linux, where that is the thread's own. */
void sys_thread_patient(void);

/* pthread_cond_timedwait() with a deadline on sys_now()'s clock, for what sys_cond_open() has opened. It may return
 * earlier. */
void sys_cond_open(pthread_cond_t *cond);
void sys_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);

/* At the start: puts something where the process has no standard input, output or error. Another descriptor would get
 * that number, and text for people would go there. */
void sys_standard_fds(void);

/* Has the system let this process have as many descriptors as it may; returns how many. */
unsigned long sys_raise_fds(void);

int64_t sys_now(void);      /* milliseconds of the monotonic clock: for all that waits, and for ages */
int64_t sys_micros(void);   /* microseconds of the same clock */
int64_t sys_wall(void);     /* milliseconds since 1970, UTC, to be shown: somebody may set this clock */
int64_t sys_wall_at(int64_t then); /* the same of a past time on sys_now()'s clock, as the clocks are now */
int64_t sys_thread_cpu(void); /* microseconds of CPU that the calling thread has used */
long sys_processors(void);  /* that this process may use; 1 at least */
uint32_t sys_random(void);  /* for jitter and balancing, not for secrets; any thread */

#endif
