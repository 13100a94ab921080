/* tag: the tags of services in a catalog: WORD alone marks a service for dill, WORD.listener=LABEL:PORT is a wish, and
 * WORD.OPTION=VALUE sets an option. All that begins with WORD. is dill's: what it does not know there refuses the
 * instance, since it may be the one tag that was to keep clients out. */
#ifndef TAG_H
#define TAG_H

#include "base.h"
#include "service.h"
#include "text.h"

const char *tag_check_word(const char *word); /* NULL, or why it can be none, in words that follow it */
bool tag_is_mark(struct slice tag, const char *word); /* WORD, or dyntcp while WORD is dill */

/* For an option the kind is TAG_OPTION + enum service_option. *value: what follows the first '=', trimmed, for a
 * listener or an option; else empty. TAG_UNKNOWN is dill's, too: WORD. in any letter case, blanks before it or not. */
enum tag_kind { TAG_FOREIGN, TAG_MARK, TAG_UNKNOWN, TAG_LISTENER, TAG_OPTION };
enum tag_kind tag_read(struct slice tag, const char *word, struct slice *value);

/* Why a tag is TAG_UNKNOWN, in words that follow "is ". */
void tag_put_unknown(struct slice tag, const char *word, struct buf *out);
/* How many bytes may be shown of a tag that is not understood: up to its '=', or to what may be a login. */
size_t tag_harmless_len(struct slice tag);

/* Gives the service the wishes and options of its tags. Sorts `tags`, since catalogs have them in any order. */
void tag_apply(struct service *service, const char **tags, size_t count, const char *word);

#endif
