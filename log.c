#include "base.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log_sum.h"
#include "print.h"
#include "sys.h"
#include "text.h"

#ifndef LOG_PENDING_MAX
#define LOG_PENDING_MAX (1024 * 1024)
#endif
#define LOG_AUDIT_MAX LOG_PENDING_MAX /* for audit lines, beyond that */
#define LOG_STOP_MS 1000
/* How long the thread waits for more lines before it writes the first: waking it costs the caller more than a line. */
#define LOG_NAP_MS 2

/* What one write(2) gets: Linux's PIPE_BUF. As much fits into a pipe that poll() calls writable, and is never torn. */
#define CHUNK_MAX 4096
#define STUCK_POLL_MS 100

static const char *const log_level_names[] = { "error", "warn", "info", "debug" };

static atomic_int log_limit = LOG_INFO;
static atomic_bool log_as_json, log_ready;
static atomic_ulong log_lost;

/* Whole lines, and how many are missing behind them. Between two lines that is a 0 and the number. */
#define GAP_SIZE (1 + sizeof(unsigned long))
struct log_block {
	struct log_block *next;
	size_t len;
	unsigned long lost;
	char bytes[8 * 1024 - 64];
};

/* OFF -> RUNNING -> STOPPING -> OFF; a thread that hangs in write(2) is ABANDONED until it comes back. */
enum log_state { OFF, RUNNING, STOPPING, ABANDONED };

static struct {
	pthread_mutex_t lock; /* of all that follows; never held while the thread writes */
	pthread_cond_t wake, ended;
	pthread_t thread;
	enum log_state state;
	bool opened; /* the two conditions, by the first start */
	bool asleep, news;
	struct log_block *head, *tail; /* never NULL while there is a thread */
	size_t blocks;
	unsigned long missing; /* lines that the next one written without the thread shall mention */
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Atomic int64_t log_give_up_at; /* on sys_now's clock; 0: never */

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

unsigned long log_dropped(void)
{
	return atomic_load(&log_lost);
}

static void log_compose(struct log_line *line, const struct log_message *message, unsigned long repeated)
{
	log_line_begin(line, log_level_names[message->level], atomic_load_explicit(&log_as_json, memory_order_relaxed));
	log_line_message(line, message->text, message->len);
	if (repeated)
		log_line_repeated(line, repeated, message->noun, LOG_SUM_MS);
	log_line_end(line);
}

/* Writing. */

static bool log_gave_up(void)
{
	int64_t at = atomic_load(&log_give_up_at);

	return at && sys_now() >= at;
}

static bool log_wait_for_room(bool patient)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	for (;;) {
		bool wait = patient && !log_gave_up();
		int n = poll(&out, 1, wait ? STUCK_POLL_MS : 0);

		if (n > 0)
			return out.revents & POLLOUT;
		if (!wait || (n < 0 && errno != EINTR))
			return false;
	}
}

