#include "base.h"
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "reader.h"
#include "text.h"

#define FILE_MAX (64u << 20)
#define READ_SIZE (64 * 1024)

/* Formats of lines. */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim_start(struct slice s)
{
	while (s.len && is_space(*s.at))
		s.at++, s.len--;
	return s;
}

/* The next line, trimmed at its end. False at the end of the text. */
static bool next_line(struct reader *r, struct slice *line)
{
	const char *start = r->at;

	if (start == r->end)
		return false;
	reader_rest(r);
	*line = (struct slice){ start, (size_t)(r->at - start) };
	if (line->len && start[line->len - 1] == '\r')
		line->len--;
	r->at += r->at < r->end;
	r->line++;
	return true;
}

/* Nothing but blanks and perhaps a comment, set off by a blank? */
static bool is_rest(struct slice s, const char *marks)
{
	struct slice text = slice_trim(s);

	return !text.len || (text.at > s.at && strchr(marks, *text.at));
}

/* s without the comment that may follow it, trimmed. A mark without a blank before it is part of the text. */
static struct slice cut_comment(struct slice s, const char *marks)
{
	for (size_t i = 1; i < s.len; i++)
		if (is_space(s.at[i - 1]) && strchr(marks, s.at[i]))
			s.len = i;
	return slice_trim(s);
}

static bool ini_value(struct reader *r, struct slice s)
{
	struct slice v = slice_trim(s);
	const char *close;

	if (!v.len || (*v.at != '"' && *v.at != '\'')) {
		v = cut_comment(s, ";#");
		return reader_value(r, v.at, v.len);
	}
	close = memchr(v.at + 1, *v.at, v.len - 1);
	if (!close)
		return reader_fail(r, "closing %c expected on the same line", *v.at);
	if (!is_rest((struct slice){ close + 1, (size_t)(v.at + v.len - close - 1) }, ";#"))
		return reader_fail(r, "end of line expected behind the closing %c", *v.at);
	return reader_value(r, v.at + 1, (size_t)(close - v.at - 1));
}

/* Sections and keys are words: what else could be meant is refused. */
static bool ini_enter(struct reader *r, struct slice name, const char *what)
{
	if (!name.len)
		return reader_fail(r, "%s expected", what);
	for (size_t i = 0; i < name.len; i++) {
		if (strchr(" \t\"'=:;#", name.at[i]))
			return reader_fail(r, "%s must not have blanks, quotes or any of = : ; # in it", what);
		if (name.at[i] == '.' && (!i || i + 1 == name.len || name.at[i - 1] == '.'))
			return reader_fail(r, "%s has a dot too many", what);
	}
	return reader_enter(r, name.at, name.len);
}

static bool ini_section(struct reader *r, struct slice line)
{
	struct slice head = cut_comment(line, ";#");

	r->key.len = 0;
	if (head.at[head.len - 1] != ']')
		return reader_fail(r, "']' expected at the end of a section's line");
	head = slice_trim((struct slice){ head.at + 1, head.len - 2 });
	return ini_enter(r, head, "a section's name") && reader_section(r);
}

static bool ini_pair(struct reader *r, struct slice line)
{
	const char *equals = memchr(line.at, '=', line.len);

	if (!equals)
		return reader_fail(r, "key = value or [section] expected");
	return ini_enter(r, slice_trim((struct slice){ line.at, (size_t)(equals - line.at) }), "a key") &&
	       ini_value(r, (struct slice){ equals + 1, (size_t)(line.at + line.len - equals - 1) });
}

static bool ini_read(struct reader *r)
{
	size_t section = 0, most = SIZE_MAX; /* length of the section's key; how far the next line may be indented */

	for (struct slice line; next_line(r, &line); r->key.len = section) {
		struct slice text = slice_trim(line);
		size_t indent = (size_t)(text.at - line.at);

		if (!text.len || *text.at == ';' || *text.at == '#')
			continue;
		if (indent > most) /* elsewhere, that goes on with the value above */
			return reader_fail(r, "wrong indentation (a value must be on one line)");
		if (!(*text.at == '[' ? ini_section(r, text) : ini_pair(r, text)))
			return false;
		if (*text.at == '[')
			section = r->key.len;
		most = *text.at == '[' ? SIZE_MAX : indent;
	}
	return true;
}

