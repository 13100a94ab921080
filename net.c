#include "base.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "zone.h"

#define BACKLOG 4096 /* the system cuts it to its own limit */

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

bool net_refused(int error)
{
	return error == ENOSYS || error == EPERM || error == EACCES || error == EINVAL || error == EOPNOTSUPP;
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

static int net_socket(int family, int type)
{
#ifdef SOCK_NONBLOCK
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
	int fd = socket(family, type, 0);

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

/* A socket for addr, which *found gets with the number that its interface has now. */
static int net_socket_for(const struct net_addr *addr, int type, struct net_addr *found)
{
	*found = *addr;
	if (net_zoned(addr) && !(found->sa.v6.sin6_scope_id = zone_index(addr->sa.v6.sin6_scope_id)))
		return -ENODEV;
	return net_socket(addr->sa.any.sa_family, type);
}

int net_listen(const struct net_addr *addr)
{
	struct net_addr at;
	int fd = net_socket_for(addr, SOCK_STREAM, &at);

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

bool net_is_here(const struct net_addr *addr)
{
	struct net_addr at;
	int fd = net_socket_for(addr, SOCK_STREAM, &at);
	bool here;

	net_set_port(&at, 0);
	if (fd < 0)
		return net_exhausted(-fd); /* not known */
	here = bind(fd, &at.sa.any, addr_length(&at)) == 0 || errno != EADDRNOTAVAIL;
	close(fd);
	return here;
}

static int plain_accept(int fd, struct net_addr *peer)
{
	socklen_t len = sizeof *peer;
	int got = accept(fd, &peer->sa.any, &len);

	if (got < 0)
		return -errno;
	net_nonblocking(got);
	return got;
}

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)

/* A sandbox may refuse accept4(), and not accept(): then it is not asked again. */
static int accept_socket(int fd, struct net_addr *peer)
{
	static atomic_bool refused;
	socklen_t len = sizeof *peer;
	int got = -ENOSYS;

	if (!atomic_load_explicit(&refused, memory_order_relaxed)) {
		got = accept4(fd, &peer->sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		got = got < 0 ? -errno : got;
	}
	if (got >= 0 || !net_refused(-got))
		return got;
	got = plain_accept(fd, peer);
	if (got >= 0 || net_again(-got))
		atomic_store_explicit(&refused, true, memory_order_relaxed);
	return got;
}

#else

static int accept_socket(int fd, struct net_addr *peer)
{
	int got = plain_accept(fd, peer);

	if (got < 0)
		return got;
	net_set_option(got, IPPROTO_TCP, TCP_NODELAY, 1);
	net_set_option(got, SOL_SOCKET, SO_KEEPALIVE, 1);
	net_set_option(got, SOL_SOCKET, SO_OOBINLINE, 1);
	return got;
}

#endif

int net_accept(int fd, struct net_addr *peer)
{
	memset(peer, 0, sizeof *peer);
	return accept_socket(fd, peer);
}

/* Without SO_REUSEADDR the port that the system chooses for this end could not be listened on for as long as the
 * connection lives, and a minute more. */
static int net_outgoing(const struct net_addr *addr, struct net_addr *to)
{
	int fd = net_socket_for(addr, SOCK_STREAM, to);

	if (fd >= 0)
		net_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return fd;
}

/* EADDRNOTAVAIL has two meanings: that no port is free, or that this host has no address for that network (IPv6 is
 * disabled). A datagram socket has ports of its own, and says only the second. */
static bool lacks_address(const struct net_addr *to)
{
	int fd = socket(to->sa.any.sa_family, SOCK_DGRAM, 0);
	bool lacks = fd >= 0 && connect(fd, &to->sa.any, addr_length(to)) < 0 && errno == EADDRNOTAVAIL;

	if (fd >= 0)
		close(fd);
	return lacks;
}

static int net_start(int fd, const struct net_addr *to)
{
	if (connect(fd, &to->sa.any, addr_length(to)) == 0 || errno == EINPROGRESS)
		return fd;
	if (errno == EADDRNOTAVAIL)
		errno = lacks_address(to) ? ENETUNREACH : EADDRNOTAVAIL;
	return net_give_up(fd);
}

int net_connect_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = strlen(path) < sizeof to.sun_path ? net_socket(AF_UNIX, SOCK_STREAM) : -ENAMETOOLONG;

	if (fd < 0)
		return fd;
	memcpy(to.sun_path, path, strlen(path));
	return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : net_give_up(fd);
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

int net_connect_udp(const struct net_addr *addr)
{
	struct net_addr to;
	int fd = net_socket_for(addr, SOCK_DGRAM, &to);

	return fd < 0 || connect(fd, &to.sa.any, addr_length(&to)) == 0 ? fd : net_give_up(fd);
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

bool net_connected(int fd)
{
	struct net_addr peer;
	socklen_t len = sizeof peer;

	return getpeername(fd, &peer.sa.any, &len) == 0;
}

int net_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		error = errno;
		return net_connected(fd) ? 0 : error; /* refused, by a sandbox: a failed connect leaves no peer */
	}
	return !error && is_own_peer(fd) ? ECONNREFUSED : error;
}

/* Of a connect that has succeeded, which is the rule, it asks only once. */
int net_probed(int fd)
{
	struct net_addr peer = { 0 }, own;
	socklen_t len = sizeof peer;
	int error;

	if (getpeername(fd, &peer.sa.any, &len) == 0)
		return net_own(fd, &own) && net_compare(&peer, &own) == 0 ? ECONNREFUSED : 0;
	error = net_error(fd);
	return error ? error : EINPROGRESS;
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

size_t net_here(struct net_addr **out)
{
	struct ifaddrs *all, *at;
	size_t count = 0, cap = 0;

	*out = NULL;
	if (getifaddrs(&all) < 0)
		return 0; /* a sandbox */
	for (at = all; at; at = at->ifa_next) {
		int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
		struct net_addr addr = { .sa.any.sa_family = (sa_family_t)family };

		if (family == AF_INET)
			addr.sa.v4.sin_addr = ((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
		else if (family == AF_INET6)
			addr.sa.v6.sin6_addr = ((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr;
		else
			continue;
		SYS_GROW(*out, count, cap);
		(*out)[count++] = addr;
	}
	freeifaddrs(all);
	if (count)
		qsort(*out, count, sizeof **out, net_by_address);
	return count;
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
