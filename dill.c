/* main: the control plane. It starts everything in order, joins what the sources say into the table, and stops
 * everything in reverse. */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admit.h"
#include "ask.h"
#include "config.h"
#include "file.h"
#include "health.h"
#include "log.h"
#include "loop.h"
#include "net.h"
#include "notify.h"
#include "option.h"
#include "peek.h"
#include "resolve.h"
#include "route.h"
#include "service.h"
#include "supervisor.h"
#include "stats.h"
#include "status.h"
#include "sys.h"
#include "worker.h"

extern char **environ;

#define REBIND_MS 500
#define SPARE_FDS 20 /* kept from sessions, for everything else */

/* Kinds of descriptors in the control loop; a server has two. */
enum control_kind { SIGNALS, PEEK, STATUS = PEEK + 2, PROBE = STATUS + 2 };

struct control {
	int argc;
	char **argv;
	struct config *config;
	struct loop loop;
	struct loop_io signals;
	struct loop_fifo rebind, grace;
	struct loop_timer rebind_timer, grace_timer;
	struct route route;
	struct admit_label *labels;
	struct arena ranges; /* listeners.allow */
	struct worker_pool pool;
	struct supervisor sources;
	struct resolver *resolver;
	struct health health;
	struct admin peek;
	struct status status;
	struct stats stats;
	atomic_bool news; /* of a source or the resolver */
	bool stopping;
	bool said_ready; /* to the service manager */
};

/* Signals arrive through a pipe. */
static int signal_pipe[2];

static void on_signal(int number)
{
	int saved = errno;
	unsigned char byte = (unsigned char)number;
	ssize_t n = write(signal_pipe[1], &byte, 1);

	(void)n;
	errno = saved;
}

/* libc's look-up of a name cannot be cancelled. One that hangs must not keep a clean stop waiting. */
#define STOP_SECONDS 3

static void on_alarm(int number)
{
	_exit(number == SIGALRM ? 0 : 1);
}

static void stop_bounded(void)
{
	struct sigaction act = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &act, NULL);
	sigaction(SIGTERM, &act, NULL); /* a second one stops at once */
	sigaction(SIGINT, &act, NULL);
	alarm(STOP_SECONDS);
}

static void block_signals(bool block)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static bool catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (!net_pipe(signal_pipe))
		return false;
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	sigaction(SIGUSR1, &act, NULL);
#ifdef SIGINFO
	sigaction(SIGINFO, &act, NULL);
#endif
	return true;
}

/* What the configuration says. Of it all, only the number of workers stays what it was at the start. */

static void set_rules(struct control *k, const struct config *c)
{
	struct admit_label *old = k->labels;
	struct arena old_ranges = k->ranges;
	struct admit_ranges allow;

	k->ranges = (struct arena){ 0 };
	admit_ranges(slice_of(c->allow), &k->ranges, &allow);
	k->labels = sys_alloc((c->label_count + 1) * sizeof *k->labels);
	for (size_t i = 0; i < c->label_count; i++)
		k->labels[i] = (struct admit_label){ c->labels[i].name, c->labels[i].addr };
	k->route.rules.admit = (struct admit_rules){
		.labels = k->labels, .label_count = c->label_count, .port_min = c->port_min, .port_max = c->port_max,
		.allow = allow
	};
	k->route.rules.balance = (enum service_balance)c->balance;
	free(old);
	arena_free(&old_ranges);
}

static void set_times(struct control *k, const struct config *c)
{
	atomic_store(&k->pool.shared.connect_timeout, c->connect_timeout);
	atomic_store(&k->pool.shared.idle_timeout, c->idle_timeout);
	atomic_store(&k->pool.shared.drain, c->drain);
	atomic_store(&k->pool.shared.access, c->log_access);
	loop_fifo_retime(&k->grace, c->grace);
}

static void set_health(struct control *k, const struct config *c)
{
	health_set(&k->health, &(struct health_rules){
		.mode = (enum health_mode)c->health_enabled, .interval = c->health_interval, .timeout = c->health_timeout,
		.unhealthy = (unsigned)c->unhealthy_threshold, .healthy = (unsigned)c->healthy_threshold
	}, k->route.table);
}

