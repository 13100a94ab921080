#include "base.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "outgoing.h"
#include "place.h"
#include "session_set.h"
#include "sys.h"
#include "text.h"
#include "watch.h"

/* One listening socket is shared by all workers: bind errors are said once, and nothing queued is lost when a worker
 * goes. Where the system can (EPOLLEXCLUSIVE) an arriving client wakes one of them. */

const char *const worker_pause_names[WORKER_PAUSES] = { "limit", "descriptors" };

enum worker_kind { WORKER_LISTENER = SESSION_KINDS };

#define ACCEPTS_PER_TURN 8
#define PAUSE_MS 100

struct worker {
	struct worker_pool *pool;
	pthread_t thread;
	struct loop loop;
	struct sessions sessions;
	struct watches watches;
	struct loop_fifo pause;
	struct loop_timer resume;
	int spare; /* a descriptor kept free, so that an accepted client can always get one for its backend; -1: in use */
	unsigned reported; /* how often */
	atomic_llong cpu;  /* microseconds, as of the last report */
	unsigned news; /* the pool's, when the table in use was taken */
	atomic_uint met;   /* the last meeting that it came to */
	unsigned returned; /* the pool's `returns` when its places were */
	char apart[64]; /* from the next worker's */
};

static void worker_wake_all(struct worker_pool *pool)
{
	for (unsigned i = 0; i < pool->count && !atomic_load(&pool->closing); i++)
		loop_wake(&pool->workers[i].loop);
}

static struct session_cell *worker_cell(const struct worker *w)
{
	return &w->pool->shared.cells[w->sessions.worker];
}

/* Of a listener that it may accept from, or has sessions of. */
static struct route_cell *worker_cell_of(const struct worker *w, const struct route_listener *listener)
{
	return route_listener_own(listener, w->sessions.worker);
}

static void worker_moved(void *arg, struct route_cell *cell)
{
	struct worker *worker = arg;

	if (!atomic_load(&worker->pool->shared.finishing))
		sessions_drain(&worker->sessions, cell->sessions);
}

/* What differs between two tables of this worker. */
static void follow_table(struct worker *worker, const struct route_table *old, const struct route_table *table)
{
	struct route_change *changes = NULL;
	size_t count = old != table ? route_changes(old, table, &changes) : 0;

	for (size_t i = 0; i < count; i++)
		route_cells_follow(changes[i].old, changes[i].now, worker->sessions.worker, worker_moved, worker);
	watch_follow(&worker->watches, table, changes, count);
	free(changes);
}

static void take_table(struct worker *worker)
{
	struct route_table *old = worker->sessions.table, *table;

	worker->news = atomic_load(&worker->pool->news);
	table = route_take(worker->pool->route);
	worker->sessions.table = table;
	sessions_retime(&worker->sessions);
	follow_table(worker, old, table);
	if (route_leave(worker->pool->route, old))
		worker->pool->ring(worker->pool->arg);
}

/* Accepting stops when it would only take clients that cannot be served; they wait in the backlog. */
static void set_paused(struct worker *worker, bool paused)
{
	if (worker->watches.paused == paused)
		return;
	watch_pause(&worker->watches, paused);
	if (!paused)
		return;
	atomic_store(&worker->pool->starved, true);
	loop_arm(&worker->loop, &worker->pause, &worker->resume);
}

/* No memory is left to let one listener rest. */
static void worker_stuck(struct watches *watches)
{
	set_paused(CONTAINER_OF(watches, struct worker, watches), true);
}

/* Repeats while the cause lasts: the log sums it up. */
static void pause_for(struct worker *worker, enum worker_pause why)
{
	unsigned limit = atomic_load(&worker->pool->shared.limit);

	if (worker->watches.paused)
		return;
	atomic_fetch_add_explicit(&worker->pool->pauses[why], 1, memory_order_relaxed);
	if (why == WORKER_LIMIT)
		log_warn("accepting pauses: there %s %u connection%s, the most that there may be", limit == 1 ? "is" : "are", limit,
		         text_s(limit));
	else
		log_warn("accepting pauses: no descriptor or memory is left");
	set_paused(worker, true);
}

/* A client takes a descriptor, and its backend another: the second one is held before the first is accepted. A system
 * that refuses to duplicate one for another reason than that none is left is gone along with. */
static bool has_spare(struct worker *w)
{
	if (w->spare < 0)
		w->spare = fcntl(w->loop.wake_fds[1], F_DUPFD_CLOEXEC, 0);
	return w->spare >= 0 || !net_exhausted(errno);
}

