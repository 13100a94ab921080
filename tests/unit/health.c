/* Cases for health.c: what the end of a probe's connection says of the backend. */
#include "base.h"

#include <poll.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "../../health.c"

static void nothing_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop, (void)io, (void)events;
}

static void nothing_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)loop, (void)fifo, (void)timer;
}

static void nothing_woken(struct loop *loop)
{
	(void)loop;
}

static const struct loop_ops nothing = { nothing_ready, nothing_expired, nothing_woken };

/* A connection that the other side has accepted, and reset. */
static int broken_connection(void)
{
	struct net_addr at, peer;
	int listener, fd, server;

	net_numeric(slice_of("127.0.0.1"), 0, &at);
	listener = net_listen(&at);
	net_own(listener, &at);
	fd = net_connect(&at);
	poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, -1);
	server = net_accept(listener, &peer);
	net_reset_on_close(server);
	close(server);
	close(listener);
	poll(&(struct pollfd){ .fd = fd }, 1, -1); /* until the reset is here */
	return fd;
}

/* How a probe ends whose connection was broken: the checks in a row that were good. */
static unsigned good_after_reset(struct loop *loop, const char *socks_host)
{
	struct socks_target socks = { .host = socks_host, .port = 80 };
	struct route_backend like = { .socks = socks_host ? &socks : NULL };
	struct route_backend *backend;
	struct health health;
	struct health_target *target;
	unsigned good;

	health_open(&health, loop, 1, 8);
	net_numeric(slice_of("127.0.0.1"), 1, &like.addr);
	backend = route_backend_ref(route_backend_new(&like));
	target = backend_enter(&health, backend);
	backend_want(&health, target, backend, true);
	target->io = LOOP_IO(broken_connection(), 1);
	health.probing = 1;
	loop_want(loop, &target->io, LOOP_OUT);
	check(health_ready(&health, &target->io, LOOP_OUT | LOOP_ERROR) && !health.probing, "a reset", "ends the probe");
	check(target->good + target->bad == 1, "a reset", "is one check");
	good = target->good;
	backend_leave(&health, backend);
	route_backend_unref(backend);
	health_close(&health);
	loop->fifos = NULL;
	return good;
}

int main(void)
{
	struct capture capture;
	struct buf said = { 0 };
	struct loop loop;

	loop_open(&loop, &nothing, NULL);
	capture_start(&capture); /* the backend is unhealthy */
	check(good_after_reset(&loop, NULL) == 1, "a backend that resets", "was reached, as for clients");
	check(good_after_reset(&loop, "10.0.0.1") == 0, "a SOCKS proxy that resets", "has not reached the backend");
	capture_end(&capture, &said);
	buf_free(&said);
	loop_close(&loop);
	return check_sum();
}
