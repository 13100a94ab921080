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
#define VALUE_MAX 512
#define END_ROOM 32 /* for ,"cut":N} and the line end */
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

/* Composing a line. What does not fit raises `full`, and nothing is added any more until somebody cuts back. */

static void add(struct log_event *e, const char *bytes, size_t len)
{
	if (e->full || len > sizeof e->line - END_ROOM - e->len) {
		e->full = true;
		return;
	}
	memcpy(e->line + e->len, bytes, len);
	e->len += len;
}

static void add_word(struct log_event *e, const char *word)
{
	add(e, word, strlen(word));
}

static void add_digits(struct log_event *e, unsigned long long n, size_t width)
{
	char digits[24], *p = digits + sizeof digits;
	char *least = p - width;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n || p > least);
	add(e, p, (size_t)(digits + sizeof digits - p));
}

/* RFC 3339 in UTC. By hand: libc's calendar brings time zones along, which cost a static binary 10 KB. */
static void add_time(struct log_event *e)
{
	int64_t now = sys_wall(), days = now / 86400000, ms = now % 86400000;
	/* Years that start in March have their leap day at the end; an era has 400 of them. */
	int64_t z = days + 719468, era = z / 146097, day = z % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100), march = (5 * in_year + 2) / 153;
	int64_t month = march < 10 ? march + 3 : march - 9;
	const struct {
		int64_t n;
		size_t width;
		const char *behind;
	} parts[] = {
		{ era * 400 + year + (month <= 2), 4, "-" }, { month, 2, "-" }, { in_year - (153 * march + 2) / 5 + 1, 2, "T" },
		{ ms / 3600000, 2, ":" }, { ms / 60000 % 60, 2, ":" }, { ms / 1000 % 60, 2, "." }, { ms % 1000, 3, "Z" },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		add_digits(e, (unsigned long long)parts[i].n, parts[i].width);
		add(e, parts[i].behind, 1);
	}
}

static void begin(struct log_event *e, enum log_level level)
{
	e->len = 0;
	e->cut = 0;
	e->full = false;
	e->json = atomic_load_explicit(&log_as_json, memory_order_relaxed);
	if (e->json)
		add_word(e, "{\"time\":\"");
	add_time(e);
	add_word(e, e->json ? "\",\"level\":\"" : " ");
	add_word(e, level_names[level]);
	if (e->json)
		add_word(e, "\",\"message\":");
	else
		add(e, "      ", 6 - strlen(level_names[level]));
}

static void finish(struct log_event *e)
{
	if (e->json)
		e->line[e->len++] = '}';
	e->line[e->len++] = '\n';
}

static bool is_c1(const char *at, size_t left)
{
	return left > 1 && (unsigned char)at[0] == 0xc2 && ((unsigned char)at[1] & 0xe0) == 0x80;
}

/* A JSON string without its quotes. In text C1 controls are escaped as well, for they reach a terminal. */
static void add_escaped(struct log_event *e, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)bytes[i];
		size_t n = text_utf8(bytes + i, len - i);
		bool c1 = !e->json && is_c1(bytes + i, len - i);

		if (c1)
			c = (unsigned char)bytes[i + 1];
		if (c == '"' || c == '\\')
			add(e, (char[2]){ '\\', (char)c }, 2);
		else if (c < 0x20 || c == 0x7f || c1)
			add(e, (char[6]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
		else if (!n)
			add(e, "\\ufffd", 6);
		else
			add(e, bytes + i, n);
		i += n ? n : 1;
	}
}

