/* Cases for the memory that an answer about one service takes while it arrives: its services, and one element. */
#include "base.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static size_t used, peak;

static void note(void *p)
{
	used += p ? malloc_usable_size(p) : 0;
	peak = used > peak ? used : peak;
}

static void *counted_realloc(void *old, size_t size)
{
	void *p;

	used -= old ? malloc_usable_size(old) : 0;
	p = realloc(old, size);
	note(p);
	return p;
}

static void *counted_calloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	note(p);
	return p;
}

static void counted_free(void *p)
{
	used -= p ? malloc_usable_size(p) : 0;
	free(p);
}

#define malloc(size) counted_realloc(NULL, size)
#define calloc counted_calloc
#define realloc counted_realloc
#define free counted_free
#include "../../consul_api.c"
#include "../../consul_check.c"
#include "../../consul_instance.c"
#include "../../digest.c"
#include "../../http.c"
#include "../../json.c"
#include "../../json_walk.c"
#include "../../service.c"
#include "../../service_list.c"
#include "../../sys.c"
#include "../../text.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

/* As Consul writes it: indented, with much that nobody here needs. */
static void put_instance(struct buf *body, int n)
{
	buf_printf(body, "%s\n    {\n        \"Node\": {\n            \"ID\": \"0d6c3d3e-9f1c-4f4f-8a5f-000000%06d\",\n"
	           "            \"Node\": \"node-%d\",\n            \"Address\": \"10.0.0.1\",\n            \"Datacenter\": \"dc1\",\n"
	           "            \"TaggedAddresses\": {\n                \"lan\": \"10.0.0.1\",\n                \"wan\": \"10.0.0.1\"\n"
	           "            },\n            \"Meta\": null,\n            \"CreateIndex\": 10,\n            \"ModifyIndex\": 10\n"
	           "        },\n", n ? "," : "", n % 50, n % 50);
	buf_printf(body, "        \"Service\": {\n            \"ID\": \"web-%d\",\n            \"Service\": \"web\",\n"
	           "            \"Tags\": [\n                \"dill\",\n                \"dill.listener=any:80\"\n            ],\n"
	           "            \"Address\": \"10.0.0.1\",\n            \"Meta\": null,\n            \"Port\": %d,\n"
	           "            \"Weights\": {\n                \"Passing\": 1,\n                \"Warning\": 1\n            },\n"
	           "            \"EnableTagOverride\": false,\n            \"Proxy\": {\n                \"MeshGateway\": {},\n"
	           "                \"Expose\": {}\n            },\n            \"Connect\": {},\n            \"CreateIndex\": %d,\n"
	           "            \"ModifyIndex\": %d\n        },\n", n, 1000 + n, n, n);
	buf_printf(body, "        \"Checks\": [\n            {\n                \"Node\": \"node-%d\",\n                \"CheckID\": \"service:web-%d\",\n"
	           "                \"Name\": \"Service 'web' check\",\n                \"Status\": \"passing\",\n                \"Notes\": \"\",\n"
	           "                \"Output\": \"TCP connect 10.0.0.1:%d: Success\",\n                \"ServiceID\": \"web-%d\",\n"
	           "                \"ServiceName\": \"web\",\n                \"ServiceTags\": [],\n                \"Definition\": {},\n"
	           "                \"CreateIndex\": 10,\n                \"ModifyIndex\": 10\n            }\n        ]\n    }",
	           n % 50, n, n, n);
}

/* Returns the most memory that was in use while the answer arrived. */
static size_t peak_of(int instances, size_t *body_len)
{
	struct http_response response = { .max_body = 1 << 30 };
	struct instance_reading reading;
	struct consul_failing none = { 0 };
	struct consul_settings settings = { .token = "", .token_file = "", .login = "" };
	struct consul_api api = { .settings = &settings, .token.path = "" };
	struct buf text = { 0 }, body = { 0 };
	size_t before, len;

	for (int i = 0; i < instances; i++)
		put_instance(&body, i);
	*body_len = body.len + 4;
	buf_printf(&text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n[%s\n]\n", body.len + 4, body.data);
	before = used;
	peak = used;
	instance_open(&reading, "dill", &none);
	reading.name = "web";
	consul_api_stream(&response, &reading.walk);
	for (size_t at = 0; at < text.len; at += len) {
		len = text.len - at < READ_SIZE ? text.len - at : READ_SIZE;
		check(!http_parse(&response, text.data + at, len, &len), "a part", "of the answer");
	}
	check(response.done && !consul_api_take(&api, &response) && !instance_end(&reading), "the answer", "is good");
	check(reading.list->count == (size_t)instances && reading.list->items[0]->wish_count == 1, "all instances", "are read");
	instance_close(&reading);
	http_response_free(&response);
	buf_free(&text);
	buf_free(&body);
	consul_api_close(&api);
	return peak - before;
}

int main(void)
{
	size_t small_body, body, small = peak_of(1, &small_body), large = peak_of(2000, &body);
	char text[100];

	snprintf(text, sizeof text, "%zu bytes for a body of %zu, and %zu for %zu", small, small_body, large, body);
	check(large < 2 * body, "the peak is at most twice the body", text);
	check(small < 32 * 1024, "a small answer takes little", text);
	check(used == 0, "all is given back", "");
	if (getenv("SHOW"))
		puts(text);
	return check_sum();
}
