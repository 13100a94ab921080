#include "base.h"
#include "config_read.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "config_apply.h"
#include "config_flag.h"
#include "config_variable.h"
#include "doc.h"
#include "format.h"
#include "log.h"
#include "manifest.h"
#include "option.h"
#include "source.h"
#include "sources.h"
#include "sys.h"
#include "text.h"

static void open_table(struct config *config, size_t at, const struct source_kind *kind)
{
	struct config_table *table = &config->tables[at];

	if (kind)
		*table = (struct config_table){
			.rows = kind->options, .count = kind->option_count, .prefix = kind->table, .alias = kind->alias,
			.values = arena_alloc(&config->memory, kind->size)
		};
	else
		*table = (struct config_table){ .rows = config_options, .count = config_option_count, .values = config };
	table->marks = arena_alloc(&config->memory, table->count * sizeof *table->marks);
	for (size_t i = 0; i < table->count; i++) {
		option_set(&table->rows[i], table->values, table->rows[i].standard, "default", &config->memory);
		table->marks[i] = (struct config_mark){ "default", CONFIG_DEFAULT };
	}
	for (size_t i = 0; kind && i < kind->variable_count; i++)
		option_set(&kind->variables[i], table->values, kind->variables[i].standard, "default", &config->memory);
}

static void open_tables(struct config *config)
{
	config->table_count = 1 + source_count;
	config->tables = arena_alloc(&config->memory, config->table_count * sizeof *config->tables);
	config->uses = arena_alloc(&config->memory, source_count * sizeof *config->uses);
	for (size_t i = 0; i < config->table_count; i++)
		open_table(config, i, i ? sources[i - 1] : NULL);
}

/* The file. */

/* All of its patterns may have been taken out. That is no leave for everybody, as little as an empty table is. */
static void refuse_null_patterns(struct config *config, const struct doc *doc)
{
	for (size_t i = 0; i < doc->null_count; i++)
		if (config_below(doc->nulls[i].key, "listeners.bind"))
			config_apply(config, &(struct config_setting){
				.key = doc->nulls[i].key, .value = "", .layer = CONFIG_FILE, .shape = DOC_EMPTY_TABLE,
				.origin = config_origin(config, config->file, doc->nulls[i].line)
			});
}

static void apply_doc(struct config *config, const struct doc *doc)
{
	bool table_seen = false;

	for (size_t i = 0; i < doc->count; i++) {
		struct config_setting setting = {
			.key = doc->items[i].key, .value = doc->items[i].value, .layer = CONFIG_FILE, .shape = doc->items[i].shape,
			.origin = config_origin(config, config->file, doc->items[i].line)
		};

		/* A table that is given replaces the defaults whole. */
		if (config_below(setting.key, "listeners.allowed") && !table_seen) {
			table_seen = true;
			config->labels.count = 0;
		}
		if (!config_misshapen(config, &setting) && !config_apply(config, &setting))
			config_unknown(config, setting.key, setting.origin);
	}
	refuse_null_patterns(config, doc);
}

/* A file of variables is an environment that lies on disk. */
static void apply_variables(struct config *config, const struct doc *doc)
{
	char **variables = sys_alloc((doc->count + 1) * sizeof *variables);
	const char **origins = sys_alloc((doc->count + 1) * sizeof *origins);

	for (size_t i = 0; i < doc->count; i++) {
		variables[i] = (char *)text_printf(&config->scratch, "%s=%s", doc->items[i].key, doc->items[i].value);
		origins[i] = config_origin(config, config->file, doc->items[i].line);
	}
	config_variables(config, variables, origins);
	free(variables);
	free(origins);
}

/* A URL in its place may have a login. */
static void complain_file(struct config *config, const char *why)
{
	struct buf shown = { 0 };

	buf_masked(&shown, config->file);
	config_error(config, "%s: %s", shown.data, why);
	buf_free(&shown);
}

static void apply_file(struct config *config)
{
	struct buf text = { 0 };
	struct doc doc = { 0 };
	const struct format *format = format_of(config->file);
	int error = format ? format_load(config->file, &text) : 0;

	if (!format)
		complain_file(config, format_unknown);
	else if (error)
		complain_file(config, strerror(error));
	else if (!format_read(&doc, format, text.data ? text.data : "", text.len))
		config_error(config, "%s:%d: %s", config->file, doc.error_line, doc.error);
	else
		(format->variables ? apply_variables : apply_doc)(config, &doc);
	doc_free(&doc);
	buf_free(&text);
}

