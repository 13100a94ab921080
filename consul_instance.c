#include "base.h"
#include "consul_instance.h"

#include <stdlib.h>
#include <string.h>

#include "consul_shape.h"
#include "digest.h"
#include "json_shape.h"
#include "registration.h"
#include "text.h"

/* All checks must be passing, those of the node included; `warning` is not passing. Having none is fine. Writes to
 * `why` says which one is not. */
static void look_at_checks(const struct json *answer, uint32_t checks, struct buf *why)
{
	struct buf status = { 0 }, id = { 0 };

	if (checks && answer->tokens[checks].type == JSON_ARRAY)
		for (JSON_EACH(answer, checks, check)) {
			if (why->len || (registration_text(answer, check, "Status", &status) && strcmp(status.data, "passing") == 0))
				continue;
			registration_text(answer, check, "CheckID", &id);
			buf_printf(why, *id.data ? "its check %s is %s" : "one%s of its checks is %s", id.data,
			           *status.data ? status.data : "without a status");
		}
	buf_free(&status);
	buf_free(&id);
}

static uint16_t weight_of(const struct json *answer, uint32_t service)
{
	uint32_t weights = json_get(answer, service, "Weights");
	uint32_t passing = weights ? json_get(answer, weights, "Passing") : 0;
	long n = 1;

	if (passing)
		json_integer(answer, passing, 1, 65535, &n);
	return (uint16_t)n;
}

static void give_address(struct service *service, const struct json *answer, uint32_t node, uint32_t at)
{
	registration_address(service, answer, at, node, weight_of(answer, at));
}

/* Proxies of Consul's mesh carry the tags of the service that they stand for, and take nothing but mutual TLS from the
 * mesh. An ingress gateway is there for those outside. */
static bool kind_is_closed(const char *kind)
{
	return strcmp(kind, "connect-proxy") == 0 || strcmp(kind, "mesh-gateway") == 0 ||
	       strcmp(kind, "terminating-gateway") == 0;
}

/* Gives the service what its tags ask for, and its address. */
static void route_instance(struct service *service, const struct json *answer, uint32_t element, const char *word)
{
	uint32_t node = json_get(answer, element, "Node"), at = json_get(answer, element, "Service");
	struct buf kind = { 0 };

	registration_apply(service, word);
	registration_text(answer, at, "Kind", &kind);
	if (kind_is_closed(kind.data))
		service->fault = text_printf(&service->memory, "its instance is a %s, which takes only mutual TLS", kind.data);
	else
		give_address(service, answer, node, at);
	buf_free(&kind);
}

/* A check fails. Its port is its own all the same: see draft_spare_neighbours(). */
static void leave_out(struct service *service, const struct json *answer, uint32_t element, const char *why)
{
	service->absent = service_text(service, why);
	give_address(service, answer, json_get(answer, element, "Node"), json_get(answer, element, "Service"));
	service->fault = NULL;
}

/* Adds the instance of one element of the answer. */
static void read_instance(struct service_list *list, const char *name, const struct json *answer, uint32_t element,
                          const char *word)
{
	uint32_t node = json_get(answer, element, "Node"), at = json_get(answer, element, "Service");
	struct buf text = { 0 };
	struct service *service;

	/* Consul looks names up in any letter case: this one may be another service's. */
	if (registration_text(answer, at, "Service", &text) && strcmp(text.data, name) != 0) {
		buf_free(&text);
		return;
	}
	service = service_add(list, slice_of(name));
	registration_text(answer, node, "Node", &text);
	service->node = service_text(service, text.data);
	registration_text(answer, at, "ID", &text);
	service->instance = service_text(service, text.data);
	service->created = registration_created(answer, at);
	registration_tags(service, answer, json_get(answer, at, "Tags"));
	text.len = 0;
	if (registration_marked(service, word))
		look_at_checks(answer, json_get(answer, element, "Checks"), &text);
	if (!registration_marked(service, word))
		service->absent = text_printf(&service->memory, "it has no tag %s", word);
	else if (text.len)
		leave_out(service, answer, element, text.data);
	else
		route_instance(service, answer, element, word);
	service_seal(service);
	buf_free(&text);
}

