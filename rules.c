#include "base.h"
#include "rules.h"

#include "claims.h"
#include "dns.h"
#include "net.h"
#include "service_option.h"
#include "sys.h"
#include "text.h"

static void rules_add_server(struct route_rules *rules, const char *key, const char *where)
{
	struct route_server *server = &rules->servers[rules->server_count];
	struct slice host;
	uint16_t port;

	server->key = key;
	if (*where && !net_split(slice_of(where), &host, &port) && net_local(host, port, &server->addr))
		rules->server_count++;
}

struct route_rules rules_of(const struct config *config, struct arena *memory)
{
	struct route_rules rules = {
		.admit = { .labels = &config->labels, .port_min = config->port_min, .port_max = config->port_max,
		           .bind = &config->bind },
		.balance = (enum service_balance)config->balance, .name_wait = config->dns_timeout
	};

	net_ranges_parse(slice_of(config->allow), memory, &rules.admit.allow);
	rules.claims = claims_of(config, memory);
	rules.claims.most = sys_raise_fds() / 2;
	net_ranges_parse(slice_of(config->backends_allow), memory, &rules.backends);
	rules_add_server(&rules, "peek.listener", config->peek_listener);
	rules_add_server(&rules, "status.listener", config->status_listener);
	return rules;
}

struct resolve_rules rules_names(const struct config *config, struct net_addr servers[RESOLVE_SERVERS])
{
	struct resolve_rules rules = { .servers = servers, .hold = config->dns_hold };
	struct slice rest = slice_of(config->dns_servers), part;

	while (rules.server_count < RESOLVE_SERVERS && slice_next(&rest, ',', &part))
		rules.server_count += net_numeric_port(part, DNS_PORT, &servers[rules.server_count]);
	return rules;
}
