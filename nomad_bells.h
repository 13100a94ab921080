/* nomad_bells: blocking queries for the names of services, one for each namespace that is followed, or one for all (*). They
 * ring for each registration that comes, changes or goes there, and each has a connection of its own. */
#ifndef NOMAD_BELLS_H
#define NOMAD_BELLS_H

#include "base.h"
#include "consul_catalog.h"
#include "longpoll.h"
#include "nomad_api.h"
#include "nomad_names.h"
#include "nomad_sweep.h"
#include "pace.h"
#include "source.h"

#define NOMAD_BELLS_MAX 64 /* Nomad allows 100 connections of one address */

struct nomad_bell {
	char *namespace;
	struct longpoll poll;
	struct nomad_names names; /* its answer, as it arrives */
	bool blind; /* the newest answer told nothing, or the token may not read this namespace, but others; */
	bool said;  /* which has been said */
	bool empty; /* it named no service at all, which has been said */
};

struct nomad_bells {
	struct source *source; /* the caller sets these four, borrowed */
	struct nomad_api *api;
	struct catalog *catalog;
	struct nomad_sweep *sweep;
	struct nomad_bell *items;
	size_t count;
	struct pace_allowance allowance;
	bool cut; /* queries may not wait for long, which has been said */
};

void nomad_bells_open(struct nomad_bells *bells); /* after the four are set */
void nomad_bells_restart(struct nomad_bells *bells); /* connections are new */
void nomad_bells_found(struct nomad_bells *bells); /* what they have rung for was worth it */
void nomad_bells_doubt(struct nomad_bells *bells); /* all is asked for again */
void nomad_bells_close(struct nomad_bells *bells); /* ends the connections */
void nomad_bells_free(struct nomad_bells *bells);

/* Each returns NULL, or why Nomad does not answer. Ask those that are not waiting for an answer; wait for one, for
 * `until` or for the stop, and take what they say: services that have other tags are wanted, and a sweep is due. */
const char *nomad_bells_ask(struct nomad_bells *bells);
const char *nomad_bells_wait(struct nomad_bells *bells, int64_t until);
int64_t nomad_bells_at(const struct nomad_bells *bells);    /* when one is to be asked, or to be given up */
int64_t nomad_bells_index(const struct nomad_bells *bells); /* the highest of them */
bool nomad_bells_answered(const struct nomad_bells *bells); /* all names are known, as far as the token may read them */

#endif
