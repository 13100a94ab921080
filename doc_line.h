/* doc_line: a text line by line, for the formats that are made of lines. */
#ifndef DOC_LINE_H
#define DOC_LINE_H

#include "base.h"
#include "doc.h"
#include "text.h"

/* The next line, without its end. False at the end of the text. It counts: set reader->line to 0 before the first. */
bool doc_line_next(struct doc_reader *reader, struct slice *line);
/* The text without the comment that may follow it, trimmed. A mark without a blank before it is part of the text. */
struct slice doc_line_cut(struct slice text, const char *marks);
bool doc_line_is_rest(struct slice text, const char *marks); /* only blanks, and perhaps a comment set off by one? */

#endif
