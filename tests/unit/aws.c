/* Cases for aws.c against a server on loopback: what is sent, and what is done about each sort of answer. */
#include "base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "check.h"
#include "dialogue.h"
#include "../../aws.c"

#define KEYID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TARGET "DynamoDB_20120810.Query"
#define TYPE "application/x-amz-json-1.0"
#define COUNT(items) (sizeof(items) / sizeof *(items))
#define ERROR(name) "{\"__type\":\"com.amazon.coral.service#" name "\",\"message\":\"m\"}"

static struct config config;

static void environment(void)
{
	setenv("AWS_ACCESS_KEY_ID", KEYID, 1);
	setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
	setenv("AWS_CONFIG_FILE", "/nowhere", 1);
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_REGION");
	unsetenv("AWS_DEFAULT_REGION");
	config.aws_region = config.aws_profile = config.aws_host = config.tls_ca = "";
}

/* An answer whose clock is `off` seconds before this host's. The text lives on. */
static const char *answer(int status, int64_t off, const char *headers, const char *body)
{
	static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static struct buf texts[64];
	static size_t at;
	struct buf *text = &texts[at++ % COUNT(texts)];
	int64_t now = sys_wall() / 1000 + off, second = now % 86400;
	struct text_date date = text_date(now / 86400);

	text->len = 0;
	buf_printf(text, "HTTP/1.1 %d X\r\nDate: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n%sContent-Length: %zu\r\n\r\n%s", status,
	           days + now / 86400 % 7 * 3, date.day, months + 3 * (date.month - 1), date.year, (int)(second / 3600),
	           (int)(second / 60 % 60), (int)(second % 60), headers, strlen(body), body);
	return text->data;
}

/* One service, asked of a server that answers so. */
struct talk {
	struct dialogue dialogue;
	struct aws aws;
	char key[64];
	struct capture capture;
	struct buf said; /* in the log */
	int cancel[2];
};

static void talk_start_at(struct talk *talk, const char *const *answers, size_t count, const char *path)
{
	memset(talk, 0, sizeof *talk);
	dialogue_start(&talk->dialogue, answers, count);
	snprintf(talk->key, sizeof talk->key, "http://127.0.0.1:%u%s", talk->dialogue.port, path);
	if (!net_pipe(talk->cancel))
		abort();
	aws_open(&talk->aws, &config, "dynamodb", talk->key, talk->cancel[0]);
	capture_start(&talk->capture);
}

static void talk_start(struct talk *talk, const char *const *answers, size_t count)
{
	talk_start_at(talk, answers, count, "");
}

static const char *talk_post(struct talk *talk)
{
	return aws_post(&talk->aws, TARGET, TYPE, slice_of("{}"), sys_now() + 20000);
}

static void talk_end(struct talk *talk)
{
	dialogue_stop(&talk->dialogue);
	capture_end(&talk->capture, &talk->said);
}

static void talk_free(struct talk *talk)
{
	aws_close(&talk->aws);
	dialogue_free(&talk->dialogue);
	buf_free(&talk->said);
	close(talk->cancel[0]);
	close(talk->cancel[1]);
}

static const char *shown(const char *text)
{
	return text ? text : "(none)";
}

/* The value of a header of a request, or "". The text lives until the next call but one. */
static const char *sent(const struct talk *talk, size_t request, const char *header)
{
	static char values[2][1024];
	static int turn;
	char *value = values[turn ^= 1];
	const char *line = talk->dialogue.requests[request].data;
	size_t len = strlen(header);

	*value = '\0';
	while (line && (line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, header, len) == 0 && line[len] == ':') {
			snprintf(value, sizeof *values, "%.*s", (int)strcspn(line + len + 2, "\r"), line + len + 2);
			break;
		}
	}
	return value;
}

/* Whether a request is signed as it must be, at a time that is `off` seconds before this host's clock. */
static bool is_signed(const struct talk *talk, size_t request, struct aws_request want, const char *token, int64_t off)
{
	struct buf lines = { 0 };
	bool same = false;

	want.service = "dynamodb";
	want.target = TARGET;
	want.content_type = TYPE;
	want.body = slice_of("{}");
	for (int64_t now = sys_wall() / 1000 - 60; now <= sys_wall() / 1000 + 5 && !same; now++) {
		want.now = now + off;
		lines.len = 0;
		aws_sign(&want, &(struct aws_keys){ KEYID, SECRET, token }, &lines);
		same = talk->dialogue.requests[request].data && strstr(talk->dialogue.requests[request].data, lines.data);
	}
	buf_free(&lines);
	return same;
}

