/* route: the table of listeners and their backends, and the objects that tables share.
 *
 * A table is immutable. What must outlive it (a listener's socket and cursor, a backend's live connections and
 * counters) is an object that tables share by reference. The control plane builds tables (merge.c) and puts them in force
 * (publish.c); workers read them. */
#ifndef ROUTE_H
#define ROUTE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "admit.h"
#include "histogram.h"
#include "net.h"
#include "service.h"
#include "socks.h"

struct route_backend {
	atomic_uint refs;
	atomic_uint active;    /* live connections */
	atomic_bool gone;      /* left the table: its connections drain */
	atomic_llong gone_at;  /* when, on sys_now()'s clock */
	atomic_bool unhealthy; /* tried last */
	atomic_bool suspect;   /* a worker could not reach it; cleared when it is trusted again */
	atomic_int error;      /* why: an errno, */
	_Atomic(const char *) refusal; /* or the SOCKS proxy's words, if not NULL; they live as long as the program */
	bool in_table;         /* the control plane's, while it compares */
	bool unchecked;        /* the control plane's: its source does not check it */
	struct route_backend *peer; /* the control plane's: see health.c */
	struct net_addr addr, via; /* addr: what is dialled; via: the listener it belongs to */
	struct socks_target socks; /* what the SOCKS proxy at addr is asked for; host NULL: addr is the backend itself */
	atomic_ullong connections, connect_errors, rx, tx; /* bytes from and to clients */
	struct histogram connect_time;
	const char *name; /* as people see it; this and the texts above are in `texts` */
	char texts[];
};

/* Why a client gets no session. */
enum route_reject { ROUTE_DENIED, ROUTE_NO_BACKEND, ROUTE_CONNECT_FAILED, ROUTE_LIMIT, ROUTE_REJECTS };
extern const char *const route_reject_names[ROUTE_REJECTS];

/* Counters of a listener at a moment, on sys_micros()'s clock. */
struct route_sample {
	int64_t at;
	unsigned long long connections, rx, tx;
};

struct route_listener {
	atomic_uint refs;
	atomic_uint tables; /* that name it; the socket is closed with the last one */
	atomic_int fd;      /* -1 until bound; shared by all workers, none of which closes it */
	atomic_uint cursor; /* next place in the round */
	atomic_uint active;
	atomic_ullong connections, rx, tx, rejected[ROUTE_REJECTS];
	struct net_addr addr;
	int error; /* why it is not bound, an errno; the control plane's */
	struct route_sample *samples; /* two, the older one first: see stats.c; NULL while nobody has looked */
	char *services; /* those that made it open */
	char *closing; /* why it has left the table, once it has */
	char name[NET_TEXT];
};

/* Who has made a listener open: the first that asked for it. */
struct route_owner {
	struct service *service; /* held */
	const struct wish *wish; /* of the service's */
	const char *source;      /* lives as long as the program */
};

/* One listener as one table has it. */
struct route_entry {
	struct route_listener *listener;
	struct route_backend **backends; /* in the order that Peek shows */
	uint16_t *weights;
	uint16_t *round; /* places in `backends` for one round by weight; NULL: all weigh the same */
	unsigned count, round_len;
	enum service_balance balance;
	uint8_t proxy_protocol; /* the version that backends are told the client's address with; 0: none */
	bool limited; /* to the clients of `allow` */
	struct net_ranges allow, deny; /* the owner's */
	struct route_owner owner;
	const char **names;   /* of the services that share it, sorted */
	size_t name_count;
	const char *services; /* the same, with commas between them */
	const char *conflict; /* options of later services that do not count, in words; NULL: none */
};

struct route_refusal {
	const char *service, *wish, *reason;
	const char *rule; /* see admit_refusal */
};

struct route_table {
	atomic_uint refs;
	struct route_entry *entries; /* sorted by address and port */
	size_t count;
	struct route_refusal *refused; /* sorted by service, wish and reason */
	size_t refused_count;
	struct net_ranges allow; /* of all listeners; none: everybody */
	const char *remembered; /* the title of a source that has not answered yet: some of it is from disk; NULL: nothing is */
	unsigned moves; /* backends that ever left, or came back, while connections lived: then sessions must be looked at */
	struct arena memory;
};

/* Borrowed; must outlive the route. */
struct route_rules {
	struct admit_rules admit;
	enum service_balance balance; /* of those who ask for none */
	/* Addresses of a host name (port unset), 0 while it has none. */
	size_t (*lookup)(void *arg, const char *host, const struct net_addr **addrs);
	void *lookup_arg;
};

struct route {
	struct route_rules rules;
	pthread_mutex_t lock;       /* over `table`, the pointer */
	struct route_table *table;  /* in force */
	struct route_backend **retired; /* gone, kept while connections live: one that returns finds its object again */
	size_t retired_count, retired_cap;
	unsigned moves;
	unsigned long changes; /* tables published */
	bool dry; /* set by the caller: nothing is bound, and nothing is said */
};

void route_open(struct route *route, const struct route_rules *rules);
void route_close(struct route *route);
bool route_unbound(const struct route *route);    /* a listener could not be bound, and is tried again */
size_t route_draining(const struct route *route); /* listeners that have left, and still have connections */

struct route_table *route_take(struct route *route); /* any thread; give it back with route_release */
void route_release(struct route_table *table);
bool route_admits(const struct route_table *table, const struct route_entry *entry, const struct net_addr *client);
const struct route_entry *route_find(const struct route_table *table, const struct net_addr *addr);

struct route_listener *route_listener_new(const struct net_addr *addr, const char *services); /* with no reference yet */
struct route_listener *route_listener_ref(struct route_listener *listener);
void route_listener_unref(struct route_listener *listener);
/* One with no reference yet, a copy of what `like` dials and asks for, with texts of its own. */
struct route_backend *route_backend_new(const struct route_backend *like);
struct route_backend *route_backend_ref(struct route_backend *backend);
void route_backend_unref(struct route_backend *backend);
/* By what is dialled and asked for, wherever they belong; 0: the same backend. */
int route_backend_order(const struct route_backend *a, const struct route_backend *b);

int route_by_refusal(const void *a, const void *b); /* the order of a table's refused wishes, for qsort and bsearch */
/* One stable line in the log whenever a port opens or closes. */
void route_audit(const char *what, const struct route_entry *entry, const char *why);

#endif
