#include "base.h"
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "admin.h"
#include "config_read.h"
#include "config_variable.h"
#include "control_planes.h"
#include "handed.h"
#include "health.h"
#include "histogram.h"
#include "log.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "notify.h"
#include "peek.h"
#include "pid_file.h"
#include "power.h"
#include "publish.h"
#include "resolve.h"
#include "route.h"
#include "session.h"
#include "signals.h"
#include "state_memory.h"
#include "stats.h"
#include "status.h"
#include "supervisor.h"
#include "sys.h"
#include "takeover.h"
#include "text.h"
#include "upgrade.h"
#include "worker.h"

extern char **environ;

#define REBIND_MS 500     /* between two tries to bind, but when a listener has just left, which may be in the way: then */
#define REBIND_FIRST_MS 1 /* the first comes so soon, and each other after twice the time */

/* What is open for others. */

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

static bool set_servers(struct control *control, const struct config *config)
{
	bool fine = set_server(&control->peek, "peek.listener", config->peek_listener);

	return set_server(&control->status.server, "status.listener", config->status_listener) && fine;
}

static bool set_pid_file(const struct config *config)
{
	int error = pid_file_set(config->pid_file);

	if (error)
		log_error("runtime.pid_file: cannot write %s: %s", config->pid_file, strerror(error));
	return !error;
}

/* The service manager. It hears READY once, when the first table is in force, and again after a reload. */

static void tell_manager(struct control *control)
{
	const struct route_table *table = control->route.table;
	struct stats_listeners counts = { 0 };
	const char *why;
	bool ready = stats_ready(&control->stats, &why) == 200;

	if (!ready) {
		notify_send("STATUS=%s", why);
	} else if (notify_wanted()) {
		for (size_t i = 0; i < table->count; i++)
			stats_count(&counts, table->entries[i]);
		notify_send("%sSTATUS=%zu listener%s open, %zu failed, %zu wish%s refused", control->said_ready ? "" : "READY=1\n",
		            counts.open, text_s(counts.open), counts.failed, table->refused_count,
		            table->refused_count == 1 ? "" : "es");
	}
	control->said_ready = control->said_ready || ready;
	if (ready)
		takeover_tell(&control->takeover);
}

/* The table. */

static void bind_later(struct control *control, int64_t after)
{
	control->rebind.after = after < REBIND_MS ? after : REBIND_MS;
	if (route_unbound(&control->route) || route_zoned(&control->route) || /* interfaces come and go without a word */
	    net_zoned(&control->peek.at) || net_zoned(&control->status.server.at))
		loop_arm(&control->loop, &control->rebind, &control->rebind_timer);
}

/* Those of the first table: dill is not ready before each has had an answer, or its time for that. */
static void await_names(struct control *control)
{
	if (control->stats.named || !supervisor_spoken(&control->sources))
		return;
	control->stats.named = !control->config->dns_timeout || resolve_settled(control->resolver);
	if (control->stats.named)
		loop_disarm(&control->names_timer);
	if (control->stats.named || control->names_timer.next)
		return;
	/* As of now, which is later than this turn began: by then its listeners have waited for as long. */
	control->names.after = control->config->dns_timeout + sys_now() - control->loop.now;
	loop_arm(&control->loop, &control->names, &control->names_timer);
}

static void update_table(struct control *control)
{
	bool changed;

	route_collect(&control->route);
	control->route.names_moved = resolve_round(control->resolver);
	changed = publish_update(&control->route, control->sources.lists, control->sources.count);
	if (control->route.names_gone)
		resolve_left(control->resolver);
	health_follow(&control->health, control->route.table);
	await_names(control);
	if (changed) {
		control_set_limit(control);
		worker_tell(&control->pool);
	}
	if (changed && sys_now() - control->route.left_at < REBIND_MS)
		bind_later(control, REBIND_FIRST_MS);
	else if (!control->rebind_timer.next)
		bind_later(control, REBIND_MS);
	if (changed || !control->said_ready)
		tell_manager(control);
}

