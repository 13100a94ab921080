/* Cases for socks.c: URLs, and handshakes over a socket pair whose other end is played here. Of each handshake every
 * byte is compared, and what follows the proxy's answer must still be in the socket. */
#include "base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "../../net.c"
#include "../../socks.c"
#include "../../sys.c"
#include "../../text.c"

#define BYTES(s) { s, sizeof(s) - 1 }

/* URLs. */

#define SHAPE "is not socks5://"

static const struct {
	const char *url, *host, *user, *password;
	unsigned port;
	const char *why; /* a part of the reason; NULL: fine */
} urls[] = {
	{ "socks5://proxy:1080", "proxy", NULL, NULL, 1080, NULL },
	{ "socks5h://proxy:1080", "proxy", NULL, NULL, 1080, NULL },
	{ "SOCKS5://Proxy:1", "Proxy", NULL, NULL, 1, NULL },
	{ "socks5://10.0.0.9:65535/", "10.0.0.9", NULL, NULL, 65535, NULL },
	{ "socks5://[::1]:1080", "::1", NULL, NULL, 1080, NULL },
	{ "socks5://[fe80::1%25eth0]:1080/", "fe80::1%eth0", NULL, NULL, 1080, NULL },
	{ "socks5://me@[::1]:9", "::1", "me", NULL, 9, NULL }, { "socks5://me:pw@proxy:9", "proxy", "me", "pw", 9, NULL },
	{ "socks5://me:@proxy:9", "proxy", "me", "", 9, NULL },
	{ "socks5://me:a:b@proxy:9", "proxy", "me", "a:b", 9, NULL },
	{ "socks5://me:a@b@proxy:9", "proxy", "me", "a@b", 9, NULL },
	{ "socks5://m%65:%40%2f%2F%3A%25%20%3f%23@proxy:9", "proxy", "me", "@//:% ?#", 9, NULL },
	{ "socks5://me%3Ayou:\303\251@proxy:9", "proxy", "me:you", "\303\251", 9, NULL },
	{ "socks5://%01:%ff@proxy:9", "proxy", "\1", "\377", 9, NULL },
	{ "socks5://pr%6Fxy:9", "proxy", NULL, NULL, 9, NULL },

	{ "", NULL, NULL, NULL, 0, SHAPE }, { "proxy:1080", NULL, NULL, NULL, 0, SHAPE },
	{ "socks5", NULL, NULL, NULL, 0, SHAPE }, { "socks5:/proxy:1", NULL, NULL, NULL, 0, SHAPE },
	{ "socks4://proxy:1", NULL, NULL, NULL, 0, SHAPE }, { "http://proxy:1", NULL, NULL, NULL, 0, SHAPE },
	{ "socks://proxy:1", NULL, NULL, NULL, 0, SHAPE }, { " socks5://proxy:1", NULL, NULL, NULL, 0, SHAPE },
	{ "socks5://", NULL, NULL, NULL, 0, "host:port" }, { "socks5:///", NULL, NULL, NULL, 0, "host:port" },
	{ "socks5://proxy", NULL, NULL, NULL, 0, "host:port" }, { "socks5://me:pw@", NULL, NULL, NULL, 0, "host:port" },
	{ "socks5://me:pw@proxy", NULL, NULL, NULL, 0, "host:port" }, { "socks5://:1080", NULL, NULL, NULL, 0, "no host" },
	{ "socks5://me@:1080", NULL, NULL, NULL, 0, "no host" }, { "socks5://proxy:0", NULL, NULL, NULL, 0, "port" },
	{ "socks5://proxy:65536", NULL, NULL, NULL, 0, "port" }, { "socks5://proxy:", NULL, NULL, NULL, 0, "port" },
	{ "socks5://proxy:%31", NULL, NULL, NULL, 0, "port" }, { "socks5://::1:80", NULL, NULL, NULL, 0, "brackets" },
	{ "socks5://[proxy]:80", NULL, NULL, NULL, 0, "brackets" },
	{ "socks5://proxy:1//", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://proxy:1/path", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://proxy:1?a", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://proxy:1/?", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://proxy:1#a", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://me:p/w@proxy:1", NULL, NULL, NULL, 0, "behind its port" },
	{ "socks5://@proxy:1", NULL, NULL, NULL, 0, "empty user" },
	{ "socks5://:pw@proxy:1", NULL, NULL, NULL, 0, "empty user" },
	{ "socks5://:@proxy:1", NULL, NULL, NULL, 0, "empty user" },
	{ "socks5://%@proxy:1", NULL, NULL, NULL, 0, "escape" }, { "socks5://me%4@proxy:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://me:%4g@proxy:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://me:%g4@proxy:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://me:%%41@proxy:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://me:pw%@proxy:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://prox%:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://[fe80::1%eth0]:1", NULL, NULL, NULL, 0, "escape" },
	{ "socks5://m%00e@proxy:1", NULL, NULL, NULL, 0, "NUL" }, { "socks5://me:%00@proxy:1", NULL, NULL, NULL, 0, "NUL" },
	{ "socks5://prox%00y:1", NULL, NULL, NULL, 0, "NUL" },
	{ "socks5://pro%20xy:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://pro%3Axy:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://pro%40xy:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://proxy%C2%A0:1", NULL, NULL, NULL, 0, "no host name" }, { "socks5://%30%310.0.0.1:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://%7f:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://pro,xy:1", NULL, NULL, NULL, 0, "no host name" },
	{ "socks5://pro xy:1", NULL, NULL, NULL, 0, "control" }, { "socks5://proxy:1\n", NULL, NULL, NULL, 0, "control" },
	{ "socks5://me:p\177@proxy:1", NULL, NULL, NULL, 0, "control" },
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The URL in memory of its own: a byte too far is seen. */
static const char *parse(const char *url, size_t len, struct arena *memory, struct socks_url *u)
{
	char *copy = malloc(len ? len : 1);
	const char *why;

	memcpy(copy, url, len);
	why = socks_parse((struct slice){ copy, len }, memory, u);
	free(copy);
	return why;
}

static void url_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct socks_url u = { .port = 7 };
		struct arena memory = { 0 };
		const char *why = parse(urls[i].url, strlen(urls[i].url), &memory, &u);

		if (urls[i].why)
			check(why && strstr(why, urls[i].why) && u.port == 7 && !u.host, why ? why : "accepted", urls[i].url);
		else
			check(!why && same(u.host, urls[i].host) && same(u.user, urls[i].user) &&
			      same(u.password, urls[i].password) && u.port == urls[i].port, why ? why : "parts", urls[i].url);
		arena_free(&memory);
	}
}

