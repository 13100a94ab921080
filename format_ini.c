/* INI: [section] and key = value, a value on one line. What programs read in different ways is refused. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "doc_line.h"
#include "text.h"

static const char ini_marks[] = ";#"; /* each starts a comment */

static bool ini_value(struct doc_reader *reader, struct slice text)
{
	struct slice value = slice_trim(text);
	const char *close;

	if (!value.len || (*value.at != '"' && *value.at != '\''))
		return doc_value(reader, doc_line_cut(text, ini_marks));
	close = memchr(value.at + 1, *value.at, value.len - 1);
	if (!close)
		return doc_fail(reader, "closing %c expected on the same line", *value.at);
	if (!doc_line_is_rest(slice_between(close + 1, value.at + value.len), ini_marks))
		return doc_fail(reader, "end of line expected behind the closing %c", *value.at);
	return doc_value(reader, slice_between(value.at + 1, close));
}

/* Sections and keys are words: what else could be meant is refused. */
static bool ini_enter(struct doc_reader *reader, struct slice name, const char *what)
{
	if (!name.len)
		return doc_fail(reader, "%s expected", what);
	for (size_t i = 0; i < name.len; i++) {
		if (strchr(" \t\"'=:;#", name.at[i]))
			return doc_fail(reader, "%s must not have blanks, quotes or any of = : ; # in it", what);
		if (name.at[i] == '.' && (!i || i + 1 == name.len || name.at[i - 1] == '.'))
			return doc_fail(reader, "%s has a dot too many", what);
	}
	return doc_enter(reader, name);
}

static bool ini_section(struct doc_reader *reader, struct slice line)
{
	struct slice head = doc_line_cut(line, ini_marks);

	reader->key.len = 0;
	if (head.at[head.len - 1] != ']')
		return doc_fail(reader, "']' expected at the end of a section's line");
	head = slice_trim(slice_between(head.at + 1, head.at + head.len - 1));
	return ini_enter(reader, head, "a section's name") && doc_section(reader);
}

static bool ini_pair(struct doc_reader *reader, struct slice line)
{
	const char *equals = memchr(line.at, '=', line.len);

	if (!equals)
		return doc_fail(reader, "key = value or [section] expected");
	return ini_enter(reader, slice_trim(slice_between(line.at, equals)), "a key") &&
	       ini_value(reader, slice_between(equals + 1, line.at + line.len));
}

static bool ini_read(struct doc_reader *reader)
{
	size_t section = 0, most = SIZE_MAX; /* length of the section's key; how far the next line may be indented */

	reader->line = 0;
	for (struct slice line; doc_line_next(reader, &line); reader->key.len = section) {
		struct slice text = slice_trim(line);
		size_t indent = (size_t)(text.at - line.at);
		bool head = slice_starts(text, "[");

		if (!text.len || strchr(ini_marks, *text.at))
			continue;
		if (indent > most) /* elsewhere, that goes on with the value above */
			return doc_fail(reader, "wrong indentation (a value must be on one line)");
		if (!(head ? ini_section(reader, text) : ini_pair(reader, text)))
			return false;
		if (head)
			section = reader->key.len;
		most = head ? SIZE_MAX : indent;
	}
	return true;
}

const struct format format_ini = { .name = "ini", .endings = ".ini .conf", .read = ini_read };
