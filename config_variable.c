#include "base.h"
#include "config_variable.h"

#include <string.h>
#include <strings.h>

#include "config_apply.h"
#include "doc.h"
#include "format.h"
#include "log.h"
#include "manifest.h"
#include "option.h"
#include "sources.h"
#include "sys.h"
#include "text.h"

/* The name without its prefix; NULL: it has none of ours. */
static const char *strip_prefix(const char *variable)
{
	if (strncmp(variable, "DILL_", 5) == 0)
		return variable + 5;
	return strncmp(variable, "DYNTCP_", 7) == 0 ? variable + 7 : NULL;
}

/* Whether a name, up to `len`, is the variable of a key: PEEK_LISTENER of peek.listener. */
static bool is_variable(const char *key, const char *name, size_t len)
{
	size_t i = 0;

	for (; i < len && key[i]; i++)
		if (name[i] != (key[i] == '.' ? '_' : key[i] >= 'a' && key[i] <= 'z' ? key[i] - 32 : key[i]))
			return false;
	return i == len && !key[i];
}

/* ROUTING_CONSUL_TOKEN is consul.token, too. */
static bool is_alias_variable(const struct config_table *table, const char *key, struct slice name)
{
	size_t len = table->alias ? strlen(table->alias) : 0;

	return len && name.len > len && is_variable(table->alias, name.at, len) &&
	       is_variable(key + strlen(table->prefix), name.at + len, name.len - len);
}

static const char *option_of(const struct config *config, struct slice name)
{
	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++) {
			const struct option *row = &config->tables[t].rows[i];

			if (is_variable(row->key, name.at, name.len) ||
			    (row->other_is == OPTION_KEY && is_variable(row->other, name.at, name.len)) ||
			    is_alias_variable(&config->tables[t], row->key, name))
				return row->key;
		}
	return NULL;
}

/* A key of a source that is not here. */
static const char *absent_key(struct config *config, struct slice name)
{
	char *key = arena_dup(&config->scratch, name.at, name.len);

	for (char *p = key; *p; p++)
		*p = *p == '_' ? '.' : *p;
	key = (char *)config_lower(&config->scratch, slice_of(key));
	return sources_lack_key(key) ? key : NULL;
}

/* The key that a variable, without its prefix, sets; NULL: none. */
static const char *key_of(struct config *config, struct slice name)
{
	static const char allowed[] = "LISTENERS_ALLOWED_";
	const char *key = manifest_variable(&config->scratch, name);

	if (!key)
		key = option_of(config, name);
	if (key)
		return key;
	if (slice_starts(name, allowed) && name.len >= sizeof allowed) {
		name = slice_skip(name, sizeof allowed - 1);
		return text_printf(&config->scratch, "listeners.allowed.%s", config_lower(&config->scratch, name));
	}
	return slice_is(name, "SERVICES") ? "services" : slice_is(name, "APPS") ? "apps" : absent_key(config, name);
}

/* The value of PREFIX + name. NULL: it is not set. */
static const char *lookup(char **variables, const char *prefix, struct slice name)
{
	for (; *variables; variables++) {
		struct slice rest = slice_of(*variables);

		if (slice_starts(rest, prefix) && (rest = slice_skip(rest, strlen(prefix))).len > name.len &&
		    memcmp(rest.at, name.at, name.len) == 0 && rest.at[name.len] == '=')
			return rest.at + name.len + 1;
	}
	return NULL;
}

/* The key of an item as if its service were written by name: the place in a list of its own layer means nothing to
 * others. NULL: it has no name. */
static const char *key_by_name(struct config *config, const struct doc *doc, size_t at)
{
	const char *key = doc->items[at].key, *end = strchr(key, ']');
	size_t len = end ? (size_t)(end + 1 - key) : 0;

	if (!len)
		return key;
	while (at && strncmp(doc->items[at - 1].key, key, len) == 0)
		at--;
	for (; at < doc->count && strncmp(doc->items[at].key, key, len) == 0; at++)
		if (strcasecmp(doc->items[at].key + len, ".name") == 0)
			return text_printf(&config->scratch, "%.*s.%s%s", (int)strcspn(key, "["), key, doc->items[at].value, end + 1);
	return NULL;
}

