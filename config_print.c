#include "base.h"
#include "config_print.h"

#include <string.h>
#include <unistd.h>

#include "config_flag.h"
#include "net.h"
#include "option.h"
#include "print.h"
#include "service_option.h"
#include "source.h"
#include "sources.h"
#include "text.h"

static void put_option(const struct option *row, struct buf *out)
{
	buf_printf(out, "  --%s (default: %s)\n        %s; DILL_", row->key, *row->standard ? row->standard : "none",
	           row->help);
	option_put_variable(row->key, out);
	buf_puts(out, "\n");
}

/* Its name in earlier programs. */
static void put_flag(const struct option *row, struct buf *out)
{
	if (row->other_is == OPTION_FLAG)
		buf_printf(out, "  --%s\n        the same as %s\n", row->other, row->key);
}

static void put_each(void (*put)(const struct option *row, struct buf *out), struct buf *out)
{
	for (size_t i = 0; i < config_option_count; i++)
		put(&config_options[i], out);
	for (size_t s = 0; s < source_count; s++)
		for (size_t i = 0; i < sources[s]->option_count; i++)
			put(&sources[s]->options[i], out);
}

static void put_service_options(struct buf *out)
{
	buf_puts(out, "  --services.NAME.listener, .backends");
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		buf_printf(out, ", .%s", service_option_name(i));
	buf_puts(out, "\n");
}

static void put_standard(struct buf *out)
{
	for (size_t i = 0; i < source_count; i++)
		if (sources[i]->standard)
			buf_printf(out, "%s is watched when one of its keys is given, or when no other source is.\n", sources[i]->title);
}

void config_usage(void)
{
	struct buf text = { 0 };

	buf_puts(&text, "usage: dill [OPTION]... [BACKEND...]\n\n"
	         "A layer-4 proxy whose listening ports open and close as services come and go in Consul or Nomad.\n"
	         "BACKEND... (host:port): one static service, listening on --laddr.\n\n");
	config_put_flags(&text);
	put_each(put_flag, &text);
	buf_puts(&text, "\nSOURCE is one of ");
	sources_put_names(" and ", &text);
	buf_puts(&text, ".\n"
	         "Every key is an option (--KEY VALUE, --KEY=VALUE), a key of the file, and a variable of the environment:\n\n");
	put_each(put_option, &text);
	put_service_options(&text);
	buf_puts(&text,
	         "        static services: where each listens (label:port or address:port), and its backends (host:port,...)\n"
	         "        environment: DILL_SERVICES_NAME_LISTENER, ...\n\n"
	         "The command line counts before the environment, and that before the file.\n");
	put_standard(&text);
	buf_puts(&text, "\n"
	         "SIGTERM and SIGINT stop; a second one stops at once. SIGHUP reads the configuration again: an error\n"
	         "changes nothing, and runtime.threads and runtime.user do not change at run time. SIGUSR1 prints the counters.\n");
	print_to(STDOUT_FILENO, "%s", text.data);
	buf_free(&text);
}

static void print_row(const struct config_table *table, const struct option *row, const char *origin)
{
	struct buf value = { 0 }, shown = { 0 };

	buf_puts(&value, "");
	option_put(row, table->values, &value);
	if (row->type == OPTION_SECRET && value.len)
		buf_puts(&shown, "********");
	else
		buf_masked(&shown, value.data);
	print_to(STDOUT_FILENO, "%s = %s  # %s\n", row->key, shown.data, origin);
	buf_free(&value);
	buf_free(&shown);
}

/* Of other programs, where they say something. */
static void print_variables(const struct config_table *table, const struct source_kind *kind)
{
	for (size_t i = 0; i < kind->variable_count; i++) {
		struct buf value = { 0 };

		option_put(&kind->variables[i], table->values, &value);
		if (value.len && strcmp(value.data, kind->variables[i].standard) != 0)
			print_row(table, &kind->variables[i], "environment");
		buf_free(&value);
	}
}

/* Whether each of its members has a line of its own. */
static bool is_table(const struct config *config, const struct option *row)
{
	return row->type == OPTION_LABELS || (row->type == OPTION_BIND && config->bind.count);
}

void config_print(const struct config *config)
{
	char host[NET_TEXT];

	for (size_t t = 0; t < config->table_count; t++) {
		const struct config_table *table = &config->tables[t];

		for (size_t i = 0; i < table->count; i++)
			if (!is_table(config, &table->rows[i]))
				print_row(table, &table->rows[i], table->marks[i].origin);
		if (t)
			print_variables(table, sources[t - 1]);
	}
	for (size_t i = 0; i < config->labels.count; i++) {
		const struct option_label *label = &config->labels.items[i];

		net_print_host(&label->addr, host);
		print_to(STDOUT_FILENO, "listeners.allowed.%s = %s  # %s\n", label->name, host, label->origin);
	}
	for (size_t i = 0; i < config->bind.count; i++)
		print_to(STDOUT_FILENO, "listeners.bind.%s = %s  # %s\n", config->bind.patterns[i].name, config->bind.patterns[i].grants,
		       config->bind.patterns[i].origin);
}
