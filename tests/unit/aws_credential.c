/* Cases for aws_credential.c: which place gives credentials, when they are got anew, and what happens when that fails. Time
 * is given to each call; of the clock of waits only the distance to `again` counts. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "script.h"
#include "../../aws_fetch.h"

#define PATIENCE 60000 /* milliseconds for each get */
static int64_t get_deadline, fetch_deadline; /* of the latest get, and until when it asks */

static void test_fetch_open(struct aws_fetch *fetch, const struct tls_options *tls, int cancel_fd, int64_t deadline)
{
	fetch_deadline = deadline;
	aws_fetch_open(fetch, tls, cancel_fd, deadline);
}

#define aws_fetch_open test_fetch_open
#include "../../aws_credential.c"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define ERROR(status) "HTTP/1.1 " status " No\r\nConnection: close\r\n\r\n"
#define JSON(id, minute) OK "{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"s3cret\",\"Token\":\"t0ken\"," \
	"\"Expiration\":\"2030-01-01T" minute ":00Z\"}"
#define XML(id) OK "<A><R><Credentials><AccessKeyId>" id "</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>" \
	"<SessionToken>t0ken</SessionToken></Credentials></R></A>"
#define T 1893456000 /* 2030-01-01T00:00:00Z */
#define MINUTE 60

#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define METADATA "AWS_EC2_METADATA_SERVICE_ENDPOINT"

static struct buf logged; /* all that was said on stderr */

/* What a get brings: the key's id, or a part of the reason. Adds to the log what was said. */
static void check_get(struct aws_credential *credential, int64_t now, const char *want, const char *what)
{
	struct capture capture;
	struct buf said = { 0 };
	const char *why;

	get_deadline = sys_now() + PATIENCE;
	capture_start(&capture);
	why = aws_credential_get(credential, now, -1, get_deadline);
	capture_end(&capture, &said);
	buf_puts(&logged, said.data);
	buf_free(&said);
	check(why ? strstr(why, want) != NULL : strcmp(credential->id.data, want) == 0, why ? why : credential->id.data, what);
	check(!why || (!strstr(why, "s3cret") && !strstr(why, "t0ken")), why, what);
}

static void check_logged(const char *want, unsigned times, const char *what)
{
	unsigned count = 0;

	for (const char *at = logged.data; at && (at = strstr(at, want)); at++)
		count++;
	check(count == times, logged.data, what);
	check(!strstr(logged.data, "s3cret") && !strstr(logged.data, "t0ken"), "no secret is logged", logged.data);
	logged.len = 0;
	buf_puts(&logged, "");
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static void clear(void)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
		"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", FULL, METADATA,
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_V1_DISABLED", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	unlink(".aws/credentials");
	unlink(".aws/config");
}

/* Asks anew: what the first place gives, that has any. */
static void check_first(const char *want, const char *place)
{
	struct aws_credential credential = { .profile = "" };

	check_get(&credential, T, want, place ? place : want);
	check(!place || (credential.place && strcmp(credential.place, place) == 0), "its name", place ? place : want);
	aws_credential_close(&credential);
}

/* All places have some; one after the other loses them. */
static void order_cases(void)
{
	struct script sts = SCRIPT(XML("STS")), container = SCRIPT(JSON("CONTAINER", "06:00"));
	struct script instance = SCRIPT(OK "t0ken", OK "role", JSON("INSTANCE", "06:00"));

	script_start(&sts);
	script_start(&container);
	script_start(&instance);
	script_name(&sts, "AWS_ENDPOINT_URL_STS", "");
	script_name(&container, FULL, "");
	script_name(&instance, METADATA, "");
	setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "w", 1);
	setenv("AWS_ROLE_ARN", "arn", 1);
	write_text("w", "t0ken");
	write_text(".aws/credentials", "[default]\naws_access_key_id=PROFILE\naws_secret_access_key=s3cret\n");
	check_first("ENVIRONMENT", "the environment");
	unsetenv("AWS_ACCESS_KEY_ID");
	check_first("AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID", NULL);
	setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT", 1);
	unsetenv("AWS_SECRET_ACCESS_KEY");
	check_first("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY", NULL);
	setenv("AWS_ACCESS_KEY_ID", "", 1);
	check_first("STS", "web identity");
	check_first("no credentials: STS at 127.0.0.1:", NULL); /* a place that fails is not passed over */
	unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	check_first("PROFILE", "the profile");
	write_text(".aws/credentials", "[default]\naws_access_key_id=PROFILE\n");
	check_first("no credentials: ", NULL);
	write_text(".aws/credentials", "[other]\n");
	check_first("CONTAINER", "the container's endpoint");
	check_first("no credentials: the container's endpoint at 127.0.0.1:", NULL);
	unsetenv(FULL);
	check_first("INSTANCE", "the instance's metadata");
	setenv(METADATA, "http://127.0.0.1:1", 1);
	check_first(".aws/config, or at an endpoint of a container; the instance's metadata service at 127.0.0.1:1: Connection refused", NULL);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	script_name(&instance, METADATA, "");
	check_first("; the instance's metadata are not asked (AWS_EC2_METADATA_DISABLED)", NULL);
	setenv("AWS_PROFILE", "none", 1);
	check_first("no credentials: profile none is not in ", NULL);
	check_logged("info  AWS: credentials from the environment\n", 1, "where they are from is said");
	script_stop(&sts);
	script_stop(&container);
	script_stop(&instance);
	check(sts.asked == 2 && container.asked == 4 && instance.asked == 3, "nobody is asked before his turn", "");
	buf_free(&sts.requests);
	buf_free(&container.requests);
	buf_free(&instance.requests);
	clear();
}

