#include "base.h"
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "zone.h"

#define BACKLOG 4096 /* the system cuts it to its own limit */

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

bool net_is_host(struct slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if ((unsigned char)host.at[i] <= ' ' || strchr("[]/@,\"\\\177", host.at[i]))
			return false;
	return !text_hides(host) && !has_octal(host);
}

bool net_is_list(struct slice text)
{
	bool port = false, apart = false;

	for (size_t i = 0; i < text.len; i++) {
		if ((text.at[i] == ',' && port) || (text.at[i] == ':' && apart))
			return true;
		port = port || text.at[i] == ':';
		apart = port && (apart || strchr("; \t\n", text.at[i]));
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

/* ::ffff:1.2.3.4 becomes 1.2.3.4. */
static void unmap_v4(struct net_addr *addr)
{
	struct in_addr v4;

	memcpy(&v4, addr->sa.v6.sin6_addr.s6_addr + 12, sizeof v4);
	memset(addr, 0, sizeof *addr);
	addr->sa.v4.sin_family = AF_INET;
	addr->sa.v4.sin_addr = v4;
}

static bool is_mapped_v4(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->sa.v6.sin6_addr);
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
	return !scope || (out->sa.v6.sin6_scope_id = zone_number(scope));
}

bool net_numeric(struct slice host, uint16_t port, struct net_addr *out)
{
	if (!parse_address(host, out))
		return false;
	if (is_mapped_v4(out))
		unmap_v4(out);
	net_set_port(out, port);
	return true;
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
	return net_numeric(host, port, out);
}

void net_print(const struct net_addr *addr, char out[NET_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "?", scope[IF_NAMESIZE + 1] = "", name[IF_NAMESIZE];

	if (addr->sa.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->sa.v4.sin_addr, host, sizeof host);
		snprintf(out, NET_TEXT, "%s:%u", host, net_addr_port(addr));
		return;
	}
	inet_ntop(AF_INET6, &addr->sa.v6.sin6_addr, host, sizeof host);
	if (zone_name(addr->sa.v6.sin6_scope_id, name))
		snprintf(scope, sizeof scope, "%%%s", name);
	snprintf(out, NET_TEXT, "[%s%s]:%u", host, scope, net_addr_port(addr));
}

void net_put_host_port(struct buf *out, const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':');

	buf_puts(out, v6 ? "[" : "");
	buf_visible(out, host, strlen(host));
	buf_printf(out, v6 ? "]:%u" : ":%u", port);
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
		diff = sign((long)left->sa.v6.sin6_scope_id - (long)right->sa.v6.sin6_scope_id);
	return diff ? sign(diff) : sign((long)net_addr_port(left) - (long)net_addr_port(right));
}

bool net_is_any(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET ? addr->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY)
	                                      : IN6_IS_ADDR_UNSPECIFIED(&addr->sa.v6.sin6_addr);
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
		unmap_v4(&out->addr);
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
	snprintf(out, NET_RANGE_TEXT, "%s/%u", host, range->bits);
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

bool net_again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool net_exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool net_was_reached(int error)
{
	return error == ECONNRESET || error == EPIPE;
}

static socklen_t addr_length(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 ? sizeof addr->sa.v6 : sizeof addr->sa.v4;
}

static void net_set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value); /* each is an improvement, none a condition */
}

void net_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

bool net_pipe(int fds[2])
{
	if (pipe(fds) < 0)
		return false;
	net_nonblocking(fds[0]);
	net_nonblocking(fds[1]);
	return true;
}

static int net_socket(int family)
{
#ifdef SOCK_NONBLOCK
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0)
		net_nonblocking(fd);
#endif
	return fd < 0 ? -errno : fd;
}

static int net_give_up(int fd)
{
	int why = errno;

	close(fd);
	return -why;
}

bool net_zoned(const struct net_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 && zone_named(addr->sa.v6.sin6_scope_id);
}

/* A socket for addr, which *found gets with the number that its interface has now. */
static int net_socket_for(const struct net_addr *addr, struct net_addr *found)
{
	*found = *addr;
	if (net_zoned(addr) && !(found->sa.v6.sin6_scope_id = zone_index(addr->sa.v6.sin6_scope_id)))
		return -ENODEV;
	return net_socket(addr->sa.any.sa_family);
}

int net_listen(const struct net_addr *addr)
{
	struct net_addr at;
	int fd = net_socket_for(addr, &at);

	if (fd < 0)
		return fd;
	net_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (addr->sa.any.sa_family == AF_INET6)
		net_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); /* [::] and 0.0.0.0 are two listeners */
	/* Linux and the BSDs hand these on to accepted sockets, so each connection saves the calls. */
	net_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	net_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	net_set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (bind(fd, &at.sa.any, addr_length(&at)) < 0 || listen(fd, BACKLOG) < 0)
		return net_give_up(fd);
	return fd;
}

