/* Cases for span.c: what people read of a table with ranges of ports, in Peek's form; and what is logged of them. */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "table.h"
#include "../../body.h"
#include "../../merge.h"
#include "../../peek.h"
#include "../../publish.h"
#include "../../span.c"

static const struct {
	const char *lists, *peek; /* a line each; without its drawing */
} cases[] = {
	{ "c a|local:2000-2002|10.0.0.1:80", "127.0.0.1:2000-2002 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2002|10.0.0.1:80 10.0.0.2:81|ports=6000",
	  "127.0.0.1:2000-2002 round_robin 10.0.0.1:6000-6002 10.0.0.2:6000-6002" },
	{ "s a|local:2000-2001|10.0.0.1:80 [::1]:90-91|balance=p2c", "127.0.0.1:2000-2001 p2c 10.0.0.1:80 [::1]:90-91" },
	{ "s a|six:2000-2001|h:80|ports=90 proxy=socks5://one:1080", "[::1]:2000-2001 round_robin socks5://10.9.0.1:1080 ─➤ h:90-91" },
	{ "c a|local:2000-2000|10.0.0.1:80|ports=90", "127.0.0.1:2000 round_robin 10.0.0.1:90" },
	{ "c a|local:2000-2001|", "127.0.0.1:2000-2001 round_robin # no healthy backend: 127.0.0.1:2000-2001" },
	/* What was asked for port by port is shown so. */
	{ "c a|local:2000,local:2001|10.0.0.1:80", "127.0.0.1:2000 round_robin 10.0.0.1:80 127.0.0.1:2001 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2001,local:2002-2003|10.0.0.1:80",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:80 127.0.0.1:2002-2003 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2001|10.0.0.1:80\nc b|local:2002-2003|10.0.0.1:80",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:80 127.0.0.1:2002-2003 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2001,six:2002-2003|10.0.0.1:80",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:80 [::1]:2002-2003 round_robin 10.0.0.1:80" },
	/* Another service has one port of it, and backends, or only its name. */
	{ "c a|local:2000-2004|10.0.0.1:80\nc b|local:2002|10.0.0.2:80",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:80 127.0.0.1:2002 round_robin 10.0.0.1:80 10.0.0.2:80 "
	  "127.0.0.1:2003-2004 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2002|10.0.0.1:80\nc b|local:2001-2002|",
	  "127.0.0.1:2000 round_robin 10.0.0.1:80 127.0.0.1:2001-2002 round_robin 10.0.0.1:80" },
	{ "c a|local:2000-2003|10.0.0.1:80\nc b|local:2001-2004|10.0.0.1:80|ports=80",
	  "127.0.0.1:2000 round_robin 10.0.0.1:80 127.0.0.1:2001 round_robin 10.0.0.1:80 "
	  "127.0.0.1:2002-2003 round_robin 10.0.0.1:80 10.0.0.1:81-82 127.0.0.1:2004 round_robin 10.0.0.1:83" },
	/* Two instances; one has other weights, or other ports. */
	{ "c a|local:2000-2001|10.0.0.1:80|ports=90\nc a|local:2000-2001|10.0.0.2:80|ports=70",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:90-91 10.0.0.2:70-71" },
	{ "c a|local:2000-2001|10.0.0.1:80\nc a|local:2001|10.0.0.1:80*3",
	  "127.0.0.1:2000-2001 round_robin 10.0.0.1:80" },
	/* A range is refused in one line. */
	{ "c a|local:2000-7000|10.0.0.1:80", "No registered backends. Please verify routing configuration. "
	  "# refused: a wants local:2000-7000: is a range of 5001 ports; at most 4096" },
};

/* The words, with one blank between them. */
static void put_words(struct buf *out, const char *text)
{
	struct slice rest = slice_of(text), line, word;

	while (slice_next(&rest, '\n', &line))
		while (slice_next(&line, ' ', &word))
			if (word.len && strncmp(word.at, "├", 3) != 0)
				buf_printf(out, "%s%.*s", out->len ? " " : "", (int)word.len, word.at);
}

static struct route_table *make_table(struct route *route, const char *text)
{
	table_open(route);
	return table_merge(route, text);
}

static void peek_is(struct route_table *table, const char *want, const char *of)
{
	struct route route = { .table = table };
	struct buf text = { 0 }, words = { 0 };

	body_put_all(peek_body(&route), &text);
	put_words(&words, text.data);
	check(strcmp(words.data, want) == 0, words.data, of);
	buf_free(&text);
	buf_free(&words);
}

static void peek_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct route route;
		struct route_table *table = make_table(&route, cases[i].lists);

		peek_is(table, cases[i].peek, cases[i].lists);
		route_release(table);
		route_close(&route);
	}
}

