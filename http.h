/* http: a small blocking HTTP/1.1 client (RFC 9112) for a thread of its own. Waits end at a deadline, or when the
 * cancel descriptor becomes readable. Connections are kept, requests may be pipelined. */
#ifndef HTTP_H
#define HTTP_H

#include "base.h"
#include "http_url.h"
#include "text.h"
#include "tls.h"

/* One answer, parsed as it arrives. Start with {0}, and max_body. */
struct http_response {
	int status;
	struct buf head; /* header lines, as they came */
	struct buf body; /* with a sink only its beginning, for words about what is wrong with it */
	size_t max_body;
	uint64_t size;   /* of the body, as far as it has come */
	/* Takes the body of an answer with status 200 as it arrives: nothing at first (NULL), when the headers are complete.
	 * False: it has no use for the rest, which need not come when it is long. NULL: `body` takes it. It stays for the next
	 * answers. */
	bool (*sink)(void *arg, const char *bytes, size_t len);
	void *sink_arg;
	uint64_t left;   /* bytes of body or chunk still to come */
	uint64_t passed; /* bytes of extensions, trailers and ends of lines */
	uint8_t state, digits, interim; /* digits: of a chunk's size, so far; interim: answers of status 1xx before it */
	bool done;       /* complete */
	bool last;       /* the connection ends with it */
	bool head_only;  /* an answer to HEAD */
};

/* Takes bytes; *used tells how many belong to this answer. Returns NULL or the reason. */
const char *http_parse(struct http_response *response, const char *bytes, size_t len, size_t *used);
/* The connection has ended: NULL when that completes the answer, or the missing part. */
const char *http_parse_end(struct http_response *response);
void http_reset(struct http_response *response); /* for the next answer; keeps max_body, the sink, and some memory */
void http_response_free(struct http_response *response);
/* A header's value; the name in any case. Empty with at == NULL when it is not there. Borrowed from head. */
struct slice http_header(const struct http_response *response, const char *name);
/* What a body is that a reader of JSON and the like cannot read: "compressed", "HTML or XML". NULL: none of these. */
const char *http_foreign(const struct http_response *response);
/* Appends where a redirect points to, which nobody follows here, and nothing for other answers. */
void http_put_redirect(const struct http_response *response, struct buf *out);

struct http {
	int fd; /* -1: not connected */
	const struct tls_options *tls; /* of https:// connections; borrowed, set before http_connect. NULL: nothing special */
	struct tls *client; /* what they need, kept for the next one; NULL: there was none */
	bool secure; /* this connection is one */
	struct http_response response;
	struct buf ahead; /* bytes of the answers behind this one */
	struct buf why;   /* the name of its host could not be resolved, in words */
};

void http_open(struct http *http, size_t max_body);
void http_close(struct http *http); /* the connection; to be opened again by http_connect */
void http_free(struct http *http);

/* Each returns NULL or why not, in words that live as long as `http`; "stopped" when cancel_fd became readable. Deadlines are
 * on sys_now()'s clock. */
const char *http_connect(struct http *http, const struct http_url *url, int cancel_fd, int64_t deadline);
const char *http_send(struct http *http, const struct buf *request, int cancel_fd, int64_t deadline);
const char *http_wait(struct http *http, int cancel_fd, int64_t deadline); /* until the answer is complete */
/* As far as it has come, without waiting, but no more than a MiB at once: look at response.done, and wait again. */
const char *http_receive(struct http *http);
/* All three, without http_connect where there is a connection. */
const char *http_ask(struct http *http, const struct http_url *url, const struct buf *request, int cancel_fd,
                     int64_t deadline);
/* The same for a connection that is kept where it can be: whoever keeps it, too, may have closed it, and is then asked once
 * more, over a new one. The answer stays until the next question. */
const char *http_ask_kept(struct http *http, const struct http_url *url, const struct buf *request, int cancel_fd,
                          int64_t deadline);
bool http_silent(const struct http *http);   /* no byte of the answer has come */
void http_next(struct http *http); /* goes on to the next pipelined answer, which may be complete already */

#endif
