#include "base.h"
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_head.h"
#include "net.h"
#include "resolve_wait.h"
#include "sys.h"

#define HEAD_MAX (64 * 1024)
#define READ_SIZE (16 * 1024)
#define READS_MAX 64 /* in a row; then whoever waits looks at the deadline and the stop again */
#define SIZE_DIGITS 16 /* of a chunk's size */
#define INTERIM_MAX 16 /* answers of status 1xx before the real one */
#define BODY_KEPT (1 << 20) /* memory that one answer leaves to the next */
#define BODY_BEGINNING 4096 /* of what goes to a sink */
#define ADDRESSES_MAX 64 /* of a host */
#define USELESS_MAX (4u << 20) /* bytes of a body whose sink has no use for the rest */

/* What an answer's parser waits for next. */
enum http_state { IN_HEAD, IN_BODY, IN_REST, IN_SIZE, IN_EXTENSION, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, COMPLETE };

struct slice http_header(const struct http_response *response, const char *name)
{
	struct slice rest = { response->head.data, response->head.len }, line, key, value;

	while (http_head_line(&rest, &line))
		if (http_head_field(slice_trim(line), &key, &value) && slice_is_nocase(key, name))
			return value;
	return (struct slice){ NULL, 0 };
}

static const char *http_read_status(struct http_response *response)
{
	const char *head = response->head.data;
	long status;

	if (response->head.len < 13 || memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' || !memchr(" \r\n", head[12], 3) ||
	    text_number((struct slice){ head + 9, 3 }, 100, 599, &status))
		return "not an HTTP answer";
	response->status = (int)status;
	response->last = head[7] == '0';
	return NULL;
}

static const char *http_read_length(struct http_response *response, struct slice text)
{
	uint64_t length = 0;

	if (!text.len || text.len > 18)
		return "wrong Content-Length";
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return "wrong Content-Length";
		length = length * 10 + (uint64_t)(text.at[i] - '0');
	}
	if (length > response->max_body)
		return "answer too large";
	response->left = length;
	response->state = length ? IN_BODY : COMPLETE;
	return NULL;
}

/* How the body will come (RFC 9112, 6.3). */
static const char *http_expect_body(struct http_response *response)
{
	struct slice coding = http_header(response, "Transfer-Encoding"), length = http_header(response, "Content-Length");

	if (response->head_only || response->status == 204 || response->status == 304) {
		response->state = COMPLETE;
	} else if (coding.at) {
		if (!slice_is_nocase(coding, "chunked"))
			return "unknown Transfer-Encoding";
		response->state = IN_SIZE;
	} else if (length.at) {
		return http_read_length(response, length);
	} else {
		response->state = IN_REST;
		response->last = true;
	}
	return NULL;
}

/* False: it does not want the rest. */
static bool http_sink(const struct http_response *response, const char *bytes, size_t len)
{
	return !response->sink || response->status != 200 || response->sink(response->sink_arg, bytes, len);
}

static const char *http_finish_head(struct http_response *response)
{
	const char *why = http_read_status(response);
	bool head_only = response->head_only;
	uint8_t interim = response->interim;
	struct slice connection;

	if (why)
		return why;
	if (response->status < 200) { /* an interim answer: the real one follows */
		http_reset(response);
		response->head_only = head_only;
		response->interim = interim + 1;
		return interim < INTERIM_MAX ? NULL : "too many interim answers";
	}
	connection = http_header(response, "Connection");
	if (slice_has_word(connection, "close"))
		response->last = true;
	else if (slice_has_word(connection, "keep-alive"))
		response->last = false;
	why = http_expect_body(response);
	if (!why)
		http_sink(response, NULL, 0);
	return why;
}

static const char *http_head_byte(struct http_response *response, char byte)
{
	const struct buf *head = &response->head;

	if (head->len >= HEAD_MAX)
		return "headers too large";
	buf_add(&response->head, &byte, 1);
	return http_head_ended(head->data, head->len) ? http_finish_head(response) : NULL;
}

static const char *http_size_byte(struct http_response *response, char byte)
{
	int digit = text_hex(byte);

	if (digit >= 0) {
		if (response->digits++ == SIZE_DIGITS)
			return "wrong chunk size";
		response->left = response->left << 4 | (uint64_t)digit;
		return response->left > response->max_body ? "answer too large" : NULL;
	}
	if (!response->digits || !byte || !strchr("\r\n; \t", byte))
		return "wrong chunk size";
	response->state = byte == '\n' ? (response->left ? IN_CHUNK : IN_TRAILER) : IN_EXTENSION;
	if (response->state != IN_EXTENSION)
		response->digits = 0;
	return NULL;
}

