/* Cases for the places that are asked for credentials over HTTP, with servers that answer as it is written here: containers'
 * endpoints, the metadata of instances, STS; and for what each may answer. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "script.h"
#include "sys.h"
#include "../../aws_web_identity.h"

static int64_t patience = 60000; /* milliseconds for a question: only what is about silence goes by the clock */
#define TRY_MS patience
#define ASK_MS patience
#include "../../aws_container.c"
#include "../../aws_instance.c"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define ERROR(status) "HTTP/1.1 " status " No\r\nConnection: close\r\n\r\n"
#define GOOD "{\"Code\":\"Success\",\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"s3cret\",\"Token\":\"t0ken\"," \
	"\"Expiration\":\"2030-01-01T00:00:00Z\"}"
#define GOOD_SAYS "AKID/s3cret/t0ken/1893456000"

static void say(const struct aws_found *found, const char *why, struct buf *out)
{
	out->len = 0;
	if (why)
		buf_puts(out, why);
	else
		buf_printf(out, "%s/%s/%s/%lld", found->id.data, found->secret.data, found->token.len ? found->token.data : "",
		           (long long)found->expires);
}

/* Of a reason `want` is a part. Neither what was got nor what was sent may be in it. */
static void check_said(const struct aws_found *found, const char *why, const char *want, const char *what)
{
	struct buf said = { 0 };

	say(found, why, &said);
	check(why ? strstr(why, want) != NULL : strcmp(said.data, want) == 0, said.data, what);
	check(!why || (!strstr(why, "s3cret") && !strstr(why, "t0ken") && !strstr(why, "p4ss")), said.data, what);
	buf_free(&said);
}

static void json_cases(void)
{
	static const struct {
		const char *text, *want;
	} answers[] = {
		{ GOOD, GOOD_SAYS },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}", "A/s//0" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":null,\"Token\":null}", "A/s//0" },
		{ "{\"Expiration\":\"2030-01-01T00:00:00.123Z\",\"AccessKeyId\":\"A\\u002f\",\"SecretAccessKey\":\"s\"}", "A//s//1893456000" },
		{ "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"s3cret\"}", "says that it has none: AssumeRoleUnauthorizedAccess" },
		{ "{\"Code\":\"Failed\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}", "says that it has none: Failed" },
		{ "", "answered with broken JSON" }, { "{", "answered with broken JSON" }, { "[]", "has no access key id" },
		{ "{\"AccessKeyId\":7,\"SecretAccessKey\":\"s\"}", "has no access key id" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}", "has no secret access key" },
		{ "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"s3cret\"}", "has a control character" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"t\\n\"}", "has a control character" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s3cret\",\"Expiration\":\"soon\"}", "has an Expiration that is no date" },
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct aws_found found = { 0 };
		struct buf words = { 0 };

		check_said(&found, aws_found_json(&found, slice_of(answers[i].text), &words), answers[i].want, answers[i].text);
		aws_found_free(&found);
		buf_free(&words);
	}
}

/* Asks one place, within so many milliseconds. */
static void check_fetch(char place, int64_t limit, const char *want, const char *what)
{
	struct aws_found found = { 0 };
	struct aws_fetch fetch;
	const char *why;

	aws_fetch_open(&fetch, NULL, -1, sys_now() + limit);
	if (place == 'c')
		why = aws_container_fetch(&fetch, &found);
	else
		why = place == 'i' ? aws_instance_fetch(&fetch, &found) : aws_web_identity_fetch(&fetch, "us-east-1", &found);
	check_said(&found, why, want, what);
	aws_found_free(&found);
	aws_fetch_close(&fetch);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

/* Containers. */

static void container_url_cases(void)
{
	static const struct {
		const char *relative, *full, *want; /* host:port and path; or the reason */
	} urls[] = {
		{ "/v2/x", "", "169.254.170.2:80/v2/x" }, { "v2/x?a=b", "", "169.254.170.2:80/v2/x?a=b" },
		{ "/v2/x", "http://127.0.0.1/y", "169.254.170.2:80/v2/x" },
		{ "", "http://127.0.0.1:99/y", "127.0.0.1:99/y" }, { "", "http://127.9.9.9", "127.9.9.9:80" },
		{ "", "http://localhost/y", "localhost:80/y" }, { "", "http://[::1]:1/", "::1:1/" },
		{ "", "http://169.254.170.2/", "169.254.170.2:80/" },
		{ "", "http://169.254.170.23/v1/credentials", "169.254.170.23:80/v1/credentials" },
		{ "", "http://[fd00:ec2::23]/v1/credentials", "fd00:ec2::23:80/v1/credentials" },
		{ "", "http://169.254.170.24/", FULL ": http://169.254.170.24/ must be https, or" }, { "", "http://10.0.0.1/", " must be https, or" },
		{ "", "http://localhost.example.com/", " must be https, or" }, { "", "http://[fd00:ec2::24]/", " must be https, or" },
		{ "", "unix:///tmp/x", " must be https, or" }, { "", "http://127.0.0.1:x/", FULL }, { "", "http://", FULL },
		{ "", "http://me:p4ss@127.0.0.1/", " has a user name" }, { "/a b", "", RELATIVE ": http://169.254.170.2/a b has a space" },
	};

	check(!aws_container_given(), "not given", "");
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct buf words = { 0 }, said = { 0 };
		struct http_url url;
		const char *variable, *why;

		setenv(RELATIVE, urls[i].relative, 1);
		setenv(FULL, urls[i].full, 1);
		check(aws_container_given(), "given", "");
		why = aws_container_url(&url, &variable, &words);
		buf_printf(&said, "%s:%u%s", url.host, url.port, url.prefix);
		check(why ? strstr(why, urls[i].want) != NULL : strcmp(said.data, urls[i].want) == 0, why ? why : said.data, urls[i].full);
		check(!why || !strstr(why, "p4ss"), "no password", urls[i].full);
		check(strcmp(variable, *urls[i].relative ? RELATIVE : FULL) == 0, variable, urls[i].full);
		buf_free(&words);
		buf_free(&said);
	}
	unsetenv(RELATIVE);
	unsetenv(FULL);
}

