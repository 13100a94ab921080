#include "base.h"
#include "admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handed.h"
#include "log.h"
#include "loop_backend.h"
#include "sys.h"

#define PATIENCE_MS 10000 /* for a request, and for an answer of which nothing is taken */
#define SEND_BUFFER (128 * 1024) /* what the system keeps for a client; by itself that would be megabytes */
#define LINGER_MS 1000
#define GRACE_MS 100 /* for a request, whoever else comes */
#define PAUSE_MS 100
#define TURN_US 1000 /* for parts of answers, of all clients together, and then others have the loop for */
#define TURN_MS 1

void admin_open(struct admin *admin, struct loop *loop)
{
	admin->loop = loop;
	admin->listener = LOOP_IO(-1, admin->kind);
	loop_fifo_open(loop, &admin->patience, PATIENCE_MS, 0);
	loop_fifo_open(loop, &admin->linger, LINGER_MS, 0);
	loop_fifo_open(loop, &admin->pause, PAUSE_MS, 0);
	loop_fifo_open(loop, &admin->turns, TURN_MS, 0);
}

/* Clients. */

/* Bytes that are to be sent, and have not been. */
static size_t admin_left(const struct admin_client *client)
{
	return client->out.len - client->sent;
}

/* Something of its answer is still to come. */
static bool admin_is_answered(const struct admin_client *client)
{
	return admin_left(client) || client->body;
}

static void admin_forget_out(struct admin_client *client)
{
	if (client->body && client->out.cap < 4 * BODY_PART)
		client->out.len = 0; /* the next part takes its place */
	else
		buf_free(&client->out);
	client->sent = 0;
}

void admin_forget_body(struct admin_client *client)
{
	body_free(client->body);
	client->body = NULL;
	client->hungry = false;
}

/* Somebody may make room now. */
static void admin_accept_again(struct admin *admin)
{
	if (admin->full && admin->listener.fd >= 0)
		loop_want(admin->loop, &admin->listener, LOOP_IN);
	admin->full = false;
}

void admin_drop(struct admin *admin, struct admin_client *client)
{
	if (admin_is_answered(client))
		net_reset_on_close(client->io.fd); /* an end in order could be taken for that of the answer */
	loop_disarm(&client->timer);
	loop_close_fd(admin->loop, &client->io);
	buf_free(&client->in);
	admin_forget_body(client);
	admin_forget_out(client);
	if (client->next)
		client->next->prev = client->prev;
	*(client->prev ? &client->prev->next : &admin->clients) = client->next;
	admin->count--;
	admin_accept_again(admin);
	loop_free(admin->loop, client);
}

static bool admin_is_idle(const struct admin_client *client)
{
	return !client->last && !client->waiting && !client->in.len && !admin_is_answered(client);
}

static bool admin_has_finished(const struct admin_client *client)
{
	return client->last && !admin_is_answered(client);
}

/* What the other side acknowledges is progress, also while the system takes nothing more from us. */
static void admin_look(struct admin *admin, struct admin_client *client)
{
	int unsent = net_unsent(client->io.fd);

	if (unsent == 1 && admin_has_finished(client))
		unsent = 0; /* its end counts as a byte, and is acknowledged late */
	if (unsent < client->unsent)
		client->moved = admin->loop->now;
	client->unsent = unsent;
}

/* In which order clients make room: there is no loss, little loss, some loss. Who waits for a first answer stays, and who
 * has come just now: else a crowd that comes again and again would leave nobody the time to ask. One that has had an answer
 * does not: a crowd that asks again and again would let nobody in. */
enum admin_stage { ADMIN_SATED, ADMIN_IDLE, ADMIN_BUSY, ADMIN_STAYS };

static enum admin_stage admin_stage(struct admin *admin, struct admin_client *client)
{
	if (!client->served && (client->waiting || admin->loop->now < client->moved + GRACE_MS))
		return ADMIN_STAYS;
	admin_look(admin, client);
	if (!client->served || client->waiting || client->unsent)
		return ADMIN_BUSY;
	return admin_has_finished(client) ? ADMIN_SATED : admin_is_idle(client) ? ADMIN_IDLE : ADMIN_BUSY;
}

/* NULL: all stay. */
static struct admin_client *admin_choose_leaver(struct admin *admin)
{
	struct admin_client *leaver = NULL;
	enum admin_stage first = ADMIN_STAYS;

