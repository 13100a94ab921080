/* file: services out of a file, read again whenever it changes. */
#ifndef FILE_H
#define FILE_H

#include "base.h"
#include "source.h"
#include "text.h"

/* Services of one file, whose name tells its format. NULL: why says what is wrong, and where. */
struct service_list *file_read(const char *path, struct buf *why);

void file_run(struct source *s); /* goes by routing.file.* */

#endif
