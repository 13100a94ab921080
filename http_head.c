#include "base.h"
#include "http_head.h"

#include <string.h>

bool http_head_ended(const char *bytes, size_t len)
{
	return (len >= 2 && memcmp(bytes + len - 2, "\n\n", 2) == 0) ||
	       (len >= 3 && memcmp(bytes + len - 3, "\n\r\n", 3) == 0);
}

bool http_head_line(struct slice *head, struct slice *line)
{
	const char *end = head->len ? memchr(head->at, '\n', head->len) : NULL;
	size_t len = end ? (size_t)(end - head->at) : head->len;

	if (!head->len)
		return false;
	*line = slice_first(*head, len);
	*head = slice_skip(*head, len + (end != NULL));
	if (len && line->at[len - 1] == '\r')
		line->len--;
	return true;
}

bool http_head_field(struct slice line, struct slice *name, struct slice *value)
{
	const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;

	if (!colon)
		return false;
	*name = slice_between(line.at, colon);
	*value = slice_trim(slice_skip(line, name->len + 1));
	return true;
}

bool http_head_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.len != 0;
}
