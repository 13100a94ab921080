/* routes: the table and the live sessions as JSON, what /routes and /connections answer. */
#ifndef ROUTES_H
#define ROUTES_H

#include "base.h"
#include "session.h"
#include "stats.h"
#include "text.h"

/* Of stats only `route` and `sources` are looked at. */
void routes_text(struct stats *stats, struct buf *out); /* listeners, backends, refused wishes and sources */
void routes_connections(const struct stats *stats, const struct session_report *report, struct buf *out);

#endif
