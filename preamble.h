/* preamble: what tells a backend who its client is: the PROXY protocol's header, versions 1 and 2 (HAProxy,
 * proxy-protocol.txt, 2.1 and 2.2). */
#ifndef PREAMBLE_H
#define PREAMBLE_H

#include "base.h"
#include "net.h"

#define PREAMBLE_MAX 108

/* Writes the header of a connection from `client` to `own`, the address that it was accepted at. Returns its length. */
size_t preamble_write(int version, const struct net_addr *client, const struct net_addr *own, char out[PREAMBLE_MAX]);

#endif
