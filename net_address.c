/* The addresses of net.h, to and from text, and networks. */
#include "base.h"
#include "net.h"

#include <arpa/inet.h>
#include <string.h>

#include "print.h"
#include "sys.h"
#include "text.h"
#include "zone.h"

const char *net_port(struct slice text, uint16_t *port)
{
	long n;

	if (text_number(text, 1, 65535, &n))
		return "is not a port (1-65535)";
	*port = (uint16_t)n;
	return NULL;
}

/* 010.0.0.1 is 8.0.0.1 to some resolvers. */
static bool has_octal(struct slice host)
{
	bool octal = false;

	for (size_t i = 0; i < host.len; i++) {
		if (host.at[i] != '.' && (host.at[i] < '0' || host.at[i] > '9'))
			return false;
		octal = octal || (host.at[i] == '0' && (!i || host.at[i - 1] == '.') && i + 1 < host.len && host.at[i + 1] != '.');
	}
	return octal;
}

static bool is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool net_is_host(struct slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!is_letter_or_digit(host.at[i]) &&
		    ((unsigned char)host.at[i] <= ' ' || strchr("[]/@?#,\"\\\177", host.at[i])))
			return false;
	return !text_hides(host) && !has_octal(host);
}

static bool parts_list(char c)
{
	return c == ';' || c == ' ' || c == '\t' || c == '\n';
}

bool net_is_list(struct slice text)
{
	bool port = false, apart = false;

	for (size_t i = 0; i < text.len; i++) {
		if ((text.at[i] == ',' && port) || (text.at[i] == ':' && apart))
			return true;
		port = port || text.at[i] == ':';
		apart = apart || (port && parts_list(text.at[i]));
	}
	return false;
}

/* What is wrong with a port. */
static const char *port_error(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return "has no valid port (1-65535)";
	return text.len ? "has a port out of range (1-65535)" : "has no valid port (1-65535)";
}

const char *net_split(struct slice text, struct slice *host, uint16_t *port)
{
	const char *colon = NULL;
	size_t bare;

	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == ':')
			colon = text.at + i;
	if (text_hides(text))
		return "has an invisible character (\\xNN)";
	if (!colon)
		return "is not host:port";
	if (net_is_list(text))
		return "is a list: one host:port expected";
	*host = slice_between(text.at, colon);
	if (net_port(slice_skip(text, host->len + 1), port))
		return port_error(slice_skip(text, host->len + 1));
	bare = host->len;
	if (bare > 253)
		return "has too long a host name";
	if (bare >= 2 && host->at[0] == '[' && host->at[bare - 1] == ']') {
		*host = slice_first(slice_skip(*host, 1), bare - 2);
		return memchr(host->at, ':', host->len) ? NULL : "has no IPv6 address between its brackets";
	}
	if (bare && memchr(host->at, ':', bare))
		return "needs brackets around its IPv6 address, like [::1]:80";
	if (bare && has_octal(*host))
		return "has a leading zero, which some programs read as octal";
	return net_is_host(*host) ? NULL : "has a character that no host name has";
}

/* The place of the dash between two ports; NULL: there is none. */
static const char *find_dash(struct slice text)
{
	for (size_t i = text.len; i-- > 0 && text.at[i] != ':';)
		if (text.at[i] == '-')
			return text.at + i;
	return NULL;
}

const char *net_split_range(struct slice text, struct arena *memory, struct slice *host, uint16_t *first, uint16_t *last)
{
	const char *dash = find_dash(text), *why;
	struct slice head = dash ? slice_between(text.at, dash) : text, end;

	if (!dash || text_hides(text)) {
		why = net_split(text, host, first);
		*last = *first;
		return why;
	}
	end = slice_skip(text, head.len + 1);
	if ((end.len && strchr(" \t", end.at[0])) || (head.len && strchr(" \t", dash[-1])))
		return "has a blank in its range of ports";
	why = net_split(head, host, first);
	if (!why && net_port(end, last))
		why = port_error(end);
	if (!why && *last < *first)
		why = "is a range of ports whose end comes before its begin";
	if (!why && *last - *first >= NET_RANGE_PORTS)
		why = text_printf(memory, "is a range of %d ports; at most %d", *last - *first + 1, NET_RANGE_PORTS);
	return why;
}

