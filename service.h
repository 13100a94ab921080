/* service: a service, and the list of them that a source posts: all that it knows, never a difference.
 *
 * One thread makes a service: service_add, then its wishes, backends and settings, then service_seal. From then on
 * nobody changes it, and lists and tables share it by reference: a new list takes over the services that have not
 * changed. */
#ifndef SERVICE_H
#define SERVICE_H

#include "base.h"

#include <stdatomic.h>

#include "service_option.h"
#include "sys.h"
#include "text.h"
#include "wish.h"

struct service_backend {
	const char *host; /* address or name */
	uint16_t port;   /* 0: the host is an SRV name, whose targets have theirs */
	uint16_t last;   /* of a range of ports, one for each port of a listener; 0: it is one port, for all of them */
	uint16_t weight; /* 1 unless the source says otherwise */
};

static inline bool service_asks_srv(const struct service_backend *backend)
{
	return !backend->port;
}

/* An option of a service, as it was given. */
struct service_setting {
	int option; /* enum service_option */
	const char *value, *origin; /* see wish.origin */
	const char *why; /* the reason why the value does not count; NULL: it does */
};

/* From Consul each instance is a service of its own, with its tags and one backend. Everything that a service points to
 * lives in its arena, and so does it itself. */
struct service {
	atomic_uint refs;
	struct arena memory;
	const char *name;
	const char *node, *instance; /* where it runs, and its ID there, to be shown; NULL: none */
	const char *origin;   /* where it was first written (file:line, variable); NULL: not known */
	uint64_t created;     /* the older, the smaller, among the services of its source; 0: not known */
	uint64_t since;       /* `created` of the oldest instance that its name has had while it was there; 0: not known */
	const char **tags;    /* all of them, as they came; NULL: the source has no tags */
	uint32_t tag_count;
	struct wish *wishes;
	uint32_t wish_count, wish_cap;
	struct service_backend *backends;
	uint32_t backend_count, backend_cap;
	const char *backends_origin; /* where the first of them was written */
	struct service_setting *settings; /* each option once; sorted by option once sealed */
	uint32_t setting_count, setting_cap;
	const struct service_options *options; /* their values, once sealed */
	bool wrong; /* a vital option has a wrong value: the service is not routed */
	bool held;  /* its source no longer has it; a second reading must confirm that */
	struct service *original; /* held, by a copy whose texts and arrays are in there; else NULL */
	const char *fault;  /* why it cannot be routed; NULL: it can */
	const char *absent; /* why it takes no part: it has no wishes, and is there to be explained, and for its port; or NULL */
};

/* A list that is posted is in order: by name, then by node and instance, where its source tells these; what is held stands
 * behind all others. The static ones are in the order of their document. */
struct service_list {
	struct service **items;
	size_t count, cap;
	struct service_keep *keep; /* holds the items; NULL: the list holds each by itself */
	struct arena memory; /* of `word` and the lines */
	atomic_uint refs; /* holders besides the first */
	bool checked;    /* the source itself checks the health of its services */
	bool remembered; /* from state.path: the source has not answered yet */
	bool trusted;    /* written by the operator: a wish may name an address instead of a label */
	/* Name of the source in the log, and in sentences. Whoever posts the list sets them; they live as long as the
	 * program. */
	const char *source, *title;
	const char *document; /* where they were written, each from its line on; NULL: each says by itself where it is from */
	const int *lines;     /* in `memory`, as `document` */
	const char *word;   /* the mark of the services' tags, and the prefix of their options; NULL: they have no tags */
	int64_t heard; /* when the source's answer was complete, on sys_micros()'s clock; 0: not known */
};

/* Adds a new service, which the list owns. Texts are copied, here and below, except origins: they live as long as the
 * service, in its memory as a rule. */
struct service *service_add(struct service_list *list, struct slice name);
void service_wish(struct service *service, struct slice wish, const char *origin); /* cut likewise: it is refused */
void service_backend(struct service *service, struct slice host, uint16_t port, uint16_t weight);
void service_put_backend(const struct service_backend *backend, struct buf *out); /* host:port, host:first-last, or an SRV name */
/* What is dialled for a backend: "proxy " and where that is, or the backend itself. */
void service_put_dialled(const struct service *service, const struct service_backend *backend, struct buf *out);
struct service_setting *service_setting(const struct service *service, int option); /* NULL: not given */
/* Sets an option, its value tidied. The last one counts. */
void service_set(struct service *service, int option, struct slice value, const char *origin);
/* A copy that lives as long as the service; NULL for NULL. */
const char *service_text(struct service *service, const char *text);
uint64_t service_since(const struct service *service); /* its `since`, or when it was created; 0: not known */
/* A backend's range of ports has one for each port of each listener, and an SRV name none. NULL, or why that is not so. */
const char *service_mismatch(struct service *service);
void service_seal(struct service *service); /* reads its settings; nobody changes it afterwards */
/* Adds NAME=VALUE, secrets masked; of a value over 512 bytes the beginning, and "...". */
void service_put_setting(const struct service_setting *setting, struct buf *out);

/* Whether both say the same. Where it was written does not count, nor do the tags when one of them is held. */
bool service_same(const struct service *a, const struct service *b);
int service_order(const struct service *a, const struct service *b); /* in a list, as with strcmp() */
bool service_written_alike(const struct service *a, const struct service *b); /* of two that say the same */

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

struct service_list *service_list_new(void);
void service_share(struct service_list *list, struct service *service); /* adds one that another list also has */
void service_forget(struct service_list *list, size_t first); /* drops all from that index on, of one that follows none */
/* A new list that will differ in little from the last one, all of whose services stay alive meanwhile: a row of them is
 * carried over at the cost of their pointers. */
struct service_list *service_list_follow(const struct service_list *last);
void service_list_carry(struct service_list *list, const struct service_list *last, size_t from, size_t to);
/* Each of `items`, of a list that nobody else has, that says the same as the known one of its name, node and instance, and
 * was written at the same place, gives way to that one: then those who follow compare pointers. It costs least when both
 * are in one order. */
void service_adopt(struct service **items, size_t count, struct service *const *known, size_t known_count);
/* Adds a copy, marked as held, with a single wish of the service: one that its source no longer has. */
void service_hold(struct service_list *list, struct service *service, struct wish *only);
/* Whether both say the same. Where services were written, and tags of held ones, do not count. */
bool service_list_equal(const struct service_list *left, const struct service_list *right);
struct service_list *service_list_ref(struct service_list *list); /* one more holder; it must not change any more */
void service_list_unref(struct service_list *list); /* the last holder frees it; NULL is fine */

#endif
