/* config_apply: what a key and its value change. */
#ifndef CONFIG_APPLY_H
#define CONFIG_APPLY_H

#include "base.h"
#include "config.h"
#include "text.h"

bool config_is_key(const struct config *config, const char *key); /* it means something */
/* True when the key is one of an option or table of options, and what stands there has another shape, which has been said;
 * or an empty table, which says nothing. To be asked of what comes from a file. */
bool config_misshapen(struct config *config, const struct config_setting *setting);
/* Applies one setting; an error has been reported. False when nobody knows the key. Key and value are copied where
 * they are kept, and so is the origin. */
bool config_apply(struct config *config, const struct config_setting *setting);
/* The known key that looks most like it, when it is near: two edits away, or a third of its length. NULL: none is. */
const char *config_nearest(const struct config *config, const char *key);
void config_unknown(struct config *config, const char *key, const char *origin); /* warns of a key that nobody knows */
/* "FILE:LINE", in the scratch memory. */
const char *config_origin(struct config *config, const char *file, int line);

#endif
