#include "base.h"
#include "resolve_channel.h"

#include <errno.h>
#include <sys/socket.h>

#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "sys.h"
#include "text.h"

#define PIECE 16384 /* of TCP, that is read at once */

void resolve_channel_close(struct loop *loop, struct resolve_channel *channel)
{
	loop_close_fd(loop, &channel->io);
	if (channel->message.data)
		loop_free(loop, channel->message.data);
	loop_free(loop, channel);
}

struct resolve_channel *resolve_channel_open(struct loop *loop, uint8_t kind, const struct net_addr *addr, bool tcp, int *error)
{
	int fd = tcp ? net_connect(addr) : net_connect_udp(addr);
	struct resolve_channel *channel;

	if (fd < 0) {
		*error = net_again(-fd) ? ENOBUFS : -fd; /* of UDP: there is no port */
		return NULL;
	}
	channel = sys_alloc(sizeof *channel);
	channel->io = LOOP_IO(fd, kind);
	channel->tcp = tcp;
	if (loop_want(loop, &channel->io, tcp ? LOOP_OUT : LOOP_IN))
		return channel;
	*error = ENOMEM;
	resolve_channel_close(loop, channel);
	return NULL;
}

int resolve_channel_send(struct loop *loop, struct resolve_channel *channel, uint8_t *room, size_t len)
{
	int error = channel->tcp ? net_error(channel->io.fd) : 0;

	if (error)
		return error;
	if (channel->tcp) {
		room[0] = (uint8_t)(len >> 8);
		room[1] = (uint8_t)len;
		len += RESOLVE_HEAD;
	} else {
		room += RESOLVE_HEAD;
	}
	channel->sent = true;
	if (send(channel->io.fd, room, len, MSG_NOSIGNAL) != (ssize_t)len) /* of TCP, the buffer was empty */
		return net_again(errno) ? ENOBUFS : errno;
	return loop_want(loop, &channel->io, LOOP_IN) ? 0 : ENOMEM;
}

static int receive_udp(struct resolve_channel *channel, uint8_t room[RESOLVE_UDP], const uint8_t **message, size_t *len)
{
	ssize_t n = recv(channel->io.fd, room, RESOLVE_UDP, 0);

	if (n < 0)
		return net_again(errno) ? 0 : errno;
	*message = room;
	*len = (size_t)n;
	return 0;
}

static int receive_tcp(struct resolve_channel *channel, const uint8_t **message, size_t *len)
{
	struct buf *all = &channel->message;
	ssize_t n = recv(channel->io.fd, buf_room(all, PIECE), PIECE, 0);
	const uint8_t *bytes = (const uint8_t *)all->data;

	if (n <= 0)
		return n == 0 ? ECONNRESET : net_again(errno) ? 0 : errno;
	all->len += (size_t)n;
	*len = all->len < RESOLVE_HEAD ? SIZE_MAX : (size_t)(bytes[0] << 8 | bytes[1]);
	if (all->len >= *len && all->len - *len >= RESOLVE_HEAD)
		*message = bytes + RESOLVE_HEAD;
	return 0;
}

int resolve_channel_receive(struct resolve_channel *channel, uint8_t room[RESOLVE_UDP], const uint8_t **message, size_t *len)
{
	*message = NULL;
	return channel->tcp ? receive_tcp(channel, message, len) : receive_udp(channel, room, message, len);
}
