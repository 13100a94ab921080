/* Cases for health.c: each target is checked once in an interval, in turn, also when there are more than may be checked at
 * once; and when these do not answer, the others wait, and nobody is left out. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "../../health.c"

#define TARGETS 50
#define AT_ONCE 3

static void nothing_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop, (void)io, (void)events;
}

static const struct loop_ops nothing = { nothing_ready, NULL, NULL };
static struct loop loop;
static struct health health;
static struct route_backend *backends[TARGETS];
static struct health_target *targets[TARGETS];

static int listen_at(struct net_addr *at, int backlog)
{
	int fd;

	net_numeric(slice_of("127.0.0.1"), 0, at);
	fd = net_listen(at);
	net_own(fd, at);
	listen(fd, backlog);
	return fd;
}

/* Each has an address of its own on this host, and the same port. */
static void open_targets(const struct net_addr *at)
{
	struct route_backend like = { .addr = *at };

	health_open(&health, &loop, 1, AT_ONCE);
	health.rules.mode = HEALTH_ON;
	health.rules.unhealthy = 1;
	for (unsigned i = 0; i < TARGETS; i++) {
		char host[32];

		snprintf(host, sizeof host, "127.0.0.%u", i + 1);
		net_numeric(slice_of(host), net_addr_port(at), &like.addr);
		backends[i] = route_backend_ref(route_backend_new(&like));
		targets[i] = backend_enter(&health, backends[i]);
		backend_want(&health, targets[i], backends[i], true);
	}
	follow_ticks(&health);
}

static void close_targets(void)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		backend_leave(&health, backends[i]);
		route_backend_unref(backends[i]);
	}
	health_close(&health);
	loop.fifos = NULL;
}

static void tick(int64_t after)
{
	loop.now += after;
	loop_disarm(&health.tick_timer);
	health_expired(&health, &health.tick, &health.tick_timer);
}

/* The interval is a second, and there are 50. */
static void answer_cases(void)
{
	struct net_addr at;
	int fd = listen_at(&at, 1000);
	bool spread = true, once = true;

	close(fd);
	net_numeric(slice_of("0.0.0.0"), net_addr_port(&at), &at);
	fd = net_listen(&at);
	open_targets(&at);
	for (unsigned i = 0; i < TARGETS; i++) {
		unsigned looked = 0;

		tick(1000 / TARGETS);
		for (unsigned k = 0; k < TARGETS; k++)
			looked += targets[k]->good + targets[k]->bad;
		spread = spread && looked == i + 1;
	}
	for (unsigned i = 0; i < TARGETS; i++)
		once = once && targets[i]->good == 1;
	check(spread, "checks", "spread over the interval");
	check(once, "each", "is checked once in an interval");
	tick(40);
	check(targets[0]->good == 2 && targets[1]->good == 2 && targets[2]->good == 1, "a late tick", "is made up for");
	tick(100000);
	for (unsigned i = 0; i < TARGETS; i++)
		once = once && targets[i]->good <= 3;
	check(once && targets[5]->good == 1, "a long pause", "is not");
	close_targets();
	close(fd);
}

static unsigned under_way(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < TARGETS; i++)
		count += targets[i]->io.fd >= 0;
	return count;
}

/* A listener whose queue is full does not answer: the system drops what would be one more. */
static void silent_cases(void)
{
	struct net_addr at;
	int fd = listen_at(&at, 1000), clients[4];
	bool in_turn = true;

	close(fd);
	net_numeric(slice_of("0.0.0.0"), net_addr_port(&at), &at);
	fd = net_listen(&at);
	listen(fd, 0);
	net_numeric(slice_of("127.0.0.1"), net_addr_port(&at), &at);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		clients[i] = net_connect(&at);
	open_targets(&at);
	for (unsigned i = 0; i < 2 * TARGETS; i++)
		tick(1000 / TARGETS);
	check(under_way() == AT_ONCE && targets[0]->io.fd >= 0 && targets[2]->io.fd >= 0, "those that do not answer", "are so many");
	for (unsigned i = 0; i < 3 * TARGETS; i++) {
		struct health_target *target = targets[i % TARGETS];

		in_turn = in_turn && target->bad == i / TARGETS && target->io.fd >= 0;
		loop_disarm(&target->timer);
		health_expired(&health, &health.timeout, &target->timer);
		in_turn = in_turn && target->bad == i / TARGETS + 1;
		tick(1000 / TARGETS);
	}
	check(in_turn && under_way() == AT_ONCE, "the others", "wait for their turn, and get it");
	close_targets();
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		close(clients[i]);
	close(fd);
}

int main(void)
{
	struct capture capture;
	struct buf said = { 0 };

	loop_open(&loop, &nothing, NULL);
	capture_start(&capture);
	answer_cases();
	silent_cases();
	capture_end(&capture, &said);
	buf_free(&said);
	loop_close(&loop);
	return check_sum();
}
