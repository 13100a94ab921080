#include "base.h"
#include "admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys.h"

#define CLIENTS_MAX 64
#define PATIENCE_MS 10000 /* for a request, and for an answer of which nothing is taken */
#define STUCK_MS 1000 /* then a slow reader gives way, when there are too many */
#define LINGER_MS 1000
#define PAUSE_MS 200

void admin_open(struct admin *s, struct loop *loop)
{
	s->loop = loop;
	s->listener = LOOP_IO(-1, s->kind);
	loop_fifo_open(loop, &s->patience, PATIENCE_MS, 0);
	loop_fifo_open(loop, &s->linger, LINGER_MS, 0);
	loop_fifo_open(loop, &s->pause, PAUSE_MS, 0);
}

/* Clients. */

struct admin_body *admin_body(struct admin *s, struct buf *text)
{
	struct admin_body *b = sys_alloc(sizeof *b);

	*b = (struct admin_body){ .text = *text, .refs = 1 };
	*text = (struct buf){ 0 };
	s->held += b->text.len;
	return b;
}

struct admin_body *admin_body_ref(struct admin_body *b)
{
	b->refs++;
	return b;
}

void admin_body_unref(struct admin *s, struct admin_body *b)
{
	if (!b || --b->refs)
		return;
	s->held -= b->text.len;
	buf_free(&b->text);
	free(b);
}

/* Bytes that are to be sent, and have not been. */
static size_t left(const struct admin_client *c)
{
	return c->out.len + (c->body ? c->body->text.len : 0) - c->sent;
}

static void forget_answer(struct admin *s, struct admin_client *c)
{
	buf_free(&c->out);
	admin_body_unref(s, c->body);
	c->body = NULL;
	c->sent = 0;
}

static void drop(struct admin *s, struct admin_client *c)
{
	loop_disarm(&c->timer);
	loop_close_fd(s->loop, &c->io);
	buf_free(&c->in);
	forget_answer(s, c);
	if (c->next)
		c->next->prev = c->prev;
	*(c->prev ? &c->prev->next : &s->clients) = c->next;
	s->count--;
	loop_free(s->loop, c);
}

static bool is_idle(const struct admin_client *c)
{
	return !c->last && !c->waiting && !c->in.len && !left(c);
}

/* False: all have something under way. */
static bool make_room(struct admin *s)
{
	struct admin_client *longest = NULL;

	for (struct admin_client *c = s->clients; c; c = c->next)
		if (is_idle(c) && (!longest || c->timer.at < longest->timer.at))
			longest = c;
	if (longest)
		drop(s, longest);
	return longest;
}

bool admin_relieve(struct admin *s)
{
	struct admin_client *longest = NULL;

	for (struct admin_client *c = s->clients; c; c = c->next)
		if (c->body && c->timer.at - PATIENCE_MS + STUCK_MS <= s->loop->now && (!longest || c->timer.at < longest->timer.at))
			longest = c;
	if (!longest)
		return false;
	net_reset_on_close(longest->io.fd);
	drop(s, longest);
	return true;
}

/* Where it listened. */

static void dismiss_clients(struct admin *s)
{
	for (struct admin_client *c = s->clients, *next; c; c = next) {
		next = c->next;
		c->dismissed = true;
		if (is_idle(c))
			drop(s, c);
	}
}

static void stop_listening(struct admin *s)
{
	loop_disarm(&s->resume);
	if (s->listener.fd >= 0)
		loop_close_fd(s->loop, &s->listener);
}

static int start_listening(struct admin *s, int fd, const struct net_addr *at)
{
	s->listener = LOOP_IO(fd, s->kind);
	s->at = *at;
	return loop_want(s->loop, &s->listener, LOOP_IN) ? 0 : errno;
}

int admin_listen(struct admin *s, const struct net_addr *at)
{
	bool was = s->listener.fd >= 0;
	struct net_addr before = s->at;
	int fd, back;

	if (!at) {
		stop_listening(s);
		dismiss_clients(s);
		return 0;
	}
	if (was && net_compare(at, &before) == 0)
		return 0;
	fd = net_listen(at);
	if (fd == -EADDRINUSE && was) { /* perhaps by ourselves: 127.0.0.1 and 0.0.0.0 exclude each other */
		stop_listening(s);
		fd = net_listen(at);
		back = fd < 0 ? net_listen(&before) : -1;
		if (back >= 0)
			start_listening(s, back, &before);
	}
	if (fd < 0)
		return -fd;
	stop_listening(s);
	dismiss_clients(s);
	return start_listening(s, fd, at);
}

void admin_close(struct admin *s)
{
	while (s->clients)
		drop(s, s->clients);
	if (s->listener.fd >= 0)
		loop_close_fd(s->loop, &s->listener);
}

/* Says that nothing follows, and waits a moment for the client's end: closing on unread input would reset the
 * connection, and take the text with it. Some kinds of nc wait for their own input to end: those are then reset, which
 * ends them, and leaves the text that has arrived. */
