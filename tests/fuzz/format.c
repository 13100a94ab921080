/* libFuzzer target for the formats: the first byte chooses the format, the rest is the text. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct doc_item *)a)->key, ((const struct doc_item *)b)->key);
}

static void check_doc(struct doc *doc, bool ok, const char *text, size_t len)
{
	int lines = 1, line = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (!ok) {
		MUST(doc->count == 0 && doc->error[0] && strlen(doc->error) < sizeof doc->error - 1);
		MUST(doc->error_line >= 1 && doc->error_line <= lines);
		return;
	}
	MUST(!doc->error[0] && !doc->error_line);
	for (size_t i = 0; i < doc->count; i++) {
		const struct doc_item *item = &doc->items[i];

		MUST(item->key && item->key[0] && item->value && strlen(item->key) <= DOC_KEY_MAX);
		MUST(item->line >= line && item->line <= lines); /* the order of the text */
		line = item->line;
	}
	if (doc->count)
		qsort(doc->items, doc->count, sizeof *doc->items, by_key);
	for (size_t i = 1; i < doc->count; i++)
		MUST(strcmp(doc->items[i - 1].key, doc->items[i].key) != 0);
}

static void check_same(const struct doc *a, const struct doc *b)
{
	MUST(a->count == b->count);
	for (size_t i = 0; i < a->count; i++)
		MUST(strcmp(a->items[i].key, b->items[i].key) == 0 && strcmp(a->items[i].value, b->items[i].value) == 0);
}

static const struct format *const formats[] = {
	NULL, &format_toml, &format_ini, &format_yaml, &format_json, &format_hcl, &format_env, &format_properties,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct format *format = size ? formats[data[0] % ARRAY_LEN(formats)] : NULL;
	const char *text = (const char *)data + (size ? 1 : 0);
	struct doc doc, again;
	bool ok;

	size -= size ? 1 : 0;
	ok = format_read(&doc, format, text, size);
	check_doc(&doc, ok, text, size);
	if (ok && format == &format_json) { /* JSON is YAML, as far as both read it */
		if (format_read(&again, &format_yaml, text, size)) {
			check_doc(&again, true, text, size);
			check_same(&doc, &again);
		}
		doc_free(&again);
	}
	doc_free(&doc);
	return 0;
}
