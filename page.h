/* page: what dill does, as one HTML page for people. */
#ifndef PAGE_H
#define PAGE_H

#include "base.h"
#include "body.h"
#include "stats.h"

/* Borrows stats. Nothing in it comes from elsewhere; strangers' text is escaped. */
struct body *page_body(struct stats *stats);

#endif
