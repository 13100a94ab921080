/* plan: --plan: what this configuration would change at the running dill, on stdout. It opens and changes nothing. */
#ifndef PLAN_H
#define PLAN_H

#include "base.h"
#include "config.h"
#include "route.h"

/* Returns the exit status, with which the process is to end at once. 0: nothing would change; 2: something would; 1: the
 * sources could not be read. */
int plan_print(struct config *config, const struct route_rules *rules);

#endif
