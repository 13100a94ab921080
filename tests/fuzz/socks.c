/* libFuzzer target for socks.c: the first byte chooses what is asked for and how the proxy's answers are cut into
 * pieces, the rest is what the proxy says. However it is cut, the handshake ends the same way, and what follows the
 * answers stays in the socket. The whole input is also read as a URL. */
#include "base.h"

#include <stdlib.h>
#include <unistd.h>

#include "../../net.c"
#include "../../socks.c"
#include "../../sys.c"
#include "../../text.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define MAX_SAID 2048 /* fits into a socket */

static const struct socks_target targets[] = {
	{ NULL, NULL, "1.2.3.4", 80 }, { "me", "secret", "::1", 443 }, { "me", NULL, "db.internal", 65535 },
	{ NULL, "unused", "fe80::1%lo", 1 },
};

/* How many of the bytes a handshake takes that succeeds; 0 when it does not. Told by the RFCs, in one go. */
static size_t model(const uint8_t *p, size_t size, bool login)
{
	size_t at = 2, address;

	if (size < 2 || p[0] != 5 || (p[1] != 0 && !(p[1] == 2 && login)))
		return 0;
	if (p[1] == 2) {
		if (size < 4 || p[2] != 1 || p[3] != 0)
			return 0;
		at = 4;
	}
	if (size - at < 5 || p[at] != 5 || p[at + 1] != 0)
		return 0;
	address = p[at + 3] == 1 ? 4 : p[at + 3] == 4 ? 16 : p[at + 3] == 3 ? 1 + (size_t)p[at + 4] : 0;
	at += 4 + address + 2;
	return address && at <= size ? at : 0;
}

static size_t drain(int fd, uint8_t *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, to + len, room - len, 0)) > 0)
		len += (size_t)n;
	return len;
}

struct outcome {
	enum socks_state state;
	const char *why;
	struct buf sent;
};

/* Pieces of `step` bytes. */
static struct outcome run(const struct socks_target *target, const uint8_t *bytes, size_t size, size_t step)
{
	uint8_t rest[MAX_SAID], asked[MAX_SAID];
	size_t whole = model(bytes, size, target->user != NULL);
	struct outcome o = { .state = SOCKS_RECEIVE };
	struct socks s;
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	net_nonblocking(ends[0]);
	net_nonblocking(ends[1]);
	socks_start(&s, target);
	MUST(socks_run(&s, ends[0]) == SOCKS_RECEIVE);
	for (size_t at = 0, len; at < size; at += len) { /* a socket holds few pieces that nobody reads: the rest is one */
		len = o.state == SOCKS_RECEIVE && step < size - at ? step : size - at;
		MUST(send(ends[1], bytes + at, len, MSG_NOSIGNAL) == (ssize_t)len);
		o.state = socks_run(&s, ends[0]);
		MUST(o.state == SOCKS_RECEIVE || o.state == SOCKS_DONE || o.state == SOCKS_FAILED);
		MUST((o.state == SOCKS_FAILED) == (s.why != NULL));
		MUST((o.state == SOCKS_DONE) == (whole && at + len >= whole));
	}
	shutdown(ends[1], SHUT_WR);
	o.state = socks_run(&s, ends[0]);
	o.why = s.why;
	MUST(o.state == (whole ? SOCKS_DONE : SOCKS_FAILED) && (o.state == SOCKS_FAILED) == (s.why != NULL));
	if (whole)
		MUST(drain(ends[0], rest, sizeof rest) == size - whole && memcmp(rest, bytes + whole, size - whole) == 0);
	buf_add(&o.sent, asked, drain(ends[1], asked, sizeof asked));
	close(ends[0]);
	close(ends[1]);
	return o;
}

static void check_url(const uint8_t *data, size_t size)
{
	struct socks_url u = { 0 };
	struct arena memory = { 0 };
	const char *why = socks_parse((struct slice){ (const char *)data, size }, &memory, &u);

	if (why) {
		MUST(!u.host && !u.port);
	} else {
		MUST(u.host && *u.host && strlen(u.host) < size && u.port && (u.user || !u.password));
		MUST(!u.user || (*u.user && strlen(u.user) <= 255));
		MUST(!u.password || strlen(u.password) <= 255);
	}
	arena_free(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct socks_target *target;
	struct outcome whole, cut;

	check_url(data, size);
	if (!size-- || size > MAX_SAID)
		return 0;
	target = &targets[data[0] % ARRAY_LEN(targets)];
	whole = run(target, data + 1, size, MAX_SAID);
	cut = run(target, data + 1, size, 1 + data[0] / ARRAY_LEN(targets) % 16);
	MUST(whole.state == cut.state && whole.why == cut.why && whole.sent.len == cut.sent.len);
	MUST(memcmp(whole.sent.data, cut.sent.data, whole.sent.len) == 0);
	buf_free(&whole.sent);
	buf_free(&cut.sent);
	return 0;
}
