#include "base.h"
#include "json_walk.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"

#define HELD_KEPT (64 * 1024) /* memory that one piece leaves to the next */

/* What the walk waits for next. */
enum walk_state {
	AT_VALUE, AT_FIRST_VALUE, /* the first may also be the end of its array */
	AT_NAME, AT_FIRST_NAME,
	AT_COLON, AT_NEXT,        /* behind a value */
	IN_STRING, IN_ESCAPE, IN_HEX1, IN_HEX2, IN_HEX3, IN_HEX4,
	IN_WORD,
	IN_NUMBER, IN_ZERO, IN_DIGITS, IN_POINT, IN_FRACTION, IN_E, IN_SIGN, IN_POWER,
};

static bool walk_in_object(const struct json_walk *walk)
{
	return walk->depth && (walk->kinds & 1);
}

static const char *walk_refuse(struct json_walk *walk, const char *why)
{
	walk->why = why;
	return NULL;
}

/* The depth at which pieces lie. */
static uint32_t walk_level(const struct json_walk *walk)
{
	return walk->inside ? 2 : 1;
}

/* Pieces. */

static void piece_begin(struct json_walk *walk, const char *at)
{
	walk->piece = true;
	walk->from = at;
	walk->name_len = walk->value_at = 0;
}

static void piece_drop(struct json_walk *walk)
{
	walk->piece = false;
	walk->held.len = 0;
	if (walk->held.cap > HELD_KEPT)
		buf_free(&walk->held);
}

/* A value begins. That of a member lies in a piece that has begun with its name. */
static void piece_value(struct json_walk *walk, const char *at)
{
	if (!walk_in_object(walk))
		piece_begin(walk, at);
	else
		walk->value_at = walk->held.len + (size_t)(at - walk->from);
}

static struct slice piece_bytes(struct json_walk *walk, const char *end)
{
	struct slice bytes = slice_between(walk->from, end);

	if (!walk->held.len)
		return bytes;
	buf_add(&walk->held, bytes.at, bytes.len);
	walk->from = end;
	return (struct slice){ walk->held.data, walk->held.len };
}

static void piece_yield(struct json_walk *walk, const char *end)
{
	struct slice all = piece_bytes(walk, end), name = { NULL, 0 };

	if (walk->value_at)
		name = slice_first(slice_skip(all, 1), walk->name_len);
	if (walk->inside)
		name = slice_of(walk->split);
	walk->count++;
	walk->why = walk->take(walk->arg, name, slice_skip(all, walk->value_at));
	piece_drop(walk);
}

/* An array begins: perhaps the one whose elements are wanted. */
static void piece_split(struct json_walk *walk, const char *at)
{
	if (walk->depth != 1 || !walk->split || !walk_in_object(walk) ||
	    !slice_is(slice_first(slice_skip(piece_bytes(walk, at), 1), walk->name_len), walk->split))
		return;
	piece_drop(walk);
	walk->inside = true;
}

/* Nesting. */

static void walk_push(struct json_walk *walk, bool object)
{
	if (walk->depth && walk->depth % 64 == 0) {
		SYS_GROW(walk->outer, walk->outer_count, walk->outer_cap);
		walk->outer[walk->outer_count++] = walk->kinds;
	}
	walk->kinds = walk->kinds << 1 | object;
	walk->depth++;
}

static void walk_pop(struct json_walk *walk)
{
	walk->kinds >>= 1;
	if (--walk->depth && walk->depth % 64 == 0)
		walk->kinds = walk->outer[--walk->outer_count];
}

/* A value is complete; `end` is behind it. */
static void value_end(struct json_walk *walk, const char *end)
{
	walk->state = AT_NEXT;
	walk->done = !walk->depth;
	if (walk->depth == walk_level(walk))
		piece_yield(walk, end);
	else if (walk->depth == 1)
		walk->inside = false; /* it was the array of `split` */
}

/* Each of these reads what it can at `at`, and returns where it stopped, or NULL when the text is refused. */

