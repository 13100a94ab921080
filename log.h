/* log: levelled lines on stderr, as text or JSON, whole and in order, from any thread. */
#ifndef LOG_H
#define LOG_H

#include "base.h"
#include "log_line.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_setup(enum log_level level, bool json);
bool log_on(enum log_level level);

/* From log_start to log_stop a thread of its own writes the lines, and nobody else waits for stderr. Lines that find
 * 1 MiB waiting are dropped (2 MiB: those of log_end_audit), and a line says later how many are missing at that place. Without the thread a line that
 * does not fit at once is dropped. log_start: 0 or an errno, EBUSY while a thread is there. log_stop writes what waits,
 * for at most one second; it may be called twice. */
int log_start(void);
void log_stop(void);
unsigned long log_dropped(void); /* lines since the process began */

/* Strangers' text is welcome in the arguments: control bytes are written as \xNN, and text over 511 bytes ends in
 * "...". With the thread, a line that is not LOG_INFO and is repeated more than 5 times within 10 s is summed up. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For what strangers can have said any number of times, each time with another text (a client's address, a name): within
 * 10 s only the first such line about one thing (a listener, say) is written, and then how many more `noun`s there were.
 * Of more than 64 things at once the rest is summed up together. `fmt` tells the kinds apart, and lives on, like `noun`. */
void log_about(enum log_level level, const void *thing, const char *noun, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* What is wrong with the configuration: until log_setup "dill: ..." for the person at the terminal, then a log line. */
void log_complain(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) (log_on(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__) : (void)0)

/* A line of fields: log_event, any number of fields (see log_line.h), log_end. It is written whatever the level of
 * the log is. */
void log_event(struct log_line *line, enum log_level level, const char *name);
void log_end(struct log_line *line);
void log_end_audit(struct log_line *line); /* however many others wait: nothing that strangers cause crowds it out */

#endif
