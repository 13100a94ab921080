/* nomad_names: an answer to /v1/services as it arrives. What it says is collected beside the catalog, and taken when it is
 * whole and good. */
#ifndef NOMAD_NAMES_H
#define NOMAD_NAMES_H

#include "base.h"
#include "consul_catalog.h"
#include "json.h"
#include "json_walk.h"
#include "text.h"

struct nomad_name {
	size_t at;        /* of its text, which ends in a zero byte; */
	const char *text; /* once all have come */
	uint64_t tags; /* digest of its tags; 0: none of them is the mark */
};

struct nomad_names {
	struct json_walk walk; /* the answer goes in here */
	const char *word;  /* borrowed: the mark, */
	const char *asked; /* and the namespace that was asked for, or * */
	bool several;      /* names are NAMESPACE/NAME */
	/* What has come: */
	const char *why;
	size_t total; /* names, with the mark or without it */
	struct nomad_name *items; /* those with it */
	size_t count, cap;
	struct buf texts;
	struct buf namespace; /* of the part that is being read */
	struct buf text;
	struct json json; /* of one name */
};

void nomad_names_open(struct nomad_names *names, const char *word, const char *asked, bool several);
void nomad_names_close(struct nomad_names *names);

/* The answer is complete: NULL, or the reason why it tells nothing. */
const char *nomad_names_judge(const struct nomad_names *names);
/* Takes a good one, once. True when names of what was asked for have come or gone, or have other tags: these are then wanted. */
bool nomad_names_take(struct nomad_names *names, struct catalog *catalog);

#endif
