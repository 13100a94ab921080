/* httpd: the server's half of HTTP/1.1 (RFC 9110, 9112), without a socket: the head of a request in, the head of an
 * answer out. A request's body is not read: the connection ends instead. */
#ifndef HTTPD_H
#define HTTPD_H

#include "base.h"
#include "text.h"

/* One request, as far as it matters here. */
struct httpd_request {
	struct slice method, path; /* the path without its query; borrowed from the head */
	struct slice authority;    /* host[:port], of the target, or else the field Host; HTTP/1.0 may have none */
	bool old;  /* HTTP/1.0 */
	bool last; /* the connection ends with its answer */
};

/* The length of the head that the bytes begin with, its empty line included; 0: it is not complete. */
size_t httpd_head_length(struct slice bytes);
/* Reads a complete head. Returns 0, or the status code of the error: then *request is not to be used. */
int httpd_read(struct slice head, struct httpd_request *request);

/* Whether a server that is known by its addresses, as localhost and by these names (a comma list) is meant. A page of a
 * stranger can give a name of its own our address, and have a browser ask us as if we were that page's server. */
bool httpd_is_for(const struct httpd_request *request, const char *names);

/* A body whose length is not known before it ends comes in chunks, or to a client of HTTP/1.0 until the connection ends. */
#define HTTPD_CHUNKED SIZE_MAX
#define HTTPD_UNTIL_CLOSE (SIZE_MAX - 1)

/* What is said of an answer before its body. */
struct httpd_answer {
	int code;
	const char *type; /* Content-Type */
	const char *policy; /* Content-Security-Policy; NULL: nothing is allowed */
	size_t length;    /* of the body; HTTPD_CHUNKED, HTTPD_UNTIL_CLOSE */
	bool old;         /* the request was */
	bool last;
};

void httpd_put_head(struct buf *out, const struct httpd_answer *answer); /* its date is now */
void httpd_put_chunk(struct buf *out, const char *bytes, size_t len, bool more); /* len may be 0; not more: the body ends */
const char *httpd_reason(int code); /* 404 is "Not Found"; "Error": a code that is not known here */

#endif
