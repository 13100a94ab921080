/* format: configuration files of seven formats, each with a file and a row of its own, all read into one flat list. */
#ifndef FORMAT_H
#define FORMAT_H

#include "base.h"
#include "doc.h"
#include "text.h"

struct format {
	const char *name;
	const char *endings; /* of file names, with a blank between them: ".yaml .yml" */
	bool variables;      /* keys are names of environment variables */
	bool lists;          /* has lists; services are written as a list or a table */
	bool (*read)(struct doc_reader *reader); /* the whole text, checked; builds the document. False: the error is set */
};

extern const struct format format_toml, format_ini, format_yaml, format_json, format_hcl, format_env, format_properties;

const struct format *format_of(const char *path);       /* by the file's name, in any case; NULL: unknown */
extern const char format_unknown[];                     /* what to say of a file's name that tells none */
/* Reads a whole file, of at most 64 MiB. 0, or an errno. */
int format_load(const char *path, struct buf *text);
int format_load_fd(int fd, struct buf *text); /* the same; closes it. It should be O_NONBLOCK */
/* Reads the whole text (may be NULL when empty) into doc, whatever was in that memory before. False: error and
 * error_line are set, and there are no items; so it is when format is NULL. Nothing outside a format's supported part
 * is skipped or guessed. */
bool format_read(struct doc *doc, const struct format *format, const char *text, size_t len);
/* The same, but the document keeps no items: take() gets each as it is read, for as long as the call, and may have had
 * some when an error comes. It returns whether to go on; when not, there is no error. */
bool format_each(struct doc *doc, const struct format *format, const char *text, size_t len,
                 bool (*take)(void *arg, const struct doc_item *item), void *arg);

#endif