static void finish(struct admin *s, struct admin_client *c)
{
	c->give_up = s->loop->now + PATIENCE_MS;
	if (shutdown(c->io.fd, SHUT_WR) < 0 || !loop_want(s->loop, &c->io, LOOP_IN))
		drop(s, c);
	else
		loop_arm(s->loop, &s->linger, &c->timer);
}

static bool finished(const struct admin_client *c)
{
	return c->last && !left(c);
}

static ssize_t send_some(const struct admin_client *c)
{
	struct iovec parts[2];
	struct msghdr message = { .msg_iov = parts };
	size_t skip = c->sent;

	if (skip < c->out.len) {
		parts[message.msg_iovlen++] = (struct iovec){ c->out.data + skip, c->out.len - skip };
		skip = c->out.len;
	}
	skip -= c->out.len;
	if (c->body && skip < c->body->text.len)
		parts[message.msg_iovlen++] = (struct iovec){ c->body->text.data + skip, c->body->text.len - skip };
	return sendmsg(c->io.fd, &message, 0);
}

/* False when the client is gone. */
static bool flush(struct admin *s, struct admin_client *c)
{
	while (left(c)) {
		ssize_t n = send_some(c);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (loop_want(s->loop, &c->io, LOOP_OUT))
				return true;
		}
		if (n < 0) {
			drop(s, c);
			return false;
		}
		c->sent += (size_t)n;
		loop_arm(s->loop, &s->patience, &c->timer);
	}
	forget_answer(s, c);
	if (c->last) {
		finish(s, c);
		return false;
	}
	if (loop_want(s->loop, &c->io, LOOP_IN))
		return true;
	drop(s, c);
	return false;
}

void admin_answer(struct admin *s, struct admin_client *c, bool last)
{
	c->last = last;
	c->waiting = false;
	loop_arm(s->loop, &s->patience, &c->timer);
	flush(s, c);
}

static void discard_input(struct admin *s, struct admin_client *c)
{
	char bytes[256];
	ssize_t n = recv(c->io.fd, bytes, sizeof bytes, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
		drop(s, c);
}

static void read_input(struct admin *s, struct admin_client *c)
{
	size_t room = ADMIN_INPUT_MAX - c->in.len;
	ssize_t n;

	if (!room && c->waiting && loop_want(s->loop, &c->io, 0))
		return; /* until its answer is out */
	n = room ? recv(c->io.fd, buf_room(&c->in, room), room, 0) : -1;
	if (n < 0 && room && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n == 0 && c->waiting && loop_want(s->loop, &c->io, 0))
		return; /* it has said all, and its answer will come */
	if (n <= 0) {
		drop(s, c);
		return;
	}
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	s->input(s, c);
}

static void welcome(struct admin *s)
{
	struct net_addr from;
	int fd = net_accept(s->listener.fd, &from);
	struct admin_client *c;

	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
		loop_want(s->loop, &s->listener, 0);
		loop_arm(s->loop, &s->pause, &s->resume);
	}
	if (fd < 0)
		return;
	if (s->count == CLIENTS_MAX && !make_room(s)) {
		close(fd);
		return;
	}
	c = sys_alloc(sizeof *c);
	c->io = LOOP_IO(fd, (uint8_t)(s->kind + 1));
	c->next = s->clients;
	if (c->next)
		c->next->prev = c;
	s->clients = c;
	s->count++;
	loop_arm(s->loop, &s->patience, &c->timer);
	if (s->greet)
		s->greet(s, c);
	else if (!loop_want(s->loop, &c->io, LOOP_IN))
		drop(s, c);
}

bool admin_ready(struct admin *s, struct loop_io *io, unsigned events)
{
	struct admin_client *c = (struct admin_client *)(void *)io;

	if (io == &s->listener) {
		welcome(s);
		return true;
	}
	if (io->kind != s->kind + 1)
		return false;
	if (left(c)) {
		if ((events & LOOP_OUT) && flush(s, c) && !left(c) && s->input)
			s->input(s, c); /* the next request may be there already */
	} else if (finished(c) || !s->input) {
		discard_input(s, c);
	} else {
		read_input(s, c);
	}
	return true;
}

bool admin_expired(struct admin *s, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct admin_client *c = (struct admin_client *)(void *)((char *)timer - offsetof(struct admin_client, timer));

	if (fifo == &s->pause) {
		loop_want(s->loop, &s->listener, LOOP_IN);
	} else if (fifo == &s->linger && net_unsent(c->io.fd) && s->loop->now < c->give_up) {
		loop_arm(s->loop, &s->linger, &c->timer);
	} else if (fifo == &s->patience && is_idle(c)) {
		c->last = true; /* it has nothing more to ask */
		finish(s, c);
	} else if (fifo == &s->linger || fifo == &s->patience) {
		net_reset_on_close(c->io.fd);
		drop(s, c);
	} else {
		return false;
	}
	return true;
}