/* Bytes of which only the end of their line matters. The trailer ends with an empty one. There may be as many of them as of
 * a head, and beside chunks a few for each byte of the body, which some servers send byte by byte. */
static const char *http_line_byte(struct http_response *response, char byte)
{
	bool empty = response->digits == 0;

	if (++response->passed > HEAD_MAX + response->size * 8)
		return response->state == IN_TRAILER ? "trailers too large" : "chunk extensions too large";
	if (byte == '\r')
		return NULL;
	if (byte != '\n') {
		if (response->state == IN_CHUNK_END)
			return "chunk longer than its size";
		response->digits = 1;
		return NULL;
	}
	response->digits = 0;
	if (response->state == IN_CHUNK_END)
		response->state = IN_SIZE;
	else if (response->state == IN_TRAILER)
		response->state = empty ? COMPLETE : IN_TRAILER;
	else
		response->state = response->left ? IN_CHUNK : IN_TRAILER;
	return NULL;
}

static const char *http_control_byte(struct http_response *response, char byte)
{
	if (response->state == IN_HEAD)
		return http_head_byte(response, byte);
	return response->state == IN_SIZE ? http_size_byte(response, byte) : http_line_byte(response, byte);
}

/* Takes of the bytes what belongs to the body or chunk; *used moves on by as much. */
static const char *http_body_bytes(struct http_response *response, const char *bytes, size_t len, size_t *used)
{
	size_t keep;
	bool wanted;

	if (response->state != IN_REST && len > response->left)
		len = (size_t)response->left;
	if (response->size + len > response->max_body)
		return "answer too large";
	keep = response->sink ? BODY_BEGINNING - response->body.len : len;
	buf_add(&response->body, bytes, keep < len ? keep : len);
	wanted = http_sink(response, bytes, len);
	response->size += len;
	*used += len;
	if (!wanted && response->size > USELESS_MAX)
		return "answer too large";
	if (response->state == IN_REST)
		return NULL;
	response->left -= len;
	if (!response->left)
		response->state = response->state == IN_BODY ? COMPLETE : IN_CHUNK_END;
	return NULL;
}

static bool http_in_body(const struct http_response *response)
{
	return response->state == IN_BODY || response->state == IN_CHUNK || response->state == IN_REST;
}

const char *http_parse(struct http_response *response, const char *bytes, size_t len, size_t *used)
{
	const char *why = NULL;
	size_t at = 0;

	while (!why && at < len && response->state != COMPLETE) {
		if (http_in_body(response))
			why = http_body_bytes(response, bytes + at, len - at, &at);
		else
			why = http_control_byte(response, bytes[at++]);
	}
	*used = at;
	response->done = response->state == COMPLETE;
	return why;
}

const char *http_parse_end(struct http_response *response)
{
	if (response->state == IN_HEAD)
		return response->head.len ? "connection closed within the headers" : "connection closed";
	if (response->state != IN_REST && response->state != COMPLETE)
		return "answer cut short";
	response->state = COMPLETE;
	response->done = true;
	return NULL;
}

void http_reset(struct http_response *response)
{
	response->status = 0;
	if (response->body.cap > BODY_KEPT)
		buf_free(&response->body);
	response->head.len = response->body.len = 0;
	response->left = response->size = response->passed = 0;
	response->state = IN_HEAD;
	response->digits = response->interim = 0;
	response->done = response->last = response->head_only = false;
}

void http_response_free(struct http_response *response)
{
	buf_free(&response->head);
	buf_free(&response->body);
}

const char *http_foreign(const struct http_response *response)
{
	struct slice coding = http_header(response, "Content-Encoding");
	struct slice body = slice_trim((struct slice){ response->body.data, response->body.len });

	if ((coding.len && !slice_is_nocase(coding, "identity")) || slice_starts(body, "\037\213"))
		return "compressed (gzip or the like)";
	return slice_starts(body, "<") ? "HTML or XML" : NULL;
}

#define LOCATION_MAX 200 /* bytes that are shown of it */

