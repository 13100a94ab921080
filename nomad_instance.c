#include "base.h"
#include "nomad_instance.h"

#include <stdlib.h>
#include <string.h>

#include "json_shape.h"
#include "registration.h"

static const struct json_shape tag = { "Sa tag is no text", NULL };
static const struct json_shape members[] = {
	{ "SID is no text", NULL }, { "sServiceName is no text", NULL }, { "sNamespace is no text", NULL },
	{ "sAddress is no text", NULL }, { "NPort is no whole number", NULL }, { "lTags is no list", &tag },
	{ 0 }
};
static const struct json_shape registration = { "Oan instance is no object", members };

/* Whether the registration is of the service that was asked for, as far as it says so. */
static bool is_of(const struct nomad_instances *reading, struct buf *text)
{
	const char *slash = reading->several ? strchr(reading->name, '/') : NULL;
	bool named = registration_text(&reading->json, 0, "ServiceName", text) && text->len;

	if (named && strcmp(text->data, slash ? slash + 1 : reading->name) != 0)
		return false;
	return !slash || !registration_text(&reading->json, 0, "Namespace", text) || !text->len ||
	       slice_is(slice_between(reading->name, slash), text->data);
}

/* Nomad's servers do not know the results of its checks: an instance is there as soon as its task starts. */
static void read_registration(struct nomad_instances *reading)
{
	struct buf text = { 0 };
	struct service *service;

	if (is_of(reading, &text)) {
		service = service_add(reading->list, slice_of(reading->name));
		registration_text(&reading->json, 0, "ID", &text);
		service->instance = service_text(service, text.data);
		service->created = registration_created(&reading->json, 0);
		registration_tags(service, &reading->json, json_get(&reading->json, 0, "Tags"));
		if (registration_marked(service, reading->word)) {
			registration_apply(service, reading->word);
			registration_address(service, &reading->json, 0, 0, 1);
		} else {
			service->absent = text_printf(&service->memory, "it has no tag %s", reading->word);
		}
		service_seal(service);
	}
	buf_free(&text);
}

static const char *take_element(void *arg, struct slice name, struct slice element)
{
	struct nomad_instances *reading = arg;

	if (name.at)
		return NULL;
	reading->why = json_shape_count(reading->walk.count);
	if (!reading->why)
		reading->why = json_shape_read(&reading->json, element, &registration);
	if (!reading->why)
		read_registration(reading);
	return reading->why;
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct service *const *)a)->instance, (*(struct service *const *)b)->instance);
}

void nomad_instances_open(struct nomad_instances *reading, const char *word, bool several)
{
	*reading = (struct nomad_instances){
		.walk = { .take = take_element, .arg = reading }, .word = word, .several = several, .list = service_list_new()
	};
}

void nomad_instances_close(struct nomad_instances *reading)
{
	json_walk_free(&reading->walk);
	json_free(&reading->json);
	service_list_unref(reading->list);
}

const char *nomad_instances_read(struct nomad_instances *reading, const char *name, const struct buf *answer)
{
	const char *why;

	service_forget(reading->list, 0);
	reading->name = name;
	reading->why = NULL;
	json_walk_start(&reading->walk);
	json_walk_add(&reading->walk, answer->data ? answer->data : "", answer->len);
	why = json_walk_end(&reading->walk);
	if (!why && reading->walk.root != JSON_ARRAY)
		why = reading->why = "the instances are no list";
	if (!why && reading->list->count > 1)
		qsort(reading->list->items, reading->list->count, sizeof *reading->list->items, by_id);
	return why;
}
