/* option: one row an option: its key, the kind of its value, its default and its help. Flags, environment, files,
 * --help and -t follow from the rows, and the README's table is checked against them. Those of the program are in
 * config.c, those of a source in its file. */
#ifndef OPTION_H
#define OPTION_H

#include "base.h"
#include "bind.h"
#include "net.h"
#include "sys.h"
#include "text.h"

/* The C type of a value is behind its name. Texts are never NULL. */
enum option_type {
	OPTION_TEXT,     /* const char *; of `words`, if there are any */
	OPTION_SECRET,   /* const char *, never shown */
	OPTION_FILE,     /* const char *, a file with the value of `instead`, or ""; checked once it is known to count */
	OPTION_ADDRESS,  /* const char *, host:port to listen on, or "" */
	OPTION_ADDRESSES, /* const char *, a comma list of them; may be given as a list, too */
	OPTION_NETWORKS, /* const char *, a comma list; may be given as a list, too */
	OPTION_NAMES,    /* the same, of names of hosts */
	OPTION_NUMBER,   /* long */
	OPTION_PORT,     /* long */
	OPTION_WORD,     /* long, a place in `words` */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_SWITCH,   /* bool */
	OPTION_LABELS,   /* struct option_labels */
	OPTION_BIND,     /* struct bind_table */
};

/* What `other` of an option is. */
enum option_name {
	OPTION_NO_NAME,
	OPTION_KEY,     /* the same key under another name */
	OPTION_FLAG,    /* its name on the command lines of earlier programs */
	OPTION_VARIABLE, /* a variable of other programs, which counts when nothing sets the key; of a comma list the first */
	OPTION_VARIABLE_NOT, /* the same, and it says the opposite of a switch */
	OPTION_FOLLOWS /* the key whose value counts while this one has none */
};

struct option {
	const char *key;
	uint8_t type;     /* enum option_type */
	uint8_t other_is; /* enum option_name; of `other` */
	bool of_tls;      /* to give the key is an error where no TLS is built in */
	uint16_t at;      /* of the value, in the struct that has it: a row names it, and goes on with what follows */
	const char *standard; /* the default, as it would be written */
	const char *help;
	int32_t min, max;
	const char *const *words; /* ends in NULL */
	const char *(*check)(const char *value); /* of a text or names: NULL or the reason, as option_set; may be NULL */
	const char *other;
	const char *instead; /* of a file: the key whose value is in it */
};

/* listeners.allowed: addresses by label. */
struct option_label {
	const char *name, *origin;
	struct net_addr addr;
};
struct option_labels {
	struct option_label *items;
	size_t count, cap;
};

bool option_is(const struct option *row, enum option_name kind, const char *name); /* its other name is this one */
bool option_variable(const struct option *row); /* its other name is a variable of other programs */
bool option_is_list(const struct option *row); /* it may be given as a list */
/* Sets a value; texts are copied to the arena. NULL or the reason, in words that follow the value. */
const char *option_set(const struct option *row, void *values, const char *value, const char *origin,
                       struct arena *memory);
const char *option_add_label(struct option_labels *labels, struct slice name, struct slice address, const char *origin,
                             struct arena *memory); /* or gives the label of that name another address */
const struct option_label *option_find_label(const struct option_labels *labels, struct slice name); /* NULL: not there */
void option_put(const struct option *row, const void *values, struct buf *out); /* the value as it would be written */
void option_put_variable(const char *key, struct buf *out); /* PEEK_LISTENER, without a prefix, for peek.listener */

#endif