/* Services. */

static void complain_of_service(void *arg, const char *origin, const char *place, const char *why)
{
	config_error(arg, "%s: %s %s", origin, place, why);
}

static void make_services(struct config *config)
{
	struct manifest manifest;

	manifest_open(&manifest, true);
	for (size_t i = 0; i < config->service_count && config->uses[0]; i++) {
		const struct config_setting *setting = &config->services[i];
		const char *why = manifest_key(&manifest, setting->key, setting->value, setting->origin, setting->layer);

		if (why)
			config_complain(config, setting, why);
	}
	manifest_finish(&manifest, complain_of_service, config);
	config->given = manifest_take(&manifest);
	config->given->source = sources[0]->name;
	config->given->title = sources[0]->title;
}

/* Sources. */

/* One of its keys has been given, and not just another program's variable. */
static bool is_given(const struct config *config, size_t source)
{
	const struct config_table *table = &config->tables[1 + source];

	for (size_t i = 0; i < table->count; i++)
		if (table->marks[i].layer != CONFIG_DEFAULT)
			return true;
	for (size_t i = 0; !sources[source]->run && i < config->service_count; i++)
		if (strpbrk(config->services[i].key, ".[")) /* not just services = [] */
			return true;
	return false;
}

/* Which sources there are, and whether the one that was asked for is. */
static void choose_sources(struct config *config)
{
	bool any = false;

	for (size_t i = 0; i < source_count; i++) {
		const struct source_kind *kind = sources[i];

		config->uses[i] = kind->wanted ? kind->wanted(config->tables[1 + i].values) : is_given(config, i);
		any = any || config->uses[i];
	}
	for (size_t i = 0; i < source_count; i++) {
		bool chosen = config->backend && slice_is_nocase(slice_of(config->backend), sources[i]->name);

		config->uses[i] = config->uses[i] || (!any && sources[i]->standard);
		if (!config->backend)
			continue;
		if (chosen && sources[i]->needs && !config->uses[i])
			config_error(config, "--backend %s needs %s", config->backend, sources[i]->needs);
		config->uses[i] = chosen;
	}
}

/* Of those in use, once all values are known. What they need has been said. */
static void check_sources(struct config *config)
{
	for (size_t i = 0; i < source_count; i++) {
		const struct source_kind *kind = sources[i];
		struct buf why = { 0 };

		if (config->uses[i] && kind->check && (!kind->wanted || kind->wanted(config->tables[1 + i].values)))
			kind->check(config->tables[1 + i].values, &why);
		if (why.len)
			config_error(config, "%s: %s", kind->name, why.data);
		buf_free(&why);
	}
}

/* Who polls a table for its own name has that name. */
static void take_proxy_name(struct config *config)
{
	struct config_table *table;
	const struct option *row = config_find(config, "routing.dynamodb.proxy", &table);
	const char *name = row ? *(const char **)((char *)table->values + row->at) : "";

	if (!config->proxy && *name)
		config->proxy = name;
}

/* A label may come from any layer, so this is looked at last. */
static void check_bound_labels(struct config *config, const struct bind_spans *spans)
{
	for (size_t i = 0; i < spans->count; i++) {
		const struct bind_span *span = &spans->items[i];
		struct buf grant = { 0 }, shown = { 0 };

		if (option_find_label(&config->labels, span->label))
			continue;
		bind_put_span(span, &grant);
		buf_masked(&shown, grant.data);
		config_error(config, "%s: listeners.bind: \"%s\" grants \"%s\", but no such label is in listeners.allowed",
		             span->of->origin, span->of->name, shown.data);
		buf_free(&grant);
		buf_free(&shown);
	}
}

static void seal_bind(struct config *config)
{
	bind_seal(&config->bind, &config->memory);
	check_bound_labels(config, &config->bind.named);
	check_bound_labels(config, &config->bind.rest);
}

