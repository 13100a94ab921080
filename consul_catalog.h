/* consul_catalog: the known services of Consul: which names carry the tag, which of them must be read again, and
 * their last good instances. Those of Nomad, too: it has no use for what is about checks and nodes. It does no input or
 * output; the clock is an argument. */
#ifndef CONSUL_CATALOG_H
#define CONSUL_CATALOG_H

#include "base.h"
#include "consul_check.h"
#include "consul_instance.h"
#include "digest.h"
#include "hold.h"
#include "service.h"

struct catalog_name {
	char *name;
	uint64_t digest; /* of it */
	uint64_t tags;   /* digest of its tags; 0: it is not listed with the mark */
	uint64_t coming; /* the same, of the answer that is arriving */
	uint64_t member, means; /* digest of its member of such an answer, as it was written; and of the tags in it */
	size_t length;          /* bytes of that member; 0: there was none */
	bool strayed; /* the newest member said the same in other bytes */
	bool listed;  /* the newest answer has it, with the tag */
	bool wanted;  /* to be read at once */
	bool unsure;  /* in its last reading, other checks failed than in the newest answer about all checks */
	bool doubted; /* listed, and yet its last reading had no instance */
	bool composed; /* `listed`, as it was then, when the list was composed last; of that list: */
	bool kept;    /* it has services of this name, */
	bool told;    /* or one that says why there is none, */
	bool held;    /* or held ones */
	bool fresh;   /* read since then: */
	char *failed; /* why its last reading failed; NULL: it did not */
	size_t from, count; /* its services in `fresh` */
	int64_t read_at;    /* when its last good reading began */
	unsigned sweep;     /* the newest sweep that read it, or failed to */
	int64_t again_at;   /* do not read it before this: its last reading failed */
	uint64_t since; /* see service.since */
	uint64_t answer; /* Nomad's: digest of its last good reading's bytes; 0: none, or it has failed since */
	struct digest_set stamps; /* of its instances with the tag, as last read: for each node, the sum of their digests */
};

struct catalog {
	const char *tag;   /* borrowed */
	const char *title; /* whose it is, in sentences */
	bool checked;      /* its answers leave out what fails checks */
	bool narrow;     /* the token does not see all names: one that is not listed may be hidden */
	struct catalog_name *names; /* sorted */
	size_t count, cap;
	uint64_t serial;            /* goes up when names have other indexes, or other stamps */
	size_t added;    /* so many stand behind the others, which are sorted */
	struct service_list *list;  /* what was composed last; shared with the mailbox, so it never changes */
	struct service_list *fresh; /* readings since then */
	struct consul_failing failing; /* the newest answer about all checks */
	struct digest_set nodes;    /* addresses of nodes; none: they are not known */
	uint64_t others;            /* digest of the names without the mark, and their tags; 0: not known */
	size_t readings;            /* how many */
	bool composed;              /* `list` is one of catalog_compose(), and says all that is known */
	struct hold hold;           /* wishes that are missing, which a second reading must confirm */
};

void catalog_open(struct catalog *catalog, const char *tag);
void catalog_close(struct catalog *catalog);

struct catalog_name *catalog_find(const struct catalog *catalog, const char *name); /* NULL: it is not known */
/* Take a complete list: first each name that was not known, then what is `coming` of all names. Mark those whose tags
 * have changed as wanted. True when any have. */
void catalog_add(struct catalog *catalog, const char *name, uint64_t tags);
bool catalog_listed(struct catalog *catalog);
/* Marks as wanted the names of whose keys (digest_text) the set has one, and those with an instance on such a node.
 * True when there are any. */
bool catalog_want(struct catalog *catalog, const struct digest_set *names);
bool catalog_want_on(struct catalog *catalog, const struct digest_set *nodes);
bool catalog_want_unsure(struct catalog *catalog);

/* Takes what a reading has found, whose request went out at `began`: the services of the list, which is empty afterwards;
 * for Consul, all of its reading. */
void catalog_take(struct catalog *catalog, struct catalog_name *name, struct service_list *list, int64_t began);
void catalog_reading(struct catalog *catalog, struct catalog_name *name, struct instance_reading *reading,
                     int64_t began);
/* Notes why a reading failed, for those who ask about a name of which nothing is known. */
void catalog_failed(struct catalog_name *name, const char *why);
/* Starts from services that were known before; the list must be sorted by name, as those of catalog_compose are. What
 * the answers lack must then be confirmed as always. Takes the list. */
void catalog_recall(struct catalog *catalog, struct service_list *list);
/* Forgets the names that are not listed and have no services left. */
void catalog_forget(struct catalog *catalog);
/* The next three are in consul_compose.c. Marks as wanted the names of missing wishes, when it is time to confirm them. */
void catalog_confirm(struct catalog *catalog, int64_t now);
/* Whether there are enough readings to join them now, though more will follow at once. */
bool catalog_ripe(const struct catalog *catalog);
/* Joins the readings with what was known. Returns the new list, which the caller owns, when it differs from the last
 * one; else NULL. Pointers to names are no longer valid. */
struct service_list *catalog_compose(struct catalog *catalog, int64_t now);

#endif
