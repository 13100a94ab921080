/* manifest: services as people write them, in configuration, the environment, files and answers of URLs. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "base.h"
#include "format.h"
#include "service.h"

/* Services being put together, key by key. Start with manifest_open. */
struct manifest {
	struct service_list *list;
	struct manifest_place *places; /* of the services in the tree, in the list's order */
	size_t place_cap;
	bool state; /* what state.c writes: node, instance and weight are keys, too */
	uint32_t *slots; /* a hash table over them; its size is a power of two */
	size_t slot_cap;
	struct buf joined; /* an option that comes in pieces, and whose it is */
	size_t joining_service;
	int joining_option;
	bool joining;
};

void manifest_open(struct manifest *m, bool trusted); /* see service_list */

/* One key below `services` or `apps`: services.web.listener, services[0].backends[1], apps[0].ports[2]. Keys of one
 * service may come in a row or not. `origin` says where it was written; a service keeps its first one. Returns NULL
 * or what is wrong with the key or value. A higher rank replaces what lower ones said for the same field. */
const char *manifest_key(struct manifest *m, const char *key, const char *value, const char *origin, uint8_t rank);
/* After the last key: NULL or what is missing, and then the service's *place in the tree, and its *origin. */
const char *manifest_check(struct manifest *m, const char **place, const char **origin);
/* Ends it. The list is the caller's; manifest_drop throws it away. */
struct service_list *manifest_take(struct manifest *m);
void manifest_drop(struct manifest *m);

/* A whole document that says nothing but services. `name` is what it is called in `why`. NULL: why says what is wrong,
 * and where. */
struct service_list *manifest_read(const struct format *format, const char *text, size_t len, const char *name,
                                   bool trusted, struct buf *why);

/* The same for what state.c has written: services as a source had them. */
struct service_list *manifest_read_state(const char *text, size_t len, const char *name, struct buf *why);

#endif
