#include "base.h"
#include "manifest.h"

#include <string.h>

#include "doc.h"
#include "format.h"
#include "manifest_variable.h"
#include "service.h"
#include "text.h"

#define SHOWN_MAX 512 /* bytes of a value, in a message */

static bool is_below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return slice_is_nocase(slice_first(slice_of(key), strnlen(key, len)), table) && strchr(".[", key[len]);
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

static void set_place(struct reading *reading, int line)
{
	if (reading->line == line)
		return;
	reading->line = line;
	reading->at.len = 0;
	buf_puts(&reading->at, reading->name);
	buf_puts(&reading->at, ":");
	buf_number(&reading->at, (unsigned)line);
}

static bool take_item(void *arg, const struct doc_item *item)
{
	struct reading *reading = arg;
	const char *reason, *key = key_of_item(reading->manifest, reading->format, item);

	reading->some = true;
	set_place(reading, item->line);
	reason = read_item(reading->manifest, reading->format, item, key, reading->at.data);
	if (!reason)
		return true;
	buf_printf(reading->why, "%s: %s: \"", reading->at.data, item->key);
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

struct service_list *manifest_read_state(const char *text, size_t len, const char *name, struct buf *why)
{
	struct manifest manifest;

	manifest_open(&manifest, false);
	manifest.state = manifest.list->checked = manifest.list->remembered = true;
	return read_manifest(&manifest, &format_json, (struct slice){ text, len }, name, why);
}
