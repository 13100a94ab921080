/* metrics: what there is to look at, for Prometheus (its text exposition format, version 0.0.4). */
#ifndef METRICS_H
#define METRICS_H

#include "base.h"
#include "stats.h"
#include "text.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_text(struct stats *s, struct buf *out);

#endif