/* From 15 minutes before the end, a minute after the last try at the earliest; over a failure they stay until the end. */
static void renewal_cases(void)
{
	struct script script = SCRIPT(JSON("A", "01:00"), JSON("B", "02:00"), ERROR("403"), ERROR("403"), ERROR("403"), JSON("C", "03:00"), ERROR("403"));
	struct aws_credential credential = { .profile = "" };
	int64_t end = T + 60 * MINUTE;

	script_start(&script);
	script_name(&script, FULL, "");
	check_get(&credential, T, "A", "the first");
	check(strcmp(credential.token.data, "t0ken") == 0 && strcmp(credential.secret.data, "s3cret") == 0, "all of it", "");
	check(credential.expires == end, "its end", "");
	credential.again = 0;
	check_get(&credential, end - 15 * MINUTE - 1, "A", "more than 15 minutes before the end");
	check_get(&credential, end - 15 * MINUTE, "B", "15 minutes before the end");
	end += 60 * MINUTE;
	credential.again = 0;
	check_get(&credential, end - 15 * MINUTE, "B", "a renewal that fails");
	check(credential.again - sys_now() > 50000 && credential.again - sys_now() <= 60000, "a minute passes before the next", "");
	check_get(&credential, end - 1, "B", "nobody is asked meanwhile");
	credential.again = 0;
	check_get(&credential, end - 20, "B", "the next fails, too");
	check(credential.again - sys_now() > 5000 && credential.again - sys_now() <= 10000, "near the end it is tried sooner", "");
	check_logged("cannot be renewed: the container's endpoint at 127.0.0.1:", 1, "it is said once");
	check_get(&credential, end, "no credentials: the container's endpoint", "they are over");
	check_get(&credential, end, "C", "there are new ones");
	check_logged("info  AWS: credentials from the container's endpoint", 1, "that it works again is said");
	credential.again = 0;
	check_get(&credential, T + 170 * MINUTE, "C", "the next renewal fails");
	check_logged("cannot be renewed", 1, "it is said again");
	script_stop(&script);
	check(script.asked == 7, "how often it is asked", "");
	buf_free(&script.requests);
	aws_credential_close(&credential);
	clear();
}

/* Over when they come: AWS has the last word. */
static void over_cases(void)
{
	struct script script = SCRIPT(OK "t0ken", OK "role", JSON("A", "01:00"), OK "t0ken", OK "role", JSON("B", "01:01"), ERROR("500"),
	                              OK "t0ken", OK "role", JSON("C", "06:00"));
	struct aws_credential credential = { .profile = "" };
	int64_t now = T + 61 * MINUTE, wait;

	script_start(&script);
	script_name(&script, METADATA, "");
	check_get(&credential, now, "A", "over since a minute");
	wait = credential.again - sys_now();
	check(wait > 2 * 60000 - 10000 && wait <= 10 * 60000, "asked again in 2 to 10 minutes", "");
	check_get(&credential, now + MINUTE, "A", "nobody is asked meanwhile");
	credential.again = 0;
	check_get(&credential, T, "A", "it was this host's clock: they are good for an hour");
	check_get(&credential, now + 3 * MINUTE, "B", "over again");
	credential.again = 0;
	check_get(&credential, now + 6 * MINUTE, "B", "no new ones can be had");
	check(credential.again > sys_now(), "nobody is asked at once", "");
	credential.again = 0;
	check_get(&credential, now + 6 * MINUTE, "C", "good ones");
	check(!credential.over, "they are not over", "");
	script_stop(&script);
	check(script.asked == 10, "how often it is asked", "");
	buf_free(&script.requests);
	aws_credential_close(&credential);
	clear();
	check_logged("cannot be renewed: ", 1, "it is said once");
}

/* Short lives, of which half is left between two tries. */
static void short_cases(void)
{
	struct script script = SCRIPT(JSON("A", "00:08"), JSON("B", "00:20"));
	struct aws_credential credential = { .profile = "" };

	script_start(&script);
	script_name(&script, FULL, "");
	check_get(&credential, T + 8 * MINUTE - 8, "A", "8 seconds");
	check(credential.again - sys_now() <= 4000, "half of it", "");
	check_get(&credential, T + 8 * MINUTE, "B", "over: at once");
	script_stop(&script);
	check(script.asked == 2, "how often it is asked", "");
	buf_free(&script.requests);
	aws_credential_close(&credential);
	clear();
	check_logged("cannot be renewed", 0, "nothing is said");
}

