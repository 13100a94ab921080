/* peek: the routing table as text, for nc. A client gets it, and then the end. */
#ifndef PEEK_H
#define PEEK_H

#include "base.h"
#include "route.h"
#include "admin.h"

void peek_text(const struct route_table *t, struct buf *out);
void peek_greet(struct admin *s, struct admin_client *c); /* s->owner is the struct route */

#endif
