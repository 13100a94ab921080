/* line: one line of the log, composed, as text or as a JSON object (RFC 8259). Owns no memory; about 4 KiB, for the
 * stack. */
#ifndef LINE_H
#define LINE_H

#include "base.h"

struct line {
	char text[4096];
	size_t len;
	unsigned cut; /* fields for which there was no room: the line ends in cut=N */
	bool json, full;
};

/* TIME LEVEL, or {"time":...,"level":..., and then one of the next two. */
void line_begin(struct line *l, const char *level, bool json);
/* Strangers' text is welcome: control bytes are written as \xNN, or escaped. At most 512 bytes. */
void line_message(struct line *l, const char *text, size_t len);
void line_repeated(struct line *l, unsigned long n, int64_t within_ms); /* behind a message: (17 more within 10s) */
void line_name(struct line *l, const char *name); /* of a line of fields: NAME, or "message":NAME */

/* Fields: key=value key="two words", or "key":"value","n":12. Keys are the program's own words and need no quotes. */
void line_text(struct line *l, const char *key, const char *value); /* over 512 bytes it ends in ...; NULL: - or null */
void line_number(struct line *l, const char *key, unsigned long long n);
void line_seconds(struct line *l, const char *key, int64_t us); /* as 0.000123; what is negative as - or null */

void line_end(struct line *l);

#endif