/* Labels of 63 bytes at most (RFC 1035, 2.3.4), of which the first two begin with an underscore. */
bool net_is_srv(struct slice name)
{
	size_t from = 0, labels = 0;

	if (name.len && name.at[name.len - 1] == '.')
		name.len--;
	for (size_t i = 0; i <= name.len; i++) {
		bool marked = i - from > 1 && name.at[from] == '_';

		if (i < name.len && (is_letter_or_digit(name.at[i]) || name.at[i] == '-' || name.at[i] == '_'))
			continue;
		if ((i < name.len && name.at[i] != '.') || i == from || i - from > 63 || (labels < 2 && !marked))
			return false;
		labels++;
		from = i + 1;
	}
	return labels > 2 && name.len <= 253;
}

const char *net_split_target(struct slice text, struct slice *host, uint16_t *port)
{
	if (!net_is_srv(text))
		return net_split(text, host, port);
	*host = text;
	*port = 0;
	return NULL;
}

const char *net_split_route(struct slice text, uint16_t *listen, struct slice *to)
{
	struct slice port, host;
	uint16_t number;

	*to = text;
	if (!slice_next(to, ':', &port) || net_port(port, listen) || net_split_target(*to, &host, &number) || !host.len)
		return "is not PORT:HOST:PORT";
	return NULL;
}

static bool is_mapped_v4(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->sa.v6.sin6_addr);
}

void net_unmap(struct net_addr *addr)
{
	uint16_t port = net_addr_port(addr);
	struct in_addr v4;

	if (!is_mapped_v4(addr))
		return;
	memcpy(&v4, addr->sa.v6.sin6_addr.s6_addr + 12, sizeof v4);
	memset(addr, 0, sizeof *addr);
	addr->sa.v4.sin_family = AF_INET;
	addr->sa.v4.sin_addr = v4;
	net_set_port(addr, port);
}

/* As it is written, without a port. */
static bool parse_address(struct slice host, struct net_addr *out)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
	char *scope;

	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = slice_first(slice_skip(host, 1), host.len - 2);
	if (!host.len || host.len >= sizeof text || memchr(host.at, '\0', host.len))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	memset(out, 0, sizeof *out);
	out->sa.v4.sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &out->sa.v4.sin_addr) == 1)
		return true;
	if ((scope = strchr(text, '%')))
		*scope++ = '\0';
	if (inet_pton(AF_INET6, text, &out->sa.v6.sin6_addr) != 1)
		return false;
	out->sa.v6.sin6_family = AF_INET6;
	if (scope && (!net_is_host(slice_of(scope)) || strpbrk(scope, ";:%")))
		return false; /* what is printed must be read again */
	return !scope || (out->sa.v6.sin6_scope_id = zone_number(scope, false));
}

void net_keep_zone(struct slice host)
{
	const char *percent = host.len ? memchr(host.at, '%', host.len) : NULL;
	struct slice zone = percent ? slice_between(percent + 1, host.at + host.len) : (struct slice){ "", 0 };
	char name[IF_NAMESIZE] = "";

	for (size_t i = 0; i < zone.len && i < sizeof name - 1 && !strchr("]/", zone.at[i]); i++)
		name[i] = zone.at[i];
	zone_number(name, true);
}

bool net_numeric(struct slice host, uint16_t port, struct net_addr *out)
{
	if (!parse_address(host, out))
		return false;
	net_unmap(out);
	net_set_port(out, port);
	return true;
}

bool net_numeric_port(struct slice text, uint16_t port, struct net_addr *out)
{
	struct slice host = text;

	return net_numeric(text, port, out) || (!net_split(text, &host, &port) && net_numeric(host, port, out));
}

uint16_t net_addr_port(const struct net_addr *addr)
{
	return ntohs(addr->sa.any.sa_family == AF_INET6 ? addr->sa.v6.sin6_port : addr->sa.v4.sin_port);
}

