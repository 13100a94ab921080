/* ask: --explain and --plan: a second dill, at a terminal, that asks the running one, or the sources themselves. Both
 * print on stdout, and return the exit status, with which the process is to end at once. They open and change nothing. */
#ifndef ASK_H
#define ASK_H

#include "base.h"
#include "admit.h"
#include "config.h"
#include "route.h"
#include "service.h"

/* 0: it has been explained; 1: there is no such service, or nobody to ask. */
int ask_explain(struct config *c, const struct admit_rules *rules, struct service_list *given);
/* 0: nothing would change; 2: something would; 1: the sources could not be read. Takes `given`. */
int ask_plan(struct config *c, const struct route_rules *rules, struct service_list *given);

#endif
