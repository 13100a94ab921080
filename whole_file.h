/* whole_file: files that others read while they are written, and the other way round. */
#ifndef WHOLE_FILE_H
#define WHOLE_FILE_H

#include "base.h"

#include <sys/stat.h>

#include "text.h"

/* Replaces the file in one step: a reader sees the old one or the new one, which is the head and what follows it. mode: who
 * may read it. A device stays. Returns 0 or an errno. */
int whole_file_write(const char *path, unsigned mode, struct slice head, struct slice body);
/* Whether it is the file that it was, and nobody has written to it: a link that leads elsewhere, and a file that was renamed,
 * are others. */
bool whole_file_same(const struct stat *was, const struct stat *is);

#endif
