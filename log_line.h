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
};

/* TIME LEVEL, or {"time":...,"level":..., and then one of the next two. */
void log_line_begin(struct log_line *l, const char *level, bool json);
/* Strangers' text is welcome: control bytes are written as \xNN, or escaped. At most 512 bytes. */
void log_line_message(struct log_line *l, const char *text, size_t len);
void log_line_repeated(struct log_line *l, unsigned long n, int64_t within_ms); /* behind a message: (17 more within 10s) */
void log_line_name(struct log_line *l, const char *name); /* of a line of fields: NAME, or "message":NAME */

/* Fields: key=value key="two words", or "key":"value","n":12. Keys are the program's own words and need no quotes. */
void log_line_text(struct log_line *l, const char *key, const char *value); /* over 512 bytes it ends in ...; NULL: - or null */
void log_line_number(struct log_line *l, const char *key, unsigned long long n);
void log_line_seconds(struct log_line *l, const char *key, int64_t us); /* as 0.000123; what is negative as - or null */

void log_line_end(struct log_line *l);

#endif
