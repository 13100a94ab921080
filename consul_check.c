#include "base.h"
#include "consul_check.h"

#include "text.h"

uint64_t consul_member_digest(const struct json *answer, uint32_t object, const char *key)
{
	uint32_t token = json_get(answer, object, key);
	struct buf text = { 0 };
	uint64_t sum;

	if (token)
		json_string(answer, token, &text);
	sum = digest_text((struct slice){ text.data, text.len });
	buf_free(&text);
	return sum;
}

static struct slice check_member(const struct json *answer, uint32_t object, const char *key)
{
	uint32_t token = json_get(answer, object, key);

	return token ? json_scalar(answer, token) : (struct slice){ NULL, 0 };
}

/* The index is there for a check that has passed for a moment, in which its service was read. */
static uint64_t check_digest(const struct json *answer, uint32_t check)
{
	static const char *const keys[] = { "Node", "CheckID", "ServiceID", "Status", "ModifyIndex", NULL };
	struct buf text = { 0 };
	uint64_t sum;

	for (const char *const *key = keys; *key; key++) {
		struct slice value = check_member(answer, check, *key);

		buf_add(&text, value.at, value.len);
		buf_add(&text, "\n", 1);
	}
	sum = digest_text((struct slice){ text.data, text.len });
	buf_free(&text);
	return sum;
}

void consul_failing_add(struct consul_failing *failing, const struct json *answer, uint32_t check)
{
	struct slice service = check_member(answer, check, "ServiceName");

	if (slice_is(check_member(answer, check, "Status"), "passing"))
		return;
	if (service.len)
		digest_add(&failing->services, consul_member_digest(answer, check, "ServiceName"), check_digest(answer, check));
	else
		digest_add(&failing->nodes, consul_member_digest(answer, check, "Node"), check_digest(answer, check));
}

void consul_failing_clear(struct consul_failing *failing)
{
	failing->services.count = failing->nodes.count = 0;
}

void consul_failing_sort(struct consul_failing *failing)
{
	digest_sort(&failing->services);
	digest_sort(&failing->nodes);
}

void consul_failing_free(struct consul_failing *failing)
{
	digest_free(&failing->services);
	digest_free(&failing->nodes);
}
