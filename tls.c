#include "base.h"
#include "tls.h"

const char tls_missing[] =
	"is https, and this dill has no TLS: use a Unix socket (unix:///path), a local agent (http://), or a "
	"dill built with make TLS=openssl";

#ifdef TLS_OPENSSL

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net.h"
#include "sys.h"
#include "text.h"

#define WORDS_MAX 200 /* bytes that are shown of what a certificate says */

const char *const tls_library = OPENSSL_VERSION_TEXT;

const char *tls_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

struct tls {
	SSL_CTX *context; /* NULL: the files are still to be read */
	uint64_t seen;    /* the options, and the files as they were then */
	SSL *session;     /* NULL: there is none */
	short events;     /* what it waits for */
	bool cut;
	struct buf name;  /* the server's, as it must be in its certificate */
	struct buf doubt; /* what is wrong with that */
	struct buf why;
};

/* What is wrong, in words that stay when the session ends. */
static const char *tls_say(struct tls *tls, const char *before, const char *text)
{
	tls->why.len = 0;
	buf_puts_visible(&tls->why, before, text);
	return tls->why.data;
}

static void tls_forget(struct tls *tls)
{
	tls_shared_leave(tls->context);
	tls->context = NULL;
}

static const char *tls_load(struct tls *tls, const struct tls_options *options)
{
	SSL_CTX *context;
	const char *why;

	tls->context = tls_shared_take(tls->seen);
	if (tls->context)
		return NULL;
	OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL); /* at exit a thread may still be in it */
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return tls_say(tls, "TLS: ", tls_file_words());
	if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION) /* the system may want more */
		SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                 SSL_MODE_RELEASE_BUFFERS);
	/* A record without data for us ends a call: a server that sends them without end must not keep us from the clock. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	/* What the operator trusts need not be the root. */
	X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
	why = tls_file_load(context, options, &tls->why);
	if (why)
		SSL_CTX_free(context);
	else
		tls->context = tls_shared_give(tls->seen, context);
	return why;
}

/* The server's certificate. */

/* Names and addresses as the certificate has them. */
static void put_names(X509 *cert, struct buf *out)
{
	int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	if (text && at >= 0 && X509V3_EXT_print(text, X509_get_ext(cert, at), 0, 0) == 1) {
		len = BIO_get_mem_data(text, &bytes);
		buf_visible(out, bytes, len < WORDS_MAX ? (size_t)len : WORDS_MAX);
	} else {
		buf_puts(out, "no name at all");
	}
	BIO_free(text);
}

static void put_subject(const X509_NAME *name, const char *before, struct buf *out)
{
	char line[WORDS_MAX];

	X509_NAME_oneline(name, line, sizeof line);
	buf_puts_visible(out, before, line);
}

static int tls_doubt(int fine, X509_STORE_CTX *store)
{
	SSL *session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(session);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int error = X509_STORE_CTX_get_error(store);

	if (fine || tls->doubt.len)
		return fine;
	if (cert && (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
		buf_puts(&tls->doubt, "it is for ");
		put_names(cert, &tls->doubt);
		buf_puts_visible(&tls->doubt, ", not for ", tls->name.data);
		return fine;
	}
	buf_puts(&tls->doubt, X509_verify_cert_error_string(error));
	if (cert) {
		put_subject(X509_get_subject_name(cert), " (of ", &tls->doubt);
		put_subject(X509_get_issuer_name(cert), ", issued by ", &tls->doubt);
		buf_puts(&tls->doubt, ")");
	}
	return fine;
}

/* Whom the session is with: a name is also sent, so that the server can choose its certificate. */
static bool tls_expect(struct tls *tls, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(tls->session);
	struct net_addr addr;
	struct buf *name = &tls->name;

	name->len = 0;
	buf_puts(name, host);
	if (net_numeric(slice_of(host), 0, &addr)) {
		if (addr.sa.any.sa_family == AF_INET)
			return X509_VERIFY_PARAM_set1_ip(param, (unsigned char *)&addr.sa.v4.sin_addr, 4) == 1;
		return X509_VERIFY_PARAM_set1_ip(param, (unsigned char *)&addr.sa.v6.sin6_addr, 16) == 1;
	}
	if (name->len > 1 && name->data[name->len - 1] == '.')
		name->data[--name->len] = '\0';
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, name->data, name->len) == 1 &&
	       SSL_set_tlsext_host_name(tls->session, name->data) == 1;
}

/* The session. */

const char *tls_start(struct tls **at, const struct tls_options *options, const char *host, int fd)
{
	static const struct tls_options none;
	struct tls *tls = *at ? *at : (*at = sys_alloc(sizeof *tls));
	const char *why = NULL;
	uint64_t stamp;

	options = options ? options : &none;
	host = options->server_name && *options->server_name ? options->server_name : host;
	stamp = tls_file_stamp(options);
	ERR_clear_error();
	tls_stop(tls);
	if (tls->context && stamp != tls->seen)
		tls_forget(tls);
	tls->seen = stamp;
	tls->cut = false;
	tls->doubt.len = 0;
	if (!tls->context)
		why = tls_load(tls, options);
	if (why)
		return why;
	if (*host == '.') { /* the library would take any name below it */
		tls_say(tls, "\"", host);
		buf_puts(&tls->why, "\" begins with a dot, as no server's name does");
		return tls->why.data;
	}
	tls->session = SSL_new(tls->context);
	if (!tls->session || SSL_set_fd(tls->session, fd) != 1 || !tls_expect(tls, host))
		return tls_say(tls, "TLS: ", tls_file_words());
	SSL_set_app_data(tls->session, tls);
	SSL_set_verify(tls->session, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, tls_doubt);
	SSL_set_connect_state(tls->session);
	return NULL;
}

