#include "base.h"
#include "dynamodb.h"

#include <limits.h>
#include <string.h>

#include "aws.h"
#include "aws_asked.h"
#include "aws_endpoint.h"
#include "http.h"
#include "json.h"
#include "json_walk.h"
#include "log.h"
#include "net.h"
#include "option.h"
#include "print.h"
#include "service.h"
#include "sys.h"
#include "text.h"

#define DAY 86400000
#define ATTRIBUTE "proxy_configuration"
#define PAGES_MAX 256        /* of one poll: DynamoDB reads a megabyte of the table for each */
#define ANSWERS_MAX (16u << 20) /* bytes of all of them */
#define NAME_MAX_SHOWN 512   /* of an item that is refused */

struct dynamodb_settings {
	const char *proxy, *table, *endpoint;
	int64_t interval, timeout; /* milliseconds */
};

/* Its name, or its ARN: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME. */
static const char *check_table(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	static const char before_name[] = ":table/";
	const char *name = strncmp(text, "arn:", 4) == 0 ? strstr(text, before_name) : NULL;
	size_t len;

	name = name ? name + strlen(before_name) : text;
	len = strspn(name, letters);
	return len < 3 || len > 255 || name[len] ? "is not the name or ARN of a table" : NULL;
}

static const struct option dynamodb_options[] = {
	{ .key = "routing.dynamodb.proxy", OPTION_TEXT, offsetof(struct dynamodb_settings, proxy), "",
	  "proxy whose items of a DynamoDB table are its services; off when empty" },
	{ .key = "routing.dynamodb.table", OPTION_TEXT, offsetof(struct dynamodb_settings, table), "classic-proxy",
	  "name or ARN of the table", .check = check_table, .other = "dynamodb", .other_is = OPTION_FLAG },
	{ .key = "routing.dynamodb.poll_interval", OPTION_DURATION, offsetof(struct dynamodb_settings, interval), "1m",
	  "how often it is read", 1000, DAY },
	{ .key = "routing.dynamodb.poll_timeout", OPTION_DURATION, offsetof(struct dynamodb_settings, timeout), "10s",
	  "how long one answer may take", 1, DAY },
	{ .key = "routing.dynamodb.endpoint", OPTION_TEXT, offsetof(struct dynamodb_settings, endpoint), "",
	  "URL of DynamoDB; AWS's own of the region when empty", .check = aws_endpoint_check_key },
};

struct dynamodb {
	struct source *source;
	const struct dynamodb_settings *settings;
	struct aws aws;
	struct service_list *last; /* what was posted last; NULL: nothing yet */
	struct buf query, start;   /* start: of the next page, as DynamoDB has written it; empty: there is none */
	struct buf why;            /* why the newest answer is not used */
	int code;                  /* its status if that was an error, else 0 */
};

static bool dynamodb_wanted(const void *settings)
{
	return *((const struct dynamodb_settings *)settings)->proxy;
}

static void dynamodb_check(const void *settings, struct buf *why)
{
	aws_endpoint_check("dynamodb", ((const struct dynamodb_settings *)settings)->endpoint, why);
}

/* Items. */

/* What is none is listed as refused, and the others are not touched. */
static void refuse_item(struct service_list *list, struct slice shown, const char *why)
{
	struct service *service;

	if (shown.len > NAME_MAX_SHOWN)
		shown.len = NAME_MAX_SHOWN;
	service = service_add(list, shown);
	service_wish(service, shown, NULL);
	service->fault = service->wishes[0].why = why;
	service_seal(service);
}

static void add_route(struct service_list *list, struct slice text)
{
	struct slice to, host;
	uint16_t listen, port;
	struct service *service;
	char wish[16];

	if (net_split_route(text, &listen, &to)) {
		refuse_item(list, text, "its item is not PORT:HOST:PORT");
		return;
	}
	service = service_add(list, text);
	print_text(wish, sizeof wish, "any:%u", listen);
	service_wish(service, slice_of(wish), NULL);
	net_split_target(to, &host, &port);
	service_backend(service, host, port, 1);
	service_seal(service);
}

/* {"proxy_configuration":{"S":"8002:db.example.com:5432"}}; `end`: where the text ends that it is in. */
static void add_item(struct service_list *list, const struct json *json, uint32_t item, const char *end)
{
	uint32_t attribute = json_get(json, item, ATTRIBUTE), string = attribute ? json_get(json, attribute, "S") : 0;
	struct slice written = slice_between(json->text + json->tokens[item].at, end);
	struct buf text = { 0 };
	bool is_string = string && json_string(json, string, &text);

	while (written.len && strchr(", \t\r\n", written.at[written.len - 1]))
		written.len--;
	if (text.len)
		add_route(list, (struct slice){ text.data, text.len });
	else
		refuse_item(list, written, !attribute ? "its item has no " ATTRIBUTE
		                         : is_string ? "its " ATTRIBUTE " is empty" : "its " ATTRIBUTE " is no string");
	buf_free(&text);
}

/* Pages. */

struct page {
	struct dynamodb *dynamodb;
	struct service_list *list;
	long count; /* what it says of itself; -1: nothing */
	long items; /* -1: it has none, not even an empty list */
};

static const char *take_items(struct page *page, struct slice text)
{
	struct json json = { 0 };
	const char *why = json_parse(&json, text.at, text.len);

	if (!why && json.tokens[0].type != JSON_ARRAY)
		why = "its Items are no list";
	if (!why) {
		page->items = json.tokens[0].count;
		for (JSON_EACH(&json, 0, item)) {
			uint32_t next = json_next(&json, item);
			bool last = next >= json.count;

			if (json.tokens[item].type != JSON_OBJECT)
				why = "one of its Items is no object";
			add_item(page->list, &json, item, last ? text.at + text.len - 1 : text.at + json.tokens[next].at);
		}
	}
	json_free(&json);
	return why;
}

