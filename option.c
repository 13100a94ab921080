#include "base.h"
#include "option.h"

#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "format.h"
#include "service.h"

enum type { TEXT, SECRET, NUMBER, PORT, DURATION, WORD, LABELS, ADDRESS, SWITCH, NETWORKS };

static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };
static const char *const health_words[] = { "auto", "true", "false", NULL };
static const char *const consistency_words[] = { "", "stale", "consistent", "leader", NULL };

#define DAY 86400000L

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
	{ "listeners.allow", NETWORKS, AT(allow), "", 0, 0, NULL,
	  "networks of the clients that may connect at all, such as 10.0.0.0/8; everybody when empty" },
	{ "consul.address", TEXT, AT(consul_address), "http://127.0.0.1:8500", 0, 0, NULL, "Consul agent to watch" },
	{ "consul.token", SECRET, AT(consul_token), "", 0, 0, NULL, "ACL token" },
	{ "consul.datacenter", TEXT, AT(consul_datacenter), "", 0, 0, NULL, "datacenter of every query" },
	{ "consul.namespace", TEXT, AT(consul_namespace), "", 0, 0, NULL, "namespace of every query" },
	{ "consul.wait", DURATION, AT(wait), "5m", 1000, 600000, NULL, "longest wait of one blocking query, 1s to 10m" },
	{ "consul.consistency_mode", TEXT, AT(consul_consistency), "", 0, 0, consistency_words,
	  "stale, consistent or leader" },
	{ "consul.tag", TEXT, AT(consul_tag), "dill", 0, 0, NULL,
	  "tag, and prefix of dill.listener=, that mark a service; while it is dill, dyntcp is read too" },
	{ "proxy.balance", WORD, AT(balance), "round_robin", 0, 0, service_balance_names,
	  "round_robin, random, p2c or least_conn" },
	{ "proxy.connect_timeout", DURATION, AT(connect_timeout), "3s", 1, 0, NULL, "one attempt to reach a backend" },
	{ "proxy.idle_timeout", DURATION, AT(idle_timeout), "0s", 0, 0, NULL,
	  "closes a connection on which nothing moved for that long; 0: never" },
	{ "proxy.max_connections", NUMBER, AT(max_connections), "0", 0, 10000000, NULL,
	  "accepting pauses at so many; 0: what the descriptor limit allows" },
	{ "health.enabled", WORD, AT(health_enabled), "auto", 0, 0, health_words,
	  "active TCP checks: auto (of all but Consul's services), true or false" },
	{ "health.interval", DURATION, AT(health_interval), "5s", 10, DAY, NULL, "how often each backend is checked" },
	{ "health.timeout", DURATION, AT(health_timeout), "1s", 1, DAY, NULL, "how long one check may take" },
	{ "health.unhealthy_threshold", NUMBER, AT(unhealthy_threshold), "3", 1, 1000, NULL,
	  "failed checks in a row that make a backend unhealthy" },
	{ "health.healthy_threshold", NUMBER, AT(healthy_threshold), "3", 1, 1000, NULL,
	  "successful checks in a row that make it healthy" },
	{ "shutdown.grace", DURATION, AT(grace), "5s", 0, 0, NULL,
	  "how long live connections may finish after SIGTERM or SIGINT" },
	{ "peek.listener", ADDRESS, AT(peek_listener), "", 0, 0, NULL, "text debug server, for nc; off when empty" },
	{ "status.listener", ADDRESS, AT(status_listener), "", 0, 0, NULL,
	  "HTTP status server: a page, /status, /connections, /routes, /metrics; off when empty" },
	{ "routing.file.path", TEXT, AT(file_path), "", 0, 0, NULL,
	  "file with services, of any of the formats; off when empty" },
	{ "routing.file.watch", SWITCH, AT(file_watch), "true", 0, 0, NULL, "read that file again whenever it changes" },
	{ "routing.http.endpoint", TEXT, AT(http_endpoint), "", 0, 0, NULL,
	  "http:// URL that answers with services, as JSON, YAML or TOML; off when empty" },
	{ "routing.http.poll_interval", DURATION, AT(poll_interval), "5s", 10, DAY, NULL, "how often it is asked" },
	{ "routing.http.poll_timeout", DURATION, AT(poll_timeout), "5s", 1, DAY, NULL, "how long one answer may take" },
	{ "runtime.threads", NUMBER, AT(threads), "0", 0, 1024, NULL, "worker threads; 0: number of CPUs" },
	{ "state.path", TEXT, AT(state_path), "", 0, 0, NULL,
	  "file that keeps Consul's last good services, for a start while Consul is away; off when empty" },
	{ "log.level", WORD, AT(log_level), "info", 0, 0, level_words, "error, warn, info or debug" },
	{ "log.format", WORD, AT(log_format), "text", 0, 0, format_words, "text or json, one object a line" },
	{ "log.access", SWITCH, AT(log_access), "false", 0, 0, NULL, "one line per session, at its end" },
