/* config_variable: the environment, and files of variables. The key a.b_c is DILL_A_B_C, or DYNTCP_A_B_C where that
 * is not set. An empty one is as not set. */
#ifndef CONFIG_VARIABLE_H
#define CONFIG_VARIABLE_H

#include "base.h"
#include "config.h"

/* Applies all NAME=value that mean something, those of a whole table before single labels, which add to it. `origins`
 * has one for each: where it stands in a file, in which an unknown name is worth a warning; NULL: it is the
 * environment. */
void config_variables(struct config *config, char **variables, const char *const *origins);
/* Those of other programs (CONSUL_HTTP_ADDR), for keys of sources that are used, where nothing has set them. */
void config_foreign_variables(struct config *config, char **variables);
/* Logs those that nobody knows at level debug: platforms set such names, too. */
void config_unknown_variables(struct config *config, char **variables);

#endif
