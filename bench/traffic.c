#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = MESSAGE_MAX, BATCH = 256, SLOW_BUFFER = 64 << 10 };
#define NEVER UINT64_MAX
#define SLOW_TURN (SECOND / 200)

struct options opt = { .conns = 1, .size = 64, .dir = UP, .warm = 0.3, .time = 1.5, .spin = 1 };
struct traffic run;

static char filler[CHUNK], sink[CHUNK];

void fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(1);
}

static void watch(struct conn *c, unsigned events)
{
    struct epoll_event ev = { .events = events, .data.ptr = c };

    if (c->watched && c->events == events)
        return;
    if (epoll_ctl(run.loop, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    c->watched = true;
    c->events = events;
}

static void hang_up(struct conn *c)
{
    close(c->fd);
    c->fd = -1;
    c->watched = false;
}

static void dial(struct conn *c)
{
    struct sockaddr_in to = opt.to;
    unsigned ports = opt.to_last - ntohs(to.sin_port) + 1u;

    to.sin_port = htons((uint16_t)(ntohs(to.sin_port) + run.dialled++ % ports));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (opt.slow > 0)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &(int){ SLOW_BUFFER }, sizeof(int));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
}

/* Messages */

static void lost(struct conn *c, const char *what)
{
    run.errors++;
    if (!opt.once || run.errors > 100)
        fail("connection lost after %" PRIu64 " exchanges: %s", run.done, what);
    hang_up(c);
    c->busy = false;
}

static void send_message(struct conn *c)
{
    ssize_t n = send(c->fd, filler, opt.size - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        lost(c, strerror(errno));
        return;
    }
    if (n > 0)
        c->sent += (size_t)n;
    watch(c, c->sent < opt.size ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void begin(struct conn *c, uint64_t due)
{
    if (opt.count && run.begun >= opt.count)
        return;
    run.begun++;
    c->busy = true;
    c->shut = false;
    c->due = due;
    c->sent = c->got = 0;
    if (c->fd < 0)
        dial(c);
    send_message(c);
}

static void end(struct conn *c)
{
    uint64_t now = clock_ns();

    run.done++;
    if (run.measuring)
        histogram_add(&run.latency, now - c->due);
    c->busy = false;
    if (opt.once)
        hang_up(c);
    if (c->park)
        run.parked++;
    if (c->park || run.stopping)
        return;
    if (opt.rate <= 0) {
        begin(c, now);
    } else if (c->owed) {
        c->owed--;
        begin(c, c->due + (uint64_t)((double)(SECOND * opt.conns) / opt.rate));
    }
}

static void on_ping(struct conn *c, unsigned events)
{
    if ((events & EPOLLOUT) && c->sent < opt.size)
        send_message(c);
    if (c->fd < 0 || !(events & ~EPOLLOUT))
        return;

    ssize_t n = recv(c->fd, sink, c->got < opt.size ? opt.size - c->got : 1, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n == 0 && c->shut) {
        end(c);
    } else if (n <= 0 || !c->busy || c->shut) {
        lost(c, n < 0 ? strerror(errno) : n ? "unasked bytes" : "closed by the other side");
        if (opt.once && opt.rate <= 0 && !run.stopping)
            begin(c, clock_ns());
    } else if ((c->got += (size_t)n) == opt.size) {
        if (!opt.half)
            end(c);
        else if (shutdown(c->fd, SHUT_WR) == 0)
            c->shut = true;
    }
}

static void on_echo(struct conn *c, unsigned events)
{
    if ((events & EPOLLOUT) && c->sent < opt.size)
        send_message(c);
    if (!(events & ~EPOLLOUT))
        return;

    ssize_t n = recv(c->fd, sink, opt.size - c->got, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        hang_up(c);
        free(c);
    } else if ((c->got += (size_t)n) == opt.size) {
        c->sent = c->got = 0;
        send_message(c);
    }
}

/* Starts the exchanges that have come due; returns when the next one will. */
static uint64_t pace(uint64_t now)
{
    for (;;) {
        uint64_t due = (uint64_t)(run.pace_start + (double)run.paced * (double)SECOND / opt.rate);
        struct conn *c = &run.client[run.paced % opt.conns];

        if (due > now)
            return due;
        run.paced++;
        if (c->busy)
            c->owed++;
        else
            begin(c, due);
    }
}

/* Bulk */

static void shut_bulk(struct conn *c)
{
    shutdown(c->fd, SHUT_WR);
    c->shut = true;
    c->quota = 0;
    watch(c, c->slow ? 0 : EPOLLIN);
}

static void read_bulk(struct conn *c, size_t size)
{
    ssize_t n = recv(c->fd, sink, size, MSG_TRUNC);     /* thrown away uncopied */

    if (n > 0) {
        run.got[c->side] += (uint64_t)n;
    } else if (n == 0) {
        if (!c->shut)
            shut_bulk(c);
        hang_up(c);
        run.closed++; /* either end: what one has sent, the other may still be reading */
    } else if (errno != EAGAIN) {
        fail("bulk %s: %s", c->side == CLIENT ? "client" : "server", strerror(errno));
    }
}

static void on_bulk(struct conn *c, unsigned events)
{
    if ((events & EPOLLOUT) && c->quota) {
        ssize_t n = send(c->fd, filler, c->quota < CHUNK ? c->quota : CHUNK, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            fail("bulk %s: %s", c->side == CLIENT ? "client" : "server", strerror(errno));
        if (n > 0) {
            run.sent[c->side] += (uint64_t)n;
            c->quota -= (uint64_t)n;
        }
        if (!c->quota)
            shut_bulk(c);
    }
    if (events & ~EPOLLOUT)
        read_bulk(c, CHUNK * 4);
}

static void start_bulk(struct conn *c)
{
    int sends = c->side == CLIENT ? UP : DOWN, gets = UP + DOWN - sends;

    if (opt.dir & sends)
        c->quota = opt.bytes ? opt.bytes / opt.conns : NEVER;
    if (opt.slow > 0 && (opt.dir & gets)) {
        c->slow = true;
        if (run.slows == run.slow_room) {
            run.slow_room = run.slow_room * 2 + 64;
            run.slow = realloc(run.slow, run.slow_room * sizeof *run.slow);
            if (!run.slow)
                fail("out of memory");
        }
        run.slow[run.slows++] = c;
    }
    watch(c, (c->slow ? 0 : EPOLLIN) | (c->quota ? EPOLLOUT : 0));
}

static uint64_t read_slowly(uint64_t now)
{
    if (now < run.slow_next)
        return run.slow_next;
    for (size_t i = 0; i < run.slows; i++)
        if (run.slow[i]->fd >= 0)
            read_bulk(run.slow[i], (size_t)(opt.slow * (double)SLOW_TURN / (double)SECOND));
    return run.slow_next = now + SLOW_TURN;
}

/* The loop */

static void on_listener(void)
{
    for (int i = 0; i < DIALS; i++) {
        int fd = accept4(run.listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;

        struct conn *c = calloc(1, sizeof *c);

        if (!c)
            fail("out of memory");
        c->side = SERVER;
        c->fd = fd;
        c->kind = run.serving;
        c->sent = opt.size;
        if (c->kind == BULK)
            start_bulk(c);
        else
            watch(c, EPOLLIN);
    }
}

static void turn(uint64_t until)
{
    struct epoll_event ev[BATCH];
    uint64_t now = clock_ns();

    if (opt.rate > 0 && run.pace_start > 0 && !run.stopping) {
        uint64_t next = pace(now);

        until = opt.spin ? now : next < until ? next : until;
    }
    if (run.slows) {
        uint64_t next = read_slowly(now);

        until = next < until ? next : until;
    }

    uint64_t wait = until > now ? until - now : 0;
    struct timespec timeout = { .tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND) };
    int n = epoll_pwait2(run.loop, ev, BATCH, &timeout, NULL);

    for (int i = 0; i < n; i++) {
        struct conn *c = ev[i].data.ptr;

        switch (c->kind) {
        case LISTENER: on_listener(); break;
        case ECHO: on_echo(c, ev[i].events); break;
        case PING: on_ping(c, ev[i].events); break;
        case BULK: on_bulk(c, ev[i].events); break;
        }
    }
}

bool run_for(double seconds, const uint64_t *counter, uint64_t goal)
{
    uint64_t end_at = clock_ns() + (uint64_t)(seconds * (double)SECOND);

    while (clock_ns() < end_at) {
        if (counter && *counter >= goal)
            return true;
        turn(end_at);
    }
    return counter && *counter >= goal;
}

void serve(enum kind kind)
{
    struct conn *l = &run.listener;

    if (!opt.serve.sin_port)
        return;
    l->kind = LISTENER;
    run.serving = kind == BULK ? BULK : ECHO;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (opt.slow > 0)
        setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &(int){ SLOW_BUFFER }, sizeof(int));
    if (bind(l->fd, (struct sockaddr *)&opt.serve, sizeof opt.serve) < 0 || listen(l->fd, 4096) < 0)
        fail("cannot serve: %s", strerror(errno));
    watch(l, EPOLLIN);
    while (!opt.to.sin_port)
        run_for(3600, NULL, 0);
}

struct conn *make_clients(enum kind kind, size_t count)
{
    struct conn *c = calloc(count, sizeof *c);

    if (!c)
        fail("out of memory");
    for (size_t i = 0; i < count; i++) {
        c[i].kind = kind;
        c[i].side = CLIENT;
        c[i].fd = -1;
    }
    return c;
}

void start_clients(void)
{
    run.stopping = false;
    if (opt.rate > 0) {
        run.pace_start = (double)clock_ns();
        run.paced = 0;
    } else {
        for (size_t i = 0; i < opt.conns; i++)
            begin(&run.client[i], clock_ns());
    }
}

void stop_clients(void)
{
    run.stopping = true;
    for (int i = 0; i < 100; i++) {
        size_t busy = 0;

        for (size_t k = 0; k < opt.conns; k++)
            busy += run.client[k].busy;
        if (!busy)
            return;
        run_for(0.05, NULL, 0);
    }
    fail("an exchange did not end within 5 s");
}

void start_streams(void)
{
    serve(BULK);
    run.client = make_clients(BULK, opt.conns);
    for (size_t i = 0; i < opt.conns; i++) {
        dial(&run.client[i]);
        start_bulk(&run.client[i]);
    }
}

void stop_streams(void)
{
    for (size_t i = 0; i < opt.conns; i++)
        if (!run.client[i].shut)
            shut_bulk(&run.client[i]);
}

void traffic_init(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    run.loop = epoll_create1(EPOLL_CLOEXEC);
    if (run.loop < 0)
        fail("epoll_create1: %s", strerror(errno));
}
