/* Cases for tls.c, and for http.c over it: who is believed, by OpenSSL's own server (openssl s_server), and what is said of
 * those who are not. Without TLS built in: what is said then. */
#include "base.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "http.h"
#include "net.h"
#include "sys.h"
#include "text.h"
#include "tls.h"

#ifdef TLS_OPENSSL

#define PATIENCE 60000 /* milliseconds, for what must come */
#define WORDS_MAX 16

static char folder[] = "/tmp/dill-tls.XXXXXX"; /* where the certificates are */

/* A server of one certificate; what is written to its input goes to the client that comes. */
struct server {
	pid_t pid;
	int in, out; /* of its standard input and output */
	char host[64], port[8];
};

static void server_become(const char *address, const char *words, int in, int out)
{
	char text[512], *argv[WORDS_MAX + 4] = { "openssl", "s_server", "-accept", (char *)address }, *word;
	size_t count = 4;

	dup2(in, 0);
	dup2(out, 1);
	dup2(open("/dev/null", O_WRONLY), 2);
	snprintf(text, sizeof text, "%s", words);
	for (word = strtok(text, " "); word && count < WORDS_MAX + 3; word = strtok(NULL, " "))
		argv[count++] = word;
	argv[count] = NULL;
	if (chdir(folder) == 0)
		execvp(argv[0], argv);
	_exit(127);
}

/* Reads its output until `word` is there, and copies what stands behind it, up to the end of the line. */
static bool server_says(const struct server *server, const char *word, char *rest, size_t size)
{
	struct buf said = { 0 };
	const char *at = NULL;
	bool found;

	while (!(at && strchr(at, '\n')) && read(server->out, buf_room(&said, 1), 1) == 1) {
		said.data[++said.len] = '\0';
		at = strstr(said.data, word);
	}
	found = at && strchr(at, '\n');
	if (found)
		snprintf(rest, size, "%.*s", (int)strcspn(at + strlen(word), "\n"), at + strlen(word));
	buf_free(&said);
	return found;
}

static struct server server_start(const char *address, const char *words)
{
	struct server server = { 0 };
	int in[2], out[2];
	char at[80] = "";
	const char *colon;

	if (pipe(in) != 0 || pipe(out) != 0)
		abort();
	for (int i = 0; i < 2; i++) { /* a later server must not hold the ends of this one */
		fcntl(in[i], F_SETFD, FD_CLOEXEC);
		fcntl(out[i], F_SETFD, FD_CLOEXEC);
	}
	server.pid = fork();
	if (!server.pid)
		server_become(address, words, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	server.in = in[1];
	server.out = out[0];
	check(server_says(&server, "ACCEPT ", at, sizeof at), "the server starts", words);
	colon = strrchr(at, ':');
	if (colon)
		snprintf(server.port, sizeof server.port, "%s", colon + 1);
	return server;
}

static void server_kill(struct server *server)
{
	if (!server->pid)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->in);
	close(server->out);
	server->pid = 0;
}

static void server_send(const struct server *server, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(server->in, bytes, len);

		if (n <= 0)
			break;
		bytes += n;
		len -= (size_t)n;
	}
}

#define OK "HTTP/1.1 200 OK\r\n"
#define HELLO OK "Content-Length: 5\r\n\r\nhello"

static const char *page = "/"; /* that is asked for */

/* One question. Returns NULL, and "hello" has come, or why it has not. */
static const char *ask(struct http *http, const char *host, const char *port, int cancel_fd, int64_t deadline)
{
	struct buf request = { 0 };
	struct http_url url;
	char text[128];
	const char *why;

	snprintf(text, sizeof text, "https://%s:%s", host, port);
	why = http_url_parse(&url, text, 443);
	if (!why)
		why = http_connect(http, &url, cancel_fd, deadline);
	check(!why || http->fd < 0, "without a session there is no connection", text);
	http_request(&request, "GET", &url, page);
	buf_puts(&request, "\r\n");
	if (!why)
		why = http_send(http, &request, cancel_fd, deadline);
	if (!why)
		why = http_wait(http, cancel_fd, deadline);
	buf_free(&request);
	return why;
}

/* What is asked of whom, and what is said against it. Files are below the folder. */
struct trial {
	const char *what, *server; /* the words of s_server */
	const char *host;          /* NULL: 127.0.0.1 */
	struct tls_options options;
	const char *why; /* a part of the reason; NULL: there must be none */
};

