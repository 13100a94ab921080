#include "base.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"

enum type { TEXT, SECRET, NUMBER, PORT, DURATION, WORD, LABELS, ADDRESS };

static const char *const balance_words[] = { "round_robin", "random", "p2c", "least_conn", NULL };
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };
static const char *const consistency_words[] = { "", "stale", "consistent", "leader", NULL };

/* One row an option: flags, environment, files, --help, -t and the README's table follow from it. */
static const struct option {
	const char *key;
	enum type type;
	size_t at;
	const char *standard; /* the default, as it would be written */
	long min, max;
	const char *const *words;
	const char *help;
} options[] = {
#define AT(field) offsetof(struct config, field)
	{ "listeners.allowed", LABELS, 0, "local=127.0.0.1, any=0.0.0.0", 0, 0, NULL,
	  "addresses that services may bind, by label" },
	{ "listeners.port_min", PORT, AT(port_min), "1024", 0, 65535, NULL, "lowest port that a service may ask for" },
	{ "listeners.port_max", PORT, AT(port_max), "49151", 0, 65535, NULL, "highest port that a service may ask for" },
	{ "listeners.drain", DURATION, AT(drain), "30s", 0, 0, NULL,
	  "how long connections of a removed listener or backend live on; 0 closes them at once" },
	{ "consul.address", TEXT, AT(consul_address), "http://127.0.0.1:8500", 0, 0, NULL, "Consul agent to watch" },
	{ "consul.token", SECRET, AT(consul_token), "", 0, 0, NULL, "ACL token" },
	{ "consul.datacenter", TEXT, AT(consul_datacenter), "", 0, 0, NULL, "datacenter of every query" },
	{ "consul.namespace", TEXT, AT(consul_namespace), "", 0, 0, NULL, "namespace of every query" },
	{ "consul.wait", DURATION, AT(wait), "5m", 1000, 600000, NULL, "longest wait of one blocking query, 1s to 10m" },
	{ "consul.consistency_mode", TEXT, AT(consul_consistency), "", 0, 0, consistency_words,
	  "stale, consistent or leader" },
	{ "consul.tag", TEXT, AT(consul_tag), "dill", 0, 0, NULL,
	  "tag, and prefix of dill.listener=, that mark a service; while it is dill, dyntcp is read too" },
	{ "proxy.balance", WORD, AT(balance), "round_robin", 0, 0, balance_words, "round_robin, random, p2c or least_conn" },
	{ "proxy.connect_timeout", DURATION, AT(connect_timeout), "3s", 1, 0, NULL, "one attempt to reach a backend" },
	{ "proxy.idle_timeout", DURATION, AT(idle_timeout), "0s", 0, 0, NULL,
	  "closes a connection on which nothing moved for that long; 0: never" },
	{ "proxy.max_connections", NUMBER, AT(max_connections), "0", 0, 10000000, NULL,
	  "accepting pauses at so many; 0: what the descriptor limit allows" },
	{ "shutdown.grace", DURATION, AT(grace), "5s", 0, 0, NULL,
	  "how long live connections may finish after SIGTERM or SIGINT" },
	{ "peek.listener", ADDRESS, AT(peek_listener), "", 0, 0, NULL, "text debug server, for nc; off when empty" },
	{ "runtime.threads", NUMBER, AT(threads), "0", 0, 1024, NULL, "worker threads; 0: number of CPUs" },
	{ "log.level", WORD, AT(log_level), "info", 0, 0, level_words, "error, warn, info or debug" },
	{ "log.format", WORD, AT(log_format), "text", 0, 0, format_words, "text or json, one object a line" },
#undef AT
};

/* Other names of the same keys. */
static const struct {
	const char *name, *key;
} aliases[] = {
	{ "lb", "proxy.balance" },
	{ "timeout", "proxy.connect_timeout" },
	{ "runtime.gomaxprocs", "runtime.threads" },
	{ "routing.consul.address", "consul.address" },
	{ "routing.consul.token", "consul.token" },
	{ "routing.consul.datacenter", "consul.datacenter" },
	{ "routing.consul.namespace", "consul.namespace" },
	{ "routing.consul.wait", "consul.wait" },
	{ "routing.consul.consistency_mode", "consul.consistency_mode" },
	{ "routing.consul.tag", "consul.tag" },
};

