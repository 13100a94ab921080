#include "base.h"
#include "consul_shape.h"

#include <string.h>

#define IS(type) (1u << (type))
#define MISSING 0x80u /* it may be left out */

struct shape {
	const char *key;
	unsigned may_be;
	const char *why;
};

#define TEXT(path, key) { key, IS(JSON_STRING) | MISSING, path key " is no text" }
#define NUMBER(path, key) { key, IS(JSON_NUMBER) | MISSING, path key " is no whole number" }
/* Go writes null for a list or map that has nothing in it. */
#define LIST(path, key) { key, IS(JSON_ARRAY) | IS(JSON_NULL) | MISSING, path key " is no list" }
#define OBJECT(path, key) { key, IS(JSON_OBJECT) | IS(JSON_NULL) | MISSING, path key " is no object" }

static const struct shape instance_shape[] = {
	{ "Node", IS(JSON_OBJECT), "an instance without Node" },
	{ "Service", IS(JSON_OBJECT), "an instance without Service" },
	LIST("", "Checks"),
};

static const struct shape node_shape[] = { TEXT("Node.", "Node"), TEXT("Node.", "Address") };

static const struct shape service_shape[] = {
	TEXT("Service.", "ID"), TEXT("Service.", "Service"), TEXT("Service.", "Kind"), TEXT("Service.", "Address"),
	{ "Port", IS(JSON_NUMBER), "Service.Port is no whole number" },
	LIST("Service.", "Tags"), OBJECT("Service.", "Weights"),
};

static const struct shape weights_shape[] = { NUMBER("Service.Weights.", "Passing") };

static const struct shape check_shape[] = {
	{ "Status", IS(JSON_STRING), "a check's Status is no text" }, TEXT("a check's ", "CheckID"),
	TEXT("a check's ", "Node"), TEXT("a check's ", "ServiceID"), TEXT("a check's ", "ServiceName"),
	NUMBER("a check's ", "ModifyIndex"),
};

static bool member_fits(const struct json *answer, uint32_t token, unsigned may_be)
{
	const struct json_token *value = &answer->tokens[token];

	if (!token || !(may_be & IS(value->type)))
		return !token && (may_be & MISSING);
	for (uint32_t i = 0; value->type == JSON_NUMBER && i < value->len; i++)
		if (strchr(".eE", answer->text[value->at + i]))
			return false;
	return true;
}

static const char *members_fit(const struct json *answer, uint32_t object, const struct shape *shapes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!member_fits(answer, json_get(answer, object, shapes[i].key), shapes[i].may_be))
			return shapes[i].why;
	return NULL;
}

const char *consul_shape_tags(const struct json *answer, uint32_t tags)
{
	for (JSON_EACH(answer, tags, tag))
		if (answer->tokens[tag].type != JSON_STRING)
			return "a tag is no text";
	return NULL;
}

const char *consul_shape_check(const struct json *answer, uint32_t check)
{
	return members_fit(answer, check, check_shape, ARRAY_LEN(check_shape));
}

const char *consul_shape_node(const struct json *answer, uint32_t node)
{
	return members_fit(answer, node, node_shape, ARRAY_LEN(node_shape));
}

static const char *service_fits(const struct json *answer, uint32_t service)
{
	uint32_t tags = json_get(answer, service, "Tags"), weights = json_get(answer, service, "Weights");
	const char *why = members_fit(answer, service, service_shape, ARRAY_LEN(service_shape));

	if (!why && tags)
		why = consul_shape_tags(answer, tags);
	if (!why && weights)
		why = members_fit(answer, weights, weights_shape, ARRAY_LEN(weights_shape));
	return why;
}

const char *consul_shape_instance(const struct json *answer, uint32_t instance)
{
	uint32_t checks = json_get(answer, instance, "Checks");
	const char *why = members_fit(answer, instance, instance_shape, ARRAY_LEN(instance_shape));

	if (!why)
		why = consul_shape_node(answer, json_get(answer, instance, "Node"));
	if (!why)
		why = service_fits(answer, json_get(answer, instance, "Service"));
	if (!why && checks)
		for (JSON_EACH(answer, checks, check))
			if (!why)
				why = consul_shape_check(answer, check);
	return why;
}