/* Gives a place back that no session has had. Who found none meanwhile looks again by itself. */
static void unreserve(struct worker *w, struct route_listener *listener)
{
	place_give_back(&w->pool->shared, worker_cell(w), listener, worker_cell_of(w, listener));
	if (atomic_load(&w->pool->shared.finishing))
		w->pool->ring(w->pool->arg);
}

/* Whom the services do not allow; or dill itself, which a backend of the listener leads to. */
static void turn_away(struct worker *w, const struct route_entry *e, int fd, const struct net_addr *client,
                      enum route_reject why)
{
	char text[NET_TEXT];

	if (why == ROUTE_LOOP)
		net_reset_on_close(fd);
	close(fd);
	unreserve(w, e->listener);
	route_reject(e->listener, why);
	net_print_host(client, text);
	log_about(LOG_WARN, e->listener, "client", why == ROUTE_LOOP ?
	          "%s: a loop: client %s is dill itself, for a backend is a listener of dill" : "%s: client %s is not allowed",
	          e->listener->name, text);
}

/* This listener has no place left, and others may have some. Repeats, as pause_for() does. */
static void watched_full(struct worker *w, struct watched *v)
{
	atomic_fetch_add_explicit(&w->pool->pauses[WORKER_LIMIT], 1, memory_order_relaxed);
	log_about(LOG_WARN, v->entry->listener, "time", "%s: accepting pauses: what is left of %u connections is for other listeners",
	          v->entry->listener->name, atomic_load(&w->pool->shared.limit));
	watch_stop(&w->watches, v, &w->watches.full);
}

/* Others have some that no session needs. */
static void wait_for_place(struct worker *w, struct watched *v)
{
	watch_stop(&w->watches, v, &w->watches.again);
	if (!session_spare(&w->pool->shared))
		return;
	atomic_fetch_add(&w->pool->returns, 1);
	worker_wake_all(w->pool);
}

/* Sessions may have taken all places; or workers have some to spare, or only look whether somebody is there, as this one
 * does: then it is no pause. */
static void find_no_place(struct worker *w, struct watched *v)
{
	struct session_shared *shared = &w->pool->shared;
	unsigned taken = atomic_load(&shared->taken), live = session_live(shared);

	if (live >= atomic_load(&shared->limit))
		pause_for(w, WORKER_LIMIT);
	else if (place_common_full(shared, taken > live ? taken - live : 0))
		watched_full(w, v);
	else
		wait_for_place(w, v);
}

/* Before each accept: a descriptor for the backend, and a place, so that two workers never take the same one. Without them
 * accepting pauses. */
static bool may_accept(struct worker *w, struct watched *v)
{
	struct session_shared *shared = &w->pool->shared;
	struct route_cell *cell;

	if (w->watches.paused)
		return false;
	cell = route_listener_cell(v->entry->listener, w->sessions.worker, shared->cell_count);
	if (!cell || !has_spare(w))
		pause_for(w, WORKER_DESCRIPTORS);
	else if (!place_take(shared, worker_cell(w), v->entry->listener, cell))
		find_no_place(w, v);
	else
		return true;
	return false;
}

/* A client has not been accepted. True: the next one may be. Some failures are of one client alone; one after the other
 * are of the listener. */
static bool accept_failed(struct worker *w, struct watched *v, int error)
{
	unreserve(w, v->entry->listener);
	if (net_exhausted(error))
		pause_for(w, WORKER_DESCRIPTORS);
	else if (net_again(error))
		watch_accepts(v);
	else if (++v->failures == ACCEPTS_PER_TURN)
		watch_refused(&w->watches, v, error);
	else
		return true;
	return error == EINTR;
}

static void add_live(struct worker *w, int change)
{
	struct session_cell *cell = worker_cell(w);
	unsigned live = atomic_load_explicit(&cell->live, memory_order_relaxed); /* nobody else writes it */

	atomic_store_explicit(&cell->live, live + (unsigned)change, memory_order_relaxed);
}

/* Takes one client, who has a place. False when that is all for now. */
static bool accept_one(struct worker *worker, struct watched *watched)
{
	const struct route_entry *entry = watched->entry;
	struct net_addr client;
	int fd = net_accept(watched->io.fd, &client);

	if (fd < 0)
		return accept_failed(worker, watched, -fd);
	watch_accepts(watched);
	if (outgoing_loops(&client, entry->listener)) {
		turn_away(worker, entry, fd, &client, ROUTE_LOOP);
	} else if (!route_admits(worker->sessions.table, entry, &client)) {
		turn_away(worker, entry, fd, &client, ROUTE_DENIED);
	} else {
		add_live(worker, 1);
		session_start(&worker->sessions, entry, fd, &client);
	}
	return true;
}

