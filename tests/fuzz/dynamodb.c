/* libFuzzer target for a page of a table of DynamoDB: each service is a route or refused; the next query is good JSON. */
#include "base.h"

#include <stdlib.h>

#include "../../dynamodb.c"
#include "../../json.c"
#include "../../json_walk.c"
#include "../../service.c"
#include "../../text.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static void check_list(const struct service_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct service *s = list->items[i];

		MUST(s->name && s->wish_count == 1);
		MUST(s->fault ? s->wishes[0].why == s->fault && !s->backend_count : !s->wishes[0].why && s->backend_count == 1);
		MUST(s->fault || (slice_starts(slice_of(s->wishes[0].text), "any:") && *s->backends[0].host &&
		                  (s->backends[0].port || net_is_srv(slice_of(s->backends[0].host)))));
	}
}

static void check_query(struct dynamodb *dynamodb)
{
	struct json json = { 0 };

	make_query(dynamodb);
	MUST(!json_parse(&json, dynamodb->query.data, dynamodb->query.len));
	MUST(!dynamodb->start.len || json.tokens[json_get(&json, 0, "ExclusiveStartKey")].type == JSON_OBJECT);
	json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dynamodb_settings settings = { .proxy = "realtime", .table = "classic-proxy" };
	struct dynamodb dynamodb = { .settings = &settings };
	struct http_response response = { .status = 200 };
	struct service_list *list = service_list_new(), *again = service_list_new();

	buf_add(&response.body, data, size);
	if (!take_page(&dynamodb, &response, list)) {
		check_list(list);
		check_query(&dynamodb);
		MUST(!take_page(&dynamodb, &response, again) && service_list_equal(list, again));
	}
	service_list_unref(list);
	service_list_unref(again);
	buf_free(&response.body);
	buf_free(&dynamodb.query);
	buf_free(&dynamodb.start);
	buf_free(&dynamodb.why);
	return 0;
}
