#include "base.h"
#include "config_variable.h"

#include <string.h>
#include <strings.h>

#include "config_apply.h"
#include "doc.h"
#include "format.h"
#include "log.h"
#include "manifest_variable.h"
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

/* A key of a source that is not here; dots stand for all underscores, as nobody knows which there were. */
static const char *lacking_key(struct config *config, struct slice name)
{
	char *key = (char *)config_lower(&config->scratch, name);

	for (char *p = key; *p; p++)
		*p = *p == '_' ? '.' : *p;
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
	if (slice_starts(name, "LISTENERS_BIND_")) /* its value is wrong then: the name cannot say what a pattern can */
		return "listeners.bind";
	return slice_is(name, "SERVICES") ? "services" : slice_is(name, "APPS") ? "apps" : lacking_key(config, name);
}

/* The value of a variable; NULL: it is not set. */
static const char *lookup(char **variables, const char *name)
{
	size_t len = strlen(name);

	for (; *variables; variables++)
		if (strncmp(*variables, name, len) == 0 && (*variables)[len] == '=')
			return *variables + len + 1;
	return NULL;
}

/* Platforms give an empty variable to what has no value: it is as not set. Only what a service says stays, and is wrong: an
 * `allow` that came out empty must not let everybody in. */
static bool is_empty(const char *key, const char *value)
{
	return !*value && !(strpbrk(key, ".[") && (config_below(key, "services") || config_below(key, "apps")));
}

/* One variable with a tree of services: DILL_SERVICES=[{"name": ...}]. */
struct tree {
	struct doc doc;
	const char *origin;
	const char *element; /* how the newest item's list element is called in its key: services[0]; NULL: it is in none */
	size_t element_len;
	const char *place;   /* and how it is to be called */
};

static bool is_of_element(const struct tree *tree, const char *key)
{
	return tree->element && strncmp(key, tree->element, tree->element_len) == 0;
}

/* Whether an item is the name of an element of the list. */
static const char *element_name(const struct doc_item *item)
{
	const char *end = strchr(item->key, ']');

	return end && strcasecmp(end + 1, ".name") == 0 ? item->value : NULL;
}

static bool is_only_one(const struct doc *doc, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < doc->count && count < 2; i++) {
		const char *other = element_name(&doc->items[i]);

		count += other && strcmp(other, name) == 0;
	}
	return count == 1;
}

/* An element begins: it is called by its name, as its place in this list means nothing elsewhere. Without a name, or with one
 * that another element has, too, it is a service of its own. */
static void begin_element(struct config *config, struct tree *tree, size_t at)
{
	const char *key = tree->doc.items[at].key, *name = NULL;
	int head = (int)strcspn(key, ".["), len = (int)strcspn(key, "]") + 1;

	tree->element = key[head] == '[' ? key : NULL;
	tree->element_len = (size_t)len;
	for (; tree->element && at < tree->doc.count && is_of_element(tree, tree->doc.items[at].key) && !name; at++)
		name = element_name(&tree->doc.items[at]);
	if (name && is_only_one(&tree->doc, name))
		tree->place = text_printf(&config->scratch, "%.*s.%s", head, key, name);
	else if (tree->element)
		tree->place = text_printf(&config->scratch, "%.*s[%s %.*s", head, key, tree->origin, len - head - 1, key + head + 1);
}

/* The same as in a JSON file, but one layer below single variables, which say more of one service. */
static void apply_tree(struct config *config, struct config_setting setting)
{
	struct tree tree = { .origin = setting.origin };
	struct buf text = { 0 };

	buf_printf(&text, "{\"%s\":%s}", setting.key, setting.value);
	setting.layer--;
	if (!format_read(&tree.doc, &format_json, text.data, text.len))
		config_error(config, "%s: %s", setting.origin, tree.doc.error);
	for (size_t i = 0; i < tree.doc.count; i++) {
		const char *key = tree.doc.items[i].key;

		if (!is_of_element(&tree, key))
			begin_element(config, &tree, i);
		setting.key = key;
		if (tree.element)
			setting.key = text_printf(&config->scratch, "%s%s", tree.place, key + tree.element_len);
		setting.value = tree.doc.items[i].value;
		config_apply(config, &setting);
	}
	doc_free(&tree.doc);
	buf_free(&text);
}

static bool is_tree(const char *key)
{
	return strcmp(key, "services") == 0 || strcmp(key, "apps") == 0;
}

static void apply_variable(struct config *config, const char *variable, const char *key, const char *origin)
{
	const char *equals = strchr(variable, '=');
	struct config_setting setting = { .key = key, .value = equals + 1, .origin = origin, .layer = CONFIG_FILE };

	if (!origin) {
		setting.origin = arena_dup(&config->scratch, variable, (size_t)(equals - variable));
		setting.layer = CONFIG_ENVIRONMENT;
	}
	if (is_tree(key))
		apply_tree(config, setting);
	else
		config_apply(config, &setting);
}

