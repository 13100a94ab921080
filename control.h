/* control: the control plane: one event loop in the main thread. It joins what the sources say into the table, puts
 * it in force, and answers signals and those who look. */
#ifndef CONTROL_H
#define CONTROL_H

#include "base.h"
#include "config.h"

/* Runs until a signal stops it. Takes the configuration, and reads it again with the same words. Returns the exit
 * status. */
int control_run(struct config *config, int argc, char **argv);

#endif
