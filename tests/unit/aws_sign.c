/* Cases for aws_sign.c: AWS's published vectors, and requests that three other signers sign alike. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../aws_sign.c"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define THEN 1440938160 /* 20150830T123600Z */
#define FORM "application/x-www-form-urlencoded"

#define QUERY "{\"TableName\":\"classic-proxy\",\"ConsistentRead\":true,\"KeyConditionExpression\":\"proxy_name = :n\"," \
	"\"ExpressionAttributeValues\":{\":n\":{\"S\":\"realtime\"}},\"ProjectionExpression\":\"proxy_configuration\"}"
#define CLUSTERS "Action=DescribeCacheClusters&Version=2015-02-02&CacheClusterId=docker-registry&MaxRecords=100" \
	"&ShowCacheNodeInfo=true"

static const struct {
	const char *service, *region, *host, *path, *target, *type, *body, *token, *signature;
} requests[] = {
	{ "service", "us-east-1", "example.amazonaws.com", NULL, NULL, NULL, "", "",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" }, /* post-vanilla */
	{ "service", "us-east-1", "example.amazonaws.com", "/", NULL, FORM, "Param1=value1", "",
	  "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
	{ "dynamodb", "us-east-1", "dynamodb.us-east-1.amazonaws.com", NULL, "DynamoDB_20120810.Query",
	  "application/x-amz-json-1.0", QUERY, "", "18f0c499f031d8fb3891b9b2dae71514f2ac6e5ef7a84e2127f735bcb642a405" },
	{ "dynamodb", "us-east-1", "dynamodb.us-east-1.amazonaws.com", NULL, "DynamoDB_20120810.Query",
	  "application/x-amz-json-1.0", QUERY, "TOKEN", "3c58968cf70acfd0cad087a0be08598bd9f541ba8744363c379d2abfa0c75c38" },
	{ "elasticache", "eu-west-1", "elasticache.eu-west-1.amazonaws.com", NULL, NULL, FORM "; charset=utf-8", CLUSTERS, "",
	  "c46e1b14a69c23f0dd99bb14600535e5d4faae418a3a70e018a263f0f782039f" },
};

static const char *sign_case(size_t i, struct buf *out)
{
	out->len = 0;
	aws_sign(&(struct aws_request){
		.service = requests[i].service, .region = requests[i].region, .host = requests[i].host, .path = requests[i].path,
		.target = requests[i].target, .content_type = requests[i].type, .body = slice_of(requests[i].body), .now = THEN
	}, &(struct aws_keys){ "AKIDEXAMPLE", SECRET, requests[i].token }, out);
	return strstr(out->data, "Signature=") + strlen("Signature=");
}

static void signature_cases(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *signature = sign_case(i, &out);

		check(strncmp(signature, requests[i].signature, 64) == 0 && strcmp(signature + 64, "\r\n") == 0, requests[i].signature,
		      signature);
		check(!strstr(out.data, SECRET), "the secret is not sent", out.data);
	}
	buf_free(&out);
}

/* What goes out, to the byte. */
static void line_cases(void)
{
	struct buf out = { 0 };

	sign_case(3, &out);
	check(strcmp(out.data, "content-type: application/x-amz-json-1.0\r\nx-amz-date: 20150830T123600Z\r\n"
	             "x-amz-security-token: TOKEN\r\nx-amz-target: DynamoDB_20120810.Query\r\n"
	             "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, "
	             "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
	             "Signature=3c58968cf70acfd0cad087a0be08598bd9f541ba8744363c379d2abfa0c75c38\r\n") == 0, "lines", out.data);
	sign_case(0, &out);
	check(strcmp(out.data, "x-amz-date: 20150830T123600Z\r\n"
	             "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	             "SignedHeaders=host;x-amz-date, "
	             "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b\r\n") == 0, "lines", out.data);
	buf_free(&out);
}

/* The vector of a GET, and of a key, below what aws_sign() does. */
static void part_cases(void)
{
	static const char key_want[] = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
	const char *values[HEADERS] = { [HOST] = "example.amazonaws.com", [DATE] = "20150830T123600Z" };
	struct buf canonical = { 0 }, out = { 0 };
	unsigned char key[SHA256_SIZE];

	sign_make_key(key, SECRET, slice_of("20150830"), "us-east-1", "iam");
	for (size_t i = 0; i < sizeof key; i++)
		buf_printf(&out, "%02x", key[i]);
	check(strcmp(out.data, key_want) == 0, "a key", out.data);
	sign_make_key(key, SECRET, slice_of("20150830"), "us-east-1", "service");
	sign_put_canonical(&canonical, "GET", "/", values, slice_of(""));
	out.len = 0;
	sign_put_signature(&out, key, "20150830T123600Z", "20150830/us-east-1/service/aws4_request", &canonical);
	check(strcmp(out.data, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31") == 0, "get-vanilla", out.data);
	buf_free(&canonical);
	buf_free(&out);
}

static void value_case(const char *value, const char *want)
{
	struct buf out = { 0 };

	buf_puts(&out, "");
	sign_put_value(&out, value);
	check(strcmp(out.data, want) == 0, value, out.data);
	buf_free(&out);
}

static void path_case(const char *path, const char *want)
{
	struct buf out = { 0 };

	sign_put_path(&out, path);
	check(strcmp(out.data, want) == 0, path, out.data);
	buf_free(&out);
}

static void text_cases(void)
{
	value_case("  a  b c   d ", "a b c d");
	value_case("a", "a");
	value_case("   ", "");
	value_case("", "");
	path_case("/", "/");
	path_case("/a/b-._~/", "/a/b-._~/");
	path_case("/a%20b/c:d", "/a%2520b/c%3Ad");
}

/* What is signed is what is sent: a blank more changes nothing, another byte anywhere does. */
static void change_cases(void)
{
	struct aws_request request = { .service = "dynamodb", .region = "us-east-1", .host = "h", .target = "T", .body = slice_of("x"),
		                           .now = THEN };
	struct buf base = { 0 }, out = { 0 };

	aws_sign(&request, &(struct aws_keys){ "A", SECRET, "t u" }, &base);
	aws_sign(&request, &(struct aws_keys){ "A", SECRET, " t  u" }, &out);
	check(strcmp(base.data, out.data) == 0, "blanks", out.data);
	for (int i = 0; i < 6; i++) {
		struct aws_request other = request;
		const char *secret = i == 5 ? "x" : SECRET;

		other.host = i == 0 ? "h:80" : other.host;
		other.path = i == 1 ? "/p/" : other.path;
		other.body = i == 2 ? slice_of("y") : other.body;
		other.region = i == 3 ? "us-east-2" : other.region;
		other.now += i == 4;
		out.len = 0;
		aws_sign(&other, &(struct aws_keys){ "A", secret, "t u" }, &out);
		check(strcmp(strstr(base.data, "Signature="), strstr(out.data, "Signature=")) != 0, "another request", out.data);
	}
	buf_free(&base);
	buf_free(&out);
}

int main(void)
{
	signature_cases();
	line_cases();
	part_cases();
	text_cases();
	change_cases();
	return check_sum();
}
