#include "base.h"
#include "config_apply.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doc.h"
#include "log.h"
#include "option.h"
#include "sources.h"
#include "sys.h"

#define ALLOWED "listeners.allowed"

static bool is_label(const char *key)
{
	return config_below(key, ALLOWED) && key[sizeof ALLOWED - 1] == '.';
}

static bool is_service(const char *key)
{
	return config_below(key, "services") || config_below(key, "apps");
}

bool config_is_key(const struct config *config, const char *key)
{
	struct config_table *table;

	return config_find(config, key, &table) || is_label(key) || is_service(key) || sources_lack_key(key);
}

/* Shapes: what stands at a key, and what belongs there. */

/* Why the shape is wrong for an option that is called `name`; NULL: it is right, or the key has to do with another
 * option; "": an empty table of options. *wrong: how much of the key leads to the place. */
static const char *shape_error(const struct option *row, const char *name, const struct config_setting *setting,
                               size_t *wrong)
{
	const char *key = setting->key;
	size_t len = strlen(name), head = strcspn(key, "[");
	bool list = key[head] || setting->shape == DOC_EMPTY_LIST, many = row->type == OPTION_NETWORKS;

	*wrong = head < len ? head : len;
	if (strncasecmp(key, name, *wrong) != 0)
		return NULL;
	if (head < len && name[head] == '.')
		return list ? "a table expected, not a list" : setting->shape == DOC_SCALAR ? "a table expected, not a value" : "";
	if (head < len || (key[len] && key[len] != '.' && key[len] != '['))
		return NULL;
	if (row->type == OPTION_LABELS)
		return head == len && list ? "a table of labels expected, not a list" : NULL;
	if (key[len] == '.' || (!key[len] && setting->shape == DOC_EMPTY_TABLE))
		return many ? "a list expected, not a table" : "a value expected, not a table";
	if (list && many)
		return strchr(key + len, '.') ? "a list of values expected, not of tables" : NULL;
	return list ? "a value expected, not a list" : NULL;
}

/* The same for an option under all its names. *name: the one. */
static const char *shape_error_of(const struct config_table *table, const struct option *row,
                                  const struct config_setting *setting, char name[DOC_KEY_MAX], size_t *wrong)
{
	const char *why;

	snprintf(name, DOC_KEY_MAX, "%s", row->key);
	why = shape_error(row, name, setting, wrong);
	if (!why && row->other_is == OPTION_KEY) {
		snprintf(name, DOC_KEY_MAX, "%s", row->other);
		why = shape_error(row, name, setting, wrong);
	}
	if (!why && table->alias) {
		snprintf(name, DOC_KEY_MAX, "%s%s", table->alias, row->key + strlen(table->prefix));
		why = shape_error(row, name, setting, wrong);
	}
	return why;
}

/* Once for a list or table, not for each of its members. */
static void complain_shape(struct config *config, const struct config_setting *setting, size_t wrong, const char *name,
                           const char *why)
{
	const char *place = arena_dup(&config->scratch, setting->key, wrong);
	bool shorter = wrong < strlen(name);

	if (config->misshapen && strcmp(config->misshapen, place) == 0)
		return;
	config->misshapen = place;
	config_error(config, "%s: %s: %s%s%s", setting->origin, place, why, shorter ? "; there is " : "", shorter ? name : "");
}

bool config_misshapen(struct config *config, const struct config_setting *setting)
{
	char name[DOC_KEY_MAX];
	size_t wrong;

	if (is_service(setting->key))
		return false;
	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++) {
			const struct config_table *table = &config->tables[t];
			const char *why = shape_error_of(table, &table->rows[i], setting, name, &wrong);

			if (why && *why)
				complain_shape(config, setting, wrong, name, why);
			if (why)
				return true;
		}
	return false;
}

/* Settings. */

static void keep_service(struct config *config, const struct config_setting *setting)
{
	SYS_GROW(config->services, config->service_count, config->service_cap);
	config->services[config->service_count++] = (struct config_setting){
		.key = arena_dup(&config->scratch, setting->key, strlen(setting->key)),
		.value = arena_dup(&config->scratch, setting->value, strlen(setting->value)),
		.origin = setting->origin, .layer = setting->layer
	};
}

static void refuse_absent(struct config *config, struct config_setting setting)
{
	struct buf why = { 0 }, names = { 0 };

	sources_put_names(" and ", &names);
	buf_printf(&why, "belongs to a source that this version does not have (there are %s)", names.data);
	if (sources_lack_secret(setting.key))
		setting.value = "********";
	config_complain(config, &setting, why.data);
	buf_free(&why);
	buf_free(&names);
}

bool config_apply(struct config *config, const struct config_setting *setting)
{
	const char *why = NULL;
	bool known = true;

	if (is_service(setting->key)) {
		if (*setting->value && !strpbrk(setting->key, ".["))
			why = "is not a table of services";
		else
			keep_service(config, setting);
	} else if (sources_lack_key(setting->key)) {
		refuse_absent(config, *setting);
	} else if (is_label(setting->key)) {
		why = option_add_label(&config->labels, slice_of(setting->key + sizeof ALLOWED),
		                       slice_trim(slice_of(setting->value)), setting->origin, &config->memory);
	} else {
		why = config_set(config, setting, &known);
	}
	if (why)
		config_complain(config, setting, why);
	return known;
}

/* `services` and `apps` are compared with a key's first part: what follows is the user's own. */
const char *config_nearest(const struct config *config, const char *key)
{
	struct arena memory = { 0 };
	const char *lower = config_lower(&memory, slice_of(key)), *best = NULL;
	const char *head = config_lower(&memory, slice_first(slice_of(key), strcspn(key, ".[")));
	int least = INT_MAX;

	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++)
			text_nearer(config->tables[t].rows[i].key, lower, &least, &best);
	text_nearer("services", head, &least, &best);
	text_nearer("apps", head, &least, &best);
	arena_free(&memory);
	return best;
}

void config_unknown(struct config *config, const char *key, const char *origin)
{
	const char *nearest = config_nearest(config, key);

	config->unknown++;
	log_complain(LOG_WARN, nearest ? "%s: unknown key %s; the nearest one is %s" : "%s: unknown key %s", origin, key,
	             nearest);
}

const char *config_origin(struct config *config, const char *file, int line)
{
	return text_printf(&config->scratch, line ? "%s:%d" : "%s", file, line);
}