#define CA .ca = "ca.pem"
#define SERVER "-cert server.pem -key server.key"
#define ASKS SERVER " -CAfile ca.pem -Verify 2 -verify_return_error"
#define WEAK " -cipher DEFAULT@SECLEVEL=0"

static const struct trial trials[] = {
	/* whom it is for */
	{ "an address", SERVER, NULL, { CA }, NULL },
	{ "an IPv6 address", SERVER, "[::1]", { CA }, NULL },
	{ "a name", SERVER, "localhost", { CA }, NULL },
	{ "a name in capitals", SERVER, "LOCALHOST", { CA }, NULL },
	{ "a name with a dot behind it", SERVER, NULL, { CA, .server_name = "server.dc1.consul." }, NULL },
	{ "an RSA key", "-cert rsa.pem -key rsa.key", "localhost", { CA }, NULL },
	{ "another name instead", SERVER, NULL, { CA, .server_name = "server.dc1.consul" }, NULL },
	{ "an address instead", SERVER, "localhost", { CA, .server_name = "127.0.0.1" }, NULL },
	{ "another IPv6 address instead", SERVER, NULL, { CA, .server_name = "::2" },
	  "its certificate is not accepted: it is for DNS:localhost, DNS:server.dc1.consul, IP Address:127.0.0.1, "
	  "IP Address:0:0:0:0:0:0:0:1, not for ::2" },
	{ "a wildcard", "-cert wildcard.pem -key wildcard.key", NULL, { CA, .server_name = "web.dc1.consul" }, NULL },
	{ "a wildcard for two labels", "-cert wildcard.pem -key wildcard.key", NULL, { CA, .server_name = "a.b.dc1.consul" },
	  "not for a.b.dc1.consul" },
	{ "a wildcard for none", "-cert wildcard.pem -key wildcard.key", NULL, { CA, .server_name = "dc1.consul" },
	  "not for dc1.consul" },
	{ "a wildcard in a word", "-cert wildcard.pem -key wildcard.key", NULL, { CA, .server_name = "web.dc1.test" },
	  "it is for DNS:*.dc1.consul, DNS:w*.dc1.test, not for web.dc1.test" },
	{ "another name", SERVER, NULL, { CA, .server_name = "web.dc1.consul" },
	  "its certificate is not accepted: it is for DNS:localhost, DNS:server.dc1.consul, IP Address:127.0.0.1, "
	  "IP Address:0:0:0:0:0:0:0:1, not for web.dc1.consul" },
	{ "a domain", SERVER, NULL, { CA, .server_name = ".dc1.consul" }, "\".dc1.consul\" begins with a dot, as no server's name does" },
	{ "a longer name", SERVER, NULL, { CA, .server_name = "localhost.evil.test" }, "not for localhost.evil.test" },
	{ "another address", SERVER, "127.0.0.2", { CA }, "not for 127.0.0.2" },
	{ "an address for a name", "-cert elsewhere.pem -key elsewhere.key", "localhost", { CA },
	  "it is for DNS:elsewhere.test, IP Address:10.1.2.3, not for localhost" },
	{ "a subject that nobody reads", "-cert nameless.pem -key nameless.key", "localhost", { CA },
	  "it is for no name at all, not for localhost" },
	/* which name is sent */
	{ "a name is sent", "-cert elsewhere.pem -key elsewhere.key -servername localhost -cert2 server.pem -key2 server.key",
	  "localhost", { CA }, NULL },
	{ "the other name is sent",
	  "-cert elsewhere.pem -key elsewhere.key -servername server.dc1.consul -cert2 server.pem -key2 server.key",
	  "localhost", { CA, .server_name = "server.dc1.consul" }, NULL },
	{ "an address is not", SERVER " -servername 127.0.0.1 -cert2 elsewhere.pem -key2 elsewhere.key", NULL, { CA }, NULL },
	/* by whom, and when */
	{ "another CA", SERVER, NULL, { .ca = "other.pem" },
	  "its certificate is not accepted: unable to get local issuer certificate (of /CN=server.test, issued by /CN=ca.test)" },
	{ "a stranger", "-cert stranger.pem -key stranger.key", NULL, { CA }, "(of /CN=stranger.test, issued by /CN=other.test)" },
	{ "the system's CAs", SERVER, NULL, { 0 }, "unable to get local issuer certificate" },
	{ "expired", "-cert expired.pem -key expired.key", NULL, { CA },
	  "its certificate is not accepted: certificate has expired (of /CN=expired.test, issued by /CN=ca.test)" },
	{ "a chain", "-cert chain.pem -key chain.key -cert_chain inner.pem", NULL, { CA }, NULL },
	{ "a chain with a hole", "-cert leaf.pem -key leaf.key", NULL, { CA }, "unable to get local issuer certificate" },
	{ "the CA in the middle", "-cert leaf.pem -key leaf.key", NULL, { .ca = "inner.pem" }, NULL },
	{ "a folder of CAs", SERVER, NULL, { .ca_path = "folder" }, NULL },
	{ "a folder besides another CA", SERVER, NULL, { .ca = "other.pem", .ca_path = "folder" }, NULL },
	{ "all of it, insecure", "-cert expired.pem -key expired.key", "127.0.0.2", { .ca = "other.pem", .insecure = true }, NULL },
	/* versions */
	{ "1.3 only", SERVER " -tls1_3", NULL, { CA }, NULL },
	{ "1.2 only", SERVER " -tls1_2", NULL, { CA }, NULL },
	{ "1.2 and RSA", "-tls1_2 -cert rsa.pem -key rsa.key", NULL, { CA }, NULL },
	{ "1.1 only", SERVER " -tls1_1" WEAK, NULL, { CA }, "TLS: the server says: tlsv1 alert protocol version" },
	{ "1.1 only, insecure", SERVER " -tls1_1" WEAK, NULL, { .insecure = true }, "protocol" },
	/* certificates of the client */
	{ "an EC key of ours", ASKS, NULL, { CA, .cert = "client-ec.pem", .key = "client-ec.key" }, NULL },
	{ "an RSA key of ours", ASKS, NULL, { CA, .cert = "client-rsa.pem", .key = "client-rsa.key" }, NULL },
	{ "an RSA key of ours, 1.2", ASKS " -tls1_2", NULL, { CA, .cert = "client-rsa.pem", .key = "client-rsa.key" }, NULL },
	{ "both in one file", ASKS, NULL, { CA, .cert = "client-both.pem", .key = "" }, NULL },
	{ "one that is not asked for", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "client-ec.key" }, NULL },
	{ "none of ours", ASKS, NULL, { CA }, "TLS: the server says: tlsv13 alert certificate required" },
	{ "none of ours, 1.2", ASKS " -tls1_2", NULL, { CA }, "TLS: the server says: sslv3 alert handshake failure" },
	{ "one that is a stranger there", ASKS, NULL, { CA, .cert = "client-other.pem", .key = "client-other.key" },
	  "TLS: the server says: tlsv1 alert unknown ca" },
	/* files */
	{ "no CA file", SERVER, NULL, { .ca = "missing.pem" }, "the CA file missing.pem: No such file or directory" },
	{ "a CA file that is a pipe", SERVER, NULL, { .ca = "pipe" }, "the CA file pipe: it is no regular file" },
	{ "a CA file that is a folder", SERVER, NULL, { .ca = "folder" }, "the CA file folder: it is no regular file" },
	{ "a CA file without one", SERVER, NULL, { .ca = "folder/README" }, "the CA file folder/README: no certificate or crl found" },
	{ "no CA folder", SERVER, NULL, { .ca_path = "missing" }, "the CA folder missing: No such file or directory" },
	{ "a CA folder without one", SERVER, NULL, { .ca_path = "empty" }, "the CA folder empty: there is no certificate in it" },
	{ "no client certificate", SERVER, NULL, { CA, .cert = "missing.pem", .key = "client-ec.key" },
	  "the client certificate missing.pem: No such file or directory" },
	{ "a client certificate that is a pipe", SERVER, NULL, { CA, .cert = "pipe" },
	  "the client certificate pipe: it is no regular file" },
	{ "a client key that is a pipe", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "pipe" },
	  "the client key pipe: it is no regular file" },
	{ "no client key", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "missing.key" },
	  "the client key missing.key: No such file or directory" },
	{ "a key without a certificate", SERVER, NULL, { CA, .key = "client-ec.key" }, "a client key is given without its certificate" },
	{ "another's key", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "client-other.key" },
	  "the client key client-other.key: key values mismatch" },
	{ "a key of another kind", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "client-rsa.key" },
	  "the client key client-rsa.key: it does not belong to the certificate" },
	{ "a locked key", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "client-locked.key" },
	  "the client key client-locked.key: it has a password, which is not supported" },
	{ "no key in its file", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "folder/README" }, "the client key folder/README: there is no whole key in it, as PEM" },
	{ "a certificate as the key", SERVER, NULL, { CA, .cert = "client-ec.pem", .key = "client-ec.pem" },
	  "the client key client-ec.pem: there is no whole key in it, as PEM" },
	{ "a key as the certificate", SERVER, NULL, { CA, .cert = "client-ec.key", .key = "client-ec.key" },
	  "the client certificate client-ec.key: there is no whole certificate in it, as PEM" },
	{ "half a CA", SERVER, NULL, { .ca = "half.pem" }, "the CA file half.pem: a certificate in it is not whole" },
};