static bool set_server(struct admin *server, const char *key, const char *where)
{
	struct slice host;
	struct net_addr at;
	uint16_t port;
	int error;

	if (*where) {
		net_split(slice_of(where), &host, &port);
		net_local(host, port, &at);
	}
	error = admin_listen(server, *where ? &at : NULL);
	if (error)
		log_error("%s: cannot listen on %s: %s", key, where, strerror(error));
	return !error;
}

/* Reads all of it, and the services that it names. NULL: *status is the exit status; what is wrong has been said. */
static struct config *read_config(const struct control *k, struct service_list **given, int *status)
{
	struct config *c = sys_alloc(sizeof *c);

	*given = NULL;
	*status = config_read(c, k->argc, k->argv, environ);
	config_ref(c);
	if (!*status && !c->help && !c->version) {
		bool fine = supervisor_check(c);

		*given = supervisor_given(c);
		if (!fine || !*given)
			*status = 1;
	}
	if (!*status)
		return c;
	service_free(*given);
	config_unref(c);
	return NULL;
}

/* Descriptors. */

static rlim_t raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1024;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	getrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur == RLIM_INFINITY ? 1 << 20 : r.rlim_cur;
}

/* Checks of backends take some of them, but not all of few. */
static unsigned probes_at_once(void)
{
	rlim_t fit = raise_limit() / 16;

	return fit > 64 ? 64 : fit < 2 ? 2 : (unsigned)fit;
}

/* A session takes two descriptors; what listens, and the spare ones, are not for sessions. */
static void set_limit(struct control *k)
{
	long asked = k->config->max_connections, left = (long)raise_limit();
	long fit;

	left -= SPARE_FDS + (long)k->health.most + 4L * k->pool.count + (long)k->route.table->count;
	fit = left > 4 ? left / 2 : 2;
	atomic_store(&k->pool.shared.limit, (unsigned)(asked && asked < fit ? asked : fit));
}

/* The service manager. It hears READY once, when the first table is in force, and again after a reload. */

static void tell_manager(struct control *k)
{
	const struct route_table *t = k->route.table;
	const char *why;
	size_t open, failed;
	bool ready = stats_ready(&k->stats, &why) == 200;

	stats_listeners(t, &open, &failed);
	if (!ready)
		notify_send("STATUS=%s", why);
	else
		notify_send("%sSTATUS=%zu listeners open, %zu failed, %zu wishes refused", k->said_ready ? "" : "READY=1\n", open,
		            failed, t->refused_count);
	k->said_ready = k->said_ready || ready;
}

/* The table. */

static void update(struct control *k)
{
	bool changed;

	resolve_round(k->resolver);
	changed = route_update(&k->route, k->sources.lists, CONFIG_SOURCES);
	health_follow(&k->health, k->route.table);
	if (changed) {
		set_limit(k);
		worker_tell(&k->pool);
	}
	if (changed || !k->said_ready)
		tell_manager(k);
	if (route_unbound(&k->route) && !k->rebind_timer.next)
		loop_arm(&k->loop, &k->rebind, &k->rebind_timer);
}

static void rebind(struct control *k)
{
	if (route_bind(&k->route)) {
		worker_tell(&k->pool);
		tell_manager(k);
	}
	if (route_unbound(&k->route))
		loop_arm(&k->loop, &k->rebind, &k->rebind_timer);
}

/* SIGHUP: the configuration again. An error changes nothing. */
static void reload(struct control *k)
{
	struct service_list *given;
	struct config *old = k->config, *c;
	int status;
	bool moved;

	if (k->stopping)
		return;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)sys_micros());
	k->said_ready = false;
	c = read_config(k, &given, &status);
	k->stats.reload_failed = !c;
	if (!c) {
		k->stats.failed_reloads++;
		log_error("reload: the configuration has an error; nothing changes");
		tell_manager(k);
		return;
	}
	log_setup((enum log_level)c->log_level, c->log_format == 1);
	if (c->threads != old->threads)
		log_warn("reload: runtime.threads is %ld now, and counts from the next start on", c->threads);
	moved = set_server(&k->peek, "peek.listener", c->peek_listener);
	moved = set_server(&k->status.server, "status.listener", c->status_listener) && moved;
	k->config = c;
	k->stats.config = c;
	k->stats.reloads++;
	k->stats.loaded = sys_wall();
	set_rules(k, c);
	set_times(k, c);
	set_health(k, c);
	supervisor_follow(&k->sources, c, given);
	set_limit(k);
	config_unref(old);
	if (moved)
		log_info("reload: done");
	else
		log_warn("reload: done, but for what could not be listened on; the next one tries again");
	update(k);
	worker_tell(&k->pool); /* of the timeouts */
}