static const char *copy(struct config *c, const char *s)
{
	return arena_dup(&c->memory, s, strlen(s));
}

void config_complain(const struct config_setting *s, const char *reason)
{
	struct buf line = { 0 };

	buf_printf(&line, "dill: %s: %s: \"", s->origin, s->key);
	buf_visible(&line, s->value, strlen(s->value));
	buf_printf(&line, "\" %s\n", reason);
	fputs(line.data, stderr);
	buf_free(&line);
}

static const char *plain_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(key, aliases[i].name) == 0)
			return aliases[i].key;
	return key;
}

static const struct option *find_option(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(key, options[i].key) == 0)
			return &options[i];
	return NULL;
}

/* Values. */

static const char *set_label(struct config *c, struct slice name, struct slice value, const char *origin)
{
	struct net_addr addr;
	char *text = arena_dup(&c->memory, name.at, name.len);

	if (!name.len)
		return "has an empty label";
	if (!net_numeric(value, 0, &addr))
		return "is not an IP address";
	for (size_t i = 0; i < c->label_count; i++)
		if (strcmp(c->labels[i].name, text) == 0) {
			c->labels[i].addr = addr;
			c->labels[i].origin = origin;
			return NULL;
		}
	SYS_GROW(c->labels, c->label_count, c->label_cap);
	c->labels[c->label_count++] = (struct config_label){ text, addr, origin };
	return NULL;
}

/* A map in one value: internal=10.0.0.1,public=1.2.3.4 or a JSON object. It replaces what was there. */
static const char *set_labels(struct config *c, const char *value, const char *origin)
{
	struct slice rest = slice_trim(slice_of(value)), part;
	const char *why = NULL;

	c->label_count = 0;
	if (rest.len && rest.at[0] == '{') {
		struct format_doc doc;

		if (!format_read(&doc, FORMAT_JSON, rest.at, rest.len))
			why = "is not a JSON object";
		for (size_t i = 0; i < doc.count && !why; i++)
			why = set_label(c, slice_of(doc.items[i].key), slice_of(doc.items[i].value), origin);
		format_free(&doc);
		return why;
	}
	while (!why && slice_next(&rest, ',', &part)) {
		struct slice name = { NULL, 0 };

		if (!part.len)
			continue;
		if (!memchr(part.at, '=', part.len))
			return "is not a list like local=127.0.0.1,any=0.0.0.0";
		slice_next(&part, '=', &name);
		why = set_label(c, name, slice_trim(part), origin);
	}
	return why;
}

static const char *set_word(const struct option *o, const char *value, long *place)
{
	for (long i = 0; o->words[i]; i++)
		if (slice_is_nocase(slice_of(value), o->words[i])) {
			*place = i;
			return NULL;
		}
	return "";
}

static const char *range_error(struct config *c, const struct option *o)
{
	struct buf why = { 0 };
	const char *text;

	if (o->type == WORD || o->words)
		buf_printf(&why, "is not one of %s", o->help);
	else if (o->type == PORT)
		buf_printf(&why, "is not a port (%ld-%ld)", o->min, o->max);
	else
		buf_printf(&why, "is not a number from %ld to %ld", o->min, o->max);
	text = copy(c, why.data);
	buf_free(&why);
	return text;
}

static const char *check_listen_address(const char *value)
{
	struct slice host;
	struct net_addr addr;
	uint16_t port;
	const char *why = *value ? net_split(slice_of(value), &host, &port) : NULL;

	if (!why && *value && host.len && !net_numeric(host, port, &addr))
		why = "has no IP address before its port";
	return why;
}

