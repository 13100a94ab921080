/* main: the control plane. It starts everything in order, joins what the sources say into the table, and stops
 * everything in reverse. */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "consul.h"
#include "http.h"
#include "log.h"
#include "loop.h"
#include "net.h"
#include "option.h"
#include "peek.h"
#include "resolve.h"
#include "route.h"
#include "service.h"
#include "source.h"
#include "worker.h"

extern char **environ;

#define REBIND_MS 500
#define SPARE_FDS 20 /* kept from sessions, for everything else */

enum { SLOT_STATIC, SLOT_CONSUL, SLOTS };
enum control_kind { SIGNALS = PEEK_KINDS };

struct control {
	struct config config;
	struct loop loop;
	struct loop_io signals;
	struct loop_fifo rebind, grace;
	struct loop_timer rebind_timer, grace_timer;
	struct route route;
	struct route_label *labels;
	struct worker_pool pool;
	struct service_mailbox box;
	struct service_list *lists[SLOTS]; /* the newest of each source */
	struct consul_options consul_options;
	struct source consul;
	struct resolver *resolver;
	struct peek peek;
	bool peeking, stopping;
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
	pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static bool catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, ignore = { .sa_handler = SIG_IGN };

	if (!net_pipe(signal_pipe))
		return false;
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGUSR1, &ignore, NULL);
	return true;
}

/* Services of the configuration. */

/* Where a service was named first. */
static const char *origin_of(const struct config *c, const char *service)
{
	size_t len = strlen(service);

	for (size_t i = 0; i < c->service_count; i++)
		if (strncmp(c->services[i].key, service, len) == 0)
			return c->services[i].origin;
	return "configuration";
}

static bool read_static(const struct config *c, struct service_list *list)
{
	struct service *s;
	const char *why, *name;
	bool fine = true;

	list->trusted = true;
	for (size_t i = 0; i < c->service_count; i++)
		if ((why = service_key(list, c->services[i].key, c->services[i].value))) {
			config_complain(&c->services[i], why);
			fine = false;
		}
	if (fine && (why = service_check(list, &name))) {
		fprintf(stderr, "dill: %s: %s %s\n", origin_of(c, name), name, why);
		fine = false;
	}
	if (!c->backend_count)
		return fine;
	s = service_add(list, slice_of("static"));
	service_wish(list, s, slice_of(c->laddr ? c->laddr : ":4000"));
	for (size_t i = 0; i < c->backend_count; i++) {
		struct slice host;
		uint16_t port;

		why = net_split(slice_of(c->backends[i]), &host, &port);
		if (!why && !host.len)
			why = "has no host";
		if (why) {
			fprintf(stderr, "dill: backend \"%s\" %s\n", c->backends[i], why);
			fine = false;
		} else {
			service_backend(list, s, host, port, 1);
		}
	}
	return fine;
}

static bool read_consul(struct control *k)
{
	const struct config *c = &k->config;
	const char *why = http_url_parse(&k->consul_options.url, c->consul_address);

	if (why && c->consul_used) {
		const char *origin = c->origins[option_find("consul.address")];

		config_complain(&(struct config_setting){ "consul.address", c->consul_address, origin }, why);
		return false;
	}
	k->consul_options.address = c->consul_address;
	k->consul_options.token = c->consul_token;
	k->consul_options.datacenter = c->consul_datacenter;
	k->consul_options.namespace_ = c->consul_namespace;
	k->consul_options.consistency = c->consul_consistency;
	k->consul_options.tag = c->consul_tag;
	k->consul_options.wait = c->wait;
	return true;
}

static void set_rules(struct control *k)
{
	const struct config *c = &k->config;
	struct route_rules rules = {
		.label_count = c->label_count, .port_min = c->port_min, .port_max = c->port_max,
		.balance = (enum route_balance)c->balance, .lookup = resolve_lookup, .lookup_arg = k->resolver
	};

	k->labels = sys_alloc((c->label_count + 1) * sizeof *k->labels);
	for (size_t i = 0; i < c->label_count; i++)
		k->labels[i] = (struct route_label){ c->labels[i].name, c->labels[i].addr };
	rules.labels = k->labels;
	route_open(&k->route, &rules);
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

/* A session takes two descriptors; what listens, and the spare ones, are not for sessions. */
static void set_limit(struct control *k)
{
	long asked = k->config.max_connections, left = (long)raise_limit();
	long fit;

	left -= SPARE_FDS + 4L * k->pool.count + (long)k->route.table->count;
	fit = left > 4 ? left / 2 : 2;
	atomic_store(&k->pool.shared.limit, (unsigned)(asked && asked < fit ? asked : fit));
}

/* The table. */

static void update(struct control *k)
{
	bool changed;

	resolve_round(k->resolver);
	changed = route_update(&k->route, k->lists, SLOTS);
	if (changed) {
		set_limit(k);
		worker_tell(&k->pool);
	}
	if (route_unbound(&k->route) && !k->rebind_timer.next)
		loop_arm(&k->loop, &k->rebind, &k->rebind_timer);
}

static void rebind(struct control *k)
{
	if (route_bind(&k->route))
		worker_tell(&k->pool);
	if (route_unbound(&k->route))
		loop_arm(&k->loop, &k->rebind, &k->rebind_timer);
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
		_exit(1);
	}
	k->stopping = true;
	log_info("stopping; %u connections", atomic_load(&k->pool.shared.sessions));
	worker_finish(&k->pool);
	route_clear(&k->route);
	worker_tell(&k->pool);
	if (!k->config.grace)
		k->loop.stop = true;
	loop_arm(&k->loop, &k->grace, &k->grace_timer);
	stop_if_idle(k);
}

