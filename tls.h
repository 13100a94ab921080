/* tls: TLS for the HTTP client, where it is built in; elsewhere the words that say how to do without. */
#ifndef TLS_H
#define TLS_H

#include "base.h"

#include <sys/types.h>

#include "text.h"

/* What is asked of a server. Strings are borrowed; NULL or "": not given. */
struct tls_options {
	const char *ca, *ca_path;   /* a file of CAs, a folder of them; without both, the system's */
	const char *cert, *key;     /* of the client, as PEM files; without a key it is in the certificate's file */
	const char *server_name;    /* expected, and sent, instead of the URL's host */
	bool insecure;              /* the server's certificate is not verified */
};

extern const char *const tls_library; /* its name and version; NULL: none is built in */
extern const char tls_missing[];      /* why https:// cannot be used then, in words that follow the address */
const char *tls_version(void); /* for people: the library that is loaded, or that there is none */

/* One client: what its files say, read again when they change, and the session of its newest connection. */
struct tls;

/* Begins a session with `host` over a connected, non-blocking socket; *tls is NULL at first. NULL options: nothing special.
 * Returns NULL or the reason. */
const char *tls_start(struct tls **tls, const struct tls_options *options, const char *host, int fd);
/* As connect(), send() and recv() of such a socket. After EAGAIN, tls_events() says what poll() must wait for; after any
 * other errno, tls_why() what is wrong. */
int tls_handshake(struct tls *tls);
ssize_t tls_send(struct tls *tls, const char *bytes, size_t len);
ssize_t tls_receive(struct tls *tls, char *to, size_t size);
short tls_events(const struct tls *tls);
const char *tls_why(const struct tls *tls); /* lives until the next session, or tls_free */
bool tls_cut(const struct tls *tls); /* the connection has ended without a word: by whom, nobody knows */
void tls_stop(struct tls *tls); /* ends the session; the socket is the caller's */
void tls_free(struct tls *tls); /* also NULL */

/* The files, with OpenSSL; SSL_CTX is its name for the struct. */
struct ssl_ctx_st;
/* Reads CAs, the client's certificate and its key. Returns NULL or the reason, which may be in `why`. */
const char *tls_file_load(struct ssl_ctx_st *context, const struct tls_options *options, struct buf *why);
/* A number that is another one when the options or their files are others. */
uint64_t tls_file_stamp(const struct tls_options *options);
const char *tls_file_words(void); /* the library's newest error, without its numbers */

/* What was read of the files with one stamp: for all who use them at the same time, in whatever thread, as the CAs of a system
 * are a megabyte. Nobody changes it any more. */
struct ssl_ctx_st *tls_shared_take(uint64_t stamp); /* NULL: nobody has it; then one is read, and given */
struct ssl_ctx_st *tls_shared_give(uint64_t stamp, struct ssl_ctx_st *context); /* returns the one to use, which is taken */
void tls_shared_leave(struct ssl_ctx_st *context); /* once for each time that it was taken; also NULL */

#endif
