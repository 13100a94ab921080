/* signals: they arrive as bytes through a pipe, so that the control loop takes them like anything else. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "base.h"

int signals_open(void); /* catches them, blocked as yet; returns what to read their numbers from, or -errno */
void signals_allow(void); /* after the threads have started, which shall not get them */
void signals_close(void);
/* From now on a stop that takes more than a few seconds ends the process, and a second signal does at once: a file system that
 * hangs a source must not keep a clean stop waiting. status: of the exit after those seconds. */
void signals_bound_stop(int status);

#endif
