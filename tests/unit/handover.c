/* Cases for handover.c and handed.c: what one process says arrives in the other, however it is cut, and its sockets with
 * it; what is broken or foreign is refused, and what is unknown passed over; no descriptor is left behind. */
#include "base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "../../handed.c"
#include "../../handover.c"

/* How many descriptors there are. */
static unsigned count_open(void)
{
	unsigned open = 0;

	for (int fd = 0; fd < 2048; fd++)
		open += fcntl(fd, F_GETFD) >= 0;
	return open;
}

static void open_pair(struct handover *left, struct handover *right)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		abort();
	handover_open(left, ends[0]);
	handover_open(right, ends[1]);
}

/* Another one for each. */
static int listen_anywhere(char address[NET_TEXT])
{
	struct net_addr addr, own;
	int fd;

	net_numeric(slice_of("127.0.0.1"), 0, &addr);
	fd = net_listen(&addr);
	net_own(fd, &own);
	net_print(&own, address);
	return fd;
}

static const struct {
	enum handover_type type;
	const char *body;
	bool socket;
} said[] = {
	{ HANDOVER_LIST, "some services", false }, { HANDOVER_SOCKET, "", true }, { HANDOVER_SOCKET, "", true },
	{ (enum handover_type)99, "unknown", false }, { (enum handover_type)98, "unknown, with a socket", true },
	{ HANDOVER_SOCKET, "", true }, { HANDOVER_END, "", false },
};

/* All of `said`, in one message. Returns the sockets. */
static unsigned say_all(struct handover *end, int fds[], char addresses[][NET_TEXT])
{
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		const char *body = said[i].body;

		if (said[i].socket) {
			fds[count] = listen_anywhere(addresses[count]);
			body = *body ? body : addresses[count];
			count++;
		}
		handover_put(end, said[i].type, said[i].socket, slice_of(body));
	}
	return count;
}

static void check_said(const struct handover_record *record, size_t i, const char *address)
{
	const char *body = said[i].socket && !*said[i].body ? address : said[i].body;
	struct net_addr own;
	char text[NET_TEXT] = "";

	check(record->type == said[i].type && slice_is(record->body, body), "the record", body);
	check((record->fd >= 0) == said[i].socket, "its socket", body);
	if (record->fd < 0)
		return;
	if (net_own(record->fd, &own))
		net_print(&own, text);
	check(strcmp(text, address) == 0, "the socket is that of its address", address);
	check(fcntl(record->fd, F_GETFD) & FD_CLOEXEC, "it is not handed on", address);
}

/* Read as it comes, in pieces of so many bytes. */
static void way_case(size_t piece)
{
	unsigned before = count_open(), count;
	struct handover left, right;
	char addresses[4][NET_TEXT];
	struct handover_record record;
	int fds[4];
	size_t got = 0, sockets = 0;
	bool passed;

	open_pair(&left, &right);
	count = say_all(&left, fds, addresses);
	for (size_t at = 0, end = left.out.len; at < end; at += piece) {
		left.out.len = at + piece < end ? at + piece : end;
		left.sent = at;
		check(!handover_send(&left, fds, at ? 0 : count, &passed) && passed, "is sent", "");
		check(handover_read(&right), "is read", right.why ? right.why : "");
		while (handover_next(&right, &record)) {
			check_said(&record, got, addresses[sockets]);
			sockets += said[got++].socket;
			if (record.fd >= 0)
				close(record.fd);
		}
	}
	check(got == ARRAY_LEN(said) && sockets == count, "all of it", "");
	handover_close(&left);
	check(!handover_read(&right) && right.ended && !right.why, "it has ended", "and nothing is wrong");
	handover_close(&right);
	while (count)
		close(fds[--count]);
	check(count_open() == before, "no descriptor", "is left");
}

/* More than the socket takes at once: it goes on where it was, and the sockets go once. */
static void much_case(void)
{
	static char much[4 << 20];
	struct handover left, right;
	struct handover_record record;
	char address[NET_TEXT];
	unsigned got = 0, before = count_open();
	int fd = listen_anywhere(address), error;
	bool passed;

	memset(much, 'x', sizeof much);
	open_pair(&left, &right);
	handover_put(&left, HANDOVER_LIST, false, (struct slice){ much, sizeof much });
	handover_put(&left, HANDOVER_SOCKET, true, slice_of(address));
	error = handover_send(&left, &fd, 1, &passed);
	check(error == EAGAIN && passed, "more than there is room for", "waits");
	while (got < 2) {
		handover_read(&right);
		while (handover_next(&right, &record)) {
			check(got ? record.fd >= 0 : record.body.len == sizeof much && record.body.at[sizeof much - 1] == 'x', "arrives", "");
			got++;
			if (record.fd >= 0)
				close(record.fd);
		}
		if (left.out.len)
			handover_send(&left, NULL, 0, &passed);
	}
	check(!left.out.len && !right.fd_count, "nothing more", "is under way");
	handover_close(&right);
	handover_put(&left, HANDOVER_END, false, slice_of(""));
	check(handover_send(&left, NULL, 0, &passed) == EPIPE, "the other side", "has gone");
	handover_close(&left);
	close(fd);
	check(count_open() == before, "no descriptor", "is left");
}