#undef AT
};

/* Other names of the same keys. */
static const struct {
	const char *name, *key;
} aliases[] = {
	{ "runtime.gomaxprocs", "runtime.threads" },
	{ "routing.consul.address", "consul.address" },
	{ "routing.consul.token", "consul.token" },
	{ "routing.consul.datacenter", "consul.datacenter" },
	{ "routing.consul.namespace", "consul.namespace" },
	{ "routing.consul.wait", "consul.wait" },
	{ "routing.consul.consistency_mode", "consul.consistency_mode" },
	{ "routing.consul.tag", "consul.tag" },
};

/* Options of earlier programs. */
static const struct {
	const char *flag, *key;
} flags[] = {
	{ "lb", "proxy.balance" },
	{ "timeout", "proxy.connect_timeout" },
	{ "debug", "log.level" },
	{ "status", "status.listener" },
	{ "proxy", "routing.dynamodb.proxy" },
	{ "dynamodb", "routing.dynamodb.table" },
	{ "region", "aws.region" },
	{ "elasticache-cluster-id", "routing.elasticache.cluster_id" },
	{ "elasticache-port", "routing.elasticache.port" },
};

const char *option_flag(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcmp(name, flags[i].flag) == 0)
			return flags[i].key;
	return option_key(name);
}

const char *option_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(key, aliases[i].name) == 0)
			return aliases[i].key;
	return key;
}

int option_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(key, options[i].key) == 0)
			return (int)i;
	return -1;
}

const char *option_default(int option)
{
	return options[option].standard;
}

const char *option_text(const struct config *c, int option)
{
	return *(const char *const *)(const void *)((const char *)c + options[option].at);
}

bool option_is_list(int option)
{
	return options[option].type == NETWORKS;
}

size_t option_count(void)
{
	return ARRAY_LEN(options);
}

const char *option_name(int option)
{
	return options[option].key;
}

const char *option_nearest(const char *key)
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
	return strncmp(key, "listeners.allowed", 17) == 0 ? "listeners.allowed" : best;
}

static void variable_name(const char *key, char *out, size_t size)
{
	size_t i = 0;

	for (; *key && i + 1 < size; key++, i++)
		out[i] = *key == '.' ? '_' : *key >= 'a' && *key <= 'z' ? (char)(*key - 32) : *key;
	out[i] = '\0';
}

bool option_is_variable(const char *key, struct slice name)
{
	char variable[80];
	size_t len;

	variable_name(key, variable, sizeof variable);
	len = strlen(variable);
	return name.len >= len && memcmp(name.at, variable, len) == 0 && (name.len == len || name.at[len] == '_');
}

bool option_secret(const char *key)
{
	int option = option_find(option_key(key));

	return option >= 0 && options[option].type == SECRET;
}

const char *option_of_variable(struct slice name)
{
	char variable[80];

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		variable_name(options[i].key, variable, sizeof variable);
		if (slice_is(name, variable))
			return options[i].key;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		variable_name(aliases[i].name, variable, sizeof variable);
		if (slice_is(name, variable))
			return aliases[i].key;
	}
	return NULL;
}

/* Values. */

const char *option_set_label(struct config *c, struct slice name, struct slice value, const char *origin)
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
		struct doc doc;

		if (!format_read(&doc, &format_json, rest.at, rest.len))
			why = "is not a JSON object";
		for (size_t i = 0; i < doc.count && !why; i++)
			why = option_set_label(c, slice_of(doc.items[i].key), slice_of(doc.items[i].value), origin);
		doc_free(&doc);
		return why;
	}
	while (!why && slice_next(&rest, ',', &part)) {
		struct slice name = { NULL, 0 };

		if (!part.len)
			continue;
		if (!memchr(part.at, '=', part.len))
			return "is not a list like local=127.0.0.1,any=0.0.0.0";
		slice_next(&part, '=', &name);
		why = option_set_label(c, name, slice_trim(part), origin);
	}
	return why;
}

static const char *check_networks(const char *value)
{
	struct slice rest = slice_of(value), part;
	struct net_range range;
	const char *why = NULL;
	bool any = !*value;

	while (!why && slice_next(&rest, ',', &part))
		if (part.len) {
			why = net_range(part, &range);
			any = true;
		}
	return why || any ? why : "names no network";
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
	text = arena_dup(&c->memory, why.data, why.len);
	buf_free(&why);
	return text;
}

static const char *check_listen_address(const char *value)
{
	struct slice host;
	struct net_addr addr;
	uint16_t port;
	const char *why = *value ? net_split(slice_of(value), &host, &port) : NULL;

	if (!why && *value && !net_local(host, port, &addr))
		why = "has no IP address before its port";
	return why;
}

