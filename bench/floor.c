/* floor LISTEN-PORT BACKEND-PORT: a TCP relay without features, to know the limit. It copies messages, splices bulk. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
enum { SCRATCH = 256 << 10, PIPE = 1 << 20, BULK = 64 << 10, NO_BULK = 8 << 10, BATCH = 256, ACCEPTS = 8 };
struct half {               /* one socket, and what was read from it */
    struct half *peer;
    size_t kept;            /* bytes in the pipe, not yet sent to the peer; nothing is read meanwhile */
    int fd, pipe[2], events, eof;   /* events: as registered, 0: not in the set; eof: how often it was seen */
    bool open, bulk;        /* open: known to be connected */
};
static int loop;
static void watch(struct half *h)
{
    int want = (h->eof > 2 || h->kept ? 0 : EPOLLIN) | (h->peer->kept || (h->peer->eof && !h->open) ? EPOLLOUT : 0);
    struct epoll_event ev = { .events = (unsigned)want, .data.ptr = h };
    if (want != h->events)
        epoll_ctl(loop, !h->events ? EPOLL_CTL_ADD : want ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, h->fd, &ev);
    h->events = want;
}
static bool flush(struct half *h)   /* sends what is kept and then the end; false: broken */
{
    for (ssize_t n; h->kept; h->kept -= (size_t)n)
        if ((n = splice(h->pipe[0], NULL, h->peer->fd, NULL, h->kept, SPLICE_F_NONBLOCK)) <= 0)
            return errno == EAGAIN;
    return !h->eof || !h->peer->open || h->peer->eof || !shutdown(h->peer->fd, SHUT_WR);
}
static bool pull(struct half *h)    /* moves one turn's worth; false: broken */
{
    static char scratch[SCRATCH];
    ssize_t sent = 0, n = h->bulk ? splice(h->fd, NULL, h->pipe[1], NULL, PIPE, SPLICE_F_NONBLOCK)
                                  : recv(h->fd, scratch, SCRATCH, 0);
    if (n <= 0)
        return n < 0 ? errno == EAGAIN : (h->eof = 1, flush(h));
    if (!h->bulk && (sent = send(h->peer->fd, scratch, (size_t)n, MSG_NOSIGNAL)) < 0 && (sent = 0, errno != EAGAIN))
        return false;
    h->kept = (size_t)(n - sent), h->peer->open |= sent > 0;
    if ((n >= BULK || h->kept) && !h->pipe[1] &&
        (pipe2(h->pipe, O_NONBLOCK) < 0 || fcntl(h->pipe[1], F_SETPIPE_SZ, PIPE) < 0))
        return false;
    if (h->bulk ? !flush(h) : h->kept && write(h->pipe[1], scratch + sent, h->kept) != (ssize_t)h->kept)
        return false;
    h->bulk = n >= (h->bulk ? NO_BULK : BULK);
    return true;
}
static bool greet(int listener, const struct sockaddr_in *backend)      /* false: nobody waits */
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), out = -1;
    if (fd < 0 || (out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0)
        return fd >= 0 && close(fd) < 0;
    struct half *h = calloc(2, sizeof *h);
    setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    connect(out, (const struct sockaddr *)backend, sizeof *backend);
    h[0] = (struct half){ .peer = &h[1], .fd = fd, .open = true }, h[1] = (struct half){ .peer = &h[0], .fd = out };
    return pull(&h[0]), watch(&h[0]), watch(&h[1]), true;               /* often the first bytes are there already */
}
static void end(struct half *h, bool reset)
{
    if (reset)
        setsockopt(h->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    if (h->pipe[1])
        close(h->pipe[0]), close(h->pipe[1]);
    close(h->fd), h->fd = -1;
}
int main(int argc, char **argv)
{
    uint16_t from = argc == 3 ? atoi(argv[1]) : 0, to = argc == 3 ? atoi(argv[2]) : 0, dead = 0;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(from), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));   /* accepted sockets inherit it */
    if (argc != 3 || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 4096) < 0)
        return 1;
    epoll_ctl(loop = epoll_create1(0), EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN });
    signal(SIGPIPE, SIG_IGN), at.sin_port = htons(to);
    for (struct half *h, *grave[BATCH];;) {
        struct epoll_event ev[BATCH];
        for (int i = 0, n = epoll_wait(loop, ev, BATCH, -1); i < n; i++) {
            if (!(h = ev[i].data.ptr))
                for (int k = 0; k < ACCEPTS && greet(listener, &at); k++);
            if (!h || h->fd < 0)
                continue;
            bool ok = (h->open = !(ev[i].events & EPOLLERR)) && (!(ev[i].events & EPOLLOUT) || flush(h->peer)) &&
                      (!(ev[i].events & ~EPOLLOUT) || (h->eof ? h->eof++ : pull(h)));
            if (ok && !(h->eof && h->peer->eof && !h->kept && !h->peer->kept))
                watch(h), watch(h->peer);
            else
                end(h->peer, !ok), end(h, !ok), grave[dead++] = h < h->peer ? h : h->peer;
        }
        for (; dead; free(grave[--dead]));
    }
}
