#include "base.h"
#include "http_url.h"

#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "net.h"
#include "tls.h"

static const struct {
	const char *name;
	uint16_t port;
} schemes[] = { [HTTP_PLAIN] = { "http://", 80 }, [HTTP_TLS] = { "https://", 443 }, [HTTP_UNIX] = { "unix://", 0 } };

static bool http_has_blank(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ')
			return true;
	return false;
}

/* Moves the path, if there is one, from *rest to the prefix. */
static const char *http_url_take_prefix(struct http_url *url, struct slice *rest)
{
	const char *slash = memchr(rest->at, '/', rest->len);
	size_t len = slash ? (size_t)(slash - rest->at) : rest->len;
	struct slice path = slice_skip(*rest, len);

	if (path.len >= sizeof url->prefix)
		return "has too long a path";
	memcpy(url->prefix, path.at, path.len);
	if (path.len && len && rest->at[len - 1] == ':')
		return "is not an http:// address";
	*rest = slice_first(*rest, len);
	return NULL;
}

static const char *http_url_host(struct http_url *url, struct slice text, uint16_t port)
{
	struct buf authority = { 0 };
	struct slice host;
	const char *why;

	buf_add(&authority, text.at, text.len);
	if (!text.len || !strchr(authority.data, ':') || text.at[text.len - 1] == ']')
		buf_printf(&authority, ":%u", port);
	why = net_split((struct slice){ authority.data, authority.len }, &host, &url->port);
	if (!why && !host.len)
		why = "has no host";
	if (!why)
		memcpy(url->host, host.at, host.len);
	buf_free(&authority);
	return why;
}

static const char *http_url_socket(struct http_url *url, struct slice path)
{
	if (!path.len || path.at[0] != '/')
		return "has no absolute path behind unix://";
	if (path.len >= sizeof ((struct sockaddr_un *)NULL)->sun_path || path.len >= sizeof url->host)
		return "has too long a path for a socket";
	if (text_controls(path))
		return "has a control character";
	memcpy(url->host, path.at, path.len);
	return NULL;
}

const char *http_url_parse(struct http_url *url, const char *text, uint16_t port)
{
	struct slice rest = slice_of(text);
	const char *why;

	memset(url, 0, sizeof *url);
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strncasecmp(text, schemes[i].name, strlen(schemes[i].name)) == 0) {
			url->scheme = (enum http_scheme)i;
			port = schemes[i].port;
			rest = slice_of(text + strlen(schemes[i].name));
		}
	if (url->scheme == HTTP_TLS && !tls_library)
		return tls_missing;
	if (url->scheme == HTTP_UNIX)
		return http_url_socket(url, rest);
	if (rest.at[strcspn(rest.at, "/?")] == '?')
		return "has no / before its query";
	if (memchr(rest.at, '@', strcspn(rest.at, "/")))
		return "has a user name or password, which is not supported";
	why = http_url_take_prefix(url, &rest);
	if (!why && (http_has_blank(rest) || http_has_blank(slice_of(url->prefix))))
		why = "has a space or control character";
	return why ? why : http_url_host(url, rest, port);
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

void http_put_login(struct buf *out, struct slice login)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < login.len; i += 3) {
		const unsigned char *at = (const unsigned char *)login.at + i;
		size_t left = login.len - i;
		unsigned second = left > 1 ? at[1] : 0, third = left > 2 ? at[2] : 0;
		char four[4] = {
			digits[at[0] >> 2], digits[(at[0] & 3u) << 4 | second >> 4],
			left > 1 ? digits[(second & 15) << 2 | third >> 6] : '=', left > 2 ? digits[third & 63] : '='
		};

		buf_add(out, four, sizeof four);
	}
}

/* A port that goes without saying is not said: who signs the head signs these bytes (RFC 9110, 7.2; RFC 3986, 6.2.3). */
void http_put_host(struct buf *out, const struct http_url *url)
{
	bool v6 = strchr(url->host, ':');

	if (url->scheme == HTTP_UNIX) {
		buf_puts(out, "localhost");
	} else if (url->port != schemes[url->scheme].port) {
		net_put_host_port(out, url->host, url->port);
	} else {
		buf_puts(out, v6 ? "[" : "");
		buf_visible(out, url->host, strlen(url->host));
		buf_puts(out, v6 ? "]" : "");
	}
}

void http_request(struct buf *out, const char *method, const struct http_url *url, const char *path)
{
	buf_printf(out, "%s %s%s HTTP/1.1\r\nHost: ", method, url->prefix, path);
	http_put_host(out, url);
	buf_puts(out, "\r\nUser-Agent: dill/" DILL_VERSION "\r\nAccept: */*\r\n");
}
