#include "base.h"
#include "tag.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "service_option.h"
#include "wish.h"

#define OLD_WORD "dyntcp" /* means the same while the word is dill */

const char *tag_check_word(const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return !*word || word[strspn(word, letters)] ? "is not a word of letters, digits, '_', '.' and '-'" : NULL;
}

static bool takes_old(const char *word)
{
	return strcmp(word, "dill") == 0;
}

bool tag_is_mark(struct slice tag, const char *word)
{
	return slice_is(tag, word) || (takes_old(word) && slice_is(tag, OLD_WORD));
}

/* Takes `word.` off the key, in any letter case, and blanks before it. */
static bool tag_skip_word(struct slice *key, const char *word)
{
	struct slice rest = slice_between(slice_trim(*key).at, key->at + key->len);
	size_t len = strlen(word);

	if (rest.len <= len || rest.at[len] != '.' || !slice_is_nocase(slice_first(rest, len), word))
		return false;
	*key = slice_skip(rest, len + 1);
	return true;
}

/* The word that a key begins with, and takes it off; NULL: none of dill's. */
static const char *tag_word(struct slice *key, const char *word)
{
	if (tag_skip_word(key, word))
		return word;
	return takes_old(word) && tag_skip_word(key, OLD_WORD) ? OLD_WORD : NULL;
}

enum tag_kind tag_read(struct slice tag, const char *word, struct slice *value)
{
	const char *equals = tag.len ? memchr(tag.at, '=', tag.len) : NULL;
	struct slice key = equals ? slice_between(tag.at, equals) : tag;
	const char *own;
	int option;

	*value = (struct slice){ NULL, 0 };
	if (tag_is_mark(tag, word))
		return TAG_MARK;
	own = tag_word(&key, word);
	if (!own)
		return TAG_FOREIGN;
	if (!equals || !slice_starts(tag, own))
		return TAG_UNKNOWN;
	option = service_option_find(key);
	if (option >= 0 || slice_is(key, "listener"))
		*value = slice_trim(slice_between(equals + 1, tag.at + tag.len));
	return option >= 0 ? (enum tag_kind)(TAG_OPTION + option) : value->at ? TAG_LISTENER : TAG_UNKNOWN;
}

size_t tag_harmless_len(struct slice tag)
{
	const char *equals = tag.len ? memchr(tag.at, '=', tag.len) : NULL, *at = tag.len ? memchr(tag.at, '@', tag.len) : NULL;
	size_t open = equals ? (size_t)(equals + 1 - tag.at) : tag.len, login = strcspn(tag.at, at ? ":@?#" : "?#");

	return open < login ? open : login;
}

static bool is_known(struct slice name)
{
	return slice_is(name, "listener") || service_option_find(name) >= 0;
}

/* The name that was meant, as near as can be told; NULL: none is near. Only its first word counts, in any letter case. */
static const char *nearest_name(struct slice name)
{
	const char *best = NULL;
	int least = INT_MAX;
	char lower[32];
	size_t len = 0;

	for (; len < name.len && len < sizeof lower - 1 && !strchr(" \t=:", name.at[len]); len++)
		lower[len] = text_lower(name.at[len]);
	lower[len] = '\0';
	text_nearer("listener", lower, &least, &best);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		text_nearer(service_option_name(i), lower, &least, &best);
	return len ? best : NULL;
}

/* As in `dill.allow = 10.0.0.0/8`. */
static bool has_blank_before_equals(struct slice name)
{
	const char *equals = name.len ? memchr(name.at, '=', name.len) : NULL;

	return equals && equals > name.at && strchr(" \t", equals[-1]) && is_known(slice_trim(slice_between(name.at, equals)));
}

void tag_put_unknown(struct slice tag, const char *word, struct buf *out)
{
	struct slice name = tag;
	const char *own = tag_word(&name, word), *nearest = nearest_name(name);

	if (is_known(name) && slice_starts(tag, own)) {
		buf_puts(out, "without a value");
	} else if (has_blank_before_equals(name) && slice_starts(tag, own)) {
		buf_puts(out, "written with a blank before its =");
	} else if (nearest) {
		buf_printf(out, "unknown; the nearest one is %s.%s", own, nearest);
	} else {
		buf_printf(out, "unknown; there are %s.listener", own);
		for (int i = 0; i < SERVICE_OPTIONS; i++)
			buf_printf(out, "%s.%s", i + 1 < SERVICE_OPTIONS ? ", " : " and ", service_option_name(i));
	}
}

/* The instance is not routed. One without a good wish gets a wish all the same, or nobody would be told. */
static void refuse_unknown(struct service *service, const char *tag, const char *word)
{
	struct slice text = slice_of(tag), shown = slice_first(text, tag_harmless_len(text));
	struct buf why = { 0 };

	if (shown.len && shown.at[shown.len - 1] == '=')
		shown.len--;
	buf_puts(&why, "its tag ");
	buf_visible(&why, shown.at, shown.len);
	buf_puts(&why, " is ");
	tag_put_unknown(text, word, &why);
	service->fault = service_text(service, why.data);
	if (!service->wish_count) {
		service_wish(service, shown, tag);
		service->wishes[0].why = service->fault;
	}
	buf_free(&why);
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
	const char *unknown = NULL;

	if (count)
		qsort(tags, count, sizeof *tags, by_text);
	for (size_t i = 0; i < count; i++) {
		struct slice value;
		enum tag_kind kind = tag_read(slice_of(tags[i]), word, &value);

		if (kind == TAG_LISTENER)
			service_wish(service, value, tags[i]);
		else if (kind >= TAG_OPTION)
			apply_option(service, (int)kind - TAG_OPTION, value, tags[i], &joined[(int)kind - TAG_OPTION]);
		else if (kind == TAG_UNKNOWN && !unknown)
			unknown = tags[i];
	}
	set_options(service, joined);
	if (unknown)
		refuse_unknown(service, unknown, word);
	if (service->wish_count > 1) /* tags are sorted, but dyntcp.listener comes after dill.listener */
		qsort(service->wishes, service->wish_count, sizeof *service->wishes, by_wish);
}