static void accept_some(struct worker *w, struct watched *v)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && v->io.fd >= 0; i++) {
		if (w->news != atomic_load(&w->pool->news)) {
			take_table(w); /* clients after a change get the new table; v may be gone */
			return;
		}
		if (!may_accept(w, v) || !accept_one(w, v))
			return;
	}
}

/* Nobody may be there to be accepted: only a try tells whether it can again. */
static void watched_wakes(struct worker *w, struct watched *v)
{
	watch_again(&w->watches, v);
	if (!v->rest)
		accept_some(w, v);
}

static void worker_suspected(struct sessions *set, struct route_backend *backend)
{
	struct worker_pool *pool = ((struct worker *)set->loop->owner)->pool;
	struct worker_suspects *suspects = &pool->suspects;

	pthread_mutex_lock(&pool->suspects_lock);
	if (suspects->count < ARRAY_LEN(suspects->items))
		suspects->items[suspects->count++] = route_backend_ref(backend);
	else
		suspects->more = true;
	pthread_mutex_unlock(&pool->suspects_lock);
	atomic_store(&pool->suspected, true);
	pool->ring(pool->arg);
}

bool worker_take_suspects(struct worker_pool *pool, struct worker_suspects *suspects)
{
	if (!atomic_exchange(&pool->suspected, false))
		return false;
	pthread_mutex_lock(&pool->suspects_lock);
	*suspects = pool->suspects;
	pool->suspects.count = 0;
	pool->suspects.more = false;
	pthread_mutex_unlock(&pool->suspects_lock);
	return true;
}

static bool worker_starved(struct sessions *set)
{
	struct worker *w = set->loop->owner;
	bool had = w->spare >= 0;

	pause_for(w, WORKER_DESCRIPTORS);
	if (had)
		close(w->spare);
	w->spare = -1;
	return had;
}

static void worker_ended(struct sessions *set, struct route_listener *listener)
{
	struct worker *w = set->loop->owner;
	struct worker_pool *pool = w->pool;
	bool waits = place_give_back(&pool->shared, worker_cell(w), listener, worker_cell_of(w, listener));

	add_live(w, -1);
	if ((atomic_load_explicit(&pool->starved, memory_order_relaxed) && atomic_exchange(&pool->starved, false)) || waits)
		worker_wake_all(pool);
	if (!set->live && atomic_load(&pool->shared.finishing))
		pool->ring(pool->arg);
}

/* No place is kept for a listener that is not watched any more. */
static void worker_left(struct watches *watches, struct route_listener *listener)
{
	struct worker *w = CONTAINER_OF(watches, struct worker, watches);
	struct route_cell *cell = worker_cell_of(w, listener);

	if (!cell)
		return;
	cell->listed = false;
	if (place_return(&w->pool->shared, worker_cell(w), listener, cell))
		worker_wake_all(w->pool);
	if (atomic_load(&w->pool->shared.finishing))
		w->pool->ring(w->pool->arg);
}

static void return_places(struct worker *w)
{
	struct session_cell *own = worker_cell(w);
	bool waited = false;

	w->returned = atomic_load(&w->pool->returns);
	for (size_t i = 0; i < w->watches.count && atomic_load_explicit(&own->spare, memory_order_relaxed); i++) {
		struct route_listener *listener = w->watches.all[i]->entry->listener;
		struct route_cell *cell = worker_cell_of(w, listener);

		waited = (cell && place_return(&w->pool->shared, own, listener, cell)) || waited;
	}
	if (waited)
		worker_wake_all(w->pool);
}

static void worker_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	struct worker *w = loop->owner;

	if (io->kind == WORKER_LISTENER)
		accept_some(w, CONTAINER_OF(io, struct watched, io));
	else
		session_ready(&w->sessions, io, events);
}

static void worker_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct worker *w = loop->owner;

	if (fifo == &w->pause)
		set_paused(w, false);
	else if (watch_is_rest(&w->watches, fifo))
		watched_wakes(w, watch_of(timer));
	else
		session_expired(&w->sessions, fifo, timer);
}

/* Tells what it has, once each time it is asked. */
static void worker_report(struct worker *worker)
{
	struct worker_pool *pool = worker->pool;

	worker->reported = atomic_load(&pool->reports);
	atomic_store(&worker->cpu, sys_thread_cpu());
	if (atomic_load(&pool->want_sessions)) {
		pthread_mutex_lock(&pool->report_lock);
		sessions_report(&worker->sessions, &pool->report);
		pthread_mutex_unlock(&pool->report_lock);
	} else {
		sessions_report(&worker->sessions, NULL);
	}
	if (atomic_fetch_sub(&pool->reporters, 1) == 1)
		pool->ring(pool->arg);
}

