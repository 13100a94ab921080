/* format: configuration files of seven formats, all read into one flat list of keys. */
#ifndef FORMAT_H
#define FORMAT_H

#include "base.h"
#include "sys.h"
#include "text.h"

enum format {
	FORMAT_NONE, FORMAT_TOML, FORMAT_INI, FORMAT_YAML, FORMAT_JSON, FORMAT_HCL, FORMAT_ENV, FORMAT_PROPERTIES
};

/* Tables are joined by dots, elements of arrays have an index: "services[0].backends[1]". Of an env file the key is
 * the variable's name. The value is text: a string without its quotes and escapes, true or false, a number. An empty
 * table or array is one item with the value ""; null (JSON, YAML, HCL) is no item. */
struct format_item {
	char *key, *value; /* live as long as the document */
	int line;
	bool container; /* an empty table or array */
};

struct format_doc {
	struct format_item *items; /* in the order of the text */
	size_t count, cap;
	struct arena memory;
	int error_line;
	char error[160]; /* what is wrong, or was expected, on error_line; names neither file nor line */
};

enum format format_of(const char *path); /* by the file's name */
extern const char format_unknown[];      /* what to say of a name that tells none */
/* Reads a whole file, of at most 64 MiB. 0, or an errno. */
int format_load(const char *path, struct buf *text);
/* Reads the whole text (may be NULL when empty) into doc, whatever was in that memory before. False: error and
 * error_line are set, and there are no items. No key is given twice; nothing outside a format's supported part is
 * skipped or guessed. */
bool format_read(struct format_doc *doc, enum format format, const char *text, size_t len);
void format_free(struct format_doc *doc); /* after either outcome */

#endif
