/* reader: a document being read, and what the readers of all formats share. For format.c, and what it calls. */
#ifndef READER_H
#define READER_H

#include "base.h"

#include <string.h>

#include "format.h"
#include "text.h"

#define READER_DEPTH_MAX 64
#define READER_KEY_MAX 256 /* bytes of a joined key: it is repeated for every element below it */

enum reader_kind {
	READER_VALUE,    /* a scalar */
	READER_NULL,     /* given, but without an item */
	READER_CLOSED,   /* an array or table, written in one piece */
	READER_TABLE,    /* a table with a header or block of its own */
	READER_IMPLICIT, /* a table that so far is only part of a longer header */
	READER_DOTTED,   /* a table that came from a dotted key */
	READER_LIST,     /* an array of tables, one header or block for each */
};

/* What is known of one joined key. A pointer to it is good until the next node is added. */
struct reader_node {
	const char *key; /* NULL: a free slot */
	uint32_t hash;
	uint32_t item;  /* of a container: the item that stands for it while it is empty */
	uint32_t count; /* elements of a READER_LIST */
	int line;
	enum reader_kind kind;
};

/* A document being read. Text is clean UTF-8 with no control byte but tab and line end, CR only right before LF. */
struct reader {
	struct format_doc *doc;
	const char *start, *at, *end; /* the text, and what is still to be read */
	int line;        /* of `at`, from 1: where items and errors are */
	int depth;       /* of nested values; see reader_deeper() */
	struct buf key;  /* the joined key of the place in the tree */
	struct buf text; /* scratch: the latest string */
	struct reader_node *nodes; /* a hash table, its size a power of two */
	size_t node_count, node_cap;
	const char *parent; /* key of the container that was the latest to get a member */
	size_t parent_len;
	uint32_t seed;
};

/* How a format writes double-quoted strings. */
struct quoting {
	const char *pairs; /* a letter behind the backslash, and the byte it stands for, and so on */
	const char *hex;   /* letters that take 2 (x), 4 (u) or 8 (U) digits of a code point */
	const char *(*refuse)(const char *at, const char *end); /* why an unescaped byte is refused, or NULL */
};

/* All that return bool: false when the error is set, so that `return reader_fail(...)` works. */
bool reader_fail(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool reader_duplicate(struct reader *r, const struct reader_node *first);
bool reader_deeper(struct reader *r); /* counts one level; the caller takes it back with r->depth-- */

/* Moves down in the tree. The way back: remember r->key.len, and set it. */
bool reader_enter(struct reader *r, const char *name, size_t len);
bool reader_enter_index(struct reader *r, size_t index);

struct reader_node *reader_find(const struct reader *r); /* what is known of the key; NULL: nothing */
/* What is found at the key. Each fails when the key has been given before. */
bool reader_value(struct reader *r, const char *value, size_t len);
bool reader_text(struct reader *r); /* as reader_value, with r->text */
bool reader_null(struct reader *r);
bool reader_open(struct reader *r, enum reader_kind kind); /* an array or table, with or without members */
bool reader_part(struct reader *r, enum reader_kind kind); /* a table that surely gets a member */
bool reader_section(struct reader *r); /* a READER_TABLE, that may be there already */
bool reader_element(struct reader *r); /* one more table of the READER_LIST at the key; enters it */

/* The next byte, -1 at the end. */
static inline int reader_peek(const struct reader *r)
{
	return r->at < r->end ? (unsigned char)*r->at : -1;
}

/* Is this word next? */
static inline bool reader_at(const struct reader *r, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(r->end - r->at) >= len && memcmp(r->at, word, len) == 0;
}

void reader_blanks(struct reader *r); /* skips blanks, tabs and the CR of a line end */
void reader_rest(struct reader *r);   /* skips to the end of the line */
/* Reads a string that starts and ends on this line into r->text; the cursor is on its quote. */
bool reader_quoted(struct reader *r, const struct quoting *how);
bool reader_literal(struct reader *r);
int64_t reader_hex(const char *p, const char *end, size_t digits); /* -1: not that many hexadecimal digits */
/* Reads [value, value]; the cursor is on the '['. Each format has its own values, and blanks between them. */
bool reader_array(struct reader *r, bool (*skip)(struct reader *), bool (*value)(struct reader *));

/* The formats that have files of their own: toml.c and yaml.c. */
bool toml_read(struct reader *r);
bool hcl_read(struct reader *r);
bool yaml_read(struct reader *r);

#endif
