#include "base.h"
#include "aws_found.h"

#include "date.h"
#include "json.h"

#define CODE_MAX 60 /* bytes that are shown of a Code */

const char *aws_found_check(const struct aws_found *found)
{
	const struct buf *parts[] = { &found->id, &found->secret, &found->token };

	if (!found->id.len)
		return "has no access key id";
	if (!found->secret.len)
		return "has no secret access key";
	/* They become part of headers. */
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (text_controls((struct slice){ parts[i]->data, parts[i]->len }))
			return "has a control character in its credentials";
	return NULL;
}

void aws_found_put(struct buf *out, struct slice text)
{
	out->len = 0;
	buf_add(out, text.at, text.len);
}

/* A member that is a string; nothing when it is none. */
static void found_member(const struct json *json, const char *name, struct buf *out)
{
	uint32_t token = json_get(json, 0, name);

	out->len = 0;
	if (token)
		json_string(json, token, out);
}

static const char *found_code(const struct json *json, struct buf *words)
{
	struct buf code = { 0 };
	bool bad;

	found_member(json, "Code", &code);
	bad = code.len && !slice_is((struct slice){ code.data, code.len }, "Success");
	if (bad) {
		words->len = 0;
		buf_puts(words, "says that it has none: ");
		buf_visible(words, code.data, code.len < CODE_MAX ? code.len : CODE_MAX);
	}
	buf_free(&code);
	return bad ? words->data : NULL;
}

static const char *found_expiration(const struct json *json, int64_t *expires)
{
	struct buf date = { 0 };
	bool good;

	*expires = 0;
	found_member(json, "Expiration", &date);
	good = !date.len || date_read_iso((struct slice){ date.data, date.len }, expires);
	buf_free(&date);
	return good ? NULL : "has an Expiration that is no date";
}

const char *aws_found_json(struct aws_found *found, struct slice text, struct buf *words)
{
	struct json json = { 0 };
	const char *why = json_parse(&json, text.at ? text.at : "", text.len);

	if (why)
		why = "answered with broken JSON";
	if (!why)
		why = found_code(&json, words);
	if (!why) {
		found_member(&json, "AccessKeyId", &found->id);
		found_member(&json, "SecretAccessKey", &found->secret);
		found_member(&json, "Token", &found->token);
		why = found_expiration(&json, &found->expires);
	}
	json_free(&json);
	return why ? why : aws_found_check(found);
}

void aws_found_free(struct aws_found *found)
{
	buf_free(&found->id);
	buf_free(&found->secret);
	buf_free(&found->token);
}