/* The loop. */

static void on_ready(struct loop *l, struct loop_io *io, unsigned events)
{
	struct control *k = l->owner;
	unsigned char byte;

	if (io != &k->signals)
		peek_ready(&k->peek, io, events);
	else if (read(io->fd, &byte, 1) == 1)
		stop(k);
}

static void on_expired(struct loop *l, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct control *k = l->owner;

	if (fifo == &k->rebind)
		rebind(k);
	else if (fifo == &k->grace)
		l->stop = true;
	else
		peek_expired(&k->peek, fifo, timer);
}

static void on_woken(struct loop *l)
{
	struct control *k = l->owner;

	for (size_t i = 0; i < SLOTS; i++) {
		struct service_list *list = service_take(&k->box, i);

		if (!list)
			continue;
		service_free(k->lists[i]);
		k->lists[i] = list;
	}
	if (!k->stopping)
		update(k);
	stop_if_idle(k);
}

static const struct loop_ops ops = { on_ready, on_expired, on_woken };

static void ring(void *loop)
{
	loop_wake(loop);
}

/* Starting, in order, and stopping in reverse. */

static bool start_peek(struct control *k)
{
	struct slice host;
	struct net_addr at;
	uint16_t port;
	int error;

	if (!*k->config.peek_listener)
		return true;
	net_split(slice_of(k->config.peek_listener), &host, &port);
	net_numeric(host.len ? host : slice_of("0.0.0.0"), port, &at);
	error = peek_open(&k->peek, &k->loop, &k->route, &at);
	if (error)
		log_error("peek.listener: cannot listen on %s: %s", k->config.peek_listener, strerror(error));
	k->peeking = !error;
	return !error;
}

static bool start_workers(struct control *k)
{
	const struct config *c = &k->config;
	int error;

	k->pool.route = &k->route;
	k->pool.shared.connect_timeout = c->connect_timeout;
	k->pool.shared.idle_timeout = c->idle_timeout;
	k->pool.shared.drain = c->drain;
	k->pool.idle = ring;
	k->pool.arg = &k->loop;
	error = worker_open(&k->pool, (unsigned)c->threads);
	set_limit(k);
	if (error)
		log_error("cannot start the workers: %s", strerror(error));
	return !error;
}

static bool start_consul(struct control *k)
{
	int error;

	if (!k->config.consul_used)
		return true;
	k->consul = (struct source){
		.name = "consul", .run = consul_run, .config = &k->consul_options, .box = &k->box, .slot = SLOT_CONSUL
	};
	error = source_start(&k->consul);
	if (error)
		log_error("cannot start the consul source: %s", strerror(error));
	return !error;
}

static int run(struct control *k)
{
	int status = 1;

	if (!loop_open(&k->loop, &ops, k)) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	loop_fifo_open(&k->loop, &k->rebind, REBIND_MS, 0);
	loop_fifo_open(&k->loop, &k->grace, k->config.grace, 0);
	k->signals = LOOP_IO(signal_pipe[0], SIGNALS);
	loop_want(&k->loop, &k->signals, LOOP_IN);
	service_mailbox_open(&k->box, SLOTS, ring, &k->loop);
	k->resolver = resolve_open(ring, &k->loop);
	if (!k->resolver) {
		log_error("cannot start: %s", strerror(errno));
		goto no_resolver;
	}
	set_rules(k);
	if (!start_peek(k))
		goto no_peek;
	if (!start_workers(k))
		goto no_workers;
	if (!start_consul(k))
		goto no_source;
	log_info("dill " DILL_VERSION " started, %u workers, at most %u connections", k->pool.count,
	         atomic_load(&k->pool.shared.limit));
	block_signals(false);
	update(k);
	loop_run(&k->loop);
	status = 0;
	stop_bounded();
	if (k->config.consul_used)
		source_stop(&k->consul);
no_source:
	worker_close(&k->pool);
no_workers:
	if (k->peeking)
		peek_close(&k->peek);
no_peek:
	route_close(&k->route);
	free(k->labels);
	resolve_close(k->resolver);
no_resolver:
	service_mailbox_close(&k->box);
	loop_close(&k->loop);
	if (!status)
		log_info("stopped");
	return status;
}

int main(int argc, char **argv)
{
	static struct control k;
	int status = config_read(&k.config, argc, argv, environ);

	if (!status && k.config.help)
		option_usage();
	else if (!status && k.config.version)
		puts("dill " DILL_VERSION);
	else if (!status) {
		log_setup((enum log_level)k.config.log_level, k.config.log_format == 1);
		config_unknown_variables(&k.config, environ);
		k.lists[SLOT_STATIC] = sys_alloc(sizeof *k.lists[SLOT_STATIC]);
		status = !(read_static(&k.config, k.lists[SLOT_STATIC]) && read_consul(&k));
		if (!status && k.config.check) {
			option_print(&k.config);
		} else if (!status) {
			block_signals(true);
			status = catch_signals() ? run(&k) : 1;
		}
	}
	for (size_t i = 0; i < SLOTS; i++)
		service_free(k.lists[i]);
	config_free(&k.config);
	return status;
}
