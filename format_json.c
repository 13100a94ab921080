/* JSON: an object, out of the tokens of json.c. */
#include "base.h"
#include "format.h"

#include <string.h>

#include "doc.h"
#include "json.h"
#include "text.h"

/* Moves the cursor, and with it the line, up to a place in the text. */
static void json_seek(struct doc_reader *reader, const char *to)
{
	for (const char *feed; (feed = memchr(reader->at, '\n', (size_t)(to - reader->at))); reader->at = feed + 1)
		reader->line++;
	reader->at = to;
}

static bool json_item(struct doc_reader *reader, const struct json *json, uint32_t at);

/* The elements of an array, or the members of an object. */
static bool json_members(struct doc_reader *reader, const struct json *json, uint32_t parent)
{
	bool object = json->tokens[parent].type == JSON_OBJECT;
	size_t back = reader->key.len, i = 0;

	if (!doc_deeper(reader))
		return false;
	for (JSON_EACH(json, parent, t)) {
		json_seek(reader, json->text + json->tokens[t].at);
		reader->text.len = 0;
		if (object)
			json_string(json, t, &reader->text);
		if (!(object ? doc_enter_text(reader) : doc_enter_index(reader, i++)))
			return false;
		if (!json_item(reader, json, object ? t + 1 : t))
			return false;
		reader->key.len = back;
	}
	reader->depth--;
	return true;
}

/* The value whose token stands at `at`. */
static bool json_item(struct doc_reader *reader, const struct json *json, uint32_t at)
{
	const struct json_token *token = &json->tokens[at];
	struct doc_closed closed;

	json_seek(reader, json->text + token->at);
	if (token->type == JSON_NULL)
		return doc_null(reader);
	if (token->type >= JSON_ARRAY && at == 0)
		return json_members(reader, json, at);
	if (token->type >= JSON_ARRAY)
		return doc_open_closed(reader, &closed) && json_members(reader, json, at) && doc_close(reader, &closed);
	reader->text.len = 0;
	if (json_string(json, at, &reader->text))
		return doc_text(reader);
	return doc_value(reader, json_scalar(json, at));
}

static bool json_read(struct doc_reader *reader)
{
	struct json json = { 0 };
	const char *why = json_parse(&json, reader->at, (size_t)(reader->end - reader->at));
	bool ok;

	if (why) {
		json_seek(reader, reader->at + json.error_at);
		ok = doc_fail(reader, "%s", why);
	} else if (json.tokens[0].type != JSON_OBJECT) {
		ok = doc_fail(reader, "an object expected: { \"key\": value }");
	} else {
		ok = json_item(reader, &json, 0);
	}
	json_free(&json);
	return ok;
}

const struct format format_json = { .name = "json", .endings = ".json", .lists = true, .read = json_read };
