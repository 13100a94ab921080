/* http_head: the lines of an HTTP/1 head (RFC 9112), for the client and the server. A line ends in CRLF or LF. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base.h"
#include "text.h"

bool http_head_ended(const char *bytes, size_t len); /* they end in an empty line */
/* Cuts the next line off *head, without its end. False: nothing is left. */
bool http_head_line(struct slice *head, struct slice *line);
/* A field: what stands before the first colon, and behind it, trimmed. False: the line has no colon. */
bool http_head_field(struct slice line, struct slice *name, struct slice *value);
bool http_head_token(struct slice text); /* a token, as methods and names of fields are (RFC 9110, 5.6.2) */

#endif
