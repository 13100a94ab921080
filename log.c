#include "base.h"
#include "log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"
#include "text.h"

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* POSIX promises PIPE_BUF >= 512; Linux and the BSDs have more. A line below it is never torn, and poll() tells
 * whether it fits. */
#define LINE_MAX_BYTES 2048

static atomic_int log_limit = LOG_INFO;
static atomic_bool log_as_json, log_ready;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static unsigned long dropped; /* under the mutex */

void log_setup(enum log_level level, bool json)
{
	atomic_store(&log_limit, (int)level);
	atomic_store(&log_as_json, json);
	atomic_store(&log_ready, true);
}

bool log_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_limit, memory_order_relaxed);
}

/* RFC 3339 in UTC. By hand: libc's calendar brings time zones along, which cost a static binary 10 KB. */
static void add_time(struct buf *line)
{
	int64_t now = sys_wall(), days = now / 86400000, ms = now % 86400000;
	/* Years that start in March have their leap day at the end; an era has 400 of them. */
	int64_t z = days + 719468, era = z / 146097, day = z % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100), march = (5 * in_year + 2) / 153;
	int64_t month = march < 10 ? march + 3 : march - 9;

	buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)(era * 400 + year + (month <= 2)), (int)month,
	           (int)(in_year - (153 * march + 2) / 5 + 1), (int)(ms / 3600000), (int)(ms / 60000 % 60),
	           (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static void compose(struct buf *line, enum log_level level, const char *message, size_t len)
{
	if (!atomic_load(&log_as_json)) {
		add_time(line);
		buf_printf(line, " %-5s ", level_names[level]);
		buf_visible(line, message, len);
		buf_add(line, "\n", 1);
		return;
	}
	buf_puts(line, "{\"time\":\"");
	add_time(line);
	buf_printf(line, "\",\"level\":\"%s\",\"message\":", level_names[level]);
	buf_json(line, message, len);
	buf_puts(line, "}\n");
}

static bool put(const struct buf *line)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) > 0 && (out.revents & POLLOUT) && write(STDERR_FILENO, line->data, line->len) > 0;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char message[LINE_MAX_BYTES / 4]; /* room for every byte as \xNN */
	struct buf line = { 0 };
	va_list args;
	int len;

	if (!log_on(level))
		return;
	va_start(args, fmt);
	len = vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof message) {
		len = sizeof message - 1;
		memcpy(message + len - 3, "...", 3);
	}
	compose(&line, level, message, (size_t)len);
	pthread_mutex_lock(&one_at_a_time);
	if (dropped) {
		struct buf lost = { 0 };
		char text[64];

		compose(&lost, LOG_WARN, text, (size_t)snprintf(text, sizeof text, "%lu log lines dropped", dropped));
		if (put(&lost))
			dropped = 0;
		buf_free(&lost);
	}
	dropped += !put(&line);
	pthread_mutex_unlock(&one_at_a_time);
	buf_free(&line);
}

void log_complain(enum log_level level, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	if (atomic_load(&log_ready))
		log_write(level, "%s", text.data);
	else
		fprintf(stderr, "dill: %s\n", text.data);
	buf_free(&text);
}
