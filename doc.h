/* doc: what a configuration file comes to, a flat list of keys and values; and what the formats read it with. */
#ifndef DOC_H
#define DOC_H

#include "base.h"

#include <string.h>

#include "sys.h"
#include "text.h"

/* Tables are joined by dots, elements of arrays have an index: "services[0].backends[1]". Of an env file the key is
 * the variable's name. The value is text: a string without its quotes and escapes, true or false, a number. An empty
 * table or array is one item with the value ""; null (JSON, YAML, HCL) is no item, but one of `nulls`. */
enum doc_shape { DOC_SCALAR, DOC_EMPTY_TABLE, DOC_EMPTY_LIST };
struct doc_item {
	char *key, *value; /* live as long as the document */
	int line;
	uint8_t shape; /* enum doc_shape */
};

struct doc {
	struct doc_item *items; /* in the order of the text; no key is given twice */
	size_t count, cap;
	struct doc_item *nulls; /* what was named, and not given; no elements of lists */
	size_t null_count, null_cap;
	struct arena memory;
	int error_line;
	char error[160]; /* the error, or what was expected, on error_line; names neither file nor line */
};

void doc_free(struct doc *doc); /* whether it was read or not */

/* All below is for the formats: each reads a text, and builds the document on its way. */

#define DOC_DEPTH_MAX 64
#define DOC_ITEMS_MAX 1000000
#define DOC_KEY_MAX 256 /* bytes of a joined key: it is repeated for every element below it */

enum doc_kind {
	DOC_VALUE,    /* a scalar */
	DOC_NULL,     /* given, but without an item */
	DOC_CLOSED,   /* an array or table, written in one piece */
	DOC_TABLE,    /* a table with a header or block of its own */
	DOC_IMPLICIT, /* a table that so far is only part of a longer header */
	DOC_DOTTED,   /* a table that came from a dotted key */
	DOC_LIST,     /* an array of tables, one header or block for each */
};

/* What is known of one joined key. A pointer to it is good until the next node is added. Values in an array have none: an
 * index cannot come twice. And what is in an array's element is forgotten behind it, or a large text would take many times
 * its size. */
struct doc_node {
	uint32_t key; /* where it begins in reader->keys */
	uint32_t hash;
	uint32_t count; /* elements of a DOC_LIST */
	int line;
	uint8_t kind; /* enum doc_kind */
	bool empty;   /* a table without members so far */
};

/* An array or table that is written in one piece, while it is read. */
struct doc_closed {
	size_t items, nodes; /* that there were before it */
	int line;
	bool element; /* of an array */
	bool list;    /* an array: it begins with a bracket, or (YAML) a dash */
};

/* A document being read. Text is clean UTF-8 with no control byte except tab and line end, CR only right before LF. */
struct doc_reader {
	struct doc *doc;              /* borrowed */
	const char *start, *at, *end; /* the text, borrowed, and the rest of it */
	int line;        /* of `at`, from 1: where items and errors are */
	int depth;       /* of nested values; see doc_deeper() */
	size_t indent;   /* YAML: the least column of a line within [] and {} */
	struct buf key;  /* the joined key of the place in the tree */
	struct buf text; /* scratch: the latest string */
	struct doc_node *nodes; /* in the order in which they came */
	size_t node_count, node_cap;
	struct buf keys;        /* theirs, each with a NUL behind it */
	uint32_t *slots;        /* a hash table of their numbers, from 1; its size is a power of two */
	size_t slot_cap;
	size_t parent;     /* number of the table that was the latest to get a member; 0: none */
	size_t parent_len; /* of its key */
	size_t empty;  /* tables without members so far */
	size_t closed; /* arrays and tables, written in one piece, around `at` */
	bool brackets; /* a name looks like an element of an array */
	bool indexed;  /* the key ends in an index that doc_enter_index() has added */
	size_t items;  /* that were taken */
	bool (*take)(void *arg, const struct doc_item *item);
	void *arg;
};

/* Starts at the beginning of the text, with an empty document in the memory at `doc`. Items go to take() as they come,
 * empty tables last, and last for the call; false ends the reading, without an error. NULL: the document keeps them. */
