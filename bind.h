/* bind: listeners.bind, which service may ask for which label and ports: a table of patterns of names, each with what
 * it grants. All that match a service count together, in no order; but what a pattern other than "*" names is taken out
 * of what "*" grants. */
#ifndef BIND_H
#define BIND_H

#include "base.h"
#include "sys.h"
#include "text.h"

/* A pattern has * (any run of characters, or none) and ? (one character), and is compared with the whole name. Letter
 * case counts: Consul finds Web when it is asked for web, but who may write the one may not write the other. */
struct bind_pattern {
	const char *name;   /* the pattern */
	const char *grants; /* as they were written: label:port, label:first-last or label:*, with commas between them */
	const char *origin;
};

/* Ports of one label, as a pattern grants them. */
struct bind_span {
	struct slice label; /* in the text of its pattern */
	const struct bind_pattern *of;
	uint16_t first, last;
	uint16_t reach; /* the highest port of this span, and of those of its label that stand before it */
};
struct bind_spans {
	struct bind_span *items; /* sorted by label and port */
	size_t count, cap;
};

/* Texts and spans live in the arena that all calls were given. Without a pattern there is no policy. */
struct bind_table {
	struct bind_pattern *patterns;
	size_t count, cap;
	struct bind_spans named; /* what narrower patterns grant; this and `rest` are made by bind_seal() */
	struct bind_spans rest;  /* what is left of "*": no port of `named` */
};

/* Gives a pattern its grants, in place of those that it has; one called NAME[n] is element n of a list of them. NULL or
 * the reason, in words that follow the value. */
const char *bind_add(struct bind_table *bind, struct slice name, struct slice grants, const char *origin,
                     struct arena *memory);
/* A table in one value, in place of what was there: db-*=public:5432-5439,local:5432; *=local:8000-8999, or a JSON
 * object. */
const char *bind_set(struct bind_table *bind, const char *value, const char *origin, struct arena *memory);
void bind_put(const struct bind_table *bind, struct buf *out); /* the table as one value */
void bind_seal(struct bind_table *bind, struct arena *memory); /* once all patterns are there, before what is below */

/* The table may be NULL. */

/* Whether the service may have all these ports; without a policy it may. */
bool bind_grants(const struct bind_table *bind, const char *service, struct slice label, uint16_t first, uint16_t last);
/* How many of them no narrower pattern than "*" grants, which are all without a policy. Beyond `most` nobody counts. */
size_t bind_unnamed(const struct bind_table *bind, const char *service, struct slice label, uint16_t first, uint16_t last,
                    size_t most);
/* The pattern that grants the port to the service; NULL: none does, or there is no policy. */
const char *bind_granting(const struct bind_table *bind, const char *service, struct slice label, uint16_t port);
/* A narrower pattern that names one of these ports, whichever services it matches; NULL: none does. */
const char *bind_naming(const struct bind_table *bind, struct slice label, uint16_t first, uint16_t last);
void bind_put_span(const struct bind_span *span, struct buf *out); /* label:first-last */
/* What the service may have, for people; there is a policy. */
void bind_put_granted(const struct bind_table *bind, const char *service, struct buf *out);

#endif
