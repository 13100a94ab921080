/* route: the table of listeners and their backends, and the objects that tables share.
 *
 * A table never changes. What must outlive it (a listener's socket and cursor, a backend's live connections and
 * counters) is an object that tables share by reference. The control plane makes tables (merge.c) and puts them in
 * force (publish.c); workers read them. */
#ifndef ROUTE_H
#define ROUTE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "admit.h"
#include "histogram.h"
#include "net.h"
#include "resolve_answer.h"
#include "roster.h"
#include "service.h"
#include "service_option.h"
#include "skip.h"
#include "socks.h"
#include "sys.h"
#include "wish.h"

/* Whether a connect to a backend comes back to a listener of the table: see outgoing.h. Maybe: if its address becomes one
 * of this host. */
enum route_return { ROUTE_RETURNS_NOT, ROUTE_RETURNS_MAYBE, ROUTE_RETURNS };

struct session;

/* What one worker counts of a listener or backend. Only that worker writes here, and no other worker reads, so that none
 * waits for another's cache. Made when it is used for the first time. */
struct route_cell {
	atomic_ullong connections, rx, tx; /* bytes from and to clients */
	atomic_uint active; /* live sessions or connections */
	/* The worker's alone. */
	unsigned spare; /* a listener: places of its that no session has: see place.c */
	bool listed;    /* in the worker's table */
	bool held;      /* a backend: the worker has a reference */
	struct session *sessions; /* a backend: the first of those that have it as their target; see session_state.c */
	struct histogram connect_time[]; /* a backend: one */
};

struct route_cells {
	unsigned count; /* of workers */
	_Atomic(struct route_cell *) of[]; /* NULL: that one has not used it yet */
};

/* There may be many thousands: members are in the order that leaves no holes. */
struct route_backend {
	atomic_uint refs;
	atomic_int error;      /* why it is suspect: an errno; or, when not NULL, `refusal` */
	unsigned turn;         /* the control plane's, for comparing tables: its first place in the new round */
	atomic_bool gone;      /* left the table: its connections drain */
	atomic_bool unhealthy; /* tried last: a check found it down, or a client could not reach it */
	atomic_bool suspect;   /* a worker could not reach it; the control plane clears it when it is trusted again */
	bool in_table;         /* the control plane's, for comparing tables */
	bool unchecked;        /* the control plane's: its source does not check it */
	_Atomic(uint8_t) returns; /* enum route_return */
	uint8_t watch;
	atomic_llong gone_at;  /* when, on sys_now()'s clock */
	_Atomic(const char *) refusal; /* the words of the SOCKS proxy, which live as long as the program */
	struct route_backend *peer, **peer_of; /* the control plane's, as `watch`: see health.c */
	int64_t drained_at; /* the control plane's: see route_sweep() */
	struct route_listener *listener; /* that it belongs to; held */
	const struct socks_target *socks; /* what the SOCKS proxy at addr is asked for; NULL: addr is the backend itself */
	_Atomic(struct route_cells *) cells; /* its figures; NULL: nobody has used it yet */
	atomic_ullong connect_errors;
	struct net_addr addr; /* to be dialled */
	char name[]; /* as people see it; `socks` is behind it */
};

/* Why a client gets no session. */
enum route_reject { ROUTE_DENIED, ROUTE_NO_BACKEND, ROUTE_CONNECT_FAILED, ROUTE_LIMIT, ROUTE_LOOP, ROUTE_REJECTS };
extern const char *const route_reject_names[ROUTE_REJECTS];

/* Counters of a listener at a moment, on sys_micros()'s clock. */
struct route_sample {
	int64_t at;
	unsigned long long connections, rx, tx;
};

struct route_listener {
	atomic_uint refs;
	atomic_uint tables; /* how many have it; the socket is closed with the last one */
	atomic_int fd;      /* -1 until bound; shared by all workers, none of which closes it */
	atomic_uint bound;  /* how often: another time it is another socket, though `fd` is the same */
	atomic_int deaf;    /* a worker could not accept, which has been said: an errno; 0: it can */
	atomic_uint cursor; /* the next share */
	atomic_uint recoveries; /* of its backends: see route_set_health() */
	atomic_ullong places; /* two numbers: see place.c */
	atomic_bool waits;  /* it had to stop accepting, for want of a place */
	struct net_addr addr;
	_Atomic(struct route_cells *) cells; /* its figures; NULL: nobody has used it yet */
	_Atomic(atomic_ullong *) rejected; /* by reason; NULL: nobody was, see route_reject() */
	int error, said; /* why it is not bound, an errno, and which of them has been logged; the control plane's */
	union { /* on sys_now()'s clock; the control plane's, too */
		int64_t failed_at;  /* since when it is not bound, or waits for its names */
		int64_t drained_at; /* once it has left: see route_sweep() */
	};
	struct route_sample *samples; /* two, the older one first: see stats.c; NULL until somebody asks for rates */
	const char *services; /* those that asked for it when it was made */
	char *closing; /* why it has left the table, once it has */
	const char *source; /* once it has left, the control plane's: what its entry had; and the balance, too */
	uint8_t balance;
	char name[]; /* as people see it; `services` is behind it */
};

