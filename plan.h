/* plan: --plan prints what this configuration would change in the running dill. It binds no port and changes
 * nothing. */
#ifndef PLAN_H
#define PLAN_H

#include "base.h"
#include "config.h"
#include "route.h"

/* Prints to stdout, and returns the exit status: 0 nothing would change, 2 something would, 1 the sources or the
 * running dill could not be read. Exit at once: threads may still hang in a look-up. */
int plan_print(struct config *config, const struct route_rules *rules);

#endif
