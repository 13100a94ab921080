/* metrics_put: samples as text, in Prometheus' exposition format: names, labels, numbers, histograms. */
#ifndef METRICS_PUT_H
#define METRICS_PUT_H

#include "base.h"
#include "histogram.h"
#include "text.h"

void metrics_put_label(struct buf *out, const char *before, const char *value); /* `before` is LABEL=" */
/* NAME{LABEL="VALUE", to be followed by more labels, or "} ". `label` is {LABEL=" */
void metrics_put_name(struct buf *out, const char *name, const char *label, const char *value);
void metrics_put_number(struct buf *out, const char *before, unsigned long long value);
void metrics_put_micros(struct buf *out, int64_t us);
void metrics_put_millis(struct buf *out, const char *before, int64_t ms);
/* labels: what every sample has, or "". */
void metrics_put_histogram(struct buf *out, const char *name, const char *labels, const struct histogram *histogram);

#endif
