#include "base.h"
#include "handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "sys.h"

#define VERSION_LINE "dill-handover 1\n"
#define BODY_MAX (80u << 20)
#define READ_SIZE 65536

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored everywhere */
#endif

struct head {
	uint16_t type, sockets; /* sockets: 0 or 1 */
	uint32_t len;
};

void handover_open(struct handover *end, int fd)
{
	*end = (struct handover){ .fd = fd };
	net_nonblocking(fd);
	buf_puts(&end->out, VERSION_LINE);
}

bool handover_is_open(const struct handover *end)
{
	return end->out.data; /* it has begun with its version */
}

void handover_close(struct handover *end)
{
	if (!handover_is_open(end))
		return;
	while (end->fd_count)
		close(end->fds[--end->fd_count]);
	close(end->fd);
	buf_free(&end->in);
	buf_free(&end->out);
	*end = (struct handover){ .fd = -1 };
}

void handover_put(struct handover *end, enum handover_type type, bool socket, struct slice body)
{
	struct head head = { (uint16_t)type, socket, (uint32_t)body.len };

	buf_add(&end->out, &head, sizeof head);
	buf_add(&end->out, body.at, body.len);
}

void handover_unput(struct handover *end, size_t at)
{
	end->out.len = at;
}

/* Room for the sockets of one message, as the system wants it. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(HANDOVER_BATCH * sizeof(int))];
};

int handover_send(struct handover *end, const int *fds, unsigned count, bool *passed)
{
	union control control;
	ssize_t n;

	*passed = !count;
	while (end->sent < end->out.len) {
		struct iovec bytes = { end->out.data + end->sent, end->out.len - end->sent };
		struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

		if (!*passed) {
			memset(&control, 0, sizeof control);
			message.msg_control = &control;
			message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
			control.head.cmsg_level = SOL_SOCKET;
			control.head.cmsg_type = SCM_RIGHTS;
			control.head.cmsg_len = CMSG_LEN(count * sizeof *fds);
			memcpy(CMSG_DATA(&control.head), fds, count * sizeof *fds);
		}
		n = sendmsg(end->fd, &message, MSG_NOSIGNAL);
		if (n < 0)
			return net_again(errno) ? EAGAIN : errno;
		*passed = true; /* all of them, with the first byte */
		end->sent += (size_t)n;
	}
	end->sent = end->out.len = 0;
	return 0;
}

static void take_sockets(struct handover *end, struct msghdr *message)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
			if (end->fd_count == ARRAY_LEN(end->fds)) {
				close(fd);
				end->why = "brings more sockets than it names";
				continue;
			}
			net_nonblocking(fd);
			end->fds[end->fd_count++] = fd;
		}
	}
	if (message->msg_flags & MSG_CTRUNC)
		end->why = "brings more sockets than there are descriptors";
}

/* What was read before, and taken, makes room. */
static void forget_taken(struct handover *end)
{
	if (end->taken) {
		memmove(end->in.data, end->in.data + end->taken, end->in.len - end->taken);
		end->in.len -= end->taken;
		end->taken = 0;
	}
}

static void check_version(struct handover *end)
{
	size_t len = strlen(VERSION_LINE), have = end->in.len < len ? end->in.len : len;

	if (end->known)
		return;
	if (memcmp(end->in.data, VERSION_LINE, have) != 0)
		end->why = "speaks another version of the hand-over";
	end->known = have == len;
	end->taken = end->known ? len : 0;
}

bool handover_read(struct handover *end)
{
	union control control;
	struct iovec bytes;
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control,
	                          .msg_controllen = sizeof control };
	ssize_t n;

	forget_taken(end);
	bytes = (struct iovec){ buf_room(&end->in, READ_SIZE), READ_SIZE };
	n = recvmsg(end->fd, &message, 0);
	if (n < 0 && net_again(errno))
		return true;
	end->ended = n <= 0;
	if (n > 0) {
		end->in.len += (size_t)n;
		take_sockets(end, &message);
		check_version(end);
	}
	return !end->ended && !end->why;
}

/* The first of those that have come. */
static int next_socket(struct handover *end)
{
	int fd = end->fds[0];

	end->fd_count--;
	memmove(end->fds, end->fds + 1, end->fd_count * sizeof *end->fds);
	return fd;
}

bool handover_next(struct handover *end, struct handover_record *record)
{
	size_t left = end->in.len - end->taken;
	struct head head;

	if (end->why || !end->known || left < sizeof head)
		return false;
	memcpy(&head, end->in.data + end->taken, sizeof head);
	if (head.sockets > 1 || head.len > BODY_MAX)
		end->why = "has a broken record";
	if (end->why || left - sizeof head < head.len)
		return false;
	if (head.sockets && !end->fd_count) {
		end->why = "names a socket that did not come";
		return false;
	}
	*record = (struct handover_record){
		.type = head.type, .body = { end->in.data + end->taken + sizeof head, head.len },
		.fd = head.sockets ? next_socket(end) : -1
	};
	end->taken += sizeof head + head.len;
	return true;
}