/* What is not sent can be taken back. */
static void unput_case(void)
{
	struct handover left, right;
	struct handover_record record;
	bool passed;
	int none = -1;

	open_pair(&left, &right);
	handover_send(&left, NULL, 0, &passed);
	handover_put(&left, HANDOVER_SOCKET, true, slice_of("127.0.0.1:1"));
	check(handover_send(&left, &none, 1, &passed) == EBADF && !passed, "no socket", "is not sent");
	handover_unput(&left, 0);
	handover_put(&left, HANDOVER_END, false, slice_of(""));
	check(!handover_send(&left, NULL, 0, &passed), "what follows", "is");
	check(handover_read(&right) && handover_next(&right, &record) && record.type == HANDOVER_END, "and arrives", "alone");
	handover_close(&left);
	handover_close(&right);
}

#define LINE "dill-handover 1\n"

/* What is no hand-over. */
static const struct {
	const char *bytes;
	size_t len;
	unsigned sockets;
	const char *why; /* NULL: nothing is wrong, and no record is there yet */
} wrong[] = {
#define BYTES(text) text, sizeof(text) - 1
	{ BYTES("dill-handover 2\n"), 0, "speaks another version of the hand-over" },
	{ BYTES("GET / HTTP/1.1\r\n"), 0, "speaks another version of the hand-over" },
	{ BYTES("x"), 0, "speaks another version of the hand-over" },
	{ BYTES("dill-hand"), 0, NULL },
	{ BYTES(LINE), 0, NULL },
	{ BYTES(LINE "\3\0\0"), 0, NULL },
	{ BYTES(LINE "\1\0\0\0\5\0\0\0four"), 0, NULL },
	{ BYTES(LINE "\1\0\2\0\0\0\0\0"), 2, "has a broken record" },
	{ BYTES(LINE "\1\0\0\0\1\0\0\5"), 0, "has a broken record" }, /* 80 MiB and more */
	{ BYTES(LINE "\1\0\0\0\377\377\377\377"), 0, "has a broken record" },
	{ BYTES(LINE "\1\0\1\0\0\0\0\0"), 0, "names a socket that did not come" },
	{ BYTES(LINE), 3, NULL },
};

static void wrong_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		unsigned before = count_open();
		struct handover left, right;
		struct handover_record record;
		char address[NET_TEXT];
		bool passed;
		int fd = listen_anywhere(address), fds[] = { fd, fd, fd };

		open_pair(&left, &right);
		left.out.len = 0;
		buf_add(&left.out, wrong[i].bytes, wrong[i].len);
		check(!handover_send(&left, fds, wrong[i].sockets, &passed), "sent", wrong[i].bytes);
		handover_read(&right);
		check(!handover_next(&right, &record), "no record", wrong[i].bytes);
		check(!right.why == !wrong[i].why && (!right.why || strcmp(right.why, wrong[i].why) == 0), "why", right.why ? right.why : "-");
		handover_close(&left);
		handover_close(&right);
		close(fd);
		check(count_open() == before, "no descriptor is left", wrong[i].bytes);
	}
}

/* More sockets than records say. */
static void flood_case(void)
{
	unsigned before = count_open();
	struct handover left, right;
	char address[NET_TEXT];
	int fd = listen_anywhere(address), fds[HANDOVER_BATCH];
	bool passed;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = fd;
	open_pair(&left, &right);
	for (int i = 0; i < 3; i++) {
		check(!handover_send(&left, fds, HANDOVER_BATCH, &passed), "sockets", "alone");
		buf_puts(&left.out, "\1");
		handover_read(&right);
	}
	check(right.why && strcmp(right.why, "brings more sockets than it names") == 0, "too many", right.why ? right.why : "-");
	handover_close(&left);
	handover_close(&right);
	close(fd);
	check(count_open() == before, "no descriptor", "is left");
}

/* handed.c */

static void handed_cases(void)
{
	unsigned before = count_open();
	char a[NET_TEXT], b[NET_TEXT], c[NET_TEXT], again[NET_TEXT];
	int fa = listen_anywhere(a), fb = listen_anywhere(b), fc = listen_anywhere(c), fd, plain = socket(AF_INET, SOCK_STREAM, 0);
	struct net_addr addr, own;
	bool handed;

	handed_add(slice_of(b), fb);
	handed_add(slice_of(a), fa);
	handed_add(slice_of("127.0.0.1:1"), plain); /* does not listen */
	check(fcntl(plain, F_GETFD) < 0, "a socket that does not listen", "is closed");
	net_own(fa, &addr);
	check(handed_listen(&addr, &handed) == fa && handed, "the first", "is taken");
	fd = handed_listen(&addr, &handed);
	check(fd == -EADDRINUSE && !handed, "a second time", "it would be bound");
	net_own(fc, &addr);
	check(handed_listen(&addr, &handed) == -EADDRINUSE && !handed, "another one", "has not been handed over");
	handed_add(slice_of(c), fc); /* later */
	check(handed_listen(&addr, &handed) == fc && handed, "by now", "it has");
	handed_add(slice_of(c), dup(fc));
	fd = handed_listen(&addr, &handed);
	check(fd >= 0 && handed && net_own(fd, &own), "once more", "for the same address");
	net_print(&own, again);
	check(strcmp(again, c) == 0, "it is the same socket", again);
	close(fd);
	check(handed_close() == 1 && fcntl(fb, F_GETFD) < 0, "the rest", "is closed");
	check(!handed_close(), "nothing", "is left");
	close(fa);
	close(fc);
	check(count_open() == before, "no descriptor", "is left");
}

int main(void)
{
	for (size_t piece = 1; piece < 64; piece += piece < 20 ? 1 : 7)
		way_case(piece);
	way_case(1 << 20);
	much_case();
	unput_case();
	wrong_cases();
	flood_case();
	handed_cases();
	return check_sum();
}