void http_put_redirect(const struct http_response *response, struct buf *out)
{
	struct slice to = http_header(response, "Location");
	struct buf copy = { 0 }, masked = { 0 };

	if (response->status < 300 || response->status > 399 || !to.len)
		return;
	buf_add(&copy, to.at, to.len);
	buf_masked(&masked, copy.data);
	buf_puts(out, ", which points to ");
	buf_visible(out, masked.data, masked.len < LOCATION_MAX ? masked.len : LOCATION_MAX);
	buf_puts(out, " and is not followed");
	buf_free(&copy);
	buf_free(&masked);
}

/* The connection. */

void http_open(struct http *http, size_t max_body)
{
	*http = (struct http){ .fd = -1, .response.max_body = max_body };
}

/* The connection ends, and the answer stays. */
static void http_hang_up(struct http *http)
{
	if (http->secure)
		tls_stop(http->client);
	http->secure = false;
	if (http->fd >= 0)
		close(http->fd);
	http->fd = -1;
	http->ahead.len = 0;
}

void http_close(struct http *http)
{
	http_hang_up(http);
	http_reset(&http->response);
}

void http_free(struct http *http)
{
	http_close(http);
	tls_free(http->client);
	http->client = NULL;
	http_response_free(&http->response);
	buf_free(&http->ahead);
	buf_free(&http->why);
}

/* Waits for events of a descriptor. NULL when they came. */
static const char *http_poll(int fd, short events, int cancel_fd, int64_t deadline)
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

/* Waits until it is worth while to go on reading or writing. */
static const char *http_wait_for(const struct http *http, short events, int cancel_fd, int64_t deadline)
{
	return http_poll(http->fd, http->secure ? tls_events(http->client) : events, cancel_fd, deadline);
}

static const char *http_connect_to(struct http *http, const struct net_addr *addr, int cancel_fd, int64_t deadline)
{
	int fd = net_connect(addr), error;
	const char *why;

	if (fd < 0)
		return strerror(-fd);
	why = http_poll(fd, POLLOUT, cancel_fd, deadline);
	error = why ? 0 : net_error(fd);
	if (why || error) {
		close(fd);
		return why ? why : strerror(error);
	}
	net_keepalive(fd, 10, 5, 3);
	http->fd = fd;
	return NULL;
}

static const char *http_connect_socket(struct http *http, const char *path)
{
	int fd = net_connect_unix(path);

	if (fd < 0)
		return strerror(-fd);
	http->fd = fd;
	return NULL;
}

/* To the first that answers. Each has its share of the time: one that swallows packets must not use up all of it. */
static const char *http_connect_any(struct http *http, const struct net_addr *addrs, size_t count, int cancel_fd,
                                    int64_t deadline)
{
	const char *why = "no address";

	for (size_t i = 0; i < count && http->fd < 0 && strcmp(why, "stopped") != 0; i++) {
		int64_t share = (deadline - sys_now()) / (int64_t)(count - i);
		const char *error = http_connect_to(http, &addrs[i], cancel_fd, sys_now() + share);

		why = error ? error : why;
	}
	return http->fd < 0 ? why : NULL;
}

static const char *http_resolve(struct http *http, const struct http_url *url, struct net_addr *addrs, size_t *count,
                                int cancel_fd, int64_t deadline)
{
	const char *why = resolve_wait(url->host, cancel_fd, deadline, addrs, count);

	for (size_t i = 0; !why && i < *count; i++)
		net_set_port(&addrs[i], url->port);
	if (!why || strcmp(why, "stopped") == 0)
		return why;
	http->why.len = 0;
	buf_printf(&http->why, "cannot resolve %s: %s", url->host, why);
	return http->why.data;
}

static const char *http_reach(struct http *http, const struct http_url *url, int cancel_fd, int64_t deadline)
{
	struct net_addr addrs[ADDRESSES_MAX];
	size_t count = ADDRESSES_MAX;
	const char *why;

	if (url->scheme == HTTP_UNIX)
		return http_connect_socket(http, url->host);
	if (net_numeric(slice_of(url->host), url->port, addrs))
		return http_connect_to(http, addrs, cancel_fd, deadline);
	why = http_resolve(http, url, addrs, &count, cancel_fd, deadline);
	return why ? why : http_connect_any(http, addrs, count, cancel_fd, deadline);
}

static const char *http_error(const struct http *http)
{
	return http->secure ? tls_why(http->client) : strerror(errno);
}