/* Users, passwords and hosts about the length that they may have. */
static void long_url(const char *shape, int len, bool ok, const char *why)
{
	char text[256 + 1], url[512];
	struct arena memory = { 0 };
	struct socks_url u;
	const char *got;

	memset(text, 'a', sizeof text);
	snprintf(url, sizeof url, shape, len, text);
	got = parse(url, strlen(url), &memory, &u);
	check(ok ? !got : got && strstr(got, why), got ? got : "accepted", url);
	arena_free(&memory);
}

static void long_urls(void)
{
	struct arena memory = { 0 };
	struct socks_url u;

	long_url("socks5://%.*s:pw@proxy:1", 255, true, NULL);
	long_url("socks5://%.*s:pw@proxy:1", 256, false, "user");
	long_url("socks5://%%61%.*s@proxy:1", 254, true, NULL);
	long_url("socks5://%%61%.*s@proxy:1", 255, false, "user");
	long_url("socks5://me:%.*s@proxy:1", 255, true, NULL);
	long_url("socks5://me:%.*s@proxy:1", 256, false, "password");
	long_url("socks5://%.*s:1", 253, true, NULL);
	long_url("socks5://%.*s:1", 254, false, "host name");
	check(parse("socks5://a\0b:1", 14, &memory, &u) && parse("socks5://proxy:1\0", 17, &memory, &u), "a NUL",
	      "in a URL");
	check(socks_parse((struct slice){ NULL, 0 }, &memory, &u), "socks_parse", "NULL");
	arena_free(&memory);
}