/* `sent`: part of the requests. */
static void check_container(struct script script, unsigned asked, const char *sent, const char *want, const char *what)
{
	script_start(&script);
	script_name(&script, FULL, "/creds?x=y");
	check_fetch('c', 60000, want, what);
	script_stop(&script);
	check(script.asked == asked, "how often it is asked", what);
	check(!*sent || strstr(script.requests.data, sent), script.requests.data, what);
	buf_free(&script.requests);
	unsetenv(FULL);
}

static void container_cases(void)
{
	struct script good = SCRIPT(OK GOOD);
	static const char long_error[] = ERROR("500") "Oops p4ss123";

	check_container(good, 1, "GET /creds?x=y HTTP/1.1\r\n", GOOD_SAYS, "without a token");
	setenv(TOKEN, "Bearer p4ss123", 1);
	check_container(good, 1, "\r\nAuthorization: Bearer p4ss123\r\n", GOOD_SAYS, "a token");
	setenv(TOKEN_FILE, "t", 1);
	check_container(good, 0, "", TOKEN_FILE ": No such file", "a token's file that is not there");
	write_text("t", "p4ss one");
	check_container(good, 1, "\r\nAuthorization: p4ss one\r\n", GOOD_SAYS, "a token from a file");
	write_text("t", "p4ss two");
	check_container(good, 1, "\r\nAuthorization: p4ss two\r\n", GOOD_SAYS, "which is read each time");
	write_text("t", "p4ss\r\nX: y");
	check_container(good, 0, "", TOKEN_FILE ": has a line break", "a line break in it");
	write_text("t", "");
	check_container(good, 0, "", TOKEN_FILE ": is empty", "nothing in it");
	unsetenv(TOKEN_FILE);
	setenv(TOKEN, "p4ss\nX: y", 1);
	check_container(good, 0, "", TOKEN ": has a line break", "a line break in it");
	setenv(TOKEN, "p4ss123", 1);
	check_container(SCRIPT("", ERROR("503"), OK GOOD), 3, "", GOOD_SAYS, "two failures");
	check_container(SCRIPT("", OK "{", long_error, OK GOOD), 3, "", "the container's endpoint at 127.0.0.1:", "three failures");
	check_container(SCRIPT(long_error, long_error, long_error), 3, "", ": answered 500", "an error");
	check_container(SCRIPT(ERROR("403") "Forbidden"), 1, "", ": answered 403: Forbidden", "a refusal");
	check_container(SCRIPT(ERROR("403") "p4ss123 is bad"), 1, "", ": answered 403", "one with the token in it");
	check_container(SCRIPT("HTTP/1.1 203 Ok\r\nConnection: close\r\n\r\n" GOOD, OK GOOD), 2, "", GOOD_SAYS, "an odd status");
	check_container(SCRIPT("HTTP/1.1 203 Ok\r\nConnection: close\r\n\r\n" GOOD), 3, "", "connection closed", "an odd status");
	check_container(SCRIPT(ERROR("400") GOOD), 1, "", ": answered 400", "credentials as an error");
	unsetenv(TOKEN);
}

