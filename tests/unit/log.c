/* Cases for log.c: the formats, fields, sums of what is repeated, and a stderr that is full, broken or stuck. */
#include "base.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "json.h"

/* Between poll() and write() somebody else may fill the pipe: then the thread hangs in write(2). */
static atomic_bool hang;

static ssize_t hanging_write(int fd, const void *bytes, size_t len)
{
	while (atomic_load(&hang))
		usleep(1000);
	return write(fd, bytes, len);
}

#define write hanging_write
#define LOG_SUM_MS 300
#include "../../log_sum.c"
#include "../../log.c"
#undef write

static void check_number(unsigned long long got, unsigned long long want, const char *what)
{
	char text[64];

	snprintf(text, sizeof text, "%llu, not %llu", got, want);
	check(got == want, what, text);
}

/* A pipe in the place of stderr, and what came out of it. */
struct capture {
	int saved, out;
	bool reading;
	useconds_t pause; /* of a slow reader, between two reads */
	pthread_t reader;
	struct buf got;
	struct slice rest; /* of `got`, for next_line */
};

static void *drain(void *arg)
{
	struct capture *c = arg;
	char piece[1024];
	ssize_t n;

	while ((n = read(c->out, piece, sizeof piece)) > 0) {
		buf_add(&c->got, piece, (size_t)n);
		if (c->pause)
			usleep(c->pause);
	}
	return NULL;
}

static void capture_read(struct capture *c)
{
	if (!c->reading && pthread_create(&c->reader, NULL, drain, c) != 0)
		abort();
	c->reading = true;
}

static void capture_open(struct capture *c)
{
	int fds[2];

	*c = (struct capture){ .saved = dup(STDERR_FILENO) };
	if (c->saved < 0 || pipe(fds) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
		abort();
	close(fds[1]);
	c->out = fds[0];
}

static void capture_close(struct capture *c)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	capture_read(c);
	pthread_join(c->reader, NULL);
	close(c->out);
	buf_add(&c->got, NULL, 0);
	c->rest = (struct slice){ c->got.data, c->got.len };
	check(!strstr(c->got.data, "Sanitizer"), "a sanitizer's report", c->got.data);
}

static bool time_shape(const char *at, size_t len)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (i >= len || (shape[i] == '0' ? at[i] < '0' || at[i] > '9' : at[i] != shape[i]))
			return false;
	return true;
}

/* What stands behind the time of the next line; as JSON behind the quote that ends it. */
static bool next_line(struct slice *rest, struct buf *line)
{
	const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
	struct slice whole = { rest->at, end ? (size_t)(end - rest->at) : rest->len };
	size_t skip = whole.len && whole.at[0] == '{' ? 9 : 0;

	line->len = 0;
	if (!rest->len)
		return false;
	if (!end || end - rest->at >= 4096 || whole.len < 26 || !time_shape(whole.at + skip, whole.len - skip))
		check(false, "the shape of a line", rest->at);
	if (whole.len > skip + 25)
		buf_add(line, whole.at + skip + 25, whole.len - skip - 25);
	*rest = end ? (struct slice){ end + 1, rest->len - whole.len - 1 } : (struct slice){ 0 };
	return true;
}

static void expect(struct capture *c, const char *want)
{
	struct buf line = { 0 };

	check(next_line(&c->rest, &line) && strcmp(line.data, want) == 0, line.data ? line.data : "no line", want);
	buf_free(&line);
}

static void expect_end(struct capture *c)
{
	check(c->rest.len == 0, "more than expected", c->rest.len ? c->rest.at : "");
	buf_free(&c->got);
}

static size_t count_lines(const struct capture *c, const char *want, long *last)
{
	struct slice rest = { c->got.data, c->got.len };
	struct buf line = { 0 };
	size_t n = 0;

	*last = -1;
	for (long i = 0; next_line(&rest, &line); i++)
		if (strcmp(line.data, want) == 0) {
			*last = i;
			n++;
		}
	buf_free(&line);
	return n;
}

