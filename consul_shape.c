#include "base.h"
#include "consul_shape.h"

#include <string.h>

#define ELEMENTS_MAX 1000000 /* of one list: an instance takes half a kilobyte */
#define TOKENS_KEPT 65536    /* memory that one element leaves to the next */

/* A letter for the type (s: text, n: whole number, l: list, o: object), the name, and what is said when it is something
 * else. It may be missing, and a list or object may be null, as Go writes an empty one; but not when the letter is a
 * capital. */
struct consul_shape {
	const char *text;
	const struct consul_shape *inside; /* a list's elements; or an object's members, up to one without text */
};

static const struct consul_shape tag = { "Sa tag is no text", NULL };

static const struct consul_shape node_members[] = { { "sNode is no text", NULL }, { "sAddress is no text", NULL }, { 0 } };
const struct consul_shape consul_shape_node = { "Oa node is no object", node_members };

static const struct consul_shape check_members[] = {
	{ "SStatus is no text", NULL }, { "sCheckID is no text", NULL }, { "sNode is no text", NULL },
	{ "sServiceID is no text", NULL }, { "sServiceName is no text", NULL }, { "nModifyIndex is no whole number", NULL },
	{ 0 }
};
const struct consul_shape consul_shape_check = { "Oa check is no object", check_members };

static const struct consul_shape weights_members[] = { { "nPassing is no whole number", NULL }, { 0 } };
static const struct consul_shape service_members[] = {
	{ "sID is no text", NULL }, { "sService is no text", NULL }, { "sKind is no text", NULL },
	{ "sAddress is no text", NULL }, { "NPort is no whole number", NULL }, { "lTags is no list", &tag },
	{ "oWeights is no object", weights_members }, { 0 }
};
static const struct consul_shape instance_members[] = {
	{ "ONode is no object", node_members }, { "OService is no object", service_members },
	{ "lChecks is no list", &consul_shape_check }, { 0 }
};
const struct consul_shape consul_shape_instance = { "Oan instance is no object", instance_members };

static bool is_whole(const struct json *answer, const struct json_token *number)
{
	for (uint32_t i = 0; i < number->len; i++)
		if (strchr(".eE", answer->text[number->at + i]))
			return false;
	return true;
}

static bool type_fits(const struct json *answer, uint32_t token, char letter)
{
	static const char letters[] = { [JSON_NUMBER] = 'n', [JSON_STRING] = 's', [JSON_ARRAY] = 'l', [JSON_OBJECT] = 'o' };
	const struct json_token *value = &answer->tokens[token];

	if (value->type == JSON_NULL)
		return letter == 'l' || letter == 'o';
	return letters[value->type] == (letter | 0x20) && (value->type != JSON_NUMBER || is_whole(answer, value));
}

/* The member of this shape; 0: there is none. */
static uint32_t shape_member(const struct json *answer, uint32_t object, const struct consul_shape *shape)
{
	size_t len = strcspn(shape->text + 1, " ");
	char key[16];

	memcpy(key, shape->text + 1, len);
	key[len] = '\0';
	return json_get(answer, object, key);
}

const char *consul_shape_count(size_t count)
{
	return count > ELEMENTS_MAX ? "it has a list of more than 1000000 elements" : NULL;
}

/* It calls itself as deeply as the shapes above are nested. */
const char *consul_shape(const struct json *answer, uint32_t token, const struct consul_shape *shape)
{
	const char *why = type_fits(answer, token, *shape->text) ? NULL : shape->text + 1;

	if (!why && answer->tokens[token].type == JSON_ARRAY)
		why = consul_shape_count(answer->tokens[token].count);
	if (!why && shape->inside && answer->tokens[token].type == JSON_ARRAY)
		for (JSON_EACH(answer, token, element))
			why = why ? why : consul_shape(answer, element, shape->inside);
	if (answer->tokens[token].type != JSON_OBJECT)
		return why;
	for (const struct consul_shape *inside = shape->inside; !why && inside->text; inside++) {
		uint32_t member = shape_member(answer, token, inside);

		if (member)
			why = consul_shape(answer, member, inside);
		else if (*inside->text < 'a')
			why = inside->text + 1;
	}
	return why;
}

const char *consul_shape_read(struct json *answer, struct slice element, const struct consul_shape *shape)
{
	const char *why;

	if (answer->cap > TOKENS_KEPT)
		json_free(answer);
	why = json_parse(answer, element.at, element.len);
	return why ? why : consul_shape(answer, 0, shape);
}
