/* plan: --plan prints what this configuration would change in the running dill. It binds no port and changes
 * nothing. */
#ifndef PLAN_H
#define PLAN_H

#include "base.h"
#include "config.h"
#include "resolve.h"
#include "route.h"

/* Prints to stdout, and returns the exit status: 0 nothing would change, 2 something would, 1 the sources or the
 * running dill could not be read. Exit at once: threads of the sources still run. */
int plan_print(struct config *config, const struct route_rules *rules, const struct resolve_rules *names);

#endif
