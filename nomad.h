/* nomad: watches the services of Nomad's own service discovery (routing.nomad.*).
 *
 * One blocking query is the bell, or one for each namespace of a list: /v1/services rings for each registration that comes,
 * changes or goes. It says which names there are, with their tags; which of them has changed, it does not say. When it
 * rings, what has other tags is read at once (/v1/service/NAME), and then all others that carry the tag. */
#ifndef NOMAD_H
#define NOMAD_H

#include "base.h"
#include "source.h"

extern const struct source_kind nomad_kind;

#endif
