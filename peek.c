#include "base.h"
#include "peek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys.h"

#define CLIENTS_MAX 64
#define PATIENCE_MS 10000
#define LINGER_MS 1000
#define PAUSE_MS 200

static void put_entry(const struct route_entry *e, struct buf *out)
{
	buf_puts(out, e->listener->name);
	if (e->listener->error)
		buf_printf(out, " (cannot listen: %s)", strerror(e->listener->error));
	buf_printf(out, "\n  ├ %s\n", route_balance_names[e->balance]);
	for (unsigned i = 0; i < e->count; i++)
		buf_printf(out, "  ├──➤ %s%s\n", e->backends[i]->name, atomic_load(&e->backends[i]->unhealthy) ? " (unhealthy)" : "");
}

static void put_visible(struct buf *out, const char *before, const char *text)
{
	buf_puts(out, before);
	buf_visible(out, text, strlen(text));
}

void peek_text(const struct route_table *t, struct buf *out)
{
	if (!t->count)
		buf_puts(out, "No registered backends. Please verify routing configuration.\n");
	for (size_t i = 0; i < t->count; i++)
		put_entry(&t->entries[i], out);
	for (size_t i = 0; i < t->refused_count; i++) {
		put_visible(out, "# refused: ", t->refused[i].service);
		put_visible(out, " wants ", t->refused[i].wish);
		put_visible(out, ": ", t->refused[i].reason);
		buf_puts(out, "\n");
	}
}

struct peek_client {
	struct loop_io io;
	struct loop_timer timer;
	struct peek_client *prev, *next;
	struct buf text;
	size_t sent;
	int64_t give_up;
};

int peek_open(struct peek *p, struct loop *loop, struct route *route, const struct net_addr *at)
{
	int fd = net_listen(at);

	if (fd < 0)
		return -fd;
	*p = (struct peek){ .loop = loop, .route = route, .listener = LOOP_IO(fd, PEEK_LISTENER) };
	loop_fifo_open(loop, &p->patience, PATIENCE_MS, 0);
	loop_fifo_open(loop, &p->linger, LINGER_MS, 0);
	loop_fifo_open(loop, &p->pause, PAUSE_MS, 0);
	return loop_want(loop, &p->listener, LOOP_IN) ? 0 : errno;
}

static void drop(struct peek *p, struct peek_client *c)
{
	loop_disarm(&c->timer);
	loop_close_fd(p->loop, &c->io);
	buf_free(&c->text);
	if (c->next)
		c->next->prev = c->prev;
	*(c->prev ? &c->prev->next : &p->clients) = c->next;
	p->count--;
	loop_free(p->loop, c);
}

/* Writes what is left, then its end, and waits a moment for the client's: closing on unread input would reset the
 * connection, and take the text with it. Some kinds of nc wait for their own input to end: those are then reset, which
 * ends them, and leaves the text that has arrived. */
static void serve(struct peek *p, struct peek_client *c)
{
	while (c->sent < c->text.len) {
		ssize_t n = send(c->io.fd, c->text.data + c->sent, c->text.len - c->sent, 0);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_want(p->loop, &c->io, LOOP_OUT);
			return;
		}
		if (n < 0) {
			drop(p, c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (shutdown(c->io.fd, SHUT_WR) < 0 || !loop_want(p->loop, &c->io, LOOP_IN))
		drop(p, c);
	else
		loop_arm(p->loop, &p->linger, &c->timer);
}

static void discard_input(struct peek *p, struct peek_client *c)
{
	char bytes[256];
	ssize_t n = recv(c->io.fd, bytes, sizeof bytes, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
		drop(p, c);
}

static void welcome(struct peek *p)
{
	struct net_addr from;
	int fd = net_accept(p->listener.fd, &from);
	struct peek_client *c;

	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
		loop_want(p->loop, &p->listener, 0);
		loop_arm(p->loop, &p->pause, &p->resume);
	}
	if (fd < 0)
		return;
	if (p->count == CLIENTS_MAX) {
		close(fd);
		return;
	}
	c = sys_alloc(sizeof *c);
	c->io = LOOP_IO(fd, PEEK_CLIENT);
	c->next = p->clients;
	if (c->next)
		c->next->prev = c;
	p->clients = c;
	p->count++;
	c->give_up = p->loop->now + PATIENCE_MS;
	loop_arm(p->loop, &p->patience, &c->timer);
	peek_text(p->route->table, &c->text);
	serve(p, c);
}

void peek_ready(struct peek *p, struct loop_io *io, unsigned events)
{
	struct peek_client *c = (struct peek_client *)(void *)io;

	if (io->kind == PEEK_LISTENER)
		welcome(p);
	else if (c->sent < c->text.len && (events & LOOP_OUT))
		serve(p, c);
	else
		discard_input(p, c);
}

bool peek_expired(struct peek *p, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct peek_client *c = (struct peek_client *)(void *)((char *)timer - offsetof(struct peek_client, timer));

	if (fifo == &p->pause) {
		loop_want(p->loop, &p->listener, LOOP_IN);
	} else if (fifo == &p->linger && net_unsent(c->io.fd) && p->loop->now < c->give_up) {
		loop_arm(p->loop, &p->linger, &c->timer);
	} else if (fifo == &p->linger || fifo == &p->patience) {
		net_reset_on_close(c->io.fd);
		drop(p, c);
	} else {
		return false;
	}
	return true;
}

void peek_close(struct peek *p)
{
	while (p->clients)
		drop(p, p->clients);
	loop_close_fd(p->loop, &p->listener);
}