static void expect_count(const struct capture *c, size_t want, const char *text)
{
	long last;

	check_number(count_lines(c, text, &last), want, text);
}

static void start(void)
{
	check_number((unsigned)log_start(), 0, "log_start");
}

static void wait_drained(void)
{
	bool empty = false;

	for (int i = 0; i < 10000 && !empty; i++) {
		usleep(1000);
		pthread_mutex_lock(&queue.lock);
		empty = queue.head == queue.tail && !queue.head->len && !queue.head->lost && queue.asleep;
		pthread_mutex_unlock(&queue.lock);
	}
	check(empty, "the queue", "is not drained");
}

static void level_cases(void)
{
	char much[601];
	struct capture c;
	struct buf want = { 0 };

	memset(much, 'm', 600);
	much[600] = '\0';
	buf_puts(&want, "warn  ");
	buf_add(&want, much, 508);
	buf_puts(&want, "...");
	capture_open(&c);
	log_complain(LOG_ERROR, "for %s", "people");
	log_setup(LOG_INFO, false);
	log_error("one %d \x1b[1m \"quoted\"", 1);
	log_warn("%s", much);
	log_info("a=b\tc");
	log_debug("nobody wants this");
	log_setup(LOG_DEBUG, true);
	log_error("one %d \x1b[1m \"quoted\" \302\233 \377", 1);
	log_debug("two");
	log_complain(LOG_WARN, "three");
	capture_close(&c);
	check(strncmp(c.got.data, "dill: for people\n", 17) == 0, "log_complain", c.got.data);
	c.rest = (struct slice){ c.got.data + 17, c.got.len - 17 };
	expect(&c, "error one 1 \\x1b[1m \"quoted\"");
	expect(&c, want.data);
	expect(&c, "info  a=b\\x09c");
	expect(&c, ",\"level\":\"error\",\"message\":\"one 1 \\u001b[1m \\\"quoted\\\" \\u009b \\ufffd\"}");
	expect(&c, ",\"level\":\"debug\",\"message\":\"two\"}");
	expect(&c, ",\"level\":\"warn\",\"message\":\"three\"}");
	expect_end(&c);
	buf_free(&want);
}

static const struct {
	const char *value, *text, *json;
} values[] = {
	{ "plain", "plain", "\"plain\"" }, { "two words", "\"two words\"", "\"two words\"" }, { "", "\"\"", "\"\"" },
	{ "10.0.0.1:80", "10.0.0.1:80", "\"10.0.0.1:80\"" }, { "[::1]:80", "[::1]:80", "\"[::1]:80\"" },
	{ "a\"b", "\"a\\\"b\"", "\"a\\\"b\"" }, { "a=b", "\"a=b\"", "\"a=b\"" }, { "a\\b", "a\\b", "\"a\\\\b\"" },
	{ "a\\ b", "\"a\\\\ b\"", "\"a\\\\ b\"" }, { "a\tb\n", "\"a\\u0009b\\u000a\"", "\"a\\u0009b\\u000a\"" },
	{ "\x7f", "\"\\u007f\"", "\"\\u007f\"" }, { "\x1b[31m", "\"\\u001b[31m\"", "\"\\u001b[31m\"" },
	{ "\303\251\342\202\254", "\303\251\342\202\254", "\"\303\251\342\202\254\"" },
	{ "\302\233x", "\"\\u009bx\"", "\"\\u009bx\"" }, { "\302\240", "\"\\u00a0\"", "\"\\u00a0\"" },
	{ "a\342\200\250b", "\"a\\u2028b\"", "\"a\\u2028b\"" }, { "\342\200\256", "\"\\u202e\"", "\"\\u202e\"" },
	{ "\377", "\"\\ufffd\"", "\"\\ufffd\"" }, { "\342\202", "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\"" },
	{ "\302", "\"\\ufffd\"", "\"\\ufffd\"" }, { "-", "-", "\"-\"" }, { NULL, "-", "null" },
};

static void check_json(const struct log_line *e)
{
	struct json j = { 0 };
	const char *why = json_parse(&j, e->text, e->len);

	check(!why && j.tokens[0].type == JSON_OBJECT && e->len < 4096, why ? why : "JSON", e->text);
	json_free(&j);
}

