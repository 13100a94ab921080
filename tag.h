/* tag: what the tags of a catalog's services say to dill: a word alone marks a service, WORD.listener=VALUE and
 * WORD.OPTION=VALUE ask for something. */
#ifndef TAG_H
#define TAG_H

#include "base.h"
#include "service.h"
#include "text.h"

bool tag_is_mark(struct slice tag, const char *word); /* the word itself, or dyntcp while that is `dill` */

/* TAG_OPTION + enum service_option for an option. *value: all behind the first '=', set for a listener and an option. */
enum tag_kind { TAG_FOREIGN, TAG_MARK, TAG_UNKNOWN, TAG_LISTENER, TAG_OPTION };
enum tag_kind tag_read(struct slice tag, const char *word, struct slice *value);

/* Gives the service what its tags ask for. They are sorted: a catalog gives them in any order. */
void tag_apply(struct service *service, const char **tags, size_t count, const char *word);

#endif