/* DILL_SERVICES=[{"name": ...}]: the same tree as in a JSON file. */
static void apply_tree(struct config *config, struct config_setting setting)
{
	const char *tree = setting.key;
	struct buf text = { 0 };
	struct doc doc = { 0 };

	buf_printf(&text, "{\"%s\":%s}", tree, setting.value);
	if (!format_read(&doc, &format_json, text.data, text.len))
		config_error(config, "%s: %s", setting.origin, doc.error);
	for (size_t i = 0; i < doc.count; i++) {
		setting.key = key_by_name(config, &doc, i);
		setting.value = doc.items[i].value;
		if (setting.key)
			config_apply(config, &setting);
		else
			config_error(config, "%s: %s: its service has no name", setting.origin, doc.items[i].key);
	}
	doc_free(&doc);
	buf_free(&text);
}

static void apply_variable(struct config *config, const char *variable, const char *key, const char *origin)
{
	const char *equals = strchr(variable, '=');
	struct config_setting setting = { .key = key, .value = equals + 1, .origin = origin, .layer = CONFIG_FILE };

	if (!origin) {
		setting.origin = arena_dup(&config->scratch, variable, (size_t)(equals - variable));
		setting.layer = CONFIG_ENVIRONMENT;
	}
	if (strcmp(key, "services") == 0 || strcmp(key, "apps") == 0)
		apply_tree(config, setting);
	else
		config_apply(config, &setting);
}

/* The key of one NAME=value; in a file the dotted form is a key by itself. NULL: nobody knows it, or another one
 * counts. */
static const char *find_key(struct config *config, const char *variable, char **variables, bool of_file, bool *unknown)
{
	const char *equals = strchr(variable, '='), *name = strip_prefix(variable), *key;
	struct slice rest = { NULL, 0 };

	*unknown = false;
	if (equals && name && name <= equals) {
		rest = slice_between(name, equals);
		if (name == variable + 7 && lookup(variables, "DILL_", rest))
			return NULL; /* the new name counts */
		key = key_of(config, rest);
	} else {
		key = of_file && equals ? arena_dup(&config->scratch, variable, (size_t)(equals - variable)) : NULL;
		key = key && strchr(key, '.') && config_is_key(config, key) ? key : NULL;
	}
	*unknown = !key;
	return key;
}

void config_variables(struct config *config, char **variables, const char *const *origins)
{
	for (int single = 0; single < 2; single++)
		for (size_t i = 0; variables[i]; i++) {
			bool unknown;
			const char *key = find_key(config, variables[i], variables, origins, &unknown);

			if (key && (strncasecmp(key, "listeners.allowed.", 18) == 0) == single)
				apply_variable(config, variables[i], key, origins ? origins[i] : NULL);
			else if (unknown && origins && !single)
				config_unknown(config, text_printf(&config->scratch, "%.*s", (int)strcspn(variables[i], "="), variables[i]),
				               origins[i]);
		}
}

void config_foreign_variables(struct config *config, char **variables)
{
	for (size_t s = 0; s < source_count; s++)
		for (size_t i = 0; config->uses[s] && i < sources[s]->option_count; i++) {
			const struct option *row = &sources[s]->options[i];
			bool has = row->other_is == OPTION_VARIABLE;
			const char *value = has ? lookup(variables, "", slice_of(row->other)) : NULL;

			if (value && *value && config->tables[1 + s].marks[i].layer == CONFIG_DEFAULT)
				config_apply(config, &(struct config_setting){ .key = row->key, .value = value, .origin = row->other });
		}
}

void config_unknown_variables(struct config *config, char **variables)
{
	for (; *variables; variables++) {
		const char *name = strip_prefix(*variables), *equals = name ? strchr(name, '=') : NULL;

		if (equals && !key_of(config, slice_between(name, equals)))
			log_debug("%.*s: no such key", (int)(equals - *variables), *variables);
	}
}