static void container_hang_cases(void)
{
	struct script script = SCRIPT(SCRIPT_HANG, SCRIPT_HANG, SCRIPT_HANG);
	int64_t from = sys_now();

	script_start(&script);
	script_name(&script, FULL, "");
	check_fetch('c', 300, "the container's endpoint at 127.0.0.1:", "no answer");
	check(sys_now() - from >= 300, "the deadline is kept", "");
	script_stop(&script);
	check(script.asked == 1, "no time is left for another try", "");
	check(strstr(script.requests.data, "GET / HTTP/1.1\r\n") != NULL, "a URL without a path", script.requests.data);
	buf_free(&script.requests);
	unsetenv(FULL);
}

/* Instances. */

#define V1 "AWS_EC2_METADATA_V1_DISABLED"
#define GET_ROLES "GET /latest/meta-data/iam/security-credentials/"
#define WITH "X-aws-ec2-metadata-token: p4ss123\r\n"

static bool in_order(const char *text, const char *const parts[4])
{
	for (size_t i = 0; text && i < 4 && parts[i]; i++)
		text = strstr(text, parts[i]);
	return text;
}

static void check_instance(struct script script, unsigned asked, const char *const sent[4], const char *want, const char *what)
{
	script_start(&script);
	script_name(&script, ENDPOINT, "");
	check_fetch('i', 60000, want, what);
	script_stop(&script);
	check(script.asked == asked, "how often it is asked", what);
	check(in_order(script.requests.data, sent), script.requests.data, what);
	buf_free(&script.requests);
}

#define SENT(...) (const char *const[4]){ __VA_ARGS__ }

static void instance_cases(void)
{
	struct script good = SCRIPT(OK "p4ss123", OK "role-1\nrole-2\n", OK GOOD);

	check_instance(good, 3, SENT("PUT /latest/api/token HTTP/1.1\r\n", "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n",
	               GET_ROLES " HTTP/1.1\r\n", GET_ROLES "role-1 HTTP/1.1\r\n"), GOOD_SAYS, "with a token");
	check_instance(good, 3, SENT("PUT ", "\r\n" WITH, "\r\n" WITH), GOOD_SAYS, "with a token");
	check_instance(SCRIPT(ERROR("403"), OK "role", OK GOOD), 3, SENT("PUT ", GET_ROLES " ", GET_ROLES "role "), GOOD_SAYS, "403 to the PUT");
	check_instance(SCRIPT(ERROR("404"), OK "role", OK GOOD), 3, SENT("PUT "), GOOD_SAYS, "404 to the PUT");
	check_instance(SCRIPT(ERROR("405"), OK "role", OK GOOD), 3, SENT("PUT "), GOOD_SAYS, "405 to the PUT");
	check_instance(SCRIPT("", OK "role", OK GOOD), 3, SENT("PUT "), GOOD_SAYS, "closed at the PUT");
	check_instance(SCRIPT(ERROR("400") "Bad"), 1, SENT("PUT "), ": answered 400: Bad", "400 to the PUT");
	check_instance(SCRIPT("HTTP/1.1 201 Ok\r\nConnection: close\r\n\r\np4ss123"), 1, SENT("PUT "), ": answered 201", "a token with an odd status");
	check_instance(SCRIPT(ERROR("500")), 1, SENT("PUT "), ": answered 500", "500 to the PUT");
	check_instance(SCRIPT(OK ""), 1, SENT("PUT "), "gave a token that is none", "an empty token");
	check_instance(SCRIPT(OK "p4ss\r\nX: y"), 1, SENT("PUT "), "gave a token that is none", "a token with a line break");
	check_instance(SCRIPT(OK "p4ss123", ERROR("404")), 2, SENT(WITH), "the instance has no role", "no role");
	check_instance(SCRIPT(OK "p4ss123", OK ""), 2, SENT(WITH), "what is no name", "an empty name");
	check_instance(SCRIPT(OK "p4ss123", OK "a b"), 2, SENT(WITH), "what is no name", "a name with a blank");
	check_instance(SCRIPT(OK "p4ss123", OK "../../x"), 2, SENT(WITH), "what is no name", "a path");
	check_instance(SCRIPT(OK "p4ss123", ERROR("401") "p4ss123?"), 2, SENT(WITH), "answered 401", "the token is refused");
	check_instance(SCRIPT(OK "p4ss123", OK "role", OK "{\"Code\":\"Failed\"}"), 3, SENT(WITH), "has none: Failed", "a code");
	check_instance(SCRIPT(OK "p4ss123", OK "role", OK "<html>"), 3, SENT(WITH), "broken JSON", "HTML");
	setenv(V1, "true", 1);
	check_instance(good, 3, SENT(WITH), GOOD_SAYS, "only with a token");
	check_instance(SCRIPT(ERROR("403")), 1, SENT("PUT "), "gives no tokens", "only with a token");
	check_instance(SCRIPT(""), 1, SENT("PUT "), "no answer to the PUT", "only with a token");
	unsetenv(V1);
}

