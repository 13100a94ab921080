#include "base.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "option.h"

void config_complain(const struct config_setting *s, const char *reason)
{
	struct buf line = { 0 };

	buf_printf(&line, "dill: %s: %s: \"", s->origin, s->key);
	buf_visible(&line, s->value, strlen(s->value));
	buf_printf(&line, "\" %s\n", reason);
	fputs(line.data, stderr);
	buf_free(&line);
}

static const char *copy(struct config *c, const char *s)
{
	return arena_dup(&c->memory, s, strlen(s));
}

/* Settings, one after the other, from the least to the most important place. */

enum place { PLACE_DEFAULT, PLACE_FILE, PLACE_ENVIRONMENT, PLACE_FLAG };

static bool below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return strncmp(key, table, len) == 0 && (!key[len] || key[len] == '.' || key[len] == '[');
}

/* Applies one setting. False after an error, which has been said. */
static bool apply(struct config *c, const struct config_setting *s, bool *unknown)
{
	const char *key = option_key(s->key), *why;
	int option = option_find(key);

	*unknown = false;
	if (option >= 0) {
		why = option_set(c, option, s->value, s->origin);
		c->origins[option] = s->origin;
		if (below(key, "consul") && strcmp(s->origin, "default") != 0)
			c->consul_used = true;
	} else if (below(key, "listeners.allowed") && key[17] == '.') {
		why = option_set_label(c, slice_of(key + 18), slice_trim(slice_of(s->value)), s->origin);
	} else if (below(key, "services") || below(key, "apps")) {
		SYS_GROW(c->services, c->service_count, c->service_cap);
		c->services[c->service_count++] = (struct config_setting){ copy(c, key), copy(c, s->value), s->origin };
		return true;
	} else {
		*unknown = true;
		return true;
	}
	if (why)
		config_complain(s, why);
	return !why;
}

static const char *origin_of(struct config *c, const char *file, int line)
{
	struct buf text = { 0 };
	const char *origin;

	if (line)
		buf_printf(&text, "%s:%d", file, line);
	else
		buf_puts(&text, file);
	origin = copy(c, text.data);
	buf_free(&text);
	return origin;
}

/* Names of variables: a.b_c is DILL_A_B_C, or DYNTCP_A_B_C where that is not set. */

static const char *strip_prefix(const char *variable)
{
	if (strncmp(variable, "DILL_", 5) == 0)
		return variable + 5;
	return strncmp(variable, "DYNTCP_", 7) == 0 ? variable + 7 : NULL;
}

static const char *lower(struct config *c, struct slice s)
{
	char *out = arena_dup(&c->memory, s.at, s.len);

	for (char *p = out; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	return out;
}

/* SERVICES_MY_WEB_LISTENER: the field is what the name ends in. */
static const char *service_variable(struct config *c, struct slice name)
{
	static const char *const fields[] = {
		"PROXY_PROTOCOL", "LISTENER", "LISTENERS", "BACKENDS", "BACKEND", "BALANCE", "PROXY", "ALLOW", "DENY", "NAME"
	};
	struct buf key = { 0 };
	const char *out = NULL;

	name = (struct slice){ name.at + 9, name.len - 9 };
	for (size_t i = 0; i < ARRAY_LEN(fields) && !out; i++) {
		size_t len = strlen(fields[i]);

		if (name.len <= len + 1 || memcmp(name.at + name.len - len, fields[i], len) != 0 || name.at[name.len - len - 1] != '_')
			continue;
		buf_printf(&key, "services.%s.%s", lower(c, (struct slice){ name.at, name.len - len - 1 }),
		           lower(c, slice_of(fields[i])));
		out = copy(c, key.data);
	}
	buf_free(&key);
	return out;
}

static const char *variable_key(struct config *c, struct slice name)
{
	const char *out = option_of_variable(name);
	struct buf key = { 0 };

	if (out)
		return out;
	if (name.len > 18 && memcmp(name.at, "LISTENERS_ALLOWED_", 18) == 0) {
		buf_printf(&key, "listeners.allowed.%s", lower(c, (struct slice){ name.at + 18, name.len - 18 }));
		out = copy(c, key.data);
		buf_free(&key);
		return out;
	}
	if (name.len > 9 && memcmp(name.at, "SERVICES_", 9) == 0)
		return service_variable(c, name);
	return slice_is(name, "SERVICES") ? "services" : slice_is(name, "APPS") ? "apps" : NULL;
}

/* The file. */

static bool read_whole(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf_room(out, 65536), 65536)) > 0)
		out->len += (size_t)n;
	close(fd);
	return n == 0;
}

