/* why: what /explain/NAME answers: what the running dill knows of a service, all instances of it, part by part. */
#ifndef WHY_H
#define WHY_H

#include "base.h"
#include "body.h"
#include "stats.h"

bool why_is_known(const struct stats *stats, const char *name); /* a source has a service of that name */
struct body *why_body(const struct stats *stats, const char *name); /* stats: borrowed */

#endif
