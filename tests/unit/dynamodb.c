/* Cases for dynamodb.c: the query as it is signed, and answers, page by page. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../dynamodb.c"

static struct dynamodb_settings settings = { .proxy = "realtime", .table = "classic-proxy" };

/* Queries. */

#define QUERY "{\"TableName\":\"classic-proxy\",\"ConsistentRead\":true,\"KeyConditionExpression\":\"proxy_name = :n\"," \
	"\"ExpressionAttributeValues\":{\":n\":{\"S\":\"realtime\"}},\"ProjectionExpression\":\"proxy_configuration\""

static void query_is(const char *proxy, const char *start, const char *want)
{
	struct dynamodb dynamodb = { .settings = &settings };

	settings.proxy = proxy;
	buf_puts(&dynamodb.start, start);
	for (int i = 0; i < 2; i++) {
		make_query(&dynamodb);
		check(strcmp(dynamodb.query.data, want) == 0, dynamodb.query.data, want);
	}
	buf_free(&dynamodb.query);
	buf_free(&dynamodb.start);
	settings.proxy = "realtime";
}

static void queries(void)
{

	query_is("realtime", "", QUERY "}");
	query_is("realtime", "{\"a\" : {\"S\":\"\\u00e9\"}}", QUERY ",\"ExclusiveStartKey\":{\"a\" : {\"S\":\"\\u00e9\"}}}");
	query_is("a\"b\\\n", "", "{\"TableName\":\"classic-proxy\",\"ConsistentRead\":true,"
	         "\"KeyConditionExpression\":\"proxy_name = :n\",\"ExpressionAttributeValues\":{\":n\":{\"S\":\"a\\\"b\\\\\\u000a\"}},"
	         "\"ProjectionExpression\":\"proxy_configuration\"}");
}

/* Answers. */

#define S(text) "{\"proxy_configuration\":{\"S\":\"" text "\"}}"
#define PAGE(count, items) "{\"Count\":" #count ",\"Items\":[" items "],\"ScannedCount\":" #count "}"

static const struct {
	const char *body, *want; /* want: the services, the next page behind a bar, or the reason behind a minus */
} answers[] = {
	{ "{\"ScannedCount\":0,\"Count\":0,\"Items\":[]}", "" },
	{ PAGE(1, S("8002:db.example.com:5432")), "8002:db.example.com:5432( any:8002 db.example.com:5432*1)" },
	{ PAGE(1, S("8002:_pg._tcp.example.com")), "8002:_pg._tcp.example.com( any:8002 _pg._tcp.example.com:0*1)" },
	{ PAGE(2, S("1:[::1]:5") " , " S("0080:10.0.0.1:80")),
	  "1:[::1]:5( any:1 ::1:5*1) 0080:10.0.0.1:80( any:80 10.0.0.1:80*1)" },
	/* Two items with one port, and two alike. */
	{ PAGE(3, S("80:b:1") "," S("80:a:1") "," S("80:a:1")),
	  "80:b:1( any:80 b:1*1) 80:a:1( any:80 a:1*1) 80:a:1( any:80 a:1*1)" },
	/* Each bad one alone. */
	{ PAGE(4, S("x") ",{}," S("80:a:1") ", {\"proxy_configuration\" : {\"N\":\"5\"}} "),
	  "x( x !its item is not PORT:HOST:PORT) {}( {} !its item has no proxy_configuration) 80:a:1( any:80 a:1*1) "
	  "{\"proxy_configuration\" : {\"N\":\"5\"}}( {\"proxy_configuration\" : {\"N\":\"5\"}} "
	  "!its proxy_configuration is no string)" },
	{ PAGE(2, "{\"proxy_configuration\":\"80:a:1\"},{\"proxy_configuration\":{\"S\":5}}"),
	  "{\"proxy_configuration\":\"80:a:1\"}( {\"proxy_configuration\":\"80:a:1\"} !its proxy_configuration is no string) "
	  "{\"proxy_configuration\":{\"S\":5}}( {\"proxy_configuration\":{\"S\":5}} !its proxy_configuration is no string)" },
	{ PAGE(2, S("80:a") "," S("")), "80:a( 80:a !its item is not PORT:HOST:PORT) {\"proxy_configuration\":{\"S\":\"\"}}( "
	  "{\"proxy_configuration\":{\"S\":\"\"}} !its proxy_configuration is empty)" },
	{ PAGE(4, S("0:a:1") "," S("65536:a:1") "," S("80::1") "," S("80:a b:1")),
	  "0:a:1( 0:a:1 !its item is not PORT:HOST:PORT) 65536:a:1( 65536:a:1 !its item is not PORT:HOST:PORT) "
	  "80::1( 80::1 !its item is not PORT:HOST:PORT) 80:a b:1( 80:a b:1 !its item is not PORT:HOST:PORT)" },
	{ PAGE(2, S("80:a:1:2") "," S("80:a:1,81:b:1")),
	  "80:a:1:2( 80:a:1:2 !its item is not PORT:HOST:PORT) 80:a:1,81:b:1( 80:a:1,81:b:1 !its item is not PORT:HOST:PORT)" },
	{ PAGE(1, S("80:a:1\\u0000")), "80:a:1( 80:a:1 !its item is not PORT:HOST:PORT)" },
	/* Pages: the next one begins where this one says, byte for byte. */
	{ "{\"Count\":1,\"LastEvaluatedKey\":{ \"proxy_name\":{\"S\":\"r\\u0065\"}},\"Items\":[" S("80:a:1") "]}",
	  "80:a:1( any:80 a:1*1)|{ \"proxy_name\":{\"S\":\"r\\u0065\"}}" },
	{ "{\"Count\":0,\"Items\":[],\"LastEvaluatedKey\":{}}", "|{}" },
	/* No complete answers. */
	{ "", "-the text ends too early" },
	{ "[]", "-it has no Items" },
	{ "5", "-it has no Items" },
	{ "{}", "-it has no Items" },
	{ "{\"Count\":0}", "-it has no Items" },
	{ "{\"Items\":[]}", "-its Count is not that of its Items" },
	{ "{\"Count\":1,\"Items\":[]}", "-its Count is not that of its Items" },
	{ "{\"Count\":0,\"Items\":[" S("80:a:1") "]}", "-its Count is not that of its Items" },
	{ "{\"Count\":\"0\",\"Items\":[]}", "-its Count is no number" },
	{ "{\"Count\":0.0,\"Items\":[]}", "-its Count is no number" },
	{ "{\"Count\":0,\"Items\":{}}", "-its Items are no list" },
	{ "{\"Count\":0,\"Items\":[],\"Items\":[]}", "-it has Items twice" },
	{ "{\"Count\":1,\"Items\":[5]}", "-one of its Items is no object" },
	{ "{\"Count\":2,\"Items\":[{},\"x\"]}", "-one of its Items is no object" },
	{ "{\"Count\":0,\"Items\":[],\"LastEvaluatedKey\":null}", "-its LastEvaluatedKey is no object" },
	{ "{\"Count\":0,\"Items\":[]} x", "-text behind the end" },
};