/* Handshakes. */

static int client, proxy; /* the two ends */
static struct socks now;

static void open_pair(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		abort();
	client = ends[0];
	proxy = ends[1];
	net_nonblocking(client);
	net_nonblocking(proxy);
}

static void close_pair(void)
{
	close(client);
	if (proxy >= 0)
		close(proxy);
}

static void begin(const char *user, const char *password, const char *host, uint16_t port)
{
	struct socks_target target = { user, password, host, port };

	open_pair();
	socks_start(&now, &target);
}

static struct slice bytes_of(const struct buf *b)
{
	return (struct slice){ b->data, b->len };
}

/* What the client has sent so far, compared. */
static bool heard(struct slice want)
{
	char got[1024];
	ssize_t n = recv(proxy, got, sizeof got, 0);

	return n < 0 ? !want.len : (size_t)n == want.len && memcmp(got, want.at, want.len) == 0;
}

/* The proxy says it `step` bytes at a time; the client runs after each piece. */
static enum socks_state say(struct slice text, size_t step)
{
	while (text.len) {
		size_t len = text.len < step ? text.len : step;

		if (send(proxy, text.at, len, MSG_NOSIGNAL) != (ssize_t)len)
			abort();
		text = (struct slice){ text.at + len, text.len - len };
		socks_run(&now, client);
	}
	return now.state;
}

/* What the client left in the socket. */
static bool left(struct slice want)
{
	char got[1024];
	ssize_t n = recv(client, got, sizeof got, 0);

	return n < 0 ? !want.len : (size_t)n == want.len && memcmp(got, want.at, want.len) == 0;
}

static bool is_wiped(void)
{
	for (size_t i = 0; i < sizeof now.out; i++)
		if (now.out[i])
			return false;
	return true;
}

#define GREETING BYTES("\5\1\0")
#define GREETING_LOGIN BYTES("\5\2\0\2")
#define ASK_V4 BYTES("\5\1\0\1\1\2\3\4\0\120")

static const size_t steps[] = { 1, 2, 3, 5, 1000 };

/* Requests, byte for byte. */

static const struct {
	const char *host;
	uint16_t port;
	struct slice request;
} requests[] = {
	{ "1.2.3.4", 80, ASK_V4 },
	{ "255.254.0.1", 65535, BYTES("\5\1\0\1\377\376\0\1\377\377") },
	{ "::1", 256, BYTES("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\0") },
	{ "2001:db8::ff00:42", 443, BYTES("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\xff\0\0\x42\1\xbb") },
	{ "db.internal", 5432, BYTES("\5\1\0\3\13db.internal\x15\x38") },
	{ "a", 1, BYTES("\5\1\0\3\1a\0\1") },
	{ "1.2.3", 80, BYTES("\5\1\0\3\0051.2.3\0\120") },
	{ "fe80::1%lo", 80, BYTES("\5\1\0\3\12fe80::1%lo\0\120") },
};

static void request_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		begin(NULL, NULL, requests[i].host, requests[i].port);
		check(now.state == SOCKS_SEND && socks_run(&now, client) == SOCKS_RECEIVE, "starts", requests[i].host);
		check(heard((struct slice)GREETING), "greeting", requests[i].host);
		check(socks_run(&now, client) == SOCKS_RECEIVE && heard((struct slice){ NULL, 0 }), "waits", requests[i].host);
		check(say((struct slice)BYTES("\5\0"), 2) == SOCKS_RECEIVE, "method", requests[i].host);
		check(heard(requests[i].request), "request", requests[i].host);
		check(say((struct slice)BYTES("\5\0\0\1\0\0\0\0\0\0"), 100) == SOCKS_DONE && !now.why, "reply",
		      requests[i].host);
		check(socks_run(&now, client) == SOCKS_DONE, "stays done", requests[i].host);
		close_pair();
	}
}

