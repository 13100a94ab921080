/* Cases for whom Consul's source asks, and with what: CONSUL_HTTP_SSL, CONSUL_HTTP_AUTH, and what may be said of an answer. */
#include "base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "config.h"
#include "config_print.h"
#include "config_read.h"
#include "tls.h"
#include "../../consul_api.c"

/* What Consul's own client makes of an address when TLS is asked for; NULL: nothing. */
static const struct {
	const char *address, *raised;
} addresses[] = {
	{ "http://127.0.0.1:8500", "https://127.0.0.1:8500" }, { "HTTP://h:1/consul/", "https://h:1/consul/" },
	{ "http://h", "https://h" }, { "http://[::1]:1", "https://[::1]:1" },
	{ "h", "https://h:8500" }, { "h:1/x", "https://h:1/x" }, { "[::1]", "https://[::1]:8500" }, { "::1", NULL },
	{ "unix:///run/consul.sock", NULL }, { "ftp://h", NULL }, { "http://u:p@h", NULL }, { "https://h:1", NULL },
};

static void raise_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct arena memory = { 0 };
		const char *raised = consul_api_raise(addresses[i].address, &memory), *want = addresses[i].raised;

		check(!raised == !want && (!want || strcmp(raised, want) == 0), raised ? raised : "nothing", addresses[i].address);
		arena_free(&memory);
	}
}

/* RFC 4648, section 10; RFC 7617, section 2. */
static const char *const logins[][2] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" }, { "Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
	{ "test:123\xc2\xa3", "dGVzdDoxMjPCow==" }, { "\xff\xef\xbf\xfb", "/++/+w==" },
};

static void login_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		struct buf out = { 0 };

		buf_puts(&out, "");
		http_put_login(&out, slice_of(logins[i][0]));
		check(strcmp(out.data, logins[i][1]) == 0, out.data, logins[i][0]);
		buf_free(&out);
	}
}

/* What goes out, and what is said of an answer that repeats it. */
static const struct {
	const char *token, *login, *lines; /* lines: those about them, behind the headers that all requests have */
	const char *body, *said; /* a body that begins with a zero has 6 bytes */
} requests[] = {
	{ "", "", "", "no entry", "answered 403: no entry" },
	{ "t0ken", "", "X-Consul-Token: t0ken\r\n", "t0ken is none", "answered 403: (words with the token in them)" },
	{ "", "u:pw", "Authorization: Basic dTpwdw==\r\n", "no entry", "answered 403: no entry" },
	{ "", "u:pw", "Authorization: Basic dTpwdw==\r\n", "pw!", "answered 403: (words with the login in them)" },
	{ "", "u:pw", "Authorization: Basic dTpwdw==\r\n", "Basic dTpwdw==", "answered 403: (words with the login in them)" },
	{ "", "u:pw", "Authorization: Basic dTpwdw==\r\n", "u may not", "answered 403: u may not" },
	{ "", "us", "Authorization: Basic dXM6\r\n", "us may not", "answered 403: (words with the login in them)" },
	{ "", "us:", "Authorization: Basic dXM6\r\n", "us: may not", "answered 403: (words with the login in them)" },
	{ "", "u:a:b", "Authorization: Basic dTphOmI=\r\n", "a:b", "answered 403: (words with the login in them)" },
	{ "t0ken", "", "X-Consul-Token: t0ken\r\n", "\0t0ken", "answered 403: (words with the token in them)" },
	{ "t0ken", "u:pw", "X-Consul-Token: t0ken\r\nAuthorization: Basic dTpwdw==\r\n", "x", "answered 403: x" },
};

static void request_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct consul_settings settings = {
			.address = "unix:///x", .token = requests[i].token, .token_file = "", .login = requests[i].login,
			.datacenter = "", .namespace = "", .consistency = "", .tag = "dill"
		};
		struct http_response response = { .status = 403 };
		struct buf out = { 0 };
		struct consul_api api;
		const char *said;

		check(!consul_api_open(&api, &settings), "opens", settings.login);
		consul_api_health(&api, "web");
		consul_api_finish(&api, &out);
		said = strstr(out.data, "*/*\r\n");
		check(said && strncmp(said + 5, requests[i].lines, strlen(requests[i].lines)) == 0 &&
		      strcmp(said + 5 + strlen(requests[i].lines), "\r\n") == 0, out.data, settings.login);
		buf_add(&response.body, requests[i].body, strlen(requests[i].body) ? strlen(requests[i].body) : 6);
		said = consul_api_judge(&api, &response);
		check(said && strcmp(said, requests[i].said) == 0, said, requests[i].body);
		response.status = 302;
		response.body.len = 0;
		buf_printf(&response.head, "HTTP/1.1 302 Found\r\nLocation: /%s/\r\n\r\n", *settings.token ? settings.token : "login");
		said = consul_api_judge(&api, &response);
		check(said && strcmp(said, *settings.token ? "answered 302: (words with the token in them)"
		                                           : "answered 302, which points to /login/ and is not followed: ") == 0,
		      said, "a redirect");
		http_response_free(&response);
		buf_free(&out);
		consul_api_close(&api);
	}
}

