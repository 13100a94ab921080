/* date: times as text, UTC, to and from seconds since 1970, in the years 1970 to 9999. */
#ifndef DATE_H
#define DATE_H

#include "base.h"
#include "text.h"

/* Each takes the whole text. False: it is no such time. */
bool date_read_iso(struct slice text, int64_t *seconds);  /* 2026-11-28T02:32:33Z (RFC 3339); a fraction is dropped */
bool date_read_http(struct slice text, int64_t *seconds); /* Sat, 28 Nov 2026 02:32:33 GMT (RFC 9110, IMF-fixdate) */
void date_put_basic(int64_t seconds, struct buf *out);    /* 20261128T023233Z */

#endif
