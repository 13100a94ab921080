/* file: reads services from a file (routing.file.*), again whenever it changes. */
#ifndef FILE_H
#define FILE_H

#include "base.h"
#include "source.h"

extern const struct source_kind file_kind;

#endif