static void value_cases(void)
{
	struct log_line e;
	struct capture c;
	struct buf line = { 0 };

	capture_open(&c);
	for (size_t i = 0; i < ARRAY_LEN(values) * 2; i++) {
		log_setup(LOG_ERROR, i & 1); /* whatever the level is, events are written */
		log_event(&e, LOG_INFO, "seen");
		log_line_text(&e, "a", values[i / 2].value);
		log_line_number(&e, "b", 12);
		log_end(&e);
		if (i & 1)
			check_json(&e);
	}
	capture_close(&c);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		line.len = 0;
		buf_printf(&line, "info  seen a=%s b=12", values[i].text);
		expect(&c, line.data);
		line.len = 0;
		buf_printf(&line, ",\"level\":\"info\",\"message\":\"seen\",\"a\":%s,\"b\":12}", values[i].json);
		expect(&c, line.data);
	}
	expect_end(&c);
	buf_free(&line);
}

static void number_cases(void)
{
	struct log_line e;
	struct capture c;

	capture_open(&c);
	for (int json = 0; json < 2; json++) {
		log_setup(LOG_INFO, json);
		log_event(&e, LOG_WARN, "counted");
		log_line_number(&e, "a", 0);
		log_line_number(&e, "b", ULLONG_MAX);
		log_line_seconds(&e, "c", 0);
		log_line_seconds(&e, "d", 123);
		log_line_seconds(&e, "e", 61234567);
		log_line_seconds(&e, "f", INT64_MAX);
		log_line_seconds(&e, "g", -1);
		log_end(&e);
	}
	check_json(&e);
	log_setup(LOG_INFO, false);
	log_event(&e, LOG_DEBUG, "bare");
	log_end(&e);
	capture_close(&c);
	expect(&c, "warn  counted a=0 b=18446744073709551615 c=0.000000 d=0.000123 e=61.234567 f=9223372036854.775807 g=-");
	expect(&c, ",\"level\":\"warn\",\"message\":\"counted\",\"a\":0,\"b\":18446744073709551615,\"c\":0.000000,"
	           "\"d\":0.000123,\"e\":61.234567,\"f\":9223372036854.775807,\"g\":null}");
	expect(&c, "debug bare");
	expect_end(&c);
}

/* One field of `len` times `unit`, and `more` of them. */
static void compose_long(struct log_line *e, bool json, const char *unit, size_t len, int more)
{
	struct buf value = { 0 };

	for (size_t i = 0; i < len; i++)
		buf_puts(&value, unit);
	log_setup(LOG_INFO, json);
	log_event(e, LOG_INFO, "long");
	for (int i = 0; i <= more; i++)
		log_line_text(e, "key", value.data ? value.data : "");
	log_line_number(e, "n", 1);
	log_end(e);
	check(e->len < 4096 && e->text[e->len - 1] == '\n', "the length of a line", unit);
	e->text[e->len - 1] = '\0';
	buf_free(&value);
}

static const char *behind(const struct log_line *e, const char *what)
{
	const char *at = strstr(e->text, what);

	return at ? at + strlen(what) : "";
}