/* Stopping. */

static void stop_if_idle(struct control *k)
{
	if (k->stopping && !atomic_load(&k->pool.shared.sessions))
		k->loop.stop = true;
}

static void stop(struct control *k)
{
	if (k->stopping) {
		log_warn("stopped at once");
		log_stop();
		_exit(1);
	}
	k->stopping = k->stats.stopping = true;
	notify_send("STOPPING=1\nSTATUS=stopping");
	log_info("stopping; %u connections", atomic_load(&k->pool.shared.sessions));
	worker_finish(&k->pool);
	route_clear(&k->route);
	health_follow(&k->health, k->route.table); /* which knows the backends of the table in force */
	worker_tell(&k->pool);
	if (!k->config->grace)
		k->loop.stop = true;
	loop_arm(&k->loop, &k->grace, &k->grace_timer);
	stop_if_idle(k);
}

/* The loop. */

static void on_ready(struct loop *l, struct loop_io *io, unsigned events)
{
	struct control *k = l->owner;
	unsigned char signal;

	if (admin_ready(&k->peek, io, events) || admin_ready(&k->status.server, io, events) ||
	    health_ready(&k->health, io, events))
		return;
	if (read(io->fd, &signal, 1) != 1)
		return;
	if (signal == SIGHUP)
		reload(k);
	else if (signal == SIGTERM || signal == SIGINT)
		stop(k);
	else
		status_log(&k->status);
}

static void on_expired(struct loop *l, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct control *k = l->owner;

	if (fifo == &k->rebind)
		rebind(k);
	else if (fifo == &k->grace)
		l->stop = true;
	else if (!admin_expired(&k->peek, fifo, timer) && !admin_expired(&k->status.server, fifo, timer))
		health_expired(&k->health, fifo, timer);
}

static void on_woken(struct loop *l)
{
	struct control *k = l->owner;

	if (atomic_exchange(&k->news, false)) {
		int64_t heard = supervisor_collect(&k->sources);

		if (!k->stopping)
			update(k);
		if (heard)
			histogram_add(&k->stats.update, sys_micros() - heard);
	}
	if (atomic_exchange(&k->pool.suspects, false))
		health_suspected(&k->health);
	status_woken(&k->status);
	stop_if_idle(k);
}

static const struct loop_ops ops = { on_ready, on_expired, on_woken };

/* From the threads of sources and the resolver. */
static void ring(void *control)
{
	struct control *k = control;

	atomic_store(&k->news, true);
	loop_wake(&k->loop);
}

/* From the workers. */
static void wake(void *control)
{
	struct control *k = control;

	loop_wake(&k->loop);
}

/* Starting, in order, and stopping in reverse. */

static bool start_workers(struct control *k)
{
	int error;

	k->pool.route = &k->route;
	k->pool.ring = wake;
	k->pool.arg = k;
	error = worker_open(&k->pool, (unsigned)k->config->threads);
	set_limit(k);
	if (error)
		log_error("cannot start the workers: %s", strerror(error));
	return !error;
}

/* What people and tools look at. */
static bool open_servers(struct control *k)
{
	k->stats = (struct stats){
		.route = &k->route, .sources = &k->sources, .pool = &k->pool, .config = k->config, .started = sys_wall(),
		.loaded = sys_wall()
	};
	k->peek = (struct admin){ .kind = PEEK, .greet = peek_greet, .owner = &k->route };
	admin_open(&k->peek, &k->loop);
	k->status = (struct status){ .server.kind = STATUS, .stats = &k->stats };
	status_open(&k->status, &k->loop);
	return set_server(&k->peek, "peek.listener", k->config->peek_listener) &&
	       set_server(&k->status.server, "status.listener", k->config->status_listener);
}

