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
};

struct config {
	struct config_label *labels; /* listeners.allowed */
	size_t label_count, label_cap;
	long port_min, port_max, max_connections, threads;
	int64_t drain, wait, connect_timeout, idle_timeout, grace; /* milliseconds */
	const char *consul_address, *consul_token, *consul_datacenter, *consul_namespace, *consul_consistency, *consul_tag;
	const char *peek_listener, *laddr;
	long balance, log_level, log_format; /* places in the option's words */
	bool consul_used; /* a consul.* key was given, or nothing else is configured */

	struct config_setting *services; /* keys below services and apps, for service_key */
	size_t service_count, service_cap;
	const char **backends; /* BACKEND words of the command line */
	size_t backend_count, backend_cap;

	const char *file;
	bool check, help, version; /* -t, -h, -v */
	const char **origins; /* of each option, in table order */
	struct arena memory;
};

/* Reads everything. Returns the exit status to end with when that failed (it has been said on stderr), else 0. */
int config_read(struct config *c, int argc, char **argv, char **environment);
void config_free(struct config *c);
void config_unknown_variables(struct config *c, char **environment); /* at level debug: platforms set such names too */
/* Says "dill: ORIGIN: KEY: "VALUE" REASON" on stderr. */
void config_complain(const struct config_setting *s, const char *reason);

#endif