const char *option_set(struct config *c, int option, const char *value, const char *origin)
{
	const struct option *o = &options[option];
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
	case SWITCH:
		return text_bool(slice_of(value), at);
	case ADDRESS:
		why = check_listen_address(value);
		break;
	case NETWORKS:
		why = check_networks(value);
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
	*(const char **)at = arena_dup(&c->memory, value, strlen(value));
	return why;
}

/* Printing. */

void option_usage(void)
{
	char variable[80];

	fputs("usage: dill [OPTION]... [BACKEND...]\n\n"
	      "A layer-4 proxy whose listening ports open and close as services come and go in Consul.\n"
	      "BACKEND... (host:port): one static service, listening on --laddr.\n\n"
	      "  -c, --config FILE    configuration file (.toml .ini .conf .yaml .yml .json .hcl .env .properties)\n"
	      "  --explain NAME       say why the service is or is not routed: of each instance, each tag; exit\n"
	      "  --plan               read the sources once, print what would change against the running dill, with + - ~;\n"
	      "                       exit 0: nothing, 2: something, 1: a source did not answer\n"
	      "  -t                   check the configuration, print what is in force, which services are accepted, and exit\n"
	      "  -laddr ADDR          where the BACKENDs are exposed (default :4000)\n"
	      "  -lb WORD             the same as proxy.balance\n"
	      "  -timeout DURATION    the same as proxy.connect_timeout\n"
	      "  --connections L:HOST:P[,...]\n"
	      "                       one static service each: port L of every interface to HOST:P\n"
	      "  --backend WORD       use this source only: static, consul, file or http\n"
	      "  --status ADDR        the same as status.listener\n"
	      "  --debug N            log.level: 0 error, 1 info, 2 debug\n"
	      "  -v, --version        print the version\n"
	      "  -h, --help           print this\n\n"
	      "Every key is an option (--KEY VALUE or --KEY=VALUE), a key of the file, and a variable of the environment:\n\n",
	      stdout);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		variable_name(options[i].key, variable, sizeof variable);
		printf("  --%s (default: %s)\n        %s; DILL_%s\n", options[i].key,
		       *options[i].standard ? options[i].standard : "none", options[i].help, variable);
	}
	fputs("  --services.NAME.listener, .backends, .balance, .proxy, .proxy_protocol, .allow, .deny\n"
	      "        static services: where each listens (label:port or address:port), and its backends (host:port,...)\n"
	      "        environment: DILL_SERVICES_NAME_LISTENER, DILL_SERVICES_NAME_BACKENDS, ...\n\n"
	      "A file, the environment or the command line may name services. Consul is watched when a consul.* key is set,\n"
	      "or when there are no services and neither routing.file.path nor routing.http.endpoint is set.\n\n"
	      "SIGTERM and SIGINT stop; a second one stops at once. SIGHUP reads the configuration again: an error changes\n"
	      "nothing, and runtime.threads does not change at run time. SIGUSR1 prints the counters.\n",
	      stdout);
}

static void put_value(const struct config *c, const struct option *o, struct buf *out)
{
	const void *at = (const char *)c + o->at;
	char text[32];

	switch (o->type) {
	case TEXT:
	case ADDRESS:
	case NETWORKS:
	case SECRET:
		buf_puts(out, *(const char *const *)at);
		break;
	case NUMBER:
	case PORT:
		buf_printf(out, "%ld", *(const long *)at);
		break;
	case DURATION:
		text_print_duration(*(const int64_t *)at, text);
		buf_puts(out, text);
		break;
	case SWITCH:
		buf_puts(out, *(const bool *)at ? "true" : "false");
		break;
	case WORD:
		buf_puts(out, o->words[*(const long *)at]);
		break;
	case LABELS:
		break;
	}
}

bool option_same(const struct config *a, const struct config *b, const char *table)
{
	struct buf x = { 0 }, y = { 0 };
	bool same;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (config_below(options[i].key, table)) {
			put_value(a, &options[i], &x);
			put_value(b, &options[i], &y);
			buf_add(&x, "", 1);
			buf_add(&y, "", 1);
		}
	same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	buf_free(&x);
	buf_free(&y);
	return same;
}

static void print_label(const struct config_label *l)
{
	char text[NET_TEXT];

	net_print_host(&l->addr, text);
	printf("listeners.allowed.%s = %s  # %s\n", l->name, text, l->origin);
}

void option_print(const struct config *c)
{
	struct buf value = { 0 }, shown = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].type == LABELS)
			continue;
		value.len = 0;
		buf_puts(&value, "");
		put_value(c, &options[i], &value);
		shown.len = 0;
		buf_masked(&shown, value.data);
		printf("%s = %s  # %s\n", options[i].key, options[i].type == SECRET && value.len ? "********" : shown.data,
		       c->origins[i]);
	}
	buf_free(&value);
	buf_free(&shown);
	for (size_t i = 0; i < c->label_count; i++)
		print_label(&c->labels[i]);
}
