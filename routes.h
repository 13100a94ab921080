/* routes: the table and the live sessions as JSON, what /routes and /connections answer. */
#ifndef ROUTES_H
#define ROUTES_H

#include "base.h"
#include "body.h"
#include "session.h"
#include "stats.h"

/* Borrow stats, of which they look only at `route` and `sources`. */
struct body *routes_body(struct stats *stats); /* listeners, backends, refused wishes and sources */

/* A report of the sessions, for all who have asked for one. */
struct routes_sessions {
	struct session_report report;
	unsigned refs;
};
struct routes_sessions *routes_sessions_new(struct session_report *report); /* held once by the caller; takes the report */
void routes_sessions_unref(struct routes_sessions *sessions); /* NULL is fine */
struct body *routes_connections(const struct stats *stats, struct routes_sessions *sessions);

#endif
