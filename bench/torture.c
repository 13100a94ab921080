/* torture: sessions of every sort through a proxy, both ends in this one process, every byte checked at both.
 *
 *      torture TO-ADDRESS SERVE-ADDRESS [KEY=VALUE]...         (127.0.0.1:7000 127.0.0.1:9000 seed=7)
 *
 * It connects to TO-ADDRESS (the proxy) and is the backend at SERVE-ADDRESS. What a session does follows from the
 * seed and its number: how much each end sends, in pieces of which size, where it stalls, how it ends. The client's
 * first eight bytes are that number, so that the backend knows as well. The keys are in `settings`, near the end.
 *
 * Prints one line. Exit status: 0 when every byte and every end arrived as it was sent, 1 when not, 2 for wrong
 * usage. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT, SERVER };
enum { PIECE_MAX = 64 << 10, BATCH = 256, HEAD = 8, ACCEPTS = 64, COMPLAINTS = 10 };

/* How a session ends. Without a reset both ends send all they have, and both must see the other's end. */
enum ending {
    EACH_WHEN_DONE,             /* an end sends its FIN as soon as it has sent everything */
    CLIENT_LAST,                /* the client sends its FIN only when it has seen the server's */
    SERVER_LAST,
    CLIENT_RESETS,              /* when it has moved reset_at bytes; at the latest instead of its FIN */
    SERVER_RESETS,
    ENDINGS
};

static const char *const ending_names[] = { "each when done", "client last", "server last", "client resets",
                                            "server resets" };

struct end {
    struct session *session;    /* NULL: a server end that has not read its eight bytes yet, on the heap */
    int side;
    int fd;                     /* -1: closed, or not opened yet */
    unsigned events;            /* as registered; 0: not in the set */
    uint64_t to_send, sent, got;
    uint64_t send_at, get_at;   /* stalled until then, in ms; 0: not stalled */
    bool started, fin, eof, reset;
    unsigned char head[HEAD];
};

struct session {
    uint64_t number, random;
    enum ending ending;
    uint64_t reset_at;
    struct end end[2];
};

static struct {
    struct sockaddr_in to, serve;
    uint64_t sessions, parallel, seed, max, buffer, stall, limit, lax;
} opt = { .sessions = 5000, .parallel = 500, .seed = 1, .max = 1000000, .buffer = 32768, .stall = 50, .limit = 30 };

