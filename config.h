/* config: the configuration. The values of the program's own options are fields of struct config; those of a source are
 * in a struct of its own, which only the source's file knows. */
#ifndef CONFIG_H
#define CONFIG_H

#include "base.h"
#include "bind.h"
#include "doc.h"
#include "option.h"
#include "service.h"
#include "sys.h"
#include "text.h"

/* Where a value came from, from the least to the most important place. A whole tree of services in one variable is one
 * below its layer. */
enum config_layer { CONFIG_DEFAULT, CONFIG_FILE = 2, CONFIG_ENVIRONMENT = 4, CONFIG_COMMAND = 6 };

/* A key and its value, as somebody has written them. */
struct config_setting {
	const char *key, *value;
	const char *origin; /* "config.toml:12", "DILL_X", "--x" */
	enum config_layer layer;
	enum doc_shape shape;
};

/* Options that belong together, and their values. */
struct config_table {
	const struct option *rows;
	size_t count;
	void *values;
	struct config_mark { /* of each row: who has set it */
		const char *origin;
		enum config_layer layer;
	} *marks;
	const char *prefix, *alias; /* keys below `alias` are those below `prefix`; NULL: there is no alias */
};

struct config {
	struct option_labels labels; /* listeners.allowed */
	struct bind_table bind; /* listeners.bind */
	long port_min, port_max, reserve, tries, max_connections, threads;
	int64_t drain, connect_timeout, try_time, idle_timeout, grace, upgrade_timeout, upgrade_drain; /* milliseconds */
	const char *allow, *reserved, *backends_allow; /* listeners.allow, listeners.reserved, backends.allow */
	long share; /* a place in the option's words */
	long max_per_service;
	const char *dns_servers;
	int64_t dns_timeout, dns_hold; /* milliseconds */
	const char *peek_listener, *status_listener, *status_hosts, *state_path, *pid_file, *user;
	const char *aws_region, *aws_profile, *aws_host, *tls_ca;
	bool log_access;
	long health_enabled, unhealthy_threshold, healthy_threshold; /* health_enabled: a place in the option's words */
	int64_t health_interval, health_timeout; /* milliseconds */
	long balance, log_level, log_format; /* places in the option's words */

	struct config_table *tables; /* the program's, and then that of each source */
	size_t table_count;
	bool *uses; /* of each source: it is asked */
	struct config_setting *services; /* keys below services and apps, in the order in which they were given */
	size_t service_count, service_cap;
	struct service_list *given; /* the services that they make */

	const char *file, *laddr, *backend; /* -c, -laddr, --backend: NULL when not given */
	const char *proxy; /* --proxy, or the proxy that routing.dynamodb asks for; NULL: neither is given */
	const char *explain; /* --explain: the service; NULL when not given */
	bool check, strict, help, version, plan; /* -t, --strict, -h, -v, --plan */
	size_t errors;  /* said so far, or passed over */
	const char *misshapen; /* the latest key at which the wrong shape was found; NULL: none was */
	size_t unknown; /* keys of the file that nobody knows */
	unsigned refs;
	struct arena memory;
	struct arena scratch; /* while it is being read: origins, keys and values of services */
};

/* A configuration lives on the heap, for as long as a source goes by it. The control plane's thread only. */
struct config *config_new(void);
struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* the last one frees it; NULL is fine */
extern const struct option config_options[]; /* the program's own */
extern const size_t config_option_count;

/* The row that a key means, under any of its names and in any letter case, and its table; NULL: none. */
const struct option *config_find(const struct config *config, const char *key, struct config_table **table);
/* Where a key stands to a row under any of its names: above (the table that it is in, or a list there), at it (or an
 * element), below. *len: of the key, up to the row's place or that of the table. */
enum config_place { CONFIG_ELSEWHERE, CONFIG_ABOVE, CONFIG_AT, CONFIG_BELOW };
enum config_place config_place(const struct config_table *table, const struct option *row, const char *key, size_t *len);
struct config_mark *config_mark(const struct config_table *table, const struct option *row);
/* Sets the value of a key, or element [n] of a list. *known: there is such a key. NULL or the reason: words that
 * follow the value. */
const char *config_set(struct config *config, const struct config_setting *setting, bool *known);
/* Whether all keys of a table have the same values in both; or the program's own, below one of a comma list of names. */
bool config_same_table(const struct config *a, const struct config *b, size_t table);
bool config_same_below(const struct config *a, const struct config *b, const char *names);

/* NULL, or why it is no region of AWS, in words that follow it: it becomes part of a host's name. */
const char *config_check_region(const char *value);

bool config_below(const char *key, const char *table); /* table.x, table[0] and the table itself; in any letter case */
const char *config_lower(struct arena *memory, struct slice text);

/* Report an error, up to CONFIG_ERRORS_MAX of them: a line, and ORIGIN: KEY: "VALUE" REASON. Secrets are masked. */
#define CONFIG_ERRORS_MAX 20
void config_error(struct config *config, const char *fmt, ...) PRINTF_LIKE(2, 3);
void config_complain(struct config *config, const struct config_setting *setting, const char *reason);

#endif
