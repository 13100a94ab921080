/* pid_file: the number of the process in charge, for those who send it signals (runtime.pid_file). */
#ifndef PID_FILE_H
#define PID_FILE_H

#include "base.h"

/* The file at `path` ("": none) has this process's number; the one that had it before, if it is another, goes. Returns 0 or
 * an errno: then nothing has changed. */
int pid_file_set(const char *path);
void pid_file_remove(void); /* unless another process stands in it by now */

#endif
