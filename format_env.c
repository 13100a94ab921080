/* Files of environment variables. What a shell, systemd and the usual libraries read in different ways is refused;
 * only blanks within a bare value are not: they belong to it. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "doc_line.h"
#include "text.h"

static bool env_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *env_refuse(const char *at, const char *end)
{
	if (*at == '`' || (*at == '$' && at + 1 < end && (env_letter(at[1]) || at[1] == '{' || at[1] == '(')))
		return "nothing is expanded here: single quotes expected around a value with $ or `";
	return NULL;
}

static const struct doc_quoting env_quoting = { "n\nr\rt\t\"\"\\\\$$``", "", env_refuse };

/* The rest of the line, the cursor at its end. */
static struct slice env_rest(struct doc_reader *reader)
{
	const char *start = reader->at;

	doc_skip_line(reader);
	return slice_between(start, reader->at);
}

static bool env_bare(struct doc_reader *reader)
{
	struct slice rest = env_rest(reader), value = doc_line_cut(rest, "#");

	if (slice_trim(rest).len && (doc_is_blank(*rest.at) || *rest.at == '#'))
		return doc_fail(reader, "value expected right behind the '=', in quotes if it starts with a blank or #");
	for (const char *at = value.at, *end = at + value.len; at < end; at++) {
		const char *why = env_refuse(at, end);

		if (why)
			return doc_fail(reader, "%s", why);
		if (strchr("\"'\\", *at))
			return doc_fail(reader, "quotes expected around the whole of a value with quotes or backslashes");
	}
	return doc_value(reader, value);
}

/* The cursor is behind the '='. */
static bool env_value(struct doc_reader *reader)
{
	int quote = doc_peek(reader);

	if (quote != '"' && quote != '\'')
		return env_bare(reader);
	if (!(quote == '"' ? doc_quoted(reader, &env_quoting) : doc_literal(reader)))
		return false;
	if (!doc_line_is_rest(env_rest(reader), "#"))
		return doc_fail(reader, "end of line expected behind the closing quote");
	return doc_text(reader);
}

/* Of a variable's name, or of the dotted form of a key: listeners.port_min, services.my-web.listener. */
static bool env_name_byte(int c, bool first)
{
	return env_letter(c) || (!first && (doc_is_digit(c) || c == '.' || c == '-'));
}

static bool env_pair(struct doc_reader *reader)
{
	const char *start;

	if (doc_at(reader, "export ") || doc_at(reader, "export\t")) {
		reader->at += strlen("export ");
		doc_skip_blanks(reader);
	}
	start = reader->at;
	while (env_name_byte(doc_peek(reader), reader->at == start))
		reader->at++;
	if (reader->at == start || doc_peek(reader) != '=')
		return doc_fail(reader, "NAME=value expected, without blanks around the '='");
	if (!doc_enter(reader, slice_between(start, reader->at)))
		return false;
	reader->at++;
	return env_value(reader);
}

static bool env_read(struct doc_reader *reader)
{
	for (; doc_peek(reader) >= 0; reader->at += reader->at < reader->end, reader->line++) {
		reader->key.len = 0;
		doc_skip_blanks(reader);
		if (doc_peek(reader) == '#')
			doc_skip_line(reader);
		if (!doc_at_line_end(reader) && !env_pair(reader))
			return false;
	}
	return true;
}

const struct format format_env = { .name = "env", .endings = ".env", .variables = true, .read = env_read };
