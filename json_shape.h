/* json_shape: what must hold of the members of an answer that are read. One that breaks it tells nothing, and least of all that
 * something is gone. */
#ifndef JSON_SHAPE_H
#define JSON_SHAPE_H

#include "base.h"
#include "json.h"
#include "text.h"

/* A letter for the type (s: text, n: whole number, l: list, o: object), the name, and what is said when it is something
 * else. It may be missing, and a list or object may be null, as Go writes an empty one; but not when the letter is a
 * capital. */
struct json_shape {
	const char *text;
	const struct json_shape *inside; /* a list's elements; or an object's members, up to one without text */
};

/* Returns NULL, or the reason, with the member's name. */
const char *json_shape(const struct json *answer, uint32_t token, const struct json_shape *shape);
const char *json_shape_count(size_t count); /* of the elements of a list */
/* Reads one element as it was yielded into *answer. */
const char *json_shape_read(struct json *answer, struct slice element, const struct json_shape *shape);

#endif
