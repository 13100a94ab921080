/* manifest: services as people write them, in configuration, the environment, files and answers of URLs. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "base.h"
#include "format.h"
#include "service.h"
#include "sys.h"
#include "text.h"

/* Services being put together, key by key. Start with manifest_open. */
struct manifest {
	struct service_list *list;
	struct arena memory;            /* of the places */
	struct manifest_place **places; /* of the services in the tree, in the list's order */
	size_t place_cap;
	bool state; /* what state.c writes: node, instance and weight are keys, too */
	uint32_t *slots; /* a hash table over the places; its size is a power of two */
	size_t slot_cap;
	struct manifest_place *latest; /* what the newest key was about, as the next one mostly is; NULL: none */
	struct manifest_place **named; /* places of lower layers, by their services' names */
	size_t named_count;
	int layer; /* of the newest key; lower ones have come before */
	const char *document; /* its name, when the list keeps the lines; NULL: services keep their origins */
	int line;             /* of the newest key in the document */
	struct buf joined; /* an option that comes in pieces, and whose it is */
	struct service *joining; /* NULL: none does */
	int joining_option;
	size_t parts; /* listeners and backends so far */
	const char *joining_origin; /* in the service's memory */
};

void manifest_open(struct manifest *manifest, bool trusted); /* see service_list */

/* One key below `services` or `apps`: services.web.listener, services[0].backends[1], apps[0].ports[2], in any
 * letter case; only the name's counts. Keys of one service may come in a row or not. `origin` says where it was written;
 * it is NULL when `document` and `line` do.
 *
 * Layers come one after the other, from 0 up; of each field the highest counts. What an upper one says of a service
 * by its name (services.web) goes to all that lower ones call so, wherever they stand; when there is none, to those
 * whose names look the same as variables (my-web: MY_WEB); else it is a service of its own. Returns NULL or the
 * reason. */
const char *manifest_key(struct manifest *manifest, const char *key, const char *value, const char *origin, int layer);
bool manifest_is_key(const char *key); /* there is such a key: of another, the value is not shown, as nobody knows what it is */
/* After the last key: complain() is told which service lacks what. True when all are complete, and sealed. */
bool manifest_finish(struct manifest *manifest, void (*complain)(void *arg, const char *origin, const char *place,
                     const char *why), void *arg);
/* Ends it. The list is the caller's; manifest_drop throws it away. */
struct service_list *manifest_take(struct manifest *manifest);
void manifest_drop(struct manifest *manifest);

/* A whole document that says nothing but services. `name` is how `why` calls it. NULL: why is the reason, and where. */
struct service_list *manifest_read(const struct format *format, const char *text, size_t len, const char *name,
                                   bool trusted, struct buf *why);
enum manifest_news {
	MANIFEST_SAME,  /* it is the list of last time */
	MANIFEST_MOVED, /* the same services, at other lines */
	MANIFEST_OTHER, /* other services, or the first ones */
};

/* A document that a source reads again and again. Start with {0}, the end is manifest_forget(). */
struct manifest_document {
	struct service_list *list; /* the newest good one; NULL: none yet */
	const struct format *format; /* of the newest text, and what is known of that */
	size_t len;
	uint64_t digest;
	struct buf fault; /* what is wrong with it; empty: it is `list` */
	enum manifest_news news; /* what the newest reading has brought */
};
/* As manifest_read(), but what has the bytes of last time is not read, services that say the same are the same objects,
 * and so is a list that says the same of them at the same lines. Services have no origins: the list keeps their lines. */
struct service_list *manifest_read_again(struct manifest_document *document, const struct format *format, struct slice text,
                                         const char *name, bool trusted, struct buf *why);
void manifest_forget(struct manifest_document *document);
/* As manifest_read(), for what state.c has written: services as a source had them. */
struct service_list *manifest_read_state(const char *text, size_t len, const char *name, struct buf *why);

#endif
