/* Answers of Consul as texts, put into what takes them as they arrive. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "../../consul_bell.h"
#include "../../consul_instance.h"

static size_t answer_part = 7; /* bytes that arrive together */

/* Returns NULL or why it is no JSON. */
static inline const char *answer_walk(struct json_walk *walk, struct slice text)
{
	json_walk_start(walk);
	for (size_t len; text.len; text = slice_skip(text, len)) {
		len = text.len < answer_part ? text.len : answer_part;
		json_walk_add(walk, text.at, len);
	}
	return json_walk_end(walk);
}

static inline const char *answer_bell(struct catalog *catalog, enum consul_bell_kind kind, struct slice text,
                                      unsigned *news)
{
	struct consul_bell bell;
	const char *why;

	consul_bell_open(&bell, kind, catalog);
	why = answer_walk(&bell.walk, text);
	if (!why)
		why = consul_bell_judge(&bell);
	*news = why ? 0 : consul_bell_take(&bell);
	consul_bell_close(&bell);
	return why;
}

/* Adds what an answer about `name` says to the list. */
static inline const char *answer_instances(struct service_list *list, const char *name, struct slice text,
                                           const char *word)
{
	struct consul_failing none = { 0 };
	struct instance_reading reading;
	const char *why;

	instance_open(&reading, word, &none);
	reading.name = name;
	why = answer_walk(&reading.walk, text);
	if (!why)
		why = instance_end(&reading);
	for (size_t i = 0; !why && i < reading.list->count; i++)
		service_share(list, reading.list->items[i]);
	instance_close(&reading);
	return why;
}

static inline const char *answer_reading(struct catalog *catalog, struct catalog_name *name, struct slice text,
                                         int64_t began)
{
	struct instance_reading reading;
	const char *why;

	instance_open(&reading, catalog->tag, &catalog->failing);
	reading.name = name->name;
	why = answer_walk(&reading.walk, text);
	if (!why)
		why = instance_end(&reading);
	if (!why)
		catalog_reading(catalog, name, &reading, began);
	instance_close(&reading);
	return why;
}

#endif
