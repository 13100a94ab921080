/* net: addresses both ways, and sockets that are non-blocking and closed on exec. */
#ifndef NET_H
#define NET_H

#include "base.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "sys.h"
#include "text.h"

struct net_addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
};

#define NET_TEXT 80 /* room for any address as text, scope and port included */

/* Cuts `host:port`, `[v6]:port` or `:port` (an empty host). Returns NULL or the reason against it; the host is not
 * looked at. */
const char *net_split(struct slice text, struct slice *host, uint16_t *port);
/* As net_split, and the port may be a range: host:5000-5149. *last is *first when it is none. The reason may be in the arena. */
const char *net_split_range(struct slice text, struct arena *memory, struct slice *host, uint16_t *first, uint16_t *last);
bool net_is_srv(struct slice name); /* _service._proto.domain: a name of SRV records (RFC 2782), which say ports themselves */
/* As net_split; an SRV name has no port behind it: *port is 0. */
const char *net_split_target(struct slice text, struct slice *host, uint16_t *port);
/* PORT:HOST:PORT or PORT:SRV-NAME, a route as tcpproxy has it: the port to listen on, and where to. Returns NULL or the
 * reason. */
const char *net_split_route(struct slice text, uint16_t *listen, struct slice *to);
#define NET_RANGE_PORTS 4096 /* most ports of a range */
bool net_is_list(struct slice text); /* more than one of them: a:1,b:2 or a:1 b:2 */
const char *net_port(struct slice text, uint16_t *port); /* 1-65535 */
bool net_is_host(struct slice host); /* nothing in it that neither names nor addresses have */
/* An address in digits, brackets or not; ::ffff:1.2.3.4 is 1.2.3.4. An interface (fe80::1%eth0) is looked for again each
 * time when the address is used. */
bool net_numeric(struct slice host, uint16_t port, struct net_addr *out);
/* The same with a port behind it, or without: then it is this one. */
bool net_numeric_port(struct slice text, uint16_t port, struct net_addr *out);
/* Before it is read, of an address that the operator has written: its interface need not exist yet. */
void net_keep_zone(struct slice host);
/* Where the operator has us listen: an address in digits, localhost, or nothing (every IPv4 address). */
bool net_local(struct slice host, uint16_t port, struct net_addr *out);

void net_print_ip(const struct net_addr *addr, char out[INET6_ADDRSTRLEN]); /* 1.2.3.4, ::1, without port and zone */
void net_print(const struct net_addr *addr, char out[NET_TEXT]); /* 1.2.3.4:80, [::1]:80 */
void net_put_host_port(struct buf *out, const char *host, uint16_t port); /* brackets around an IPv6 address; visible */
void net_put_ports(struct buf *out, const struct net_addr *addr, unsigned last); /* 1.2.3.4:80-89, from its port to the last one */
int net_compare(const struct net_addr *left, const struct net_addr *right); /* by family, address, port */
int net_by_address(const void *left, const void *right); /* the same, for qsort and bsearch */
bool net_same_host(const struct net_addr *left, const struct net_addr *right); /* but for the port */
uint16_t net_addr_port(const struct net_addr *addr);
void net_set_port(struct net_addr *addr, uint16_t port);
bool net_is_any(const struct net_addr *addr);
bool net_is_loopback(const struct net_addr *addr);
void net_unmap(struct net_addr *addr); /* ::ffff:1.2.3.4 becomes 1.2.3.4 */
bool net_zoned(const struct net_addr *addr); /* it names an interface */
/* The addresses of this host's interfaces, sorted, without ports and zones. The caller frees them. 0: not known. */
size_t net_here(struct net_addr **out);

/* A network: the addresses whose first `bits` bits are the same. */
struct net_range {
	struct net_addr addr;
	uint8_t bits;
};
/* 10.0.0.0/8, 2001:db8::/32, or one address. Returns NULL or the reason against it. */
const char *net_range(struct slice text, struct net_range *out);
#define NET_RANGE_TEXT (NET_TEXT + 4)
void net_print_range(const struct net_range *range, char out[NET_RANGE_TEXT]); /* 10.0.0.0/8 */
void net_print_host(const struct net_addr *addr, char out[NET_TEXT]); /* without its port: 1.2.3.4, ::1 */
bool net_in_range(const struct net_range *range, const struct net_addr *addr);

struct net_ranges {
	struct net_range *items;
	size_t count;
};
/* Networks in a comma list; empty parts do not count. They live in the arena. NULL or the reason, as net_range. */
const char *net_ranges_parse(struct slice list, struct arena *memory, struct net_ranges *out);
bool net_ranges_have(const struct net_ranges *ranges, const struct net_addr *addr);
bool net_ranges_equal(const struct net_ranges *a, const struct net_ranges *b);

/* What an errno means. */
bool net_again(int error);     /* not now: EAGAIN, EWOULDBLOCK, EINTR */
bool net_exhausted(int error); /* no descriptor or memory is left: it says nothing of the other side */
bool net_was_reached(int error); /* of a connect: the other side had answered it, and did not like what it got */
bool net_refused(int error);   /* an old system, or a sandbox, does not do this: it will not do it later, either */

/* Sockets. Each returns a descriptor or -errno. What net_accept returns has TCP_NODELAY and keepalive already on
 * systems where a listening socket passes them on; elsewhere they are set. */
int net_listen(const struct net_addr *addr);
int net_accept(int fd, struct net_addr *peer);
int net_connect_unix(const char *path); /* to a socket of the file system, at once; -EAGAIN when it is full */
int net_connect(const struct net_addr *addr); /* in progress, as a rule; net_error tells how it ended */
int net_connect_udp(const struct net_addr *addr); /* UDP: to that address, from a port that the system draws; at once */
/* As net_connect, to see whether somebody answers. Where the system can delay the last packet of the hand-shake (Linux:
 * 200 ms) it does not reach the other side's accept(), if it is closed meanwhile. Closing resets it, everywhere. */
int net_probe(const struct net_addr *addr);

/* Listens at addr, whose interface has been made anew since: nobody can reach it any more. */
bool net_moved(int fd, const struct net_addr *addr);
int net_replace(int fd, int by); /* fd is now the socket `by`, and what it was is closed; or -errno, and `by` is closed */

bool net_is_here(const struct net_addr *addr); /* an address of this host */
bool net_own(int fd, struct net_addr *own); /* the address at this end */
/* How long the connect took, which began so many microseconds ago; later only one side may have said something. -1 where
 * the system does not tell. */
int64_t net_connect_time(int fd, int64_t since);
int net_error(int fd);         /* what SO_ERROR holds, a positive errno, 0 for none; ECONNREFUSED: it is its own peer */
int net_probed(int fd);        /* how a connect stands: EINPROGRESS, 0: it has succeeded, or as net_error */
bool net_connected(int fd);    /* whether the other side has answered the connect */
int net_unsent(int fd);        /* bytes that the other side has not acknowledged; 0 where that is not known */
size_t net_room(int fd, size_t *size); /* about how many bytes a send would take now, of a buffer of *size */
void net_reset_on_close(int fd); /* close() will send RST */
/* With idle_s 0 the system's own times; else these, and TCP_USER_TIMEOUT alike where it exists. */
void net_keepalive(int fd, int idle_s, int every_s, int count);
void net_nonblocking(int fd); /* and closed on exec */
bool net_pipe(int fds[2]);   /* non-blocking, closed on exec */

#endif
