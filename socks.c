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

static bool skip_word(struct slice *text, const char *word)
{
	size_t len = strlen(word);

	if (text->len < len || !slice_is_nocase(slice_first(*text, len), word))
		return false;
	*text = slice_skip(*text, len);
	return true;
}

static const char *decode_part(struct slice text, struct arena *memory, const char **out)
{
	char *to = arena_alloc(memory, text.len + 1);

	*out = to;
	return text_unescape(text, to);
}

static const char *parse_login(struct slice text, struct arena *memory, struct socks_url *out)
{
	const char *colon = text.len ? memchr(text.at, ':', text.len) : NULL, *why;
	struct slice user = colon ? slice_between(text.at, colon) : text;

	if (!user.len)
		return "has an empty user";
	why = decode_part(user, memory, &out->user);
	if (!why && colon)
		why = decode_part(slice_skip(text, user.len + 1), memory, &out->password);
	if (!why && strlen(out->user) > TEXT_MAX)
		why = "has a user of more than 255 bytes";
	if (!why && out->password && strlen(out->password) > TEXT_MAX)
		why = "has a password of more than 255 bytes";
	return why;
}

/* What net_split refuses stays refused when it is written as an escape. */
static const char *parse_host(struct slice text, struct arena *memory, struct socks_url *out)
{
	struct slice host;
	const char *why = net_split(text, &host, &out->port);

	if (!why && !host.len)
		why = "has no host";
	if (!why)
		why = decode_part(host, memory, &out->host);
	if (why)
		return why;
	if (!memchr(host.at, ':', host.len) && strchr(out->host, ':'))
		return "has a character that no host name has";
	return net_is_host(slice_of(out->host)) ? NULL : "has a character that no host name has";
}

static bool has_space_or_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == '\x7f')
			return true;
	return false;
}

/* Cuts user:password@host:port, or host:port. */
static const char *parse_authority(struct slice text, struct arena *memory, struct socks_url *out)
{
	size_t host = text.len;
	const char *why = NULL;

	while (host && text.at[host - 1] != '@')
		host--;
	if (host)
		why = parse_login(slice_first(text, host - 1), memory, out);
	return why ? why : parse_host(slice_skip(text, host), memory, out);
}

const char *socks_parse(struct slice url, struct arena *memory, struct socks_url *out)
{
	struct socks_url u = { 0 };
	struct slice rest = url;
	const char *why;
	size_t end = 0; /* of the authority */

	if (!skip_word(&rest, "socks5://") && !skip_word(&rest, "socks5h://"))
		return "is not socks5://[user:password@]host:port";
	if (has_space_or_control(rest))
		return "has a space or control character";
	while (end < rest.len && !strchr("/?#", rest.at[end]))
		end++;
	if (end < rest.len && (rest.at[end] != '/' || rest.len - end > 1))
		return "has more behind its port (in a user or password, / ? # are %2F %3F %23)";
	why = parse_authority(slice_first(rest, end), memory, &u);
	if (!why)
		*out = u;
	return why;
}

/* The handshake. */

static void socks_wipe(struct socks *s)
{
	memset(s->out, 0, sizeof s->out); /* a password may be in it */
}

static void socks_fail(struct socks *s, const char *why)
{
	socks_wipe(s);
	s->state = SOCKS_FAILED;
	s->why = why;
}

/* Sends `len` bytes of out; the answer has at least `need`. */
static void socks_ask(struct socks *s, enum step step, size_t len, size_t need)
{
	s->step = step;
	s->out_len = (uint16_t)len;
	s->need = (uint16_t)need;
	s->sent = s->got = 0;
	s->state = SOCKS_SEND;
}

static size_t write_text_field(unsigned char *to, const char *text)
{
	size_t len = strlen(text);

	to[0] = (unsigned char)len;
	memcpy(to + 1, text, len);
	return 1 + len;
}

static void socks_ask_login(struct socks *s)
{
	size_t len = 1;

	s->out[0] = LOGIN_VERSION;
	len += write_text_field(s->out + len, s->target.user);
	len += write_text_field(s->out + len, s->target.password ? s->target.password : "");
	socks_ask(s, LOGIN_ANSWER, len, 2);
}

/* ATYP and the address. A scope means something to the proxy's machine alone, so that goes as a name. */
static size_t write_address(unsigned char *to, const char *host)
{
	struct net_addr addr;

	if (strchr(host, '%') || !net_numeric(slice_of(host), 0, &addr)) {
		to[0] = NAME;
		return 1 + write_text_field(to + 1, host);
	}
	if (addr.sa.any.sa_family == AF_INET) {
		to[0] = IPV4;
		memcpy(to + 1, &addr.sa.v4.sin_addr, 4);
		return 1 + 4;
	}
	to[0] = IPV6;
	memcpy(to + 1, &addr.sa.v6.sin6_addr, 16);
	return 1 + 16;
}

