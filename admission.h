/* admission: `-t`. Prints the configuration, its services and those of each source that can be read without waiting, and
 * what admission says of each. */
#ifndef ADMISSION_H
#define ADMISSION_H

#include "base.h"
#include "config.h"

/* Prints it all to standard output. Returns the exit status: 1 when a source could not be read. */
int admission_print(const struct config *config);

#endif
