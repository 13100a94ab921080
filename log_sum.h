/* log_sum: repeated messages of the log, summed up. Not thread-safe: log.c calls it under its lock. */
#ifndef LOG_SUM_H
#define LOG_SUM_H

#include "base.h"

#ifndef LOG_SUM_MS
#define LOG_SUM_MS 10000
#endif
#define MESSAGE_MAX 512 /* six times that, as \u00NN, and what stands around it fit into a line */

struct log_message {
	int level;
	const char *kind, *noun; /* log_about's; NULL, "": it goes by its text */
	const void *thing;       /* NULL: all those that have no window of their own */
	uint64_t hash;
	size_t len;
	char text[MESSAGE_MAX];
};

/* Counts a message. 0: it is to be written; else how many of its kind are not, so far. A window that it ends has its
 * sum said. */
unsigned long log_sum_up(struct log_message *message, void (*say)(const struct log_message *message, unsigned long more));
/* Ends the windows that are over by now; returns when the next one of those is that have something to say. */
int64_t log_sum_end(int64_t now, void (*say)(const struct log_message *message, unsigned long more));

#endif
