/* consul_catalog: what is known of Consul's services: which names carry the tag, which of them must be read again, and their
 * last good instances. No input or output; the clock is an argument.
 *
 * Opening is fast, closing is careful: a wish that is gone from the answers keeps its last instances until a second
 * read, CATALOG_CONFIRM_MS after the first, says the same. */
#ifndef CONSUL_CATALOG_H
#define CONSUL_CATALOG_H

#include "base.h"
#include "json.h"
#include "service.h"

#define CATALOG_CONFIRM_MS 1000

struct catalog_name {
	char *name;
	uint64_t tags, checks; /* digests of what the bells said */
	bool listed;  /* in the newest answer, with the tag */
	bool wanted;  /* to be read at once */
	bool fresh;   /* read since the last catalog_compose: */
	char *failed; /* why its last reading failed, which has been said; NULL: it did not */
	size_t from, count; /* its services in `fresh` */
	int64_t read_at;    /* when its last good reading began */
	unsigned sweep;     /* the sweep that tried it last */
	int64_t again_at;   /* not before this: its answer broke the connection */
};

struct catalog {
	const char *tag; /* borrowed */
	struct catalog_name *names; /* sorted */
	size_t count, cap;
	struct service_list *list;  /* what was composed last; never changed, shared with the mailbox */
	struct service_list *fresh; /* readings since then */
	struct catalog_held *held;
	size_t held_count, held_cap;
	int64_t confirm_at; /* when names must be read again to confirm an absence; 0: nothing to confirm */
};

void catalog_open(struct catalog *c, const char *tag);
void catalog_close(struct catalog *c);

/* The bells' answers. Each marks the names that it points at as wanted; returns NULL or what is wrong with the answer.
 * *moved is set when it says anything new of a tagged service. */
const char *catalog_names(struct catalog *c, const struct json *answer, bool *moved);
const char *catalog_checks(struct catalog *c, const struct json *answer, bool *moved);

/* One reading of /v1/health/service/NAME, whose request went out at `began`. */
const char *catalog_reading(struct catalog *c, struct catalog_name *n, const struct json *answer, int64_t began);
/* Or why it failed: it is told of a name of which nothing is known. */
void catalog_failed(struct catalog_name *n, const char *why);
/* Marks as wanted what needs its confirmation. */
void catalog_confirm(struct catalog *c, int64_t now);
/* Starts with services that were known before, a list of catalog_compose's or one sorted by name: what the answers lack
 * then needs its second look like anything else. Takes the list. */
void catalog_recall(struct catalog *c, struct service_list *list);
/* Joins readings with what was known. Returns the new list when it differs from the last one: hand it to the mailbox
 * (it has been held once for that); else NULL. Names may move in memory. */
struct service_list *catalog_compose(struct catalog *c, int64_t now);

#endif
