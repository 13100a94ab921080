/* log: levelled lines on stderr, as text or JSON, one write(2) each, from any thread. */
#ifndef LOG_H
#define LOG_H

#include "base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_setup(enum log_level level, bool json);
bool log_on(enum log_level level);

/* Strangers' text is welcome in the arguments: control bytes are written as \xNN, and a line too long for one atomic
 * write ends in "...". Never blocks on a full pipe: such a line is dropped, and the next one that fits says how many
 * were. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What is wrong with the configuration: until log_setup "dill: ..." for the person at the terminal, then a log line. */
void log_complain(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) (log_on(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__) : (void)0)

#endif
