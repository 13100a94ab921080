/* http_url: where requests go to, and how they begin. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "base.h"
#include "text.h"

enum http_scheme { HTTP_PLAIN, HTTP_TLS, HTTP_UNIX };

struct http_url {
	enum http_scheme scheme;
	char host[256], prefix[256]; /* host: of a Unix socket its path; prefix: the path before that of each request */
	uint16_t port; /* 0 of a Unix socket */
};

/* http://host:port/prefix, host:port (at `port`, when it names none), unix:///path, and https:// where TLS is built in.
 * Returns NULL or the reason, in words that follow the text. */
const char *http_url_parse(struct http_url *url, const char *text, uint16_t port);

void http_put_host(struct buf *out, const struct http_url *url); /* what stands behind Host: */
/* Appends a request's line and the headers that all have; the caller adds its own, the empty line and the body. */
void http_request(struct buf *out, const char *method, const struct http_url *url, const char *path);
/* Appends what stands behind "Authorization: Basic " for a login, USER:PASSWORD (RFC 7617). */
void http_put_login(struct buf *out, struct slice login);
void http_escape(struct buf *out, const char *text); /* percent-encodes all but unreserved bytes (RFC 3986) */

#endif