static struct {
    int loop, listener;
    struct session *session;
    uint64_t accepted, begun, clients, open;    /* begun in all; client ends and all ends open now */
    uint64_t resets, halves, stalls, bytes, wrong;
    uint64_t moved_at;                  /* ms */
    struct end **stalled;
    size_t stalled_count;
} run;

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void complain(const struct end *e, const char *format, ...)
{
    va_list list;

    if (run.wrong++ >= COMPLAINTS)
        return;
    fprintf(stderr, "torture: session %" PRIu64 " (%s), %s, %" PRIu64 " of %" PRIu64 " sent, %" PRIu64 " received: ",
            e->session->number, ending_names[e->session->ending], e->side == CLIENT ? "client" : "server", e->sent,
            e->to_send, e->got);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

static void fail(const char *what)
{
    fprintf(stderr, "torture: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The plan */

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The session's next random number, below `bound`. */
static uint64_t draw(struct session *s, uint64_t bound)
{
    s->random = mix(s->random);
    return bound ? s->random % bound : 0;
}

static uint64_t draw_size(struct session *s)
{
    static const uint64_t classes[] = { 1, 2, 100, 1500, 20000, 140000, UINT64_MAX, UINT64_MAX };
    uint64_t bound = classes[draw(s, sizeof classes / sizeof classes[0])];

    return draw(s, bound < opt.max ? bound : opt.max + 1);
}

static void plan(struct session *s, uint64_t number)
{
    s->number = number;
    s->random = mix(opt.seed) + number;
    s->ending = (enum ending)draw(s, ENDINGS);
    for (int side = CLIENT; side <= SERVER; side++) {
        s->end[side].session = s;
        s->end[side].side = side;
        s->end[side].fd = -1;
        s->end[side].to_send = draw_size(s);
    }
    s->end[CLIENT].to_send += HEAD;
    s->reset_at = draw(s, s->end[CLIENT].to_send + s->end[SERVER].to_send + 1);
}

/* What the end sends from `offset` on: its number, if it is a client, then bytes that follow from seed and offset. */
static void fill(const struct end *e, uint64_t offset, unsigned char *to, size_t n)
{
    uint64_t key = mix(opt.seed ^ mix(e->session->number * 2 + (uint64_t)e->side));

    while (n) {
        uint64_t word = e->side == CLIENT && offset < HEAD ? e->session->number : mix(key + offset / 8);
        size_t skip = offset % 8, part = 8 - skip < n ? 8 - skip : n;

        memcpy(to, (unsigned char *)&word + skip, part);
        to += part;
        offset += part;
        n -= part;
    }
}

/* One end */

static bool resets(const struct end *e)
{
    return e->session->ending == (e->side == CLIENT ? CLIENT_RESETS : SERVER_RESETS);
}

static bool is_reset(const struct end *e)
{
    return e->session->ending == (e->side == CLIENT ? SERVER_RESETS : CLIENT_RESETS);
}

static bool waits_for_eof(const struct end *e)
{
    return e->session->ending == (e->side == CLIENT ? CLIENT_LAST : SERVER_LAST) && !e->eof;
}

static void watch(struct end *e)
{
    unsigned want = (e->eof || e->get_at ? 0 : EPOLLIN) | (e->sent < e->to_send && !e->send_at ? EPOLLOUT : 0);
    struct epoll_event ev = { .events = want, .data.ptr = e };

    if (want == e->events)
        return;
    if (epoll_ctl(run.loop, !e->events ? EPOLL_CTL_ADD : want ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, e->fd, &ev) < 0)
        fail("epoll_ctl");
    e->events = want;
}

static void hang_up(struct end *e, bool reset)
{
    if (reset)
        setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    close(e->fd);
    e->fd = -1;
    e->events = 0;
    run.open--;
    run.clients -= e->side == CLIENT;
    run.moved_at = now_ms();
}

/* Sometimes sets the time until which this end does not send, or does not read. */
static void maybe_stall(struct end *e, uint64_t *until)
{
    if (!opt.stall || draw(e->session, 32))
        return;
    if (!e->send_at && !e->get_at)
        run.stalled[run.stalled_count++] = e;
    *until = now_ms() + 1 + draw(e->session, opt.stall);
    run.stalls++;
}

/* The connection broke. Right only where the plan has the other end reset it. */
static void broken(struct end *e)
{
    int error = errno;

    if (!is_reset(e) || (error != ECONNRESET && error != EPIPE))
        complain(e, "%s", strerror(error));
    e->reset = true;
    hang_up(e, false);
}

static void send_some(struct end *e)
{
    static unsigned char piece[PIECE_MAX];
    size_t n = 1 + draw(e->session, draw(e->session, 2) ? PIECE_MAX : 500);

    if (n > e->to_send - e->sent)
        n = (size_t)(e->to_send - e->sent);
    fill(e, e->sent, piece, n);

    ssize_t done = send(e->fd, piece, n, MSG_NOSIGNAL);

    if (done < 0 && errno != EAGAIN) {
        broken(e);
        return;
    }
    if (done > 0)
        e->sent += (uint64_t)done;
    maybe_stall(e, &e->send_at);
}

static void get_some(struct end *e)
{
    static unsigned char piece[PIECE_MAX], expected[PIECE_MAX];
    const struct end *other = &e->session->end[!e->side];
    ssize_t n = recv(e->fd, piece, 1 + draw(e->session, draw(e->session, 2) ? PIECE_MAX : 500), 0);

    if (n < 0) {
        if (errno != EAGAIN)
            broken(e);
        return;
    }
    if (n == 0) {
        e->eof = true;
        if (is_reset(e) && !opt.lax)
            complain(e, "an end instead of a reset");
        if (!is_reset(e) && e->got != other->to_send)
            complain(e, "an end instead of %" PRIu64 " bytes", other->to_send - e->got);
        return;
    }
    if ((uint64_t)n > other->to_send - e->got) {
        complain(e, "more than the %" PRIu64 " bytes that were sent", other->to_send);
        n = (ssize_t)(other->to_send - e->got);
    }
    fill(other, e->got, expected, (size_t)n);
    for (ssize_t i = 0; i < n; i++)
        if (piece[i] != expected[i]) {
            complain(e, "byte %" PRIu64 " is %02x, not %02x", e->got + (uint64_t)i, piece[i], expected[i]);
            break;
        }
    e->got += (uint64_t)n;
    run.bytes += (uint64_t)n;
    run.moved_at = now_ms();
    maybe_stall(e, &e->get_at);
}

/* What is due after bytes have moved: a reset, a FIN, the close, or to wait for more. */
static void proceed(struct end *e)
{
    if (e->fd < 0)
        return;
    if (resets(e) && (e->sent + e->got >= e->session->reset_at || e->sent == e->to_send)) {
        e->reset = true;
        run.resets++;
        hang_up(e, true);
        return;
    }
    if (e->sent == e->to_send && !e->fin && !waits_for_eof(e)) {
        e->fin = true;
        run.halves += !e->eof;
        if (shutdown(e->fd, SHUT_WR) < 0) {
            if (errno == ENOTCONN)
                errno = ECONNRESET;     /* it came since the last event */
            broken(e);
            return;
        }
    }
    if (e->fin && e->eof)
        hang_up(e, false);
    else
        watch(e);
}

/* Server ends come as strangers: the first eight bytes say which session this is. */
static struct end *introduce(struct end *stranger)
{
    uint64_t number;
    ssize_t n = recv(stranger->fd, stranger->head + stranger->got, HEAD - stranger->got, 0);

    if (n < 0 && errno == EAGAIN)
        return NULL;
    if (n <= 0 || (stranger->got += (uint64_t)n) < HEAD) {
        if (n <= 0) {       /* its client reset it before the number got through; or a health check */
            hang_up(stranger, false);
            free(stranger);
        }
        return NULL;
    }
    memcpy(&number, stranger->head, HEAD);
    if (number >= run.begun || run.session[number].end[SERVER].started) {
        fprintf(stderr, "torture: session number %" PRIu64 " %s\n", number, number < run.begun ? "twice" : "unknown");
        run.wrong++;
        hang_up(stranger, false);
        free(stranger);
        return NULL;
    }

    struct end *e = &run.session[number].end[SERVER];

    e->fd = stranger->fd;
    e->started = true;
    e->got = HEAD;
    e->events = EPOLLIN;
    epoll_ctl(run.loop, EPOLL_CTL_MOD, e->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = e });
    free(stranger);
    return e;
}

static void on_end(struct end *e, unsigned events)
{
    if (!e->session && !(e = introduce(e)))
        return;
    if (e->fd >= 0 && (events & ~EPOLLOUT) && !e->eof && !e->get_at)
        get_some(e);
    if (e->fd >= 0 && (events & EPOLLOUT) && e->sent < e->to_send && !e->send_at)
        send_some(e);
    proceed(e);
}

/* All of them */

static void begin(void)
{
    struct session *s = &run.session[run.begun];
    struct end *e = &s->end[CLIENT];

    plan(s, run.begun++);
    e->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->fd < 0)
        fail("socket");
    e->started = true;
    run.open++;
    run.clients++;
    setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (draw(s, 4) == 0)
        setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &(int){ (int)opt.buffer }, sizeof(int));
    if (draw(s, 4) == 0)
        setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &(int){ (int)opt.buffer }, sizeof(int));
    if (connect(e->fd, (struct sockaddr *)&opt.to, sizeof opt.to) < 0 && errno != EINPROGRESS)
        fail("connect");
    watch(e);
}