static const char *http_secure(struct http *http, const char *host, int cancel_fd, int64_t deadline)
{
	const char *why = tls_start(&http->client, http->tls, host, http->fd);

	http->secure = !why;
	while (!why && tls_handshake(http->client) != 0)
		why = net_again(errno) ? http_wait_for(http, POLLIN, cancel_fd, deadline) : http_error(http);
	return why;
}

const char *http_connect(struct http *http, const struct http_url *url, int cancel_fd, int64_t deadline)
{
	const char *why;

	http_close(http);
	why = http_reach(http, url, cancel_fd, deadline);
	if (!why && url->scheme == HTTP_TLS)
		why = http_secure(http, url->host, cancel_fd, deadline);
	if (why)
		http_close(http);
	return why;
}

static ssize_t http_write(struct http *http, const char *bytes, size_t len)
{
	return http->secure ? tls_send(http->client, bytes, len) : send(http->fd, bytes, len, 0);
}

static ssize_t http_read(struct http *http, char *to, size_t size)
{
	return http->secure ? tls_receive(http->client, to, size) : recv(http->fd, to, size, 0);
}

const char *http_send(struct http *http, const struct buf *request, int cancel_fd, int64_t deadline)
{
	size_t sent = 0;

	while (sent < request->len) {
		ssize_t n = http_write(http, request->data + sent, request->len - sent);
		const char *why;

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (!net_again(errno))
			return http_error(http);
		if ((why = http_wait_for(http, POLLOUT, cancel_fd, deadline)))
			return why;
	}
	return NULL;
}

/* Parses from `ahead` what belongs to this answer. */
static const char *http_parse_ahead(struct http *http)
{
	size_t used = 0;
	const char *why = NULL;

	if (http->ahead.len)
		why = http_parse(&http->response, http->ahead.data, http->ahead.len, &used);
	if (used)
		memmove(http->ahead.data, http->ahead.data + used, http->ahead.len - used);
	http->ahead.len -= used;
	return why;
}

/* Where nothing but the end of the connection ends the body, anyone on the way could have ended it (RFC 9112, 9.8). */
static const char *http_end(struct http *http)
{
	if (http->secure && tls_cut(http->client) && http->response.state == IN_REST)
		return "the connection ended without TLS's close: the answer may be cut short";
	return http_parse_end(&http->response);
}

const char *http_receive(struct http *http)
{
	const char *why = NULL;

	for (unsigned reads = 0; reads < READS_MAX && !why && !http->response.done; reads++) {
		char *to = buf_room(&http->ahead, READ_SIZE);
		ssize_t n = http_read(http, to, READ_SIZE);

		if (n < 0)
			return net_again(errno) ? NULL : http_error(http);
		if (n == 0)
			return http_end(http);
		http->ahead.len += (size_t)n;
		why = http_parse_ahead(http);
	}
	return why;
}

const char *http_wait(struct http *http, int cancel_fd, int64_t deadline)
{
	const char *why = http->fd < 0 ? "connection closed" : NULL;

	while (!why && !http->response.done) {
		why = http_receive(http);
		if (!why && !http->response.done)
			why = http_wait_for(http, POLLIN, cancel_fd, deadline);
	}
	return why;
}

bool http_silent(const struct http *http)
{
	return http->response.state == IN_HEAD && !http->response.head.len && !http->ahead.len;
}

void http_next(struct http *http)
{
	http_reset(&http->response);
	/* What is wrong is said when it is waited for: then there is no connection. */
	if (http->ahead.len && http_parse_ahead(http))
		http_close(http);
}

const char *http_ask(struct http *http, const struct http_url *url, const struct buf *request, int cancel_fd, int64_t deadline)
{
	const char *why = http->fd < 0 ? http_connect(http, url, cancel_fd, deadline) : NULL;

	if (!why)
		why = http_send(http, request, cancel_fd, deadline);
	return why ? why : http_wait(http, cancel_fd, deadline);
}

const char *http_ask_kept(struct http *http, const struct http_url *url, const struct buf *request, int cancel_fd,
                          int64_t deadline)
{
	bool kept = http->fd >= 0;
	const char *why;

	if (kept)
		http_next(http);
	why = http_ask(http, url, request, cancel_fd, deadline);
	if (why && kept && strcmp(why, "stopped") != 0 && sys_now() < deadline) {
		http_close(http);
		why = http_ask(http, url, request, cancel_fd, deadline);
	}
	if (why)
		http_close(http);
	else if (http->response.last || http->ahead.len) /* such bytes would be taken for the next answer */
		http_hang_up(http);
	return why;
}
