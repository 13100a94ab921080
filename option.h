/* option: the table of all keys. Flags, environment, files, --help, -t and the README's table follow from it. An option
 * is known by its place in the table. */
#ifndef OPTION_H
#define OPTION_H

#include "base.h"
#include "config.h"
#include "text.h"

const char *option_key(const char *name);             /* the key itself when `name` is an older name of it */
const char *option_flag(const char *name);            /* the same for a name on the command line: lb is proxy.balance */
int option_find(const char *key);                     /* -1: there is none */
size_t option_count(void);
const char *option_name(int option);
const char *option_default(int option);
const char *option_of_variable(struct slice name);    /* key of PEEK_LISTENER, without its prefix; NULL: none */
bool option_is_variable(const char *key, struct slice name); /* PEEK_LISTENER is peek.listener's, or a part of PEEK's */
bool option_secret(const char *key);
const char *option_nearest(const char *key);          /* the key that looks most like it */

const char *option_text(const struct config *c, int option); /* the value of one whose value is text */
bool option_is_list(int option);                      /* may be given as a list, too: a comma list then */

/* Set a value. Return NULL or what is wrong with it, in words that follow the value. */
const char *option_set(struct config *c, int option, const char *value, const char *origin);
const char *option_set_label(struct config *c, struct slice label, struct slice address, const char *origin);

bool option_same(const struct config *a, const struct config *b, const char *table); /* in all keys of the table */

void option_usage(void);                   /* --help, on stdout */
void option_print(const struct config *c); /* -t: what is in force, secrets masked, on stdout; not the services */

#endif