static void cut_cases(void)
{
	static const char *const units[] = {
		"a", "\x01", "\"", "\377", "\342\202\254", "\360\237\230\200", "a b", "\302\233",
	};
	struct log_line e;
	struct capture c;
	char want[560];

	capture_open(&c);
	memset(want, 'a', sizeof want);
	strcpy(want + 512, " n=1");
	compose_long(&e, false, "a", 512, 0);
	check(strcmp(behind(&e, "key="), want) == 0, "512 bytes", e.text);
	strcpy(want + 509, "... n=1");
	compose_long(&e, false, "a", 513, 0);
	check(strcmp(behind(&e, "key="), want) == 0, "513 bytes", e.text);
	compose_long(&e, false, "a", 100000, 0);
	check(strcmp(behind(&e, "key="), want) == 0, "100,000 bytes", e.text);
	compose_long(&e, false, "\342\202\254", 200, 0);
	check(strstr(e.text, "\342\202\254... n=1") && !strchr(e.text, '"'), "between two characters", e.text);
	compose_long(&e, true, "\360\237\230\200", 200, 0);
	check(strstr(e.text, "\360\237\230\200...\",\"n\":1}") && !strstr(e.text, "fffd"), "between two emoji", e.text);
	compose_long(&e, false, "a", 600, 11);
	check(strstr(e.text, " cut="), "fields that are left out", e.text);
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		for (size_t len = 0; len < 600; len += len < 30 || len > 500 ? 1 : 37)
			for (int more = 0; more < 300; more = more * 2 + 1) {
				compose_long(&e, more & 1, units[i], len, more);
				if (e.json) {
					e.len--;
					check_json(&e);
				}
				check(strstr(e.text, "n=1") || strstr(e.text, "\"n\":1") ||
				          strstr(e.text, "cut"), "the last field", e.text);
			}
	for (int json = 0; json < 2; json++) {
		log_setup(LOG_INFO, json);
		log_event(&e, LOG_INFO, "many");
		for (int i = 0; i < 2000; i++)
			i & 1 ? log_line_number(&e, "n", (unsigned)i) : log_line_seconds(&e, "s", i);
		log_end(&e);
		check_number(e.len > 4000 && e.len < 4096, 1, "many fields fill the line");
	}
	check_json(&e);
	capture_close(&c);
	buf_free(&c.got);
}

static void sum_cases(void)
{
	struct log_line e;
	struct capture c;
	long sum, marker, last;

	log_setup(LOG_DEBUG, false);
	capture_open(&c);
	for (int i = 0; i < 20; i++)
		log_warn("without the thread");
	start();
	for (int i = 0; i < 22; i++) {
		log_warn("same %d", 1);
		log_info("same %d", 1);
		log_event(&e, LOG_WARN, "same event");
		log_end(&e);
		if (i < 7)
			log_error("same %d", 1);
		if (i < 5)
			log_debug("same %d", 2);
	}
	usleep(LOG_SUM_MS * 1500);
	log_info("marker");
	log_warn("same %d", 1);
	log_stop();
	capture_close(&c);
	expect_count(&c, 20, "warn  without the thread");
	expect_count(&c, 22, "info  same 1");
	expect_count(&c, 22, "warn  same event");
	expect_count(&c, 5, "error same 1");
	expect_count(&c, 1, "error same 1 (2 more within 300ms)");
	expect_count(&c, 5, "debug same 2");
	check_number(count_lines(&c, "warn  same 1 (17 more within 300ms)", &sum), 1, "sums");
	check_number(count_lines(&c, "info  marker", &marker), 1, "marker");
	check_number(count_lines(&c, "warn  same 1", &last), 6, "of one kind");
	check(sum < marker && marker < last, "the thread ends a window", "by itself");
	check_number(count_lines(&c, "debug same 2", &last) && last < sum, 1, "what is said first");
	buf_free(&c.got);
}

/* The thread sleeps without a timer when the first line is only counted. */
static void sum_timer_cases(void)
{
	struct capture c;

	log_setup(LOG_INFO, false);
	capture_open(&c);
	start();
	for (int i = 0; i < 5; i++)
		log_warn("same");
	wait_drained();
	log_warn("same");
	usleep(LOG_SUM_MS * 1500);
	log_info("marker");
	log_stop();
	capture_close(&c);
	for (int i = 0; i < 5; i++)
		expect(&c, "warn  same");
	expect(&c, "warn  same (1 more within 300ms)");
	expect(&c, "info  marker");
	expect_end(&c);
}

static void sum_json_cases(void)
{
	struct capture c;

	log_setup(LOG_DEBUG, true);
	capture_open(&c);
	start();
	for (int i = 0; i < 9; i++)
		log_debug("\"same\" \x01");
	log_stop();
	capture_close(&c);
	for (int i = 0; i < 5; i++)
		expect(&c, ",\"level\":\"debug\",\"message\":\"\\\"same\\\" \\u0001\"}");
	expect(&c, ",\"level\":\"debug\",\"message\":\"\\\"same\\\" \\u0001\",\"repeated\":4}");
	expect_end(&c);
}