static bool apply_doc(struct config *c, const char *path, const struct format_doc *doc)
{
	bool fine = true, table_seen = false, unknown;

	for (size_t i = 0; i < doc->count; i++) {
		struct config_setting s = { doc->items[i].key, doc->items[i].value, origin_of(c, path, doc->items[i].line) };
		const char *name = format_of(path) == FORMAT_ENV ? strip_prefix(s.key) : NULL;
		const char *key = name ? variable_key(c, slice_of(name)) : NULL;

		if (key)
			s.key = key;
		/* A table that is given replaces the defaults whole. */
		if (below(s.key, "listeners.allowed") && !table_seen) {
			table_seen = true;
			c->label_count = 0;
		}
		fine = apply(c, &s, &unknown) && fine;
		if (unknown)
			fprintf(stderr, "dill: %s: unknown key %s; the nearest one is %s\n", s.origin, s.key, option_nearest(s.key));
	}
	return fine;
}

static bool apply_file(struct config *c)
{
	struct buf text = { 0 };
	struct format_doc doc = { 0 };
	enum format format = format_of(c->file);
	bool fine = false;

	if (format == FORMAT_NONE)
		fprintf(stderr, "dill: %s: unknown format; the name must end in .toml, .ini, .conf, .yaml, .yml, .json, .hcl, .env or .properties\n", c->file);
	else if (!read_whole(c->file, &text))
		fprintf(stderr, "dill: %s: %s\n", c->file, strerror(errno));
	else if (!format_read(&doc, format, text.data ? text.data : "", text.len))
		fprintf(stderr, "dill: %s:%d: %s\n", c->file, doc.error_line, doc.error);
	else
		fine = apply_doc(c, c->file, &doc);
	format_free(&doc);
	buf_free(&text);
	return fine;
}

/* The environment. */

/* Finds PREFIX_name=value in the environment. */
static const char *lookup(char **environment, const char *prefix, const char *name, size_t len)
{
	size_t n = strlen(prefix);

	for (; *environment; environment++)
		if (strncmp(*environment, prefix, n) == 0 && strncmp(*environment + n, name, len) == 0 && (*environment)[n + len] == '=')
			return *environment + n + len + 1;
	return NULL;
}

/* DILL_SERVICES=[{"name": ...}]: the same tree as in a JSON file. */
static bool apply_tree(struct config *c, const struct config_setting *s)
{
	struct buf text = { 0 };
	struct format_doc doc = { 0 };
	bool fine, unknown;

	buf_printf(&text, "{\"%s\":%s}", s->key, s->value);
	fine = format_read(&doc, FORMAT_JSON, text.data, text.len);
	if (!fine)
		fprintf(stderr, "dill: %s: %s\n", s->origin, doc.error);
	for (size_t i = 0; fine && i < doc.count; i++)
		fine = apply(c, &(struct config_setting){ doc.items[i].key, doc.items[i].value, s->origin }, &unknown);
	format_free(&doc);
	buf_free(&text);
	return fine;
}

static bool apply_variable(struct config *c, const char *variable, char **environment, bool single_labels)
{
	const char *name = strip_prefix(variable), *equals = name ? strchr(name, '=') : NULL;
	struct config_setting s;
	bool unknown;

	if (!equals)
		return true;
	if (name == variable + 7 && lookup(environment, "DILL_", name, (size_t)(equals - name)))
		return true; /* the new name counts */
	s.key = variable_key(c, (struct slice){ name, (size_t)(equals - name) });
	s.value = equals + 1;
	s.origin = arena_dup(&c->memory, variable, (size_t)(equals - variable));
	if (!s.key)
		return true;
	/* Single labels add to the table in force, so they come behind a whole table. */
	if (single_labels != (strncmp(s.key, "listeners.allowed.", 18) == 0))
		return true;
	if (strcmp(s.key, "services") == 0 || strcmp(s.key, "apps") == 0)
		return apply_tree(c, &s);
	return apply(c, &s, &unknown);
}

void config_unknown_variables(struct config *c, char **environment)
{
	for (; *environment; environment++) {
		const char *name = strip_prefix(*environment), *equals = name ? strchr(name, '=') : NULL;

		if (equals && !variable_key(c, (struct slice){ name, (size_t)(equals - name) }))
			log_debug("%.*s: no such key", (int)(equals - *environment), *environment);
	}
}

/* What Consul's own tools use counts when nothing sets the key. */
static bool apply_consul_variable(struct config *c, char **environment, const char *name, const char *key)
{
	const char *value = lookup(environment, "", name, strlen(name));
	bool unknown;

	if (!value || !*value || strcmp(c->origins[option_find(key)], "default") != 0)
		return true;
	return apply(c, &(struct config_setting){ key, value, name }, &unknown);
}