int net_accept(int fd, struct net_addr *peer)
{
	socklen_t len = sizeof *peer;
	int got;

	memset(peer, 0, sizeof *peer);
#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
	got = accept4(fd, &peer->sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (got < 0)
		return -errno;
#else
	got = accept(fd, &peer->sa.any, &len);
	if (got < 0)
		return -errno;
	net_nonblocking(got);
	net_set_option(got, IPPROTO_TCP, TCP_NODELAY, 1);
	net_set_option(got, SOL_SOCKET, SO_KEEPALIVE, 1);
	net_set_option(got, SOL_SOCKET, SO_OOBINLINE, 1);
#endif
	return got;
}

/* Without SO_REUSEADDR the port that the system chooses for this end could not be listened on for as long as the
 * connection lives, and a minute more. */
static int net_outgoing(const struct net_addr *addr, struct net_addr *to)
{
	int fd = net_socket_for(addr, to);

	if (fd >= 0)
		net_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return fd;
}

static int net_start(int fd, const struct net_addr *to)
{
	if (connect(fd, &to->sa.any, addr_length(to)) < 0 && errno != EINPROGRESS)
		return net_give_up(fd);
	return fd;
}

int net_connect(const struct net_addr *addr)
{
	struct net_addr to;
	int fd = net_outgoing(addr, &to);

	if (fd < 0)
		return fd;
	net_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	net_set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1); /* an urgent byte is one of the stream (RFC 6093, 3.1) */
	return net_start(fd, &to);
}

int net_probe(const struct net_addr *addr)
{
	struct net_addr to;
	int fd = net_outgoing(addr, &to);

	if (fd < 0)
		return fd;
#ifdef TCP_QUICKACK
	net_set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
#endif
	net_reset_on_close(fd);
	return net_start(fd, &to);
}

bool net_own(int fd, struct net_addr *own)
{
	socklen_t len = sizeof *own;

	memset(own, 0, sizeof *own);
	return getsockname(fd, &own->sa.any, &len) == 0;
}

bool net_moved(int fd, const struct net_addr *addr)
{
	uint32_t now = net_zoned(addr) ? zone_index(addr->sa.v6.sin6_scope_id) : 0;
	struct net_addr own;

	return now && net_own(fd, &own) && own.sa.v6.sin6_scope_id && own.sa.v6.sin6_scope_id != now;
}

int net_replace(int fd, int by)
{
	int error = dup2(by, fd) < 0 ? errno : 0;

	close(by);
	if (error)
		return -error;
	net_nonblocking(fd);
	return fd;
}

int64_t net_connect_time(int fd, int64_t since)
{
#if defined(__linux__) || defined(__FreeBSD__)
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -1;
#ifdef __linux__
	/* The round trip is that of the SYN that was answered, but there were others before it. Linux sets both clocks when
	 * the answer comes; a side that has said something since has set one of them again. To a jiffy. */
	if (info.tcpi_total_retrans) {
		int64_t ms = info.tcpi_last_data_sent > info.tcpi_last_data_recv ? info.tcpi_last_data_sent
		                                                                : info.tcpi_last_data_recv;

		return since > ms * 1000 ? since - ms * 1000 : info.tcpi_rtt;
	}
#endif
	return info.tcpi_rtt;
#else
	(void)fd, (void)since;
#endif
	return -1;
}

/* A connect to a port of this host that nobody listens on, but that the system has just given to the socket itself,
 * does succeed: both ends are one. */
static bool is_own_peer(int fd)
{
	struct net_addr peer = { 0 }, own;
	socklen_t len = sizeof peer;

	return getpeername(fd, &peer.sa.any, &len) == 0 && net_own(fd, &own) && net_compare(&peer, &own) == 0;
}

int net_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return !error && is_own_peer(fd) ? ECONNREFUSED : error;
}

bool net_connected(int fd)
{
	struct net_addr peer;
	socklen_t len = sizeof peer;

	return getpeername(fd, &peer.sa.any, &len) == 0;
}

int net_unsent(int fd)
{
	int bytes = 0;

#ifdef __linux__
	ioctl(fd, TIOCOUTQ, &bytes); /* of a socket: bytes that are not acknowledged, see tcp(7), SIOCOUTQ */
#else
	(void)fd;
#endif
	return bytes;
}

size_t net_room(int fd, size_t *size)
{
	int room = 0, unsent = net_unsent(fd);
	socklen_t len = sizeof room;

	*size = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len) < 0 || room < unsent)
		return 0;
	*size = (size_t)room;
	room -= unsent;
	return (size_t)(room - room / 4); /* the kernel counts its own bookkeeping too */
}

void net_reset_on_close(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void net_keepalive(int fd, int idle_s, int every_s, int count)
{
	net_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (!idle_s)
		return;
#ifdef TCP_KEEPIDLE
	net_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	net_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, every_s);
	net_set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
#endif
#ifdef TCP_USER_TIMEOUT
	net_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle_s + every_s * count) * 1000);
#endif
	(void)idle_s, (void)every_s, (void)count;
}