static void good_cases(void)
{
	const char *answers[] = { answer(200, 0, "", "{\"one\":1}"), answer(200, 0, "", "{\"two\":2}") };
	struct talk talk;
	const char *why;

	environment();
	setenv("AWS_SESSION_TOKEN", "SESSION", 1);
	config.aws_region = "eu-west-1";
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(!why && strcmp(talk.aws.http.response.body.data, "{\"one\":1}") == 0, "one", shown(why));
	why = talk_post(&talk);
	check(!why && strcmp(talk.aws.http.response.body.data, "{\"two\":2}") == 0, "two", shown(why));
	check(strncmp(aws_where(&talk.aws), "http://127.0.0.1:", 17) == 0, "where", aws_where(&talk.aws));
	talk_end(&talk);
	check(strncmp(talk.dialogue.requests[0].data, "POST / HTTP/1.1\r\n", 17) == 0, "its line", talk.dialogue.requests[0].data);
	check(strcmp(sent(&talk, 0, "Host"), talk.key + 7) == 0, "Host", sent(&talk, 0, "Host"));
	check(strcmp(sent(&talk, 0, "Content-Length"), "2") == 0, "length", sent(&talk, 0, "Content-Length"));
	check(!*sent(&talk, 0, "Accept-Encoding"), "nothing compressed", "");
	for (size_t i = 0; i < 2; i++)
		check(is_signed(&talk, i, (struct aws_request){ .host = talk.key + 7, .region = "eu-west-1" }, "SESSION", 0), "signed",
		      shown(talk.dialogue.requests[i].data));
	check(talk.dialogue.connections == 1, "one connection", "");
	talk_free(&talk);
}

/* The clock of this host is `off` seconds wrong: said once, and the next question is right at once. */
static void skew_case(const char *name, int64_t off, const char *words)
{
	struct buf body = { 0 };
	const char *answers[3];
	struct talk talk;
	const char *why;

	environment();
	buf_printf(&body, "{\"__type\":\"com.amazon.coral.service#%s\",\"message\":\"Signature expired: x\"}", name);
	answers[0] = answer(400, off, "", body.data);
	answers[1] = answers[2] = answer(200, off, "", "{}");
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(!why, name, shown(why));
	why = talk_post(&talk);
	check(!why, name, shown(why));
	talk_end(&talk);
	check(talk.dialogue.asked == 3, "three questions", name);
	check(strstr(talk.said.data, words) && !strstr(strstr(talk.said.data, words) + 1, words), words, talk.said.data);
	for (size_t i = 0; i < 3; i++)
		check(is_signed(&talk, i, (struct aws_request){ .host = talk.key + 7, .region = "us-east-1" }, "", i ? off : 0),
		      "its date", shown(talk.dialogue.requests[i].data));
	talk_free(&talk);
	buf_free(&body);
}

/* No second question: the clock is not the reason, or it does not help. */
static void no_skew_case(int64_t off, const char *name, size_t questions)
{
	struct buf body = { 0 };
	const char *answers[3], *why;
	struct talk talk;

	environment();
	buf_printf(&body, "{\"__type\":\"x#%s\"}", name);
	answers[0] = answers[1] = answers[2] = answer(400, off, "", body.data);
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(why && strstr(why, name), name, shown(why));
	check(talk.aws.code == 400 && talk.aws.pause == DENIED_MS, "code and pause", name);
	talk_end(&talk);
	check(talk.dialogue.asked == questions, "questions", name);
	talk_free(&talk);
	buf_free(&body);
}

