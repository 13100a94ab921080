#include "base.h"
#include "consul_shape.h"

#include <string.h>

/* One member each: a letter for its type (s: text, n: whole number, l: list, o: object), its name, and what is said when
 * it is something else. It may be missing, and a list or object may be null, as Go writes an empty one; but not when the
 * letter is a capital. */
static const char *const instance_shape[] = { "ONode is no object", "OService is no object", "lChecks is no list", NULL };
static const char *const node_shape[] = { "sNode is no text", "sAddress is no text", NULL };
static const char *const service_shape[] = {
	"sID is no text", "sService is no text", "sKind is no text", "sAddress is no text", "NPort is no whole number",
	"lTags is no list", "oWeights is no object", NULL
};
static const char *const weights_shape[] = { "nPassing is no whole number", NULL };
static const char *const check_shape[] = {
	"SStatus is no text", "sCheckID is no text", "sNode is no text", "sServiceID is no text", "sServiceName is no text",
	"nModifyIndex is no whole number", NULL
};

static bool is_whole(const struct json *answer, const struct json_token *number)
{
	for (uint32_t i = 0; i < number->len; i++)
		if (strchr(".eE", answer->text[number->at + i]))
			return false;
	return true;
}

static bool member_fits(const struct json *answer, uint32_t token, char letter)
{
	static const char letters[] = { [JSON_NUMBER] = 'n', [JSON_STRING] = 's', [JSON_ARRAY] = 'l', [JSON_OBJECT] = 'o' };
	const struct json_token *member = &answer->tokens[token];

	if (!token)
		return letter >= 'a';
	if (member->type == JSON_NULL)
		return letter == 'l' || letter == 'o';
	return letters[member->type] == (letter | 0x20) && (member->type != JSON_NUMBER || is_whole(answer, member));
}

static const char *members_fit(const struct json *answer, uint32_t object, const char *const *shape)
{
	char key[16] = "";

	for (; *shape; shape++) {
		size_t len = strcspn(*shape, " ");

		memcpy(key, *shape + 1, len);
		key[len - 1] = '\0';
		if (!member_fits(answer, json_get(answer, object, key), **shape))
			return *shape + 1;
	}
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
	return members_fit(answer, check, check_shape);
}

const char *consul_shape_node(const struct json *answer, uint32_t node)
{
	return members_fit(answer, node, node_shape);
}

static const char *service_fits(const struct json *answer, uint32_t service)
{
	uint32_t tags = json_get(answer, service, "Tags"), weights = json_get(answer, service, "Weights");
	const char *why = members_fit(answer, service, service_shape);

	if (!why && tags)
		why = consul_shape_tags(answer, tags);
	if (!why && weights)
		why = members_fit(answer, weights, weights_shape);
	return why;
}

const char *consul_shape_instance(const struct json *answer, uint32_t instance)
{
	uint32_t checks = json_get(answer, instance, "Checks");
	const char *why = members_fit(answer, instance, instance_shape);

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
