#include "base.h"
#include "doc_line.h"

#include <string.h>

bool doc_line_next(struct doc_reader *reader, struct slice *line)
{
	const char *start = reader->at;

	if (start == reader->end)
		return false;
	doc_skip_line(reader);
	*line = slice_between(start, reader->at);
	if (line->len && start[line->len - 1] == '\r')
		line->len--;
	reader->at += reader->at < reader->end;
	reader->line++;
	return true;
}

struct slice doc_line_cut(struct slice text, const char *marks)
{
	for (size_t i = 1; i < text.len; i++)
		if (doc_is_blank(text.at[i - 1]) && strchr(marks, text.at[i]))
			text.len = i;
	return slice_trim(text);
}

bool doc_line_is_rest(struct slice text, const char *marks)
{
	struct slice rest = slice_trim(text);

	return !rest.len || (rest.at > text.at && strchr(marks, *rest.at));
}
