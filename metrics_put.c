#include "base.h"
#include "metrics_put.h"

#include <stdatomic.h>
#include <string.h>

/* A label's value goes out as it is, except the bytes that would end it, or are not UTF-8. */
void metrics_put_label(struct buf *out, const char *before, const char *value)
{
	size_t len = strlen(value), from = 0, n;

	buf_puts(out, before);
	for (size_t i = 0; i < len; i += n) {
		bool special = value[i] == '\n' || value[i] == '"' || value[i] == '\\';

		n = text_utf8(value + i, len - i);
		if (n && !special)
			continue;
		buf_add(out, value + from, i - from);
		buf_puts(out, special ? "\\" : "?");
		if (special)
			buf_add(out, value[i] == '\n' ? "n" : value + i, 1);
		n = 1;
		from = i + 1;
	}
	buf_add(out, value + from, len - from);
	buf_puts(out, "\"");
}

void metrics_put_name(struct buf *out, const char *name, const char *label, const char *value)
{
	buf_puts(out, name);
	metrics_put_label(out, label, value);
}

void metrics_put_number(struct buf *out, const char *before, unsigned long long value)
{
	buf_puts(out, before);
	buf_number(out, value);
	buf_puts(out, "\n");
}

void metrics_put_micros(struct buf *out, int64_t us)
{
	buf_printf(out, " %lld.%06d\n", (long long)(us / 1000000), (int)(us % 1000000));
}

void metrics_put_millis(struct buf *out, const char *before, int64_t ms)
{
	buf_puts(out, before);
	buf_seconds(out, ms);
	buf_puts(out, "\n");
}

void metrics_put_histogram(struct buf *out, const char *name, const char *labels,
                           const struct histogram *histogram)
{
	unsigned long long count = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += atomic_load(&histogram->buckets[i]);
		buf_puts(out, name);
		buf_puts(out, "_bucket{");
		buf_puts(out, labels);
		buf_puts(out, *labels ? ",le=\"" : "le=\"");
		buf_puts(out, histogram_bounds[i].seconds);
		metrics_put_number(out, "\"} ", count);
	}
	buf_printf(out, *labels ? "%s_sum{%s}" : "%s_sum%s", name, labels);
	metrics_put_micros(out, (int64_t)atomic_load(&histogram->sum));
	buf_printf(out, *labels ? "%s_count{%s} %llu\n" : "%s_count%s %llu\n", name, labels, count);
}
