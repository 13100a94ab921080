/* url: services out of the answers of a URL (routing.http.*), which is asked again and again. */
#ifndef URL_H
#define URL_H

#include "base.h"
#include "source.h"

extern const struct source_kind url_kind;

#endif