/* Of a value and a file with it, the higher layer counts, and in one layer the file, as in Consul's own tools. */
static void settle_file(struct config *config, struct config_table *table, const struct option *row, bool used)
{
	struct config_mark *mark = config_mark(table, row), *beside;
	const char **file = (const char **)((char *)table->values + row->at), **value, *why = NULL;
	const struct option *other = config_find(config, row->instead, &table);
	bool counts;

	value = (const char **)((char *)table->values + other->at);
	beside = config_mark(table, other);
	counts = **file && mark->layer >= beside->layer;
	if (**file && **value) {
		*(counts ? value : file) = "";
		beside = counts ? beside : mark;
		beside->origin = text_printf(&config->memory, "%s; %s counts", beside->origin, counts ? row->key : other->key);
	}
	if (**file && used)
		why = row->check(*file);
	if (why)
		config_complain(config, &(struct config_setting){ .key = row->key, .value = *file, .origin = mark->origin }, why);
}

static void settle_files(struct config *config)
{
	for (size_t s = 0; s < source_count; s++)
		for (size_t i = 0; i < sources[s]->option_count; i++)
			if (sources[s]->options[i].type == OPTION_FILE)
				settle_file(config, &config->tables[1 + s], &sources[s]->options[i], config->uses[s]);
}

/* A variable of another program may change whom a source asks, and dill may not be able to ask that one. */
static void settle_address(struct config *config, size_t source)
{
	const struct source_kind *kind = sources[source];
	struct config_table *table = &config->tables[1 + source];
	const char *variable = kind->settle ? kind->settle(table->values, &config->memory) : NULL, *value, *why;
	const struct option *row = variable ? config_find(config, kind->asks, &table) : NULL;
	struct config_mark *mark;

	if (!row)
		return;
	mark = config_mark(table, row);
	mark->origin = text_printf(&config->memory, "%s; %s", mark->origin, variable);
	value = *(const char *const *)((const char *)table->values + row->at);
	why = row->check(value);
	if (why)
		config_complain(config, &(struct config_setting){ .key = row->key, .value = value, .origin = variable }, why);
}

static void settle_addresses(struct config *config)
{
	for (size_t s = 0; s < source_count; s++)
		if (config->uses[s])
			settle_address(config, s);
}

/* A text that is empty is that of the key which it follows. */
static void settle_followers(struct config *config)
{
	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++) {
			struct config_table *table = &config->tables[t], *leading;
			const struct option *row = &table->rows[i], *leader;
			const char **value = (const char **)((char *)table->values + row->at);

			if (row->other_is != OPTION_FOLLOWS || **value)
				continue;
			leader = config_find(config, row->other, &leading);
			*value = *(const char **)((char *)leading->values + leader->at);
			table->marks[i].origin = row->other;
		}
}

/* All, from the least to the most important place. */
static void apply_layers(struct config *config, char **environment, const struct config_flags *flags)
{
	if (config->file)
		apply_file(config);
	config_variables(config, environment, NULL);
	for (size_t i = 0; i < flags->count; i++)
		config_apply(config, &flags->items[i]);
	if (config->port_min > config->port_max)
		config_error(config, "listeners.port_min %ld is above listeners.port_max %ld", config->port_min, config->port_max);
	seal_bind(config);
	choose_sources(config);
	config_foreign_variables(config, environment);
	settle_files(config);
	settle_followers(config);
	settle_addresses(config);
	check_sources(config);
	take_proxy_name(config);
	make_services(config);
	if (config->check && config->strict && config->unknown)
		config_error(config, "%s: %zu unknown key%s", config->file, config->unknown, text_s(config->unknown));
	if (!config->threads)
		config->threads = sys_processors();
}

struct config *config_read(int argc, char **argv, char **environment, int *status)
{
	struct config *config = config_new();
	struct config_flags flags = { 0 };

	open_tables(config);
	*status = config_flags_read(config, &flags, argc, argv);
	if (*status != 2 && !config->help && !config->version)
		apply_layers(config, environment, &flags);
	if (!*status && config->errors && !config->help && !config->version)
		*status = 1;
	if (config->errors > CONFIG_ERRORS_MAX)
		log_complain(LOG_ERROR, "%zu more error%s", config->errors - CONFIG_ERRORS_MAX,
		             text_s(config->errors - CONFIG_ERRORS_MAX));
	free(flags.items);
	free(config->services);
	config->services = NULL;
	config->misshapen = NULL;
	config->service_count = 0;
	arena_free(&config->scratch);
	if (!*status)
		return config;
	config_unref(config);
	return NULL;
}