/* Why it does not serve, an errno. */
static inline int route_listener_error(const struct route_listener *listener)
{
	return listener->error ? listener->error : atomic_load(&listener->deaf);
}

/* The service that owns a listener: see draft_by_owner(). */
struct route_owner {
	struct service *service; /* held */
	const struct wish *wish; /* one of the service's */
	const char *source;      /* lives as long as the program */
};

/* The backends of one service at a listener. All services that share it have the same share of its clients, and weights
 * count within that. Those that are tried last, while no other backend of the listener is healthy, are a share of their own. */
struct route_share {
	const char *service;   /* its name */
	unsigned first, count; /* places in the entry's `backends` */
	unsigned round_len;
	atomic_uint cursor; /* next place in the round */
	uint32_t *round;    /* places behind `first` for one round by weight; NULL: all weigh the same */
	uint64_t weight;    /* of all */
	struct skip *skip;  /* turns of unhealthy backends; NULL: there are few turns */
};

/* What services ask for their own backends. */
struct route_terms {
	struct service *service; /* held; its options are */
	const struct service_options *options;
};

/* What entries that were made together point to. */
struct route_memory {
	atomic_uint refs;
	struct arena arena;
};

/* A name that services have written for backends of an entry. */
struct route_target {
	const char *name; /* as it was written, "db.example:5432"; of an SRV name each target's, or its own while it has none */
	enum resolve_state state;
	const char *why; /* as resolve_host has it */
};
static inline bool route_target_is_resolved(const struct route_target *target)
{
	return target->state == RESOLVE_GOOD || target->state == RESOLVE_KEPT;
}

/* One listener as a table has it. Tables share the entries in which nothing changed. */
struct route_entry {
	atomic_uint refs; /* tables that have it */
	uint16_t port;    /* the listener's, for those who walk along all entries */
	struct route_memory *memory; /* held: of all below that is no object of its own */
	struct route_listener *listener;
	struct route_backend **backends; /* in the order that Peek shows; each stands there once */
	uint16_t *weights;
	uint32_t *terms_of; /* the place in `terms` of each backend; NULL: all have the only one */
	struct route_target *targets; /* all names, with an address or without, in the order in which they were written */
	uint32_t *target_of; /* the place in `targets` of each backend, plus 1; 0: it was written as an address. NULL: all were */
	struct route_share *shares; /* in the order of their owners, what is tried last behind all others; those without backends
	                             * are left out */
	struct route_terms *terms;
	unsigned count, target_count, share_count, term_count;
	unsigned last_shares; /* how many of the shares are tried last; 0: all are alike */
	struct skip *skip; /* shares without a healthy backend; NULL: there are few shares */
	enum service_balance balance;
	bool rechecked; /* of a backend that was known has changed who checks it */
	struct route_owner owner;
	const char **names;   /* of the services that share it, sorted */
	size_t name_count;
	const char *services; /* the same, with commas between them */
	const char *conflict; /* a balance that a later service asks for, and does not get, in words; NULL: none */
};

/* The name that the i-th backend was written with; NULL: it was written as an address. */
static inline const struct route_target *route_target_of(const struct route_entry *entry, unsigned i)
{
	return entry->target_of && entry->target_of[i] ? &entry->targets[entry->target_of[i] - 1] : NULL;
}

/* Whether the i-th backend is tried last, while no other is healthy. */
static inline bool route_is_last(const struct route_entry *entry, unsigned i)
{
	return entry->last_shares && i >= entry->shares[entry->share_count - entry->last_shares].first;
}

struct route_refusal {
	const char *service, *wish, *reason;
	const char *rule; /* see admit_refusal */
	bool backend;     /* it is of a backend's address, and takes no listener away */
	struct route_memory *memory; /* held: of the texts */
};

/* An entry that came, went, or took the place of the other one. */
struct route_change {
	const struct route_entry *old, *now; /* borrowed from the two tables; NULL: there is none */
};

struct route_table {
	atomic_uint refs;
	struct route_entry **entries; /* sorted by address and port */
	size_t count;
	struct route_change *changes; /* what differs from the table before, whose serial is one less; sorted likewise */
	size_t change_count;
	struct route_refusal *refused; /* sorted by service, wish and reason */
	size_t refused_count;
	struct net_ranges allow; /* of all listeners; none: everybody */
	struct net_addr *here;   /* this host's addresses, see net_here(), where it matters for a backend */
	size_t here_count;
	const char *remembered; /* title of a source whose services are from disk, since it has not answered yet; or NULL */
	unsigned serial; /* of all that were in force one after the other */
	struct route_table *next; /* once nobody has it */
	struct arena memory;
};

