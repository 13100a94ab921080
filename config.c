#include "base.h"
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns.h"
#include "log.h"
#include "manifest.h"
#include "net.h"
#include "resolve_conf.h"
#include "service_option.h"
#include "tls.h"
#include "user.h"

static const char *const share_words[] = { "any", "name", NULL };
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };
static const char *const health_words[] = { "auto", "true", "false", NULL };

const char *config_check_region(const char *value)
{
	size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return value[len] || len > 63 ? "is not the name of a region" : NULL;
}

static const char *check_servers(const char *value)
{
	struct slice rest = slice_of(value), part;
	struct net_addr server;
	size_t count = 0;

	while (slice_next(&rest, ',', &part)) {
		net_keep_zone(part);
		if (!part.len)
			continue;
		if (!net_numeric_port(part, DNS_PORT, &server))
			return "is not a list of IP addresses, each with or without a port, such as 10.0.0.2,[fd00::2]:5353";
		if (++count > RESOLVE_SERVERS)
			return "names more than 8 servers";
	}
	return NULL;
}

static const char *check_host(const char *value)
{
	return !*value || net_is_host(slice_of(value)) ? NULL : "is not the name of a host";
}

static const char *check_user(const char *value)
{
	struct user user;

	return *value ? user_find(value, &user) : NULL;
}

#define DAY 86400000
#define AT(field) .at = offsetof(struct config, field)

