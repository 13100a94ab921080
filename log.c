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

#include "sys.h"
#include "text.h"

#ifndef LOG_WINDOW_MS
#define LOG_WINDOW_MS 10000
#endif
#ifndef LOG_PENDING_MAX
#define LOG_PENDING_MAX (1024 * 1024)
#endif
#define LOG_WINDOW_LINES 5
#define LOG_SUMS 32
#define LOG_STOP_MS 1000
/* What the thread waits for more lines before it writes the first: waking it costs the caller more than a line. */
#define LOG_NAP_MS 2

/* What one write(2) gets: Linux's PIPE_BUF. As much fits into a pipe that poll() calls writable, and is never torn. */
#define CHUNK_MAX 4096
#define MESSAGE_MAX 512 /* six times that, as \u00NN, and what stands around it fit into a line */
#define STUCK_POLL_MS 100

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static atomic_int log_limit = LOG_INFO;
static atomic_bool log_as_json, log_ready;
static atomic_ulong dropped;

/* Whole lines, and how many are missing behind them. */
struct block {
	struct block *next;
	size_t len;
	unsigned long lost;
	char bytes[8 * 1024 - 64];
};

struct message {
	enum log_level level;
	uint32_t hash;
	size_t len;
	char text[MESSAGE_MAX];
};

struct sum {
	struct message message;
	int64_t ends; /* of the window, on sys_now's clock; 0: the entry is free */
	unsigned long seen;
};

/* OFF -> RUNNING -> STOPPING -> OFF; a thread that hangs in write(2) is ABANDONED until it comes back. */
enum state { OFF, RUNNING, STOPPING, ABANDONED };

static struct {
	pthread_mutex_t lock; /* of all that follows; never held while the thread writes */
	pthread_cond_t wake, ended;
	pthread_t thread;
	enum state state;
	bool asleep, news;
	struct block *head, *tail; /* never NULL while there is a thread */
	size_t blocks;
	unsigned long missing; /* lines that the next one written without the thread shall mention */
	struct sum sums[LOG_SUMS];
} q = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };

static _Atomic int64_t give_up_at; /* on sys_now's clock; 0: never */

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
	return atomic_load(&dropped);
}

static void compose(struct log_line *l, const struct message *m, unsigned long repeated)
{
	log_line_begin(l, level_names[m->level], atomic_load_explicit(&log_as_json, memory_order_relaxed));
	log_line_message(l, m->text, m->len);
	if (repeated)
		log_line_repeated(l, repeated, LOG_WINDOW_MS);
	log_line_end(l);
}

/* Writing. */

static bool gave_up(void)
{
	int64_t at = atomic_load(&give_up_at);

	return at && sys_now() >= at;
}

static bool wait_for_room(bool patient)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	for (;;) {
		bool wait = patient && !gave_up();
		int n = poll(&out, 1, wait ? STUCK_POLL_MS : 0);

		if (n > 0)
			return out.revents & POLLOUT;
		if (!wait || (n < 0 && errno != EINTR))
			return false;
	}
}