static void compose(struct log_event *e, enum log_level level, const char *text, size_t len, unsigned long repeated)
{
	char window[32], note[96];

	begin(e, level);
	if (e->json) {
		add(e, "\"", 1);
		add_escaped(e, text, len);
		add(e, "\"", 1);
	} else {
		e->len += text_visible(e->line + e->len, sizeof e->line - END_ROOM - e->len, text, len);
	}
	if (repeated) {
		text_print_duration(LOG_WINDOW_MS, window);
		snprintf(note, sizeof note, e->json ? ",\"repeated\":%lu" : " (%lu more within %s)", repeated,
		         window);
		add_word(e, note);
	}
	finish(e);
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
	struct log_event notice;
	char text[64];
	unsigned long lines = 0;

	if (*missing) {
		int n = snprintf(text, sizeof text, "%lu log lines dropped", *missing);

		compose(&notice, LOG_WARN, text, (size_t)n, 0);
		if (put(notice.line, notice.len, patient))
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
static void append(const struct log_event *e)
{
	struct block *b = q.tail;

	q.news = true;
	if (b->lost || e->len > sizeof b->bytes - b->len) {
		b = q.blocks < LOG_PENDING_MAX / sizeof *b ? block_new() : NULL;
		if (!b) {
			q.tail->lost++;
			atomic_fetch_add(&dropped, 1);
			return;
		}
		q.tail = q.tail->next = b;
	}
	memcpy(b->bytes + b->len, e->line, e->len);
	b->len += e->len;
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
	struct log_event e;

	s->ends = 0;
	if (s->seen <= LOG_WINDOW_LINES)
		return;
	compose(&e, s->message.level, s->message.text, s->message.len, s->seen - LOG_WINDOW_LINES);
	append(&e);
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

/* `m` is the message that `e` was composed of, if it shall be summed up. */
static void submit(const struct log_event *e, const struct message *m)
{
	pthread_mutex_lock(&q.lock);
	if (q.state == RUNNING || q.state == STOPPING) {
		if (!m || !sum_up(m))
			append(e);
		leave();
		return;
	}
	deliver(e->line, e->len, &q.missing, false);
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
	struct log_event e;
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
	compose(&e, level, m.text, m.len, 0);
	submit(&e, level == LOG_INFO ? NULL : &m);
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

void log_event(struct log_event *e, enum log_level level, const char *name)
{
	begin(e, level);
	add_word(e, e->json ? "\"" : "");
	add_word(e, name);
	add_word(e, e->json ? "\"" : "");
}

static void add_key(struct log_event *e, const char *key)
{
	add_word(e, e->json ? ",\"" : " ");
	add_word(e, key);
	add_word(e, e->json ? "\":" : "=");
}

/* Did the field fit that began at `mark`? If not, it is taken back. */
static bool keep(struct log_event *e, size_t mark)
{
	bool fits = !e->full;

	if (!fits)
		e->len = mark;
	e->full = false;
	return fits;
}

static bool is_plain(const char *value, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)value[i];

		n = c < 0x80 ? 1 : text_utf8(value + i, len - i);
		if (c <= ' ' || c == '"' || c == '=' || c == 0x7f || !n || is_c1(value + i, len - i))
			return false;
	}
	return len > 0;
}

static void add_value(struct log_event *e, const char *value, size_t max)
{
	size_t len = strnlen(value, max + 1);
	bool cut = len > max, plain;

	if (cut) {
		len = max - 3;
		for (int i = 0; i < 3 && ((unsigned char)value[len] & 0xc0) == 0x80; i++)
			len--;
	}
	plain = !e->json && is_plain(value, len);
	if (plain) {
		add(e, value, len);
	} else {
		add(e, "\"", 1);
		add_escaped(e, value, len);
	}
	if (cut)
		add(e, "...", 3);
	if (!plain)
		add(e, "\"", 1);
}

void log_text(struct log_event *e, const char *key, const char *value)
{
	size_t mark = e->len;

	for (size_t max = VALUE_MAX; max >= 16; max /= 2) {
		add_key(e, key);
		if (value)
			add_value(e, value, max);
		else
			add_word(e, e->json ? "null" : "-");
		if (keep(e, mark))
			return;
	}
	e->cut++;
}

void log_number(struct log_event *e, const char *key, unsigned long long n)
{
	size_t mark = e->len;

	add_key(e, key);
	add_digits(e, n, 1);
	e->cut += !keep(e, mark);
}

void log_seconds(struct log_event *e, const char *key, int64_t us)
{
	size_t mark = e->len;

	if (us < 0) {
		log_text(e, key, NULL);
		return;
	}
	add_key(e, key);
	add_digits(e, (unsigned long long)us / 1000000, 1);
	add(e, ".", 1);
	add_digits(e, (unsigned long long)us % 1000000, 6);
	e->cut += !keep(e, mark);
}

void log_end(struct log_event *e)
{
	if (e->cut)
		e->len += (size_t)snprintf(e->line + e->len, END_ROOM - 2, e->json ? ",\"cut\":%u" : " cut=%u", e->cut);
	finish(e);
	submit(e, NULL);
}