void net_set_port(struct net_addr *addr, uint16_t port)
{
	*(addr->sa.any.sa_family == AF_INET6 ? &addr->sa.v6.sin6_port : &addr->sa.v4.sin_port) = htons(port);
}

bool net_local(struct slice host, uint16_t port, struct net_addr *out)
{
	if (!host.len)
		host = slice_of("0.0.0.0");
	else if (slice_is_nocase(host, "localhost"))
		host = slice_of("127.0.0.1"); /* whatever a resolver says: RFC 6761, 6.3 */
	net_keep_zone(host);
	return net_numeric(host, port, out);
}

/* As RFC 5952 has it: the first of the longest rows of zeros is "::". */
static void print_v6(const unsigned char *bytes, char out[INET6_ADDRSTRLEN])
{
	unsigned words[8], zeros = 8, count = 1;
	size_t len = 0;

	for (unsigned i = 0; i < 8; i++)
		words[i] = bytes[2 * i] * 256u + bytes[2 * i + 1];
	for (unsigned i = 0; i < 8; i++) {
		unsigned end = i;

		while (end < 8 && !words[end])
			end++;
		if (end - i > count) {
			zeros = i;
			count = end - i;
		}
	}
	for (unsigned i = 0; i < 8; i++)
		if (i == zeros) {
			len += print_text(out + len, INET6_ADDRSTRLEN - len, "::");
			i += count - 1;
		} else {
			len += print_text(out + len, INET6_ADDRSTRLEN - len, i && i != zeros + count ? ":%x" : "%x", words[i]);
		}
}

void net_print_ip(const struct net_addr *addr, char out[INET6_ADDRSTRLEN])
{
	const unsigned char *bytes = addr->sa.v6.sin6_addr.s6_addr;
	const char *before = is_mapped_v4(addr) ? "::ffff:" : "::"; /* RFC 4291, 2.5.5 */

	if (addr->sa.any.sa_family == AF_INET) {
		bytes = (const unsigned char *)&addr->sa.v4.sin_addr;
		before = "";
	} else if (!is_mapped_v4(addr) && (memcmp(bytes, &in6addr_any, 12) != 0 || !(bytes[12] | bytes[13]))) {
		print_v6(bytes, out);
		return;
	} else {
		bytes += 12;
	}
	print_text(out, INET6_ADDRSTRLEN, "%s%u.%u.%u.%u", before, bytes[0], bytes[1], bytes[2], bytes[3]);
}

void net_print(const struct net_addr *addr, char out[NET_TEXT])
{
	char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1] = "", name[IF_NAMESIZE];

	net_print_ip(addr, host);
	if (addr->sa.any.sa_family == AF_INET) {
		print_text(out, NET_TEXT, "%s:%u", host, net_addr_port(addr));
		return;
	}
	if (zone_name(addr->sa.v6.sin6_scope_id, name))
		print_text(scope, sizeof scope, "%%%s", name);
	print_text(out, NET_TEXT, "[%s%s]:%u", host, scope, net_addr_port(addr));
}

void net_put_host_port(struct buf *out, const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':');

	buf_puts(out, v6 ? "[" : "");
	buf_visible(out, host, strlen(host));
	buf_puts(out, v6 ? "]:" : ":");
	buf_number(out, port);
}

void net_put_ports(struct buf *out, const struct net_addr *addr, unsigned last)
{
	char text[NET_TEXT];

	net_print(addr, text);
	buf_puts(out, text);
	if (last != net_addr_port(addr))
		buf_printf(out, "-%u", last);
}

static int sign(long n)
{
	return n < 0 ? -1 : n > 0;
}

int net_compare(const struct net_addr *left, const struct net_addr *right)
{
	int diff = (int)left->sa.any.sa_family - (int)right->sa.any.sa_family;

	if (!diff && left->sa.any.sa_family == AF_INET)
		diff = memcmp(&left->sa.v4.sin_addr, &right->sa.v4.sin_addr, sizeof left->sa.v4.sin_addr);
	else if (!diff)
		diff = memcmp(&left->sa.v6.sin6_addr, &right->sa.v6.sin6_addr, sizeof left->sa.v6.sin6_addr);
	if (!diff && left->sa.any.sa_family == AF_INET6)
		diff = (left->sa.v6.sin6_scope_id > right->sa.v6.sin6_scope_id) -
		       (left->sa.v6.sin6_scope_id < right->sa.v6.sin6_scope_id);
	return diff ? sign(diff) : sign((long)net_addr_port(left) - (long)net_addr_port(right));
}