/* What differs from stranger to stranger is one message about one thing. */
static void about_cases(void)
{
	int things[2];
	struct capture c;

	log_setup(LOG_WARN, false);
	capture_open(&c);
	log_about(LOG_WARN, &things[0], "client", "client %d", 0);
	start();
	for (int i = 1; i < 21; i++) {
		log_about(LOG_WARN, &things[0], "client", "client %d", i);
		log_about(LOG_INFO, &things[0], "client", "nobody wants this %d", i);
		if (i < 4)
			log_about(LOG_WARN, &things[1], "client", "other client %d", i);
		if (i < 3)
			log_about(LOG_WARN, &things[0], "time", "another kind %d", i);
	}
	usleep(LOG_SUM_MS * 1500);
	log_warn("marker");
	log_about(LOG_WARN, &things[0], "client", "client %d", 30);
	log_setup(LOG_WARN, true);
	log_about(LOG_WARN, &things[0], "client", "client %d", 31);
	log_stop();
	capture_close(&c);
	expect(&c, "warn  client 0");
	expect(&c, "warn  client 1");
	expect(&c, "warn  other client 1");
	expect(&c, "warn  another kind 1");
	expect(&c, "warn  client 1 (19 more clients within 300ms)");
	expect(&c, "warn  other client 1 (2 more clients within 300ms)");
	expect(&c, "warn  another kind 1 (1 more time within 300ms)");
	expect(&c, "warn  marker");
	expect(&c, "warn  client 30");
	expect(&c, ",\"level\":\"warn\",\"message\":\"client 30\",\"repeated\":1}");
	expect_end(&c);
}

/* However many things strangers find, and whatever is said beside them, the lines stay few, and each message is counted. */
static void things_cases(void)
{
	static char things[3000];
	struct buf line = { 0 };
	struct capture c;
	unsigned long lines = 0, more, all = 0, others = 0, windows;
	int64_t began = sys_now();

	log_setup(LOG_WARN, false);
	capture_open(&c);
	capture_read(&c);
	start();
	for (int i = 0; i < 30000; i++) {
		log_about(LOG_WARN, &things[i % 3000], "client", "client %d of %d", i, i % 3000);
		if (i % 10 == 0)
			log_warn("beside them %d", i);
	}
	windows = 2 + (unsigned long)(sys_now() - began) / LOG_SUM_MS;
	log_stop();
	capture_close(&c);
	while (next_line(&c.rest, &line)) {
		const char *sum = strstr(line.data, " (");

		*(strstr(line.data, "beside") ? &others : &lines) += 1;
		all += sum && sscanf(sum, " (%lu more", &more) == 1 ? more : 1;
	}
	check_number(others, 3000, "what is said beside them");
	check_number(all, 33000, "every message is said or summed up");
	check(lines >= 65 && lines <= windows * 130, "lines about 3,000 things", line.data);
	check(strstr(c.got.data, " more such messages within 300ms)"), "those without a window", c.got.data);
	buf_free(&line);
	buf_free(&c.got);
}

/* More messages than are tracked, and the longest line that there can be. */
static void sum_table_cases(void)
{
	char worst[600], line[32];
	struct capture c;

	log_setup(LOG_DEBUG, false);
	capture_open(&c);
	capture_read(&c);
	start();
	for (int i = 0; i < 7; i++)
		log_error("first");
	for (int i = 0; i < LOG_SUMS; i++)
		log_error("other %d", i);
	log_error("first");
	memset(worst, 1, sizeof worst);
	worst[599] = '\0';
	for (int i = 0; i < 12; i++) {
		log_setup(LOG_DEBUG, i >= 6);
		log_warn("%s", worst);
	}
	log_stop();
	capture_close(&c);
	for (int i = 0; i < 5; i++)
		expect(&c, "error first");
	for (int i = 0; i < LOG_SUMS; i++) {
		if (i == LOG_SUMS - 1)
			expect(&c, "error first (2 more within 300ms)");
		snprintf(line, sizeof line, "error other %d", i);
		expect(&c, line);
	}
	expect(&c, "error first");
	check(strstr(c.rest.at, "repeated\":7}"), "the longest line", c.rest.at);
	c.rest.len = 0;
	expect_end(&c);
}

