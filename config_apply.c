#include "base.h"
#include "config_apply.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bind.h"
#include "doc.h"
#include "log.h"
#include "option.h"
#include "sources.h"
#include "sys.h"

/* The rest of a key that is below this table; NULL: it is not. */
static const char *name_below(const char *key, const char *table)
{
	return config_below(key, table) && key[strlen(table)] == '.' ? key + strlen(table) + 1 : NULL;
}

static const char *label_of(const char *key)
{
	return name_below(key, "listeners.allowed");
}

static const char *pattern_of(const char *key)
{
	return name_below(key, "listeners.bind");
}

static bool is_service(const char *key)
{
	return config_below(key, "services") || config_below(key, "apps");
}

bool config_is_key(const struct config *config, const char *key)
{
	struct config_table *table;

	return config_find(config, key, &table) || label_of(key) || pattern_of(key) || is_service(key) || sources_lack_key(key);
}

/* Shapes: what stands at a key, and what belongs there. */

static const char a_value[] = "a value", a_list[] = "a list", a_table[] = "a table";

/* What belongs to a key. */
static const char *wanted_at(enum config_place place, const struct option *row)
{
	if (place == CONFIG_ABOVE || row->type == OPTION_LABELS || row->type == OPTION_BIND)
		return a_table;
	return option_is_list(row) ? a_list : a_value;
}

/* What stands there. A list or table of one option may be written as a value. */
static const char *found_at(enum config_place place, const char *wanted, const struct config_setting *setting, size_t len)
{
	const char *rest = setting->key + len;

	if (place == CONFIG_BELOW || (wanted == a_list && strchr(rest, '.')) || setting->shape == DOC_EMPTY_TABLE)
		return a_table;
	if (*rest || setting->shape == DOC_EMPTY_LIST)
		return a_list;
	return place == CONFIG_ABOVE ? a_value : wanted;
}

/* Once for a list or table, not for each of its members. */
static void complain_shape(struct config *config, const struct config_setting *setting, size_t len, const char *wanted,
                           const char *found, const struct option *row)
{
	const char *place = arena_dup(&config->scratch, setting->key, len);
	bool above = wanted == a_table && row->type != OPTION_LABELS && row->type != OPTION_BIND;

	if (!config->misshapen || strcmp(config->misshapen, place) != 0)
		config_error(config, above ? "%s: %s: %s expected, not %s; there is %s" : "%s: %s: %s expected, not %s",
		             setting->origin, place, wanted, found, row->key);
	config->misshapen = place;
}

bool config_misshapen(struct config *config, const struct config_setting *setting)
{
	for (size_t t = 0; t < config->table_count && !is_service(setting->key); t++)
		for (size_t i = 0; i < config->tables[t].count; i++) {
			const struct option *row = &config->tables[t].rows[i];
			size_t len;
			enum config_place place = config_place(&config->tables[t], row, setting->key, &len);
			const char *wanted = wanted_at(place, row), *found = found_at(place, wanted, setting, len);

			if (place && found != wanted)
				complain_shape(config, setting, len, wanted, found, row);
			if (place)
				return found != wanted || place == CONFIG_ABOVE;
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

bool config_apply(struct config *config, const struct config_setting *setting)
{
	const char *why = NULL;
	bool known = true;

	if (is_service(setting->key)) {
		if (*setting->value && !strpbrk(setting->key, ".["))
			why = "is not a table of services";
		else
			keep_service(config, setting);
	} else if (label_of(setting->key)) {
		why = option_add_label(&config->labels, slice_of(label_of(setting->key)), slice_trim(slice_of(setting->value)),
		                       setting->origin, &config->memory);
	} else if (pattern_of(setting->key)) {
		why = bind_add(&config->bind, slice_of(pattern_of(setting->key)), slice_trim(slice_of(setting->value)),
		               setting->origin, &config->memory);
	} else if (setting->shape == DOC_EMPTY_TABLE && config_below(setting->key, "listeners.bind")) {
		why = "names no pattern"; /* whether that is meant to be none of them, or no policy, nobody knows */
	} else if (sources_lack_key(setting->key)) {
		why = "belongs to a source that this dill does not have: it was built with AWS=no";
	} else {
		why = config_set(config, setting, &known);
	}
	if (why)
		config_complain(config, setting, why);
	return known;
}

/* A key below a table's other name as it is below the first one. */
static const char *own_name(struct arena *memory, const struct config_table *table, const char *key)
{
	bool other = table->alias && config_below(key, table->alias);

	return other ? text_printf(memory, "%s%s", table->prefix, key + strlen(table->alias)) : key;
}

/* `services` and `apps` are compared with a key's first part: what follows is the user's own. That of a table of options is
 * no misspelt one of them. */
const char *config_nearest(const struct config *config, const char *key)
{
	struct arena memory = { 0 };
	const char *lower = config_lower(&memory, slice_of(key)), *best = NULL;
	const char *head = config_lower(&memory, slice_first(slice_of(key), strcspn(key, ".[")));
	int least = INT_MAX;
	bool options = false;

	for (size_t t = 0; t < config->table_count; t++) {
		const struct config_table *table = &config->tables[t];
		const char *own = own_name(&memory, table, lower);

		for (size_t i = 0; i < table->count; i++) {
			text_nearer(table->rows[i].key, own, &least, &best);
			options = options || config_below(table->rows[i].key, head);
		}
	}
	if (!options) {
		text_nearer("services", head, &least, &best);
		text_nearer("apps", head, &least, &best);
	}
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