static void check_why(const char *why, const char *want, const char *what)
{
	bool fine = want ? why && strstr(why, want) : !why;

	check(fine, what, why ? why : "no reason");
}

static void try(const struct trial *trial)
{
	bool v6 = trial->host && trial->host[0] == '[';
	bool other = trial->host && strcmp(trial->host, "127.0.0.2") == 0;
	struct server server = server_start(v6 ? "[::1]:0" : other ? "127.0.0.2:0" : "127.0.0.1:0", trial->server);
	struct http http;
	const char *why;

	http_open(&http, 1000);
	http.tls = &trial->options;
	server_send(&server, HELLO, strlen(HELLO));
	why = ask(&http, trial->host ? trial->host : "127.0.0.1", server.port, -1, sys_now() + PATIENCE);
	check_why(why, trial->why, trial->what);
	check(why || strcmp(http.response.body.data, "hello") == 0, "the answer", trial->what);
	http_free(&http);
	server_kill(&server);
}

static const struct tls_options fine = { CA };

/* How an answer may end. `cut`: the server dies with its connection, and says nothing. */
static void check_end(const char *what, const char *answer, const char *why_now, const char *why_cut)
{
	struct server server = server_start("127.0.0.1:0", SERVER);
	struct http http;
	const char *why;

	http_open(&http, 1000);
	http.tls = &fine;
	server_send(&server, answer, strlen(answer));
	why = ask(&http, "127.0.0.1", server.port, -1, sys_now() + (why_now ? 300 : PATIENCE));
	check_why(why, why_now, what);
	server_kill(&server);
	if (why_now)
		check_why(http_wait(&http, -1, sys_now() + PATIENCE), why_cut, what);
	http_free(&http);
}