/* Logins. */

static void login_case(const char *user, const char *password, struct slice want)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		begin(user, password, "1.2.3.4", 80);
		check(socks_run(&now, client) == SOCKS_RECEIVE && heard((struct slice)GREETING_LOGIN), "greeting", user);
		check(say((struct slice)BYTES("\5\2"), steps[i]) == SOCKS_RECEIVE && heard(want), "login", user);
		check(is_wiped(), "the password is wiped", user);
		check(say((struct slice)BYTES("\1\0"), steps[i]) == SOCKS_RECEIVE, "login taken", user);
		check(heard((struct slice)ASK_V4), "request", user);
		check(say((struct slice)BYTES("\5\0\0\1\1\2\3\4\5\6"), steps[i]) == SOCKS_DONE, "reply", user);
		close_pair();
	}
}

static void login_cases(void)
{
	char longest[TEXT_MAX + 1] = "", word[TEXT_MAX + 1] = "";
	struct buf want = { 0 };

	login_case("me", "secret", (struct slice)BYTES("\1\2me\6secret"));
	login_case("me", "", (struct slice)BYTES("\1\2me\0"));
	login_case("me", NULL, (struct slice)BYTES("\1\2me\0"));
	memset(longest, 'u', TEXT_MAX);
	memset(word, 'p', TEXT_MAX);
	buf_add(&want, "\1\377", 2);
	buf_puts(&want, longest);
	buf_add(&want, "\377", 1);
	buf_puts(&want, word);
	check(want.len == sizeof now.out, "the longest login", "fills the buffer");
	login_case(longest, word, bytes_of(&want));
	buf_free(&want);

	begin("me", "secret", "1.2.3.4", 80); /* what the proxy picks is followed */
	socks_run(&now, client);
	check(heard((struct slice)GREETING_LOGIN) && say((struct slice)BYTES("\5\0"), 1) == SOCKS_RECEIVE &&
	      heard((struct slice)ASK_V4), "no login", "although offered");
	close_pair();
}

/* Answers that follow the greeting and end the handshake in words. */

static const struct {
	const char *user;
	struct slice answer;
	const char *why;
} refusals[] = {
	{ NULL, BYTES("\5\377"), "the SOCKS proxy wants a user and password, or another method" },
	{ "me", BYTES("\5\377"), "the SOCKS proxy accepts none of the offered methods" },
	{ NULL, BYTES("\5\2"), "the SOCKS proxy chose a method that was not offered" },
	{ NULL, BYTES("\5\1"), "the SOCKS proxy chose a method that was not offered" },
	{ "me", BYTES("\5\1"), "the SOCKS proxy chose a method that was not offered" },
	{ "me", BYTES("\5\3"), "the SOCKS proxy chose a method that was not offered" },
	{ NULL, BYTES("\4"), "the SOCKS proxy does not speak SOCKS5" },
	{ NULL, BYTES("\0\0"), "the SOCKS proxy does not speak SOCKS5" },
	{ NULL, BYTES("HTTP/1.1 400 Bad Request\r\n"), "the SOCKS proxy does not speak SOCKS5" },
	{ "me", BYTES("\5\2\1\1"), "the SOCKS proxy refused user or password" },
	{ "me", BYTES("\5\2\1\377"), "the SOCKS proxy refused user or password" },
	{ "me", BYTES("\5\2\5"), "the SOCKS proxy answered the login in another protocol" },
	{ "me", BYTES("\5\2\0\0"), "the SOCKS proxy answered the login in another protocol" },
	{ NULL, BYTES("\5\0\4"), "the SOCKS proxy sent a reply in another protocol" },
	{ "me", BYTES("\5\2\1\0\1\0"), "the SOCKS proxy sent a reply in another protocol" },
	{ NULL, BYTES("\5\0\5\1"), "SOCKS: general failure" },
	{ NULL, BYTES("\5\0\5\2"), "SOCKS: not allowed by its rules" },
	{ NULL, BYTES("\5\0\5\3"), "SOCKS: network unreachable" }, { NULL, BYTES("\5\0\5\4"), "SOCKS: host unreachable" },
	{ NULL, BYTES("\5\0\5\5"), "SOCKS: connection refused" }, { NULL, BYTES("\5\0\5\6"), "SOCKS: TTL expired" },
	{ NULL, BYTES("\5\0\5\7"), "SOCKS: command not supported" },
	{ NULL, BYTES("\5\0\5\10"), "SOCKS: address type not supported" },
	{ NULL, BYTES("\5\0\5\11"), "SOCKS: unknown reply code" },
	{ NULL, BYTES("\5\0\5\377"), "SOCKS: unknown reply code" },
	{ "me", BYTES("\5\2\1\0\5\5\0\1\0\0\0\0\0\0"), "SOCKS: connection refused" },
	{ NULL, BYTES("\5\0\5\0\0\0"), "SOCKS: unknown address type in the reply" },
	{ NULL, BYTES("\5\0\5\0\0\2"), "SOCKS: unknown address type in the reply" },
	{ NULL, BYTES("\5\0\5\0\0\5"), "SOCKS: unknown address type in the reply" },
	{ NULL, BYTES("\5\0\5\0\0\377"), "SOCKS: unknown address type in the reply" },
};

