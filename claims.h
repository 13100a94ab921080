/* claims: what the configuration says of addresses that several services want. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "base.h"
#include "config.h"
#include "route.h"
#include "sys.h"

/* The rules, and all that is reserved: listeners.reserved, the servers' addresses, and those that sources ask. They live in
 * the arena. */
struct route_claims claims_of(const struct config *config, struct arena *memory);

#endif