	for (struct admin_client *client = admin->clients; client; client = client->next) { /* the newest comes first */
		enum admin_stage stage = admin_stage(admin, client);

		if (stage < first || (leaver && stage == first && client->moved <= leaver->moved)) {
			leaver = client;
			first = stage;
		}
	}
	return leaver;
}

/* What it has not taken is not kept by the system, either. */
static void admin_give_up(struct admin *admin, struct admin_client *client)
{
	if (client->unsent)
		net_reset_on_close(client->io.fd);
	admin_drop(admin, client);
}

/* What waits for it. */
static size_t admin_holds(const struct admin_client *client)
{
	return client->out.cap + body_kept(client->body);
}

static bool admin_relieve_once(struct admin *admin)
{
	struct admin_client *longest = NULL;
	size_t held = 0;

	for (struct admin_client *client = admin->clients; client; client = client->next) {
		if (!admin_holds(client))
			continue;
		held += admin_holds(client);
		admin_look(admin, client);
		if (!longest || client->moved <= longest->moved)
			longest = client;
	}
	if (held <= ADMIN_HELD_MAX)
		return false;
	admin_give_up(admin, longest);
	return true;
}

/* Before another part is made. While more is held than may be, the client that has taken nothing of its answer for longest
 * is given up. */
static void admin_relieve(struct admin *admin)
{
	while (admin_relieve_once(admin))
		;
}

/* Where it listened. */

static void admin_dismiss_clients(struct admin *admin)
{
	for (struct admin_client *client = admin->clients, *next; client; client = next) {
		next = client->next;
		client->dismissed = true;
		if (admin_is_idle(client))
			admin_drop(admin, client);
	}
}

static void admin_stop_listening(struct admin *admin)
{
	admin->full = false;
	loop_disarm(&admin->resume);
	if (admin->listener.fd < 0)
		return;
	loop_forget(admin->loop, &admin->listener); /* another process may have it, too */
	loop_close_fd(admin->loop, &admin->listener);
}

static int admin_start_listening(struct admin *admin, int fd, const struct net_addr *at)
{
	int size = SEND_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* what it accepts has it too */
	admin->listener = LOOP_IO(fd, admin->kind);
	admin->at = *at;
	return admin->early || loop_want(admin->loop, &admin->listener, LOOP_IN) ? 0 : errno;
}

void admin_begin(struct admin *admin)
{
	admin->early = false;
	if (admin->listener.fd >= 0)
		loop_want(admin->loop, &admin->listener, LOOP_IN);
}

int admin_listen(struct admin *admin, const struct net_addr *at)
{
	bool was = admin->listener.fd >= 0, handed;
	struct net_addr before = admin->at;
	int fd, back;

	if (!at) {
		admin_stop_listening(admin);
		admin_dismiss_clients(admin);
		return 0;
	}
	if (was && net_compare(at, &before) == 0 && !net_moved(admin->listener.fd, at))
		return 0;
	fd = handed_listen(at, &handed);
	if (fd == -EADDRINUSE && was) { /* perhaps by ourselves: 127.0.0.1 and 0.0.0.0 exclude each other */
		admin_stop_listening(admin);
		fd = net_listen(at);
		back = fd < 0 ? net_listen(&before) : -1;
		if (back >= 0)
			admin_start_listening(admin, back, &before);
	}
	if (fd < 0)
		return -fd;
	admin_stop_listening(admin);
	admin_dismiss_clients(admin);
	return admin_start_listening(admin, fd, at);
}

void admin_follow_zone(struct admin *admin)
{
	if (net_moved(admin->listener.fd, &admin->at))
		admin_listen(admin, &admin->at);
}

void admin_close(struct admin *admin)
{
	while (admin->clients)
		admin_drop(admin, admin->clients);
	loop_disarm(&admin->turn);
	buf_free(&admin->part);
	if (admin->listener.fd >= 0)
		loop_close_fd(admin->loop, &admin->listener);
}

/* Says that nothing follows, and waits a moment for the client's end: closing on unread input would reset the
 * connection, and take the text with it. Some kinds of nc wait for their own input to end: those are then reset, which
 * ends them, and leaves the text that has arrived. */
static void admin_finish(struct admin *admin, struct admin_client *client)
{
	if (shutdown(client->io.fd, SHUT_WR) < 0 || !loop_want(admin->loop, &client->io, LOOP_IN))
		admin_drop(admin, client);
	else
		loop_arm(admin->loop, &admin->linger, &client->timer);
}

