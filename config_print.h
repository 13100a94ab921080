/* config_print: --help, and what -t prints of the options. */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "base.h"
#include "config.h"

void config_usage(void);                          /* on stdout */
void config_print(const struct config *config);   /* each value and where it comes from, secrets masked, on stdout */

#endif
