/* service: what a source yields. A source says the whole of what it knows, never a difference. */
#ifndef SERVICE_H
#define SERVICE_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

#include "sys.h"
#include "text.h"

struct service_backend {
	const char *host; /* address or name */
	uint16_t port;
	uint16_t weight; /* 1 unless the source says otherwise */
};

enum service_balance { SERVICE_ROUND_ROBIN, SERVICE_RANDOM, SERVICE_P2C, SERVICE_LEAST_CONN };
extern const char *const service_balance_names[]; /* ends in NULL */
int service_balance(const char *name); /* in any case; -1: there is none of that name */

enum service_option {
	SERVICE_BALANCE, SERVICE_PROXY, SERVICE_PROXY_PROTOCOL, SERVICE_ALLOW, SERVICE_DENY, SERVICE_OPTIONS
};
extern const char *const service_option_names[SERVICE_OPTIONS];

/* From Consul a service is one instance: its own tags, one backend. Everything it points to lives in its list. */
struct service {
	const char *name;
	const char *node, *instance; /* where it runs, and its ID there, for people; NULL when the source has none */
	const char *origin;   /* where it was written: "dill.toml:12"; NULL when a source has no such place */
	const char *tags;     /* all that Consul has of it, a line each; NULL: the source has no tags */
	const char **wishes;  /* where it wants to listen: label:port */
	size_t wish_count, wish_cap;
	struct service_backend *backends;
	size_t backend_count, backend_cap;
	const char *options[SERVICE_OPTIONS]; /* as they were written; NULL: not given */
	const char *fault; /* why it cannot be routed at all; NULL as a rule */
	const char *absent; /* why it is not routed, and has no wishes here: it is listed for those who ask; or NULL */
	bool held; /* Consul no longer has it, and is asked once more before it goes */
};

struct service_list {
	struct service *items;
	size_t count, cap;
	struct arena memory; /* every string in it */
	atomic_uint refs; /* holders beside the first */
	bool checked; /* the source checks its services' health itself */
	bool remembered; /* from state.path: the source has not answered yet */
	bool trusted; /* written by the operator: a wish may name an address instead of a label */
	const char *source; /* its name, set by whoever posts the list; NULL: the configuration itself */
	int64_t heard; /* when the source's answer was complete, on sys_micros()'s clock; 0: not known */
};

struct service *service_add(struct service_list *list, struct slice name);
void service_wish(struct service_list *list, struct service *s, struct slice wish);
void service_backend(struct service_list *list, struct service *s, struct slice host, uint16_t port, uint16_t weight);
/* The tag that asks for the wish; empty where there is none. */
struct slice service_tag(const struct service *s, const char *wish);
/* only_wish: one of s->wishes, whose tag then is the only one, too; NULL: all of them. */
void service_copy(struct service_list *to, const struct service *s, const char *only_wish);
bool service_equal(const struct service_list *a, const struct service_list *b);
struct service_list *service_hold(struct service_list *list); /* one more holder: nobody changes it any more */
void service_free(struct service_list *list); /* by the last holder; NULL is fine */

/* Where sources leave their lists for the control plane: one slot a source, the newest list wins. */
struct service_mailbox {
	pthread_mutex_t lock;
	struct service_list **slots; /* NULL: nothing new */
	size_t count;
	void (*ring)(void *arg); /* called after a post, from the source's thread */
	void *arg;
};
void service_mailbox_open(struct service_mailbox *m, size_t sources, void (*ring)(void *arg), void *arg);
void service_mailbox_close(struct service_mailbox *m);
/* Takes the list; throws it away when *cancelled is set. */
void service_post(struct service_mailbox *m, size_t source, struct service_list *list, const atomic_bool *cancelled);
struct service_list *service_take(struct service_mailbox *m, size_t source); /* gives it, or NULL */

#endif
