#include "base.h"
#include "proxy_protocol.h"

#include <arpa/inet.h>
#include <string.h>

#include "print.h"

static const void *address_bytes(const struct net_addr *addr, size_t *len)
{
	*len = addr->sa.any.sa_family == AF_INET ? 4 : 16;
	return addr->sa.any.sa_family == AF_INET ? (const void *)&addr->sa.v4.sin_addr : (const void *)&addr->sa.v6.sin6_addr;
}

static size_t header_text(const struct net_addr *client, const struct net_addr *own, char out[PROXY_PROTOCOL_MAX])
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	net_print_ip(client, from);
	net_print_ip(own, to);
	return print_text(out, PROXY_PROTOCOL_MAX, "PROXY %s %s %s %u %u\r\n", client->sa.any.sa_family == AF_INET ? "TCP4" : "TCP6",
	                  from, to, net_addr_port(client), net_addr_port(own));
}

static size_t header_binary(const struct net_addr *client, const struct net_addr *own, char out[PROXY_PROTOCOL_MAX])
{
	uint16_t ports[2] = { htons(net_addr_port(client)), htons(net_addr_port(own)) };
	size_t len;
	const void *from = address_bytes(client, &len), *to = address_bytes(own, &len);

	memcpy(out, "\r\n\r\n\0\r\nQUIT\n\x21", 13);      /* the signature; version 2, PROXY */
	out[13] = len == 4 ? 0x11 : 0x21;                   /* TCP over IPv4 or IPv6 */
	out[14] = 0;
	out[15] = (char)(2 * len + sizeof ports);
	memcpy(out + 16, from, len);
	memcpy(out + 16 + len, to, len);
	memcpy(out + 16 + 2 * len, ports, sizeof ports);
	return 16 + 2 * len + sizeof ports;
}

size_t proxy_protocol_write(int version, const struct net_addr *client, const struct net_addr *own,
                            char out[PROXY_PROTOCOL_MAX])
{
	return (version == 1 ? header_text : header_binary)(client, own, out);
}
