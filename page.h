/* page: what dill does, as one HTML page for people. */
#ifndef PAGE_H
#define PAGE_H

#include "base.h"
#include "stats.h"
#include "text.h"

/* The whole page. Nothing in it comes from elsewhere; strangers' text is escaped. */
void page_text(struct stats *stats, struct buf *out);

#endif
