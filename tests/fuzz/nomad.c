/* libFuzzer target for what Nomad answers: the text is taken as a list of names, and as the instances of a service, of one
 * namespace and of several. Whatever it says, the catalog stays in order, and saying it twice changes nothing. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "../../consul_catalog.h"
#include "../../hold.h"
#include "../../json_walk.h"
#include "../../nomad_instance.h"
#include "../../nomad_names.h"
#include "../../service.h"
#include "../../text.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static void check_list(const struct service_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct service *s = list->items[i];

		MUST(strcmp(s->name, name) == 0 && s->instance && s->tags && !s->held);
		MUST(s->backend_count <= 1 && (s->absent ? !s->fault : s->backend_count || s->fault));
		MUST(!s->absent || !s->wish_count);
		for (size_t b = 0; b < s->backend_count; b++)
			MUST(s->backends[b].host && s->backends[b].port && s->backends[b].weight);
		MUST(!i || strcmp(list->items[i - 1]->instance, s->instance) <= 0);
	}
}

static void check_instances(const struct buf *answer, const char *name, bool several)
{
	struct nomad_instances reading, again;

	nomad_instances_open(&reading, "dill", several);
	nomad_instances_open(&again, "dill", several);
	if (!nomad_instances_read(&reading, name, answer)) {
		check_list(reading.list, name);
		MUST(!nomad_instances_read(&again, name, answer) && service_list_equal(reading.list, again.list));
	}
	nomad_instances_close(&reading);
	nomad_instances_close(&again);
}

/* In parts of odd sizes, as from a socket. */
static const char *take_names(struct catalog *catalog, struct slice text, const char *asked, bool several, bool *news)
{
	struct nomad_names names;
	const char *why;

	*news = false;
	nomad_names_open(&names, "dill", asked, several);
	json_walk_start(&names.walk);
	for (size_t len; text.len; text = slice_skip(text, len)) {
		len = text.len < 7 ? text.len : 7;
		json_walk_add(&names.walk, text.at, len);
	}
	why = json_walk_end(&names.walk);
	if (!why)
		why = nomad_names_judge(&names);
	if (!why)
		*news = nomad_names_take(&names, catalog);
	nomad_names_close(&names);
	return why;
}

/* Said twice, no name comes or goes the second time, and said again nothing is new (a name that stands there twice has the
 * tags of the last one from then on). Of a text that is no such answer, nothing is taken. */
static void check_names(struct slice text, const char *asked, bool several)
{
	struct catalog c;
	size_t count;
	bool news;

	catalog_open(&c, "dill");
	if (take_names(&c, text, asked, several, &news)) {
		MUST(!c.count && !news);
	} else {
		MUST(news == (c.count > 0));
		for (size_t i = 0; i < c.count; i++) {
			MUST(*c.names[i].name && c.names[i].listed && c.names[i].wanted);
			MUST(!several || strchr(c.names[i].name, '/') > c.names[i].name);
			MUST(!i || strcmp(c.names[i - 1].name, c.names[i].name) < 0);
		}
		count = c.count;
		MUST(!take_names(&c, text, asked, several, &news) && c.count == count);
		MUST(!take_names(&c, text, asked, several, &news) && !news);
	}
	catalog_close(&c);
}

/* Read, the same again, then nothing, twice: the list follows, and is empty in the end. */
static void check_catalog(const struct buf *answer)
{
	static const char empty[] = "[]";
	struct buf nothing = { .data = (char *)empty, .len = 2 };
	struct nomad_instances reading;
	struct service_list *list;
	struct catalog c;
	int64_t now = 1000;

	catalog_open(&c, "dill");
	nomad_instances_open(&reading, "dill", false);
	catalog_add(&c, "web", 1);
	catalog_listed(&c);
	for (int round = 0; round < 4; round++, now += HOLD_MS) {
		struct catalog_name *n = catalog_find(&c, "web");

		MUST(n);
		if (round == 2)
			catalog_listed(&c);
		catalog_confirm(&c, now);
		if (!nomad_instances_read(&reading, "web", round < 2 ? answer : &nothing))
			catalog_take(&c, n, reading.list, now);
		list = catalog_compose(&c, now);
		MUST(!list || list == c.list);
		MUST(!list || round != 1);
		service_list_unref(list);
	}
	MUST(c.list->count == 0 && c.hold.count == 0 && c.hold.confirm_at == 0);
	nomad_instances_close(&reading);
	catalog_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct buf answer = { 0 };

	buf_add(&answer, text.at, text.len);
	check_instances(&answer, "web", false);
	check_instances(&answer, "ops/web", true);
	check_catalog(&answer);
	check_names(text, "default", false);
	check_names(text, "*", true);
	check_names(text, "ops", true);
	buf_free(&answer);
	return 0;
}
