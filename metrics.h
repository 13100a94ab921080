/* metrics: all figures for Prometheus, in its text exposition format, version 0.0.4. A new metric is a row of
 * `families` in metrics.c. */
#ifndef METRICS_H
#define METRICS_H

#include "base.h"
#include "body.h"
#include "stats.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct body *metrics_body(struct stats *stats); /* borrows stats */

#endif