static void instance_hang_cases(void)
{
	patience = 300;
	check_instance(SCRIPT(SCRIPT_HANG, OK "role", OK GOOD), 3, SENT("PUT ", GET_ROLES " "), GOOD_SAYS, "silence to the PUT");
	check_instance(SCRIPT(SCRIPT_HANG, ERROR("401")), 2, SENT("PUT ", GET_ROLES " "), "its hop limit must be 2",
	               "silence to the PUT, which is needed");
	check_instance(SCRIPT(OK "p4ss123", SCRIPT_HANG), 2, SENT("PUT ", WITH), ": timed out", "silence to the GET");
	patience = 60000;
	setenv(ENDPOINT, "http://127.0.0.1:1", 1);
	check_fetch('i', 60000, "the instance's metadata service at 127.0.0.1:1: Connection refused", "nobody is there");
	setenv(ENDPOINT, "nonsense://", 1);
	check_fetch('i', 60000, ENDPOINT ": ", "a wrong address");
	check(!aws_instance_disabled(), "not disabled", "");
	setenv("AWS_EC2_METADATA_DISABLED", "True", 1);
	check(aws_instance_disabled(), "disabled", "");
	unsetenv("AWS_EC2_METADATA_DISABLED");
	unsetenv(ENDPOINT);
}

static void check_region(struct script script, const char *want, const char *sent)
{
	struct buf region = { 0 };
	struct aws_fetch fetch;
	const char *why;

	script_start(&script);
	script_name(&script, ENDPOINT, "/prefix//");
	aws_fetch_open(&fetch, NULL, -1, sys_now() + 60000);
	why = aws_instance_region(&fetch, &region);
	script_stop(&script);
	check(why ? strstr(why, want) != NULL : strcmp(region.data, want) == 0, why ? why : region.data, want);
	check(strstr(script.requests.data, sent) != NULL, script.requests.data, want);
	aws_fetch_close(&fetch);
	buf_free(&script.requests);
	buf_free(&region);
	unsetenv(ENDPOINT);
}

/* Web identity. */

#define STS "AWS_ENDPOINT_URL_STS"
#define FILE_OF "AWS_WEB_IDENTITY_TOKEN_FILE"
#define XML(inside) "<?xml version=\"1.0\"?><AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
	"<AssumeRoleWithWebIdentityResult>" inside "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define MEMBERS "<SessionToken>t0ken</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>" \
	"<AccessKeyId>AKID</AccessKeyId><SecretAccessKey> s3cret\n</SecretAccessKey>"
#define XML_GOOD XML("<AssumedRoleUser><AccessKeyId>other</AccessKeyId></AssumedRoleUser><Credentials>" MEMBERS "</Credentials>" \
	"<Provider>x</Provider>")

static void xml_cases(void)
{
	static const struct {
		const char *text, *want;
	} answers[] = {
		{ XML_GOOD, GOOD_SAYS },
		{ XML("<Credentials>" MEMBERS "<More><AccessKeyId>other</AccessKeyId></More></Credentials>"), GOOD_SAYS },
		{ XML("<Credentials>" MEMBERS "</Credentials><AccessKeyId>other</AccessKeyId>"), GOOD_SAYS },
		{ XML("<Credentials></Credentials>"), "has no access key id" }, { XML(""), "has no access key id" },
		{ XML("<Credentials><AccessKeyId>A</AccessKeyId></Credentials>"), "has no secret access key" },
		{ XML("<Credentials>" MEMBERS "</Credential>"), "broken XML" }, { "", "broken XML" }, { GOOD, "broken XML" },
		{ XML("<Credentials><Expiration>soon</Expiration></Credentials>"), "an Expiration that is no date" },
		{ XML("<Credentials><AccessKeyId>A&#10;B</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey></Credentials>"), "control" },
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct aws_found found = { 0 };

		check_said(&found, aws_web_identity_read(&found, slice_of(answers[i].text)), answers[i].want, answers[i].text);
		aws_found_free(&found);
	}
}

