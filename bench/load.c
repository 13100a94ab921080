/* load: makes traffic through a proxy and is the backend behind it, in one thread, and measures.
 *
 *      load CASE KEY=VALUE...          (the cases and the keys are in the tables near the end)
 *
 * `to=` says what to drive, `serve=` where to be the backend; with `serve=` alone it only serves, until it is killed.
 * Results are printed one a line, "name value". Exit status: 0; 1 when a byte or a connection got lost; 2 for wrong
 * usage. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print(const char *name, const char *suffix, double value)
{
    printf("%s%s %.6g\n", name, suffix, value);
}

struct sample {
    uint64_t time, cpu, own_cpu, machine;
    uint64_t done, bytes;
};

static void take(struct sample *s)
{
    struct timespec own;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    s->time = clock_ns();
    s->cpu = processes_cpu(&opt.pid);
    s->own_cpu = (uint64_t)own.tv_sec * SECOND + (uint64_t)own.tv_nsec;
    s->machine = machine_cpu();
    s->done = run.done;
    s->bytes = run.got[CLIENT] + (opt.serve.sin_port ? run.got[SERVER] : run.sent[CLIENT]);
}

/* Measures what runs now, after a time to warm up, and prints it; returns the CPU time of one exchange in µs. */
static double measure(const char *suffix)
{
    if (!opt.count)
        run_for(opt.warm, NULL, 0);

    struct sample from, to;

    memset(&run.latency, 0, sizeof run.latency);
    run.measuring = true;
    take(&from);
    if (!run_for(opt.count ? 600 : opt.time, opt.count ? &run.done : NULL, opt.count) && opt.count)
        fail("no end after 10 minutes");
    take(&to);
    run.measuring = false;

    double seconds = (double)(to.time - from.time) / (double)SECOND;
    double used = (double)(to.cpu - from.cpu) / (double)SECOND;
    double others = (double)(to.machine - from.machine) / (double)SECOND;
    double count = (double)(to.done - from.done), gb = (double)(to.bytes - from.bytes) / 1e9;

    print("seconds", suffix, seconds);
    print("cpu_share", suffix, used / seconds);
    print("others_share", suffix, (others - used - (double)(to.own_cpu - from.own_cpu) / (double)SECOND) / seconds);
    if (gb > 0) {
        print("gb_per_s", suffix, gb / seconds);
        print("cpu_s_per_gb", suffix, used / gb);
        return 0;
    }
    if (count <= 0)
        fail("nothing was exchanged in %.1f s", seconds);
    print("count", suffix, count);
    print("per_s", suffix, count / seconds);
    print("cpu_us", suffix, used * 1e6 / count);
    print("p50_us", suffix, (double)histogram_at(&run.latency, 0.5) / 1e3);
    print("p99_us", suffix, (double)histogram_at(&run.latency, 0.99) / 1e3);
    print("p999_us", suffix, (double)histogram_at(&run.latency, 0.999) / 1e3);
    print("max_us", suffix, (double)run.latency.max / 1e3);
    return used * 1e6 / count;
}

/* Cases */

static void case_messages(void)
{
    serve(PING);
    run.client = make_clients(PING, opt.conns);
    start_clients();
    measure("");
    stop_clients();
    if (run.errors)
        fail("%" PRIu64 " connections lost", run.errors);
}

static void case_connrate(void)
{
    opt.once = true;
    case_messages();
}

/* The round trips of opt.conns connections, alone and then among opt.idle others that stay silent. */
static void case_idle(void)
{
    serve(PING);
    run.client = make_clients(PING, opt.conns);
    start_clients();

    double alone = measure("_alone");

    stop_clients();

    uint64_t before = processes_usage(&opt.pid).anonymous;
    struct conn *idle = make_clients(PING, opt.idle);

    for (size_t i = 0; i < opt.idle; i++) {
        idle[i].park = true;
        begin(&idle[i], clock_ns());
        if (i >= DIALS && !run_for(10, &run.parked, i - DIALS))
            fail("idle session %zu of %" PRIu64 " cannot be opened", i, opt.idle);
    }
    if (!run_for(10, &run.parked, opt.idle))
        fail("only %" PRIu64 " idle sessions could be opened", run.parked);
    run_for(0.3, NULL, 0);

    uint64_t after = processes_usage(&opt.pid).anonymous;

    if (opt.idle)
        print("bytes_per_session", "", ((double)after - (double)before) / (double)opt.idle);
    start_clients();

    double among = measure("");

    stop_clients();
    if (alone > 0)
        print("cpu_vs_alone", "", among / alone);
}

static void check_bytes(void)
{
    if (!run_for(30, &run.closed, 2 * opt.conns))
        fail("%" PRIu64 " of %" PRIu64 " ends of streams never closed", 2 * opt.conns - run.closed, 2 * opt.conns);
    if (!opt.serve.sin_port)
        return;
    if (run.sent[CLIENT] != run.got[SERVER] || run.sent[SERVER] != run.got[CLIENT])
        fail("bytes lost: up %" PRIu64 " sent, %" PRIu64 " received; down %" PRIu64 " sent, %" PRIu64 " received",
             run.sent[CLIENT], run.got[SERVER], run.sent[SERVER], run.got[CLIENT]);
    print("bytes_up", "", (double)run.got[SERVER]);
    print("bytes_down", "", (double)run.got[CLIENT]);
}

static void case_bulk(void)
{
    start_streams();
    measure("");
    stop_streams();
    check_bytes();
}