/* Java's .properties: key, a separator, value; a backslash at a line's end goes on with the next line. */

/* \uXXXX, of a surrogate pair both; `*line` is behind the u. */
static bool properties_code(struct reader *r, struct slice *line, struct buf *out)
{
	int64_t c = reader_hex(line->at, line->at + line->len, 4);
	size_t len = 4;

	if (c >= 0xd800 && c < 0xdc00 && line->len >= 10 && line->at[4] == '\\' && line->at[5] == 'u') {
		int64_t low = reader_hex(line->at + 6, line->at + line->len, 4);

		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
			len = 10;
		}
	}
	if (c <= 0 || (c >= 0xd800 && c < 0xe000))
		return reader_fail(r, "\\u wants the four hexadecimal digits of a character");
	buf_utf8(out, (uint32_t)c);
	*line = (struct slice){ line->at + len, line->len - len };
	return true;
}

/* An escape; `*line` is behind the backslash. */
static bool properties_escape(struct reader *r, struct slice *line, struct buf *out)
{
	static const char from[] = "tnrf", to[] = "\t\n\r\f";
	const char *p;
	char c;

	if (!line->len) {
		if (!next_line(r, line))
			return reader_fail(r, "another line expected behind the backslash");
		*line = trim_start(*line);
		return true;
	}
	c = *line->at++;
	line->len--;
	if (c == 'u')
		return properties_code(r, line, out);
	p = strchr(from, c);
	if (!p && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
		return reader_fail(r, "unknown escape (\\\\ is a backslash)");
	buf_add(out, p ? to + (p - from) : &c, 1);
	return true;
}

static bool is_separator(char c)
{
	return is_space(c) || c == '=' || c == ':';
}

/* Moves text from *line to out, without its escapes: a key up to its separator, or a value. Blanks at the end of the
 * last line do not count, unless they are escaped. */
static bool properties_text(struct reader *r, struct slice *line, bool key, struct buf *out)
{
	size_t keep = 0; /* length up to the latest escape */

	out->len = 0;
	for (;;) {
		const char *start = line->at;

		while (line->len && *line->at != '\\' && !(key && is_separator(*line->at)))
			line->at++, line->len--;
		buf_add(out, start, (size_t)(line->at - start));
		if (!line->len || *line->at != '\\')
			break;
		line->at++, line->len--;
		if (!properties_escape(r, line, out))
			return false;
		keep = out->len;
	}
	while (out->len > keep && is_space(out->data[out->len - 1]))
		out->len--;
	return true;
}

/* Skips blanks, and ends of lines that go on. */
static bool properties_blanks(struct reader *r, struct slice *line)
{
	for (*line = trim_start(*line); line->len == 1 && *line->at == '\\'; *line = trim_start(*line)) {
		*line = (struct slice){ line->at + 1, 0 };
		if (!properties_escape(r, line, &r->text))
			return false;
	}
	return true;
}

static bool properties_pair(struct reader *r, struct slice line)
{
	int first = r->line, last;
	bool ok;

	if (!properties_text(r, &line, true, &r->text) || !reader_enter(r, r->text.data, r->text.len))
		return false;
	if (!properties_blanks(r, &line))
		return false;
	if (line.len && (*line.at == '=' || *line.at == ':'))
		line = trim_start((struct slice){ line.at + 1, line.len - 1 });
	if (!properties_text(r, &line, false, &r->text))
		return false;
	last = r->line;
	r->line = first;
	ok = reader_text(r);
	r->line = last;
	return ok;
}

static bool properties_read(struct reader *r)
{
	for (struct slice line; next_line(r, &line); r->key.len = 0) {
		line = trim_start(line);
		if (!line.len || *line.at == '#' || *line.at == '!')
			continue;
		if (*line.at == '[')
			return reader_fail(r, "key = value expected (this format has no [sections])");
		if (!properties_pair(r, line))
			return false;
	}
	return true;
}

/* Files of environment variables. What a shell, systemd and the usual libraries read in different ways is refused, but
 * for blanks within a bare value, which belong to it. */

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *env_refuse(const char *at, const char *end)
{
	if (*at == '`' || (*at == '$' && at + 1 < end && (is_name(at[1]) || at[1] == '{' || at[1] == '(')))
		return "nothing is expanded here: single quotes expected around a value with $ or `";
	return NULL;
}

static const struct quoting env_quoting = { "n\nr\rt\t\"\"\\\\$$``", "", env_refuse };

static bool env_bare(struct reader *r)
{
	const char *start = r->at;
	struct slice v;

	reader_rest(r);
	v = (struct slice){ start, (size_t)(r->at - start) };
	if (slice_trim(v).len && (is_space(*start) || *start == '#'))
		return reader_fail(r, "value expected right behind the '=', in quotes if it starts with a blank or #");
	v = cut_comment(v, "#");
	for (size_t i = 0; i < v.len; i++) {
		const char *why = env_refuse(v.at + i, v.at + v.len);

		if (why)
			return reader_fail(r, "%s", why);
		if (v.at[i] == '"' || v.at[i] == '\'' || v.at[i] == '\\')
			return reader_fail(r, "quotes expected around the whole of a value with quotes or backslashes");
	}
	return reader_value(r, v.at, v.len);
}

/* The cursor is behind the '='. */
static bool env_value(struct reader *r)
{
	int quote = reader_peek(r);
	const char *close;

	if (quote != '"' && quote != '\'')
		return env_bare(r);
	if (!(quote == '"' ? reader_quoted(r, &env_quoting) : reader_literal(r)))
		return false;
	close = r->at;
	reader_rest(r);
	if (!is_rest((struct slice){ close, (size_t)(r->at - close) }, "#"))
		return reader_fail(r, "end of line expected behind the closing quote");
	return reader_text(r);
}

static bool env_pair(struct reader *r)
{
	const char *start;

	if (reader_at(r, "export ") || reader_at(r, "export\t")) {
		r->at += strlen("export ");
		reader_blanks(r);
	}
	start = r->at;
	while (reader_peek(r) >= 0 && (is_name(*r->at) || (r->at > start && *r->at >= '0' && *r->at <= '9')))
		r->at++;
	if (r->at == start || reader_peek(r) != '=')
		return reader_fail(r, "NAME=value expected, without blanks around the '='");
	if (!reader_enter(r, start, (size_t)(r->at - start)))
		return false;
	r->at++;
	return env_value(r);
}

static bool env_read(struct reader *r)
{
	for (; reader_peek(r) >= 0; r->at += r->at < r->end, r->line++) {
		r->key.len = 0;
		reader_blanks(r);
		if (reader_peek(r) == '#')
			reader_rest(r);
		if (reader_peek(r) >= 0 && reader_peek(r) != '\n' && !env_pair(r))
			return false;
	}
	return true;
}

/* JSON. */

/* Moves the cursor, and with it the line, up to an offset of the text. */
static void json_go(struct reader *r, const char *to)
{
	for (const char *lf; (lf = memchr(r->at, '\n', (size_t)(to - r->at))); r->at = lf + 1)
		r->line++;
	r->at = to;
}

/* Nested no deeper than JSON_DEPTH_MAX. */
static bool json_value(struct reader *r, const struct json *j, uint32_t t)
{
	const struct json_token *token = &j->tokens[t];
	size_t back = r->key.len, i = 0;

	json_go(r, j->text + token->at);
	if (token->type == JSON_NULL)
		return reader_null(r);
	r->text.len = 0;
	if (json_string(j, t, &r->text))
		return reader_text(r);
	if (token->type != JSON_ARRAY && token->type != JSON_OBJECT)
		return reader_value(r, j->text + token->at, token->len);
	if (back && !reader_open(r, READER_CLOSED))
		return false;
	for (JSON_EACH(j, t, e)) {
		bool member = token->type == JSON_OBJECT;

		json_go(r, j->text + j->tokens[e].at);
		r->text.len = 0;
		if (member)
			json_string(j, e, &r->text);
		if (!(member ? reader_enter(r, r->text.data, r->text.len) : reader_enter_index(r, i++)))
			return false;
		if (!json_value(r, j, member ? e + 1 : e))
			return false;
		r->key.len = back;
	}
	return true;
}

static bool json_read(struct reader *r)
{
	struct json j = { 0 };
	const char *why = json_parse(&j, r->at, (size_t)(r->end - r->at));
	bool ok;

	if (why) {
		json_go(r, r->at + j.error_at);
		ok = reader_fail(r, "%s", why);
	} else if (j.tokens[0].type != JSON_OBJECT) {
		ok = reader_fail(r, "an object expected: { \"key\": value }");
	} else {
		ok = json_value(r, &j, 0);
	}
	json_free(&j);
	return ok;
}

/* The interface. */

const char format_unknown[] =
	"unknown format; the name must end in .toml, .ini, .conf, .yaml, .yml, .json, .hcl, .env or .properties";

int format_load(const char *path, struct buf *text)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	ssize_t n = 1;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		error = EISDIR;
	else if (!S_ISREG(st.st_mode))
		error = ENOTSUP; /* a FIFO could keep its reader waiting for ever */
	while (n > 0 && !error) {
		n = read(fd, buf_room(text, READ_SIZE), READ_SIZE);
		if (n < 0 && errno != EINTR)
			error = errno;
		text->len += n > 0 ? (size_t)n : 0;
		if (text->len > FILE_MAX)
			error = EFBIG;
		n = n < 0 ? 1 : n;
	}
	close(fd);
	return error;
}
enum format format_of(const char *path)
{
	static const struct {
		const char *name;
		enum format format;
	} endings[] = {
		{ ".toml", FORMAT_TOML }, { ".ini", FORMAT_INI }, { ".conf", FORMAT_INI }, { ".yaml", FORMAT_YAML },
		{ ".yml", FORMAT_YAML }, { ".json", FORMAT_JSON }, { ".hcl", FORMAT_HCL }, { ".env", FORMAT_ENV },
		{ ".properties", FORMAT_PROPERTIES },
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(endings); i++)
		if (strcasecmp(dot, endings[i].name) == 0)
			return endings[i].format;
	return FORMAT_NONE;
}