/* An address that only the operator's services may have. */
struct route_reserved {
	struct net_addr addr;
	const char *host; /* a name, whose addresses it means; NULL: addr is it */
	uint16_t port;
	const char *rule; /* see admit_refusal */
	const char *why;  /* in words that follow the address: "is consul.address" */
	bool dialled;     /* dill connects to it: it may be another host's */
};

/* Who gets an address that several want: see draft_claims(). A bound of 0 is none. */
struct route_claims {
	bool by_name;       /* listeners.share = name */
	size_t per_service; /* ports of one service */
	size_t most;        /* listeners of all that are not the operator's */
	struct route_reserved *reserved;
	size_t reserved_count, reserved_cap;
};

/* One of dill's own, for those who look. */
struct route_server {
	const char *key; /* peek.listener, status.listener */
	struct net_addr addr;
};

/* Borrowed; must outlive the route. */
struct route_rules {
	struct admit_rules admit;
	struct route_claims claims;
	struct net_ranges backends; /* backends.allow */
	struct route_server servers[2];
	unsigned server_count;
	enum service_balance balance; /* the default */
	struct resolve_answer (*lookup)(void *arg, const char *name, bool srv); /* resolve_lookup(), or what takes its place */
	void *lookup_arg;
	int64_t name_wait; /* dns.timeout: how long a listener waits for its names, milliseconds */
};

struct route {
	struct route_rules rules;
	pthread_mutex_t lock;       /* guards the pointer `table`; a table itself needs no lock */
	struct route_table *table;  /* in force */
	struct roster *rosters; /* of the lists that it was made of, by source; NULL: the next one is made as if there was none */
	size_t roster_count;
	struct port_set wanted;     /* all ports that they ask for, and perhaps some that they asked for */
	bool names_moved; /* set by the caller: host names may have other addresses than last time */
	bool names_gone;  /* for the caller: names of last time may not be used any more */
	struct route_listener **pending; /* of the table in force: not bound, or at an interface that may be made anew; sorted */
	size_t pending_count;
	struct route_backend **retired; /* left with live connections, sorted: one that comes back finds its object */
	size_t retired_count, retired_cap;
	struct route_listener **retired_listeners; /* likewise, sorted by address: all that left, until they are swept */
	size_t retired_listener_count, retired_listener_cap;
	unsigned moves; /* how often a backend with live connections left or came back */
	unsigned long changes; /* tables published */
	int64_t left_at; /* when a listener has left last, on sys_now()'s clock: workers let go of its socket a moment later */
	_Atomic(struct route_table *) left; /* for route_collect(), through their `next` */
	bool dry; /* set by the caller: nothing is bound or logged */
};

void route_open(struct route *route, const struct route_rules *rules);
void route_close(struct route *route);
void route_forget(struct route *route); /* `rules` have changed: the next table is made as if there was none before */
/* Whether it is not open because all its backends are names that have had no answer: its clients would only be dropped. */
bool route_waits(const struct route_entry *entry);
bool route_unbound(const struct route *route);    /* whether a listener could not be bound (retrying) */
bool route_zoned(const struct route *route);      /* whether the address of a listener names an interface */
size_t route_draining(const struct route *route); /* how many closed listeners still have connections */
/* Forgets those retired whose last connection ended a minute ago: who reads the counters has seen the last of them. */
void route_sweep(struct route *route);
/* Of the table in force, or retired; NULL: there is none. */
struct route_listener *route_listener_at(const struct route *route, const struct net_addr *addr);

struct route_table *route_take(struct route *route); /* the table in force, for any thread; end with route_release */
/* The last holder frees the table, and closes the listeners that no other table has. NULL is fine. */
void route_release(struct route_table *table);
/* The same for those who have no time for that: true: this was the last holder, and route_collect() is to do it. */
bool route_leave(struct route *route, struct route_table *table);
void route_collect(struct route *route); /* the control plane's thread */
struct route_entry *route_entry_ref(struct route_entry *entry); /* one more table has it */
/* One table less has each of them; what none has is freed, as route_release() says. They are no longer in the array. */
void route_entries_release(struct route_entry **entries, size_t count);
/* Whether a client may connect: a service that shares the listener admits it. */
bool route_admits(const struct route_table *table, const struct route_entry *entry, const struct net_addr *client);
/* Whether the service of the i-th backend admits a client that may connect. */
bool route_admits_to(const struct route_entry *entry, unsigned i, const struct net_addr *client);
const struct service_options *route_options(const struct route_entry *entry, unsigned i); /* of the i-th backend */
unsigned route_turn(const struct route_share *share, unsigned at); /* the place in `backends` whose turn is the at-th */
bool route_is_here(const struct route_table *table, const struct net_addr *addr); /* not loopback, and table->here has it */
/* What is to be done by who goes by the table `last` (NULL: none, or an empty one) to go by `now`: *changes, to be freed, in
 * order. Returns how many. No more work than that when `now` came after `last`; else all are compared. */