/* stderr blocks as others of its users want it to: that is why only as much as fits is written at once. */
static bool put(const char *bytes, size_t len, bool patient)
{
	while (len) {
		ssize_t n = wait_for_room(patient) ? write(STDERR_FILENO, bytes, len) : -2;

		if (n == -2 || (n < 0 && errno != EINTR && !(errno == EAGAIN && patient)))
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static void deliver(const char *bytes, size_t len, unsigned long *missing, bool patient)
{
	struct log_line notice;
	struct message m = { .level = LOG_WARN };
	unsigned long lines = 0;

	if (*missing) {
		m.len = (size_t)snprintf(m.text, sizeof m.text, "%lu log lines dropped", *missing);
		compose(&notice, &m, 0);
		if (put(notice.text, notice.len, patient))
			*missing = 0;
	}
	if (!*missing && put(bytes, len, patient))
		return;
	for (size_t i = 0; i < len; i++)
		lines += bytes[i] == '\n';
	*missing += lines;
	atomic_fetch_add(&dropped, lines);
}

/* The queue. The lock is held. */

static struct block *block_new(void)
{
	struct block *b = calloc(1, sizeof *b);

	q.blocks += b != NULL;
	return b;
}

static void block_free(struct block *b)
{
	q.blocks -= b != NULL;
	free(b);
}

/* Once a line is lost behind a block, the block is closed: the notice stands where the line would be. */
static void append(const struct log_line *l)
{
	struct block *b = q.tail;

	q.news = true;
	if (b->lost || l->len > sizeof b->bytes - b->len) {
		b = q.blocks < LOG_PENDING_MAX / sizeof *b ? block_new() : NULL;
		if (!b) {
			q.tail->lost++;
			atomic_fetch_add(&dropped, 1);
			return;
		}
		q.tail = q.tail->next = b;
	}
	memcpy(b->bytes + b->len, l->text, l->len);
	b->len += l->len;
}

/* Unlocks, and wakes the thread if it has to do something and nobody has woken it yet. */
static void leave(void)
{
	bool wake = q.news && q.asleep;

	if (wake)
		q.asleep = false;
	pthread_mutex_unlock(&q.lock);
	if (wake)
		pthread_cond_signal(&q.wake);
}

static void end_window(struct sum *s)
{
	struct log_line l;

	s->ends = 0;
	if (s->seen <= LOG_WINDOW_LINES)
		return;
	compose(&l, &s->message, s->seen - LOG_WINDOW_LINES);
	append(&l);
}

/* Ends the windows that have something to say; returns when the next one of them ends. */
static int64_t end_windows(int64_t now)
{
	int64_t next = INT64_MAX;

	for (struct sum *s = q.sums; s < q.sums + LOG_SUMS; s++)
		if (s->ends && s->ends <= now)
			end_window(s);
		else if (s->ends && s->seen > LOG_WINDOW_LINES && s->ends < next)
			next = s->ends;
	return next;
}

static bool is_of(const struct sum *s, const struct message *m)
{
	return s->ends && s->message.hash == m->hash && s->message.level == m->level && s->message.len == m->len &&
	       memcmp(s->message.text, m->text, m->len) == 0;
}

/* True: the message is only counted. A new one takes the place of the window that began first. */
static bool sum_up(const struct message *m)
{
	struct sum *s = q.sums;
	int64_t now = sys_now();

	for (size_t i = 0; i < LOG_SUMS && !is_of(s, m); i++)
		if (is_of(&q.sums[i], m) || q.sums[i].ends < s->ends)
			s = &q.sums[i];
	if (is_of(s, m) && now < s->ends) {
		s->seen++;
		if (s->seen == LOG_WINDOW_LINES + 1)
			q.news = true; /* the thread shall watch the clock */
		return s->seen > LOG_WINDOW_LINES;
	}
	if (s->ends)
		end_window(s);
	s->message = *m;
	s->ends = now + LOG_WINDOW_MS;
	s->seen = 1;
	return false;
}

/* `m` is the message that `l` was composed of, if it shall be summed up. */
static void submit(const struct log_line *l, const struct message *m)
{
	pthread_mutex_lock(&q.lock);
	if (q.state == RUNNING || q.state == STOPPING) {
		if (!m || !sum_up(m))
			append(l);
		leave();
		return;
	}
	deliver(l->text, l->len, &q.missing, false);
	pthread_mutex_unlock(&q.lock);
}

/* The thread. */

/* Returns at `deadline` on sys_now's clock, or earlier. libc's own clock here may be set meanwhile: look again. */
static void wait_until(pthread_cond_t *cond, int64_t deadline)
{
	int64_t at = sys_wall() + (deadline - sys_now());
	struct timespec t = { .tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000 * 1000000) };

	pthread_cond_timedwait(cond, &q.lock, &t);
}

static void write_block(const struct block *b, unsigned long *missing)
{
	size_t at = 0, n;

	for (; at < b->len; at += n) {
		n = b->len - at;
		if (n > CHUNK_MAX)
			for (n = CHUNK_MAX; b->bytes[at + n - 1] != '\n'; n--)
				;
		deliver(b->bytes + at, n, missing, true);
	}
	*missing += b->lost;
	deliver(NULL, 0, missing, true);
}

/* Writes the first block. The empty one takes its place when there is no second; returns an empty one. */
static struct block *write_first(struct block *empty, unsigned long *missing)
{
	struct block *b = q.head;

	if (b->next) {
		q.head = b->next;
	} else {
		q.head = q.tail = empty;
		empty = NULL;
	}
	pthread_mutex_unlock(&q.lock);
	write_block(b, missing);
	pthread_mutex_lock(&q.lock);
	if (empty) {
		block_free(b);
		return empty;
	}
	b->len = 0;
	b->lost = 0;
	return b;
}

static void sleep_until(int64_t due)
{
	q.asleep = true;
	if (due == INT64_MAX)
		pthread_cond_wait(&q.wake, &q.lock);
	else
		wait_until(&q.wake, due);
	q.asleep = false;
	if (q.state != RUNNING)
		return;
	pthread_mutex_unlock(&q.lock);
	nanosleep(&(struct timespec){ .tv_nsec = LOG_NAP_MS * 1000000 }, NULL);
	pthread_mutex_lock(&q.lock);
}

static void *write_lines(void *arg)
{
	struct block *empty = arg;
	unsigned long missing;

	pthread_mutex_lock(&q.lock);
	missing = q.missing;
	q.missing = 0;
	for (;;) {
		int64_t due = end_windows(q.state == RUNNING ? sys_now() : INT64_MAX);

		q.news = false;
		if (q.head->len || q.head->lost) {
			empty = write_first(empty, &missing);
			continue;
		}
		if (q.state != RUNNING)
			break;
		sleep_until(due);
	}
	block_free(empty);
	block_free(q.head);
	q.head = q.tail = NULL;
	q.missing += missing;
	q.state = OFF;
	pthread_cond_signal(&q.ended);
	pthread_mutex_unlock(&q.lock);
	return NULL;
}

int log_start(void)
{
	struct block *empty = NULL;
	int error = EBUSY;

	pthread_mutex_lock(&q.lock);
	if (q.state == OFF) {
		atomic_store(&give_up_at, 0);
		q.head = q.tail = block_new();
		empty = block_new();
		error = q.head && empty ? sys_thread(&q.thread, write_lines, empty) : ENOMEM;
		if (!error) {
			q.state = RUNNING;
		} else {
			block_free(q.head);
			block_free(empty);
			q.head = q.tail = NULL;
		}
	}
	pthread_mutex_unlock(&q.lock);
	return error;
}

void log_stop(void)
{
	int64_t deadline = sys_now() + LOG_STOP_MS;
	pthread_t thread;
	bool ended;

	pthread_mutex_lock(&q.lock);
	if (q.state != RUNNING) {
		pthread_mutex_unlock(&q.lock);
		return;
	}
	thread = q.thread;
	q.state = STOPPING;
	atomic_store(&give_up_at, deadline - LOG_STOP_MS / 4); /* then there is time for the thread to end */
	pthread_cond_signal(&q.wake);
	while (q.state != OFF && sys_now() < deadline)
		wait_until(&q.ended, deadline);
	ended = q.state == OFF;
	if (!ended)
		q.state = ABANDONED;
	pthread_mutex_unlock(&q.lock);
	if (ended)
		pthread_join(thread, NULL);
	else
		pthread_detach(thread);
}

/* What others call. */

void log_write(enum log_level level, const char *fmt, ...)
{
	struct message m = { .level = level, .hash = 2166136261u };
	struct log_line l;
	va_list args;
	int len;

	if (!log_on(level))
		return;
	va_start(args, fmt);
	len = vsnprintf(m.text, sizeof m.text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	m.len = (size_t)len;
	if (m.len >= sizeof m.text) {
		m.len = sizeof m.text - 1;
		memcpy(m.text + m.len - 3, "...", 3);
	}
	for (size_t i = 0; i < m.len; i++) /* FNV-1a */
		m.hash = (m.hash ^ (unsigned char)m.text[i]) * 16777619u;
	compose(&l, &m, 0);
	submit(&l, level == LOG_INFO ? NULL : &m);
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

void log_event(struct log_line *l, enum log_level level, const char *name)
{
	log_line_begin(l, level_names[level], atomic_load_explicit(&log_as_json, memory_order_relaxed));
	log_line_name(l, name);
}

void log_end(struct log_line *l)
{
	log_line_end(l);
	submit(l, NULL);
}
