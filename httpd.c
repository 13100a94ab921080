#include "base.h"
#include "httpd.h"

#include <string.h>
#include <strings.h>

#include "http_head.h"
#include "net.h"
#include "sys.h"

/* Answers. */

const char *httpd_reason(int code)
{
	static const struct {
		int code;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 421, "Misdirected Request" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return "Error";
}

/* A server with a clock sends a date (RFC 9110, 6.6.1, 5.6.7). */
static void httpd_put_date(struct buf *out)
{
	static const char days[][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	int64_t now = sys_wall() / 1000, day = now / 86400;
	struct text_date date = text_date(day);
	int second = (int)(now % 86400);

	buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[day % 7], date.day, months[date.month - 1],
	           date.year, second / 3600, second / 60 % 60, second % 60);
}

void httpd_put_head(struct buf *out, const struct httpd_answer *answer)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", answer->code, httpd_reason(answer->code));
	httpd_put_date(out);
	buf_printf(out, "Content-Type: %s\r\n", answer->type);
	if (answer->length == HTTPD_CHUNKED)
		buf_puts(out, "Transfer-Encoding: chunked\r\n");
	else if (answer->length != HTTPD_UNTIL_CLOSE)
		buf_printf(out, "Content-Length: %zu\r\n", answer->length);
	buf_puts(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
	buf_printf(out, "Content-Security-Policy: %s\r\n",
	           answer->policy ? answer->policy : "default-src 'none'; frame-ancestors 'none'");
	if (answer->code == 405)
		buf_puts(out, "Allow: GET, HEAD\r\n");
	if (answer->last)
		buf_puts(out, "Connection: close\r\n");
	else if (answer->old)
		buf_puts(out, "Connection: keep-alive\r\n");
	buf_puts(out, "\r\n");
}

#define CHUNK_FRAME 32 /* bytes around a chunk, at most */

void httpd_put_chunk(struct buf *out, const char *bytes, size_t len, bool more)
{
	if (len) { /* an empty one would be the end */
		buf_room(out, len + CHUNK_FRAME);
		buf_printf(out, "%zx\r\n", len);
		buf_add(out, bytes, len);
		buf_puts(out, "\r\n");
	}
	buf_puts(out, more ? "" : "0\r\n\r\n");
}

/* Requests. */

size_t httpd_head_length(struct slice bytes)
{
	for (size_t i = 1; i < bytes.len; i++)
		if (bytes.at[i] == '\n' && http_head_ended(bytes.at, i + 1))
			return i + 1;
	return 0;
}

/* The part before the first of these bytes. */
static struct slice httpd_until(struct slice text, const char *ends)
{
	size_t len = 0;

	while (len < text.len && !strchr(ends, text.at[len]))
		len++;
	return slice_first(text, len);
}

/* GET http://host/path is the same as GET /path with that host, whatever Host says (RFC 9112, 3.2.2). False: the target
 * is wrong (RFC 9110, 4.2: the host is needed, and a login is not accepted; RFC 9112, 3.2: no fragment). */
static bool httpd_read_target(struct slice target, struct httpd_request *request)
{
	static const char scheme[] = "http://";
	const size_t len = sizeof scheme - 1;

	if (target.len && memchr(target.at, '#', target.len))
		return false;
	if (target.len >= len && slice_is_nocase(slice_first(target, len), scheme)) {
		struct slice authority = httpd_until(slice_skip(target, len), "/?");

		if (!authority.len || *authority.at == ':' || memchr(authority.at, '@', authority.len))
			return false;
		request->authority = authority;
		target = slice_skip(target, len + authority.len);
		if (!slice_starts(target, "/"))
			target = slice_of("/");
	}
	request->path = httpd_until(target, "?");
	return slice_starts(request->path, "/");
}

/* METHOD TARGET HTTP/1.N */
static int httpd_read_start(struct slice line, struct httpd_request *request)
{
	struct slice target;

	if (!slice_next(&line, ' ', &request->method) || !http_head_token(request->method) || !slice_next(&line, ' ', &target))
		return 400;
	if (!httpd_read_target(target, request) || line.len != 8 || !slice_starts(line, "HTTP/"))
		return 400;
	if (!slice_starts(line, "HTTP/1."))
		return 505;
	request->old = line.at[7] == '0';
	return 0;
}

/* What the fields say. */
struct httpd_fields {
	struct slice host;
	unsigned hosts;
	bool close, keep, body;
};

/* False when the line is wrong. */
static bool httpd_read_field(struct slice line, struct httpd_fields *fields)
{
	struct slice name, value;

	if (!http_head_field(line, &name, &value) || !http_head_token(name) || memchr(line.at, '\r', line.len))
		return false;
	if (slice_is_nocase(name, "Host")) {
		fields->hosts++;
		fields->host = value;
	} else if (slice_is_nocase(name, "Connection")) {
		fields->close = fields->close || slice_has_word(value, "close");
		fields->keep = fields->keep || slice_has_word(value, "keep-alive");
	} else if (slice_is_nocase(name, "Transfer-Encoding") ||
	           (slice_is_nocase(name, "Content-Length") && !slice_is(value, "0"))) {
		fields->body = true;
	}
	return true;
}

/* Without its port. Empty: it is wrong. */
static struct slice httpd_host(struct slice authority)
{
	const char *bracket = slice_starts(authority, "[") ? memchr(authority.at, ']', authority.len) : NULL;
	struct slice host = bracket ? slice_between(authority.at, bracket + 1) : httpd_until(authority, ":");
	struct slice port = slice_skip(authority, host.len);

	for (size_t i = 0; i < port.len; i++)
		if (i ? port.at[i] < '0' || port.at[i] > '9' : port.at[i] != ':')
			return (struct slice){ NULL, 0 };
	return host;
}

static struct slice httpd_without_dot(struct slice name)
{
	return name.len && name.at[name.len - 1] == '.' ? slice_first(name, name.len - 1) : name;
}

static bool httpd_is_named(struct slice host, const char *names)
{
	struct slice rest = slice_of(names), name;

	while (slice_next(&rest, ',', &name)) {
		name = httpd_without_dot(name);
		if (name.len && name.len == host.len && strncasecmp(name.at, host.at, name.len) == 0)
			return true;
	}
	return false;
}

bool httpd_is_for(const struct httpd_request *request, const char *names)
{
	struct net_addr address;
	struct slice host;

	if (request->old && !request->authority.len)
		return true;
	host = httpd_without_dot(httpd_host(request->authority));
	if (slice_starts(host, "[")) /* an interface in it is the client's: it is not looked for */
		host = httpd_until(slice_skip(host, 1), "%]");
	return net_numeric(host, 0, &address) || slice_is_nocase(host, "localhost") || httpd_is_named(host, names);
}

int httpd_read(struct slice head, struct httpd_request *request)
{
	struct httpd_fields fields = { 0 };
	struct slice line;
	int code;

	*request = (struct httpd_request){ 0 };
	if (memchr(head.at, '\0', head.len))
		return 400;
	slice_next(&head, '\n', &line);
	code = httpd_read_start(line, request);
	if (code)
		return code;
	while (http_head_line(&head, &line))
		if (line.len && !httpd_read_field(line, &fields))
			return 400;
	if (!request->authority.len)
		request->authority = fields.host;
	request->last = fields.body || fields.close || (request->old && !fields.keep);
	return fields.hosts == 1 || (request->old && !fields.hosts) ? 0 : 400;
}
