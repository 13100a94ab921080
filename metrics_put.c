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
		bool special;

		n = text_plain(value + i, len - i);
		if (n)
			continue;
		special = value[i] == '\n' || value[i] == '"' || value[i] == '\\';
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
	buf_puts_number(out, before, value);
	buf_puts(out, "\n");
}

void metrics_put_micros(struct buf *out, int64_t us)
{
	long rest = (long)(us % 1000000);

	buf_puts_number(out, " ", (unsigned long long)(us / 1000000));
	buf_puts(out, ".");
	for (long unit = 100000; unit > 1 && rest < unit; unit /= 10)
		buf_puts(out, "0");
	buf_number(out, (unsigned long long)rest);
	buf_puts(out, "\n");
}

void metrics_put_millis(struct buf *out, const char *before, int64_t ms)
{
	buf_puts(out, before);
	buf_seconds(out, ms);
	buf_puts(out, "\n");
}

static void metrics_put_total(struct buf *out, const char *name, const char *what, const char *labels)
{
	buf_puts(out, name);
	buf_puts(out, what);
	buf_puts(out, *labels ? "{" : "");
	buf_puts(out, labels);
	buf_puts(out, *labels ? "}" : "");
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
	metrics_put_total(out, name, "_sum", labels);
	metrics_put_micros(out, (int64_t)atomic_load(&histogram->sum));
	metrics_put_total(out, name, "_count", labels);
	metrics_put_number(out, " ", count);
}