static void refusal_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			begin(refusals[i].user, refusals[i].user, "1.2.3.4", 80);
			socks_run(&now, client);
			check(say(refusals[i].answer, steps[k]) == SOCKS_FAILED, "accepted", refusals[i].why);
			check(same(now.why, refusals[i].why), now.why ? now.why : "no reason", refusals[i].why);
			check(socks_run(&now, client) == SOCKS_FAILED && is_wiped(), "stays failed", refusals[i].why);
			close_pair();
		}
}

/* Whole answers, login included: the backend's first words follow at once and are not touched. */

static const struct slice replies[] = {
	BYTES("\5\0\0\1\1\2\3\4\5\6"),
	BYTES("\5\0\377\1\1\2\3\4\5\6"), /* the reserved byte may be anything */
	BYTES("\5\0\0\4\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22"),
	BYTES("\5\0\0\3\0\0\120"),
	BYTES("\5\0\0\3\1a\0\120"),
	BYTES("\5\0\0\3\11proxy.net\0\120"),
};

static void follow_case(struct slice reply)
{
	struct buf all = { 0 };

	buf_add(&all, "\5\2\1\0", 4);
	buf_add(&all, reply.at, reply.len);
	buf_puts(&all, "220 ready\r\n");
	for (size_t step = 1; step <= all.len; step++) {
		begin("me", "secret", "db", 5432);
		socks_run(&now, client);
		check(say(bytes_of(&all), step) == SOCKS_DONE, now.why ? now.why : "not done", "a reply with words behind it");
		check(left(slice_of("220 ready\r\n")), "the backend's first words", "are left");
		close_pair();
	}
	buf_free(&all);
}

static void follow_cases(void)
{
	struct buf longest = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		follow_case(replies[i]);
	buf_add(&longest, "\5\0\0\3\377", 5);
	for (int i = 0; i < TEXT_MAX + 2; i++)
		buf_add(&longest, "n", 1);
	check(longest.len == sizeof now.in, "the longest reply", "fills the buffer");
	follow_case(bytes_of(&longest));
	buf_free(&longest);
}

/* Ends. */