/* Numbered events must come in order, but for those that a notice says are missing. Returns how many those are. */
static unsigned long check_sequence(struct capture *c, unsigned long count)
{
	unsigned long next = 0, missing = 0, n;
	struct buf line = { 0 };
	bool right = true;

	while (right && next_line(&c->rest, &line)) {
		if (sscanf(line.data, "warn  %lu log line", &n) == 1) {
			missing += n;
			next += n;
		} else {
			right = sscanf(line.data, "info  numbered n=%lu", &n) == 1 && n == next++;
		}
	}
	check(right, "out of order", line.data ? line.data : "");
	check_number(next, count, "the last number");
	buf_free(&line);
	buf_free(&c->got);
	return missing;
}

/* Lines of many lengths: a short one fits where a long one did not. */
static void numbered(unsigned long n)
{
	struct log_line e;

	log_event(&e, LOG_INFO, "numbered");
	log_line_number(&e, "n", n);
	log_line_text(&e, "padding", &"0123456789012345678901234567890123456789"[n * 7 % 40]);
	log_end(&e);
}

static void full_pipe_cases(void)
{
	unsigned long before = log_dropped();
	int64_t began = sys_now();
	struct capture c;

	log_setup(LOG_INFO, false);
	capture_open(&c);
	start();
	for (unsigned long i = 0; i < 200000; i++)
		numbered(i);
	check(sys_now() - began < 20000, "200,000 lines", "took more than 20 s");
	check(log_dropped() > before, "nothing was dropped", "though the pipe is full");
	pthread_mutex_lock(&queue.lock);
	check(queue.blocks > 100 && queue.blocks * sizeof(struct log_block) <= 1024 * 1024, "1 MiB", "of pending lines");
	pthread_mutex_unlock(&queue.lock);
	check(!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK), "stderr", "is non-blocking");
	capture_read(&c);
	wait_drained();
	check(queue.blocks * sizeof(struct log_block) <= 16 * 1024, "16 KiB", "are kept");
	numbered(200000);
	log_stop();
	check_number(queue.blocks, 0, "blocks after log_stop");
	capture_close(&c);
	check_number(check_sequence(&c, 200001), log_dropped() - before, "missing");
}

static size_t count_audit(const char *log)
{
	size_t n = 0;

	for (; (log = strstr(log, " numbered n=")); log++)
		n += strtoul(log + 12, NULL, 10) % 100 == 99;
	return n;
}

/* Whatever floods the queue, audit lines find room in it, in their places, and notices say what is missing between them. */
static void audit_cases(void)
{
	unsigned long before = log_dropped();
	struct log_line e;
	struct capture c;

	log_setup(LOG_INFO, false);
	capture_open(&c);
	start();
	for (unsigned long i = 0; i < 100000; i++) {
		if (i % 100 != 99) {
			numbered(i);
			continue;
		}
		log_event(&e, LOG_INFO, "numbered");
		log_line_number(&e, "n", i);
		log_line_text(&e, "padding", "0123456789012345678901234567890123456789012345678901234567890123456789");
		log_end_audit(&e);
	}
	check(log_dropped() - before > 50000, "others are dropped", "");
	check(queue.blocks * sizeof(struct log_block) <= 2 * 1024 * 1024, "2 MiB", "of pending lines");
	capture_read(&c);
	wait_drained();
	log_stop();
	capture_close(&c);
	check_number(count_audit(c.got.data), 1000, "audit lines");
	check_number(check_sequence(&c, 100000), log_dropped() - before, "missing");
}

