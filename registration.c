#include "base.h"
#include "registration.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "sys.h"
#include "tag.h"

bool registration_text(const struct json *answer, uint32_t object, const char *key, struct buf *out)
{
	uint32_t token = json_get(answer, object, key);

	out->len = 0;
	buf_add(out, "", 0);
	return token && json_string(answer, token, out);
}

void registration_tags(struct service *service, const struct json *answer, uint32_t tags)
{
	bool listed = tags && answer->tokens[tags].type == JSON_ARRAY;
	struct buf text = { 0 };

	service->tags = arena_alloc(&service->memory, (listed ? answer->tokens[tags].count + 1 : 1) * sizeof *service->tags);
	if (listed)
		for (JSON_EACH(answer, tags, tag)) {
			text.len = 0;
			if (json_string(answer, tag, &text))
				service->tags[service->tag_count++] = arena_dup(&service->memory, text.data, text.len);
		}
	buf_free(&text);
}

bool registration_marked(const struct service *service, const char *word)
{
	for (size_t i = 0; i < service->tag_count; i++)
		if (tag_is_mark(slice_of(service->tags[i]), word))
			return true;
	return false;
}

uint64_t registration_created(const struct json *answer, uint32_t service)
{
	uint32_t index = json_get(answer, service, "CreateIndex");
	long n = 0;

	if (index)
		json_integer(answer, index, 0, LONG_MAX, &n);
	return (uint64_t)n;
}

void registration_apply(struct service *service, const char *word)
{
	size_t size = (service->tag_count + 1) * sizeof *service->tags;
	const char **sorted = sys_alloc(size);

	memcpy(sorted, service->tags, size - sizeof *sorted);
	tag_apply(service, sorted, service->tag_count, word);
	free(sorted);
}

void registration_address(struct service *service, const struct json *answer, uint32_t at, uint32_t fallback,
                          uint16_t weight)
{
	uint32_t port_at = json_get(answer, at, "Port");
	struct buf text = { 0 };
	long port = 0;

	if (!registration_text(answer, at, "Address", &text) || !text.len)
		registration_text(answer, fallback, "Address", &text);
	if (!port_at || !json_integer(answer, port_at, 1, 65535, &port))
		service->fault = "its instance has no port";
	else if (!text.len)
		service->fault = "its instance has no address";
	else if (!net_is_host(slice_of(text.data)))
		service->fault = "its instance has an address that is none";
	else
		service_backend(service, slice_of(text.data), (uint16_t)port, weight);
	buf_free(&text);
}