/* What has happened to some of them shows. */
static void state_cases(void)
{
	struct route route;
	struct route_table *table = make_table(&route, "c a|local:2000-2004|10.0.0.1:80|ports=80");

	table->entries[2]->listener->error = EADDRINUSE;
	peek_is(table, "127.0.0.1:2000-2001 round_robin 10.0.0.1:80-81 127.0.0.1:2002 (cannot listen: Address already in use) "
	        "round_robin 10.0.0.1:82 127.0.0.1:2003-2004 round_robin 10.0.0.1:83-84", "one cannot listen");
	table->entries[3]->listener->error = EADDRINUSE;
	atomic_store(&table->entries[0]->backends[0]->unhealthy, true);
	peek_is(table, "127.0.0.1:2000 round_robin 10.0.0.1:80 (unhealthy) 127.0.0.1:2001 round_robin 10.0.0.1:81 "
	        "127.0.0.1:2002-2003 (cannot listen: Address already in use) round_robin 10.0.0.1:82-83 "
	        "127.0.0.1:2004 round_robin 10.0.0.1:84 # no healthy backend: 127.0.0.1:2000", "one is unhealthy");
	route_release(table);
	route_close(&route);
}

/* Twenty ports, one after the other, that nobody has; the first of them. */
static unsigned free_ports(void)
{
	for (unsigned first = 21000 + (unsigned)getpid() % 4000 * 2; first < 40000; first += 20) {
		unsigned count = 0;

		for (int fd; count < 20; count++) {
			struct net_addr addr;

			net_numeric(slice_of("127.0.0.1"), (uint16_t)(first + count), &addr);
			fd = net_listen(&addr);
			if (fd < 0)
				break;
			close(fd);
		}
		if (count == 20)
			return first;
	}
	abort();
}

static void update(struct route *route, const char *format, unsigned first, unsigned last)
{
	struct service_list *lists[2];
	char text[200];

	snprintf(text, sizeof text, format, first, last);
	table_lists(text, lists);
	publish_update(route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
}

static unsigned count_of(const struct buf *text, const char *what)
{
	unsigned count = 0;

	for (const char *at = text->data; (at = strstr(at, what)); at++)
		count++;
	return count;
}

static void said(const struct buf *text, const char *format, unsigned first, unsigned last)
{
	char want[100];

	snprintf(want, sizeof want, format, first, last);
	check(count_of(text, want) == 1, want, text->data);
}

static void log_cases(void)
{
	unsigned first = free_ports();
	struct capture capture;
	struct buf text = { 0 };
	struct net_addr taken;
	struct route route;
	int fd;

	table_open(&route);
	route.dry = false;
	net_numeric(slice_of("127.0.0.1"), (uint16_t)(first + 5), &taken);
	fd = net_listen(&taken);
	capture_start(&capture);
	update(&route, "s a|127.0.0.1:%u-%u|10.0.0.1:80", first, first + 19);
	update(&route, "s a|127.0.0.1:%u-%u|10.0.0.1:80 10.0.0.2:80", first, first + 9);
	route.table->entries[5]->listener->failed_at -= 1000;
	publish_bind(&route);
	close(fd);
	publish_bind(&route);
	update(&route, "", 0, 0);
	capture_end(&capture, &text);
	said(&text, "127.0.0.1:%u-%u: 1 backend of a\n", first, first + 19);
	said(&text, "opened address=127.0.0.1:%u-%u service=a instance=- node=- tag=", first, first + 4);
	said(&text, "opened address=127.0.0.1:%u-%u service=a", first + 6, first + 19);
	said(&text, "127.0.0.1:%u-%u: 2 backends of a\n", first, first + 9);
	said(&text, "closed address=127.0.0.1:%u-%u service=a", first + 10, first + 19);
	said(&text, "cannot listen on 127.0.0.1:%u: Address already in use (retrying)\n", first + 5, 0);
	said(&text, "opened address=127.0.0.1:%u service=a", first + 5, 0);
	said(&text, "closed address=127.0.0.1:%u-%u service=a", first, first + 9);
	check(count_of(&text, "\n") == 8, "a line each", text.data);
	buf_free(&text);
	route_close(&route);
}

/* All of them fail at once, or after one another: one line. */
static void failure_cases(void)
{
	unsigned first = free_ports();
	struct capture capture;
	struct buf text = { 0 };
	struct route route;
	int fds[20];

	for (unsigned i = 0; i < 20; i++) {
		struct net_addr addr;

		net_numeric(slice_of("127.0.0.1"), (uint16_t)(first + i), &addr);
		fds[i] = net_listen(&addr);
	}
	table_open(&route);
	route.dry = false;
	capture_start(&capture);
	update(&route, "s a|127.0.0.1:%u-%u|10.0.0.1:80", first, first + 19);
	for (size_t i = 0; i < 20; i++)
		route.table->entries[i]->listener->failed_at -= 1000;
	publish_bind(&route);
	publish_bind(&route);
	capture_end(&capture, &text);
	said(&text, "cannot listen on 127.0.0.1:%u-%u: Address already in use (retrying)\n", first, first + 19);
	check(count_of(&text, "\n") == 2, "a line each", text.data);
	buf_free(&text);
	route_close(&route);
	for (unsigned i = 0; i < 20; i++)
		close(fds[i]);
}

int main(void)
{
	peek_cases();
	state_cases();
	log_cases();
	failure_cases();
	return check_sum();
}