static void bind_again(struct control *control)
{
	route_collect(&control->route); /* what is in the way */
	admin_follow_zone(&control->peek);
	admin_follow_zone(&control->status.server);
	if (publish_bind(&control->route)) {
		worker_tell(&control->pool);
		tell_manager(control);
	}
	bind_later(control, control->rebind.after * 2);
}

static void stop_waiting_for_names(struct control *control)
{
	log_warn("names: not all have had an answer within dns.timeout; dill is ready without");
	control->stats.named = true;
	bind_again(control);
	tell_manager(control);
}

/* SIGHUP: the configuration again. An error changes nothing. */

static void refuse_reload(struct control *control)
{
	control->stats.reload_failed = true;
	control->stats.failed_reloads++;
	log_error("reload: the configuration has an error; nothing changes");
	tell_manager(control);
}

static void take_config(struct control *control, struct config *config)
{
	struct config *old = control->config;
	bool moved;

	log_setup((enum log_level)config->log_level, config->log_format == 1);
	if (config->threads != old->threads)
		log_warn("reload: runtime.threads is %ld now, and counts from the next start on", config->threads);
	if (strcmp(config->user, old->user) != 0)
		log_warn("reload: runtime.user is \"%s\" now, and counts from the next start on", config->user);
	moved = set_servers(control, config);
	moved = set_pid_file(config) && moved;
	control->config = config;
	control->stats.config = config;
	control->stats.reload_failed = false;
	control->stats.reloads++;
	control->stats.loaded = sys_wall();
	control_set(control, config);
	moved = supervisor_follow(&control->sources, config) && moved;
	control_set_limit(control);
	config_unref(old);
	if (moved)
		log_info("reload: done");
	else
		log_warn("reload: done, except what could not be listened on or started; the next one tries again");
}

static void reload(struct control *control)
{
	struct config *config;
	int status;

	if (control->stopping)
		return;
	if (upgrade_runs(&control->upgrade) || !control->takeover.charged) {
		log_warn("reload: not while an upgrade is under way");
		return;
	}
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)sys_micros());
	control->said_ready = false;
	config = config_read(control->argc, control->argv, environ, &status);
	if (!config) {
		refuse_reload(control);
		return;
	}
	take_config(control, config);
	update_table(control);
	worker_tell(&control->pool); /* of the timeouts */
}

/* Stopping. */

static void stop_if_idle(struct control *control)
{
	if (control->stopping && !atomic_load(&control->pool.shared.taken))
		control->loop.stop = true;
}

static void stop_serving(struct control *control, const char *why)
{
	control->stopping = control->stats.stopping = true;
	loop_disarm(&control->names_timer);
	worker_finish(&control->pool);
	publish_clear(&control->route, why);
	resolve_left(control->resolver);
	while (resolve_round(control->resolver))
		; /* nobody asks for names any more: an old process of an upgrade drains for long */
	health_follow(&control->health, control->route.table); /* which knows the backends of the table in force */
	worker_tell(&control->pool);
}

static void end_within(struct control *control, int64_t grace)
{
	loop_fifo_retime(&control->grace, grace);
	if (!grace)
		control->loop.stop = true;
	loop_arm(&control->loop, &control->grace, &control->grace_timer);
	stop_if_idle(control);
}

static void begin_stop(struct control *control)
{
	unsigned sessions = session_live(&control->pool.shared);

	if (control->stopping && !control->left) {
		log_warn("stopped at once");
		signals_bound_stop(1);
		worker_close(&control->pool); /* sessions end in a reset, and not as the system would end them */
		log_stop();
		_exit(1);
	}
	notify_send("STOPPING=1\nSTATUS=stopping");
	log_info("stopping; %u connection%s", sessions, text_s(sessions));
	if (!control->left)
		stop_serving(control, "shutdown");
	upgrade_stop(&control->upgrade);
	control->left = false;
	end_within(control, control->config->grace);
}

