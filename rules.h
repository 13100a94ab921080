/* rules: what the configuration says, in the form in which those go by it who make the table and look up names. */
#ifndef RULES_H
#define RULES_H

#include "base.h"
#include "config.h"
#include "net.h"
#include "resolve.h"
#include "resolve_conf.h"
#include "route.h"
#include "sys.h"

/* Those of the table, without a look-up of names: borrowed from the configuration, except the networks, which are in the
 * arena. */
struct route_rules rules_of(const struct config *config, struct arena *memory);
/* Those of names. The servers, which it points to, are written to `servers`. */
struct resolve_rules rules_names(const struct config *config, struct net_addr servers[RESOLVE_SERVERS]);

#endif
