#include "base.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc.h"
#include "format.h"
#include "option.h"

static const char *copy(struct config *c, const char *s)
{
	return arena_dup(&c->memory, s, strlen(s));
}

/* Settings, one after the other, from the least to the most important place. */

bool config_below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return strncmp(key, table, len) == 0 && (!key[len] || key[len] == '.' || key[len] == '[');
}

/* What is documented, or known from earlier programs, and not there yet: to pass over it would be wrong. */
static const char *const missing[] = {
	"routing.nomad", "routing.dynamodb", "routing.elasticache", "aws"
};

static bool is_missing(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		if (config_below(key, missing[i]))
			return true;
	return false;
}

void config_complain(const struct config_setting *s, const char *reason)
{
	struct buf plain = { 0 }, value = { 0 };

	if (option_secret(s->key) || is_missing(s->key))
		buf_puts(&plain, "********");
	else
		buf_masked(&plain, s->value);
	buf_visible(&value, plain.data, plain.len);
	if (config_below(s->key, "services[-]")) /* a BACKEND or -laddr: nobody has written the key */
		log_complain(LOG_ERROR, "%s: \"%s\" %s", s->origin, value.data ? value.data : "", reason);
	else
		log_complain(LOG_ERROR, "%s: %s: \"%s\" %s", s->origin, s->key, value.data ? value.data : "", reason);
	buf_free(&plain);
	buf_free(&value);
}

/* An element of a list. All that are there so far make one value, so that it is set like any other. */
static const char *set_element(struct config *c, int option, const char *index, const struct config_setting *s)
{
	const char *list = "";
	struct buf joined = { 0 };

	if (strcmp(index, "[0]") != 0)
		list = option_text(c, option);
	buf_printf(&joined, "%s%s%s", list, *list ? "," : "", s->value);
	list = copy(c, joined.data);
	buf_free(&joined);
	return option_set(c, option, list, s->origin);
}

/* The option that a key, or an element of its list, sets; -1: none. *index is behind its name. */
static int find_option(struct config *c, const char *key, const char **index)
{
	size_t len = strcspn(key, "[");
	int option = option_find(len < strlen(key) ? arena_dup(&c->memory, key, len) : key);

	*index = key + len;
	return option >= 0 && **index && !option_is_list(option) ? -1 : option;
}

