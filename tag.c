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

/* What the tags so far say of one option. They are joined beside the service's memory, which would keep every stage. */
struct joined {
	struct buf value;
	const char *tag; /* the last one that counts; NULL: there is none */
};

/* Two tags for one option count as one tag with both values: a list of networks gets longer, and every other option
 * refuses two values. */
static void apply_option(struct service *service, int option, struct slice value, const char *tag, struct joined *joined)
{
	struct buf *both = &joined->value;
	bool first = !joined->tag, alike = !first && value.len == both->len;

	if (alike && (option == SERVICE_PROXY ? slice_is(value, both->data) : slice_is_nocase(value, both->data)))
		return;
	if (!first && !both->len) /* an empty value stays wrong */
		return;
	if (!first && option == SERVICE_PROXY) { /* joined, a password might be shown */
		service->fault = "its instance has two tags for its proxy";
		return;
	}
	joined->tag = tag;
	both->len = value.len ? both->len : 0;
	buf_puts(both, both->len ? "," : "");
	buf_add(both, value.at, value.len);
}

static void set_options(struct service *service, struct joined all[SERVICE_OPTIONS])
{
	for (int option = 0; option < SERVICE_OPTIONS; option++) {
		if (all[option].tag)
			service_set(service, option, slice_of(all[option].value.data), all[option].tag);
		buf_free(&all[option].value);
	}
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
	struct joined joined[SERVICE_OPTIONS] = { 0 };

	if (count)
		qsort(tags, count, sizeof *tags, by_text);
	for (size_t i = 0; i < count; i++) {
		struct slice value;
		enum tag_kind kind = tag_read(slice_of(tags[i]), word, &value);

		if (kind == TAG_LISTENER)
			service_wish(service, value, tags[i]);
		else if (kind >= TAG_OPTION)
			apply_option(service, (int)kind - TAG_OPTION, value, tags[i], &joined[(int)kind - TAG_OPTION]);
	}
	set_options(service, joined);
	if (service->wish_count > 1) /* tags are sorted, but dyntcp.listener comes after dill.listener */
		qsort(service->wishes, service->wish_count, sizeof *service->wishes, by_wish);
}