/* Words for the library's newest error. */
static void tls_explain(struct tls *tls)
{
	unsigned long error = ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && tls->doubt.len)
		tls_say(tls, "its certificate is not accepted: ", tls->doubt.data);
	else if (reason > SSL_AD_REASON_OFFSET)
		tls_say(tls, "TLS: the server says: ", tls_file_words());
	else
		tls_say(tls, "TLS: ", tls_file_words());
	if (reason == SSL_R_WRONG_VERSION_NUMBER)
		buf_puts(&tls->why, " (perhaps it does not speak TLS there)");
}

/* A server that refuses us says so and closes, perhaps before it has read all of ours, which resets the connection: then
 * what it has said is still there. */
static bool tls_last_words(struct tls *tls)
{
	char byte;
	int result;

	ERR_clear_error();
	result = SSL_read(tls->session, &byte, 1);
	if (result > 0 || SSL_get_error(tls->session, result) != SSL_ERROR_SSL)
		return false;
	tls_explain(tls);
	return true;
}

/* What a call of the library has come to that did not succeed, as recv() would say it. */
static ssize_t tls_judge(struct tls *tls, int result)
{
	int error = errno, kind = SSL_get_error(tls->session, result);

	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
		tls->events = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		errno = EAGAIN;
		return -1;
	}
	if (kind == SSL_ERROR_ZERO_RETURN)
		return 0;
	tls->cut = kind == SSL_ERROR_SYSCALL && !error;
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING /* from 3.0 on */
	if (kind == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		tls->cut = true;
#endif
	if (tls->cut)
		return 0;
	if (kind != SSL_ERROR_SYSCALL)
		tls_explain(tls);
	else if (!tls_last_words(tls))
		tls_say(tls, "", strerror(error));
	errno = EPROTO;
	return -1;
}

/* Before each call: the library looks at what it has said last in this thread. */
static void tls_begin(struct tls *tls)
{
	ERR_clear_error();
	tls->events = POLLIN;
	errno = 0;
}

int tls_handshake(struct tls *tls)
{
	int result;

	tls_begin(tls);
	result = SSL_do_handshake(tls->session);
	if (result == 1)
		return 0;
	if (tls_judge(tls, result) == 0) {
		tls_say(tls, "", "connection closed within the TLS hand-shake");
		errno = EPROTO;
	}
	return -1;
}

ssize_t tls_send(struct tls *tls, const char *bytes, size_t len)
{
	int result;

	tls_begin(tls);
	result = SSL_write(tls->session, bytes, len < INT_MAX ? (int)len : INT_MAX);
	if (result > 0)
		return result;
	if (tls_judge(tls, result) == 0) {
		tls_say(tls, "", "connection closed");
		errno = EPROTO;
	}
	return -1;
}

ssize_t tls_receive(struct tls *tls, char *to, size_t size)
{
	int result;

	tls_begin(tls);
	result = SSL_read(tls->session, to, size < INT_MAX ? (int)size : INT_MAX);
	return result > 0 ? result : tls_judge(tls, result);
}

short tls_events(const struct tls *tls)
{
	return tls->events;
}

const char *tls_why(const struct tls *tls)
{
	return tls->why.data;
}

bool tls_cut(const struct tls *tls)
{
	return tls->cut;
}

void tls_stop(struct tls *tls)
{
	if (!tls->session)
		return;
	SSL_shutdown(tls->session); /* says that we close; what the other side answers does not matter */
	SSL_free(tls->session);
	tls->session = NULL;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	tls_stop(tls);
	tls_forget(tls);
	buf_free(&tls->name);
	buf_free(&tls->doubt);
	buf_free(&tls->why);
	free(tls);
}

#else

const char *const tls_library = NULL;

const char *tls_version(void)
{
	return "no TLS";
}

const char *tls_start(struct tls **tls, const struct tls_options *options, const char *host, int fd)
{
	(void)tls;
	(void)options;
	(void)host;
	(void)fd;
	return tls_missing;
}

/* No session ever begins. */

int tls_handshake(struct tls *tls)
{
	(void)tls;
	return -1;
}

ssize_t tls_send(struct tls *tls, const char *bytes, size_t len)
{
	(void)tls;
	(void)bytes;
	(void)len;
	return -1;
}

ssize_t tls_receive(struct tls *tls, char *to, size_t size)
{
	(void)tls;
	(void)to;
	(void)size;
	return -1;
}

short tls_events(const struct tls *tls)
{
	(void)tls;
	return 0;
}

const char *tls_why(const struct tls *tls)
{
	(void)tls;
	return tls_missing;
}

bool tls_cut(const struct tls *tls)
{
	(void)tls;
	return false;
}

void tls_stop(struct tls *tls)
{
	(void)tls;
}

void tls_free(struct tls *tls)
{
	(void)tls;
}

#endif