static const char *value_open(struct json_walk *walk, const char *at)
{
	bool object = *at == '{';

	if (!walk->depth)
		walk->root = object ? JSON_OBJECT : JSON_ARRAY;
	if (!object)
		piece_split(walk, at);
	walk_push(walk, object);
	walk->state = object ? AT_FIRST_NAME : AT_FIRST_VALUE;
	return at + 1;
}

static const char *value_begin(struct json_walk *walk, const char *at)
{
	static const char *const words[] = { "true", "false", "null" };

	if (walk->depth == walk_level(walk))
		piece_value(walk, at);
	switch (*at) {
	case '{':
	case '[':
		return value_open(walk, at);
	case '"':
		walk->state = IN_STRING;
		return at + 1;
	case 't':
	case 'f':
	case 'n':
		walk->word = words[*at == 't' ? 0 : *at == 'f' ? 1 : 2] + 1;
		walk->state = IN_WORD;
		return at + 1;
	default:
		if (*at != '-' && (*at < '0' || *at > '9'))
			return walk_refuse(walk, "value expected");
		walk->state = IN_NUMBER;
		return *at == '-' ? at + 1 : at;
	}
}

/* The end of an array or object. */
static const char *value_close(struct json_walk *walk, const char *at)
{
	walk_pop(walk);
	value_end(walk, at + 1);
	return at + 1;
}

static const char *name_begin(struct json_walk *walk, const char *at, const char *end)
{
	size_t known;

	if (*at != '"')
		return walk_refuse(walk, "member name expected");
	known = walk->depth == 1 && walk->known ? walk->known(walk->arg, at, end) : 0;
	if (known) {
		walk->count++;
		walk->state = AT_NEXT;
		return at + known;
	}
	if (walk->depth == 1)
		piece_begin(walk, at);
	walk->state = IN_STRING;
	walk->name = true;
	return at + 1;
}

/* Behind a value: the end of what it is in, or another one. */
static const char *between(struct json_walk *walk, const char *at)
{
	bool object = walk_in_object(walk);

	if (!walk->depth)
		return walk_refuse(walk, "text behind the end");
	if (*at == (object ? '}' : ']'))
		return value_close(walk, at);
	if (*at != ',')
		return walk_refuse(walk, object ? "',' or '}' expected" : "',' or ']' expected");
	walk->state = object ? AT_NAME : AT_VALUE;
	return at + 1;
}

/* What may stand behind blanks. */
static const char *walk_token(struct json_walk *walk, const char *at, const char *end)
{
	switch (walk->state) {
	case AT_FIRST_VALUE:
		return *at == ']' ? value_close(walk, at) : value_begin(walk, at);
	case AT_VALUE:
		return value_begin(walk, at);
	case AT_FIRST_NAME:
		return *at == '}' ? value_close(walk, at) : name_begin(walk, at, end);
	case AT_NAME:
		return name_begin(walk, at, end);
	case AT_COLON:
		if (*at != ':')
			return walk_refuse(walk, "':' expected");
		walk->state = AT_VALUE;
		return at + 1;
	default:
		return between(walk, at);
	}
}

static const char *string_end(struct json_walk *walk, const char *at)
{
	if (!walk->name) {
		value_end(walk, at + 1);
		return at + 1;
	}
	walk->name = false;
	walk->state = AT_COLON;
	if (walk->depth == 1)
		walk->name_len = walk->held.len + (size_t)(at - walk->from) - 1;
	return at + 1;
}

static const char *walk_string(struct json_walk *walk, const char *at, const char *end)
{
	at = json_skip_plain(at, end);
	if (at == end)
		return at;
	if (*at == '"')
		return string_end(walk, at);
	if (*at != '\\')
		return walk_refuse(walk, "control character in a string");
	walk->state = IN_ESCAPE;
	return at + 1;
}

static const char *walk_escape(struct json_walk *walk, const char *at)
{
	if (walk->state != IN_ESCAPE) {
		if (text_hex((unsigned char)*at) < 0)
			return walk_refuse(walk, "\\u wants four hexadecimal digits");
		walk->state = walk->state == IN_HEX4 ? IN_STRING : walk->state + 1;
		return at + 1;
	}
	if (!*at || !strchr("\"\\/bfnrtu", *at))
		return walk_refuse(walk, "unknown escape in a string");
	walk->state = *at == 'u' ? IN_HEX1 : IN_STRING;
	return at + 1;
}

