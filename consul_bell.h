/* consul_bell: an answer of a bell as it arrives. What it says is collected, piece by piece and beside the catalog, and
 * taken when it is whole and good. */
#ifndef CONSUL_BELL_H
#define CONSUL_BELL_H

#include "base.h"
#include "consul_catalog.h"
#include "consul_check.h"
#include "digest.h"
#include "json.h"
#include "json_walk.h"
#include "text.h"

enum consul_bell_kind {
	CONSUL_BELL_NAMES,  /* /v1/catalog/services */
	CONSUL_BELL_CHECKS, /* /v1/health/state/any, those that fail; others are passed over */
	CONSUL_BELL_NODES,  /* /v1/catalog/nodes */
	CONSUL_BELLS
};

/* What an answer says that was not known. */
enum consul_news {
	CONSUL_NEWS_OTHERS = 1,  /* of services without the tag, or checks of such */
	CONSUL_NEWS_POINTED = 2, /* it points at services, which are now wanted */
};

struct consul_bell {
	struct json_walk walk; /* the answer goes in here */
	enum consul_bell_kind kind;
	struct catalog *catalog; /* borrowed */
	/* What has come: */
	const char *why;
	bool consul;     /* a service of that name is listed */
	uint64_t others; /* as catalog.others */
	struct consul_bell_name {
		char *name;
		uint64_t tags;
	} *fresh; /* names that are not in the catalog */
	size_t fresh_count, fresh_cap;
	struct consul_failing failing;
	struct digest_set nodes;
	struct buf node_names; /* each with a zero byte behind it */
	size_t next; /* index of the name in the catalog that is likely to come next: both are sorted */
	struct json json; /* of one piece */
	struct buf text;
};

void consul_bell_open(struct consul_bell *bell, enum consul_bell_kind kind, struct catalog *catalog);
void consul_bell_close(struct consul_bell *bell);

/* The answer is complete: NULL, or the reason why it tells nothing. If it is good, the caller may take it, once. That
 * returns the consul_news in it. */
const char *consul_bell_judge(struct consul_bell *bell);
unsigned consul_bell_take(struct consul_bell *bell);

#endif