/* Whether a variable under dill's own name sets the key, too. */
static bool is_set_by_new_name(struct config *config, char **variables, const char *key)
{
	for (; *variables; variables++) {
		const char *equals = strchr(*variables, '='), *own = NULL;

		if (equals && strncmp(*variables, "DILL_", 5) == 0)
			own = key_of(config, slice_between(*variables + 5, equals));
		if (own && strcmp(own, key) == 0 && !is_empty(key, equals + 1))
			return true;
	}
	return false;
}

/* The key of one NAME=value; in a file, the dotted form is a key by itself. NULL: it is unknown, or another one counts. */
static const char *find_key(struct config *config, const char *variable, char **variables, bool of_file, bool *unknown)
{
	const char *equals = strchr(variable, '='), *name = strip_prefix(variable), *key = NULL;

	if (equals && name && name <= equals)
		key = key_of(config, slice_between(name, equals));
	else if (of_file && equals)
		key = arena_dup(&config->scratch, variable, (size_t)(equals - variable));
	if (key && !name && !(strchr(key, '.') && config_is_key(config, key)))
		key = NULL;
	*unknown = !key;
	if (key && name && is_empty(key, equals + 1))
		return NULL;
	return key && name == variable + 7 && is_set_by_new_name(config, variables, key) ? NULL : key;
}

/* Trees of services come first, single labels and patterns last: these add to a table. */
enum pass { PASS_TREES, PASS_KEYS, PASS_LABELS, PASSES };

static enum pass pass_of(const char *key)
{
	bool one = strncasecmp(key, "listeners.allowed.", 18) == 0 || strncasecmp(key, "listeners.bind.", 15) == 0;

	return is_tree(key) ? PASS_TREES : one ? PASS_LABELS : PASS_KEYS;
}

/* Of a file's variable, or its dotted form. */
static void complain_variable(struct config *config, const char *variable, const char *origin)
{
	size_t len = strcspn(variable, "=");
	struct config_setting setting = { .key = arena_dup(&config->scratch, variable, len), .value = "", .origin = origin };

	if (!strchr(setting.key, '.') || !config_misshapen(config, &setting))
		config_unknown(config, setting.key, origin);
}

void config_variables(struct config *config, char **variables, const char *const *origins)
{
	for (enum pass pass = PASS_TREES; pass < PASSES; pass++)
		for (size_t i = 0; variables[i]; i++) {
			bool unknown;
			const char *key = find_key(config, variables[i], variables, origins, &unknown);

			if (key && pass_of(key) == pass)
				apply_variable(config, variables[i], key, origins ? origins[i] : NULL);
			else if (unknown && origins && pass == PASS_KEYS)
				complain_variable(config, variables[i], origins[i]);
		}
}

/* A switch is read as Go's ParseBool has it: 1, t, true. */
static const char *foreign_value(const struct option *row, const char *value)
{
	struct slice text = slice_of(value);
	bool on = slice_is_nocase(text, "t"), is_switch = on || slice_is_nocase(text, "f") || !text_bool(text, &on);

	if (row->type != OPTION_SWITCH || !is_switch)
		return value;
	return on != (row->other_is == OPTION_VARIABLE_NOT) ? "true" : "false";
}

/* The first variable of a comma list that is set to something. */
static const char *lookup_first(struct arena *memory, char **variables, const char *names, const char **name)
{
	struct slice rest = slice_of(names), part;
	const char *value = NULL;

	while (!(value && *value) && slice_next(&rest, ',', &part)) {
		*name = arena_dup(memory, part.at, part.len);
		value = lookup(variables, *name);
	}
	return value && *value ? value : NULL;
}

/* Those that keys stand for. */
static void apply_foreign(struct config *config, const struct config_table *table, char **variables)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option *row = &table->rows[i];
		const char *name, *value = NULL;

		if (option_variable(row) && table->marks[i].layer == CONFIG_DEFAULT)
			value = lookup_first(&config->scratch, variables, row->other, &name);
		if (value)
			config_apply(config, &(struct config_setting){
				.key = row->key, .value = foreign_value(row, value), .origin = name
			});
	}
}

/* One that no key stands for. */
static void set_foreign(struct config *config, size_t source, const struct option *row, const char *value)
{
	const char *why = option_set(row, config->tables[1 + source].values, foreign_value(row, value), row->key, &config->memory);

	if (why)
		config_error(config, "%s %s", row->key, why);
}

void config_foreign_variables(struct config *config, char **variables)
{
	apply_foreign(config, &config->tables[0], variables);
	for (size_t s = 0; s < source_count; s++)
		if (config->uses[s])
			apply_foreign(config, &config->tables[1 + s], variables);
	for (size_t s = 0; s < source_count; s++)
		for (size_t i = 0; config->uses[s] && i < sources[s]->variable_count; i++) {
			const char *value = lookup(variables, sources[s]->variables[i].key);

			if (value && *value)
				set_foreign(config, s, &sources[s]->variables[i], value);
		}
}

void config_unknown_variables(struct config *config, char **variables)
{
	for (; *variables; variables++) {
		const char *name = strip_prefix(*variables), *equals = name ? strchr(name, '=') : NULL;

		if (equals && !key_of(config, slice_between(name, equals)))
			log_debug("%.*s: no such key", (int)(equals - *variables), *variables);
	}
	arena_free(&config->scratch);
}
