#include "base.h"
#include "page_put.h"

#include <string.h>

void page_put_slice(struct buf *out, struct slice text)
{
	static const char special[] = "&<>\"'";
	static const char *const escaped[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
	struct buf seen = { 0 };

	if (text_plain(text.at, text.len) == text.len) { /* most are */
		buf_add(out, text.at, text.len);
		return;
	}
	buf_visible(&seen, text.at, text.len);
	for (size_t i = 0; i < seen.len;) {
		const char *at = memchr(special, seen.data[i], sizeof special - 1);
		size_t n = text_utf8(seen.data + i, seen.len - i);

		if (at)
			buf_puts(out, escaped[at - special]);
		else if (n)
			buf_add(out, seen.data + i, n);
		else
			buf_puts(out, "\357\277\275");
		i += n ? n : 1;
	}
	buf_free(&seen);
}

void page_put_text(struct buf *out, const char *before, const char *text, const char *after)
{
	buf_puts(out, before);
	page_put_slice(out, slice_of(text));
	buf_puts(out, after);
}

void page_put_decimal(struct buf *out, double n, bool whole)
{
	unsigned long long tenths = (unsigned long long)(whole ? n + 0.5 : n * 10 + 0.5);

	buf_number(out, whole ? tenths : tenths / 10);
	if (!whole)
		buf_puts_number(out, ".", tenths % 10);
}

static void page_put_scaled(struct buf *out, double n, const char *const *unit)
{
	bool whole = true;

	for (; n >= 999.5 && unit[1]; unit++, whole = false)
		n /= 1000;
	page_put_decimal(out, n, whole || n >= 99.95);
	buf_puts(out, *unit);
}

void page_put_bytes(struct buf *out, double n)
{
	static const char *const units[] = { " B", " kB", " MB", " GB", " TB", " PB", NULL };

	page_put_scaled(out, n, units);
}

void page_put_count(struct buf *out, unsigned long long n)
{
	static const char *const units[] = { "", " k", " M", " G", " T", NULL };

	if (n >= 1000000)
		page_put_scaled(out, (double)n, units);
	else if (n >= 1000)
		buf_printf(out, "%llu,%03llu", n / 1000, n % 1000);
	else
		buf_number(out, n);
}

void page_put_number(struct buf *out, const char *before, unsigned long long n, const char *after)
{
	buf_puts(out, before);
	page_put_count(out, n);
	buf_puts(out, after);
}

void page_put_plural(struct buf *out, const char *before, unsigned long long n, const char *noun,
                            const char *after)
{
	page_put_number(out, before, n, noun);
	buf_puts(out, text_s(n));
	buf_puts(out, after);
}

void page_put_time(struct buf *out, int64_t ms)
{
	long long s = ms < 0 ? 0 : ms / 1000;

	if (s < 60)
		buf_printf(out, "%lld s", s);
	else if (s < 3600)
		buf_printf(out, "%lld min", s / 60);
	else if (s < 86400)
		buf_printf(out, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
}