static void check_ends(void)
{
	check_end("a length", HELLO, NULL, NULL);
	check_end("half of it", OK "Content-Length: 10\r\n\r\nhello", "timed out", "answer cut short");
	check_end("chunks", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL, NULL);
	check_end("a chunk", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "timed out", "answer cut short");
	check_end("no length", OK "\r\nhello", "timed out", "without TLS's close");
	check_end("no answer", "", "timed out", "connection closed");
	check_end("half a head", "HTTP/1.1 200", "timed out", "connection closed within the headers");
}

/* No length, and the server closes as it should. */
static void check_close(void)
{
	struct server server = server_start("127.0.0.1:0", SERVER " -HTTP");
	FILE *file = fopen("answer", "w");
	struct http http;

	check(file && fputs(OK "\r\nhello", file) >= 0 && fclose(file) == 0, "written", "answer");
	http_open(&http, 1000);
	http.tls = &fine;
	page = "/answer";
	check_why(ask(&http, "127.0.0.1", server.port, -1, sys_now() + PATIENCE), NULL, "closed in words");
	check(http.response.done && strcmp(http.response.body.data, "hello") == 0, "its body", "closed in words");
	page = "/";
	http_free(&http);
	server_kill(&server);
}

/* Two answers in one record, and one of many records: what is decrypted already wakes no poll(). */
static void check_pipelined(void)
{
	struct server server = server_start("127.0.0.1:0", SERVER);
	struct buf large = { 0 };
	struct http http;

	http_open(&http, 4 << 20);
	http.tls = &fine;
	buf_puts(&large, HELLO HELLO OK "Content-Length: 3000000\r\n\r\n");
	server_send(&server, large.data, large.len);
	check_why(ask(&http, "127.0.0.1", server.port, -1, sys_now() + PATIENCE), NULL, "the first of three");
	http_next(&http);
	check_why(http_wait(&http, -1, sys_now() + PATIENCE), NULL, "the second");
	check(http.response.done && strcmp(http.response.body.data, "hello") == 0, "its body", "the second");
	http_next(&http);
	if (fork() == 0) { /* the pipe is smaller */
		memset(buf_room(&large, 3000000), 'x', 3000000);
		server_send(&server, large.data, 3000000);
		_exit(0);
	}
	check_why(http_wait(&http, -1, sys_now() + PATIENCE), NULL, "the third, of many records");
	check(http.response.body.len == 3000000, "its length", "the third");
	wait(NULL);
	buf_free(&large);
	http_free(&http);
	server_kill(&server);
}