/* stderr blocks as others of its users want it to: that is why only as much as fits is written at once. */
static bool log_put(const char *bytes, size_t len, bool patient)
{
	while (len) {
		ssize_t n = log_wait_for_room(patient) ? write(STDERR_FILENO, bytes, len) : -2;

		if (n == -2 || (n < 0 && errno != EINTR && !(errno == EAGAIN && patient)))
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static void log_deliver(const char *bytes, size_t len, unsigned long *missing, bool patient)
{
	struct log_line notice;
	struct log_message message = { .level = LOG_WARN, .noun = "" };
	unsigned long lines = 0;

	if (*missing) {
		message.len = print_text(message.text, sizeof message.text, "%lu log line%s dropped", *missing,
		                               text_s(*missing));
		log_compose(&notice, &message, 0);
		if (log_put(notice.text, notice.len, patient))
			*missing = 0;
	}
	if (!*missing && log_put(bytes, len, patient))
		return;
	for (size_t i = 0; i < len; i++)
		lines += bytes[i] == '\n';
	*missing += lines;
	atomic_fetch_add(&log_lost, lines);
}

/* The queue. The lock is held. */

static struct log_block *log_block_new(void)
{
	struct log_block *block = calloc(1, sizeof *block);

	queue.blocks += block != NULL;
	return block;
}

static void log_block_free(struct log_block *block)
{
	queue.blocks -= block != NULL;
	free(block);
}

/* A block beyond LOG_PENDING_MAX is for audit lines alone, or others would fill what such a line leaves of it. */
static bool log_fits(const struct log_block *block, const struct log_line *line)
{
	return (line->audit || queue.blocks <= LOG_PENDING_MAX / sizeof *block) &&
	       line->len + (block->lost ? GAP_SIZE : 0) <= sizeof block->bytes - block->len;
}

static void log_append(const struct log_line *line)
{
	struct log_block *block = queue.tail;
	size_t most = (LOG_PENDING_MAX + (line->audit ? LOG_AUDIT_MAX : 0)) / sizeof *block;

	queue.news = true;
	if (!log_fits(block, line)) {
		block = queue.blocks < most ? log_block_new() : NULL;
		if (!block) {
			queue.tail->lost++;
			atomic_fetch_add(&log_lost, 1);
			return;
		}
		queue.tail = queue.tail->next = block;
	} else if (block->lost) { /* the notice stands where the lines would be */
		block->bytes[block->len] = '\0';
		memcpy(block->bytes + block->len + 1, &block->lost, sizeof block->lost);
		block->len += GAP_SIZE;
		block->lost = 0;
	}
	memcpy(block->bytes + block->len, line->text, line->len);
	block->len += line->len;
}

/* Unlocks, and wakes the thread if it has to do something and nobody has woken it yet. */
static void log_leave(void)
{
	bool wake = queue.news && queue.asleep;

	if (wake)
		queue.asleep = false;
	pthread_mutex_unlock(&queue.lock);
	if (wake)
		pthread_cond_signal(&queue.wake);
}

static void log_say_sum(const struct log_message *message, unsigned long more)
{
	struct log_line line;

	log_compose(&line, message, more);
	log_append(&line);
}

/* `message` is what `line` was composed of; NULL: it is not to be summed up. */
static void log_submit(const struct log_line *line, struct log_message *message)
{
	pthread_mutex_lock(&queue.lock);
	if (queue.state == RUNNING || queue.state == STOPPING) {
		unsigned long hidden = message ? log_sum_up(message, log_say_sum) : 0;

		if (!hidden)
			log_append(line);
		else if (hidden == 1)
			queue.news = true; /* the thread shall watch the clock */
		log_leave();
		return;
	}
	log_deliver(line->text, line->len, &queue.missing, false);
	pthread_mutex_unlock(&queue.lock);
}

/* The thread. */

/* The next lines of a block, for one write(2). */
static size_t log_chunk(const char *bytes, size_t left)
{
	const char *gap = memchr(bytes, '\0', left);
	size_t n = gap ? (size_t)(gap - bytes) : left;

	if (n > CHUNK_MAX)
		for (n = CHUNK_MAX; bytes[n - 1] != '\n'; n--)
			;
	return n;
}

static void log_write_block(const struct log_block *block, unsigned long *missing)
{
	for (size_t at = 0, n; at < block->len; at += n) {
		unsigned long lost;

		n = log_chunk(block->bytes + at, block->len - at);
		if (n) {
			log_deliver(block->bytes + at, n, missing, true);
			continue;
		}
		memcpy(&lost, block->bytes + at + 1, sizeof lost);
		*missing += lost;
		n = GAP_SIZE;
	}
	*missing += block->lost;
	log_deliver(NULL, 0, missing, true);
}

/* Writes the first block. The empty one takes its place when there is no second; returns an empty one. */
static struct log_block *log_write_first(struct log_block *empty, unsigned long *missing)
{
	struct log_block *block = queue.head;

	if (block->next) {
		queue.head = block->next;
	} else {
		queue.head = queue.tail = empty;
		empty = NULL;
	}
	pthread_mutex_unlock(&queue.lock);
	log_write_block(block, missing);
	pthread_mutex_lock(&queue.lock);
	if (empty) {
		log_block_free(block);
		return empty;
	}
	block->len = 0;
	block->lost = 0;
	return block;
}

static void log_sleep_until(int64_t due)
{
	queue.asleep = true;
	if (due == INT64_MAX)
		pthread_cond_wait(&queue.wake, &queue.lock);
	else
		sys_wait_until(&queue.wake, &queue.lock, due);
	queue.asleep = false;
	if (queue.state != RUNNING)
		return;
	pthread_mutex_unlock(&queue.lock);
	nanosleep(&(struct timespec){ .tv_nsec = LOG_NAP_MS * 1000000 }, NULL);
	pthread_mutex_lock(&queue.lock);
}

static void *log_run(void *arg)
{
	struct log_block *empty = arg;
	unsigned long missing;

	pthread_mutex_lock(&queue.lock);
	missing = queue.missing;
	queue.missing = 0;
	for (;;) {
		int64_t due = log_sum_end(queue.state == RUNNING ? sys_now() : INT64_MAX, log_say_sum);

		queue.news = false;
		if (queue.head->len || queue.head->lost) {
			empty = log_write_first(empty, &missing);
			continue;
		}
		if (queue.state != RUNNING)
			break;
		log_sleep_until(due);
	}
	log_block_free(empty);
	log_block_free(queue.head);
	queue.head = queue.tail = NULL;
	queue.missing += missing;
	queue.state = OFF;
	pthread_cond_signal(&queue.ended);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

int log_start(void)
{
	struct log_block *empty = NULL;
	int error = EBUSY;

	pthread_mutex_lock(&queue.lock);
	if (!queue.opened) {
		sys_cond_open(&queue.wake);
		sys_cond_open(&queue.ended);
		queue.opened = true;
	}
	if (queue.state == OFF) {
		atomic_store(&log_give_up_at, 0);
		queue.head = queue.tail = log_block_new();
		empty = log_block_new();
		error = queue.head && empty ? sys_thread(&queue.thread, log_run, empty) : ENOMEM;
		if (!error) {
			queue.state = RUNNING;
		} else {
			log_block_free(queue.head);
			log_block_free(empty);
			queue.head = queue.tail = NULL;
		}
	}
	pthread_mutex_unlock(&queue.lock);
	return error;
}

void log_stop(void)
{
	int64_t deadline = sys_now() + LOG_STOP_MS;
	pthread_t thread;
	bool ended;

	pthread_mutex_lock(&queue.lock);
	if (queue.state != RUNNING) {
		pthread_mutex_unlock(&queue.lock);
		return;
	}
	thread = queue.thread;
	queue.state = STOPPING;
	atomic_store(&log_give_up_at, deadline - LOG_STOP_MS / 4); /* then there is time for the thread to end */
	pthread_cond_signal(&queue.wake);
	while (queue.state != OFF && sys_now() < deadline)
		sys_wait_until(&queue.ended, &queue.lock, deadline);
	ended = queue.state == OFF;
	if (!ended)
		queue.state = ABANDONED;
	pthread_mutex_unlock(&queue.lock);
	if (ended)
		pthread_join(thread, NULL);
	else
		pthread_detach(thread);
}

/* What others call. */

static void log_format(struct log_message *message, const char *fmt, va_list args)
{
	struct log_line line;

	message->len = print_args(message->text, sizeof message->text, fmt, args);
	if (message->len >= sizeof message->text) {
		message->len = sizeof message->text - 1;
		memcpy(message->text + message->len - 3, "...", 3);
	}
	message->hash = text_hash(TEXT_HASH, message->text, message->len);
	log_compose(&line, message, 0);
	log_submit(&line, message->level == LOG_INFO ? NULL : message);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	struct log_message message = { .level = level, .noun = "" };
	va_list args;

	if (!log_on(level))
		return;
	va_start(args, fmt);
	log_format(&message, fmt, args);
	va_end(args);
}

void log_about(enum log_level level, const void *thing, const char *noun, const char *fmt, ...)
{
	struct log_message message = { .level = level, .kind = fmt, .noun = noun, .thing = thing };
	va_list args;

	if (!log_on(level))
		return;
	va_start(args, fmt);
	log_format(&message, fmt, args);
	va_end(args);
}

void log_complain(enum log_level level, const char *fmt, ...)
{
	struct buf text = { 0 }, shown = { 0 };
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	buf_puts_visible(&shown, "", text.data);
	if (atomic_load(&log_ready))
		log_write(level, "%s", shown.data);
	else
		print_to(STDERR_FILENO, "dill: %s\n", shown.data);
	buf_free(&text);
	buf_free(&shown);
}

void log_event(struct log_line *line, enum log_level level, const char *name)
{
	log_line_begin(line, log_level_names[level], atomic_load_explicit(&log_as_json, memory_order_relaxed));
	log_line_name(line, name);
}

void log_end(struct log_line *line)
{
	log_line_end(line);
	log_submit(line, NULL);
}

void log_end_audit(struct log_line *line)
{
	line->audit = true;
	log_end(line);
}
