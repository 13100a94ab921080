/* traffic: connections that carry messages or bulk, both ends of them, in one event loop.
 *
 * Messages: the client sends `size` bytes and waits for as many. Bulk: an end that `dir` lets send does so as fast as
 * it can, until its share of `bytes` is sent or the client ends it; an end closes when it has sent its own FIN and
 * seen the other's. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "meter.h"

#include <netinet/in.h>
#include <stdbool.h>

enum { MESSAGE_MAX = 256 << 10, DIALS = 64 };
enum { CLIENT, SERVER };
enum { UP = 1, DOWN = 2 };
#define SECOND UINT64_C(1000000000)

enum kind { LISTENER, ECHO, PING, BULK };

struct conn {
    enum kind kind;
    int side;
    int fd;                 /* -1: not connected */
    unsigned events;        /* that epoll watches; only of use once `watched` */
    bool watched;
    bool busy;              /* messages: an exchange is under way */
    bool park;              /* make one exchange, then stay idle */
    bool shut;              /* our FIN is sent */
    size_t sent, got;       /* of the message under way */
    uint64_t due;           /* when the exchange began, or should have begun */
    uint64_t owed;          /* paced exchanges that wait for this one */
    uint64_t quota;         /* bulk: bytes that it may still send */
    bool slow;              /* bulk: it is read by the clock, opt.slow bytes a second */
};

struct options {
    struct sockaddr_in to, serve;
    uint16_t to_last;       /* the highest port of `to` */
    struct processes pid;
    uint64_t conns, size, idle, bytes, count;
    double rate, warm, time, slow;
    int dir;
    uint64_t half, spin;
    bool once;
};

struct traffic {
    int loop;
    struct conn listener;
    enum kind serving;              /* ECHO or BULK */
    struct conn *client;            /* opt.conns of them */
    struct conn **slow;
    size_t slows, slow_room;
    uint64_t slow_next;
    uint64_t sent[2], got[2];       /* bulk bytes by side */
    uint64_t begun, done, parked, closed, errors;
    uint64_t dialled;
    bool measuring, stopping;
    double pace_start;              /* in ns */
    uint64_t paced;                 /* exchanges that have come due since */
    struct histogram latency;
};

extern struct options opt;
extern struct traffic run;

/* Prints why and ends the program: what is lost here is what the bench is there to find. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void traffic_init(void);
/* Is the backend from now on, at opt.serve if that is set; does not return when there is nothing to drive. */
void serve(enum kind kind);
struct conn *make_clients(enum kind kind, size_t count);
/* Runs until *counter has reached `goal` (true), or for so many seconds (false). */
bool run_for(double seconds, const uint64_t *counter, uint64_t goal);

/* Begins an exchange that was due at that time. */
void begin(struct conn *c, uint64_t due);
/* Sets all of run.client going; paced ones are spread over time. */
void start_clients(void);
/* Lets the exchanges under way end. */
void stop_clients(void);

void start_streams(void);
void stop_streams(void);

#endif
