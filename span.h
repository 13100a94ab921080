/* span: neighbours in a table that people read as one, 0.0.0.0:5000-5149, since one range of ports asked for them. */
#ifndef SPAN_H
#define SPAN_H

#include "base.h"
#include "route.h"
#include "text.h"

/* Entries of a table, one after the other. */
struct span {
	struct route_entry *const *first; /* its place in the table */
	size_t count; /* 0: none */
};

/* Adds the entry if it is the next one, with the same owner, services and balance. `same`: so is what else counts. */
bool span_add(struct span *span, struct route_entry *const *at, bool same);
struct span span_of(struct route_entry *const *at);
/* The span that begins at a place of the table. All of it has the same state and options, and backends and names at the same
 * hosts with the same port or the next one, so that one text serves. */
struct span span_at(const struct route_table *table, size_t place);

void span_put_address(const struct span *span, struct buf *out);
void span_put_backend(const struct span *span, unsigned index, struct buf *out);
void span_put_name(const struct span *span, const struct route_target *target, struct buf *out); /* one of the first entry's */
/* Logs that ports have opened or closed. The form of the line is stable: programs may read it. */
void span_audit(const char *what, const struct span *span, const char *why);

#endif