/* They have their bounds, too. */
static void audit_flood_cases(void)
{
	unsigned long before = log_dropped();
	struct log_line e;
	struct capture c;

	capture_open(&c);
	start();
	for (unsigned long i = 0; i < 50000; i++) {
		log_event(&e, LOG_INFO, "numbered");
		log_line_number(&e, "n", i);
		log_end_audit(&e);
	}
	check(log_dropped() > before, "nothing was dropped", "of 3 MB");
	check(queue.blocks * sizeof(struct log_block) <= 2 * 1024 * 1024, "2 MiB", "of pending lines");
	capture_read(&c);
	wait_drained();
	log_stop();
	check_number(queue.blocks, 0, "blocks after log_stop");
	capture_close(&c);
	check_number(check_sequence(&c, 50000), log_dropped() - before, "missing");
}

/* A reader that is too slow makes several gaps. */
static void slow_reader_cases(bool nonblocking)
{
	unsigned long before = log_dropped();
	struct capture c;

	capture_open(&c);
	if (nonblocking)
		fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
	start();
	c.pause = 50;
	capture_read(&c);
	for (unsigned long i = 0; i < 60000; i++) {
		numbered(i);
		if (i % 5000 == 0)
			usleep(20000);
	}
	wait_drained();
	log_stop();
	capture_close(&c);
	check_number(check_sequence(&c, 60000), log_dropped() - before, "missing");
}

static void stuck_stop_cases(void)
{
	unsigned long before = log_dropped();
	struct capture c;
	int64_t began;

	capture_open(&c);
	start();
	for (unsigned long i = 0; i < 5000; i++)
		numbered(i);
	began = sys_now();
	log_stop();
	check(sys_now() - began <= 2000, "log_stop", "took more than 2 s");
	check_number(queue.state, OFF, "the thread has given up");
	check(log_dropped() > before, "log_stop", "dropped nothing");
	began = sys_now();
	numbered(5000);
	log_stop();
	check(sys_now() - began < 500, "a line without the thread", "blocked");
	capture_read(&c);
	usleep(200000);
	numbered(5001);
	capture_close(&c);
	check_number(check_sequence(&c, 5002), log_dropped() - before, "missing");
}

static void hanging_cases(void)
{
	struct capture c;
	int64_t began;

	capture_open(&c);
	atomic_store(&hang, true);
	start();
	log_info("hangs");
	usleep(50000);
	began = sys_now();
	log_stop();
	check(sys_now() - began <= 2000, "log_stop", "took more than 2 s");
	check_number(queue.state, ABANDONED, "the thread hangs");
	check_number((unsigned)log_start(), EBUSY, "log_start");
	log_stop();
	atomic_store(&hang, false);
	for (int i = 0, error = EBUSY; i < 5000 && error; i++) {
		usleep(1000);
		error = log_start();
		check(!error || i < 4999, "log_start", "after the thread came back");
	}
	check_number((unsigned)log_start(), EBUSY, "log_start, twice");
	log_info("again");
	log_stop();
	log_stop();
	capture_close(&c);
	expect(&c, "info  hangs");
	expect(&c, "info  again");
	expect_end(&c);
}

/* Nobody at the other end, then no stderr at all. */
static void broken_cases(void)
{
	unsigned long before = log_dropped();
	struct capture c, broken;

	capture_open(&c);
	start();
	capture_open(&broken);
	close(broken.out);
	for (int i = 0; i < 3; i++)
		log_info("to nobody");
	wait_drained();
	check_number(log_dropped() - before, 3, "to nobody");
	close(STDERR_FILENO);
	log_info("to nothing");
	wait_drained();
	dup2(broken.saved, STDERR_FILENO);
	close(broken.saved);
	log_info("to somebody");
	log_stop();
	capture_close(&c);
	expect(&c, "warn  4 log lines dropped");
	expect(&c, "info  to somebody");
	expect_end(&c);
}

#define THREADS 8
#define LINES 1000

