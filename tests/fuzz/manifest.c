/* Services out of documents: the first byte chooses the format, one of them what state.path holds. What is accepted can
 * be routed, unless it says why not, and says the same when it is written and read again. */
#include "base.h"
#include "../../state.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void routable_all(const struct service_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct service *s = list->items[i];

		if (!*s->name || (!s->fault && !s->absent && (!s->wish_count || !s->backend_count)))
			abort();
		for (size_t w = 0; w < s->wish_count; w++)
			if (!s->wishes[w].text || !s->wishes[w].origin || s->wishes[w].last < s->wishes[w].port ||
			    s->wishes[w].last - s->wishes[w].port >= NET_RANGE_PORTS)
				abort();
		for (size_t b = 0; b < s->backend_count; b++)
			if (!*s->backends[b].host || (!s->backends[b].port && !net_is_srv(slice_of(s->backends[b].host))) ||
			    (s->backends[b].last && s->backends[b].last < s->backends[b].port))
				abort();
	}
}

/* As it is kept on disk, of services with one backend, and as it is handed over, of all. */
static void again(const struct service_list *list, size_t most)
{
	struct buf body = { 0 }, why = { 0 }, address = { 0 };
	struct service_list *second;
	size_t count = 0;

	put_services(&body, list, most);
	for (size_t i = 0; i < list->count; i++)
		count += fits(list->items[i], most, &address);
	second = manifest_read_state(body.data, body.len, "again", &why);
	if (!second || second->count != count)
		abort();
	service_list_unref(second);
	buf_free(&address);
	buf_free(&body);
	buf_free(&why);
}

/* As a source reads it, twice: the same services, or the same fault. */
static void as_source(const struct format *format, struct slice text, const struct service_list *list, const char *fault)
{
	struct manifest_document document = { 0 };
	struct buf why = { 0 };

	for (int i = 0; i < 2; i++) {
		struct service_list *same = manifest_read_again(&document, format, text, "file", false, &why);

		if (!list != !same || (list ? !service_list_equal(list, same) : strcmp(why.data, fault) != 0))
			abort();
		if (document.news != (list && !i ? MANIFEST_OTHER : MANIFEST_SAME))
			abort();
		service_list_unref(same);
	}
	manifest_forget(&document);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct format *const formats[] = {
		NULL, &format_toml, &format_ini, &format_yaml, &format_json, &format_hcl, &format_env, &format_properties,
	};
	const struct format *format;
	struct buf why = { 0 };
	struct service_list *list;

	if (!size)
		return 0;
	format = formats[data[0] % ARRAY_LEN(formats)];
	if (!format)
		list = manifest_read_state((const char *)data + 1, size - 1, "state", &why);
	else
		list = manifest_read(format, (const char *)data + 1, size - 1, "file", false, &why);
	if (!list == !why.len)
		abort();
	if (format)
		as_source(format, (struct slice){ (const char *)data + 1, size - 1 }, list, why.data);
	if (list) {
		routable_all(list);
		again(list, 1);
		again(list, SIZE_MAX);
	}
	service_list_unref(list);
	buf_free(&why);
	return 0;
}
