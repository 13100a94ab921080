/* meter: time, latencies, and what another process has used so far. */
#ifndef METER_H
#define METER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_SIZE = (64 - 5) * HISTOGRAM_STEPS };

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t bucket[HISTOGRAM_SIZE];
};

uint64_t clock_ns(void);

void histogram_add(struct histogram *h, uint64_t value);
/* The value that `share` (0 to 1) of all are at or below, exact to 1/64; 0 of an empty one. */
uint64_t histogram_at(const struct histogram *h, double share);

/* The functions below take a list of processes that belong together; one that is gone counts as nothing. */
struct processes {
    pid_t pid[16];
    size_t count;
};

struct usage {
    uint64_t anonymous;     /* bytes of anonymous memory that are resident */
    uint64_t descriptors;
    uint64_t pipes;
    uint64_t piped;         /* bytes that lie in those pipes */
};

/* Reads "12,34" into `p`; 0, or -1 when it is no such list. */
int processes_parse(struct processes *p, const char *text);
/* User and system time of all threads, in ns. */
uint64_t processes_cpu(const struct processes *p);
struct usage processes_usage(const struct processes *p);
/* Time, in ns, that the machine was at work or was kept from it by its host, summed over its cores; in ticks, so only
 * good for telling a quiet machine from a noisy one. */
uint64_t machine_cpu(void);

#endif
