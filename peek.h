/* peek: the routing table as text, for nc. A client gets it, and then the end. */
#ifndef PEEK_H
#define PEEK_H

#include "base.h"
#include "admin.h"
#include "body.h"
#include "route.h"
#include "text.h"

struct body *peek_body(const struct route *route); /* borrowed */
void peek_greet(struct admin *admin, struct admin_client *client); /* admin->owner is the struct route */
bool peek_frame(struct admin *admin, struct admin_client *client, struct buf *part, bool more);

#endif
