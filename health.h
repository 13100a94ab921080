/* health: TCP checks of backends, in the control plane's loop. Active ones, spread over the interval; and probes of
 * those that a client's connect has just found unreachable, which are tried last until they answer again. */
#ifndef HEALTH_H
#define HEALTH_H

#include "base.h"
#include "loop.h"
#include "loop_backend.h"
#include "route.h"

enum health_mode { HEALTH_AUTO, HEALTH_ON, HEALTH_OFF }; /* auto: those whose source does not check them itself */

struct health_rules {
	enum health_mode mode;
	int64_t interval, timeout; /* milliseconds */
	unsigned unhealthy, healthy; /* checks in a row that flip a backend */
};

struct health {
	struct loop *loop;
	uint8_t kind; /* of the probes' descriptors */
	struct health_rules rules;
	struct route_table *table; /* that was followed last; held */
	struct health_target **buckets; /* one target for all backends at the same place */
	size_t count, bucket_count;
	size_t active;  /* how many are checked again and again */
	struct health_target *turn; /* of these, the next one */
	int64_t ticked_at; /* when `credit` was counted last, on the loop's clock */
	int64_t credit; /* checks that are due, times the interval */
	unsigned probing, most; /* probes under way, and how many there may be: they take descriptors */
	struct loop_fifo tick, timeout, again;
	struct loop_timer tick_timer;
};

void health_open(struct health *health, struct loop *loop, uint8_t kind, unsigned most);
void health_close(struct health *health);
void health_set(struct health *health, const struct health_rules *rules, struct route_table *table);
/* After every change of table: who is to be checked. What is known of an address that stays is kept. */
void health_follow(struct health *health, struct route_table *table);
/* A worker has found a backend unreachable: see route_backend.suspect. */
void health_suspected(struct health *health, struct route_backend *backend);
void health_suspected_any(struct health *health); /* it is not known which, or there are many */

bool health_ready(struct health *health, struct loop_io *io, unsigned events); /* false: not one of its descriptors */
bool health_expired(struct health *health, struct loop_fifo *fifo, struct loop_timer *timer);

#endif
