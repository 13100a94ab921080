/* handed: listening sockets that an old dill has handed over, until somebody who would bind takes them. The control
 * plane's thread only. */
#ifndef HANDED_H
#define HANDED_H

#include "base.h"
#include "net.h"
#include "text.h"

void handed_add(struct slice address, int fd); /* takes the socket */
/* As net_listen; but a socket that was handed over for that address is taken first: *handed. */
int handed_listen(const struct net_addr *addr, bool *handed);
/* While it is on, only what was handed over may be bound: another process is in charge, and may want the rest. */
void handed_wait(bool wait);
bool handed_may_bind(const struct net_addr *addr);
size_t handed_close(void); /* those that nobody has taken; how many */

#endif
