#include "base.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sys.h"

/* One listening socket is shared by all workers: bind errors are said once, and nothing queued is lost when a worker
 * goes. Where the system can (EPOLLEXCLUSIVE) an arriving client wakes one of them. */

const char *const worker_pause_names[WORKER_PAUSES] = { "limit", "descriptors" };

enum worker_kind { WORKER_LISTENER = SESSION_KINDS };

#define ACCEPTS_PER_TURN 8
#define PAUSE_MS 100

struct watched {
	struct loop_io io;
	struct route_listener *listener; /* borrowed from the worker's table */
};

struct worker {
	struct worker_pool *pool;
	pthread_t thread;
	struct loop loop;
	struct sessions proxy;
	struct watched **watched; /* in the table's order, one for each entry */
	size_t watched_count;
	struct loop_fifo pause;
	struct loop_timer resume;
	int spare; /* a descriptor held for the backend of a client that took the last one; -1 when given away */
	bool paused;
	unsigned reported; /* how often */
	atomic_llong cpu;  /* microseconds, as of the last report */
	unsigned moves, news; /* of the newest table seen; of the pool's when it was */
};

static unsigned interest(const struct worker *w)
{
	return w->paused ? 0 : LOOP_IN | LOOP_SHARED;
}

static struct watched *watched_new(struct route_listener *l)
{
	struct watched *v = sys_alloc(sizeof *v);

	v->io = LOOP_IO(-1, WORKER_LISTENER);
	v->listener = l;
	return v;
}

static void unwatch(struct worker *w, struct watched *v)
{
	if (v->io.fd >= 0)
		loop_forget(&w->loop, &v->io);
	v->io.fd = -1; /* not closed here: the last table that names the listener does that */
	loop_free(&w->loop, v);
}

/* Both lists are sorted by address: one walk finds what stays, what leaves and what is new. */
static void follow_table(struct worker *w, const struct route_table *t)
{
	struct watched **now = t->count ? sys_alloc(t->count * sizeof *now) : NULL;
	size_t old = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct route_listener *l = t->entries[i].listener;
		int fd = atomic_load(&l->fd);

		while (old < w->watched_count && net_compare(&w->watched[old]->listener->addr, &l->addr) < 0)
			unwatch(w, w->watched[old++]);
		if (old < w->watched_count && w->watched[old]->listener == l)
			now[i] = w->watched[old++];
		else
			now[i] = watched_new(l);
		if (fd >= 0 && now[i]->io.fd < 0) {
			now[i]->io.fd = fd;
			if (!loop_want(&w->loop, &now[i]->io, interest(w)))
				log_error("cannot watch %s: %s", l->name, strerror(errno));
		}
	}
	while (old < w->watched_count)
		unwatch(w, w->watched[old++]);
	free(w->watched);
	w->watched = now;
	w->watched_count = t->count;
}

static void take_table(struct worker *w)
{
	struct route_table *old = w->proxy.table, *t;

	w->news = atomic_load(&w->pool->news);
	t = route_take(w->pool->route);
	w->proxy.table = t;
	sessions_retime(&w->proxy);
	follow_table(w, t);
	if (t->moves != w->moves && !atomic_load(&w->pool->shared.finishing))
		sessions_drain(&w->proxy);
	w->moves = t->moves;
	route_release(old);
}

/* Accepting stops when it would only take a client that cannot be served; those wait in the backlog. */
static void set_paused(struct worker *w, bool paused)
{
	if (w->paused == paused)
		return;
	w->paused = paused;
	for (size_t i = 0; i < w->watched_count; i++)
		if (w->watched[i]->io.fd >= 0)
			loop_want(&w->loop, &w->watched[i]->io, interest(w));
	if (!paused)
		return;
	atomic_store(&w->pool->starved, true);
	loop_arm(&w->loop, &w->pause, &w->resume);
}

/* Again and again, while it goes on: the log sums it up. */
static void pause_for(struct worker *w, enum worker_pause why)
{
	if (w->paused)
		return;
	atomic_fetch_add_explicit(&w->pool->pauses[why], 1, memory_order_relaxed);
	if (why == WORKER_LIMIT)
		log_warn("accepting pauses: there are %u connections, the most that there may be",
		         atomic_load(&w->pool->shared.limit));
	else
		log_warn("accepting pauses: no descriptor, or no memory, is left");
	set_paused(w, true);
}

