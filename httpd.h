/* httpd: the server's half of HTTP/1.1 (RFC 9110, 9112), without a socket: the head of a request in, the head of an
 * answer out. A request's body is not read: the connection ends instead. */
#ifndef HTTPD_H
#define HTTPD_H

#include "base.h"
#include "text.h"

/* One request, as far as it matters here. */
struct httpd_request {
	struct slice method, path; /* the path without its query; borrowed from the head */
	bool old;  /* HTTP/1.0 */
	bool last; /* the connection ends with its answer */
};

/* The length of the head that the bytes begin with, its empty line included; 0: it is not complete. */
size_t httpd_head_length(struct slice bytes);
/* Reads a complete head. Returns 0, or the status code of the error: then *request is not to be used. */
int httpd_read(struct slice head, struct httpd_request *request);

/* What is said of an answer before its body. */
struct httpd_answer {
	int code;
	const char *type; /* Content-Type */
	size_t length;    /* of the body */
	bool old;         /* the request was */
	bool last;
};

void httpd_put_head(struct buf *out, const struct httpd_answer *answer); /* its date is now */
const char *httpd_reason(int code); /* 404 is "Not Found"; "Error": a code that is not known here */

#endif
