/* libFuzzer target for what Consul answers: the text is taken as each kind of answer in turn. Whatever it says, the
 * catalog stays in order, and saying it twice changes nothing. */
#include "base.h"

#include "../../consul_catalog.c"
#include "../../consul_instance.c"
#include "../../json.c"
#include "../../net.c"
#include "../../service.c"
#include "../../sys.c"
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

		MUST(s->name && s->node && s->instance && s->tags && !s->held);
		MUST(s->backend_count <= 1 && (s->absent ? !s->fault : s->backend_count || s->fault)); /* an odd tag leaves the backend */
		MUST(!s->absent || !s->wish_count);
		for (size_t b = 0; b < s->backend_count; b++)
			MUST(s->backends[b].host && s->backends[b].port && s->backends[b].weight);
		for (size_t w = 1; w < s->wish_count; w++)
			MUST(strcmp(s->wishes[w - 1].text, s->wishes[w].text) <= 0);
		MUST(!i || strcmp(list->items[i - 1]->node, s->node) < 0 || strcmp(list->items[i - 1]->instance, s->instance) <= 0);
	}
}

static void check_instances(const struct json *j)
{
	struct service_list *list = service_list_new(), *again = service_list_new();

	if (instance_read(list, "web", j, "dill")) {
		MUST(list->count == 0);
	} else {
		check_list(list);
		MUST(!instance_read(again, "web", j, "dill") && service_list_equal(list, again));
	}
	service_list_unref(list);
	service_list_unref(again);
}

static void check_catalog(const struct json *j)
{
	struct service_list *list;
	struct catalog c;
	bool moved = false;
	int64_t now = 1000;

	catalog_open(&c, "dill");
	if (!catalog_names(&c, j, &moved)) {
		bool twice = false; /* a name: then the answer contradicts itself */

		MUST(moved == (c.count > 0));
		for (size_t i = 1; i < c.count; i++) {
			MUST(strcmp(c.names[i - 1].name, c.names[i].name) <= 0);
			twice = twice || strcmp(c.names[i - 1].name, c.names[i].name) == 0;
		}
		moved = false;
		MUST(!catalog_names(&c, j, &moved) && (!moved || twice));
	}
	if (!find_in(c.names, c.count, "web")) {
		add_name(&c, "web", 1);
		qsort(c.names, c.count, sizeof *c.names, compare_names);
	}
	if (!catalog_checks(&c, j, &moved)) {
		moved = false;
		MUST(!catalog_checks(&c, j, &moved) && !moved);
	}
	/* Read, the same again, then nothing, twice. */
	for (int round = 0; round < 4; round++, now += HOLD_MS) {
		struct json none = { 0 };
		struct catalog_name *n = find_in(c.names, c.count, "web");

		MUST(n && !json_parse(&none, "[]", 2));
		catalog_confirm(&c, now);
		if (catalog_reading(&c, n, round < 2 ? j : &none, now))
			MUST(!n->fresh);
		list = catalog_compose(&c, now);
		MUST(!list || list == c.list);
		MUST(!list || round != 1);
		service_list_unref(list);
		json_free(&none);
	}
	MUST(c.list->count == 0 && c.hold.count == 0 && c.hold.confirm_at == 0);
	catalog_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json j = { 0 };

	if (!json_parse(&j, (const char *)data, size)) {
		check_instances(&j);
		check_catalog(&j);
	}
	json_free(&j);
	return 0;
}
