#include "base.h"
#include "xml.h"

#include <string.h>

#include "text.h"

#define ENTITY_MAX 10 /* bytes between & and ; */

void xml_open(struct xml *xml, const char *text, size_t len)
{
	struct slice all = { text, len };

	if (slice_starts(all, "\357\273\277")) /* a byte order mark */
		all = slice_skip(all, 3);
	memset(xml, 0, sizeof *xml);
	xml->at = all.at;
	xml->end = all.at + all.len;
}

void xml_close(struct xml *xml)
{
	buf_free(&xml->text);
}

static struct slice xml_rest(const struct xml *xml)
{
	return slice_between(xml->at, xml->end);
}

static bool xml_take(struct xml *xml, const char *word)
{
	if (!slice_starts(xml_rest(xml), word))
		return false;
	xml->at += strlen(word);
	return true;
}

/* Goes on to behind the next such word. */
static bool xml_pass(struct xml *xml, const char *word)
{
	for (; xml->at < xml->end; xml->at++)
		if (xml_take(xml, word))
			return true;
	return false;
}

static bool xml_blanks(struct xml *xml)
{
	const char *from = xml->at;

	while (xml->at < xml->end && *xml->at && strchr(" \t\r\n", *xml->at))
		xml->at++;
	return xml->at > from;
}

/* Names. */

static bool is_name(unsigned char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80)
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '-' || c == '.');
}

static bool xml_name(struct xml *xml, struct slice *name)
{
	const char *from = xml->at;

	while (xml->at < xml->end && is_name((unsigned char)*xml->at, xml->at == from))
		xml->at++;
	*name = slice_between(from, xml->at);
	return name->len && name->at[name->len - 1] != ':'; /* there is a name behind its prefix */
}

/* Without its prefix. */
static struct slice local_name(struct slice name)
{
	for (size_t i = name.len; i; i--)
		if (name.at[i - 1] == ':')
			return slice_skip(name, i);
	return name;
}

static void xml_say_name(struct xml *xml)
{
	xml->name = local_name(xml->open[xml->depth - 1]);
}

/* Tags. */

static bool xml_attribute(struct xml *xml)
{
	struct slice name;
	char quote;

	if (!xml_name(xml, &name))
		return false;
	xml_blanks(xml);
	if (!xml_take(xml, "="))
		return false;
	xml_blanks(xml);
	quote = xml->at < xml->end ? *xml->at++ : '\0';
	if (quote != '"' && quote != '\'')
		return false;
	while (xml->at < xml->end && *xml->at != quote && *xml->at != '<')
		xml->at++;
	return xml->at < xml->end && *xml->at++ == quote;
}

static const char *xml_open_tag(struct xml *xml)
{
	struct slice name;
	bool blank;

	if (!xml_name(xml, &name))
		return "has no name behind <";
	if (!xml->depth && xml->rooted)
		return "has a second root";
	if (xml->depth == XML_DEPTH)
		return "is nested too deep";
	while ((blank = xml_blanks(xml)), !xml_take(xml, ">")) {
		if (xml_take(xml, "/>")) {
			xml->empty = true;
			break;
		}
		if (!blank || !xml_attribute(xml))
			return "has a broken tag";
	}
	xml->rooted = true;
	xml->open[xml->depth++] = name;
	xml_say_name(xml);
	return NULL;
}

static const char *xml_close_tag(struct xml *xml)
{
	struct slice name, open;

	if (!xml_name(xml, &name) || (xml_blanks(xml), !xml_take(xml, ">")))
		return "has a broken end tag";
	open = xml->depth ? xml->open[xml->depth - 1] : (struct slice){ NULL, 0 };
	if (name.len != open.len || memcmp(name.at, open.at, name.len) != 0)
		return "has an end tag that does not match";
	xml_say_name(xml);
	xml->closed = true;
	return NULL;
}