static void accept_some(void)
{
    /* For those that come later: the buffer of a connection that stands must not shrink, nor its window with it. */
    int size = (int)opt.buffer * (mix(run.accepted++) % 4 == 0 ? 1 : 8);

    setsockopt(run.listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(run.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;

        struct end *e = calloc(1, sizeof *e);

        if (!e)
            fail("out of memory");
        e->side = SERVER;
        e->fd = fd;
        run.open++;
        run.moved_at = now_ms();
        watch(e);
    }
}

static void wake_stalled(uint64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < run.stalled_count; i++) {
        struct end *e = run.stalled[i];

        if (e->send_at && e->send_at <= now)
            e->send_at = 0;
        if (e->get_at && e->get_at <= now)
            e->get_at = 0;
        if (e->fd < 0)
            e->send_at = e->get_at = 0;
        else
            watch(e);
        if (e->send_at || e->get_at)
            run.stalled[kept++] = e;
    }
    run.stalled_count = kept;
}

static void torture(void)
{
    uint64_t quiet_at = 0;

    run.moved_at = now_ms();
    for (;;) {
        struct epoll_event ev[BATCH];
        uint64_t now = now_ms();

        while (run.begun < opt.sessions && run.clients < opt.parallel)
            begin();
        wake_stalled(now);
        if (now - run.moved_at > opt.limit * 1000)
            return;
        if (run.begun < opt.sessions || run.open)
            quiet_at = now;
        else if (now - quiet_at > 200)      /* what a reset client left behind may still knock */
            return;
        for (int i = 0, n = epoll_wait(run.loop, ev, BATCH, run.stalled_count ? 1 : 50); i < n; i++) {
            if (ev[i].data.ptr)
                on_end(ev[i].data.ptr, ev[i].events);
            else
                accept_some();
        }
    }
}