size_t route_changes(const struct route_table *last, const struct route_table *now, struct route_change **changes);
size_t route_place(const struct route_table *table, size_t from, const struct net_addr *addr); /* of the first from there on that is not below it */
const struct route_entry *route_find(const struct route_table *table, const struct net_addr *addr);
/* The first refusal of a service's wish, or of the service when that is NULL; NULL: there is none. */
const struct route_refusal *route_refused(const struct route_table *table, const char *service, const char *wish);
unsigned route_healthy(const struct route_entry *entry); /* how many of its backends are */

/* A listener or backend, when new, has no reference yet: take one. The last unref frees it. */
struct route_listener *route_listener_new(const struct net_addr *addr, const char *services);
struct route_listener *route_listener_ref(struct route_listener *listener);
struct route_listener *route_listener_enter(struct route_listener *listener); /* a reference for one more table */
void route_listener_unref(struct route_listener *listener);
/* Dials and asks for the same as `like`, and belongs to the same listener; texts are copied. */
struct route_backend *route_backend_new(const struct route_backend *like);
void route_set_health(struct route_backend *backend, bool unhealthy); /* the control plane's */
void route_reject(struct route_listener *listener, enum route_reject why); /* counts a client; any thread */
unsigned long long route_rejected(const struct route_listener *listener, enum route_reject why); /* how many */

/* The figures of a listener or backend, which workers keep: to be read by any thread while it has a reference. */
struct route_figures {
	unsigned long long active, connections, rx, tx; /* bytes from and to clients */
	unsigned long long connect_errors; /* a backend's */
};
struct route_figures route_listener_figures(const struct route_listener *listener);
struct route_figures route_backend_figures(const struct route_backend *backend);
void route_add_figures(struct route_figures *sum, const struct route_figures *figures);
unsigned route_listener_active(const struct route_listener *listener); /* live sessions */
unsigned route_backend_active(const struct route_backend *backend);    /* live connections */
void route_connect_times(const struct route_backend *backend, struct histogram *times); /* how long connects took */

/* For workers: the cell of the given one, of so many. NULL: there is no memory for it; the last two: or it has none yet. */
struct route_cell *route_listener_cell(struct route_listener *listener, unsigned worker, unsigned workers);
struct route_cell *route_backend_cell(struct route_backend *backend, unsigned worker, unsigned workers);
struct route_cell *route_listener_own(const struct route_listener *listener, unsigned worker);
struct route_cell *route_backend_own(const struct route_backend *backend, unsigned worker);
void route_cell_add(atomic_ullong *figure, unsigned long long more);
void route_cell_begin(struct route_cell *cell); /* one more is active: seen by who looks at `active` from now on */
void route_cell_end(struct route_cell *cell);
/* A backend of the worker's table is used: it stays until it is idle, and no longer in that table. */
void route_backend_hold(struct route_backend *backend, struct route_cell *cell);
void route_backend_idle(struct route_backend *backend, struct route_cell *cell); /* may free both */
/* One entry takes the place of another in the worker's table; NULL: there is none. `moved` (NULL: nobody) hears of the
 * cells of backends that have left or come, if they have sessions of this worker. */
void route_cells_follow(const struct route_entry *old, const struct route_entry *now, unsigned worker,
                        void (*moved)(void *arg, struct route_cell *cell), void *arg);
void route_cells_free(struct route_cells *cells); /* NULL is fine */

struct route_backend *route_backend_ref(struct route_backend *backend);
void route_backend_unref(struct route_backend *backend);
/* Compare the address to dial and the SOCKS target (NULL: none), not the listener; 0: the same backend. */
int route_backend_order(const struct route_backend *left, const struct route_backend *right);
int route_target_order(const struct net_addr *left, const struct socks_target *left_socks,
                       const struct net_addr *right, const struct socks_target *right_socks);

void route_memory_unref(struct route_memory *memory);
/* The first of route.retired that is of a listener not below that address. */
size_t route_retired_at(const struct route *route, const struct net_addr *addr);

int route_order_words(const char *a, const char *b); /* NULL comes first */

int route_by_listener(const void *left, const void *right); /* sorts route.retired_listeners and route.pending */
int route_by_retired(const void *left, const void *right); /* sorts route.retired */
int route_by_refusal(const void *left, const void *right); /* sorts route_table.refused, for qsort and bsearch */
#endif