void doc_begin(struct doc_reader *reader, struct doc *doc, const char *text, size_t len,
               bool (*take)(void *arg, const struct doc_item *item), void *arg);
/* Completes the document, which when not ok has no items. Returns whether all is well. */
bool doc_end(struct doc_reader *reader, bool ok);

/* All that return bool: false when the error is set, so that `return doc_fail(...)` works. */
bool doc_fail(struct doc_reader *reader, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool doc_duplicate(struct doc_reader *reader, const struct doc_node *first);
bool doc_deeper(struct doc_reader *reader); /* counts one level; the caller takes it back with reader->depth-- */

/* Moves down in the tree. The way back: remember reader->key.len, and set it. */
bool doc_enter(struct doc_reader *reader, struct slice name);
bool doc_enter_text(struct doc_reader *reader); /* as doc_enter, with reader->text */
bool doc_enter_index(struct doc_reader *reader, size_t index);

struct doc_node *doc_find(const struct doc_reader *reader); /* the node of the key; NULL: it is new */
/* What is found at the key. Each fails when the key has been given before. */
bool doc_value(struct doc_reader *reader, struct slice value);
bool doc_text(struct doc_reader *reader); /* as doc_value, with reader->text */
bool doc_null(struct doc_reader *reader);
bool doc_open(struct doc_reader *reader, enum doc_kind kind); /* a table, with or without members */
/* An array or table that is written in one piece: before it, and with the same key behind it. */
bool doc_open_closed(struct doc_reader *reader, struct doc_closed *closed);
bool doc_close(struct doc_reader *reader, const struct doc_closed *closed);
bool doc_part(struct doc_reader *reader, enum doc_kind kind); /* a table that surely gets a member */
bool doc_section(struct doc_reader *reader); /* a DOC_TABLE, that may be there already */
bool doc_element(struct doc_reader *reader); /* one more table of the DOC_LIST at the key; enters it */

/* The text, byte by byte. */

/* The next byte, -1 at the end. */
static inline int doc_peek(const struct doc_reader *reader)
{
	return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

/* Is this word next? */
static inline bool doc_at(const struct doc_reader *reader, const char *word)
{
	return slice_starts(slice_between(reader->at, reader->end), word);
}

/* At a line feed, or the end of the text? */
static inline bool doc_at_line_end(const struct doc_reader *reader)
{
	return doc_peek(reader) < 0 || doc_peek(reader) == '\n';
}

/* Steps over this byte, if it is next. */
static inline bool doc_take(struct doc_reader *reader, int byte)
{
	bool next = doc_peek(reader) == byte;

	reader->at += next;
	return next;
}

static inline bool doc_is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static inline bool doc_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

void doc_set_text(struct doc_reader *reader, struct slice text);
void doc_skip_blanks(struct doc_reader *reader); /* blanks, tabs and the CR of a line end */
void doc_skip_line(struct doc_reader *reader);   /* up to the end of the line */

/* How a format writes double-quoted strings. */
struct doc_quoting {
	const char *pairs; /* a letter behind the backslash, and the byte it stands for, and so on */
	const char *hex;   /* letters that take 2 (x), 4 (u) or 8 (U) digits of a code point */
	const char *(*refuse)(const char *at, const char *end); /* why an unescaped byte is refused, or NULL */
};

/* A string that starts and ends on this line, into reader->text; the cursor is on its quote. */
bool doc_quoted(struct doc_reader *reader, const struct doc_quoting *quoting);
bool doc_literal(struct doc_reader *reader);
int64_t doc_hex(const char *at, const char *end, size_t digits); /* -1: not that many hexadecimal digits */
/* The letters, digits, '_', '-' and bytes of `more` that come next, into reader->text. */
void doc_word(struct doc_reader *reader, const char *more);
bool doc_word_is(const struct doc_reader *reader, const char *word); /* is that what reader->text has? */
/* A decimal number? No plus, no zero in front of other digits, digits on both sides of the point. */
bool doc_is_decimal(const char *text);
/* Reads [value, value]; the cursor is on the '['. Each format has its own values, and blanks between them. */
bool doc_array(struct doc_reader *reader, bool (*skip)(struct doc_reader *), bool (*value)(struct doc_reader *));

#endif
