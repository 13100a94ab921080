/* libFuzzer target for what Consul answers: the text is taken as each kind of answer in turn. Whatever it says, the
 * catalog stays in order, and saying it twice changes nothing. */
#include "base.h"

#include "../../consul_catalog.c"
#include "../../json.c"
#include "../../net.c"
#include "../../service.c"
#include "../../sys.c"
#include "../../text.c"
#include "../unit/answers.h"

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

static void check_instances(struct slice text)
{
	struct service_list *list = service_list_new(), *again = service_list_new();

	if (answer_instances(list, "web", text, "dill")) {
		MUST(list->count == 0);
	} else {
		check_list(list);
		MUST(!answer_instances(again, "web", text, "dill") && service_list_equal(list, again));
	}
	service_list_unref(list);
	service_list_unref(again);
}

/* Said twice, nothing is new the second time. Of a text that is no such answer, nothing is taken. */
static void check_bell(struct catalog *c, enum consul_bell_kind kind, struct slice text)
{
	size_t count = c->count;
	unsigned news;
	bool twice = false; /* a name: then the answer contradicts itself */

	if (answer_bell(c, kind, text, &news)) {
		MUST(c->count == count);
		return;
	}
	for (size_t i = 1; i < c->count; i++) {
		MUST(strcmp(c->names[i - 1].name, c->names[i].name) <= 0);
		twice = twice || strcmp(c->names[i - 1].name, c->names[i].name) == 0;
	}
	MUST(!answer_bell(c, kind, text, &news) && (!news || twice));
}

static void check_catalog(struct slice text)
{
	struct service_list *list;
	struct catalog c;
	int64_t now = 1000;

	catalog_open(&c, "dill");
	check_bell(&c, CONSUL_BELL_NAMES, text);
	if (!catalog_find(&c, "web")) {
		for (size_t i = 0; i < c.count; i++)
			c.names[i].coming = c.names[i].tags;
		catalog_add(&c, "web", 1);
		catalog_listed(&c);
	}
	check_bell(&c, CONSUL_BELL_CHECKS, text);
	check_bell(&c, CONSUL_BELL_NODES, text);
	/* Read, the same again, then nothing, twice. */
	for (int round = 0; round < 4; round++, now += HOLD_MS) {
		struct catalog_name *n = catalog_find(&c, "web");

		MUST(n);
		catalog_confirm(&c, now);
		if (answer_reading(&c, n, round < 2 ? text : slice_of("[]"), now))
			MUST(!n->fresh);
		list = catalog_compose(&c, now);
		MUST(!list || list == c.list);
		MUST(!list || round != 1);
		service_list_unref(list);
	}
	MUST(c.list->count == 0 && c.hold.count == 0 && c.hold.confirm_at == 0);
	catalog_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };

	check_instances(text);
	check_catalog(text);
	return 0;
}