static void worker_come(struct worker *w)
{
	unsigned meeting = atomic_load(&w->pool->meetings);

	w->watches.early = atomic_load(&w->pool->early);
	watch_renew(&w->watches);
	atomic_store(&w->met, meeting);
	w->pool->ring(w->pool->arg);
}

static void worker_woken(struct loop *loop)
{
	struct worker *w = loop->owner;

	if (atomic_load(&w->pool->stopping)) {
		loop->stop = true;
		return;
	}
	if (w->reported != atomic_load(&w->pool->reports))
		worker_report(w);
	if (w->news != atomic_load(&w->pool->news))
		take_table(w);
	if (atomic_load(&w->met) != atomic_load(&w->pool->meetings))
		worker_come(w);
	if (w->returned != atomic_load(&w->pool->returns))
		return_places(w);
	loop_disarm(&w->resume);
	set_paused(w, false);
	watch_again_full(&w->watches);
}

static const struct loop_ops worker_ops = { worker_ready, worker_expired, worker_woken };

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	sys_thread_prompt();
	loop_run(&w->loop);
	return NULL;
}

static void worker_dispose(struct worker *w)
{
	for (size_t i = 0; w->sessions.table && i < w->sessions.table->count; i++)
		route_cells_follow(w->sessions.table->entries[i], NULL, w->sessions.worker, NULL, NULL);
	watch_close(&w->watches);
	sessions_close(&w->sessions);
	route_release(w->sessions.table);
	if (w->spare >= 0)
		close(w->spare);
	loop_close(&w->loop);
}

static int worker_start(struct worker_pool *pool, struct worker *worker)
{
	int error;

	worker->pool = pool;
	worker->spare = -1;
	if (!loop_open(&worker->loop, &worker_ops, worker))
		return errno;
	has_spare(worker);
	sessions_open(&worker->sessions, &pool->shared, (unsigned)(worker - pool->workers), &worker->loop);
	worker->sessions.suspected = worker_suspected;
	worker->sessions.starved = worker_starved;
	worker->sessions.ended = worker_ended;
	loop_fifo_open(&worker->loop, &worker->pause, PAUSE_MS, 0);
	watch_open(&worker->watches, &worker->loop, WORKER_LISTENER);
	worker->watches.left = worker_left;
	worker->watches.stuck = worker_stuck;
	worker->watches.early = atomic_load(&pool->early);
	take_table(worker);
	error = sys_thread(&worker->thread, worker_run, worker);
	if (error)
		worker_dispose(worker);
	return error;
}

int worker_open(struct worker_pool *pool, unsigned threads)
{
	int error = 0;

	pthread_mutex_init(&pool->report_lock, NULL);
	pthread_mutex_init(&pool->suspects_lock, NULL);
	pool->workers = sys_alloc(threads * sizeof *pool->workers);
	pool->shared.cells = sys_alloc(threads * sizeof *pool->shared.cells);
	pool->shared.cell_count = threads;
	while (pool->count < threads && !error) {
		error = worker_start(pool, &pool->workers[pool->count]);
		pool->count += !error; /* none accepts yet: the first table is empty */
	}
	if (!pool->count)
		worker_close(pool);
	return error;
}

void worker_tell(struct worker_pool *pool)
{
	atomic_fetch_add(&pool->news, 1);
	worker_wake_all(pool);
}

void worker_ask(struct worker_pool *pool, bool sessions)
{
	atomic_store(&pool->want_sessions, sessions);
	atomic_store(&pool->reporters, pool->count);
	atomic_fetch_add(&pool->reports, 1);
	worker_wake_all(pool);
}

void worker_meet(struct worker_pool *pool)
{
	atomic_fetch_add(&pool->meetings, 1);
	worker_wake_all(pool);
}

bool worker_met(const struct worker_pool *pool)
{
	unsigned meeting = atomic_load(&pool->meetings);

	for (unsigned i = 0; i < pool->count; i++)
		if (atomic_load(&pool->workers[i].met) != meeting)
			return false;
	return true;
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

int64_t worker_cpu(const struct worker_pool *pool, unsigned worker)
{
	return atomic_load(&pool->workers[worker].cpu);
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
		worker_dispose(&pool->workers[i]);
	session_report_free(&pool->report);
	while (pool->suspects.count)
		route_backend_unref(pool->suspects.items[--pool->suspects.count]);
	pthread_mutex_destroy(&pool->suspects_lock);
	pthread_mutex_destroy(&pool->report_lock);
	free(pool->workers);
	free(pool->shared.cells);
	pool->shared.cells = NULL;
	pool->shared.cell_count = 0;
	pool->workers = NULL;
	pool->count = 0;
}
