#include "base.h"
#include "consul_stamp.h"

#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "tag.h"

uint64_t consul_stamp_text(struct slice text)
{
	uint64_t hash = text_hash(TEXT_HASH, text.at ? text.at : "", text.len);

	hash ^= hash >> 29;
	return hash ? hash : 1;
}

/* The index of its last change says all, of one server's data; address and port are there for those of another one. */
uint64_t consul_stamp_instance(const struct json *answer, uint32_t service, struct buf *scratch)
{
	static const char *const keys[] = { "ID", "Address", "Port", "ModifyIndex", NULL };

	scratch->len = 0;
	for (const char *const *key = keys; *key; key++) {
		uint32_t member = json_get(answer, service, *key);
		struct slice text = member ? json_scalar(answer, member) : (struct slice){ "", 0 };

		buf_add(scratch, text.at, text.len);
		buf_add(scratch, "\n", 1);
	}
	return consul_stamp_text((struct slice){ scratch->data, scratch->len });
}

static bool text_is(const struct json *answer, uint32_t token, const char *want, struct buf *scratch)
{
	scratch->len = 0;
	return token && json_string(answer, token, scratch) && slice_is((struct slice){ scratch->data, scratch->len }, want);
}

static bool carries_mark(const struct json *answer, uint32_t tags, const char *word, struct buf *scratch)
{
	if (!tags || answer->tokens[tags].type != JSON_ARRAY)
		return false;
	for (JSON_EACH(answer, tags, tag)) {
		scratch->len = 0;
		if (json_string(answer, tag, scratch) && tag_is_mark((struct slice){ scratch->data, scratch->len }, word))
			return true;
	}
	return false;
}

static void add_to(struct consul_stamps *stamps, uint64_t node, uint64_t digest)
{
	for (size_t i = 0; i < stamps->count; i++)
		if (stamps->items[i].node == node) {
			stamps->items[i].sum += digest;
			return;
		}
	stamps->items = sys_realloc(stamps->items, (stamps->count + 1) * sizeof *stamps->items);
	stamps->items[stamps->count++] = (struct consul_stamp){ .node = node, .sum = digest };
}

void consul_stamps_read(struct consul_stamps *stamps, const struct json *answer, const char *name, const char *word)
{
	struct buf scratch = { 0 };

	stamps->count = 0;
	for (JSON_EACH(answer, 0, element)) {
		uint32_t node = json_get(answer, element, "Node"), service = json_get(answer, element, "Service");
		uint32_t said = json_get(answer, service, "Service"), at = json_get(answer, node, "Node");
		uint64_t where;

		/* Consul looks names up in any letter case: this one may be another service's. */
		if ((said && !text_is(answer, said, name, &scratch)) ||
		    !carries_mark(answer, json_get(answer, service, "Tags"), word, &scratch))
			continue;
		scratch.len = 0;
		buf_add(&scratch, "", 0);
		if (at)
			json_string(answer, at, &scratch);
		where = consul_stamp_text((struct slice){ scratch.data, scratch.len });
		add_to(stamps, where, consul_stamp_instance(answer, service, &scratch));
	}
	buf_free(&scratch);
}

void consul_stamps_free(struct consul_stamps *stamps)
{
	free(stamps->items);
	*stamps = (struct consul_stamps){ 0 };
}
