/* whole_file: files that others read while they are written. */
#ifndef WHOLE_FILE_H
#define WHOLE_FILE_H

#include "base.h"
#include "text.h"

/* Replaces the file in one step: a reader sees the old one or the new one, which is the head and what follows it. mode: who
 * may read it. Returns 0 or an errno. */
int whole_file_write(const char *path, unsigned mode, struct slice head, struct slice body);

#endif