/* Its answer is out, or this part of it. False when the client is gone. */
static bool admin_sent_all(struct admin *admin, struct admin_client *client)
{
	admin_forget_out(client);
	client->hungry = client->body;
	if (client->last && !client->body) {
		admin_finish(admin, client);
		return false;
	}
	if (loop_want(admin->loop, &client->io, client->body ? 0 : LOOP_IN))
		return true;
	admin_drop(admin, client);
	return false;
}

/* False when the client is gone. */
static bool admin_flush(struct admin *admin, struct admin_client *client)
{
	while (admin_left(client)) {
		ssize_t n = send(client->io.fd, client->out.data + client->sent, admin_left(client), 0);

		if (n < 0 && net_again(errno) && loop_want(admin->loop, &client->io, LOOP_OUT))
			return true;
		if (n < 0) {
			admin_drop(admin, client);
			return false;
		}
		client->sent += (size_t)n;
		client->moved = admin->loop->now;
		client->unsent = net_unsent(client->io.fd);
		loop_arm(admin->loop, &admin->patience, &client->timer);
	}
	return admin_sent_all(admin, client);
}

static void admin_begin_answer(struct admin *admin, struct admin_client *client)
{
	client->waiting = false;
	client->served = true;
	client->moved = admin->loop->now;
	admin_accept_again(admin);
	loop_arm(admin->loop, &admin->patience, &client->timer);
}

void admin_answer(struct admin *admin, struct admin_client *client, bool last)
{
	client->last = last;
	admin_begin_answer(admin, client);
	admin_flush(admin, client);
}

/* Parts of answers. */

static void admin_feed_soon(struct admin *admin)
{
	if (!admin->turn.next)
		loop_arm(admin->loop, &admin->turns, &admin->turn);
}

void admin_answer_body(struct admin *admin, struct admin_client *client, struct body *body, bool last)
{
	client->body = body;
	client->last = last;
	client->waiting = client->hungry = true;
	client->turn = ++admin->parts;
	loop_want(admin->loop, &client->io, 0); /* until then it says nothing that matters */
	admin_feed_soon(admin);
}

/* Sends what it can. */
static void admin_go_on(struct admin *admin, struct admin_client *client)
{
	if (!admin_flush(admin, client))
		return;
	if (client->hungry)
		admin_feed_soon(admin);
	else if (!admin_is_answered(client) && admin->input)
		admin->input(admin, client); /* the next request may be there already */
}

/* The one that has had none for longest; NULL: nobody is to have a part. */
static struct admin_client *admin_hungriest(struct admin *admin)
{
	struct admin_client *first = NULL;

	for (struct admin_client *client = admin->clients; client; client = client->next)
		if (client->hungry && (!first || client->turn < first->turn))
			first = client;
	return first;
}

static void admin_give_part(struct admin *admin, struct admin_client *client)
{
	struct buf *part = &admin->part;
	bool more = false, framed;

	part->may_fail = true;
	if (!client->waiting)
		buf_room(part, BODY_PART + BODY_PART / 16); /* at once: it is a long answer */
	if (sys_reserve())
		more = body_add(client->body, part);
	else
		buf_fail(part);
	client->hungry = false;
	client->turn = ++admin->parts;
	framed = admin->frame(admin, client, part, more);
	part->len = 0;
	if (part->cap > 4 * BODY_PART || part->failed)
		buf_free(part);
	if (!framed) {
		admin_drop(admin, client);
		return;
	}
	if (!more)
		admin_forget_body(client);
	if (client->waiting)
		admin_begin_answer(admin, client);
	admin_go_on(admin, client);
}

void admin_feed(struct admin *admin)
{
	int64_t until = sys_micros() + TURN_US;
	struct admin_client *client;
	bool over = false;

	while (!over && (client = admin_hungriest(admin))) {
		admin_give_part(admin, client);
		admin_relieve(admin);
		over = sys_micros() >= until;
	}
	loop_disarm(&admin->turn);
	if (admin_hungriest(admin))
		admin_feed_soon(admin);
	else
		buf_free(&admin->part);
}

static void admin_discard_input(struct admin *admin, struct admin_client *client)
{
	char bytes[256];
	ssize_t n = recv(client->io.fd, bytes, sizeof bytes, 0);

	if (n == 0 || (n < 0 && !net_again(errno)))
		admin_drop(admin, client);
}