static void listen_at(const struct sockaddr_in *address)
{
    run.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(run.listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    setsockopt(run.listener, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (bind(run.listener, (const struct sockaddr *)address, sizeof *address) < 0 || listen(run.listener, 4096) < 0)
        fail("cannot serve");
    if (epoll_ctl(run.loop, EPOLL_CTL_ADD, run.listener, &(struct epoll_event){ .events = EPOLLIN }) < 0)
        fail("epoll_ctl");
}

static void verdict(double seconds)
{
    for (uint64_t i = 0; i < run.begun; i++)
        for (int side = CLIENT; side <= SERVER; side++) {
            const struct end *e = &run.session[i].end[side];

            if (e->fd >= 0)
                complain(e, "stuck");
            else if (!e->started && e->session->ending != CLIENT_RESETS)
                complain(e, "never reached");
        }
    printf("torture: %" PRIu64 " sessions, seed %" PRIu64 ": %" PRIu64 " bytes, %" PRIu64 " half-closes, %" PRIu64
           " resets, %" PRIu64 " stalls in %.1f s: %" PRIu64 " wrong: %s\n",
           run.begun, opt.seed, run.bytes, run.halves, run.resets, run.stalls, seconds, run.wrong,
           run.wrong ? "FAILED" : "ok");
}

static const struct {
    const char *name;
    uint64_t *number;
    const char *help;
} settings[] = {
    { "sessions", &opt.sessions, "sessions in all (5000)" },
    { "parallel", &opt.parallel, "of them at a time (500)" },
    { "seed", &opt.seed, "what everything follows from (1)" },
    { "max", &opt.max, "most bytes that one end sends (1000000)" },
    { "buffer", &opt.buffer, "bytes of the small socket buffers that a quarter of all get (32768; 4096 is very slow)" },
    { "stall", &opt.stall, "longest stall in ms (50; 0: none)" },
    { "limit", &opt.limit, "seconds without any byte moved that count as stuck (30)" },
    { "lax", &opt.lax, "1: a reset may arrive as an ordinary end (0)" },
};

static bool set(const char *text)
{
    const char *equals = strchr(text, '=');

    for (size_t i = 0; equals && i < sizeof settings / sizeof settings[0]; i++) {
        size_t n = strlen(settings[i].name);

        if (n == (size_t)(equals - text) && !strncmp(text, settings[i].name, n)) {
            char *end;

            errno = 0;
            *settings[i].number = strtoull(equals + 1, &end, 10);
            return end > equals + 1 && !*end && !errno && equals[1] != '-';
        }
    }
    return false;
}

static bool set_address(struct sockaddr_in *a, const char *text)
{
    char host[64], rest;
    unsigned port;

    a->sin_family = AF_INET;
    if (sscanf(text, "%63[^:]:%u%c", host, &port, &rest) != 2 || port < 1 || port > 65535)
        return false;
    a->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    bool usable = argc >= 3 && set_address(&opt.to, argv[1]) && set_address(&opt.serve, argv[2]);

    for (int i = 3; i < argc; i++)
        usable = usable && set(argv[i]);
    if (!usable || !opt.sessions || !opt.parallel) {
        fputs("usage: torture TO-IP:PORT SERVE-IP:PORT [KEY=VALUE]...\n", stderr);
        for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
            fprintf(stderr, "  %s= %s\n", settings[i].name, settings[i].help);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    run.loop = epoll_create1(EPOLL_CLOEXEC);
    run.session = calloc(opt.sessions, sizeof *run.session);
    run.stalled = calloc(opt.sessions * 2, sizeof(struct end *));
    if (run.loop < 0 || !run.session || !run.stalled)
        fail("out of memory");
    listen_at(&opt.serve);

    uint64_t start = now_ms();

    torture();
    verdict((double)(now_ms() - start) / 1000);
    return run.wrong ? 1 : 0;
}