/* A server that has refused our certificate and reset the connection before we have said anything: it has said why. */
static void check_last_words(void)
{
	static const struct tls_options other = { CA, .cert = "client-other.pem", .key = "client-other.key" };
	struct server server = server_start("127.0.0.1:0", ASKS);
	struct http_url url = { .scheme = HTTP_TLS, .host = "127.0.0.1", .port = (uint16_t)atoi(server.port) };
	int64_t end = sys_now() + PATIENCE;
	struct buf request = { 0 };
	struct http http;
	const char *why;

	buf_puts(&request, "GET / HTTP/1.1\r\n\r\n");
	http_open(&http, 1000);
	http.tls = &other;
	check_why(http_connect(&http, &url, -1, sys_now() + PATIENCE), NULL, "refused too late for the hand-shake");
	do { /* what nobody reads any more, until the connection is reset */
		poll(NULL, 0, 20);
		why = http_send(&http, &request, -1, end);
	} while (!why && sys_now() < end);
	check_why(why, "TLS: the server says: tlsv1 alert unknown ca", "its last words");
	server_kill(&server);
	buf_free(&request);
	http_free(&http);
}

/* Somebody who does not speak TLS, but says this and closes; NULL: who says nothing at all. */
static void check_stranger(const char *what, const char *says, int cancel_fd, int64_t deadline, const char *why)
{
	struct net_addr addr;
	struct http http;
	char port[8];
	int fd, accepted;

	net_numeric(slice_of("127.0.0.1"), 0, &addr);
	fd = net_listen(&addr);
	net_own(fd, &addr);
	snprintf(port, sizeof port, "%u", net_addr_port(&addr));
	http_open(&http, 1000);
	http.tls = &fine;
	if (says && fork() == 0) {
		char hello[1024];

		poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE);
		accepted = net_accept(fd, &addr);
		poll(&(struct pollfd){ .fd = accepted, .events = POLLIN }, 1, PATIENCE);
		if (recv(accepted, hello, sizeof hello, 0) > 0)
			send(accepted, says, strlen(says), 0);
		_exit(0);
	}
	check_why(ask(&http, "127.0.0.1", port, cancel_fd, deadline), why, what);
	if (says)
		wait(NULL);
	http_free(&http);
	close(fd);
}

static void check_strangers(void)
{
	int pipes[2];

	check_stranger("plain HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", -1, sys_now() + PATIENCE,
	               "TLS: wrong version number (perhaps it does not speak TLS there)");
	check_stranger("who closes", "", -1, sys_now() + PATIENCE, "connection closed within the TLS hand-shake");
	check_stranger("who does not answer", NULL, -1, sys_now() + 200, "timed out");
	if (pipe(pipes) != 0 || write(pipes[1], "x", 1) != 1)
		abort();
	check_stranger("who does not answer, and a stop", NULL, pipes[0], sys_now() + PATIENCE, "stopped");
	close(pipes[0]);
	close(pipes[1]);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[8192];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = read(in, bytes, sizeof bytes);

	check(n > 0 && write(out, bytes, (size_t)n) == n, "copied", from);
	close(in);
	close(out);
}

