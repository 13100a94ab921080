/* Cases for loop.c and its back ends: what the system refuses. */
#include "base.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "log.h"

#ifdef __linux__
#include <sys/epoll.h>

static struct {
	bool open, wait, exclusive, all; /* what is refused */
	int calls; /* of epoll_ctl */
} refuses;

static int refuse(void)
{
	errno = EPERM;
	return -1;
}

static int fake_create(int flags)
{
	return refuses.open ? refuse() : epoll_create1(flags);
}

static int fake_ctl(int fd, int op, int of, struct epoll_event *event)
{
	refuses.calls++;
	if (refuses.all || (refuses.exclusive && event && (event->events & EPOLLEXCLUSIVE)))
		return refuse();
	return epoll_ctl(fd, op, of, event);
}

static int fake_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	return refuses.wait ? refuse() : epoll_wait(fd, events, most, timeout);
}

#define epoll_create1 fake_create
#define epoll_ctl fake_ctl
#define epoll_wait fake_wait
#include "../../loop_epoll.c"
#undef epoll_create1
#undef epoll_ctl
#undef epoll_wait
#endif

#include "../../loop.c"

static int seen;

static void ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	char byte;

	(void)events;
	if (read(io->fd, &byte, 1) == 1)
		seen += byte;
	loop->stop = true;
}

static void expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)fifo, (void)timer;
	loop->stop = true;
}

static void woken(struct loop *loop)
{
	loop->stop = true;
}

static const struct loop_ops ops = { ready, expired, woken };

static void run(struct loop *loop)
{
	loop->stop = false;
	loop_run(loop);
}

/* A descriptor is heard, given up and taken back; wake-ups and timers come. */
static void check_loop(const struct loop_backend *expected, const char *what)
{
	struct loop_timer timer = { 0 };
	struct loop_fifo fifo;
	struct loop_io io;
	struct loop loop;
	int fds[2];

	seen = 0;
	check(loop_open(&loop, &ops, NULL) && loop.backend == expected, "opens", what);
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "sockets", what);
	io = LOOP_IO(fds[0], 1);
	check(loop_want(&loop, &io, LOOP_IN | LOOP_SHARED), "a shared descriptor", what);
	for (int i = 0; i < 2; i++) {
		check(write(fds[1], "\1", 1) == 1, "writes", what);
		run(&loop);
		check(seen == i + 1, "is heard", what);
		check(loop_want(&loop, &io, 0) && loop_want(&loop, &io, LOOP_IN | LOOP_SHARED), "is taken back", what);
	}
	loop_wake(&loop);
	run(&loop);
	loop_fifo_open(&loop, &fifo, 10, 0);
	loop_arm(&loop, &fifo, &timer);
	run(&loop);
	check(!timer.next, "the clock", what);
	loop_close_fd(&loop, &io);
	close(fds[1]);
	loop_close(&loop);
}

#ifdef LOOP_EPOLL

static void check_refused_interest(void)
{
	struct loop_io io;
	struct loop loop;

	check(loop_open(&loop, &ops, NULL), "opens", "interest");
	io = LOOP_IO(loop.wake_fds[1], 1);
	refuses.all = true;
	check(!loop_want(&loop, &io, LOOP_OUT) && errno == EPERM && !loop_want(&loop, &io, LOOP_OUT), "says no", "each time");
	refuses.all = false;
	check(loop_want(&loop, &io, LOOP_OUT), "is tried again", "interest");
	loop_close(&loop);
}

#endif

int main(void)
{
	log_setup(LOG_ERROR, false);
#ifdef LOOP_EPOLL
	check_loop(&loop_epoll, "nothing is refused");
	refuses.exclusive = true;
	check_loop(&loop_epoll, "EPOLLEXCLUSIVE is refused");
	refuses.exclusive = false;
	refuses.open = true;
	check_loop(&loop_poll, "epoll_create1 is refused");
	refuses.open = false;
	refuses.wait = true;
	check_loop(&loop_poll, "epoll_wait is refused");
	refuses.wait = false;
	refuses.all = true;
	check_loop(&loop_poll, "epoll_ctl is refused");
	refuses.all = false;
	check_refused_interest();
	refuses.calls = 0;
	check_loop(&loop_epoll, "nothing is refused again");
	check(refuses.calls == 2, "calls of epoll_ctl", "one a descriptor");
#else
	check_loop(&loop_poll, "poll()");
#endif
	return check_sum();
}