static const char *walk_word(struct json_walk *walk, const char *at)
{
	if (*at != *walk->word)
		return walk_refuse(walk, "value expected");
	if (!*++walk->word)
		value_end(walk, at + 1);
	return at + 1;
}

/* The state behind one byte of a number; AT_NEXT: the number has ended before it. -1: it is none. */
static int number_next(int state, char byte)
{
	bool digit = byte >= '0' && byte <= '9';

	switch (state) {
	case IN_NUMBER:
		return byte == '0' ? IN_ZERO : digit ? IN_DIGITS : -1;
	case IN_POINT:
		return digit ? IN_FRACTION : -1;
	case IN_E:
		return digit ? IN_POWER : byte == '+' || byte == '-' ? IN_SIGN : -1;
	case IN_SIGN:
		return digit ? IN_POWER : -1;
	default:
		if (digit && state != IN_ZERO)
			return state;
		if (byte == '.' && state <= IN_DIGITS)
			return IN_POINT;
		return (byte == 'e' || byte == 'E') && state != IN_POWER ? IN_E : AT_NEXT;
	}
}

static const char *walk_number(struct json_walk *walk, const char *at, const char *end)
{
	int state = walk->state, next = state;

	for (; at < end && (next = number_next(state, *at)) > AT_NEXT; at++)
		state = next;
	walk->state = (uint8_t)state;
	if (next < 0)
		return walk_refuse(walk, state == IN_NUMBER ? "value expected" : "digit expected");
	if (next == AT_NEXT)
		value_end(walk, at);
	return at;
}

static const char *walk_step(struct json_walk *walk, const char *at, const char *end)
{
	if (walk->state <= AT_NEXT) {
		at = json_skip_blanks(at, end);
		return at < end ? walk_token(walk, at, end) : at;
	}
	if (walk->state == IN_STRING)
		return walk_string(walk, at, end);
	if (walk->state >= IN_NUMBER)
		return walk_number(walk, at, end);
	return walk->state == IN_WORD ? walk_word(walk, at) : walk_escape(walk, at);
}

void json_walk_start(struct json_walk *walk)
{
	piece_drop(walk);
	walk->root = JSON_NULL;
	walk->state = AT_VALUE;
	walk->inside = walk->done = walk->name = false;
	walk->count = walk->depth = walk->outer_count = 0;
	walk->why = NULL;
	if (walk->begin)
		walk->begin(walk->arg);
}

void json_walk_add(struct json_walk *walk, const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;

	walk->from = bytes;
	while (!walk->why && at < end)
		at = walk_step(walk, at, end);
	if (walk->piece && !walk->why)
		buf_add(&walk->held, walk->from, (size_t)(end - walk->from));
}

const char *json_walk_end(struct json_walk *walk)
{
	if (!walk->depth)
		json_walk_add(walk, " ", 1); /* ends a number that is the whole text */
	if (!walk->why && !walk->done)
		walk->why = "the text ends too early";
	return walk->why;
}

void json_walk_free(struct json_walk *walk)
{
	buf_free(&walk->held);
	free(walk->outer);
	walk->outer = NULL;
	walk->outer_count = walk->outer_cap = 0;
}

bool json_walk_string(struct slice *rest, struct slice *string)
{
	const char *at = json_skip_blanks(rest->at, rest->at + rest->len), *end = rest->at + rest->len, *to;

	if (at < end && (*at == '[' || *at == ','))
		at = json_skip_blanks(at + 1, end);
	*rest = slice_between(at, end);
	if (at == end || *at != '"')
		return false;
	for (to = json_skip_plain(++at, end); *to != '"';)
		to = json_skip_plain(to + 2, end); /* over an escape */
	*string = slice_between(at, to);
	*rest = slice_between(to + 1, end);
	return true;
}