static void skew_cases(void)
{
	skew_case("InvalidSignatureException", 3600, "this host's clock is 1h behind AWS's");
	skew_case("SignatureDoesNotMatch", -600, "this host's clock is 10m ahead of AWS's");
	skew_case("RequestExpired", 300, "this host's clock is 5m behind");
	skew_case("RequestInTheFuture", -300, "this host's clock is 5m ahead of");
	skew_case("RequestTimeTooSkewed", 86400, "this host's clock is 24h behind");
	skew_case("AuthFailure", 300, "this host's clock is 5m behind");
	skew_case("AccessDeniedException", 300, "this host's clock is 5m behind");
	no_skew_case(0, "InvalidSignatureException", 1);
	no_skew_case(200, "InvalidSignatureException", 1);
	no_skew_case(-200, "SignatureDoesNotMatch", 1);
	no_skew_case(3600, "InvalidSignatureException", 2); /* once more, and no third time */
}

/* A clock that is another one each time is followed once. */
static void wild_clock_cases(void)
{
	static const char body[] = ERROR("InvalidSignatureException");
	const char *answers[] = { answer(400, 3600, "", body), answer(400, 7200, "", body), answer(400, 10800, "", body) };
	struct talk talk;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	check(talk_post(&talk), "a wild clock", "");
	talk_end(&talk);
	check(talk.dialogue.asked == 2, "two questions", "");
	talk_free(&talk);
}

/* This host's clock is put right meanwhile. */
static void clock_back_cases(void)
{
	static const char body[] = ERROR("InvalidSignatureException");
	const char *answers[] = {
		answer(400, 3600, "", body), answer(200, 3600, "", "{}"), answer(400, 0, "", body), answer(200, 0, "", "{}")
	};
	struct talk talk;
	const char *why;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(!why, "wrong", shown(why));
	why = talk_post(&talk);
	check(!why && talk.aws.skew > -2 && talk.aws.skew < 2, "right again", shown(why));
	talk_end(&talk);
	check(is_signed(&talk, 3, (struct aws_request){ .host = talk.key + 7, .region = "us-east-1" }, "", 0), "its date", "");
	talk_free(&talk);
}

/* Credentials that AWS does not take are got anew, once. */
static void credential_case(const char *body, const char *name)
{
	const char *answers[] = { answer(400, 0, "", body), answer(200, 0, "", "{}"), answer(400, 0, "", body), answer(400, 0, "", body) };
	struct talk talk;
	const char *why;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(!why, name, shown(why));
	why = talk_post(&talk);
	check(why && strstr(why, name) && talk.aws.code == 400 && talk.aws.pause == DENIED_MS, name, shown(why));
	talk_end(&talk);
	check(talk.dialogue.asked == 4, "four questions", name);
	talk_free(&talk);
}

/* Others are there meanwhile. */
static void renewed_cases(void)
{
	const char *answers[] = {
		answer(200, 0, "", "{}"), answer(400, 0, "", ERROR("ExpiredTokenException")), answer(200, 0, "", "{}")
	};
	struct talk talk;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	check(!talk_post(&talk), "the old ones", "");
	setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER", 1);
	check(!talk_post(&talk), "the new ones", "");
	talk_end(&talk);
	check(strstr(talk.dialogue.requests[1].data, "Credential=" KEYID "/"), "they are kept", "");
	check(strstr(talk.dialogue.requests[2].data, "Credential=AKIDOTHER/"), "and asked for anew", "");
	talk_free(&talk);
}

/* A secret that was mistyped, or whose owner had no right, is put right. */
static void corrected_case(const char *body)
{
	const char *answers[] = { answer(400, 0, "", body), answer(200, 0, "", "{}") };
	struct talk talk;

	environment();
	setenv("AWS_ACCESS_KEY_ID", "AKIDWRONG", 1);
	talk_start(&talk, answers, COUNT(answers));
	check(talk_post(&talk), "the wrong one", body);
	environment();
	check(!talk_post(&talk), "the right one", body);
	talk_end(&talk);
	check(strstr(talk.dialogue.requests[0].data, "Credential=AKIDWRONG/"), "what was first", body);
	check(strstr(talk.dialogue.requests[1].data, "Credential=" KEYID "/"), "it is looked for again", body);
	talk_free(&talk);
}

static void corrected_cases(void)
{
	corrected_case(ERROR("InvalidSignatureException"));
	corrected_case(ERROR("AccessDeniedException"));
	corrected_case("<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>");
}