/* A client takes a descriptor, and its backend another: the second one is held before the first is accepted. */
static bool has_spare(struct worker *w)
{
	if (w->spare < 0)
		w->spare = fcntl(w->loop.wake_fds[1], F_DUPFD_CLOEXEC, 0);
	return w->spare >= 0;
}

static void unreserve(struct worker *w)
{
	atomic_fetch_sub(&w->pool->shared.sessions, 1);
	if (atomic_load(&w->pool->shared.finishing))
		w->pool->ring(w->pool->arg);
}

/* Takes one of the places for sessions before the accept, so that two workers never take the same one. */
static bool reserve(struct worker *w)
{
	if (atomic_fetch_add(&w->pool->shared.sessions, 1) < atomic_load(&w->pool->shared.limit))
		return true;
	unreserve(w);
	return false;
}

/* By allow or deny. */
static void turn_away(struct worker *w, const struct route_entry *e, int fd, const struct net_addr *client)
{
	char text[NET_TEXT];

	close(fd);
	unreserve(w);
	atomic_fetch_add_explicit(&e->listener->rejected[ROUTE_DENIED], 1, memory_order_relaxed);
	net_print_host(client, text); /* without its port: what a client does again and again is one message */
	log_warn("%s: client %s is not allowed", e->listener->name, text);
}

static void accept_some(struct worker *w, struct watched *v)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && v->io.fd >= 0; i++) {
		const struct route_entry *e;
		struct net_addr client;
		int fd;

		if (w->news != atomic_load(&w->pool->news)) {
			take_table(w); /* who connects after a change gets what is new; v may be gone */
			return;
		}
		if (w->paused)
			return;
		if (!has_spare(w)) {
			pause_for(w, WORKER_DESCRIPTORS);
			return;
		}
		if (!reserve(w)) {
			pause_for(w, WORKER_LIMIT);
			return;
		}
		fd = net_accept(v->io.fd, &client);
		if (fd < 0)
			unreserve(w);
		if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
			pause_for(w, WORKER_DESCRIPTORS);
		if (fd == -ECONNABORTED || fd == -EINTR)
			continue;
		if (fd < 0)
			return;
		e = route_find(w->proxy.table, &v->listener->addr);
		if (route_admits(w->proxy.table, e, &client))
			session_start(&w->proxy, e, fd, &client);
		else
			turn_away(w, e, fd, &client);
	}
}

static void wake_all(struct worker_pool *pool)
{
	for (unsigned i = 0; i < pool->count && !atomic_load(&pool->closing); i++)
		loop_wake(&pool->workers[i].loop);
}

static void suspected(struct sessions *p)
{
	struct worker_pool *pool = ((struct worker *)p->loop->owner)->pool;

	atomic_store(&pool->suspects, true);
	pool->ring(pool->arg);
}

static bool starved(struct sessions *p)
{
	struct worker *w = p->loop->owner;
	bool had = w->spare >= 0;

	pause_for(w, WORKER_DESCRIPTORS);
	if (had)
		close(w->spare);
	w->spare = -1;
	return had;
}

static void ended(struct sessions *p)
{
	struct worker *w = p->loop->owner;

	if (atomic_load_explicit(&w->pool->starved, memory_order_relaxed) && atomic_exchange(&w->pool->starved, false))
		wake_all(w->pool);
	if (!p->live && atomic_load(&w->pool->shared.finishing))
		w->pool->ring(w->pool->arg);
}

static void on_ready(struct loop *l, struct loop_io *io, unsigned events)
{
	struct worker *w = l->owner;

	if (io->kind == WORKER_LISTENER)
		accept_some(w, (struct watched *)(void *)io);
	else
		session_ready(&w->proxy, io, events);
}

static void on_expired(struct loop *l, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct worker *w = l->owner;

	if (fifo == &w->pause)
		set_paused(w, false);
	else
		session_expired(&w->proxy, fifo, timer);
}