static const char *set_option(struct config *c, const struct option *o, const char *value, const char *origin)
{
	void *at = (char *)c + o->at;
	long place;
	const char *why = NULL;

	switch (o->type) {
	case LABELS:
		return set_labels(c, value, origin);
	case PORT:
	case NUMBER:
		return text_number(slice_of(value), o->min, o->max, at) ? range_error(c, o) : NULL;
	case DURATION:
		why = text_duration(slice_of(value), at);
		if (!why && o->min && *(int64_t *)at < o->min)
			why = "is too short";
		return !why && o->max && *(int64_t *)at > o->max ? "is too long" : why;
	case WORD:
		return set_word(o, value, at) ? range_error(c, o) : NULL;
	case ADDRESS:
		why = check_listen_address(value);
		break;
	case TEXT:
	case SECRET:
		for (const char *p = value; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				return "has a control character";
		if (o->words && set_word(o, value, &place))
			why = range_error(c, o);
		break;
	}
	*(const char **)at = copy(c, value);
	return why;
}

/* Settings, one after the other, from the least to the most important place. */

enum place { PLACE_DEFAULT, PLACE_FILE, PLACE_ENVIRONMENT, PLACE_FLAG };

static bool below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return strncmp(key, table, len) == 0 && (!key[len] || key[len] == '.' || key[len] == '[');
}

static const char *nearest_key(const char *key)
{
	const char *best = NULL;
	int least = 100;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		int d = text_distance(key, options[i].key);

		if (d < least) {
			least = d;
			best = options[i].key;
		}
	}
	return below(key, "listeners.allowed") ? "listeners.allowed" : best;
}

