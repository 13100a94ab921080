#include "base.h"
#include "manifest.h"

#include <string.h>
#include <strings.h>

#include "doc.h"
#include "format.h"
#include "manifest_variable.h"
#include "service.h"
#include "text.h"

#define SHOWN_MAX 512 /* bytes of a value, in a message */

static bool is_below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return strncasecmp(key, table, len) == 0 && strchr(".[", key[len]);
}

static bool is_of_services(const char *key)
{
	return key && (is_below(key, "services") || is_below(key, "apps"));
}

/* The key that an item means: variables of an env file have the names that they have in the environment. NULL: none. */
static const char *key_of_item(struct manifest *manifest, const struct format *format, const struct doc_item *item)
{
	struct slice name = slice_of(item->key);

	if (!format->variables || strchr(item->key, '.'))
		return item->key;
	name = slice_starts(name, "DILL_") ? slice_skip(name, 5) : slice_starts(name, "DYNTCP_") ? slice_skip(name, 7) : name;
	return name.at > item->key ? manifest_variable(&manifest->list->memory, name) : NULL;
}

/* One item of a document. Returns NULL or the reason. */
static const char *read_item(struct manifest *manifest, const struct format *format, const struct doc_item *item,
                             const char *key, const char *origin)
{
	if (!is_of_services(key))
		return "is neither below services nor below apps";
	if (format->lists && item->shape == DOC_SCALAR && !strpbrk(key, ".["))
		return "is not a list of services";
	return manifest_key(manifest, key, item->value, origin, 0);
}

/* The first one. */
static void complain_once(void *arg, const char *origin, const char *place, const char *why)
{
	struct buf *out = arg;

	if (!out->len)
		buf_printf(out, "%s: %s %s", origin, place, why);
}

/* A document on its way into the manifest. Its items are not kept: of a large one they would take more than all else. */
struct reading {
	struct manifest *manifest;
	const struct format *format;
	const char *name;
	struct buf *why, at; /* where an item stands: the name, a colon, and this line */
	int line;            /* 0: none yet */
	bool some;
};

static const char *item_place(struct reading *reading, int line)
{
	if (reading->line == line)
		return reading->at.data;
	reading->line = line;
	reading->at.len = 0;
	buf_puts(&reading->at, reading->name);
	buf_puts(&reading->at, ":");
	buf_number(&reading->at, (unsigned)line);
	return reading->at.data;
}

static bool take_item(void *arg, const struct doc_item *item)
{
	struct reading *reading = arg;
	const char *reason, *key = key_of_item(reading->manifest, reading->format, item);

	reading->some = true;
	reading->manifest->line = item->line;
	reason = read_item(reading->manifest, reading->format, item, key,
	                   reading->manifest->document ? NULL : item_place(reading, item->line));
	if (!reason)
		return true;
	buf_printf(reading->why, "%s: %s: \"", item_place(reading, item->line), item->key);
	reading->at.len = 0;
	if (!is_of_services(key) || !manifest_is_key(key))
		buf_puts(&reading->at, "********");
	else
		buf_masked(&reading->at, item->value);
	buf_visible(reading->why, reading->at.data, reading->at.len < SHOWN_MAX ? reading->at.len : SHOWN_MAX);
	buf_printf(reading->why, "\" %s", reason);
	return false;
}

static struct service_list *read_manifest(struct manifest *manifest, const struct format *format, struct slice text,
                                          const char *name, struct buf *why)
{
	struct reading reading = { .manifest = manifest, .format = format, .name = name, .why = why };
	struct doc doc;
	bool fine;

	why->len = 0;
	fine = format_each(&doc, format, text.at, text.len, take_item, &reading);
	if (!fine && !why->len)
		buf_printf(why, "%s:%d: %s", name, doc.error_line, doc.error);
	else if (fine && !reading.some)
		buf_printf(why, "%s is empty (services = [] removes all of them)", name);
	fine = fine && reading.some && manifest_finish(manifest, complain_once, why);
	doc_free(&doc);
	buf_free(&reading.at);
	if (fine)
		return manifest_take(manifest);
	manifest_drop(manifest);
	return NULL;
}

struct service_list *manifest_read(const struct format *format, const char *text, size_t len, const char *name,
                                   bool trusted, struct buf *why)
{
	struct manifest manifest;

	manifest_open(&manifest, trusted);
	return read_manifest(&manifest, format, (struct slice){ text, len }, name, why);
}

/* Do both have the same services, at the same lines? */
static bool same_lists(const struct service_list *a, const struct service_list *b)
{
	return a->count == b->count && (!a->count || (memcmp(a->items, b->items, a->count * sizeof *a->items) == 0 &&
	                                              memcmp(a->lines, b->lines, a->count * sizeof *a->lines) == 0));
}

static void keep_newer(struct manifest_document *document, struct service_list *list)
{
	struct service_list *last = document->list;

	if (last)
		service_adopt(list->items, list->count, last->items, last->count);
	if (last && same_lists(last, list)) {
		service_list_unref(list);
		return;
	}
	document->news = last && service_list_equal(last, list) ? MANIFEST_MOVED : MANIFEST_OTHER;
	document->list = list;
	service_list_unref(last);
}

struct service_list *manifest_read_again(struct manifest_document *document, const struct format *format, struct slice text,
                                         const char *name, bool trusted, struct buf *why)
{
	uint64_t digest = text_hash(TEXT_HASH, text.at, text.len);
	struct service_list *list;
	struct manifest manifest;

	document->news = MANIFEST_SAME;
	if (document->format != format || document->len != text.len || document->digest != digest) {
		manifest_open(&manifest, trusted);
		manifest.document = name;
		list = read_manifest(&manifest, format, text, name, &document->fault);
		document->format = format;
		document->len = text.len;
		document->digest = digest;
		if (list)
			keep_newer(document, list);
	}
	why->len = 0;
	if (!document->fault.len)
		return service_list_ref(document->list);
	buf_add(why, document->fault.data, document->fault.len);
	return NULL;
}

void manifest_forget(struct manifest_document *document)
{
	service_list_unref(document->list);
	buf_free(&document->fault);
}

struct service_list *manifest_read_state(const char *text, size_t len, const char *name, struct buf *why)
{
	struct manifest manifest;

	manifest_open(&manifest, false);
	manifest.state = manifest.list->checked = manifest.list->remembered = true;
	return read_manifest(&manifest, &format_json, (struct slice){ text, len }, name, why);
}