/* Comments and the like. False: what follows is none. */
static bool xml_skip(struct xml *xml)
{
	bool whole = true;

	if (xml_take(xml, "<!--"))
		whole = xml_pass(xml, "-->");
	else if (xml_take(xml, "<?"))
		whole = xml_pass(xml, "?>");
	else if (xml_take(xml, "<!"))
		xml->why = "has a DOCTYPE or CDATA section, which is not read";
	else
		return false;
	if (!whole)
		xml->why = "ends early";
	return true;
}

/* Texts. */

static bool is_code_point(unsigned long c)
{
	return (c >= ' ' || c == '\t' || c == '\n' || c == '\r') && c < 0x110000 && (c < 0xd800 || c > 0xdfff) &&
	       (c & ~1ul) != 0xfffe;
}

/* &#10; or &#xA; between & and ;. */
static bool xml_number(struct xml *xml, struct slice entity)
{
	unsigned base = entity.len > 1 && entity.at[1] == 'x' ? 16 : 10;
	unsigned long c = 0;

	entity = slice_skip(entity, base == 16 ? 2 : 1);
	for (size_t i = 0; i < entity.len; i++) {
		int digit = text_hex(entity.at[i]);

		if (digit < 0 || digit >= (int)base)
			return false;
		c = c * base + (unsigned)digit;
	}
	if (!entity.len || !is_code_point(c))
		return false;
	buf_utf8(&xml->text, (uint32_t)c);
	return true;
}

static bool xml_entity(struct xml *xml)
{
	static const struct {
		const char *name, *text;
	} entities[] = { { "lt", "<" }, { "gt", ">" }, { "amp", "&" }, { "apos", "'" }, { "quot", "\"" } };
	struct slice rest = xml_rest(xml), entity;
	const char *end = memchr(rest.at, ';', rest.len > ENTITY_MAX ? ENTITY_MAX : rest.len);

	if (!end)
		return false;
	entity = slice_skip(slice_between(xml->at, end), 1);
	xml->at = end + 1;
	if (slice_starts(entity, "#"))
		return xml_number(xml, entity);
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		if (slice_is(entity, entities[i].name)) {
			buf_puts(&xml->text, entities[i].text);
			return true;
		}
	return false;
}

static const char *xml_take_text(struct xml *xml)
{
	while (xml->at < xml->end && *xml->at != '<') {
		size_t len = text_utf8(xml->at, (size_t)(xml->end - xml->at));

		if (*xml->at == '&') {
			if (!xml_entity(xml))
				return "has an entity that is not read";
			continue;
		}
		if (!len || (len == 1 && !is_code_point((unsigned char)*xml->at)))
			return "has a byte that is no text";
		buf_add(&xml->text, xml->at, len);
		xml->at += len;
	}
	return NULL;
}

static bool xml_has_text(const struct xml *xml)
{
	return slice_trim((struct slice){ xml->text.data, xml->text.len }).len;
}

static enum xml_event xml_tag(struct xml *xml)
{
	if (xml_take(xml, "</")) {
		xml->why = xml_close_tag(xml);
		return XML_CLOSE;
	}
	xml_take(xml, "<");
	xml->why = xml_open_tag(xml);
	return XML_OPEN;
}

/* Up to the next tag, or the end. */
static enum xml_event xml_step(struct xml *xml)
{
	do {
		xml->why = xml_take_text(xml);
	} while (!xml->why && xml_skip(xml) && !xml->why);
	if (!xml->why && xml_has_text(xml) && !xml->depth)
		xml->why = "has text outside its root";
	if (!xml->why && xml_has_text(xml) && xml->at < xml->end) {
		xml_say_name(xml);
		return XML_TEXT;
	}
	if (!xml->why && xml->at < xml->end)
		return xml_tag(xml);
	if (!xml->why && (xml->depth || !xml->rooted))
		xml->why = "ends early";
	return XML_END;
}

enum xml_event xml_next(struct xml *xml)
{
	enum xml_event event;

	if (xml->why)
		return XML_BROKEN;
	xml->text.len = 0;
	xml->depth -= xml->closed;
	xml->closed = xml->empty;
	if (xml->empty) {
		xml->empty = false;
		return XML_CLOSE;
	}
	event = xml_step(xml);
	return xml->why ? XML_BROKEN : event;
}