static int by_instance(const void *a, const void *b)
{
	const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;
	int order = strcmp(x->node, y->node);

	return order ? order : strcmp(x->instance, y->instance);
}

/* What fails is compared with what was known: when one is older than the other, the next answer about the checks must
 * make this service wanted again. */
static void compare_checks(struct instance_reading *reading)
{
	const struct json *answer = &reading->json;
	uint32_t checks = json_get(answer, 0, "Checks"), node = json_get(answer, 0, "Node");
	uint64_t where = consul_member_digest(answer, node, "Node");

	consul_failing_clear(&reading->checks);
	if (checks)
		for (JSON_EACH(answer, checks, check))
			consul_failing_add(&reading->checks, answer, check);
	consul_failing_sort(&reading->checks);
	reading->failing += digest_of(&reading->checks.services, digest_text(slice_of(reading->name)));
	if (digest_of(&reading->checks.nodes, where) != digest_of(&reading->known->nodes, where))
		reading->differs = true;
}

/* The index of its last change says all, of one server's data; address and port are there for those of another one. */
uint64_t instance_digest(const struct json *answer, uint32_t service)
{
	static const char *const keys[] = { "ID", "Address", "Port", "ModifyIndex", NULL };
	struct buf text = { 0 };
	uint64_t sum;

	for (const char *const *key = keys; *key; key++) {
		uint32_t member = json_get(answer, service, *key);
		struct slice value = member ? json_scalar(answer, member) : (struct slice){ NULL, 0 };

		buf_add(&text, value.at, value.len);
		buf_add(&text, "\n", 1);
	}
	sum = digest_text((struct slice){ text.data, text.len });
	buf_free(&text);
	return sum;
}

/* `before`: how many services there were before the one of this element, if it is one. */
static void add_stamp(struct instance_reading *reading, size_t before)
{
	const struct service *service = reading->list->count > before ? reading->list->items[before] : NULL;

	if (service && registration_marked(service, reading->word))
		digest_add(&reading->stamps, digest_text(slice_of(service->node)),
		           instance_digest(&reading->json, json_get(&reading->json, 0, "Service")));
}

static void reading_begin(void *arg)
{
	struct instance_reading *reading = arg;

	service_forget(reading->list, 0);
	reading->differs = false;
	reading->failing = reading->stamps.count = 0;
	reading->why = NULL;
}

static const char *reading_element(void *arg, struct slice name, struct slice element)
{
	struct instance_reading *reading = arg;
	size_t before = reading->list->count;

	if (!reading->name || name.at || reading->why)
		return NULL;
	reading->why = json_shape_count(reading->walk.count);
	if (!reading->why)
		reading->why = json_shape_read(&reading->json, element, &consul_shape_instance);
	if (reading->why)
		return NULL;
	read_instance(reading->list, reading->name, &reading->json, 0, reading->word);
	compare_checks(reading);
	add_stamp(reading, before);
	return NULL;
}

void instance_open(struct instance_reading *reading, const char *word, const struct consul_failing *known)
{
	*reading = (struct instance_reading){
		.walk = { .take = reading_element, .begin = reading_begin, .arg = reading }, .word = word, .known = known,
		.list = service_list_new()
	};
}

void instance_close(struct instance_reading *reading)
{
	json_walk_free(&reading->walk);
	json_free(&reading->json);
	consul_failing_free(&reading->checks);
	digest_free(&reading->stamps);
	service_list_unref(reading->list);
}

const char *instance_end(struct instance_reading *reading)
{
	struct service_list *list = reading->list;

	if (!reading->why && reading->walk.root != JSON_ARRAY)
		reading->why = "the instances are no list";
	if (reading->why)
		return reading->why;
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, by_instance);
	digest_sort(&reading->stamps);
	if (reading->failing != digest_of(&reading->known->services, digest_text(slice_of(reading->name))))
		reading->differs = true;
	return NULL;
}

bool instance_none(const struct instance_reading *reading)
{
	return reading->walk.root == JSON_ARRAY && !reading->walk.count;
}