/* SIGUSR2: a new process. */

static void stay(void *arg)
{
	struct control *control = arg;

	control->said_ready = false;
	tell_manager(control);
}

static void leave(void *arg)
{
	struct control *control = arg;

	notify_mute(true);
	state_memory_hold(true);
	control->left = true;
	stop_serving(control, "upgrade");
	admin_listen(&control->peek, NULL);
	admin_listen(&control->status.server, NULL);
	supervisor_cancel(&control->sources);
	end_within(control, control->config->upgrade_drain);
}

static void take_charge(void *arg)
{
	struct control *control = arg;

	handed_wait(false);
	bind_again(control);
	notify_mute(false);
	state_memory_hold(false);
	atomic_store(&control->pool.early, false);
	worker_meet(&control->pool);
	admin_begin(&control->peek);
	admin_begin(&control->status.server);
	set_pid_file(control->config);
	log_info("upgrade: this process is in charge");
	control->said_ready = false;
	tell_manager(control);
}

/* What two processes share is not shared with a third one: it waits until the old one has left. */
static void begin_upgrade(struct control *control)
{
	control->upgrade_next = control->takeover.on && control->takeover.charged;
	if (!control->upgrade_next)
		upgrade_begin(&control->upgrade, control->config->upgrade_timeout);
}

static void take_rest(void *arg)
{
	struct control *control = arg;

	bind_again(control);
	worker_meet(&control->pool); /* who waits since the old process was told of it is seen */
	if (control->upgrade_next)
		begin_upgrade(control);
}

/* The loop. */

static void on_signal_byte(struct control *control)
{
	unsigned char number;

	if (read(control->signals.fd, &number, 1) != 1)
		return;
	if (number == SIGHUP)
		reload(control);
	else if (number == SIGTERM || number == SIGINT)
		begin_stop(control);
	else if (number == SIGUSR2)
		begin_upgrade(control);
	else if (number == SIGCHLD)
		upgrade_child(&control->upgrade);
	else
		status_log(&control->status);
}

static void control_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	struct control *control = loop->owner;

	if (io == &control->signals)
		on_signal_byte(control);
	else if (!upgrade_ready(&control->upgrade, io, events) && !takeover_ready(&control->takeover, io) &&
	         !admin_ready(&control->peek, io, events) && !admin_ready(&control->status.server, io, events) &&
	         !resolve_ready(control->resolver, io, events))
		health_ready(&control->health, io, events);
}

static void control_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct control *control = loop->owner;

	if (fifo == &control->rebind)
		bind_again(control);
	else if (fifo == &control->names)
		stop_waiting_for_names(control);
	else if (fifo == &control->grace)
		loop->stop = true;
	else if (!upgrade_expired(&control->upgrade, fifo) && !takeover_expired(&control->takeover, fifo) &&
	         !admin_expired(&control->peek, fifo, timer) && !status_expired(&control->status, fifo, timer) &&
	         !resolve_expired(control->resolver, fifo, timer))
		health_expired(&control->health, fifo, timer);
}

static void take_suspects(struct control *control)
{
	struct worker_suspects suspects;

	if (!worker_take_suspects(&control->pool, &suspects))
		return;
	if (suspects.more)
		health_suspected_any(&control->health);
	while (suspects.count) {
		struct route_backend *backend = suspects.items[--suspects.count];

		health_suspected(&control->health, backend);
		route_backend_unref(backend);
	}
}

static void control_woken(struct loop *loop)
{
	struct control *control = loop->owner;

	route_collect(&control->route);
	if (atomic_exchange(&control->news, false)) {
		int64_t heard = supervisor_collect(&control->sources);

		if (!control->stopping)
			update_table(control);
		if (heard)
			histogram_add(&control->stats.update, sys_micros() - heard);
	}
	take_suspects(control);
	if (!control->stopping)
		route_sweep(&control->route);
	status_woken(&control->status);
	upgrade_woken(&control->upgrade);
	stop_if_idle(control);
}

