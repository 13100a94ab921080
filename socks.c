#include "base.h"
#include "socks.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored anyway */
#endif

#define VERSION 5
#define LOGIN_VERSION 1
#define TEXT_MAX 255 /* of a user, a password, a name: one byte tells the length */

enum method { NO_LOGIN = 0, LOGIN = 2, NO_METHOD = 0xff };
enum address { IPV4 = 1, NAME = 3, IPV6 = 4 };

/* The answers, in their order; that to a login comes only when the proxy wants one. */
enum step { METHOD_ANSWER, LOGIN_ANSWER, REPLY };

/* URLs. */

static bool skip_word(struct slice *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len < len || !slice_is_nocase((struct slice){ s->at, len }, word))
		return false;
	*s = (struct slice){ s->at + len, s->len - len };
	return true;
}

static const char *decode(struct slice s, struct arena *memory, const char **out)
{
	char *to = arena_alloc(memory, s.len + 1);

	*out = to;
	return text_unescape(s, to);
}

static const char *parse_login(struct slice text, struct arena *memory, struct socks_url *u)
{
	const char *colon = text.len ? memchr(text.at, ':', text.len) : NULL, *why;
	struct slice user = { text.at, colon ? (size_t)(colon - text.at) : text.len };

	if (!user.len)
		return "has an empty user";
	why = decode(user, memory, &u->user);
	if (!why && colon)
		why = decode((struct slice){ colon + 1, text.len - user.len - 1 }, memory, &u->password);
	if (!why && strlen(u->user) > TEXT_MAX)
		why = "has a user of more than 255 bytes";
	if (!why && u->password && strlen(u->password) > TEXT_MAX)
		why = "has a password of more than 255 bytes";
	return why;
}

/* What net_split refuses stays refused when it is written as an escape. */
static const char *parse_host(struct slice text, struct arena *memory, struct socks_url *u)
{
	struct slice host;
	const char *why = net_split(text, &host, &u->port);

	if (!why && !host.len)
		why = "has no host";
	if (!why)
		why = decode(host, memory, &u->host);
	if (why)
		return why;
	if (!memchr(host.at, ':', host.len) && strchr(u->host, ':'))
		return "has a character that no host name has";
	for (const char *p = u->host; *p; p++)
		if ((unsigned char)*p <= ' ' || strchr("\x7f[]/@,", *p))
			return "has a character that no host name has";
	return NULL;
}

const char *socks_parse(struct slice url, struct arena *memory, struct socks_url *out)
{
	struct socks_url u = { 0 };
	struct slice rest = url, login;
	const char *why;
	size_t end = 0, host = 0; /* in rest: where the authority ends, and where its host begins */

	if (!skip_word(&rest, "socks5://") && !skip_word(&rest, "socks5h://"))
		return "is not socks5://[user:password@]host:port";
	for (size_t i = 0; i < rest.len; i++)
		if ((unsigned char)rest.at[i] <= ' ' || rest.at[i] == '\x7f')
			return "has a space or control character";
	for (; end < rest.len && !strchr("/?#", rest.at[end]); end++)
		if (rest.at[end] == '@')
			host = end + 1;
	if (end < rest.len && (rest.at[end] != '/' || rest.len - end > 1))
		return "has more behind its port (in a user or password, / ? # are %2F %3F %23)";
	login = (struct slice){ rest.at, host ? host - 1 : 0 };
	why = host ? parse_login(login, memory, &u) : NULL;
	if (!why)
		why = parse_host((struct slice){ rest.at + host, end - host }, memory, &u);
	if (!why)
		*out = u;
	return why;
}

/* The handshake. */

static void wipe(struct socks *s)
{
	memset(s->out, 0, sizeof s->out); /* a password may be in it */
}

static void fail(struct socks *s, const char *why)
{
	wipe(s);
	s->state = SOCKS_FAILED;
	s->why = why;
}

/* Sends `len` bytes of out; the answer has at least `need`. */
static void ask(struct socks *s, enum step step, size_t len, size_t need)
{
	s->step = step;
	s->out_len = (uint16_t)len;
	s->need = (uint16_t)need;
	s->sent = s->got = 0;
	s->state = SOCKS_SEND;
}

static size_t put_text(unsigned char *to, const char *text)
{
	size_t len = strlen(text);

	to[0] = (unsigned char)len;
	memcpy(to + 1, text, len);
	return 1 + len;
}

static void ask_login(struct socks *s)
{
	size_t len = 1;

	s->out[0] = LOGIN_VERSION;
	len += put_text(s->out + len, s->target.user);
	len += put_text(s->out + len, s->target.password ? s->target.password : "");
	ask(s, LOGIN_ANSWER, len, 2);
}

/* ATYP and the address. A scope means something to the proxy's machine alone, so that goes as a name. */
static size_t put_address(unsigned char *to, const char *host)
{
	struct net_addr a;

	if (strchr(host, '%') || !net_numeric(slice_of(host), 0, &a)) {
		to[0] = NAME;
		return 1 + put_text(to + 1, host);
	}
	if (a.sa.any.sa_family == AF_INET) {
		to[0] = IPV4;
		memcpy(to + 1, &a.sa.v4.sin_addr, 4);
		return 1 + 4;
	}
	to[0] = IPV6;
	memcpy(to + 1, &a.sa.v6.sin6_addr, 16);
	return 1 + 16;
}

