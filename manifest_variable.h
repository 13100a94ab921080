/* manifest_variable: services in variables of the environment. */
#ifndef MANIFEST_VARIABLE_H
#define MANIFEST_VARIABLE_H

#include "base.h"
#include "sys.h"
#include "text.h"

/* The key that the variable SERVICES_MY_WEB_LISTENER sets (without a prefix such as DILL_): services.my_web.listener.
 * It lives in the arena. NULL: it is none of a service's. */
const char *manifest_variable(struct arena *memory, struct slice name);

#endif
