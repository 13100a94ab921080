/* registration: what Consul and Nomad say of an instance in the same way: its tags, its address, its age. */
#ifndef REGISTRATION_H
#define REGISTRATION_H

#include "base.h"
#include "json.h"
#include "service.h"
#include "text.h"

/* A member as text. False, and "", when it is missing or no string. */
bool registration_text(const struct json *answer, uint32_t object, const char *key, struct buf *out);
/* Gives the service all tags of the instance: the list at `tags`, 0: there is none. */
void registration_tags(struct service *service, const struct json *answer, uint32_t tags);
bool registration_marked(const struct service *service, const char *word); /* one of them is the mark */
void registration_apply(struct service *service, const char *word); /* gives it the wishes and options that they ask for */
/* Gives it a backend out of the members Address and Port of the object there, or a fault; the object `fallback` has the
 * address of one that has none itself. */
void registration_address(struct service *service, const struct json *answer, uint32_t at, uint32_t fallback,
                          uint16_t weight);
/* Raft's index of when the instance was first registered: it stays when the instance is registered anew. */
uint64_t registration_created(const struct json *answer, uint32_t object);

#endif
