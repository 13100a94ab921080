/* consul_catalog: Consul's services as they are known: which names carry the tag, which of them must be read again, and
 * their last good instances. No input or output; the clock is an argument. */
#ifndef CONSUL_CATALOG_H
#define CONSUL_CATALOG_H

#include "base.h"
#include "hold.h"
#include "json.h"
#include "service.h"

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
	struct hold hold;           /* wishes whose absence is to be confirmed */
};

void catalog_open(struct catalog *catalog, const char *tag);
void catalog_close(struct catalog *catalog);

/* The bells' answers. Each marks the names that it points at as wanted; returns NULL or what is wrong with the answer.
 * *moved is set when it says anything new of a tagged service. */
const char *catalog_names(struct catalog *catalog, const struct json *answer, bool *moved);
const char *catalog_checks(struct catalog *catalog, const struct json *answer, bool *moved);

/* One reading of /v1/health/service/NAME, whose request went out at `began`. */
const char *catalog_reading(struct catalog *catalog, struct catalog_name *name, const struct json *answer, int64_t began);
/* Or why it failed: it is told of a name of which nothing is known. */
void catalog_failed(struct catalog_name *name, const char *why);
/* Marks as wanted what needs its confirmation. */
void catalog_confirm(struct catalog *catalog, int64_t now);
/* Starts with services that were known before, a list of catalog_compose's or one sorted by name: what the answers lack
 * then needs its second look like anything else. Takes the list. */
void catalog_recall(struct catalog *catalog, struct service_list *list);
/* Joins readings with what was known. Returns the new list when it differs from the last one: hand it to the mailbox
 * (it has been held once for that); else NULL. Names may move in memory. */
struct service_list *catalog_compose(struct catalog *catalog, int64_t now);

#endif
