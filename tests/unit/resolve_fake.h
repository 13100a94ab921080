/* A resolver whose clock, questions, files and addresses are the test's. Include it before any .c file. */
#ifndef TEST_RESOLVE_FAKE_H
#define TEST_RESOLVE_FAKE_H

#include "base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "dns.h"
#include "log.h"
#include "loop.h"
#include "net.h"
#include "resolve.h"
#include "resolve_conf.h"
#include "resolve_query.h"
#include "sys.h"

/* The log. */

static char last_line[200];
static int lines;
#undef log_warn
#undef log_info
#define log_info(...) ((void)snprintf(last_line, sizeof last_line, __VA_ARGS__), lines++)
#define log_warn(...) log_info(__VA_ARGS__)
#define log_about(level, thing, noun, ...) log_info(__VA_ARGS__)

/* The clock. */

static int64_t fake_clock = 1000000;
static int64_t fake_now(void)
{
	return fake_clock;
}
#define sys_now fake_now

/* Addresses of this host, comma-separated. */

static const char *fake_addresses;
static size_t fake_here(struct net_addr **out)
{
	struct slice rest = slice_of(fake_addresses), part;
	size_t count = 0;

	*out = sys_alloc(16 * sizeof **out);
	while (slice_next(&rest, ',', &part))
		count += net_numeric(part, 0, &(*out)[count]);
	return count;
}
#define net_here fake_here

/* Questions, in the order in which they were asked. */

static struct resolve_query *asked[1024];
static size_t asked_count, asked_ever, most_asked;
static struct resolve_conf fake_conf; /* as it was set, but for what it points to */
static unsigned fake_sets;

static struct resolve_queries *fake_query_open(struct loop *loop, uint8_t kind,
                                               void (*done)(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome),
                                               void *arg)
{
	(void)loop, (void)kind, (void)done, (void)arg;
	return NULL;
}

static void fake_query_close(struct resolve_queries *queries)
{
	(void)queries;
	check(!asked_count, "nothing is under way at the end", "");
}

static void fake_query_set(struct resolve_queries *queries, const struct resolve_conf *conf)
{
	(void)queries;
	fake_conf = *conf;
	fake_sets++;
}

static void fake_query_ask(struct resolve_queries *queries, struct resolve_query *query)
{
	(void)queries;
	query->busy = true;
	asked[asked_count++] = query;
	asked_ever++;
	most_asked = asked_count > most_asked ? asked_count : most_asked;
}

static void fake_query_drop(struct resolve_queries *queries, struct resolve_query *query)
{
	size_t kept = 0;

	(void)queries;
	for (size_t i = 0; i < asked_count; i++)
		if (asked[i] != query)
			asked[kept++] = asked[i];
	asked_count = kept;
	query->busy = false;
}

static bool fake_query_ready(struct resolve_queries *queries, struct loop_io *io, unsigned events)
{
	(void)queries, (void)io, (void)events;
	return true;
}

static bool fake_query_expired(struct resolve_queries *queries, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)queries, (void)fifo, (void)timer;
	return false;
}

static const unsigned long long *fake_query_counts(const struct resolve_queries *queries)
{
	static const unsigned long long counts[DNS_FOREIGN + 1] = {
		[DNS_FOUND] = 5, [DNS_FOREIGN] = 7, [DNS_CUT] = 1, [DNS_BROKEN] = 2, [DNS_REFUSED] = 4, [DNS_NO_EDNS] = 9
	};

	(void)queries;
	return counts;
}

#define resolve_query_open fake_query_open
#define resolve_query_close fake_query_close
#define resolve_query_set fake_query_set
#define resolve_query_ask fake_query_ask
#define resolve_query_drop fake_query_drop
#define resolve_query_ready fake_query_ready
#define resolve_query_expired fake_query_expired
#define resolve_query_counts fake_query_counts

#endif
