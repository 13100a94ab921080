#include "base.h"
#include "stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "log_line.h"
#include "resolve.h"
#include "resolve_answer.h"
#include "session.h"
#include "sys.h"
#include "text.h"
#include "walk.h"

#define RATE_US 2000000 /* a rate covers up to twice this time */
#define LINE_STEPS 16   /* what a line of the log counts for: its writer is to keep up */

int stats_ready(struct stats *stats, const char **why)
{
	bool spoken = stats->ready || supervisor_spoken(stats->sources);

	stats->ready = stats->ready || (spoken && stats->named);
	*why = stats->stopping ? "stopping" : stats->ready ? "OK" : spoken ? "waiting for the first answer about a name" :
	       "waiting for the first answer of a source";
	return stats->stopping || !stats->ready ? 503 : 200;
}

bool stats_is_open(const struct route_listener *listener)
{
	return atomic_load(&listener->fd) >= 0 && !route_listener_error(listener);
}

void stats_count(struct stats_listeners *counts, const struct route_entry *entry)
{
	if (stats_is_open(entry->listener))
		counts->open++;
	else if (route_waits(entry))
		counts->waiting++;
	else
		counts->failed++;
}

/* The process. */

/* Since Linux 6.2 the size of the directory is the number of files; before that they must be counted. */
static long stats_count_fds(void)
{
	struct stat st;
	DIR *dir;
	long count = -3; /* ., .. and the directory itself */

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (long)st.st_size;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Linux: proc(5), its first two numbers are pages. */
static void stats_read_memory(struct stats_process *process)
{
	long page = getpagesize(), pages[2];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
	struct slice rest = { text, len > 0 ? (size_t)len : 0 }, part;

	if (fd >= 0)
		close(fd);
	for (int i = 0; i < 2; i++)
		if (!slice_next(&rest, ' ', &part) || text_number(part, 0, LONG_MAX / page, &pages[i]))
			return;
	process->virtual_size = (int64_t)pages[0] * page;
	process->resident = (int64_t)pages[1] * page;
}

void stats_process(struct stats_process *process)
{
	struct rusage usage;
	struct rlimit limit;

	*process = (struct stats_process){
		.resident = -1, .virtual_size = -1, .open_fds = stats_count_fds(), .max_fds = -1, .cpu = -1
	};
	stats_read_memory(process);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		process->cpu = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
		               usage.ru_stime.tv_usec;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		process->max_fds = (int64_t)limit.rlim_cur;
}

/* Rates. */

static void stats_sample(const struct route_listener *listener, struct route_sample *sample)
{
	struct route_figures figures = route_listener_figures(listener);

	*sample = (struct route_sample){ sys_micros(), figures.connections, figures.rx, figures.tx };
}

bool stats_rate(struct route_listener *listener, struct stats_rate *out)
{
	struct route_sample now, *samples, *old;
	double seconds;

	stats_sample(listener, &now);
	if (!listener->samples) {
		listener->samples = calloc(2, sizeof *listener->samples);
		if (!listener->samples)
			return false;
		listener->samples[1] = now;
	}
	samples = listener->samples;
	if (now.at - samples[1].at >= RATE_US) {
		samples[0] = samples[1];
		samples[1] = now;
	}
	old = &samples[samples[0].at ? 0 : 1];
	seconds = (double)(now.at - old->at) / 1e6;
	if (seconds < 0.5)
		return false;
	out->connections = (double)(now.connections - old->connections) / seconds;
	out->rx = (double)(now.rx - old->rx) / seconds;
	out->tx = (double)(now.tx - old->tx) / seconds;
	return true;
}

/* Lines of the log. */

/* How many names are known, and how many of them have no address. */
static void stats_log_names(const struct stats *stats, struct log_line *line)
{
	struct resolve_figures figures = { 0 };
	size_t names = 0;

	if (stats->resolver)
		resolve_figures(stats->resolver, &figures);
	for (int i = 0; i < RESOLVE_STATES; i++)
		names += figures.names[i];
	log_line_number(line, "names", names);
	log_line_number(line, "unresolved", figures.names[RESOLVE_ASKED] + figures.names[RESOLVE_FAILED]);
}

static void stats_log_process(const struct stats *stats)
{
	struct stats_process process;
	struct log_line line;

	stats_process(&process);
	log_event(&line, LOG_INFO, "counters");
	log_line_number(&line, "uptime", (unsigned long long)(sys_now() - stats->started) / 1000);
	log_line_number(&line, "sessions", session_live(&stats->pool->shared));
	log_line_number(&line, "limit", atomic_load(&stats->pool->shared.limit));
	log_line_number(&line, "listeners", stats->route->table->count);
	log_line_number(&line, "refused", stats->route->table->refused_count);
	log_line_number(&line, "changes", stats->route->changes);
	stats_log_names(stats, &line);
	log_line_number(&line, "log_dropped", log_dropped());
	if (process.cpu >= 0)
		log_line_seconds(&line, "cpu", process.cpu);
	if (process.resident >= 0)
		log_line_number(&line, "resident", (unsigned long long)process.resident);
	if (process.open_fds >= 0)
		log_line_number(&line, "fds", (unsigned long long)process.open_fds);
	log_end(&line);
}

static void stats_log_listener(const struct route_listener *listener, const char *services)
{
	struct route_figures figures = route_listener_figures(listener);
	struct log_line line;

	log_event(&line, LOG_INFO, "counters");
	log_line_text(&line, "listener", listener->name);
	log_line_text(&line, "service", services);
	log_line_number(&line, "active", figures.active);
	log_line_number(&line, "connections", figures.connections);
	log_line_number(&line, "rx", figures.rx);
	log_line_number(&line, "tx", figures.tx);
	for (int i = 0; i < ROUTE_REJECTS; i++)
		log_line_number(&line, route_reject_names[i], route_rejected(listener, (enum route_reject)i));
	log_end(&line);
}

static void stats_log_backend(const struct route_listener *listener, const struct route_backend *backend)
{
	struct route_figures figures = route_backend_figures(backend);
	struct log_line line;

	log_event(&line, LOG_INFO, "counters");
	log_line_text(&line, "listener", listener ? listener->name : NULL);
	log_line_text(&line, "backend", backend->name);
	log_line_text(&line, "healthy", atomic_load(&backend->unhealthy) ? "no" : "yes");
	log_line_number(&line, "active", figures.active);
	log_line_number(&line, "connections", figures.connections);
	log_line_number(&line, "rx", figures.rx);
	log_line_number(&line, "tx", figures.tx);
	log_line_number(&line, "connect_errors", figures.connect_errors);
	log_end(&line);
}

struct stats_lines {
	struct body body;
	const struct stats *stats;
	struct walk walk;
};

static struct stats_lines *stats_lines_of(struct body *body)
{
	return CONTAINER_OF(body, struct stats_lines, body);
}

static bool stats_log_head(struct body *body)
{
	stats_log_process(stats_lines_of(body)->stats);
	return false;
}

static bool stats_log_listeners(struct body *body)
{
	struct walk *walk = &stats_lines_of(body)->walk;

	while (walk_on(walk)) {
		if (!walk->inside)
			stats_log_listener(walk->listener, walk->entry ? walk->entry->services : walk->listener->services);
		for (; walk->backend < walk->count; walk->backend++) {
			if (body_full(body, LINE_STEPS))
				return walk_pause(walk, true);
			stats_log_backend(walk->listener, walk->entry->backends[walk->backend]);
		}
		if (body_full(body, LINE_STEPS))
			return walk_pause(walk, false);
	}
	return false;
}

/* In the order in which they left; those that change places meanwhile are missed, or come twice. */
static bool stats_log_left(struct body *body)
{
	const struct route *route = stats_lines_of(body)->stats->route;

	while (body->at < route->retired_count) {
		const struct route_backend *backend = route->retired[body->at++];

		stats_log_backend(route_listener_at(route, &backend->listener->addr), backend);
		if (body_full(body, LINE_STEPS))
			return true;
	}
	return false;
}

static void stats_log_end(struct body *body)
{
	walk_end(&stats_lines_of(body)->walk);
}

static bool (*const stats_log_stages[])(struct body *body) = {
	stats_log_head, stats_log_listeners, stats_log_left, NULL
};
static const struct body_kind stats_log_kind = { stats_log_stages, stats_log_end, NULL };

struct body *stats_log(const struct stats *stats)
{
	struct stats_lines *lines = sys_alloc(sizeof *lines);

	lines->body.kind = &stats_log_kind;
	lines->stats = stats;
	walk_begin(&lines->walk, stats->route, true);
	return &lines->body;
}