/* All that it has, once for each time that it was asked. */
static void report(struct worker *w)
{
	struct worker_pool *pool = w->pool;

	w->reported = atomic_load(&pool->reports);
	atomic_store(&w->cpu, sys_thread_cpu());
	if (atomic_load(&pool->want_sessions)) {
		pthread_mutex_lock(&pool->report_lock);
		sessions_report(&w->proxy, &pool->report);
		pthread_mutex_unlock(&pool->report_lock);
	} else {
		sessions_report(&w->proxy, NULL);
	}
	if (atomic_fetch_sub(&pool->reporters, 1) == 1)
		pool->ring(pool->arg);
}

static void on_woken(struct loop *l)
{
	struct worker *w = l->owner;

	if (atomic_load(&w->pool->stopping)) {
		l->stop = true;
		return;
	}
	if (w->reported != atomic_load(&w->pool->reports))
		report(w);
	if (w->news != atomic_load(&w->pool->news))
		take_table(w);
	loop_disarm(&w->resume);
	set_paused(w, false);
}

static const struct loop_ops ops = { on_ready, on_expired, on_woken };

static void *run(void *arg)
{
	struct worker *w = arg;

	loop_run(&w->loop);
	return NULL;
}

static void dispose(struct worker *w)
{
	while (w->watched_count)
		unwatch(w, w->watched[--w->watched_count]);
	free(w->watched);
	sessions_close(&w->proxy);
	route_release(w->proxy.table);
	if (w->spare >= 0)
		close(w->spare);
	loop_close(&w->loop);
}

static int start(struct worker_pool *pool, struct worker *w)
{
	int error;

	w->pool = pool;
	w->spare = -1;
	if (!loop_open(&w->loop, &ops, w))
		return errno;
	has_spare(w);
	sessions_open(&w->proxy, &pool->shared, &w->loop);
	w->proxy.suspected = suspected;
	w->proxy.starved = starved;
	w->proxy.ended = ended;
	loop_fifo_open(&w->loop, &w->pause, PAUSE_MS, 0);
	take_table(w);
	error = sys_thread(&w->thread, run, w);
	if (error)
		dispose(w);
	return error;
}

int worker_open(struct worker_pool *pool, unsigned threads)
{
	pthread_mutex_init(&pool->report_lock, NULL);
	pool->workers = sys_alloc(threads * sizeof *pool->workers);
	for (unsigned i = 0; i < threads; i++) {
		int error = start(pool, &pool->workers[i]);

		if (error) {
			worker_close(pool);
			return error;
		}
		pool->count = i + 1; /* none accepts yet: the first table is empty */
	}
	return 0;
}

void worker_tell(struct worker_pool *pool)
{
	atomic_fetch_add(&pool->news, 1);
	wake_all(pool);
}

void worker_ask(struct worker_pool *pool, bool sessions)
{
	atomic_store(&pool->want_sessions, sessions);
	atomic_store(&pool->reporters, pool->count);
	atomic_fetch_add(&pool->reports, 1);
	wake_all(pool);
}

bool worker_told(struct worker_pool *pool, struct session_report *report)
{
	if (atomic_load(&pool->reporters))
		return false;
	pthread_mutex_lock(&pool->report_lock);
	*report = pool->report;
	pool->report = (struct session_report){ 0 };
	pthread_mutex_unlock(&pool->report_lock);
	return true;
}

int64_t worker_cpu(const struct worker_pool *pool, unsigned i)
{
	return atomic_load(&pool->workers[i].cpu);
}

void worker_finish(struct worker_pool *pool)
{
	atomic_store(&pool->shared.finishing, true);
	worker_tell(pool);
}

void worker_close(struct worker_pool *pool)
{
	atomic_store(&pool->stopping, true);
	worker_tell(pool);
	for (unsigned i = 0; i < pool->count; i++)
		pthread_join(pool->workers[i].thread, NULL);
	atomic_store(&pool->closing, true);
	for (unsigned i = 0; i < pool->count; i++)
		dispose(&pool->workers[i]);
	session_report_free(&pool->report);
	pthread_mutex_destroy(&pool->report_lock);
	free(pool->workers);
	pool->workers = NULL;
	pool->count = 0;
}