static void credential_cases(void)
{
	struct talk talk;
	const char *why;

	credential_case(ERROR("ExpiredTokenException"), "ExpiredTokenException");
	credential_case(ERROR("UnrecognizedClientException"), "UnrecognizedClientException");
	credential_case("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>", "ExpiredToken");
	credential_case("<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>", "InvalidClientTokenId");
	environment();
	unsetenv("AWS_SECRET_ACCESS_KEY");
	talk_start(&talk, NULL, 0);
	why = talk_post(&talk);
	check(why && strstr(why, "AWS_ACCESS_KEY_ID is set without"), "half of them", shown(why));
	talk_end(&talk);
	check(!talk.dialogue.connections, "nobody is asked", "");
	talk_free(&talk);
}

static void busy_cases(void)
{
	static const int64_t pauses[] = { 1000, 2000, 4000, 8000, 16000, 32000, 32000 };
	static const char body[] = ERROR("ProvisionedThroughputExceededException");
	const char *answers[COUNT(pauses) + 5], *why;
	struct talk talk;

	environment();
	for (size_t i = 0; i < COUNT(pauses); i++)
		answers[i] = i % 2 ? answer(500, 0, "", "") : answer(400, 0, "", body);
	answers[7] = answer(200, 0, "", "{}");
	answers[8] = answer(429, 0, "", "");
	answers[9] = answer(503, 0, "Retry-After: 40\r\n", "");
	answers[10] = answer(503, 0, "Retry-After: 4000\r\n", "");
	answers[11] = answer(400, 0, "", ERROR("ResourceNotFoundException"));
	talk_start(&talk, answers, COUNT(answers));
	for (size_t i = 0; i < COUNT(pauses); i++) {
		why = talk_post(&talk);
		check(why && talk.aws.pause == pauses[i] && talk.aws.code == (i % 2 ? 500 : 400), "busy", shown(why));
	}
	check(!talk_post(&talk) && talk.aws.pause == 0 && talk.aws.code == 0, "a good answer", "");
	check(talk_post(&talk) && talk.aws.pause == 1000, "from the beginning", "");
	check(talk_post(&talk) && talk.aws.pause == 40000, "as it says", "");
	check(talk_post(&talk) && talk.aws.pause == 4000, "longer than any may", "");
	check(talk_post(&talk) && talk.aws.pause == 0, "another error", "");
	talk_end(&talk);
	talk_free(&talk);
}

static void connection_cases(void)
{
	const char *answers[] = {
		answer(200, 0, "", "{\"a\":1}"), "", answer(200, 0, "Connection: close\r\n", "{\"b\":1}"), answer(200, 0, "", "{\"c\":1}"),
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{}",
		"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/?secret\r\nContent-Length: 0\r\n\r\n"
	};
	struct talk talk;
	const char *why;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	check(!talk_post(&talk), "a first question", "");
	why = talk_post(&talk);
	check(!why && strcmp(talk.aws.http.response.body.data, "{\"b\":1}") == 0, "a connection that had ended", shown(why));
	why = talk_post(&talk);
	check(!why && strcmp(talk.aws.http.response.body.data, "{\"c\":1}") == 0, "a new one", shown(why));
	why = talk_post(&talk);
	check(!why || strstr(why, "302"), "an answer that is cut, and then a redirect", shown(why));
	check(why && strstr(why, "which points to http://elsewhere/?******** and is not followed"), "a redirect", shown(why));
	talk_end(&talk);
	check(talk.dialogue.connections == 4, "connections", "");
	talk_free(&talk);
}