/* Moves opt.bytes to readers that are slower than the senders, and watches the proxy's memory meanwhile. */
static void case_slow(void)
{
    if (opt.slow <= 0 || !opt.bytes)
        fail("slow: needs slow= and bytes=");

    struct usage before = processes_usage(&opt.pid), most = before;
    uint64_t start = clock_ns(), cpu = processes_cpu(&opt.pid);

    start_streams();
    while (!run_for(0.1, &run.closed, 2 * opt.conns)) {
        struct usage now = processes_usage(&opt.pid);

        most.anonymous = now.anonymous > most.anonymous ? now.anonymous : most.anonymous;
        most.pipes = now.pipes > most.pipes ? now.pipes : most.pipes;
        most.piped = now.piped > most.piped ? now.piped : most.piped;
    }

    double gb = (double)(run.got[CLIENT] + run.got[SERVER]) / 1e9;

    print("seconds", "", (double)(clock_ns() - start) / (double)SECOND);
    print("cpu_s_per_gb", "", (double)(processes_cpu(&opt.pid) - cpu) / (double)SECOND / gb);
    print("anonymous_growth", "", (double)(most.anonymous - before.anonymous));
    print("pipes_most", "", (double)most.pipes);
    print("piped_most", "", (double)most.piped);
    print("memory_growth", "", (double)(most.anonymous - before.anonymous + most.piped));
    check_bytes();
}

static const struct {
    const char *name;
    void (*go)(void);
    const char *help;
} cases[] = {
    { "connrate", case_connrate, "connect, one message there and back, close" },
    { "rr", case_messages, "messages there and back on connections that stay" },
    { "idle", case_idle, "the same, alone and then among idle connections" },
    { "bulk", case_bulk, "streams; the bytes are compared at both ends" },
    { "slow", case_slow, "streams to slow readers; the memory of pid= is watched" },
};

static bool set_address(struct sockaddr_in *a, const char *text, uint16_t *last)
{
    char host[64];
    unsigned port, to = 0;
    int n = sscanf(text, "%63[^:]:%u-%u", host, &port, &to);

    a->sin_family = AF_INET;
    if (n < 2 || inet_pton(AF_INET, host, &a->sin_addr) != 1 || port < 1 || port > 65535)
        return false;
    a->sin_port = htons((uint16_t)port);
    if (n == 3 && (!last || to < port || to > 65535))
        return false;
    if (last)
        *last = (uint16_t)(n == 3 ? to : port);
    return true;
}

static bool set_dir(const char *text)
{
    opt.dir = !strcmp(text, "up") ? UP : !strcmp(text, "down") ? DOWN : !strcmp(text, "both") ? UP + DOWN : 0;
    return opt.dir != 0;
}

static const struct {
    const char *name;
    uint64_t *number;
    double *real;
    const char *help;
} settings[] = {
    { "conns", &opt.conns, NULL, "connections at a time (1)" },
    { "size", &opt.size, NULL, "bytes of a message (64)" },
    { "count", &opt.count, NULL, "end after so many exchanges, instead of warm and time" },
    { "rate", NULL, &opt.rate, "exchanges a second, evenly paced; latency counts from when each was due (0: unpaced)" },
    { "spin", &opt.spin, NULL, "0: sleep between paced exchanges (1)" },
    { "half", &opt.half, NULL, "1: connrate ends with a half-close and waits for the other's (0)" },
    { "idle", &opt.idle, NULL, "idle connections" },
    { "bytes", &opt.bytes, NULL, "bulk bytes, each way, in all (0: until the time is over)" },
    { "slow", NULL, &opt.slow, "bytes a second that each slow reader takes" },
    { "warm", NULL, &opt.warm, "seconds to warm up (0.3)" },
    { "time", NULL, &opt.time, "seconds to measure (1.5)" },
};

static bool set(const char *key, size_t length, const char *value)
{
    char *end;

#define IS(name) (strlen(name) == length && !strncmp(key, name, length))
    if (IS("to"))
        return set_address(&opt.to, value, &opt.to_last);
    if (IS("serve"))
        return set_address(&opt.serve, value, NULL);
    if (IS("dir"))
        return set_dir(value);
    if (IS("pid"))
        return processes_parse(&opt.pid, value) == 0;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (IS(settings[i].name)) {
            double number = strtod(value, &end);

            if (end == value || *end || number < 0)
                return false;
            if (settings[i].real)
                *settings[i].real = number;
            else
                *settings[i].number = (uint64_t)number;
            return true;
        }
#undef IS
    return false;
}

static void usage(void)
{
    fputs("usage: load CASE KEY=VALUE...\n", stderr);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fprintf(stderr, "  %-10s %s\n", cases[i].name, cases[i].help);
    fputs("  to=IP:PORT[-PORT] serve=IP:PORT dir=up|down|both pid=PID,... (whose CPU and memory to measure)\n", stderr);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        fprintf(stderr, "  %s= %s\n", settings[i].name, settings[i].help);
    exit(2);
}

int main(int argc, char **argv)
{
    void (*go)(void) = NULL;

    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++)
        if (!strcmp(argv[1], cases[i].name))
            go = cases[i].go;
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');

        if (!equals || !set(argv[i], (size_t)(equals - argv[i]), equals + 1)) {
            fprintf(stderr, "load: cannot use \"%s\"\n", argv[i]);
            usage();
        }
    }
    if (!go || !(opt.to.sin_port || opt.serve.sin_port) || !opt.conns || !opt.size || opt.size > MESSAGE_MAX)
        usage();
    traffic_init();
    go();
    return 0;
}
