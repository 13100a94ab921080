/* config_flag: the command line. */
#ifndef CONFIG_FLAG_H
#define CONFIG_FLAG_H

#include "base.h"
#include "config.h"
#include "text.h"

/* Settings that are applied when those of lower layers have been. Borrowed from argv and the configuration's memory. */
struct config_flags {
	struct config_setting *items;
	size_t count, cap;
};

/* Reads all words: switches, -c, --explain and the like at once, keys into `flags`, to be given to free(). Returns
 * the exit status so far: 0, 1 for a wrong value, 2 for wrong usage; errors have been reported. */
int config_flags_read(struct config *config, struct config_flags *flags, int argc, char **argv);
void config_put_flags(struct buf *out); /* for --help */

#endif
