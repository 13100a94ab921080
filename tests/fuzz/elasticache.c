/* libFuzzer target for what ElastiCache answers: one node at most is taken, and the same one again. */
#include "base.h"

#include <stdlib.h>

#include "../../elasticache.c"
#include "../../service.c"
#include "../../text.c"
#include "../../xml.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static struct service_list *take(struct elasticache *elasticache, const struct http_response *response)
{
	struct service_list *list;

	elasticache->nodes = 0;
	node_clear(&elasticache->best);
	if (take_cluster(elasticache, response))
		return NULL;
	list = make_list(elasticache);
	MUST(list->count == (elasticache->nodes != 0));
	for (size_t i = 0; i < list->count; i++) {
		const struct service *s = list->items[i];

		MUST(s->wish_count == 1 && !s->wishes[0].why && s->backend_count == !s->fault && !s->instance == !!s->fault);
		MUST(s->fault || (s->backends[0].port && net_is_host(slice_of(s->backends[0].host))));
	}
	return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct elasticache_settings settings = { .cluster = "docker-registry", .port = 5000 };
	struct elasticache elasticache = { .settings = &settings };
	struct http_response response = { .status = 200 };
	struct service_list *list, *again;

	buf_add(&response.body, data, size);
	list = take(&elasticache, &response);
	again = take(&elasticache, &response);
	MUST(!list == !again && (!list || service_list_equal(list, again)));
	service_list_unref(list);
	service_list_unref(again);
	buf_free(&response.body);
	buf_free(&elasticache.why);
	buf_free(&elasticache.marker);
	buf_free(&elasticache.group);
	node_free(&elasticache.node);
	node_free(&elasticache.best);
	return 0;
}
