/* log_line: one line of the log, composed, as text or as a JSON object (RFC 8259). Owns no memory; about 4 KiB, for the
 * stack. */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "base.h"

struct log_line {
	char text[4096];
	size_t len;
	unsigned cut; /* fields for which there was no room: the line ends in cut=N */
	bool json, full;
	bool audit; /* it has more room in the log's queue than others */
};

/* TIME LEVEL, or {"time":...,"level":..., and then one of the next two. */
void log_line_begin(struct log_line *line, const char *level, bool json);
/* Strangers' text is welcome: control bytes are written as \xNN, or escaped. At most 512 bytes. */
void log_line_message(struct log_line *line, const char *text, size_t len);
/* Behind a message: (17 more within 10s), or (17 more clients within 10s) when `noun` is "client", and not "". */
void log_line_repeated(struct log_line *line, unsigned long count, const char *noun, int64_t within_ms);
void log_line_name(struct log_line *line, const char *name); /* of a line of fields: NAME, or "message":NAME */

/* Fields: key=value key="two words", or "key":"value","n":12. Keys are the program's own words and need no quotes. What
 * is not known (NULL, or a negative time) is - or null. */
void log_line_text(struct log_line *line, const char *key, const char *value); /* over 512 bytes it ends in "..." */
void log_line_number(struct log_line *line, const char *key, unsigned long long number);
void log_line_seconds(struct log_line *line, const char *key, int64_t us); /* as 0.000123 */

void log_line_end(struct log_line *line);

#endif