/* What no format has any use for, and what would not survive on its way into logs and JSON. */
static bool check_bytes(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->at, *end = (const unsigned char *)r->end;

	for (size_t n; p < end; p += n) {
		n = text_utf8((const char *)p, (size_t)(end - p));
		if (*p >= ' ' && *p < 0x7f)
			continue;
		if (!n)
			return reader_fail(r, "byte 0x%02x: not UTF-8", *p);
		if (!*p)
			return reader_fail(r, "NUL byte (the text must be UTF-8)");
		if (*p == '\r' && (p + 1 == end || p[1] != '\n'))
			return reader_fail(r, "carriage return without a line feed");
		if ((*p < 0x20 && !strchr("\t\r\n", *p)) || *p == 0x7f)
			return reader_fail(r, "control byte 0x%02x", *p);
		r->line += *p == '\n';
	}
	r->line = 1;
	return true;
}

static bool read_text(struct reader *r, enum format format)
{
	if (reader_at(r, "\357\273\277"))
		r->start = r->at += 3;
	if (!check_bytes(r))
		return false;
	switch (format) {
	case FORMAT_TOML:
		return toml_read(r);
	case FORMAT_YAML:
		return yaml_read(r);
	case FORMAT_JSON:
		return json_read(r);
	case FORMAT_HCL:
		return hcl_read(r);
	case FORMAT_NONE:
		return reader_fail(r, "unknown format");
	case FORMAT_ENV:
		return env_read(r);
	default:
		r->line = 0; /* next_line() counts */
		return format == FORMAT_INI ? ini_read(r) : properties_read(r);
	}
}

/* Drops the items of containers that have turned out not to be empty. */
static void drop_filled(struct format_doc *doc)
{
	size_t kept = 0;

	for (size_t i = 0; i < doc->count; i++)
		if (doc->items[i].value)
			doc->items[kept++] = doc->items[i];
	doc->count = kept;
}

bool format_read(struct format_doc *doc, enum format format, const char *text, size_t len)
{
	struct reader r = { .doc = doc, .line = 1, .seed = sys_random() };
	bool ok;

	r.start = r.at = len ? text : "";
	r.end = r.at + len;
	*doc = (struct format_doc){ 0 };
	ok = read_text(&r, format);
	drop_filled(doc);
	if (!ok)
		doc->count = 0;
	free(r.nodes);
	buf_free(&r.key);
	buf_free(&r.text);
	return ok;
}

void format_free(struct format_doc *doc)
{
	free(doc->items);
	arena_free(&doc->memory);
	*doc = (struct format_doc){ 0 };
}