static bool apply_environment(struct config *c, char **environment)
{
	bool fine = true;

	for (int single = 0; single < 2; single++)
		for (char **e = environment; *e; e++)
			fine = apply_variable(c, *e, environment, single) && fine;
	return fine;
}

/* The command line. */

/* Looks at one word. Returns how many words it took, 0 when it is wrong. */
static int read_flag(struct config *c, char **words, struct config_setting *s)
{
	const char *name = words[0] + 1 + (words[0][1] == '-'), *equals = strchr(name, '=');
	struct slice bare = { name, equals ? (size_t)(equals - name) : strlen(name) };

	s->key = arena_dup(&c->memory, bare.at, bare.len);
	s->origin = arena_dup(&c->memory, words[0], bare.len + (size_t)(name - words[0]));
	s->value = equals ? equals + 1 : words[1];
	if (slice_is(bare, "h") || slice_is(bare, "help"))
		return c->help = true;
	if (slice_is(bare, "v") || slice_is(bare, "version"))
		return c->version = true;
	if (slice_is(bare, "t"))
		return c->check = true;
	if (!s->value) {
		fprintf(stderr, "dill: %s needs a value\n", s->origin);
		return 0;
	}
	if (slice_is(bare, "c") || slice_is(bare, "config"))
		c->file = copy(c, s->value);
	else if (slice_is(bare, "laddr"))
		c->laddr = copy(c, s->value);
	else if (option_find(option_key(s->key)) >= 0 || below(s->key, "services") || below(s->key, "listeners.allowed"))
		return equals ? -1 : -2; /* a setting: applied when its turn comes */
	else {
		fprintf(stderr, "dill: unknown option %s; the nearest one is --%s, all are in dill --help\n", s->origin,
		        option_nearest(s->key));
		return 0;
	}
	return equals ? 1 : 2;
}

static bool split_flags(struct config *c, int argc, char **argv, struct config_setting *settings, size_t *count)
{
	for (int i = 1; i < argc;) {
		int took;

		if (argv[i][0] != '-' || !argv[i][1]) {
			SYS_GROW(c->backends, c->backend_count, c->backend_cap);
			c->backends[c->backend_count++] = argv[i++];
			continue;
		}
		took = read_flag(c, argv + i, &settings[*count]);
		if (!took)
			return false;
		if (took < 0)
			++*count;
		i += took < 0 ? -took : took;
	}
	return true;
}

static bool apply_defaults(struct config *c)
{
	bool fine = true, unknown;

	for (int i = 0; i < (int)option_count(); i++)
		fine = apply(c, &(struct config_setting){ option_name(i), option_default(i), "default" }, &unknown) && fine;
	return fine;
}

static bool apply_all(struct config *c, char **environment, const struct config_setting *flags, size_t flag_count)
{
	bool fine = apply_defaults(c), unknown;

	if (c->file)
		fine = apply_file(c) && fine;
	fine = apply_environment(c, environment) && fine;
	for (size_t i = 0; i < flag_count; i++)
		fine = apply(c, &flags[i], &unknown) && fine;
	fine = apply_consul_variable(c, environment, "CONSUL_HTTP_ADDR", "consul.address") && fine;
	fine = apply_consul_variable(c, environment, "CONSUL_HTTP_TOKEN", "consul.token") && fine;
	if (c->port_min > c->port_max) {
		fprintf(stderr, "dill: listeners.port_min %ld is above listeners.port_max %ld\n", c->port_min, c->port_max);
		fine = false;
	}
	if (!*c->consul_tag || strspn(c->consul_tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != strlen(c->consul_tag)) {
		fprintf(stderr, "dill: consul.tag: \"%s\" is not a word of letters, digits, '_', '.' and '-'\n", c->consul_tag);
		fine = false;
	}
	return fine;
}

int config_read(struct config *c, int argc, char **argv, char **environment)
{
	struct config_setting *flags = sys_alloc((size_t)argc * sizeof *flags);
	size_t flag_count = 0;
	int status = 0;

	*c = (struct config){ .laddr = NULL };
	c->origins = sys_alloc(option_count() * sizeof *c->origins);
	if (!split_flags(c, argc, argv, flags, &flag_count))
		status = 2;
	else if (!c->help && !c->version && !apply_all(c, environment, flags, flag_count))
		status = 1;
	if (!c->service_count && !c->backend_count)
		c->consul_used = true;
	if (!c->threads)
		c->threads = sysconf(_SC_NPROCESSORS_ONLN) > 0 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
	free(flags);
	return status;
}

void config_free(struct config *c)
{
	free(c->labels);
	free(c->services);
	free(c->backends);
	free(c->origins);
	arena_free(&c->memory);
}

