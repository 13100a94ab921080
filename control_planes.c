#include "base.h"
#include "control_planes.h"

#include <string.h>

#include "log.h"
#include "net.h"
#include "place.h"
#include "resolve_conf.h"
#include "resolve_wait.h"
#include "rules.h"
#include "session.h"
#include "text.h"

#define SPARE_FDS 20 /* kept from sessions, for everything else */

/* What the configuration says. */

static void set_rules(struct control *control, const struct config *config)
{
	struct arena old = control->ranges;
	struct route_rules rules;

	control->ranges = (struct arena){ 0 };
	rules = rules_of(config, &control->ranges);
	rules.lookup = control->route.rules.lookup;
	rules.lookup_arg = control->route.rules.lookup_arg;
	control->route.rules = rules;
	route_forget(&control->route);
	arena_free(&old);
}

static void set_times(struct control *control, const struct config *config)
{
	struct session_shared *shared = &control->pool.shared;

	atomic_store(&shared->connect_timeout, config->connect_timeout);
	atomic_store(&shared->tries, (unsigned)config->tries);
	atomic_store(&shared->try_time, config->try_time);
	atomic_store(&shared->idle_timeout, config->idle_timeout);
	atomic_store(&shared->drain, config->drain);
	atomic_store(&shared->access, config->log_access);
	loop_fifo_retime(&control->grace, config->grace);
}

static void set_names(struct control *control, const struct config *config)
{
	struct net_addr servers[RESOLVE_SERVERS];
	struct resolve_rules rules = rules_names(config, servers);

	resolve_set(control->resolver, &rules);
	resolve_wait_set(&rules);
	loop_fifo_retime(&control->names, config->dns_timeout);
}

static void set_health(struct control *control, const struct config *config)
{
	health_set(&control->health, &(struct health_rules){
		.mode = (enum health_mode)config->health_enabled, .interval = config->health_interval,
		.timeout = config->health_timeout, .unhealthy = (unsigned)config->unhealthy_threshold,
		.healthy = (unsigned)config->healthy_threshold
	}, control->route.table);
}

void control_set(struct control *control, const struct config *config)
{
	set_rules(control, config);
	set_times(control, config);
	set_names(control, config);
	set_health(control, config);
}

/* Descriptors. */

/* Checks of backends take some of them, but not all of few. Many that do not answer want many: each takes one for as long as
 * health.timeout. */
static unsigned probes_at_once(void)
{
	unsigned long limit = sys_raise_fds(), fit = limit < 64 * 32 ? limit / 16 : limit / 32;

	if (limit < 64 * 32 && fit > 64)
		fit = 64;
	return fit > 1024 ? 1024 : fit < 2 ? 2 : (unsigned)fit;
}

/* A session takes two descriptors; those of listeners, and the spare ones, are not for sessions. */
void control_set_limit(struct control *control)
{
	long asked = control->config->max_connections, left = (long)sys_raise_fds();
	long fit;

	left -= SPARE_FDS + (long)control->health.most + (long)WORKER_FDS * control->pool.count + (long)control->route.table->count;
	fit = left > 4 ? left / 2 : 2;
	place_share(&control->pool.shared, &control->route, (unsigned)(asked && asked < fit ? asked : fit),
	            (unsigned)control->config->reserve);
}

/* Opening and closing. */

bool control_open_loop(struct control *control, const struct loop_ops *ops, int signals)
{
	if (!loop_open(&control->loop, ops, control))
		return false;
	loop_fifo_open(&control->loop, &control->rebind, 0, 0);
	loop_fifo_open(&control->loop, &control->names, 0, 0);
	loop_fifo_open(&control->loop, &control->grace, 0, 0);
	control->signals = LOOP_IO(signals, CONTROL_SIGNALS);
	loop_want(&control->loop, &control->signals, LOOP_IN);
	return true;
}

/* From the threads of sources, and from the resolver. */
static void ring_news(void *arg)
{
	struct control *control = arg;

	atomic_store(&control->news, true);
	loop_wake(&control->loop);
}

/* From the workers. */
static void ring_worker(void *arg)
{
	struct control *control = arg;

	loop_wake(&control->loop);
}

void control_open_planes(struct control *control)
{
	supervisor_open(&control->sources, ring_news, control);
	control->resolver = resolve_open(&control->loop, CONTROL_RESOLVE, ring_news, control);
	route_open(&control->route, &(struct route_rules){ .lookup = resolve_lookup, .lookup_arg = control->resolver });
	health_open(&control->health, &control->loop, CONTROL_PROBE, probes_at_once());
	upgrade_watch(&control->upgrade, &control->loop, CONTROL_UPGRADE);
	control_set(control, control->config);
}

/* As many as the configuration says; but workers take a quarter of all descriptors at most, or sessions would have none,
 * and the system may not give so many threads. */
bool control_start_workers(struct control *control)
{
	unsigned asked = (unsigned)control->config->threads;
	unsigned long fit = sys_raise_fds() / (4 * WORKER_FDS);
	struct worker_pool *pool = &control->pool;
	int error;

	pool->route = &control->route;
	pool->ring = ring_worker;
	pool->arg = control;
	atomic_store(&pool->early, control->takeover.on);
	error = worker_open(pool, fit >= asked ? asked : fit ? (unsigned)fit : 1);
	control_set_limit(control);
	if (!pool->count)
		log_error("cannot start the workers: %s", strerror(error));
	else if (pool->count < asked)
		log_warn("workers: %u instead of %u: %s", pool->count, asked,
		         error ? strerror(error) : "more would leave too few descriptors for sessions (ulimit -n)");
	return pool->count;
}

void control_close_planes(struct control *control)
{
	health_close(&control->health);
	route_close(&control->route);
	upgrade_close(&control->upgrade);
	takeover_close(&control->takeover);
	arena_free(&control->ranges);
	resolve_close(control->resolver);
	supervisor_close(&control->sources);
	loop_close(&control->loop);
}
