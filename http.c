#include "base.h"
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

#define HEAD_MAX (64 * 1024)
#define READ_SIZE (16 * 1024)

/* What an answer's parser waits for next. */
enum state { IN_HEAD, IN_BODY, IN_REST, IN_SIZE, IN_EXTENSION, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, COMPLETE };

struct slice http_header(const struct http_response *r, const char *name)
{
	struct slice rest = { r->head.data, r->head.len }, line;

	while (rest.len && slice_next(&rest, '\n', &line)) {
		const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
		struct slice key = { line.at, colon ? (size_t)(colon - line.at) : 0 };

		if (colon && slice_is_nocase(key, name))
			return slice_trim((struct slice){ colon + 1, line.len - key.len - 1 });
	}
	return (struct slice){ NULL, 0 };
}

static const char *read_status(struct http_response *r)
{
	const char *p = r->head.data;
	long status;

	if (r->head.len < 13 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ' || !memchr(" \r\n", p[12], 3) ||
	    text_number((struct slice){ p + 9, 3 }, 100, 599, &status))
		return "not an HTTP answer";
	r->status = (int)status;
	r->last = p[7] == '0';
	return NULL;
}

static const char *read_length(struct http_response *r, struct slice text)
{
	uint64_t n = 0;

	if (!text.len || text.len > 18)
		return "wrong Content-Length";
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return "wrong Content-Length";
		n = n * 10 + (uint64_t)(text.at[i] - '0');
	}
	if (n > r->max_body)
		return "answer too large";
	r->left = n;
	r->state = n ? IN_BODY : COMPLETE;
	return NULL;
}

/* The head is complete: how the body will come (RFC 9112, 6.3). */
static const char *finish_head(struct http_response *r)
{
	const char *why = read_status(r);
	struct slice coding, length, connection;

	if (why)
		return why;
	coding = http_header(r, "Transfer-Encoding");
	length = http_header(r, "Content-Length");
	connection = http_header(r, "Connection");
	if (slice_has_word(connection, "close"))
		r->last = true;
	else if (slice_has_word(connection, "keep-alive"))
		r->last = false;
	if (r->status < 200) { /* an interim answer: the real one follows */
		bool head_only = r->head_only;

		http_reset(r);
		r->head_only = head_only;
		return NULL;
	}
	if (r->head_only || r->status == 204 || r->status == 304) {
		r->state = COMPLETE;
	} else if (coding.at) {
		if (!slice_is_nocase(coding, "chunked"))
			return "unknown Transfer-Encoding";
		r->state = IN_SIZE;
	} else if (length.at) {
		why = read_length(r, length);
	} else {
		r->state = IN_REST;
		r->last = true;
	}
	return why;
}

static const char *head_byte(struct http_response *r, char c)
{
	const struct buf *h = &r->head;

	if (h->len >= HEAD_MAX)
		return "headers too large";
	buf_add(&r->head, &c, 1);
	if (c == '\n' && ((h->len >= 2 && h->data[h->len - 2] == '\n') ||
	                  (h->len >= 3 && memcmp(h->data + h->len - 3, "\n\r\n", 3) == 0)))
		return finish_head(r);
	return NULL;
}

static const char *size_byte(struct http_response *r, char c)
{
	int digit = text_hex(c);

	if (digit >= 0) {
		r->digits = 1;
		r->left = r->left << 4 | (uint64_t)digit;
		return r->left > r->max_body ? "answer too large" : NULL;
	}
	if (!r->digits || !c || !strchr("\r\n; \t", c))
		return "wrong chunk size";
	r->state = c == '\n' ? (r->left ? IN_CHUNK : IN_TRAILER) : IN_EXTENSION;
	return NULL;
}

/* Bytes that are only looked for the end of their line. The trailer ends with an empty one. */
static const char *line_byte(struct http_response *r, char c)
{
	bool empty = r->digits == 0;

	if (c == '\r')
		return NULL;
	if (c != '\n') {
		if (r->state == IN_CHUNK_END)
			return "chunk longer than its size";
		r->digits = 1;
		return NULL;
	}
	r->digits = 0;
	if (r->state == IN_CHUNK_END)
		r->state = IN_SIZE;
	else if (r->state == IN_TRAILER)
		r->state = empty ? COMPLETE : IN_TRAILER;
	else
		r->state = r->left ? IN_CHUNK : IN_TRAILER;
	return NULL;
}

