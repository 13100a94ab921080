/* peek: the routing table as text, for nc. A client gets it, and then the end. */
#ifndef PEEK_H
#define PEEK_H

#include "base.h"
#include "route.h"
#include "server.h"

void peek_text(const struct route_table *t, struct buf *out);
void peek_greet(struct server *s, struct server_client *c); /* s->owner is the struct route */

#endif