const struct option config_options[] = {
	{ .key = "listeners.allowed", OPTION_LABELS, AT(labels), "local=127.0.0.1, any=0.0.0.0",
	  "addresses that services may bind, by label" },
	{ .key = "listeners.port_min", OPTION_PORT, AT(port_min), "1024", "lowest port that a service may ask for", 0, 65535 },
	{ .key = "listeners.port_max", OPTION_PORT, AT(port_max), "49151",
	  "highest port that a service may ask for", 0, 65535 },
	{ .key = "listeners.drain", OPTION_DURATION, AT(drain), "30s",
	  "how long connections of a removed listener or backend live on, before they are reset; 0: not at all" },
	{ .key = "listeners.allow", OPTION_NETWORKS, AT(allow), "",
	  "networks of the clients that may connect at all, such as 10.0.0.0/8; everybody when empty" },
	{ .key = "listeners.share", OPTION_WORD, AT(share), "any",
	  "any or name; with name, only services of one name share a listener", .words = share_words },
	{ .key = "listeners.reserved", OPTION_ADDRESSES, AT(reserved), "",
	  "addresses that only the operator's services may have, such as 10.0.0.1:9100 or :9100" },
	{ .key = "listeners.max_per_service", OPTION_NUMBER, AT(max_per_service), "64",
	  "most ports of one service that is not the operator's", 1, 65535 },
	{ .key = "listeners.bind", OPTION_BIND, AT(bind), "",
	  "which services may ask for which labels and ports, such as db-*=local:5432-5439; everything when empty" },
	{ .key = "listeners.reserve", OPTION_NUMBER, AT(reserve), "16",
	  "connections that each listener can always have, whatever others have; less where that is more than half of all", 0,
	  10000000 },
	{ .key = "backends.allow", OPTION_NETWORKS, AT(backends_allow), "",
	  "loopback, link-local and unspecified networks that services may name their backends in; none when empty" },
	{ .key = "proxy.balance", OPTION_WORD, AT(balance), "round_robin", "round_robin, random, p2c or least_conn",
	  .words = service_balance_names, .other = "lb", .other_is = OPTION_FLAG },
	{ .key = "proxy.connect_timeout", OPTION_DURATION, AT(connect_timeout), "3s",
	  "longest attempt to reach a backend", 1, 0, .other = "timeout", .other_is = OPTION_FLAG },
	{ .key = "proxy.tries", OPTION_NUMBER, AT(tries), "16", "most backends that are tried for one client", 1, 1000 },
	{ .key = "proxy.try_time", OPTION_DURATION, AT(try_time), "10s",
	  "how long backends are tried for one client; the first one has proxy.connect_timeout in any case", 1 },
	{ .key = "proxy.idle_timeout", OPTION_DURATION, AT(idle_timeout), "0s",
	  "resets a connection on which nothing moved for that long; 0: never" },
	{ .key = "proxy.max_connections", OPTION_NUMBER, AT(max_connections), "0",
	  "most simultaneous connections; 0: what the descriptor limit allows", 0, 10000000 },
	{ .key = "health.enabled", OPTION_WORD, AT(health_enabled), "auto",
	  "active TCP checks: auto (of services that their source does not check itself), true or false",
	  .words = health_words },
	{ .key = "health.interval", OPTION_DURATION, AT(health_interval), "5s", "how often each backend is checked", 10, DAY },
	{ .key = "health.timeout", OPTION_DURATION, AT(health_timeout), "1s", "how long one check may take", 1, DAY },
	{ .key = "health.unhealthy_threshold", OPTION_NUMBER, AT(unhealthy_threshold), "3",
	  "failed checks in a row that make a backend unhealthy", 1, 1000 },
	{ .key = "health.healthy_threshold", OPTION_NUMBER, AT(healthy_threshold), "3",
	  "successful checks in a row that make it healthy", 1, 1000 },
	{ .key = "dns.servers", OPTION_NAMES, AT(dns_servers), "",
	  "addresses of the name servers that are asked, such as 10.0.0.2,127.0.0.1:8600; those of /etc/resolv.conf when empty",
	  .check = check_servers },
	{ .key = "dns.timeout", OPTION_DURATION, AT(dns_timeout), "5s",
	  "how long a start, and a new listener, waits for the first answer about its names; 0: not at all", 0, DAY },
	{ .key = "dns.hold", OPTION_DURATION, AT(dns_hold), "0s",
	  "how long the last addresses of a name count while it cannot be resolved; 0: for ever" },
	{ .key = "shutdown.grace", OPTION_DURATION, AT(grace), "5s",
	  "how long live connections may finish after SIGTERM or SIGINT, before they are reset" },
	{ .key = "upgrade.timeout", OPTION_DURATION, AT(upgrade_timeout), "30s",
	  "how long the new process of an upgrade (SIGUSR2) may take until its table is in force", 1, DAY },
	{ .key = "upgrade.drain", OPTION_DURATION, AT(upgrade_drain), "1h",
	  "how long connections of the old process live on after an upgrade, before they are reset" },
	{ .key = "peek.listener", OPTION_ADDRESS, AT(peek_listener), "", "text debug server, for nc; off when empty" },
	{ .key = "status.listener", OPTION_ADDRESS, AT(status_listener), "",
	  "HTTP status server: a page, /status, /routes and more; off when empty",
	  .other = "status", .other_is = OPTION_FLAG },
	{ .key = "status.hosts", OPTION_NAMES, AT(status_hosts), "",
	  "names that the status server answers for, beside its addresses and localhost" },
	{ .key = "runtime.threads", OPTION_NUMBER, AT(threads), "0", "worker threads; 0: number of CPUs", 0, 1024,
	  .other = "runtime.gomaxprocs", .other_is = OPTION_KEY },
	{ .key = "runtime.user", OPTION_TEXT, AT(user), "",
	  "NAME, number or USER:GROUP that dill becomes, when root starts it; it stays who it is when empty",
	  .check = check_user },
	{ .key = "runtime.pid_file", OPTION_TEXT, AT(pid_file), "",
	  "file that has the number of the process in charge; off when empty" },
	{ .key = "state.path", OPTION_TEXT, AT(state_path), "",
	  "file that keeps the last good services, for a start while their source is away; off when empty" },
	{ .key = "aws.region", OPTION_TEXT, AT(aws_region), "",
	  "region of AWS's services; when empty that of AWS_REGION, the profile or the instance, else us-east-1",
	  .check = config_check_region, .other = "region", .other_is = OPTION_FLAG },
	{ .key = "aws.profile", OPTION_TEXT, AT(aws_profile), "",
	  "profile in AWS's own files with credentials and the region; when empty that of AWS_PROFILE, else default" },
	{ .key = "aws.host", OPTION_TEXT, AT(aws_host), "",
	  "name of AWS that is sent and signed when the endpoint is a proxy, such as dynamodb.eu-west-1.amazonaws.com",
	  .check = check_host },
	{ .key = "tls.ca", OPTION_TEXT, AT(tls_ca), "",
	  "file of the CAs that AWS and routing.http.endpoint are verified by; the system's when empty",
	  .other = "AWS_CA_BUNDLE,SSL_CERT_FILE", .other_is = OPTION_VARIABLE, .of_tls = true },
	{ .key = "log.level", OPTION_WORD, AT(log_level), "info", "error, warn, info or debug", .words = level_words },
	{ .key = "log.format", OPTION_WORD, AT(log_format), "text", "text or json, one object a line", .words = format_words },
	{ .key = "log.access", OPTION_SWITCH, AT(log_access), "false", "one line per session, at its end" },
};

