#include "base.h"
#include "json_shape.h"

#include <string.h>

#define ELEMENTS_MAX 1000000 /* of one list: an instance takes half a kilobyte */
#define TOKENS_KEPT 65536    /* memory that one element leaves to the next */

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
static uint32_t shape_member(const struct json *answer, uint32_t object, const struct json_shape *shape)
{
	size_t len = strcspn(shape->text + 1, " ");
	char key[16];

	memcpy(key, shape->text + 1, len);
	key[len] = '\0';
	return json_get(answer, object, key);
}

const char *json_shape_count(size_t count)
{
	return count > ELEMENTS_MAX ? "it has a list of more than 1000000 elements" : NULL;
}

/* It calls itself as deeply as the shapes above are nested. */
const char *json_shape(const struct json *answer, uint32_t token, const struct json_shape *shape)
{
	const char *why = type_fits(answer, token, *shape->text) ? NULL : shape->text + 1;

	if (!why && answer->tokens[token].type == JSON_ARRAY)
		why = json_shape_count(answer->tokens[token].count);
	if (!why && shape->inside && answer->tokens[token].type == JSON_ARRAY)
		for (JSON_EACH(answer, token, element))
			why = why ? why : json_shape(answer, element, shape->inside);
	if (answer->tokens[token].type != JSON_OBJECT)
		return why;
	for (const struct json_shape *inside = shape->inside; !why && inside->text; inside++) {
		uint32_t member = shape_member(answer, token, inside);

		if (member)
			why = json_shape(answer, member, inside);
		else if (*inside->text < 'a')
			why = inside->text + 1;
	}
	return why;
}

const char *json_shape_read(struct json *answer, struct slice element, const struct json_shape *shape)
{
	const char *why;

	if (answer->cap > TOKENS_KEPT)
		json_free(answer);
	why = json_parse(answer, element.at, element.len);
	return why ? why : json_shape(answer, 0, shape);
}
