/* config: what is configured, and where values come from: command line, environment, file, default, in that order. */
#ifndef CONFIG_H
#define CONFIG_H

#include "base.h"
#include "log.h"
#include "net.h"
#include "sys.h"
#include "text.h"

struct config_label {
	char *name;
	struct net_addr addr;
	const char *origin;
};

/* One key of the services, in the order in which they were given. */
struct config_setting {
	const char *key, *value;
	const char *origin; /* "config.toml:12", "DILL_X", "--x" */
	uint8_t rank;       /* of services: 0 from the file, 1 from the environment, 2 from the command line */
};

enum config_source { CONFIG_STATIC, CONFIG_CONSUL, CONFIG_FILE, CONFIG_HTTP, CONFIG_SOURCES };

struct config {
	struct config_label *labels; /* listeners.allowed */
	size_t label_count, label_cap;
	long port_min, port_max, max_connections, threads;
	int64_t drain, wait, connect_timeout, idle_timeout, grace; /* milliseconds */
	const char *consul_address, *consul_token, *consul_datacenter, *consul_namespace, *consul_consistency, *consul_tag;
	const char *allow; /* listeners.allow */
	const char *peek_listener, *status_listener, *state_path;
	const char *file_path, *http_endpoint; /* routing.file and routing.http; "" when not given */
	bool file_watch, log_access;
	long health_enabled, unhealthy_threshold, healthy_threshold; /* health_enabled: a place in the option's words */
	int64_t health_interval, health_timeout; /* milliseconds */
	int64_t poll_interval, poll_timeout; /* milliseconds */
	long balance, log_level, log_format; /* places in the option's words */
	bool uses[CONFIG_SOURCES]; /* which sources are asked */

	struct config_setting *services; /* keys below services and apps, for manifest_key */
	size_t service_count, service_cap;

	const char *file, *laddr, *backend; /* -c, -laddr, --backend: NULL when not given */
	uint8_t rank; /* of what is being read */
	bool consul_given; /* a consul.* key was */
	const char *explain; /* --explain: the service; NULL when not given */
	bool check, help, version, plan; /* -t, -h, -v, --plan */
	unsigned refs;
	const char **origins; /* of each option, in table order */
	struct arena memory;
};

/* Reads everything. Returns the exit status to end with when that failed (it has been said), else 0. */
int config_read(struct config *c, int argc, char **argv, char **environment);
void config_free(struct config *c);

/* A configuration in force lives on the heap, for as long as a source goes by it. The control plane's thread only. */
struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* the last one frees it */

bool config_below(const char *key, const char *table); /* table.x, table[0] and the table itself */
/* The key that a variable sets: DILL_A_B_C or DYNTCP_A_B_C. NULL: none. It may live in the arena. */
const char *config_variable(struct arena *memory, const char *variable);
void config_unknown_variables(struct config *c, char **environment); /* at level debug: platforms set such names too */
/* Says "ORIGIN: KEY: "VALUE" REASON". */
void config_complain(const struct config_setting *s, const char *reason);

#endif