const size_t config_option_count = ARRAY_LEN(config_options);

struct config *config_new(void)
{
	struct config *config = sys_alloc(sizeof *config);

	config->refs = 1;
	return config;
}

struct config *config_ref(struct config *config)
{
	config->refs++;
	return config;
}

void config_unref(struct config *config)
{
	if (!config || --config->refs)
		return;
	service_list_unref(config->given);
	arena_free(&config->memory);
	free(config);
}

/* Keys. */

bool config_below(const char *key, const char *table)
{
	size_t len = strlen(table);

	return strncasecmp(key, table, len) == 0 && (!key[len] || key[len] == '.' || key[len] == '[');
}

const char *config_lower(struct arena *memory, struct slice text)
{
	char *lower = arena_dup(memory, text.at, text.len);

	for (char *p = lower; *p; p++)
		*p = text_lower(*p);
	return lower;
}

static enum config_place place_of(const char *key, const char *name, size_t *len)
{
	size_t own = strlen(name), head = strcspn(key, "[");

	*len = head < own ? head : own;
	if (strncasecmp(key, name, *len) != 0)
		return CONFIG_ELSEWHERE;
	if (head < own)
		return name[head] == '.' ? CONFIG_ABOVE : CONFIG_ELSEWHERE;
	return key[own] == '.' ? CONFIG_BELOW : !key[own] || key[own] == '[' ? CONFIG_AT : CONFIG_ELSEWHERE;
}

enum config_place config_place(const struct config_table *table, const struct option *row, const char *key, size_t *len)
{
	size_t alias = table->alias && config_below(key, table->alias) ? strlen(table->alias) : 0;
	enum config_place place = place_of(key + alias, row->key + (alias ? strlen(table->prefix) : 0), len);

	*len += alias;
	return !place && row->other_is == OPTION_KEY ? place_of(key, row->other, len) : place;
}

const struct option *config_find(const struct config *config, const char *key, struct config_table **table)
{
	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++) {
			const struct option *row = &config->tables[t].rows[i];
			size_t len;

			if (config_place(&config->tables[t], row, key, &len) != CONFIG_AT)
				continue;
			*table = &config->tables[t];
			return key[len] && !option_is_list(row) ? NULL : row;
		}
	return NULL;
}

struct config_mark *config_mark(const struct config_table *table, const struct option *row)
{
	return &table->marks[row - table->rows];
}

/* Values. */

/* An element of a list. All that are there so far make one value, so that it is set like any other. */
static const char *set_element(struct config *config, const struct option *row, const struct config_table *table,
                               const struct config_setting *setting)
{
	struct buf joined = { 0 };
	const char *why;

	if (strcmp(strchr(setting->key, '['), "[0]") != 0)
		option_put(row, table->values, &joined);
	buf_printf(&joined, "%s%s", joined.len ? "," : "", setting->value);
	why = option_set(row, table->values, joined.data, setting->origin, &config->memory);
	buf_free(&joined);
	return why;
}

/* Whether a setting has a name of its own for a key: on the command line the last one counts, as everywhere, but two
 * options that mean the same are a mistake. */
