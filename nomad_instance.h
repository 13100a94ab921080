/* nomad_instance: makes services from Nomad's registrations of one service. */
#ifndef NOMAD_INSTANCE_H
#define NOMAD_INSTANCE_H

#include "base.h"
#include "json.h"
#include "json_walk.h"
#include "service.h"
#include "text.h"

/* Reads answers to /v1/service/NAME, one after the other. */
struct nomad_instances {
	struct json_walk walk;
	const char *name, *word; /* borrowed: whose instances they are, as the catalog calls it, and their tag */
	bool several; /* names are NAMESPACE/NAME */
	const char *why; /* what is wrong with what the answer says; NULL: nothing, or it is no good JSON */
	struct service_list *list;
	struct json json; /* of one element */
};

void nomad_instances_open(struct nomad_instances *reading, const char *word, bool several);
void nomad_instances_close(struct nomad_instances *reading);
/* Returns NULL, and `list` has one service `name` for each instance, sorted by ID; those that lack the tag are absent (see
 * service.h). Or the reason why the answer tells nothing. */
const char *nomad_instances_read(struct nomad_instances *reading, const char *name, const struct buf *answer);

#endif