/* What AWS refuses is got anew, from whatever place has some now. */
static void refused_cases(void)
{
	struct aws_credential credential = { .profile = "one" };

	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	write_text(".aws/credentials", "[one]\naws_access_key_id=A\naws_secret_access_key=s3cret\naws_session_token=t0ken\n");
	check_get(&credential, T, "A", "the first");
	check(credential.expires == 0 && strcmp(credential.token.data, "t0ken") == 0, "it does not end", "");
	write_text(".aws/credentials", "[one]\naws_access_key_id=B\naws_secret_access_key=s3cret\n");
	check_get(&credential, T + 1000000, "A", "they are not read again");
	aws_credential_refused(&credential);
	check_get(&credential, T, "B", "until AWS refuses them");
	check(!credential.token.len, "no token is left", "");
	aws_credential_refused(&credential);
	write_text(".aws/credentials", "[one]\n");
	check_get(&credential, T, "no credentials: ", "there are none any more");
	setenv("AWS_ACCESS_KEY_ID", "C", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
	check_get(&credential, T, "C", "another place has some");
	aws_credential_close(&credential);
	clear();
	check_logged("AWS: credentials from ", 2, "a place is said when it is another one");
}

static void check_region(const char *profile, const char *want, const char *what)
{
	struct aws_credential credential = { .profile = profile };
	struct buf region = { 0 };
	bool found = aws_credential_region(&credential, -1, sys_now() + 60000, &region);

	check(found == (*want != '\0') && strcmp(region.len ? region.data : "", want) == 0, region.len ? region.data : "", what);
	buf_free(&region);
	aws_credential_close(&credential);
}

static void region_cases(void)
{
	struct script script = SCRIPT(OK "t0ken", OK "eu-north-1", OK "t0ken", ERROR("404"));

	script_start(&script);
	script_name(&script, METADATA, "");
	write_text(".aws/config", "[default]\nregion = eu-west-1\n[profile one]\nregion=eu-west-2\n[profile two]\nx=y\n");
	check_region("", "eu-west-1", "of the default profile");
	check_region("one", "eu-west-2", "of a profile");
	check_region("two", "eu-north-1", "of the instance");
	check_region("two", "", "of none");
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	check_region("two", "", "of an instance that is not asked");
	script_stop(&script);
	check(script.asked == 4, "how often it is asked", "");
	buf_free(&script.requests);
	clear();
}

/* A stop is no failure: nothing is said, and the reason stays the word that others know. With credentials at hand, too. */
static void stop_cases(void)
{
	struct script script = SCRIPT(JSON("A", "01:00"), SCRIPT_HANG, SCRIPT_HANG);
	struct aws_credential credential = { .profile = "" };
	const char *why;
	int ends[2];

	if (pipe(ends) || close(ends[1]))
		abort();
	script_start(&script);
	script_name(&script, FULL, "");
	check_get(&credential, T, "A", "the first");
	credential.again = 0;
	why = aws_credential_get(&credential, T + 50 * MINUTE, ends[0], sys_now() + 60000);
	check(why && strcmp(why, "stopped") == 0, "stopped", "a renewal");
	why = aws_credential_get(&credential, T + 70 * MINUTE, ends[0], sys_now() + 60000);
	check(why && strcmp(why, "stopped") == 0, "stopped", "the last try");
	script_stop(&script);
	buf_free(&script.requests);
	aws_credential_close(&credential);
	close(ends[0]);
	clear();
	check_logged("cannot be renewed", 0, "nothing is said");
}

/* A renewal that hangs leaves time for the request that the old ones are good for. */
static void deadline_cases(void)
{
	struct script script = SCRIPT(JSON("A", "01:00"), ERROR("403"), ERROR("403"));
	struct aws_credential credential = { .profile = "" };

	script_start(&script);
	script_name(&script, FULL, "");
	check_get(&credential, T, "A", "the first");
	check(fetch_deadline == get_deadline, "all of the time", "");
	credential.again = 0;
	check_get(&credential, T + 50 * MINUTE, "A", "a renewal");
	check(fetch_deadline < get_deadline - PATIENCE / 4, "half of the time", "");
	check_get(&credential, T + 60 * MINUTE, "no credentials: ", "they are over");
	check(fetch_deadline == get_deadline, "all of the time", "");
	script_stop(&script);
	buf_free(&script.requests);
	aws_credential_close(&credential);
	clear();
	check_logged("cannot be renewed", 1, "it is said");
}

int main(void)
{
	char directory[] = "/tmp/dill-credential-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory) || mkdir(".aws", 0700))
		abort();
	setenv("HOME", directory, 1);
	clear();
	order_cases();
	renewal_cases();
	over_cases();
	short_cases();
	refused_cases();
	region_cases();
	stop_cases();
	deadline_cases();
	unlink("w");
	rmdir(".aws");
	(void)!chdir("/");
	rmdir(directory);
	buf_free(&logged);
	return check_sum();
}
