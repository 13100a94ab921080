/* page_put: texts and figures in HTML, for people. */
#ifndef PAGE_PUT_H
#define PAGE_PUT_H

#include "base.h"
#include "text.h"

/* A stranger's text: markup is escaped, and bytes that are not UTF-8 are replaced. */
void page_put_slice(struct buf *out, struct slice text);
void page_put_text(struct buf *out, const char *before, const char *text, const char *after);

/* Three digits, in the unit that suits. */
void page_put_bytes(struct buf *out, double n);
void page_put_count(struct buf *out, unsigned long long n);
void page_put_decimal(struct buf *out, double n, bool whole); /* or else with one decimal */
void page_put_number(struct buf *out, const char *before, unsigned long long n, const char *after);
void page_put_plural(struct buf *out, const char *before, unsigned long long n, const char *noun, const char *after);
void page_put_time(struct buf *out, int64_t ms);

#endif
