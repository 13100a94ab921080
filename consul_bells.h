/* consul_bells: the three bells, blocking queries that ring when Consul changes, each over a connection of its own.
 * What they point at is wanted, and a sweep is due for what they only say to have changed. */
#ifndef CONSUL_BELLS_H
#define CONSUL_BELLS_H

#include "base.h"
#include "consul_api.h"
#include "consul_bell.h"
#include "consul_catalog.h"
#include "consul_node_bells.h"
#include "consul_nodes.h"
#include "consul_reader.h"
#include "consul_sweep.h"
#include "longpoll.h"
#include "pace.h"
#include "source.h"

/* How much of the catalog the token lets dill see. */
enum consul_sight { SIGHT_ALL, SIGHT_SOME, SIGHT_NOTHING };

struct consul_bells {
	struct source *source; /* the caller sets these six, borrowed */
	struct consul_api *api;
	struct catalog *catalog;
	struct consul_nodes *nodes;
	struct consul_sweep *sweep;
	struct consul_reader *reader;
	struct consul_node_bells node_bells;
	struct longpoll polls[CONSUL_BELLS];
	struct consul_bell answers[CONSUL_BELLS]; /* theirs, as they arrive */
	struct pace_allowance allowance;
	struct pace_bytes waste[CONSUL_BELLS]; /* of each, answers that brought nothing */
	size_t unexplained; /* bytes of the newest list of names, if a sweep must find what it rang for; else 0 */
	int64_t pointed; /* index of the newest list of checks that pointed at services; 0: none has, or it had none */
	int64_t known; /* the highest index of the list of names before the connections were new */
	enum consul_sight sight;
	bool cut, blind; /* has been said: queries may not wait for long; nodes are not seen */
	bool seen; /* the token has let dill see a service */
};

void consul_bells_open(struct consul_bells *bells); /* after the six are set */
void consul_bells_restart(struct consul_bells *bells); /* connections are new */
void consul_bells_found(struct consul_bells *bells); /* a sweep has found something: that list of names was worth it */
void consul_bells_doubt(struct consul_bells *bells); /* all is asked for again */
void consul_bells_close(struct consul_bells *bells); /* ends the connections */
void consul_bells_free(struct consul_bells *bells);

/* Each returns NULL, or why Consul does not answer. Ask those that are not waiting for an answer; wait for one, for
 * `until` or for the stop, and take what they say. */
const char *consul_bells_ask(struct consul_bells *bells);
const char *consul_bells_wait(struct consul_bells *bells, int64_t until);
int64_t consul_bells_at(const struct consul_bells *bells);    /* when one is to be asked, or to be given up */
int64_t consul_bells_index(const struct consul_bells *bells); /* the highest of them */
bool consul_bells_answered(const struct consul_bells *bells, enum consul_bell_kind kind); /* since the restart */

#endif