static void end_cases(void)
{
	static const char all[] = "\5\2\1\0\5\0\0\3\4name\0\120";

	for (size_t len = 0; len <= sizeof all - 1; len++) {
		bool whole = len == sizeof all - 1;
		enum socks_state state;

		begin("me", "secret", "db", 5432);
		socks_run(&now, client);
		check(say((struct slice){ all, len }, 1) == (whole ? SOCKS_DONE : SOCKS_RECEIVE), "cut", "state");
		shutdown(proxy, SHUT_WR);
		state = socks_run(&now, client);
		check(state == (whole ? SOCKS_DONE : SOCKS_FAILED), "cut", "state at the end");
		check(whole ? !now.why : same(now.why, "the SOCKS proxy closed the connection"), now.why ? now.why : "", "cut");
		close_pair();
	}
	begin("me", "secret", "db", 5432);
	close(proxy);
	proxy = -1;
	check(socks_run(&now, client) == SOCKS_FAILED && same(now.why, strerror(EPIPE)), now.why ? now.why : "", "EPIPE");
	close_pair();
	begin(NULL, NULL, "db", 5432);
	check(socks_run(&now, -1) == SOCKS_FAILED && same(now.why, strerror(EBADF)), now.why ? now.why : "", "EBADF");
	close_pair();
}

/* A socket that takes a few bytes at a time: sending goes on where it stopped. */
static void partial_send(void)
{
	char user[TEXT_MAX + 1] = "", block[4096] = "", got[8192];
	struct buf filler = { 0 };
	ssize_t n;

	memset(user, 'u', TEXT_MAX);
	begin(user, user, "1.2.3.4", 80);
	while ((n = send(client, block, sizeof block, MSG_NOSIGNAL)) > 0)
		buf_add(&filler, block, (size_t)n);
	check(socks_run(&now, client) == SOCKS_SEND && now.sent == 0, "waits", "a full socket");
	for (size_t drained = 0; drained < filler.len && (n = recv(proxy, got, sizeof got, 0)) > 0;)
		drained += (size_t)n;
	check(socks_run(&now, client) == SOCKS_RECEIVE && heard((struct slice)GREETING_LOGIN), "goes on",
	      "a drained socket");
	say((struct slice)BYTES("\5\2"), 2);
	check(now.state == SOCKS_RECEIVE && recv(proxy, got, sizeof got, 0) == 513, "login", "after a full socket");
	buf_free(&filler);
	close_pair();

	begin("me", "secret", "1.2.3.4", 80); /* a partial send as the kernel would report it */
	now.sent = 1;
	check(socks_run(&now, client) == SOCKS_RECEIVE && heard((struct slice)BYTES("\2\0\2")), "goes on",
	      "behind what was sent");
	close_pair();
}

/* Some systems say ENOTCONN of a socket that is still connecting. Linux says it only to who reads. */
static void unconnected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct socks_target target = { .host = "db", .port = 1 };

	net_nonblocking(fd);
	socks_start(&now, &target);
	now.state = SOCKS_RECEIVE;
	check(socks_run(&now, fd) == SOCKS_RECEIVE, "waits", "no connection");
	close(fd);
}

static void bad_targets(void)
{
	char longest[TEXT_MAX + 2] = "";
	struct buf want = { 0 };

	memset(longest, 'h', TEXT_MAX);
	begin(NULL, NULL, longest, 80);
	socks_run(&now, client);
	check(heard((struct slice)GREETING) && say((struct slice)BYTES("\5\0"), 2) == SOCKS_RECEIVE, "a host of",
	      "255 bytes");
	buf_add(&want, "\5\1\0\3\377", 5);
	buf_puts(&want, longest);
	buf_add(&want, "\0\120", 2);
	check(heard(bytes_of(&want)), "a host of", "255 bytes");
	buf_free(&want);
	close_pair();

	longest[TEXT_MAX] = 'h';
	for (int i = 0; i < 5; i++) {
		begin(i == 1 ? longest : i == 2 ? "" : "me", i == 3 ? longest : "secret",
		      i == 0 ? longest : i == 4 ? "" : "db", 80);
		check(socks_run(&now, client) == SOCKS_FAILED && now.why, "accepted", "what does not fit");
		check(heard((struct slice){ NULL, 0 }), "sent", "what does not fit");
		close_pair();
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as dill does */
	url_cases();
	long_urls();
	request_cases();
	login_cases();
	refusal_cases();
	follow_cases();
	end_cases();
	partial_send();
	unconnected();
	bad_targets();
	return check_sum();
}
