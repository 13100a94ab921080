/* url: reads services from a URL (routing.http.*), again at each interval. */
#ifndef URL_H
#define URL_H

#include "base.h"
#include "source.h"

extern const struct source_kind url_kind;

#endif
