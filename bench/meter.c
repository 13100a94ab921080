#define _GNU_SOURCE
#include "meter.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Values below 64 have a bucket each; above, every power of two is cut into 64 steps. */
static size_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return value;

    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 6;

    return (shift + 1) * HISTOGRAM_STEPS + (value >> shift) - HISTOGRAM_STEPS;
}

static uint64_t bucket_top(size_t i)
{
    if (i < HISTOGRAM_STEPS)
        return i;

    unsigned shift = (unsigned)(i / HISTOGRAM_STEPS - 1);

    return ((i % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->count++;
    h->bucket[bucket_of(value)]++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;

    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += h->bucket[i];
        if (seen > wanted)
            return bucket_top(i) < h->max ? bucket_top(i) : h->max;
    }
    return h->max;
}

int processes_parse(struct processes *p, const char *text)
{
    p->count = 0;
    while (*text) {
        char *end;
        long pid = strtol(text, &end, 10);

        if (end == text || pid <= 0 || (*end && *end != ',') || p->count == sizeof p->pid / sizeof p->pid[0])
            return -1;
        p->pid[p->count++] = (pid_t)pid;
        text = *end ? end + 1 : end;
    }
    return 0;
}

uint64_t processes_cpu(const struct processes *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->count; i++) {
        clockid_t clock;
        struct timespec t;

        if (clock_getcpuclockid(p->pid[i], &clock) == 0 && clock_gettime(clock, &t) == 0)
            sum += (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    }
    return sum;
}

static uint64_t anonymous_of(pid_t pid)
{
    char path[64], line[256];
    uint64_t kib = 0;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);

    FILE *f = fopen(path, "r");

    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Anonymous: %" SCNu64, &kib) == 1)
            break;
    fclose(f);
    return kib * 1024;
}

/* Opening a pipe through /proc gives a second descriptor of the same pipe, which can be asked how full it is. Each
 * pipe is counted at its reading end. */
static void count_descriptor(struct usage *u, int dir, const char *name)
{
    char target[64];
    struct stat st;
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

    if (n < 0)
        return;
    target[n] = '\0';
    u->descriptors++;
    if (strncmp(target, "pipe:", 5) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !(st.st_mode & S_IRUSR))
        return;
    u->pipes++;

    int held = 0, fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && ioctl(fd, FIONREAD, &held) == 0)
        u->piped += (uint64_t)held;
    if (fd >= 0)
        close(fd);
}

struct usage processes_usage(const struct processes *p)
{
    struct usage u = { 0 };

    for (size_t i = 0; i < p->count; i++) {
        char path[64];
        struct dirent *entry;

        u.anonymous += anonymous_of(p->pid[i]);
        snprintf(path, sizeof path, "/proc/%d/fd", (int)p->pid[i]);

        DIR *dir = opendir(path);

        if (!dir)
            continue;
        while ((entry = readdir(dir)))
            if (entry->d_name[0] != '.')
                count_descriptor(&u, dirfd(dir), entry->d_name);
        closedir(dir);
    }
    return u;
}

uint64_t machine_cpu(void)
{
    uint64_t t[8] = { 0 }, ticks = 0;
    FILE *f = fopen("/proc/stat", "r");

    if (!f)
        return 0;
    if (fscanf(f, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8)
        ticks = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];    /* user, nice, system, irq, softirq, steal */
    fclose(f);
    return ticks * UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
}