static const struct loop_ops control_ops = { control_ready, control_expired, control_woken };

/* Starting, in order, and stopping in reverse. */

/* For people and tools that look. */
static bool open_servers(struct control *control)
{
	control->stats = (struct stats){
		.route = &control->route, .sources = &control->sources, .resolver = control->resolver, .pool = &control->pool,
		.config = control->config, .started = sys_now(), .began = sys_wall(), .loaded = sys_wall()
	};
	sys_reserve();
	control->peek = (struct admin){ .kind = CONTROL_PEEK, .greet = peek_greet, .frame = peek_frame, .owner = &control->route };
	admin_open(&control->peek, &control->loop);
	control->status = (struct status){ .server.kind = CONTROL_STATUS, .stats = &control->stats };
	status_open(&control->status, &control->loop);
	control->peek.early = control->status.server.early = control->takeover.on;
	return set_servers(control, control->config) && (control->takeover.on || set_pid_file(control->config));
}

static void serve(struct control *control)
{
	unsigned threads = control->pool.count, limit = atomic_load(&control->pool.shared.limit);

	log_info("dill " DILL_VERSION " started, %u worker%s, at most %u connection%s", threads, text_s(threads), limit,
	         text_s(limit));
	signals_allow();
	update_table(control);
	loop_run(&control->loop);
	signals_bound_stop(0);
}

/* Takes the place of another process, if that has started this one. False: it cannot, which has been said. */
static bool begin_takeover(struct control *control)
{
	bool fine = takeover_begin(&control->takeover, &control->sources);

	takeover_watch(&control->takeover, &control->loop, CONTROL_UPGRADE);
	return fine;
}

/* Sources and workers run between start and stop. Each source needs its thread; workers make do with what is left. Returns
 * the exit status. */
static int run_planes(struct control *control)
{
	bool begun = begin_takeover(control), open = begun && open_servers(control);
	bool fed = open && supervisor_follow(&control->sources, control->config), working = fed && control_start_workers(control);

	if (working)
		serve(control);
	if (working)
		worker_close(&control->pool); /* first: a source may take its time, and then the system would end the sessions */
	supervisor_stop(&control->sources);
	if (open) {
		status_close(&control->status);
		admin_close(&control->peek);
	}
	if (!upgrade_left(&control->upgrade))
		pid_file_remove();
	return working && !control->takeover.refused ? 0 : 1;
}

static int run_loop(struct control *control, int signals)
{
	int status;

	if (signals < 0 || !control_open_loop(control, &control_ops, signals)) {
		log_error("cannot start: %s", strerror(signals < 0 ? -signals : errno));
		return 1;
	}
	control_open_planes(control);
	status = run_planes(control);
	control_close_planes(control);
	return status;
}

int control_run(struct config *config, int argc, char **argv)
{
	static struct control control;
	int signals = signals_open(), error, status = 1;
	bool dropped;

	control.argc = argc;
	control.argv = argv;
	control.config = config;
	control.takeover = (struct takeover){ .charge = take_charge, .alone = take_rest, .owner = &control };
	control.upgrade = (struct upgrade){
		.route = &control.route, .pool = &control.pool, .sources = &control.sources,
		.servers = { &control.peek, &control.status.server }, .charged = &control.takeover.charged, .leave = leave, .stay = stay,
		.owner = &control
	};
	upgrade_open(&control.upgrade, argv);
	log_setup((enum log_level)config->log_level, config->log_format == 1);
	dropped = power_drop(config);
	error = log_start();
	if (error)
		log_error("cannot start: %s", strerror(error));
	config_unknown_variables(config, environ);
	if (dropped && !error)
		status = run_loop(&control, signals);
	if (!status)
		log_info("stopped");
	log_stop();
	if (signals >= 0)
		signals_close();
	config_unref(control.config);
	return status;
}