/* Applies one setting. False after an error, which has been said. */
static bool apply(struct config *c, const struct config_setting *s, bool *unknown)
{
	const char *key = plain_key(s->key), *why;
	const struct option *o = find_option(key);

	*unknown = false;
	if (o) {
		why = set_option(c, o, s->value, s->origin);
		c->origins[o - options] = s->origin;
		if (below(key, "consul") && strcmp(s->origin, "default") != 0)
			c->consul_used = true;
	} else if (below(key, "listeners.allowed") && key[17] == '.') {
		why = set_label(c, slice_of(key + 18), slice_trim(slice_of(s->value)), s->origin);
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

/* The file. */

static bool read_whole(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;
	bool fine;

	if (!f)
		return false;
	do {
		n = fread(buf_room(out, 65536), 1, 65536, f);
		out->len += n;
	} while (n);
	fine = !ferror(f);
	fclose(f);
	return fine;
}

static bool apply_doc(struct config *c, const char *path, const struct format_doc *doc)
{
	bool fine = true, table_seen = false, unknown;

	for (size_t i = 0; i < doc->count; i++) {
		struct config_setting s = { doc->items[i].key, doc->items[i].value, origin_of(c, path, doc->items[i].line) };

		/* A table that is given replaces the defaults whole. */
		if (below(s.key, "listeners.allowed") && !table_seen) {
			table_seen = true;
			c->label_count = 0;
		}
		fine = apply(c, &s, &unknown) && fine;
		if (unknown)
			fprintf(stderr, "dill: %s: unknown key %s; the nearest one is %s\n", s.origin, s.key, nearest_key(s.key));
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

/* The environment: a.b_c is DILL_A_B_C, or DYNTCP_A_B_C where that is not set. */

static void variable_name(const char *key, char *out, size_t size)
{
	size_t i = 0;

	for (; *key && i + 1 < size; key++, i++)
		out[i] = *key == '.' ? '_' : *key >= 'a' && *key <= 'z' ? (char)(*key - 32) : *key;
	out[i] = '\0';
}

static const char *strip_prefix(const char *variable)
{
	if (strncmp(variable, "DILL_", 5) == 0)
		return variable + 5;
	return strncmp(variable, "DYNTCP_", 7) == 0 ? variable + 7 : NULL;
}

/* Finds PREFIX_name=value in the environment. */
static const char *lookup(char **environment, const char *prefix, const char *name, size_t len)
{
	size_t n = strlen(prefix);

	for (; *environment; environment++)
		if (strncmp(*environment, prefix, n) == 0 && strncmp(*environment + n, name, len) == 0 && (*environment)[n + len] == '=')
			return *environment + n + len + 1;
	return NULL;
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
	char variable[80];
	struct buf key = { 0 };
	const char *out = NULL;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		variable_name(options[i].key, variable, sizeof variable);
		if (slice_is(name, variable))
			return options[i].key;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		variable_name(aliases[i].name, variable, sizeof variable);
		if (strchr(aliases[i].name, '.') && slice_is(name, variable))
			return aliases[i].key;
	}
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
	const struct option *o = find_option(key);
	bool unknown;

	if (!value || !*value || strcmp(c->origins[o - options], "default") != 0)
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
	else if (find_option(plain_key(s->key)) || below(s->key, "services") || below(s->key, "listeners.allowed"))
		return equals ? -1 : -2; /* a setting: applied when its turn comes */
	else {
		fprintf(stderr, "dill: unknown option %s; the nearest one is --%s, all are in dill --help\n", s->origin,
		        nearest_key(s->key));
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

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		fine = apply(c, &(struct config_setting){ options[i].key, options[i].standard, "default" }, &unknown) && fine;
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
	c->origins = sys_alloc(ARRAY_LEN(options) * sizeof *c->origins);
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

/* Printing. */

void config_usage(void)
{
	char variable[80];

	fputs("usage: dill [OPTION]... [BACKEND...]\n\n"
	      "A layer-4 proxy whose listening ports open and close as services come and go in Consul.\n"
	      "BACKEND... (host:port): one static service, listening on --laddr.\n\n"
	      "  -c, --config FILE    configuration file (.toml .ini .conf .yaml .yml .json .hcl .env .properties)\n"
	      "  -t                   check the configuration, print what is in force, and exit\n"
	      "  -laddr ADDR          where the BACKENDs are exposed (default :4000)\n"
	      "  -lb WORD             the same as proxy.balance\n"
	      "  -timeout DURATION    the same as proxy.connect_timeout\n"
	      "  -v, --version        print the version\n"
	      "  -h, --help           print this\n\n"
	      "Every key is an option (--KEY VALUE or --KEY=VALUE), a key of the file, and a variable of the environment:\n\n",
	      stdout);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		variable_name(options[i].key, variable, sizeof variable);
		printf("  --%s (default: %s)\n        %s; DILL_%s\n", options[i].key,
		       *options[i].standard ? options[i].standard : "none", options[i].help, variable);
	}
	fputs("  --services.NAME.listener, .backends, .balance\n"
	      "        static services: where each listens (label:port or address:port), and its backends (host:port,...)\n"
	      "        environment: DILL_SERVICES_NAME_LISTENER, DILL_SERVICES_NAME_BACKENDS, ...\n\n"
	      "A file, the environment or the command line may name services; without any, and without a consul.* key,\n"
	      "the agent at http://127.0.0.1:8500 is watched. SIGTERM and SIGINT stop; a second one stops at once.\n",
	      stdout);
}

static void print_value(const struct config *c, const struct option *o)
{
	const void *at = (const char *)c + o->at;
	char text[32];

	switch (o->type) {
	case TEXT:
	case ADDRESS:
		fputs(*(const char *const *)at, stdout);
		break;
	case SECRET:
		fputs(**(const char *const *)at ? "********" : "", stdout);
		break;
	case NUMBER:
	case PORT:
		printf("%ld", *(const long *)at);
		break;
	case DURATION:
		text_print_duration(*(const int64_t *)at, text);
		fputs(text, stdout);
		break;
	case WORD:
		fputs(o->words[*(const long *)at], stdout);
		break;
	case LABELS:
		break;
	}
}

static void print_label(const struct config_label *l)
{
	char text[NET_TEXT];

	net_print(&l->addr, text);
	*strrchr(text, ':') = '\0'; /* a label has no port */
	if (text[0] == '[') {
		memmove(text, text + 1, strlen(text));
		*strrchr(text, ']') = '\0';
	}
	printf("listeners.allowed.%s = %s  # %s\n", l->name, text, l->origin);
}

void config_print(const struct config *c)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].type == LABELS)
			continue;
		printf("%s = ", options[i].key);
		print_value(c, &options[i]);
		printf("  # %s\n", c->origins[i]);
	}
	for (size_t i = 0; i < c->label_count; i++)
		print_label(&c->labels[i]);
	for (size_t i = 0; i < c->service_count; i++)
		printf("%s = %s  # %s\n", c->services[i].key, c->services[i].value, c->services[i].origin);
	for (size_t i = 0; i < c->backend_count; i++)
		printf("backend = %s  # command line, listening on %s\n", c->backends[i], c->laddr ? c->laddr : ":4000");
}