/* One client, and files that change under it. */
static void check_renewed(const struct tls_options *options, const char *file, const char *wrong, const char *right, const char *why)
{
	struct http http;

	http_open(&http, 1000);
	http.tls = options;
	for (int i = 0; i < 3; i++) {
		struct server server = server_start("127.0.0.1:0", ASKS);

		copy_file(i == 1 ? right : wrong, file);
		server_send(&server, HELLO, strlen(HELLO));
		check_why(ask(&http, "127.0.0.1", server.port, -1, sys_now() + PATIENCE), i == 1 ? NULL : why, file);
		http_close(&http);
		server_kill(&server);
	}
	http_free(&http);
}

static void check_files(void)
{
	static const struct tls_options ca = { .ca = "changes.pem", .cert = "client-both.pem" };
	static const struct tls_options ca_path = { .ca_path = "empty", .cert = "client-both.pem" };
	static const struct tls_options client = { CA, .cert = "changes.pem" };

	check_renewed(&ca, "changes.pem", "other.pem", "ca.pem", "its certificate is not accepted");
	check_renewed(&client, "changes.pem", "folder/README", "client-both.pem", "the client certificate changes.pem: ");
	copy_file("other.pem", "empty/one");
	check_renewed(&ca_path, "empty/two", "other.pem", "ca.pem", "its certificate is not accepted");
}

/* A system whose policy (openssl.cnf) wants more than 1.2, which is read once. */
static void check_policy(void)
{
	static const struct trial trial = { "1.2 only, where the system wants more", SERVER " -tls1_2", NULL, { CA }, "protocol" };
	FILE *file = fopen("policy", "w");
	pid_t child;
	int status = 0;

	check(file && fputs("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1.3\n", file) >= 0 &&
	      fclose(file) == 0, "written", "policy");
	fflush(stdout);
	child = fork();
	if (!child) {
		setenv("OPENSSL_CONF", "policy", 1);
		failed = 0;
		try(&trial);
		fflush(stdout);
		_exit(failed != 0);
	}
	check(waitpid(child, &status, 0) == child && status == 0, "a policy", "is kept");
}

/* What was read of the files serves all who want the same, for as long as one of them is there. */
static void check_shared(void)
{
	static const struct tls_options insecure = { CA, .insecure = true };
	uint64_t stamp = tls_file_stamp(&fine);
	struct tls *clients[2] = { NULL, NULL };
	struct ssl_ctx_st *shared;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		abort();
	check(!tls_shared_take(stamp), "nobody has it", "at first");
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		check_why(tls_start(&clients[i], &fine, "localhost", ends[0]), NULL, "a client");
	shared = tls_shared_take(stamp);
	check(shared, "somebody has it", "two clients");
	check(!tls_shared_take(tls_file_stamp(&insecure)), "nobody has it", "other options");
	tls_free(clients[0]);
	check(tls_shared_take(stamp) == shared, "it is the same", "one client");
	tls_free(clients[1]);
	tls_shared_leave(shared);
	tls_shared_leave(shared);
	check(!tls_shared_take(stamp), "nobody has it", "all have left");
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	char command[256];

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder))
		abort();
	snprintf(command, sizeof command, "tests/tools/certificates.sh %s && head -c 300 %s/ca.pem >%s/half.pem", folder, folder, folder);
	check(system(command) == 0, "certificates", folder);
	check(chdir(folder) == 0 && mkfifo("pipe", 0600) == 0, "folder", folder);
	check_policy(); /* before this process has read the system's */
	for (size_t i = 0; i < ARRAY_LEN(trials); i++)
		try(&trials[i]);
	check_ends();
	check_close();
	check_pipelined();
	check_last_words();
	check_strangers();
	check_files();
	check_shared();
	snprintf(command, sizeof command, "rm -r %s", folder);
	check(system(command) == 0, "cleaned up", folder);
	return check_sum();
}

#else

int main(void)
{
	struct http_url url;
	const char *why = http_url_parse(&url, "https://127.0.0.1:8501", 8500);

	check(!tls_library && strcmp(tls_version(), "no TLS") == 0, "no library", tls_version());
	check(why == tls_missing, "https", why ? why : "is accepted");
	for (size_t i = 0; i < 3; i++) {
		static const char *const ways[] = { "unix:///", "local agent", "make TLS=openssl" };

		check(strstr(tls_missing, ways[i]) != NULL, "a way without it", ways[i]);
	}
	return check_sum();
}

#endif
