/* libFuzzer target for what credentials are read from: the input is a file of profiles, an answer of an endpoint and one of
 * STS. What is taken can stand in a header, and how lines end changes nothing. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "aws_found.h"
#include "aws_profile.h"
#include "aws_web_identity.h"
#include "text.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static struct slice all_of(const struct buf *b)
{
	return (struct slice){ b->data, b->len };
}

static void check_found(const struct aws_found *found)
{
	MUST(found->id.len && found->secret.len);
	MUST(!text_controls(all_of(&found->id)) && !text_controls(all_of(&found->secret)) && !text_controls(all_of(&found->token)));
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static const char *read_profile(struct aws_profile *profile, enum aws_profile_file file, const struct buf *text, long *line)
{
	const char *why = aws_profile_parse(profile, file, all_of(text), "one", line);

	MUST(why || *line == 0);
	MUST(why || !profile->keys.id.len || profile->found);
	if (!why && profile->keys.id.len)
		check_found(&profile->keys);
	return why;
}

/* The same text behind another section, and with other ends of lines. */
static void check_profile(enum aws_profile_file file, struct slice text)
{
	struct aws_profile plain = { 0 }, other = { 0 };
	struct buf first = { 0 }, second = { 0 };
	const char *why, *why_other;
	long line, line_other;

	buf_add(&first, text.at, text.len);
	buf_puts(&second, "[two]\r\n");
	for (size_t i = 0; i < text.len; i++) {
		buf_add(&second, "\r", text.at[i] == '\n');
		buf_add(&second, &text.at[i], 1);
	}
	why = read_profile(&plain, file, &first, &line);
	why_other = read_profile(&other, file, &second, &line_other);
	MUST(!why == !why_other && (!why || strcmp(why, why_other) == 0) && (line ? line + 1 : 0) == line_other);
	MUST(why || (same(&plain.keys.id, &other.keys.id) && same(&plain.keys.secret, &other.keys.secret)));
	MUST(why || (same(&plain.keys.token, &other.keys.token) && same(&plain.region, &other.region)));
	MUST(plain.found == other.found && plain.role == other.role && plain.process == other.process);
	aws_profile_free(&plain);
	aws_profile_free(&other);
	buf_free(&first);
	buf_free(&second);
}

static void check_answers(struct slice text)
{
	struct aws_found json = { 0 }, xml = { 0 };
	struct buf words = { 0 };

	if (!aws_found_json(&json, text, &words))
		check_found(&json);
	MUST(!text_controls(all_of(&words)));
	if (!aws_web_identity_read(&xml, text))
		check_found(&xml);
	aws_found_free(&json);
	aws_found_free(&xml);
	buf_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };

	check_profile(AWS_PROFILE_CREDENTIALS, text);
	check_profile(AWS_PROFILE_CONFIG, text);
	check_answers(text);
	return 0;
}
