/* Cases for proxy_protocol.c: the PROXY protocol's header, byte for byte. */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "../../proxy_protocol.c"

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	int version;
	const char *client, *own; /* without ports: these are 56324 and 443 */
	const char *want;
	size_t len;
} headers[] = {
	{ 1, "192.0.2.1", "198.51.100.7", BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n") },
	{ 1, "2001:db8::1", "::1", BYTES("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n") },
	{ 1, "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888",
	  BYTES("PROXY TCP6 1111:2222:3333:4444:5555:6666:7777:8888 1111:2222:3333:4444:5555:6666:7777:8888 56324 443\r\n") },
	{ 2, "192.0.2.1", "198.51.100.7",
	  BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" "\xc0\0\x02\x01" "\xc6\x33\x64\x07" "\xdc\x04" "\x01\xbb") },
	{ 2, "2001:db8::1", "::1",
	  BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
	        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\xdc\x04" "\x01\xbb") },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct net_addr client, own;
		char out[PROXY_PROTOCOL_MAX];
		size_t len;

		check(net_numeric(slice_of(headers[i].client), 56324, &client), "an address", headers[i].client);
		check(net_numeric(slice_of(headers[i].own), 443, &own), "an address", headers[i].own);
		len = proxy_protocol_write(headers[i].version, &client, &own, out);
		check(len == headers[i].len && memcmp(out, headers[i].want, len) == 0, "a header", headers[i].client);
		check(len <= UINT8_MAX, "its length fits where a session keeps it", headers[i].client);
	}
	return check_sum();
}
