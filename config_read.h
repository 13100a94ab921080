/* config_read: the whole configuration: command line, environment, file, default, in that order of importance. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "base.h"
#include "config.h"

/* Reads everything, and makes the services that it names. NULL: *status is the exit status to end with, and errors
 * have been reported, at most CONFIG_ERRORS_MAX of them. */
struct config *config_read(int argc, char **argv, char **environment, int *status);

#endif
