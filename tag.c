#include "base.h"
#include "tag.h"

#include <stdlib.h>
#include <string.h>

#include "service_option.h"
#include "wish.h"

#define OLD_WORD "dyntcp" /* means the same while the word is dill */

static bool takes_old(const char *word)
{
	return strcmp(word, "dill") == 0;
}

bool tag_is_mark(struct slice tag, const char *word)
{
	return slice_is(tag, word) || (takes_old(word) && slice_is(tag, OLD_WORD));
}

/* Takes `word.` off the key. */
static bool tag_skip_word(struct slice *key, const char *word)
{
	size_t len = strlen(word);

	if (key->len <= len || key->at[len] != '.' || !slice_starts(*key, word))
		return false;
	*key = slice_skip(*key, len + 1);
	return true;
}

enum tag_kind tag_read(struct slice tag, const char *word, struct slice *value)
{
	const char *equals = tag.len ? memchr(tag.at, '=', tag.len) : NULL;
	struct slice key = equals ? slice_between(tag.at, equals) : tag;
	int option;

	*value = (struct slice){ NULL, 0 };
	if (tag_is_mark(tag, word))
		return TAG_MARK;
	if (!tag_skip_word(&key, word) && !(takes_old(word) && tag_skip_word(&key, OLD_WORD)))
		return TAG_FOREIGN;
	if (!equals)
		return TAG_UNKNOWN;
	option = service_option_find(key);
	if (option >= 0 || slice_is(key, "listener"))
		*value = slice_trim(slice_between(equals + 1, tag.at + tag.len));
	return option >= 0 ? (enum tag_kind)(TAG_OPTION + option) : value->at ? TAG_LISTENER : TAG_UNKNOWN;
}

/* Two tags for one option count as one tag with both values: a list of networks gets longer, and every other option
 * refuses two values. */
static void apply_option(struct service *service, int option, struct slice value, const char *tag)
{
	const struct service_setting *setting = service_setting(service, option);
	const char *before = setting ? setting->value : NULL;
	struct buf both = { 0 };

	if (before && (option == SERVICE_PROXY ? slice_is(value, before) : slice_is_nocase(value, before)))
		return;
	if (before && !*before) /* an empty value stays wrong */
		return;
	if (before && option == SERVICE_PROXY) { /* joined, a password might be shown */
		service->fault = "its instance has two tags for its proxy";
		return;
	}
	if (before && value.len)
		buf_printf(&both, "%s,", before);
	buf_add(&both, value.at, value.len);
	service_set(service, option, slice_of(both.data), tag);
	buf_free(&both);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_wish(const void *a, const void *b)
{
	return strcmp(((const struct wish *)a)->text, ((const struct wish *)b)->text);
}

void tag_apply(struct service *service, const char **tags, size_t count, const char *word)
{
	if (count)
		qsort(tags, count, sizeof *tags, by_text);
	for (size_t i = 0; i < count; i++) {
		struct slice value;
		enum tag_kind kind = tag_read(slice_of(tags[i]), word, &value);

		if (kind == TAG_LISTENER)
			service_wish(service, value, tags[i]);
		else if (kind >= TAG_OPTION)
			apply_option(service, (int)kind - TAG_OPTION, value, tags[i]);
	}
	if (service->wish_count > 1) /* tags are sorted, but dyntcp.listener comes after dill.listener */
		qsort(service->wishes, service->wish_count, sizeof *service->wishes, by_wish);
}
