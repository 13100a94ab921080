/* proxy_protocol: what tells a backend who its client is: the PROXY protocol's header, versions 1 and 2 (HAProxy,
 * proxy-protocol.txt, 2.1 and 2.2). */
#ifndef PROXY_PROTOCOL_H
#define PROXY_PROTOCOL_H

#include "base.h"
#include "net.h"

#define PROXY_PROTOCOL_MAX 108

/* Writes the header of a connection from `client` to `own`, the address that it was accepted at. Returns its length. */
size_t proxy_protocol_write(int version, const struct net_addr *client, const struct net_addr *own,
                            char out[PROXY_PROTOCOL_MAX]);

#endif