static const char *control_byte(struct http_response *r, char c)
{
	const char *why;

	if (r->state == IN_HEAD)
		return head_byte(r, c);
	if (r->state != IN_SIZE)
		return line_byte(r, c);
	why = size_byte(r, c);
	if (r->state == IN_TRAILER || r->state == IN_CHUNK)
		r->digits = 0;
	return why;
}

const char *http_parse(struct http_response *r, const char *bytes, size_t len, size_t *used)
{
	const char *why = NULL;
	size_t at = 0;

	while (!why && at < len && r->state != COMPLETE) {
		size_t n = len - at;

		if (r->state != IN_BODY && r->state != IN_CHUNK && r->state != IN_REST) {
			why = control_byte(r, bytes[at++]);
			continue;
		}
		if (r->state != IN_REST && n > r->left)
			n = (size_t)r->left;
		if (r->body.len + n > r->max_body) {
			why = "answer too large";
			break;
		}
		buf_add(&r->body, bytes + at, n);
		at += n;
		r->left -= r->state == IN_REST ? 0 : n;
		if (r->left == 0 && r->state == IN_BODY)
			r->state = COMPLETE;
		else if (r->left == 0 && r->state == IN_CHUNK)
			r->state = IN_CHUNK_END;
	}
	*used = at;
	r->done = r->state == COMPLETE;
	return why;
}

const char *http_parse_end(struct http_response *r)
{
	if (r->state == IN_HEAD)
		return r->head.len ? "connection closed within the headers" : "connection closed";
	if (r->state != IN_REST && r->state != COMPLETE)
		return "answer cut short";
	r->state = COMPLETE;
	r->done = true;
	return NULL;
}

void http_reset(struct http_response *r)
{
	r->status = 0;
	r->head.len = r->body.len = 0;
	r->left = 0;
	r->state = IN_HEAD;
	r->digits = 0;
	r->done = r->last = r->head_only = false;
}

void http_response_free(struct http_response *r)
{
	buf_free(&r->head);
	buf_free(&r->body);
}

/* URLs. */

const char *http_url_parse(struct http_url *u, const char *text)
{
	struct slice rest = slice_of(text), host;
	const char *slash, *why;
	struct buf authority = { 0 };

	memset(u, 0, sizeof *u);
	if (strncmp(text, "https://", 8) == 0)
		return "is https, and dill speaks plain HTTP: name a local agent (http://127.0.0.1:8500), or put a TLS proxy such "
		       "as stunnel before it";
	if (strncmp(text, "http://", 7) == 0)
		rest = slice_of(text + 7);
	if (rest.len && memchr(rest.at, '@', strcspn(rest.at, "/")))
		return "has a user name or password, which is not supported";
	slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
	if (slash) {
		size_t len = rest.len - (size_t)(slash - rest.at);

		if (len >= sizeof u->prefix)
			return "has too long a path";
		memcpy(u->prefix, slash, len);
		rest.len = (size_t)(slash - rest.at);
		if (rest.len && rest.at[rest.len - 1] == ':')
			return "is not an http:// address";
	}
	for (size_t i = 0; i < rest.len + strlen(u->prefix); i++)
		if ((unsigned char)(i < rest.len ? rest.at[i] : u->prefix[i - rest.len]) <= ' ')
			return "has a space or control character";
	buf_add(&authority, rest.at, rest.len);
	if (!rest.len || (!strchr(authority.data, ':') || authority.data[rest.len - 1] == ']'))
		buf_puts(&authority, strncmp(text, "http://", 7) == 0 ? ":80" : ":8500");
	why = net_split((struct slice){ authority.data, authority.len }, &host, &u->port);
	if (!why && !host.len)
		why = "has no host";
	if (!why)
		memcpy(u->host, host.at, host.len);
	buf_free(&authority);
	return why;
}