static void check_identity(struct script script, unsigned asked, const char *sent, const char *want, const char *what)
{
	script_start(&script);
	script_name(&script, STS, "");
	check_fetch('w', 60000, want, what);
	script_stop(&script);
	check(script.asked == asked, "how often it is asked", what);
	check(!*sent || strstr(script.requests.data, sent), script.requests.data, what);
	buf_free(&script.requests);
	unsetenv(STS);
}

#define FORM "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName="
#define ERROR_XML(code, message) "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type>" \
	"<Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"

static void identity_cases(void)
{
	struct script good = SCRIPT(OK XML_GOOD);

	check(!aws_web_identity_given(), "not given", "");
	setenv(FILE_OF, "w", 1);
	check(aws_web_identity_given(), "given", "");
	check_identity(good, 0, "", FILE_OF ": No such file", "no file");
	write_text("w", "p4ss.123\n");
	check_identity(good, 0, "", FILE_OF " is set without AWS_ROLE_ARN", "no role");
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x", 1);
	check_identity(good, 1, "\r\n\r\n" FORM "dill&WebIdentityToken=p4ss.123\n", GOOD_SAYS, "the form");
	check_identity(good, 1, "Content-Type: application/x-www-form-urlencoded", GOOD_SAYS, "its type");
	check_identity(good, 1, "POST / HTTP/1.1\r\n", GOOD_SAYS, "its path");
	setenv("AWS_ROLE_SESSION_NAME", "a@b", 1);
	write_text("w", "p4ss two");
	check_identity(good, 1, "&RoleSessionName=a%40b&WebIdentityToken=p4ss%20two\n", GOOD_SAYS, "the file is read each time");
	write_text("w", "p4ss\ntwo");
	check_identity(good, 0, "", FILE_OF ": has a control character", "a line break");
	write_text("w", "\n");
	check_identity(good, 0, "", FILE_OF ": has no token", "an empty file");
	write_text("w", "p4ss");
	check_identity(SCRIPT(ERROR_XML("ExpiredTokenException", "Token expired: p4ss")), 1, "", "answered 400 ExpiredTokenException: (words with", "an error with it");
	check_identity(SCRIPT(ERROR_XML("AccessDenied", "Not authorized")), 1, "", "answered 400 AccessDenied: Not authorized", "an error");
	check_identity(SCRIPT(OK "<Ass"), 1, "", "broken XML", "cut short");
	check_identity(SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<Ass"), 1, "", "answer cut short", "cut short");
	check_identity(SCRIPT(""), 1, "", "STS at 127.0.0.1:", "closed");
	if (!tls_library) /* else it would really be asked */
		check_fetch('w', 60000, "https://sts.us-east-1.amazonaws.com is https, and this dill has no TLS", "AWS's own address");
	unsetenv(FILE_OF);
	unsetenv("AWS_ROLE_ARN");
	unsetenv("AWS_ROLE_SESSION_NAME");
}

/* A stop ends each wait. */
static void stop_cases(void)
{
	struct script script = SCRIPT(SCRIPT_HANG, SCRIPT_HANG, SCRIPT_HANG);
	struct aws_found found = { 0 };
	struct aws_fetch fetch;
	int ends[2];

	if (pipe(ends) || close(ends[1]))
		abort();
	script_start(&script);
	script_name(&script, ENDPOINT, "");
	script_name(&script, FULL, "");
	aws_fetch_open(&fetch, NULL, ends[0], sys_now() + 60000);
	check(strcmp(aws_instance_fetch(&fetch, &found), "stopped") == 0, "stopped", "instance");
	check(strcmp(aws_container_fetch(&fetch, &found), "stopped") == 0, "stopped", "container");
	check(!aws_fetch_pause(&fetch, 60), "stopped", "a pause");
	script_stop(&script);
	aws_fetch_close(&fetch);
	aws_found_free(&found);
	buf_free(&script.requests);
	close(ends[0]);
	unsetenv(ENDPOINT);
	unsetenv(FULL);
}

int main(void)
{
	char directory[] = "/tmp/dill-places-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory))
		abort();
	json_cases();
	xml_cases();
	container_url_cases();
	container_cases();
	container_hang_cases();
	instance_cases();
	instance_hang_cases();
	check_region(SCRIPT(OK "p4ss123", OK "eu-west-1"), "eu-west-1", "GET /prefix/latest/meta-data/placement/region HTTP/1.1\r\n");
	check_region(SCRIPT(OK "p4ss123", ERROR("404")), "answered 404", WITH);
	identity_cases();
	stop_cases();
	unlink("t");
	unlink("w");
	(void)!chdir("/");
	rmdir(directory);
	return check_sum();
}