static bool open_loop(struct control *k)
{
	if (!loop_open(&k->loop, &ops, k)) {
		log_error("cannot start: %s", strerror(errno));
		return false;
	}
	loop_fifo_open(&k->loop, &k->rebind, REBIND_MS, 0);
	loop_fifo_open(&k->loop, &k->grace, 0, 0);
	k->signals = LOOP_IO(signal_pipe[0], SIGNALS);
	loop_want(&k->loop, &k->signals, LOOP_IN);
	return true;
}

static int serve(struct control *k, struct service_list *given)
{
	int status = 1;

	if (!open_loop(k))
		return 1;
	supervisor_open(&k->sources, ring, k);
	k->resolver = resolve_open(ring, k);
	if (!k->resolver) {
		log_error("cannot start: %s", strerror(errno));
		goto no_resolver;
	}
	route_open(&k->route, &(struct route_rules){ .lookup = resolve_lookup, .lookup_arg = k->resolver });
	set_rules(k, k->config);
	set_times(k, k->config);
	health_open(&k->health, &k->loop, PROBE, probes_at_once());
	set_health(k, k->config);
	if (!open_servers(k) || !start_workers(k))
		goto no_workers;
	if (!supervisor_follow(&k->sources, k->config, service_hold(given)))
		goto no_sources;
	log_info("dill " DILL_VERSION " started, %u workers, at most %u connections", k->pool.count,
	         atomic_load(&k->pool.shared.limit));
	block_signals(false);
	update(k);
	loop_run(&k->loop);
	status = 0;
	stop_bounded();
no_sources:
	supervisor_stop(&k->sources);
	worker_close(&k->pool);
no_workers:
	admin_close(&k->status.server);
	admin_close(&k->peek);
	health_close(&k->health);
	route_close(&k->route);
	free(k->labels);
	arena_free(&k->ranges);
	resolve_close(k->resolver);
no_resolver:
	supervisor_close(&k->sources);
	loop_close(&k->loop);
	return status;
}

static int run(struct control *k, struct service_list *given)
{
	int status = 1, error;

	log_setup((enum log_level)k->config->log_level, k->config->log_format == 1);
	error = log_start();
	if (error)
		log_error("cannot start: %s", strerror(error));
	config_unknown_variables(k->config, environ);
	if (!error)
		status = serve(k, given);
	if (!status)
		log_info("stopped");
	log_stop();
	return status;
}

/* -t */
static int print_config(struct control *k, const struct service_list *given)
{
	const struct config *c = k->config;
	struct service_list *list = NULL;
	struct buf why = { 0 };

	set_rules(k, c);
	option_print(c);
	admit_print(&k->route.rules.admit, given);
	if (c->uses[CONFIG_FILE]) {
		list = file_read(c->file_path, &why);
		if (list)
			admit_print(&k->route.rules.admit, list);
		else
			log_complain(LOG_ERROR, "routing.file: %s", why.data);
	}
	buf_free(&why);
	service_free(list);
	free(k->labels);
	arena_free(&k->ranges);
	return c->uses[CONFIG_FILE] && !list;
}

/* --explain and --plan: what is said of the sources is for the person at the terminal. Ends the process, and waits for
 * no look-up of a name that hangs. */
static void ask(struct control *k, struct service_list *given)
{
	int status;

	log_setup(k->config->log_level == LOG_DEBUG ? LOG_DEBUG : LOG_WARN, false);
	set_rules(k, k->config);
	if (k->config->explain)
		status = ask_explain(k->config, &k->route.rules.admit, given);
	else
		status = ask_plan(k->config, &k->route.rules, service_hold(given));
	fflush(stdout);
	_exit(status);
}

int main(int argc, char **argv)
{
	static struct control k;
	struct service_list *given;
	int status;

	sys_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	k.argc = argc;
	k.argv = argv;
	k.config = read_config(&k, &given, &status);
	if (!k.config)
		return status;
	if (k.config->help) {
		option_usage();
	} else if (k.config->version) {
		puts("dill " DILL_VERSION);
	} else if (k.config->check) {
		status = print_config(&k, given);
	} else if (k.config->explain || k.config->plan) {
		ask(&k, given);
	} else {
		block_signals(true);
		status = catch_signals() ? run(&k, given) : 1;
		close(signal_pipe[0]);
		close(signal_pipe[1]);
	}
	service_free(given);
	config_unref(k.config);
	return status;
}