static void socks_ask_connect(struct socks *s)
{
	size_t len = 3;

	memcpy(s->out, (unsigned char[]){ VERSION, 1, 0 }, 3);
	len += write_address(s->out + len, s->target.host);
	s->out[len++] = (unsigned char)(s->target.port >> 8);
	s->out[len++] = (unsigned char)s->target.port;
	socks_ask(s, REPLY, len, 4);
}

void socks_start(struct socks *socks, const struct socks_target *target)
{
	const char *user = target->user, *password = user ? target->password : NULL;
	size_t host = strlen(target->host);

	*socks = (struct socks){ .target = *target };
	if (!host || host > TEXT_MAX)
		socks_fail(socks, "SOCKS: the host has no name, or more than 255 bytes");
	else if ((user && (!*user || strlen(user) > TEXT_MAX)) || (password && strlen(password) > TEXT_MAX))
		socks_fail(socks, "SOCKS: user or password is empty or has more than 255 bytes");
	if (socks->state == SOCKS_FAILED)
		return;
	memcpy(socks->out, (unsigned char[]){ VERSION, user ? 2 : 1, NO_LOGIN, LOGIN }, 4);
	socks_ask(socks, METHOD_ANSWER, user ? 4 : 3, 2);
}

/* What a piece of an answer brings. Each looks as soon as there is a first byte: whoever speaks another protocol need
 * not send a whole answer. */

static void take_method(struct socks *socks)
{
	bool login = socks->target.user;

	if (socks->in[0] != VERSION)
		socks_fail(socks, "the SOCKS proxy does not speak SOCKS5");
	else if (socks->got < 2)
		return;
	else if (socks->in[1] == NO_LOGIN)
		socks_ask_connect(socks);
	else if (socks->in[1] == LOGIN && login)
		socks_ask_login(socks);
	else if (socks->in[1] == NO_METHOD && !login)
		socks_fail(socks, "the SOCKS proxy wants a user and password, or another method");
	else if (socks->in[1] == NO_METHOD)
		socks_fail(socks, "the SOCKS proxy accepts none of the offered methods");
	else
		socks_fail(socks, "the SOCKS proxy chose a method that was not offered");
}

static void take_login(struct socks *s)
{
	if (s->in[0] != LOGIN_VERSION)
		socks_fail(s, "the SOCKS proxy answered the login in another protocol");
	else if (s->got == 2 && s->in[1])
		socks_fail(s, "the SOCKS proxy refused user or password");
	else if (s->got == 2)
		socks_ask_connect(s);
}

static const char *reply_words(unsigned code)
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
static void take_reply(struct socks *socks)
{
	unsigned type = socks->in[3];

	if (socks->in[0] != VERSION)
		socks_fail(socks, "the SOCKS proxy sent a reply in another protocol");
	else if (socks->got >= 2 && socks->in[1])
		socks_fail(socks, reply_words(socks->in[1]));
	else if (socks->got < socks->need)
		return;
	else if (socks->need == 4 && (type == IPV4 || type == IPV6))
		socks->need = type == IPV4 ? 4 + 4 + 2 : 4 + 16 + 2;
	else if (socks->need == 4 && type == NAME)
		socks->need = 5;
	else if (socks->need == 4)
		socks_fail(socks, "SOCKS: unknown address type in the reply");
	else if (socks->need == 5)
		socks->need = (uint16_t)(5 + socks->in[4] + 2);
	else
		socks->state = SOCKS_DONE;
}

static void (*const takes[])(struct socks *s) = { take_method, take_login, take_reply };

static void socks_failed(struct socks *s)
{
	if (!net_again(errno) && errno != ENOTCONN)
		socks_fail(s, strerror(errno));
}

/* Each of the two returns whether there may be more to do now. */

static bool socks_send(struct socks *socks, int fd)
{
	ssize_t n = send(fd, socks->out + socks->sent, (size_t)(socks->out_len - socks->sent), MSG_NOSIGNAL);

	if (n < 0) {
		socks_failed(socks);
		return false;
	}
	socks->sent = (uint16_t)(socks->sent + n);
	if (socks->sent == socks->out_len) {
		socks_wipe(socks);
		socks->state = SOCKS_RECEIVE;
	}
	return true;
}

static bool socks_receive(struct socks *socks, int fd)
{
	ssize_t n = recv(fd, socks->in + socks->got, (size_t)(socks->need - socks->got), 0);

	if (n < 0) {
		socks_failed(socks);
		return false;
	}
	if (n == 0) {
		socks_fail(socks, "the SOCKS proxy closed the connection");
		return false;
	}
	socks->got = (uint16_t)(socks->got + n);
	takes[socks->step](socks);
	return true;
}

enum socks_state socks_run(struct socks *socks, int fd)
{
	bool more = true;

	while (more && (socks->state == SOCKS_SEND || socks->state == SOCKS_RECEIVE))
		more = socks->state == SOCKS_SEND ? socks_send(socks, fd) : socks_receive(socks, fd);
	return socks->state;
}
