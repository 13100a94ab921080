/* service: what a source yields. A source says the whole of what it knows, never a difference.
 *
 * A service is made by one thread: service_add, what it wants and has, service_seal. From then on nobody changes it, and
 * lists and tables share it by reference: a list that is made anew names again what has not changed. */
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
	uint16_t port;
	uint16_t weight; /* 1 unless the source says otherwise */
};

/* An option that was given. */
struct service_setting {
	int option; /* enum service_option */
	const char *value, *origin; /* see wish.origin */
	const char *why; /* what is wrong with the value; NULL: nothing */
};

/* From Consul a service is one instance: its own tags, one backend. Everything it points to lives in its memory. */
struct service {
	atomic_uint refs;
	struct arena memory;
	const char *name;
	const char *node, *instance; /* where it runs, and its ID there, for people; NULL when the source has none */
	const char *origin;   /* where it was written first; NULL when a source has no such place */
	const char *tags;     /* all that the source has of it, a line each; NULL: the source has no tags */
	struct wish *wishes;
	size_t wish_count, wish_cap;
	struct service_backend *backends;
	size_t backend_count, backend_cap;
	const char *backends_origin; /* of the first of them */
	struct service_setting *settings; /* in the order in which they were given, each option once */
	size_t setting_count, setting_cap;
	struct service_options options; /* what they come to, once it is sealed */
	bool wrong; /* a vital one has a wrong value: it is not routed */
	bool held;  /* its source no longer has it, and is asked once more before it goes */
	const char *fault;  /* why it cannot be routed at all; NULL as a rule */
	const char *absent; /* why it is not routed, and has no wishes here: it is listed for those who ask; or NULL */
};

struct service_list {
	struct service **items;
	size_t count, cap;
	struct arena memory; /* of `word` */
	atomic_uint refs; /* holders beside the first */
	bool checked;    /* the source checks its services' health itself */
	bool remembered; /* from state.path: the source has not answered yet */
	bool trusted;    /* written by the operator: a wish may name an address instead of a label */
	const char *source; /* its name and title, for the log and in sentences: set by whoever posts the list; they live as */
	const char *title;  /* long as the program */
	const char *word;   /* the mark of the services' tags, and the prefix of their options; NULL: they have no tags */
	int64_t heard; /* when the source's answer was complete, on sys_micros()'s clock; 0: not known */
};

/* Adds a new one; it is the list's. Texts are copied. */
struct service *service_add(struct service_list *list, struct slice name);
void service_wish(struct service *service, struct slice wish, const char *origin);
void service_backend(struct service *service, struct slice host, uint16_t port, uint16_t weight);
struct service_setting *service_setting(const struct service *service, int option); /* NULL: it was not given */
void service_set(struct service *service, int option, struct slice value, const char *origin); /* the last one counts */
const char *service_text(struct service *service, const char *text); /* a copy that lives as long; NULL for NULL */
void service_seal(struct service *service); /* reads its options */
void service_put_setting(const struct service_setting *setting, struct buf *out); /* NAME=VALUE, as it may be shown */

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

struct service_list *service_list_new(void);
void service_share(struct service_list *list, struct service *service); /* adds one that another list has, too */
void service_forget(struct service_list *list, size_t first); /* drops those from that one on */
/* Adds a copy with but one of its wishes, of which its source has nothing any more. */
void service_hold(struct service_list *list, const struct service *service, const struct wish *only);
bool service_list_equal(const struct service_list *a, const struct service_list *b);
struct service_list *service_list_ref(struct service_list *list); /* one more holder: nobody changes it any more */
void service_list_unref(struct service_list *list); /* the last holder frees it; NULL is fine */

#endif
