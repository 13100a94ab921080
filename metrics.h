/* metrics: all figures for Prometheus, in its text exposition format, version 0.0.4. A new metric is a row of
 * `families` in metrics.c. */
#ifndef METRICS_H
#define METRICS_H

#include "base.h"
#include "stats.h"
#include "text.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_text(struct stats *stats, struct buf *out);

#endif