static void answer_is(const char *body, size_t len, const char *want)
{
	struct dynamodb dynamodb = { .settings = &settings };
	struct http_response response = { .status = 200 };
	struct service_list *list = service_list_new();
	struct buf got = { 0 };
	const char *why;

	buf_add(&response.body, body, len);
	why = take_page(&dynamodb, &response, list);
	buf_puts(&got, why ? "-" : "");
	if (why)
		buf_puts(&got, why + strlen("its answer cannot be used: "));
	else
		list_put(&got, list);
	if (!why && dynamodb.start.len)
		buf_printf(&got, "|%s", dynamodb.start.data);
	check(want ? strcmp(got.data, want) == 0 : got.data[0] == '-', got.data, want ? want : body);
	service_list_unref(list);
	buf_free(&response.body);
	buf_free(&dynamodb.start);
	buf_free(&dynamodb.why);
	buf_free(&got);
}

/* Wherever an answer is cut, nothing of it counts. */
static void cut_answers(void)
{
	static const char whole[] = "{\"Count\":1,\"LastEvaluatedKey\":{\"a\":{\"S\":\"b\"}},\"Items\":[" S("80:a:1") "]}";

	for (size_t len = 0; len < sizeof whole - 1; len++)
		answer_is(whole, len, NULL);
}

static void tables(void)
{
	static const struct {
		const char *name;
		bool fine;
	} names[] = {
		{ "classic-proxy", true }, { "a.b_C-9", true }, { "abc", true }, { "ab", false }, { "", false }, { "a b c", false },
		{ "a/bc", false }, { "arn:aws:dynamodb:eu-west-1:123456789012:table/classic-proxy", true },
		{ "arn:aws:dynamodb:eu-west-1:123456789012:table/", false }, { "arn:aws:dynamodb", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check(!check_table(names[i].name) == names[i].fine, "the name of a table", names[i].name);
}

int main(void)
{
	queries();
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		answer_is(answers[i].body, strlen(answers[i].body), answers[i].want);
	cut_answers();
	tables();
	return check_sum();
}
