/* metrics_family: what a family of metrics is, and those that have samples for each listener or backend. They come in parts:
 * see body.h. */
#ifndef METRICS_FAMILY_H
#define METRICS_FAMILY_H

#include "base.h"
#include "body.h"
#include "route.h"
#include "stats.h"
#include "text.h"
#include "walk.h"

struct metrics {
	struct body body;
	struct buf *out; /* of the body */
	const struct stats *stats;
	struct walk walk;
	bool begun; /* the family is: its head is out */
	/* What is counted first. */
	struct stats_listeners counts;
	struct metrics_rule {
		const char *rule;
		size_t count; /* of wishes that it refuses */
	} *rules;
	size_t rule_count, rule_cap;
	/* Backends that have left the table and whose last bytes may not have been read: held, by the address of their listener. */
	struct route_backend **left;
	size_t left_count, left_at;
	unsigned moves; /* see route.moves: those until then */
};

enum metrics_type { GAUGE, COUNTER, HISTOGRAM };

/* How a figure is kept in the object that it belongs to. */
enum metrics_number {
	IS_UINT,
	IS_ULLONG,
	IS_FIGURE, /* one of struct route_figures */
	IS_FALSE,  /* 1: the flag is not set */
	IS_OPEN,   /* a listener, whatever the member: 1: it accepts clients */
	IS_WEIGHT, /* a backend's, in this table */
	IS_INT64,
	IS_MICROS  /* an int64_t, shown as seconds */
};

/* A family: one HELP and one TYPE, then all of its samples. One of three functions adds them: */
struct metrics_family {
	const char *name, *help;
	void (*put)(const struct metrics *metrics, const struct metrics_family *family); /* at once */
	void (*listener)(const struct metrics *metrics, const struct metrics_family *family); /* those of metrics->walk */
	void (*backend)(const struct metrics *metrics, const struct metrics_family *family, const struct route_backend *backend,
	                unsigned weight); /* those of one backend there; weight 0: it has left the table */
	uint16_t at;    /* offset of the figure, for those who go by `number` */
	uint8_t number; /* enum metrics_number */
	uint8_t type;   /* enum metrics_type */
};

void metrics_put_head(struct buf *out, const struct metrics_family *family);
unsigned long long metrics_value(const struct metrics_family *family, const void *object);

/* All samples of a family of listeners or backends. True: the part is full. */
bool metrics_walk(struct metrics *metrics, const struct metrics_family *family);
void metrics_forget_left(struct metrics *metrics);

/* For rows of the table. */
void metrics_put_info(const struct metrics *metrics, const struct metrics_family *family);
void metrics_put_health(const struct metrics *metrics, const struct metrics_family *family);
void metrics_put_rejected(const struct metrics *metrics, const struct metrics_family *family);
void metrics_put_listener(const struct metrics *metrics, const struct metrics_family *family);
void metrics_put_backend(const struct metrics *metrics, const struct metrics_family *family,
                         const struct route_backend *backend, unsigned weight);
void metrics_put_connect_time(const struct metrics *metrics, const struct metrics_family *family,
                              const struct route_backend *backend, unsigned weight);

#endif