/* Applies one setting. False after an error, which has been said. */
static bool apply(struct config *c, const struct config_setting *s, bool *unknown)
{
	const char *key = option_key(s->key), *why, *index;
	int option = find_option(c, key, &index);

	*unknown = false;
	if (option >= 0) {
		why = *index ? set_element(c, option, index, s) : option_set(c, option, s->value, s->origin);
		c->origins[option] = s->origin;
		if (config_below(key, "consul") && strcmp(s->origin, "default") != 0 && strncmp(s->origin, "CONSUL_", 7) != 0)
			c->consul_given = true;
	} else if (config_below(key, "listeners.allowed") && key[17] == '.') {
		why = option_set_label(c, slice_of(key + 18), slice_trim(slice_of(s->value)), s->origin);
	} else if (config_below(key, "services") || config_below(key, "apps")) {
		SYS_GROW(c->services, c->service_count, c->service_cap);
		c->services[c->service_count++] = (struct config_setting){
			copy(c, key), copy(c, s->value), s->origin, c->rank
		};
		return true;
	} else if (is_missing(key)) {
		why = "belongs to a source that this version does not have (there are Consul, routing.file and routing.http)";
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

static const char *lower(struct arena *memory, struct slice s)
{
	char *out = arena_dup(memory, s.at, s.len);

	for (char *p = out; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	return out;
}

/* SERVICES_MY_WEB_LISTENER: the field is what the name ends in. */
static const char *service_variable(struct arena *memory, struct slice name)
{
	static const char *const fields[] = {
		"PROXY_PROTOCOL", "LISTENER", "LISTENERS", "BACKENDS", "BACKEND", "BALANCE", "PROXY", "ALLOW", "DENY", "NAME"
	};
	struct buf key = { 0 };
	const char *out = NULL;

	name = (struct slice){ name.at + 9, name.len - 9 };
	for (size_t i = 0; i < ARRAY_LEN(fields) && !out; i++) {
		size_t len = strlen(fields[i]);

		if (name.len <= len + 1 || memcmp(name.at + name.len - len, fields[i], len) != 0 ||
		    name.at[name.len - len - 1] != '_')
			continue;
		buf_printf(&key, "services.%s.%s", lower(memory, (struct slice){ name.at, name.len - len - 1 }),
		           lower(memory, slice_of(fields[i])));
		out = arena_dup(memory, key.data, key.len);
	}
	buf_free(&key);
	return out;
}

static const char *variable_key(struct arena *memory, struct slice name)
{
	const char *out = option_of_variable(name);
	struct buf key = { 0 };

	if (out)
		return out;
	if (name.len > 18 && memcmp(name.at, "LISTENERS_ALLOWED_", 18) == 0) {
		buf_printf(&key, "listeners.allowed.%s", lower(memory, (struct slice){ name.at + 18, name.len - 18 }));
		out = arena_dup(memory, key.data, key.len);
		buf_free(&key);
		return out;
	}
	if (name.len > 9 && memcmp(name.at, "SERVICES_", 9) == 0)
		return service_variable(memory, name);
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		if (option_is_variable(missing[i], name))
			return missing[i];
	return slice_is(name, "SERVICES") ? "services" : slice_is(name, "APPS") ? "apps" : NULL;
}

const char *config_variable(struct arena *memory, const char *variable)
{
	const char *name = strip_prefix(variable);

	return name ? variable_key(memory, slice_of(name)) : NULL;
}

/* The file. */

static bool apply_doc(struct config *c, const char *path, const struct doc *doc)
{
	bool fine = true, table_seen = false, unknown;

	for (size_t i = 0; i < doc->count; i++) {
		struct config_setting s = {
			.key = doc->items[i].key, .value = doc->items[i].value, .origin = origin_of(c, path, doc->items[i].line)
		};

		/* A table that is given replaces the defaults whole. */
		if (config_below(s.key, "listeners.allowed") && !table_seen) {
			table_seen = true;
			c->label_count = 0;
		}
		fine = apply(c, &s, &unknown) && fine;
		if (unknown)
			log_complain(LOG_WARN, "%s: unknown key %s; the nearest one is %s", s.origin, s.key, option_nearest(s.key));
	}
	return fine;
}

/* The environment. */

/* Finds PREFIX_name=value in the environment. */
static const char *lookup(char **environment, const char *prefix, const char *name, size_t len)
{
	size_t n = strlen(prefix);

	for (; *environment; environment++)
		if (strncmp(*environment, prefix, n) == 0 && strncmp(*environment + n, name, len) == 0 &&
		    (*environment)[n + len] == '=')
			return *environment + n + len + 1;
	return NULL;
}

/* DILL_SERVICES=[{"name": ...}]: the same tree as in a JSON file. */
static bool apply_tree(struct config *c, const struct config_setting *s)
{
	struct buf text = { 0 };
	struct doc doc = { 0 };
	bool fine, unknown;

	buf_printf(&text, "{\"%s\":%s}", s->key, s->value);
	fine = format_read(&doc, &format_json, text.data, text.len);
	if (!fine)
		log_complain(LOG_ERROR, "%s: %s", s->origin, doc.error);
	for (size_t i = 0; fine && i < doc.count; i++)
		fine = apply(c, &(struct config_setting){ .key = doc.items[i].key, .value = doc.items[i].value,
			             .origin = s->origin }, &unknown);
	doc_free(&doc);
	buf_free(&text);
	return fine;
}

/* Of an env file: its variables have a line each, and one that nobody knows is worth a warning. */
static bool apply_variable(struct config *c, const char *variable, char **environment, bool single_labels,
                           const char *origin)
{
	const char *name = strip_prefix(variable), *equals = strchr(variable, '=');
	struct config_setting s = { .key = NULL };
	bool unknown;

	if (name && equals) {
		size_t len = (size_t)(equals - name);

		if (name == variable + 7 && lookup(environment, "DILL_", name, len))
			return true; /* the new name counts */
		s.key = variable_key(&c->memory, (struct slice){ name, len });
		s.value = equals + 1;
		s.origin = origin ? origin : arena_dup(&c->memory, variable, (size_t)(equals - variable));
	}
	if (!s.key) {
		if (origin && !single_labels)
			log_complain(LOG_WARN, "%s: unknown key %.*s", origin, (int)(equals - variable), variable);
		return true;
	}
	/* Single labels add to the table in force, so they come behind a whole table. */
	if (single_labels != (strncmp(s.key, "listeners.allowed.", 18) == 0))
		return true;
	if (strcmp(s.key, "services") == 0 || strcmp(s.key, "apps") == 0)
		return apply_tree(c, &s);
	return apply(c, &s, &unknown);
}

static bool apply_environment(struct config *c, char **environment, const char *const *origins)
{
	bool fine = true;

	for (int single = 0; single < 2; single++)
		for (size_t i = 0; environment[i]; i++)
			fine = apply_variable(c, environment[i], environment, single, origins ? origins[i] : NULL) && fine;
	return fine;
}

void config_unknown_variables(struct config *c, char **environment)
{
	for (; *environment; environment++) {
		const char *name = strip_prefix(*environment), *equals = name ? strchr(name, '=') : NULL;

		if (equals && !variable_key(&c->memory, (struct slice){ name, (size_t)(equals - name) }))
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
	return apply(c, &(struct config_setting){ .key = key, .value = value, .origin = name }, &unknown);
}

/* An env file is an environment that lies on disk. */
static bool apply_env_file(struct config *c, const struct doc *doc)
{
	char **variables = sys_alloc((doc->count + 1) * sizeof *variables);
	const char **origins = sys_alloc((doc->count + 1) * sizeof *origins);
	bool fine;

	for (size_t i = 0; i < doc->count; i++) {
		struct buf text = { 0 };

		buf_printf(&text, "%s=%s", doc->items[i].key, doc->items[i].value);
		variables[i] = arena_dup(&c->memory, text.data, text.len);
		origins[i] = origin_of(c, c->file, doc->items[i].line);
		buf_free(&text);
	}
	fine = apply_environment(c, variables, origins);
	free(variables);
	free(origins);
	return fine;
}

static bool apply_file(struct config *c)
{
	struct buf text = { 0 };
	struct doc doc = { 0 };
	const struct format *format = format_of(c->file);
	int error = format ? format_load(c->file, &text) : 0;
	bool fine = false;

	if (!format)
		log_complain(LOG_ERROR, "%s: %s", c->file, format_unknown);
	else if (error)
		log_complain(LOG_ERROR, "%s: %s", c->file, strerror(error));
	else if (!format_read(&doc, format, text.data ? text.data : "", text.len))
		log_complain(LOG_ERROR, "%s:%d: %s", c->file, doc.error_line, doc.error);
	else
		fine = format->variables ? apply_env_file(c, &doc) : apply_doc(c, c->file, &doc);
	doc_free(&doc);
	buf_free(&text);
	return fine;
}

/* The command line. */

struct flags {
	struct config_setting *items;
	size_t count, cap;
};

static void add_flag(struct flags *f, const char *key, const char *value, const char *origin)
{
	SYS_GROW(f->items, f->count, f->cap);
	f->items[f->count++] = (struct config_setting){ .key = key, .value = value, .origin = origin };
}

static void add_field(struct config *c, struct flags *f, struct slice service, const char *field, const char *value,
                      const char *origin)
{
	struct buf key = { 0 };

	buf_printf(&key, "services.%.*s.%s", (int)service.len, service.at, field);
	add_flag(f, copy(c, key.data), value, origin);
	buf_free(&key);
}

/* --connections 8002:db.example.com:5432,...: the service is called as it is written. */
static bool add_connections(struct config *c, struct flags *f, const struct config_setting *s)
{
	struct slice rest = slice_of(s->value), part, port, host;
	uint16_t listen, number;

	while (slice_next(&rest, ',', &part)) {
		struct slice to = part;
		char wish[8];

		if (!part.len)
			continue;
		if (!slice_next(&to, ':', &port) || net_port(port, &listen) || net_split(to, &host, &number) || !host.len) {
			log_complain(LOG_ERROR, "%s: \"%.*s\" is not PORT:HOST:PORT", s->origin, (int)part.len, part.at);
			return false;
		}
		snprintf(wish, sizeof wish, ":%u", listen);
		add_field(c, f, part, "listener", copy(c, wish), s->origin);
		add_field(c, f, part, "backends", arena_dup(&c->memory, to.at, to.len), s->origin);
	}
	return true;
}

static const char *const sources[CONFIG_SOURCES] = { "static", "consul", "file", "http" };

static bool set_backend(struct config *c, const struct config_setting *s)
{
	static const char *const missing[] = { "nomad", "dynamodb", "elasticache" };
	struct slice name = slice_of(s->value);

	c->backend = copy(c, s->value);
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		if (slice_is_nocase(name, sources[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		if (slice_is_nocase(name, missing[i])) {
			log_complain(LOG_ERROR, "%s: \"%s\" is a source that this version does not have; there are static, consul, "
			             "file and http", s->origin, s->value);
			return false;
		}
	log_complain(LOG_ERROR, "%s: \"%s\" is not one of static, consul, file, http", s->origin, s->value);
	return false;
}

/* --debug 0|1|2 */
static bool set_debug(struct config_setting *s)
{
	static const char *const levels[] = { "error", "info", "debug" };
	long level;

	if (text_number(slice_of(s->value), 0, 2, &level)) {
		log_complain(LOG_ERROR, "%s: \"%s\" is not 0, 1 or 2", s->origin, s->value);
		return false;
	}
	s->value = levels[level];
	return true;
}

/* What a word of the command line is. */
enum flag { FLAG_WRONG, FLAG_KEY, FLAG_FILE, FLAG_LADDR, FLAG_BACKEND, FLAG_CONNECTIONS, FLAG_DEBUG, FLAG_EXPLAIN };

static enum flag flag_of(const char *name)
{
	static const struct {
		const char *name;
		enum flag flag;
	} known[] = {
		{ "c", FLAG_FILE }, { "config", FLAG_FILE }, { "laddr", FLAG_LADDR }, { "backend", FLAG_BACKEND },
		{ "connections", FLAG_CONNECTIONS }, { "debug", FLAG_DEBUG }, { "explain", FLAG_EXPLAIN }
	};
	const char *key = option_flag(name);

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].flag;
	return option_find(key) >= 0 || config_below(key, "services") || config_below(key, "apps") ||
	       config_below(key, "listeners.allowed") || is_missing(key) ? FLAG_KEY : FLAG_WRONG;
}

/* Options without a value. */
static bool *switch_of(struct config *c, const char *name)
{
	return strcmp(name, "h") == 0 || strcmp(name, "help") == 0 ? &c->help
	     : strcmp(name, "v") == 0 || strcmp(name, "version") == 0 ? &c->version
	     : strcmp(name, "t") == 0 ? &c->check
	     : strcmp(name, "plan") == 0 ? &c->plan : NULL;
}

static bool take_flag(struct config *c, struct flags *f, enum flag flag, struct config_setting s)
{
	switch (flag) {
	case FLAG_FILE:
		c->file = copy(c, s.value);
		return true;
	case FLAG_EXPLAIN:
		c->explain = copy(c, s.value);
		return true;
	case FLAG_LADDR:
		c->laddr = copy(c, s.value);
		return true;
	case FLAG_BACKEND:
		return set_backend(c, &s);
	case FLAG_CONNECTIONS:
		return add_connections(c, f, &s);
	case FLAG_DEBUG:
		if (!set_debug(&s))
			return false;
		break;
	case FLAG_KEY:
	case FLAG_WRONG:
		break;
	}
	add_flag(f, option_flag(s.key), s.value, s.origin);
	return true;
}

/* Looks at one option. Returns how many words it took; 0 when the usage is wrong. A wrong value clears *fine. */
static int read_flag(struct config *c, struct flags *f, char **words, bool *fine)
{
	const char *name = words[0] + 1 + (words[0][1] == '-'), *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	struct config_setting s = {
		.key = arena_dup(&c->memory, name, len), .value = equals ? equals + 1 : words[1],
		.origin = arena_dup(&c->memory, words[0], (size_t)(name - words[0]) + len)
	};
	bool *on = switch_of(c, s.key);
	enum flag flag = flag_of(s.key);

	if (on && !equals)
		return *on = true;
	if (on)
		log_complain(LOG_ERROR, "%s takes no value", s.origin);
	else if (flag == FLAG_WRONG)
		log_complain(LOG_ERROR, "unknown option %s; the nearest one is --%s, all are in dill --help", s.origin,
		             option_nearest(s.key));
	else if (!s.value)
		log_complain(LOG_ERROR, "%s needs a value", s.origin);
	if (on || flag == FLAG_WRONG || !s.value)
		return 0;
	*fine = take_flag(c, f, flag, s) && *fine;
	return equals ? 1 : 2;
}

/* The exit status so far. BACKEND words become one service, listening on -laddr. */
static int read_words(struct config *c, struct flags *f, int argc, char **argv)
{
	const char *first = NULL;
	bool fine = true;

	for (int i = 1; i < argc;) {
		int took = 1;

		if (argv[i][0] == '-' && argv[i][1]) {
			took = read_flag(c, f, argv + i, &fine);
		} else {
			add_flag(f, "services[-].backends", argv[i], "BACKEND");
			first = first ? first : argv[i];
		}
		if (!took)
			return 2;
		i += took;
	}
	if (c->help || c->version)
		return 0;
	if (first) {
		add_flag(f, "services[-].name", "static", "BACKEND");
		add_flag(f, "services[-].listener", c->laddr ? c->laddr : ":4000", c->laddr ? "-laddr" : "BACKEND");
	} else if (c->laddr)
		log_complain(LOG_ERROR, "-laddr %s: no BACKEND is named that could be reached there", c->laddr);
	if (first && c->backend && !slice_is_nocase(slice_of(c->backend), "static"))
		log_complain(LOG_ERROR, "--backend %s and the BACKEND %s exclude each other", c->backend, first);
	else if (first || !c->laddr)
		return fine ? 0 : 1;
	return 2;
}

/* Everything, from the least to the most important place. */

static bool apply_defaults(struct config *c)
{
	bool fine = true, unknown;

	for (int i = 0; i < (int)option_count(); i++)
		fine = apply(c, &(struct config_setting){ .key = option_name(i), .value = option_default(i),
		             .origin = "default" }, &unknown) && fine;
	return fine;
}

/* Which sources there are, and whether the one that was asked for is. */
static bool choose_sources(struct config *c)
{
	static const char *const needs[CONFIG_SOURCES] = {
		"services, BACKENDs or --connections", "nothing", "routing.file.path", "routing.http.endpoint"
	};
	bool fine = true;

	for (size_t i = 0; i < c->service_count; i++)
		c->uses[CONFIG_STATIC] = c->uses[CONFIG_STATIC] || strpbrk(c->services[i].key, ".["); /* not just services = [] */
	c->uses[CONFIG_FILE] = *c->file_path != '\0';
	c->uses[CONFIG_HTTP] = *c->http_endpoint != '\0';
	c->uses[CONFIG_CONSUL] = c->consul_given ||
	                         !(c->uses[CONFIG_STATIC] || c->uses[CONFIG_FILE] || c->uses[CONFIG_HTTP]);
	for (size_t i = 0; c->backend && i < CONFIG_SOURCES; i++) {
		bool chosen = slice_is_nocase(slice_of(c->backend), sources[i]);

		if (chosen && i != CONFIG_CONSUL && !c->uses[i]) {
			log_complain(LOG_ERROR, "--backend %s needs %s", c->backend, needs[i]);
			fine = false;
		}
		c->uses[i] = chosen;
	}
	return fine;
}

static bool check_all(struct config *c)
{
	bool fine = choose_sources(c);

	if (c->port_min > c->port_max) {
		log_complain(LOG_ERROR, "listeners.port_min %ld is above listeners.port_max %ld", c->port_min, c->port_max);
		fine = false;
	}
	if (!*c->consul_tag || strspn(c->consul_tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
	                           strlen(c->consul_tag)) {
		log_complain(LOG_ERROR, "%s: consul.tag: \"%s\" is not a word of letters, digits, '_', '.' and '-'",
		             c->origins[option_find("consul.tag")], c->consul_tag);
		fine = false;
	}
	return fine;
}

static bool apply_all(struct config *c, char **environment, const struct flags *f)
{
	bool fine = apply_defaults(c), unknown;

	if (c->file)
		fine = apply_file(c) && fine;
	c->rank = 1;
	fine = apply_environment(c, environment, NULL) && fine;
	c->rank = 2;
	for (size_t i = 0; i < f->count; i++)
		fine = apply(c, &f->items[i], &unknown) && fine;
	fine = apply_consul_variable(c, environment, "CONSUL_HTTP_ADDR", "consul.address") && fine;
	fine = apply_consul_variable(c, environment, "CONSUL_HTTP_TOKEN", "consul.token") && fine;
	return check_all(c) && fine;
}

int config_read(struct config *c, int argc, char **argv, char **environment)
{
	struct flags flags = { 0 };
	int status;

	*c = (struct config){ .laddr = NULL };
	c->origins = sys_alloc(option_count() * sizeof *c->origins);
	status = read_words(c, &flags, argc, argv);
	if (!status && !c->help && !c->version && !apply_all(c, environment, &flags))
		status = 1;
	if (!c->threads)
		c->threads = sysconf(_SC_NPROCESSORS_ONLN) > 0 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
	free(flags.items);
	return status;
}

void config_free(struct config *c)
{
	free(c->labels);
	free(c->services);
	free(c->origins);
	arena_free(&c->memory);
}

struct config *config_ref(struct config *c)
{
	c->refs++;
	return c;
}

void config_unref(struct config *c)
{
	if (c && !--c->refs) {
		config_free(c);
		free(c);
	}
}