static bool is_other_name(const struct config_mark *mark, const struct config_setting *setting)
{
	return setting->layer != CONFIG_COMMAND ||
	       strcasecmp(mark->origin + strspn(mark->origin, "-"), setting->origin + strspn(setting->origin, "-")) != 0;
}

/* In one layer, one key under two names is an error. */
const char *config_set(struct config *config, const struct config_setting *setting, bool *known)
{
	struct config_table *table = NULL;
	const struct option *row = config_find(config, setting->key, &table);
	struct config_mark *mark;
	const char *why;
	const char *element = strchr(setting->key, '[');

	*known = row;
	if (!row)
		return NULL;
	mark = config_mark(table, row);
	if ((!element || strcmp(element, "[0]") == 0) && mark->layer == setting->layer && mark->layer != CONFIG_DEFAULT &&
	    is_other_name(mark, setting))
		return text_printf(&config->memory, "is given twice, first at %s", mark->origin);
	if (row->of_tls && !tls_library && setting->layer != CONFIG_DEFAULT)
		return "needs TLS, which this dill does not have: make TLS=openssl builds one that does";
	why = element ? set_element(config, row, table, setting)
	              : option_set(row, table->values, setting->value, setting->origin, &config->memory);
	*mark = (struct config_mark){ arena_dup(&config->memory, setting->origin, strlen(setting->origin)), setting->layer };
	return why;
}

/* Whether a key is in one of the tables of a comma list. */
static bool is_below_one(const char *key, const char *names)
{
	struct buf head = { 0 };
	bool in;

	buf_add(&head, key, strcspn(key, "."));
	in = slice_has_word(slice_of(names), head.data);
	buf_free(&head);
	return in;
}

/* names: NULL, or of the tables whose keys count. */
static void put_values(const struct config_table *table, const char *names, struct buf *out)
{
	for (size_t i = 0; i < table->count; i++)
		if (!names || is_below_one(table->rows[i].key, names)) {
			option_put(&table->rows[i], table->values, out);
			buf_add(out, "", 1);
		}
}

static bool same_values(const struct config *a, const struct config *b, size_t table, const char *names)
{
	struct buf x = { 0 }, y = { 0 };
	bool same;

	put_values(&a->tables[table], names, &x);
	put_values(&b->tables[table], names, &y);
	same = x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0);
	buf_free(&x);
	buf_free(&y);
	return same;
}

bool config_same_table(const struct config *a, const struct config *b, size_t table)
{
	return same_values(a, b, table, NULL);
}

bool config_same_below(const struct config *a, const struct config *b, const char *names)
{
	return same_values(a, b, 0, names);
}

/* Errors. */

void config_error(struct config *config, const char *fmt, ...)
{
	struct buf line = { 0 };
	va_list args;

	if (config->errors++ >= CONFIG_ERRORS_MAX)
		return;
	va_start(args, fmt);
	buf_vprintf(&line, fmt, args);
	va_end(args);
	log_complain(LOG_ERROR, "%s", line.data);
	buf_free(&line);
}

/* Nobody knows what the value of an unknown key is. */
static bool is_unknown(const char *key)
{
	if (config_below(key, "services") || config_below(key, "apps"))
		return !manifest_is_key(key);
	return !config_below(key, "listeners.allowed") && !config_below(key, "listeners.bind");
}

void config_complain(struct config *config, const struct config_setting *setting, const char *reason)
{
	struct config_table *table;
	const struct option *row = config_find(config, setting->key, &table);
	struct buf plain = { 0 }, value = { 0 };

	if (row ? row->type == OPTION_SECRET : is_unknown(setting->key))
		buf_puts(&plain, "********");
	else
		buf_masked(&plain, setting->value);
	buf_visible(&value, plain.data, plain.len);
	if (config_below(setting->key, "services[-]")) /* a BACKEND or -laddr: nobody has written the key */
		config_error(config, "%s: \"%s\" %s", setting->origin, value.data, reason);
	else
		config_error(config, "%s: %s: \"%s\" %s", setting->origin, setting->key, value.data, reason);
	buf_free(&plain);
	buf_free(&value);
}