static const char *take_member(void *arg, struct slice name, struct slice value)
{
	struct page *page = arg;

	if (slice_is(name, "Items"))
		return page->items < 0 ? take_items(page, value) : "it has Items twice";
	if (slice_is(name, "Count") && text_number(value, 0, INT_MAX, &page->count))
		return "its Count is no number";
	if (slice_is(name, "LastEvaluatedKey")) {
		page->dynamodb->start.len = 0;
		buf_add(&page->dynamodb->start, value.at, value.len);
		return slice_starts(value, "{") ? NULL : "its LastEvaluatedKey is no object";
	}
	return NULL;
}

static const char *page_fault(const struct page *page, const struct json_walk *walk,
                              const struct http_response *response)
{
	if (http_foreign(response))
		return http_foreign(response);
	if (walk->why)
		return walk->why;
	if (walk->root != JSON_OBJECT || page->items < 0)
		return "it has no Items";
	return page->items != page->count ? "its Count is not that of its Items" : NULL;
}

/* Adds the services of a complete answer of status 200 to the list. */
static const char *take_page(struct dynamodb *dynamodb, const struct http_response *response, struct service_list *list)
{
	struct page page = { .dynamodb = dynamodb, .list = list, .count = -1, .items = -1 };
	struct json_walk walk = { .take = take_member, .arg = &page };
	const char *fault;

	dynamodb->start.len = 0;
	json_walk_start(&walk);
	json_walk_add(&walk, response->body.data, response->body.len);
	json_walk_end(&walk);
	fault = page_fault(&page, &walk, response);
	json_walk_free(&walk);
	if (!fault)
		return NULL;
	dynamodb->why.len = 0;
	buf_printf(&dynamodb->why, "its answer cannot be used: %s", fault);
	return dynamodb->why.data;
}

/* Reads are consistent: with eventual ones, an item that one replica has and the next has not yet would close a port
 * that has just been opened. */
static void make_query(struct dynamodb *dynamodb)
{
	const struct dynamodb_settings *settings = dynamodb->settings;
	struct buf *query = &dynamodb->query;

	query->len = 0;
	buf_puts_json(query, "{\"TableName\":", settings->table);
	buf_puts(query, ",\"ConsistentRead\":true,\"KeyConditionExpression\":\"proxy_name = :n\"");
	buf_puts_json(query, ",\"ExpressionAttributeValues\":{\":n\":{\"S\":", settings->proxy);
	buf_puts(query, "}},\"ProjectionExpression\":\"" ATTRIBUTE "\"");
	if (dynamodb->start.len) {
		buf_puts(query, ",\"ExclusiveStartKey\":");
		buf_add(query, dynamodb->start.data, dynamodb->start.len);
	}
	buf_puts(query, "}");
}

static const char *read_page(struct dynamodb *dynamodb, struct service_list *list)
{
	struct aws *aws = &dynamodb->aws;
	const char *why;

	make_query(dynamodb);
	why = aws_post(aws, "DynamoDB_20120810.Query", "application/x-amz-json-1.0",
	               (struct slice){ dynamodb->query.data, dynamodb->query.len }, sys_now() + dynamodb->settings->timeout);
	dynamodb->code = why ? aws->code : 0;
	return why ? why : take_page(dynamodb, &aws->http.response, list);
}

/* A page that fails makes all of them fail. */
static const char *read_table(struct dynamodb *dynamodb)
{
	struct service_list *list = service_list_new();
	const char *why = NULL;
	unsigned pages = 0;
	size_t size = 0;

	dynamodb->start.len = 0;
	do {
		why = read_page(dynamodb, list);
		size += dynamodb->aws.http.response.body.len;
		if (!why && dynamodb->start.len && (++pages == PAGES_MAX || size > ANSWERS_MAX))
			why = "its answers do not end";
	} while (!why && dynamodb->start.len);
	if (why)
		service_list_unref(list);
	else if (source_renew(dynamodb->source, &dynamodb->last, list))
		log_info("%s: %zu service%s of %s in table %s", dynamodb->source->kind->name, dynamodb->last->count,
		         text_s(dynamodb->last->count), dynamodb->settings->proxy, dynamodb->settings->table);
	return why;
}

static void dynamodb_run(struct source *source)
{
	struct dynamodb dynamodb = { .source = source, .settings = source->settings };
	bool go_on = true;

	aws_open(&dynamodb.aws, source->config, "dynamodb", dynamodb.settings->endpoint, source->cancel[0]);
	while (go_on) {
		const char *why = read_table(&dynamodb);

		if (why) {
			go_on = source_failed(source, dynamodb.code, aws_where(&dynamodb.aws), why, dynamodb.aws.pause);
		} else {
			source_worked(source, aws_where(&dynamodb.aws));
			go_on = source_sleep(source, dynamodb.settings->interval);
		}
	}
	aws_close(&dynamodb.aws);
	service_list_unref(dynamodb.last);
	buf_free(&dynamodb.query);
	buf_free(&dynamodb.start);
	buf_free(&dynamodb.why);
}

const struct source_kind dynamodb_kind = {
	.name = "dynamodb", .title = "DynamoDB", .table = "routing.dynamodb",
	.asks = "routing.dynamodb.endpoint", .asks_port = 443, .asked = aws_asked, .asks_too = AWS_ASKED,
	.options = dynamodb_options, .option_count = ARRAY_LEN(dynamodb_options), .size = sizeof(struct dynamodb_settings),
	.shares = "aws,tls", .needs = "--proxy (routing.dynamodb.proxy)", .wanted = dynamodb_wanted,
	.check = dynamodb_check, .run = dynamodb_run
};