void http_escape(struct buf *out, const char *text)
{
	for (; *text; text++)
		if (strchr("-._~", *text) || (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
		    (*text >= 'A' && *text <= 'Z'))
			buf_add(out, text, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
}

void http_request(struct buf *out, const char *method, const struct http_url *u, const char *path)
{
	bool v6 = strchr(u->host, ':');

	buf_printf(out, "%s %s%s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: dill/" DILL_VERSION "\r\nAccept: */*\r\n", method,
	           u->prefix, path, v6 ? "[" : "", u->host, v6 ? "]" : "", u->port);
}

/* The connection. */

void http_open(struct http *h, size_t max_body)
{
	*h = (struct http){ .fd = -1, .response.max_body = max_body };
}

void http_close(struct http *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	h->ahead.len = 0;
	http_reset(&h->response);
}

void http_free(struct http *h)
{
	http_close(h);
	http_response_free(&h->response);
	buf_free(&h->ahead);
}

/* Waits for events. NULL when they came. */
static const char *wait_for(int fd, short events, int cancel_fd, int64_t deadline)
{
	struct pollfd polls[2] = { { .fd = fd, .events = events }, { .fd = cancel_fd, .events = POLLIN } };

	for (;;) {
		int64_t left = deadline - sys_now();
		int n = left <= 0 ? 0 : poll(polls, 2, left > 60000 ? 60000 : (int)left);

		if (left <= 0)
			return "timed out";
		if (n > 0 && polls[1].revents)
			return "stopped";
		if (n > 0)
			return NULL;
	}
}

static const char *connect_to(struct http *h, const struct net_addr *a, int cancel_fd, int64_t deadline)
{
	int fd = net_connect(a), error;
	const char *why;

	if (fd < 0)
		return strerror(-fd);
	why = wait_for(fd, POLLOUT, cancel_fd, deadline);
	error = why ? 0 : net_error(fd);
	if (why || error) {
		close(fd);
		return why ? why : strerror(error);
	}
	net_keepalive(fd, 10, 5, 3);
	h->fd = fd;
	return NULL;
}

const char *http_connect(struct http *h, const struct http_url *u, int cancel_fd, int64_t deadline)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC }, *all, *a;
	char port[8];
	struct net_addr addr;
	const char *why = "no address";
	int error, left = 0;

	http_close(h);
	if (net_numeric(slice_of(u->host), u->port, &addr))
		return connect_to(h, &addr, cancel_fd, deadline);
	snprintf(port, sizeof port, "%u", u->port);
	error = getaddrinfo(u->host, port, &hints, &all);
	if (error)
		return gai_strerror(error);
	for (a = all; a; a = a->ai_next)
		left++;
	/* Each address has its share of the time: one that swallows packets must not use up all of it. */
	for (a = all; a && h->fd < 0 && (!why || strcmp(why, "stopped") != 0); a = a->ai_next, left--)
		if (a->ai_addrlen <= sizeof addr) {
			memset(&addr, 0, sizeof addr);
			memcpy(&addr, a->ai_addr, a->ai_addrlen);
			why = connect_to(h, &addr, cancel_fd, sys_now() + (deadline - sys_now()) / left);
		}
	freeaddrinfo(all);
	return why;
}

const char *http_send(struct http *h, const struct buf *request, int cancel_fd, int64_t deadline)
{
	size_t sent = 0;

	while (sent < request->len) {
		ssize_t n = send(h->fd, request->data + sent, request->len - sent, 0);
		const char *why;

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return strerror(errno);
		if ((why = wait_for(h->fd, POLLOUT, cancel_fd, deadline)))
			return why;
	}
	return NULL;
}

/* Parses from `ahead` what belongs to this answer. */
static const char *parse_ahead(struct http *h)
{
	size_t used = 0;
	const char *why = NULL;

	if (h->ahead.len)
		why = http_parse(&h->response, h->ahead.data, h->ahead.len, &used);
	if (used)
		memmove(h->ahead.data, h->ahead.data + used, h->ahead.len - used);
	h->ahead.len -= used;
	return why;
}

const char *http_receive(struct http *h)
{
	const char *why = NULL;

	while (!why && !h->response.done) {
		char *to = buf_room(&h->ahead, READ_SIZE);
		ssize_t n = recv(h->fd, to, READ_SIZE, 0);

		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? NULL : strerror(errno);
		if (n == 0)
			return http_parse_end(&h->response);
		h->ahead.len += (size_t)n;
		why = parse_ahead(h);
	}
	return why;
}

const char *http_wait(struct http *h, int cancel_fd, int64_t deadline)
{
	const char *why = h->fd < 0 ? "connection closed" : NULL;

	while (!why && !h->response.done) {
		why = wait_for(h->fd, POLLIN, cancel_fd, deadline);
		if (!why)
			why = http_receive(h);
	}
	return why;
}

void http_next(struct http *h)
{
	http_reset(&h->response);
	/* What is wrong is said when it is waited for: there is no connection any more. */
	if (h->ahead.len && parse_ahead(h))
		http_close(h);
}