static void ask_connect(struct socks *s)
{
	size_t len = 3;

	memcpy(s->out, (unsigned char[]){ VERSION, 1, 0 }, 3);
	len += put_address(s->out + len, s->target.host);
	s->out[len++] = (unsigned char)(s->target.port >> 8);
	s->out[len++] = (unsigned char)s->target.port;
	ask(s, REPLY, len, 4);
}

void socks_start(struct socks *s, const struct socks_target *target)
{
	const char *user = target->user, *password = user ? target->password : NULL;
	size_t host = strlen(target->host);

	*s = (struct socks){ .target = *target };
	if (!host || host > TEXT_MAX)
		fail(s, "SOCKS: the host has no name, or more than 255 bytes");
	else if ((user && (!*user || strlen(user) > TEXT_MAX)) || (password && strlen(password) > TEXT_MAX))
		fail(s, "SOCKS: user or password is empty or has more than 255 bytes");
	if (s->state == SOCKS_FAILED)
		return;
	memcpy(s->out, (unsigned char[]){ VERSION, user ? 2 : 1, NO_LOGIN, LOGIN }, 4);
	ask(s, METHOD_ANSWER, user ? 4 : 3, 2);
}

/* What a piece of an answer brings. Each looks as soon as there is a first byte: whoever speaks another protocol need
 * not send a whole answer. */

static void take_method(struct socks *s)
{
	bool login = s->target.user;

	if (s->in[0] != VERSION)
		fail(s, "the SOCKS proxy does not speak SOCKS5");
	else if (s->got < 2)
		return;
	else if (s->in[1] == NO_LOGIN)
		ask_connect(s);
	else if (s->in[1] == LOGIN && login)
		ask_login(s);
	else if (s->in[1] == NO_METHOD && !login)
		fail(s, "the SOCKS proxy wants a user and password, or another method");
	else if (s->in[1] == NO_METHOD)
		fail(s, "the SOCKS proxy accepts none of the offered methods");
	else
		fail(s, "the SOCKS proxy chose a method that was not offered");
}

static void take_login(struct socks *s)
{
	if (s->in[0] != LOGIN_VERSION)
		fail(s, "the SOCKS proxy answered the login in another protocol");
	else if (s->got == 2 && s->in[1])
		fail(s, "the SOCKS proxy refused user or password");
	else if (s->got == 2)
		ask_connect(s);
}

static const char *refusal(unsigned code)
{
	static const char *const words[] = {
		NULL, "SOCKS: general failure", "SOCKS: not allowed by its rules", "SOCKS: network unreachable",
		"SOCKS: host unreachable", "SOCKS: connection refused", "SOCKS: TTL expired", "SOCKS: command not supported",
		"SOCKS: address type not supported",
	};

	return code < ARRAY_LEN(words) ? words[code] : "SOCKS: unknown reply code";
}

/* The address that the proxy connects from is of no use here, but has to be read: first its type, then the length of a
 * name, then all of it and the port. */
static void take_reply(struct socks *s)
{
	unsigned type = s->in[3];

	if (s->in[0] != VERSION)
		fail(s, "the SOCKS proxy sent a reply in another protocol");
	else if (s->got >= 2 && s->in[1])
		fail(s, refusal(s->in[1]));
	else if (s->got < s->need)
		return;
	else if (s->need == 4 && (type == IPV4 || type == IPV6))
		s->need = type == IPV4 ? 4 + 4 + 2 : 4 + 16 + 2;
	else if (s->need == 4 && type == NAME)
		s->need = 5;
	else if (s->need == 4)
		fail(s, "SOCKS: unknown address type in the reply");
	else if (s->need == 5)
		s->need = (uint16_t)(5 + s->in[4] + 2);
	else
		s->state = SOCKS_DONE;
}

static void (*const takes[])(struct socks *s) = { take_method, take_login, take_reply };

static void check_error(struct socks *s)
{
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOTCONN)
		fail(s, strerror(errno));
}

/* Each of the two returns whether there may be more to do now. */

static bool send_more(struct socks *s, int fd)
{
	ssize_t n = send(fd, s->out + s->sent, (size_t)(s->out_len - s->sent), MSG_NOSIGNAL);

	if (n < 0) {
		check_error(s);
		return false;
	}
	s->sent = (uint16_t)(s->sent + n);
	if (s->sent == s->out_len) {
		wipe(s);
		s->state = SOCKS_RECEIVE;
	}
	return true;
}

static bool receive_more(struct socks *s, int fd)
{
	ssize_t n = recv(fd, s->in + s->got, (size_t)(s->need - s->got), 0);

	if (n < 0) {
		check_error(s);
		return false;
	}
	if (n == 0) {
		fail(s, "the SOCKS proxy closed the connection");
		return false;
	}
	s->got = (uint16_t)(s->got + n);
	takes[s->step](s);
	return true;
}

enum socks_state socks_run(struct socks *s, int fd)
{
	bool more = true;

	while (more && (s->state == SOCKS_SEND || s->state == SOCKS_RECEIVE))
		more = s->state == SOCKS_SEND ? send_more(s, fd) : receive_more(s, fd);
	return s->state;
}
