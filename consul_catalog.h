/* consul_catalog: the known services of Consul: which names carry the tag, which of them must be read again, and
 * their last good instances. It does no input or output; the clock is an argument. */
#ifndef CONSUL_CATALOG_H
#define CONSUL_CATALOG_H

#include "base.h"
#include "consul_stamp.h"
#include "hold.h"
#include "json.h"
#include "service.h"

struct catalog_name {
	char *name;
	uint64_t tags, checks; /* digests of the bells' answers */
	bool listed;  /* the newest answer has it, with the tag */
	bool wanted;  /* to be read at once */
	bool doubted; /* listed, and yet its last reading had no instance */
	bool kept;    /* has services in the list that was composed last */
	bool fresh;   /* read since then: */
	char *failed; /* why its last reading failed; NULL: it did not */
	size_t from, count; /* its services in `fresh` */
	int64_t read_at;    /* when its last good reading began */
	unsigned sweep;     /* the newest sweep that read it, or failed to */
	int64_t again_at;   /* do not read it before this: its last reading failed */
	struct consul_stamps stamps; /* what its last good reading said of its instances with the tag */
};

struct catalog {
	const char *tag; /* borrowed */
	bool narrow;     /* the token does not see all names: one that is not listed may be hidden */
	struct catalog_name *names; /* sorted */
	size_t count, cap;
	uint64_t serial;            /* goes up when names have other indexes, or other stamps */
	struct service_list *list;  /* what was composed last; shared with the mailbox, so it never changes */
	struct service_list *fresh; /* readings since then */
	uint64_t nodes;             /* digest of the nodes' addresses; 0: not known */
	size_t readings;            /* how many */
	struct hold hold;           /* wishes that are missing, which a second reading must confirm */
};

void catalog_open(struct catalog *catalog, const char *tag);
void catalog_close(struct catalog *catalog);

/* Take an answer of the bells, and mark the names whose tags or checks have changed as wanted. Return NULL or the
 * reason, of which nothing has then been taken. *moved becomes true when anything has changed. */
const char *catalog_names(struct catalog *catalog, const struct json *answer, bool *moved);
const char *catalog_checks(struct catalog *catalog, const struct json *answer, bool *moved);
/* Likewise, but it marks no names: *moved becomes true when a node has another address than before. */
const char *catalog_nodes(struct catalog *catalog, const struct json *answer, bool *moved);

/* Takes an answer to /v1/health/service/NAME, whose request went out at `began`. Returns NULL or the reason with
 * it: the name then stays as it was. */
const char *catalog_reading(struct catalog *catalog, struct catalog_name *name, const struct json *answer,
                            int64_t began);
/* Notes why a reading failed, for those who ask about a name of which nothing is known. */
void catalog_failed(struct catalog_name *name, const char *why);
struct catalog_name *catalog_find(const struct catalog *catalog, const char *name); /* NULL: it is not known */
/* Marks as wanted the names of missing wishes, when it is time to confirm them. */
void catalog_confirm(struct catalog *catalog, int64_t now);
/* Starts from services that were known before; the list must be sorted by name, as those of catalog_compose are. What
 * the answers lack must then be confirmed as always. Takes the list. */
void catalog_recall(struct catalog *catalog, struct service_list *list);
/* Whether there are enough readings to join them now, though more will follow at once. */
bool catalog_ripe(const struct catalog *catalog);
/* Joins the readings with what was known. Returns the new list, which the caller owns, when it differs from the last
 * one; else NULL. Pointers to names are no longer valid. */
struct service_list *catalog_compose(struct catalog *catalog, int64_t now);

#endif