static void cut_cases(void)
{
	static const char cut[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{}";
	const char *answers[] = { cut, answer(200, 0, "", "{}") }, *why;
	struct talk talk;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	check(why && strcmp(why, "answer cut short") == 0 && talk.aws.code == 0, "cut", shown(why));
	check(!talk_post(&talk), "and again", "");
	talk_end(&talk);
	talk_free(&talk);
}

/* What stands behind an answer is no answer to the next question. */
static void ahead_cases(void)
{
	const char *answers[] = {
		answer(200, 0, "", "{}"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
		answer(200, 0, "", "{\"own\":1}")
	};
	struct talk talk;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	check(!talk_post(&talk) && !talk_post(&talk), "two answers", "");
	check(!talk_post(&talk) && strstr(talk.aws.http.response.body.data, "own"), "its own", talk.aws.http.response.body.data);
	talk_end(&talk);
	talk_free(&talk);
}

/* AWS says what it has read. */
static void secret_cases(void)
{
	const char *answers[] = {
		answer(403, 0, "", "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"no\\n\\nx-amz-security-token:SE5S10N\"}"),
		answer(403, 0, "", "{\"__type\":\"x#Odd\",\"message\":\"token SE5S10N\"}"),
		answer(403, 0, "", "{\"__type\":\"x#Odd\",\"message\":\"" SECRET "\"}"), answer(403, 0, "", "SE5S10N " SECRET),
		answer(200, 0, "", "{}")
	};
	struct talk talk;

	environment();
	setenv("AWS_SESSION_TOKEN", "SE5S10N", 1);
	log_setup(LOG_DEBUG, false);
	talk_start(&talk, answers, COUNT(answers));
	for (size_t i = 0; i < 4; i++) {
		const char *why = talk_post(&talk);

		check(why && !strstr(why, "SE5S10N") && !strstr(why, SECRET), "a secret", shown(why));
	}
	check(!talk_post(&talk), "the end", "");
	talk_end(&talk);
	check(!strstr(talk.said.data, "SE5S10N") && !strstr(talk.said.data, SECRET), "the log", talk.said.data);
	for (size_t i = 0; i < 5; i++)
		check(!strstr(talk.dialogue.requests[i].data, SECRET), "the secret is not sent", "");
	talk_free(&talk);
	log_setup(LOG_INFO, false);
}

/* The first that is set counts: the key, AWS_REGION, AWS_DEFAULT_REGION, the profile. */
static void region_case(const char *key, const char *first, const char *second, const char *want)
{
	const char *answers[] = { answer(200, 0, "", "{}") }, *why;
	struct talk talk;

	environment();
	config.aws_region = key;
	setenv("AWS_REGION", first, 1);
	setenv("AWS_DEFAULT_REGION", second, 1);
	setenv("AWS_CONFIG_FILE", "region.test", 1);
	talk_start(&talk, answers, COUNT(answers));
	why = talk_post(&talk);
	talk_end(&talk);
	check(why ? strcmp(why, want) == 0 : strcmp(talk.aws.region.data, want) == 0, want, why ? why : talk.aws.region.data);
	check(why || is_signed(&talk, 0, (struct aws_request){ .host = talk.key + 7, .region = want }, "", 0), "signed", want);
	talk_free(&talk);
}

static void write_profile(const char *text)
{
	FILE *file = fopen("region.test", "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static void region_cases(void)
{
	write_profile("[default]\nregion = eu-north-1\n");
	region_case("eu-west-1", "eu-west-2", "eu-west-3", "eu-west-1");
	region_case("", "eu-west-2", "eu-west-3", "eu-west-2");
	region_case("", "", "eu-west-3", "eu-west-3");
	region_case("", "", "", "eu-north-1");
	region_case("", "bad region", "", "AWS_REGION: \"bad region\" is not the name of a region");
	region_case("", "", "a.example/", "AWS_DEFAULT_REGION: \"a.example/\" is not the name of a region");
	write_profile("[default]\nregion = x@y\n");
	region_case("", "", "", "the region \"x@y\" is not the name of a region");
	remove("region.test");
	region_case("", "", "", "us-east-1");
}

/* The default is doubted while nothing has answered in it, and not afterwards. */
static void default_region_cases(void)
{
	const char *answers[] = { answer(400, 0, "", "{}"), answer(200, 0, "", "{}"), answer(200, 0, "", "{}") };
	struct talk talk;

	environment();
	setenv("AWS_CONFIG_FILE", "region.test", 1);
	talk_start(&talk, answers, COUNT(answers));
	check(talk_post(&talk) && strcmp(talk.aws.region.data, "us-east-1") == 0, "the default", talk.aws.region.data);
	write_profile("[default]\nregion = eu-north-1\n");
	check(!talk_post(&talk) && strcmp(talk.aws.region.data, "eu-north-1") == 0, "another", talk.aws.region.data);
	write_profile("[default]\nregion = eu-south-1\n");
	check(!talk_post(&talk) && strcmp(talk.aws.region.data, "eu-north-1") == 0, "it stays", talk.aws.region.data);
	remove("region.test");
	talk_end(&talk);
	talk_free(&talk);
}

static void kept_region_cases(void)
{
	const char *answers[] = { answer(200, 0, "", "{}"), answer(200, 0, "", "{}") };
	struct talk talk;

	environment();
	setenv("AWS_CONFIG_FILE", "region.test", 1);
	talk_start(&talk, answers, COUNT(answers));
	check(!talk_post(&talk), "the default", "");
	write_profile("[default]\nregion = eu-north-1\n");
	check(!talk_post(&talk) && strcmp(talk.aws.region.data, "us-east-1") == 0, "it has answered, and stays", talk.aws.region.data);
	remove("region.test");
	talk_end(&talk);
	talk_free(&talk);
}

static void host_cases(void)
{
	const char *answers[] = { answer(200, 0, "", "{}") };
	struct talk talk;

	environment();
	config.aws_host = "dynamodb.eu-west-1.amazonaws.com";
	talk_start_at(&talk, answers, COUNT(answers), "/some/pre%20fix/");
	check(!talk_post(&talk), "a name of AWS", "");
	check(strstr(aws_where(&talk.aws), "/some/pre%20fix"), "where", aws_where(&talk.aws));
	talk_end(&talk);
	check(strcmp(sent(&talk, 0, "Host"), config.aws_host) == 0, "Host", sent(&talk, 0, "Host"));
	check(strncmp(talk.dialogue.requests[0].data, "POST /some/pre%20fix/ HTTP/1.1", 30) == 0, "its path", talk.dialogue.requests[0].data);
	check(is_signed(&talk, 0, (struct aws_request){ .host = config.aws_host, .path = "/some/pre%20fix/", .region = "us-east-1" }, "", 0),
	      "signed", talk.dialogue.requests[0].data);
	talk_free(&talk);
}

/* No endpoint is given: AWS's own, which is https. */
static void own_cases(void)
{
	struct aws aws;
	const char *why;

	environment();
	if (tls_library)
		return;
	aws_open(&aws, &config, "elasticache", "", -1);
	check(strcmp(aws_where(&aws), "AWS (elasticache)") == 0, "where", aws_where(&aws));
	why = aws_post(&aws, NULL, TYPE, slice_of(""), sys_now() + 1000);
	check(why && strstr(why, "https://elasticache.us-east-1.amazonaws.com is https, and this dill has no TLS"), "no TLS", shown(why));
	check(aws.code == 0, "no code", "");
	aws_close(&aws);
}

static void stop_cases(void)
{
	const char *answers[] = { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "" };
	struct talk talk;
	const char *why;
	int64_t start = sys_now();

	environment();
	talk_start(&talk, answers, COUNT(answers));
	why = aws_post(&talk.aws, TARGET, TYPE, slice_of("{}"), start + 200);
	check(why && strcmp(why, "timed out") == 0 && sys_now() - start >= 200, "a deadline", shown(why));
	if (write(talk.cancel[1], "", 1) != 1)
		abort();
	why = talk_post(&talk);
	check(why && strcmp(why, "stopped") == 0, "stopped", shown(why));
	talk_end(&talk);
	talk_free(&talk);
}

/* No connection is made after the stop, not even in place of one that was kept. */
static void stop_kept_cases(void)
{
	const char *answers[] = { answer(200, 0, "", "{}"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "" };
	struct talk talk;
	const char *why;

	environment();
	talk_start(&talk, answers, COUNT(answers));
	check(!talk_post(&talk), "a first question", "");
	if (write(talk.cancel[1], "", 1) != 1)
		abort();
	why = talk_post(&talk);
	check(why && strcmp(why, "stopped") == 0, "stopped", shown(why));
	check(poll(&(struct pollfd){ .fd = talk.dialogue.fd, .events = POLLIN }, 1, 100) == 0, "nobody comes", "");
	talk_end(&talk);
	check(talk.dialogue.connections == 1, "one connection", "");
	talk_free(&talk);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	good_cases();
	skew_cases();
	wild_clock_cases();
	clock_back_cases();
	credential_cases();
	renewed_cases();
	corrected_cases();
	busy_cases();
	connection_cases();
	cut_cases();
	ahead_cases();
	secret_cases();
	region_cases();
	default_region_cases();
	kept_region_cases();
	host_cases();
	own_cases();
	stop_cases();
	stop_kept_cases();
	return check_sum();
}
