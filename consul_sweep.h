/* consul_sweep: chooses what is read next: first the services that a bell has pointed at; then, in a sweep, all of
 * them, for what no bell points at. It does no input or output; the clock is an argument, except that of the CPU.
 *
 * A sweep asks each node for its list where there are fewer nodes than services, and else reads every service. Under
 * CONSUL_SWEEP_MANY services one that is due runs at once; above that its first part does, and the rest as the budget
 * of bytes allows, but within CONSUL_SWEEP_MOST_MS. What an explained ring may hide is looked for later. */
#ifndef CONSUL_SWEEP_H
#define CONSUL_SWEEP_H

#include "base.h"
#include "consul_catalog.h"
#include "consul_nodes.h"
#include "pace.h"

#define CONSUL_SWEEP_BATCH 64    /* most names read in one go, between two looks at the bells */
#define CONSUL_SWEEP_NODES 8     /* most nodes */
#define CONSUL_SWEEP_MS 1000     /* before the next reading of a service whose last one failed */
#define CONSUL_SWEEP_MANY 200    /* names */
#define CONSUL_SWEEP_MOST_MS 7000 /* from a ring that makes one due until it is over */

/* What a ring tells. EXPLAINED: something else than what it points at may have changed, but nothing says so. PLAIN:
 * something has changed, and nothing says what. WHOLE: all may have changed, as in another server's data. */
enum consul_ring { CONSUL_RING_EXPLAINED, CONSUL_RING_PLAIN, CONSUL_RING_WHOLE };

struct consul_sweep {
	bool due;      /* a bell has rung since the last sweep began */
	bool fresh;    /* the newest ring alone has made it due, and may yet be explained */
	bool running;
	bool complete; /* the first sweep has ended: all services are known */
	bool many;     /* names */
	bool whole;    /* the one that is due reads every name, at once */
	bool by_node;  /* the running one asks nodes */
	bool paced;    /* it has a budget, and `end_at` */
	bool found;    /* a node's list differed in it: its bytes were well spent, and do not count; */
	bool cover;    /* nor do those of one that is due for explained rings alone: it has waited for so long */
	size_t next;     /* index of the next name of the running sweep */
	uint64_t node;   /* digest of the last node that was asked */
	size_t left;     /* nodes that it has yet to ask: they stand in a circle */
	size_t wanted;   /* index of the name from where those that are wanted are looked for */
	unsigned number; /* of the newest sweep */
	size_t good;     /* readings that succeeded in it */
	unsigned lost;   /* readings that failed, in a row, up to a limit */
	bool skipped;    /* it left out a name that must not be read yet */
	bool behind;     /* it read an answer that is older than what made it due */
	unsigned tries;  /* sweeps that were made due by such ones since the bell rang, up to a limit */
	const char *why; /* why the newest failed reading failed, in `words`; NULL: none did */
	char words[512]; /* a copy: a bell that is refused in between has words, too */
	int64_t retry_at; /* when readings that failed make a sweep due; 0: none failed */
	int64_t wanted_at; /* when a name that is wanted may be read again; 0: none has to wait */
	int64_t node_at;  /* when a node is to be asked alone; 0: none is */
	int64_t cover_at; /* when what explained rings may hide makes a sweep due; 0: nothing */
	int64_t began_at; /* when the newest one began */
	int64_t step_at;  /* when the next part of a paced one may be read */
	int64_t end_at;   /* when it must be over */
	size_t cost;      /* bytes of the newest one, so far */
	int64_t cpu;      /* the thread's CPU time when it began */
	struct pace_bucket bucket;
	struct pace_bytes bytes;
};

void consul_sweep_restart(struct consul_sweep *sweep); /* connections are new: a sweep is due, and may begin at once */
void consul_sweep_ring(struct consul_sweep *sweep, const struct catalog *catalog, enum consul_ring ring, int64_t now);
/* The newest ring, which said nothing, is explained by another bell. */
void consul_sweep_explain(struct consul_sweep *sweep, const struct catalog *catalog, int64_t now);
void consul_sweep_start(struct consul_sweep *sweep, const struct catalog *catalog, const struct consul_nodes *nodes,
                        int64_t now); /* if one is due and the pace allows it */

/* Fills `which` with the indexes of the names to read now, and returns how many there are. It may be 0 in the middle of
 * a sweep. */
size_t consul_sweep_choose(struct consul_sweep *sweep, const struct catalog *catalog, size_t which[CONSUL_SWEEP_BATCH],
                           int64_t now);
/* Likewise, of the nodes to ask when there is no name to read. */
size_t consul_sweep_nodes(struct consul_sweep *sweep, const struct consul_nodes *nodes,
                          size_t which[CONSUL_SWEEP_NODES], int64_t now);
/* What the last choice cost: bytes of answers. It paces what comes next. */
void consul_sweep_spend(struct consul_sweep *sweep, const struct catalog *catalog, size_t bytes, int64_t took,
                        int64_t now);
/* How each reading ended: well; with an error, and then it is read again at `again_at`, and not before, and of few names a
 * sweep is due, too; or it tells nothing yet, and that name alone is read again at `again_at`. */
void consul_sweep_read(struct consul_sweep *sweep, struct catalog_name *name);
void consul_sweep_failed(struct consul_sweep *sweep, struct catalog_name *name, const char *why, int64_t again_at);
void consul_sweep_later(struct consul_sweep *sweep, struct catalog_name *name, int64_t again_at);
/* And each list of a node. One that failed is asked for again alone. */
void consul_sweep_listed(struct consul_sweep *sweep, struct consul_node *node, bool differs);
void consul_sweep_node_failed(struct consul_sweep *sweep, struct consul_node *node, const char *why, int64_t again_at);
void consul_sweep_new_node(struct consul_sweep *sweep, int64_t now); /* one is to be asked alone */
/* An answer was older than what made dill ask for it: another sweep is due soon, and again, later each time. The index
 * of an answer is that of its service alone, so most of them are as new as can be, and this ends: false. */
bool consul_sweep_behind(struct consul_sweep *sweep, int64_t now);

/* True when a sweep is running, and no name or node of it is left. */
bool consul_sweep_over(const struct consul_sweep *sweep, const struct catalog *catalog);
/* Ends the sweep. False when no reading succeeded: sweep->why says why, or is NULL when all names were left out. */
bool consul_sweep_end(struct consul_sweep *sweep);
/* Why Consul must be taken for gone although it answers: so many readings in a row have failed. NULL: it is not. */
const char *consul_sweep_lost(const struct consul_sweep *sweep);
void consul_sweep_moved(struct consul_sweep *sweep); /* call when names have new indexes */

bool consul_sweep_busy(const struct consul_sweep *sweep, int64_t now); /* a sweep is running, and need not wait */
int64_t consul_sweep_at(const struct consul_sweep *sweep); /* when there is something to read; INT64_MAX: nothing is due */

#endif