static void *write_many(void *arg)
{
	struct log_line e;
	int thread = *(int *)arg;

	for (int i = 0; i < LINES; i++) {
		if (i & 1) {
			log_info("line thread=%d n=%d", thread, i);
			continue;
		}
		log_event(&e, LOG_INFO, "line");
		log_line_number(&e, "thread", (unsigned)thread);
		log_line_number(&e, "n", (unsigned)i);
		log_end(&e);
	}
	return NULL;
}

static void run_threads(void *(*run)(void *))
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, run, &numbers[i]) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void thread_cases(void)
{
	unsigned long before = log_dropped();
	struct buf line = { 0 };
	struct capture c;
	int next[THREADS] = { 0 }, thread, n;
	bool right = true;

	capture_open(&c);
	capture_read(&c);
	start();
	run_threads(write_many);
	log_stop();
	capture_close(&c);
	while (right && next_line(&c.rest, &line))
		right = sscanf(line.data, "info  line thread=%d n=%d", &thread, &n) == 2 && thread < THREADS &&
		        n == next[thread]++;
	check(right, "out of order", line.data);
	for (int i = 0; i < THREADS; i++)
		check_number((unsigned)next[i], LINES, "lines of a thread");
	check_number(log_dropped(), before, "dropped");
	buf_free(&line);
	buf_free(&c.got);
}

static void *write_repeated(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		log_warn("repeated by many %d", i % 50);
		if (i % 50 == *(int *)arg)
			usleep(1000);
	}
	return NULL;
}

static void *start_and_stop(void *arg)
{
	for (int i = 0; i < 50; i++) {
		*(int *)arg += log_start() == 0;
		usleep(500);
		log_stop();
	}
	return NULL;
}

/* What is said and what is summed up is everything, while the thread comes and goes. */
static void restart_cases(void)
{
	struct buf line = { 0 };
	struct capture c;
	pthread_t other;
	unsigned long lines = 0, more, before = log_dropped();
	int starts = 0;

	capture_open(&c);
	capture_read(&c);
	pthread_create(&other, NULL, start_and_stop, &starts);
	run_threads(write_repeated);
	pthread_join(other, NULL);
	start();
	log_stop();
	capture_close(&c);
	check_number((unsigned)starts, 50, "starts");
	while (next_line(&c.rest, &line)) {
		const char *sum = strstr(line.data, " (");

		if (strstr(line.data, " dropped"))
			continue;
		if (strncmp(line.data, "warn  repeated by many ", 23) != 0)
			check(false, "torn", line.data);
		lines += sum && sscanf(sum, " (%lu more", &more) == 1 ? more : 1;
	}
	check(log_dropped() > before || lines == THREADS * LINES, "every line", "is said or summed up");
	buf_free(&line);
	buf_free(&c.got);
}

/* Datagrams show what one write(2) was: whole lines, 4096 bytes at most. */
static void chunk_cases(void)
{
	char piece[8192], text[400];
	int fds[2], saved = dup(STDERR_FILENO);
	size_t largest = 0;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) != 0)
		abort();
	dup2(fds[1], STDERR_FILENO);
	start();
	memset(text, 't', sizeof text);
	for (int i = 0; i < 1000; i++)
		log_info("%.*s", i % 400, text);
	log_info("the end");
	while ((n = recv(fds[0], piece, sizeof piece - 1, 0)) > 0) {
		piece[n] = '\0';
		check(n <= 4096 && piece[n - 1] == '\n' && time_shape(piece, (size_t)n), "a chunk", piece);
		if ((size_t)n > largest)
			largest = (size_t)n;
		if (strstr(piece, "the end"))
			break;
	}
	check(largest > 3500, "a chunk", "is not filled");
	log_stop();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	level_cases();
	value_cases();
	number_cases();
	cut_cases();
	sum_cases();
	sum_timer_cases();
	sum_json_cases();
	about_cases();
	things_cases();
	sum_table_cases();
	full_pipe_cases();
	audit_cases();
	audit_flood_cases();
	slow_reader_cases(false);
	slow_reader_cases(true);
	stuck_stop_cases();
	hanging_cases();
	broken_cases();
	thread_cases();
	restart_cases();
	chunk_cases();
	return check_sum();
}
