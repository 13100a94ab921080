#include "base.h"
#include "stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "sys.h"

#define RATE_US 2000000 /* a rate is over this time at least, and twice it where somebody looks often */

int stats_ready(struct stats *s, const char **why)
{
	s->ready = s->ready || supervisor_spoken(s->sources);
	*why = s->stopping ? "stopping" : s->ready ? "OK" : "waiting for the first answer of a source";
	return s->stopping || !s->ready ? 503 : 200;
}

/* The process. */

/* Since Linux 6.2 the directory's size is their number; before that they must be counted. */
static long count_fds(void)
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
static void read_memory(struct stats_process *p)
{
	long page = sysconf(_SC_PAGESIZE), pages[2];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	struct slice rest = { text, n > 0 ? (size_t)n : 0 }, part;

	if (fd >= 0)
		close(fd);
	for (int i = 0; i < 2; i++)
		if (!slice_next(&rest, ' ', &part) || text_number(part, 0, LONG_MAX / page, &pages[i]))
			return;
	p->virtual_size = (int64_t)pages[0] * page;
	p->resident = (int64_t)pages[1] * page;
}

void stats_process(struct stats_process *p)
{
	struct rusage usage;
	struct rlimit limit;

	*p = (struct stats_process){ .resident = -1, .virtual_size = -1, .open_fds = count_fds(), .max_fds = -1, .cpu = -1 };
	read_memory(p);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		p->cpu = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
		         usage.ru_stime.tv_usec;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		p->max_fds = (long)limit.rlim_cur;
}

/* Rates. */

static void sample(const struct route_listener *l, struct route_sample *s)
{
	s->at = sys_micros();
	s->connections = atomic_load(&l->connections);
	s->rx = atomic_load(&l->rx);
	s->tx = atomic_load(&l->tx);
}

bool stats_rate(struct route_listener *l, struct stats_rate *out)
{
	struct route_sample now, *old;
	double seconds;

	sample(l, &now);
	if (!l->samples) {
		l->samples = sys_alloc(2 * sizeof *l->samples);
		l->samples[1] = now;
	} else if (now.at - l->samples[1].at >= RATE_US) {
		l->samples[0] = l->samples[1];
		l->samples[1] = now;
	}
	old = &l->samples[l->samples[0].at ? 0 : 1];
	seconds = (double)(now.at - old->at) / 1e6;
	if (seconds < 0.5)
		return false;
	out->connections = (double)(now.connections - old->connections) / seconds;
	out->rx = (double)(now.rx - old->rx) / seconds;
	out->tx = (double)(now.tx - old->tx) / seconds;
	return true;
}

/* Lines of the log. */

static void log_listener(const struct route_entry *e)
{
	struct route_listener *l = e->listener;
	struct log_line line;

	log_event(&line, LOG_INFO, "counters");
	log_line_text(&line, "listener", l->name);
	log_line_text(&line, "service", e->services);
	log_line_number(&line, "active", atomic_load(&l->active));
	log_line_number(&line, "connections", atomic_load(&l->connections));
	log_line_number(&line, "rx", atomic_load(&l->rx));
	log_line_number(&line, "tx", atomic_load(&l->tx));
	for (int i = 0; i < ROUTE_REJECTS; i++)
		log_line_number(&line, route_reject_names[i], atomic_load(&l->rejected[i]));
	log_end(&line);
}

static void log_backend(const struct route_entry *e, struct route_backend *b)
{
	struct log_line line;

	log_event(&line, LOG_INFO, "counters");
	log_line_text(&line, "listener", e->listener->name);
	log_line_text(&line, "backend", b->name);
	log_line_text(&line, "healthy", atomic_load(&b->unhealthy) ? "no" : "yes");
	log_line_number(&line, "active", atomic_load(&b->active));
	log_line_number(&line, "connections", atomic_load(&b->connections));
	log_line_number(&line, "rx", atomic_load(&b->rx));
	log_line_number(&line, "tx", atomic_load(&b->tx));
	log_line_number(&line, "connect_errors", atomic_load(&b->connect_errors));
	log_end(&line);
}

void stats_log(const struct stats *s)
{
	const struct route_table *t = s->route->table;
	struct stats_process process;
	struct log_line line;

	stats_process(&process);
	log_event(&line, LOG_INFO, "counters");
	log_line_number(&line, "uptime", (unsigned long long)(sys_wall() - s->started) / 1000);
	log_line_number(&line, "sessions", atomic_load(&s->pool->shared.sessions));
	log_line_number(&line, "limit", atomic_load(&s->pool->shared.limit));
	log_line_number(&line, "listeners", t->count);
	log_line_number(&line, "refused", t->refused_count);
	log_line_number(&line, "changes", s->route->changes);
	log_line_number(&line, "log_dropped", log_dropped());
	if (process.cpu >= 0)
		log_line_seconds(&line, "cpu", process.cpu);
	if (process.resident >= 0)
		log_line_number(&line, "resident", (unsigned long long)process.resident);
	if (process.open_fds >= 0)
		log_line_number(&line, "fds", (unsigned long long)process.open_fds);
	log_end(&line);
	for (size_t i = 0; i < t->count; i++) {
		log_listener(&t->entries[i]);
		for (unsigned b = 0; b < t->entries[i].count; b++)
			log_backend(&t->entries[i], t->entries[i].backends[b]);
	}
}