/* Variables go in; errors and the lines of -t come out. */
static const struct {
	const char *variables;
	bool tls; /* an error where TLS is not built in */
	const char *want; /* a line of -t, or of what is said */
} settled[] = {
	{ "CONSUL_HTTP_SSL=true", true, "consul.address = https://127.0.0.1:8500  # default; CONSUL_HTTP_SSL\n" },
	{ "CONSUL_HTTP_SSL=1", true, "CONSUL_HTTP_SSL = true  # environment\n" },
	{ "CONSUL_HTTP_SSL=T", true, "consul.address = https://127.0.0.1:8500  # default; CONSUL_HTTP_SSL\n" },
	{ "CONSUL_HTTP_SSL=true|CONSUL_HTTP_ADDR=h", true, "consul.address = https://h:8500  # CONSUL_HTTP_ADDR; CONSUL_HTTP_SSL\n" },
	{ "CONSUL_HTTP_SSL=true|DILL_CONSUL_ADDRESS=http://h:1/x", true,
	  "consul.address = https://h:1/x  # DILL_CONSUL_ADDRESS; CONSUL_HTTP_SSL\n" },
	{ "CONSUL_HTTP_SSL=true|CONSUL_HTTP_ADDR=https://h", true, "consul.address = https://h  # CONSUL_HTTP_ADDR\n" },
	{ "CONSUL_HTTP_ADDR=https://h", true, "consul.address = https://h  # CONSUL_HTTP_ADDR\n" },
	{ "CONSUL_HTTP_SSL=true|CONSUL_HTTP_ADDR=unix:///run/c", false, "consul.address = unix:///run/c  # CONSUL_HTTP_ADDR\n" },
	{ "CONSUL_HTTP_SSL=0|CONSUL_HTTP_ADDR=h:1", false, "consul.address = h:1  # CONSUL_HTTP_ADDR\n" },
	{ "CONSUL_HTTP_SSL=F", false, "consul.address = http://127.0.0.1:8500  # default\n" },
	{ "CONSUL_HTTP_SSL=", false, "consul.address = http://127.0.0.1:8500  # default\n" },
	{ "CONSUL_HTTP_SSL=true|DILL_SERVICES_WEB_LISTENER=:1|DILL_SERVICES_WEB_BACKENDS=h:1", false,
	  "consul.address = http://127.0.0.1:8500  # default\n" },
	{ "CONSUL_HTTP_SSL=maybe", false, "dill: CONSUL_HTTP_SSL is not true or false\n" },
	{ "CONSUL_HTTP_AUTH=u:s3", false, "CONSUL_HTTP_AUTH = ********  # environment\n" },
	{ "CONSUL_HTTP_AUTH=u:s3\t", false, "dill: CONSUL_HTTP_AUTH has a control character\n" },
	{ "CONSUL_NAMESPACE=team", false, "consul.namespace = team  # CONSUL_NAMESPACE\n" },
	/* Files of TLS are not looked at here, nor are they an error as long as nobody needs them. */
	{ "CONSUL_CACERT=/none", false, "consul.tls.ca = /none  # CONSUL_CACERT\n" },
	{ "CONSUL_CAPATH=/none", false, "consul.tls.ca_path = /none  # CONSUL_CAPATH\n" },
	{ "CONSUL_CLIENT_CERT=/none", false, "consul.tls.cert = /none  # CONSUL_CLIENT_CERT\n" },
	{ "CONSUL_CLIENT_KEY=/none", false, "consul.tls.key = /none  # CONSUL_CLIENT_KEY\n" },
	{ "CONSUL_TLS_SERVER_NAME=n", false, "consul.tls.server_name = n  # CONSUL_TLS_SERVER_NAME\n" },
	{ "CONSUL_TLS_SERVER_NAME=n:8501", false, "consul.tls.server_name = n  # CONSUL_TLS_SERVER_NAME\n" },
	{ "CONSUL_TLS_SERVER_NAME=::1", false, "consul.tls.server_name = ::1  # CONSUL_TLS_SERVER_NAME\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=false", false, "consul.tls.insecure = true  # CONSUL_HTTP_SSL_VERIFY\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=0", false, "consul.tls.insecure = true  # CONSUL_HTTP_SSL_VERIFY\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=f", false, "consul.tls.insecure = true  # CONSUL_HTTP_SSL_VERIFY\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=true", false, "consul.tls.insecure = false  # CONSUL_HTTP_SSL_VERIFY\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=t", false, "consul.tls.insecure = false  # CONSUL_HTTP_SSL_VERIFY\n" },
	{ "CONSUL_HTTP_SSL_VERIFY=maybe", false,
	  "dill: CONSUL_HTTP_SSL_VERIFY: consul.tls.insecure: \"maybe\" is not true or false\n" },
};

/* What is said, and what -t prints. */
static void read_settled(char *variables, struct buf *said)
{
	char *words[] = { "dill", NULL }, *environment[8];
	struct config *config;
	struct capture capture;
	int count = 0, status, out;

	for (char *part = strtok(variables, "|"); part; part = strtok(NULL, "|"))
		environment[count++] = part;
	environment[count] = NULL;
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	capture_start(&capture);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	config = config_read(1, words, environment, &status);
	if (config)
		config_print(config);
	fflush(stdout);
	capture_end(&capture, said);
	dup2(out, STDOUT_FILENO);
	close(out);
	config_unref(config);
}

static void settled_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(settled); i++) {
		bool refused = settled[i].tls && !tls_library;
		struct buf said = { 0 };
		char variables[256];

		snprintf(variables, sizeof variables, "%s", settled[i].variables);
		read_settled(variables, &said);
		check(strstr(said.data, refused ? tls_missing : settled[i].want), said.data, settled[i].variables);
		check(!refused || !strstr(said.data, " = "), "nothing goes out", settled[i].variables);
		check(!strstr(said.data, "s3"), said.data, settled[i].variables);
		buf_free(&said);
	}
}

int main(void)
{
	raise_cases();
	login_cases();
	request_cases();
	settled_cases();
	return check_sum();
}