bool net_same_host(const struct net_addr *left, const struct net_addr *right)
{
	struct net_addr like = *left;

	if (left->sa.any.sa_family != right->sa.any.sa_family)
		return false;
	net_set_port(&like, net_addr_port(right));
	return net_compare(&like, right) == 0;
}

int net_by_address(const void *left, const void *right)
{
	return net_compare(left, right);
}

bool net_is_any(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET ? addr->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY)
	                                      : IN6_IS_ADDR_UNSPECIFIED(&addr->sa.v6.sin6_addr);
}

bool net_is_loopback(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET ? ntohl(addr->sa.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
	                                         : IN6_IS_ADDR_LOOPBACK(&addr->sa.v6.sin6_addr);
}

bool net_zoned(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 && zone_named(addr->sa.v6.sin6_scope_id);
}

const char *net_range(struct slice text, struct net_range *out)
{
	static const char wrong[] = "is not a network such as 10.0.0.0/8";
	const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct slice host = slash ? slice_between(text.at, slash) : text;
	long bits, most;

	if (!parse_address(host, &out->addr) || (host.len && host.at[0] == '['))
		return wrong;
	bits = most = out->addr.sa.any.sa_family == AF_INET ? 32 : 128;
	if (slash && text_number(slice_skip(text, host.len + 1), 0, most, &bits))
		return wrong;
	if (is_mapped_v4(&out->addr)) {
		if (bits < 96)
			return "is neither of IPv4 nor of IPv6"; /* clients are the one or the other */
		net_unmap(&out->addr);
		bits -= 96;
	}
	out->bits = (uint8_t)bits;
	return NULL;
}

void net_print_host(const struct net_addr *addr, char out[NET_TEXT])
{
	net_print(addr, out);
	*strrchr(out, ':') = '\0';
	if (out[0] == '[') {
		memmove(out, out + 1, strlen(out));
		*strrchr(out, ']') = '\0';
	}
}

void net_print_range(const struct net_range *range, char out[NET_RANGE_TEXT])
{
	char host[NET_TEXT];

	net_print_host(&range->addr, host);
	print_text(out, NET_RANGE_TEXT, "%s/%u", host, range->bits);
}

bool net_in_range(const struct net_range *range, const struct net_addr *addr)
{
	const unsigned char *x = (const unsigned char *)&range->addr.sa.v4.sin_addr;
	const unsigned char *y = (const unsigned char *)&addr->sa.v4.sin_addr;
	unsigned whole = range->bits / 8, left = range->bits % 8;

	if (range->addr.sa.any.sa_family != addr->sa.any.sa_family)
		return false;
	if (addr->sa.any.sa_family == AF_INET6) {
		x = (const unsigned char *)&range->addr.sa.v6.sin6_addr;
		y = (const unsigned char *)&addr->sa.v6.sin6_addr;
	}
	return memcmp(x, y, whole) == 0 && (!left || (x[whole] ^ y[whole]) >> (8 - left) == 0);
}

const char *net_ranges_parse(struct slice list, struct arena *memory, struct net_ranges *out)
{
	struct slice rest = list, part;
	size_t most = 0;

	while (slice_next(&rest, ',', &part))
		most++;
	*out = (struct net_ranges){ .items = arena_alloc(memory, (most + 1) * sizeof *out->items) };
	while (slice_next(&list, ',', &part)) {
		const char *why = part.len ? net_range(part, &out->items[out->count]) : NULL;

		if (why)
			return why;
		out->count += part.len != 0;
	}
	return NULL;
}

bool net_ranges_have(const struct net_ranges *ranges, const struct net_addr *addr)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (net_in_range(&ranges->items[i], addr))
			return true;
	return false;
}

bool net_ranges_equal(const struct net_ranges *a, const struct net_ranges *b)
{
	return a->count == b->count && (!a->count || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}