static void admin_read_input(struct admin *admin, struct admin_client *client)
{
	size_t room = ADMIN_INPUT_MAX - client->in.len;
	ssize_t n;

	if (!room && client->waiting && loop_want(admin->loop, &client->io, 0))
		return; /* until its answer is out */
	if (!sys_reserve()) {
		admin_drop(admin, client);
		return;
	}
	n = room ? recv(client->io.fd, buf_room(&client->in, room), room, 0) : -1;
	if (n < 0 && room && net_again(errno))
		return;
	if (n == 0 && client->waiting && loop_want(admin->loop, &client->io, 0))
		return; /* it has said all, and its answer will come */
	if (n <= 0) {
		admin_drop(admin, client);
		return;
	}
	if (client->served && !client->in.len)
		client->moved = admin->loop->now; /* with its first byte only: a head that never ends is no progress */
	client->in.len += (size_t)n;
	client->in.data[client->in.len] = '\0';
	admin->input(admin, client);
}

static void admin_add_client(struct admin *admin, int fd)
{
	struct admin_client *client = sys_alloc(sizeof *client);

	client->io = LOOP_IO(fd, (uint8_t)(admin->kind + 1));
	client->next = admin->clients;
	if (client->next)
		client->next->prev = client;
	admin->clients = client;
	admin->count++;
	client->moved = admin->loop->now;
	loop_arm(admin->loop, &admin->patience, &client->timer);
	if (admin->greet)
		admin->greet(admin, client);
	else if (!loop_want(admin->loop, &client->io, LOOP_IN))
		admin_drop(admin, client);
}

static void admin_pause(struct admin *admin, int error)
{
	char text[NET_TEXT];

	loop_want(admin->loop, &admin->listener, 0);
	loop_arm(admin->loop, &admin->pause, &admin->resume);
	if (net_exhausted(error) || admin->deaf)
		return;
	admin->deaf = true;
	net_print(&admin->at, text);
	log_error("%s: cannot accept: %s; trying again", text, strerror(error));
}

/* Without a descriptor for it, somebody makes room as well. */
static void admin_accept_failed(struct admin *admin, int error)
{
	struct admin_client *leaver = net_exhausted(error) ? admin_choose_leaver(admin) : NULL;

	if (net_again(error))
		return;
	if (leaver)
		admin_give_up(admin, leaver);
	else
		admin_pause(admin, error);
}

static void admin_accept(struct admin *admin)
{
	bool full = admin->count >= ADMIN_CLIENTS_MAX;
	struct admin_client *leaver = full ? admin_choose_leaver(admin) : NULL;
	struct net_addr from;
	int fd;

	if (full && !leaver) {
		admin->full = loop_want(admin->loop, &admin->listener, 0);
		loop_arm(admin->loop, &admin->pause, &admin->resume);
		return;
	}
	fd = net_accept(admin->listener.fd, &from);
	if (fd < 0) {
		admin_accept_failed(admin, -fd);
		return;
	}
	admin->deaf = false;
	if (leaver)
		admin_give_up(admin, leaver);
	if (sys_reserve())
		admin_add_client(admin, fd);
	else
		close(fd);
}

bool admin_ready(struct admin *admin, struct loop_io *io, unsigned events)
{
	struct admin_client *client = CONTAINER_OF(io, struct admin_client, io);

	if (io == &admin->listener) {
		admin_accept(admin);
		return true;
	}
	if (io->kind != admin->kind + 1)
		return false;
	if (admin_is_answered(client)) {
		if (events & LOOP_OUT)
			admin_go_on(admin, client);
	} else if (admin_has_finished(client) || !admin->input) {
		admin_discard_input(admin, client);
	} else {
		admin_read_input(admin, client);
	}
	return true;
}

/* Its answer is still being taken, however slowly. */
static bool admin_is_taken(struct admin *admin, struct admin_client *client)
{
	admin_look(admin, client);
	return (admin_is_answered(client) || (client->last && client->unsent)) && admin->loop->now < client->moved + PATIENCE_MS;
}

bool admin_expired(struct admin *admin, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct admin_client *client = CONTAINER_OF(timer, struct admin_client, timer);

	if (fifo == &admin->turns) {
		admin_feed(admin);
	} else if (fifo == &admin->pause) {
		admin->full = false;
		loop_want(admin->loop, &admin->listener, LOOP_IN);
	} else if (fifo != &admin->linger && fifo != &admin->patience) {
		return false;
	} else if (admin_is_taken(admin, client)) {
		loop_arm(admin->loop, fifo, &client->timer);
	} else if (fifo == &admin->patience && admin_is_idle(client)) {
		client->last = true; /* it has nothing more to ask */
		admin_finish(admin, client);
	} else {
		net_reset_on_close(client->io.fd);
		admin_drop(admin, client);
	}
	return true;
}
