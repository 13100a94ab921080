/* peek: the routing table as text, for nc. A client gets it, and then the end. */
#ifndef PEEK_H
#define PEEK_H

#include "base.h"
#include "admin.h"
#include "route.h"
#include "text.h"

void peek_text(const struct route_table *table, struct buf *out);
void peek_greet(struct admin *admin, struct admin_client *client); /* admin->owner is the struct route */

#endif
