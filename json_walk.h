/* json_walk: a strict reader (RFC 8259) of a text that comes in parts of any size and is not kept. It yields what the
 * outermost array or object holds, piece by piece, each whole as soon as it is complete. What json_parse() reads, it
 * reads, but for the bound on their number: values take no memory here. */
#ifndef JSON_WALK_H
#define JSON_WALK_H

#include "base.h"
#include "json.h"
#include "text.h"

struct json_walk {
	/* The caller sets these five, borrowed. `take` gets a piece as it is written, until it returns: an element, and no
	 * name (at NULL); or a member, its name without quotes and still escaped. Returns NULL, or why it refuses the text. */
	const char *(*take)(void *arg, struct slice name, struct slice value);
	void *arg;
	void (*begin)(void *arg); /* a new text comes; NULL: nobody asks */
	/* A member of the outermost object begins at a quote: how many of the bytes before `end` are it, name and value, as the
	 * caller has once got them; then it is not read again, but counts. 0: it must be read. NULL: nobody knows any. */
	size_t (*known)(void *arg, const char *at, const char *end);
	const char *split; /* name of a member of the outermost object: when it is an array, its elements are yielded, each
	                    * with this name, instead of itself; NULL: none */
	enum json_type root; /* of the text; JSON_NULL until it is known */
	bool inside;         /* the piece is an element of `split` */
	bool done;           /* the text is complete, so far */
	uint32_t count;      /* pieces */
	const char *why;     /* why the text is refused; NULL: it is not */
	/* What follows is json_walk.c's. */
	uint8_t state;
	const char *word;  /* what must still come of true, false or null */
	uint32_t depth;    /* open arrays and objects, and for the innermost 64 a bit that says which is an object: */
	uint64_t kinds;
	uint64_t *outer;   /* the same of those around them */
	uint32_t outer_count;
	size_t outer_cap;
	bool name;         /* IN_STRING: of a member's name */
	bool piece;        /* one is open: */
	const char *from;  /* its bytes in this part */
	struct buf held;   /* those in parts before */
	size_t name_len, value_at; /* in the piece; a name stands behind one quote */
};

void json_walk_start(struct json_walk *walk); /* a new text; keeps some memory of the last */
void json_walk_add(struct json_walk *walk, const char *bytes, size_t len); /* once it is refused: does nothing */
const char *json_walk_end(struct json_walk *walk); /* the text is over: NULL, or why it is refused */
void json_walk_free(struct json_walk *walk);

/* Cuts the next string off *rest, what is left of an array that was yielded: without its quotes, still escaped. False
 * when the array ends there, and *rest is "]", or when something else comes next, and *rest begins with that. */
bool json_walk_string(struct slice *rest, struct slice *string);

#endif
