#include "base.h"
#include "resolve_server.h"

#include "dns.h"
#include "net.h"
#include "resolve_conf.h"

#define PROBE_MS 5000 /* so often at most a silent server is asked beside another */
#define DEAF 3        /* answers that a server gave only without EDNS; then it is not asked with it any more */

void resolve_servers_set(struct resolve_servers *servers, const struct resolve_conf *conf)
{
	*servers = (struct resolve_servers){
		.count = conf->server_count, .attempts = conf->attempts, .turn = servers->turn, .rotate = conf->rotate
	};
	for (size_t i = 0; i < conf->server_count; i++)
		servers->items[i].addr = conf->servers[i];
}

void resolve_try_start(struct resolve_servers *servers, struct resolve_try *try)
{
	*try = (struct resolve_try){ 0 };
	if (servers->rotate && servers->count)
		try->first = (uint8_t)(servers->turn++ % servers->count);
}

/* The next in order that is left in this round; silent ones last. -1: there is none. */
static int server_next(const struct resolve_servers *servers, const struct resolve_try *try)
{
	int silent = -1;

	for (size_t i = 0; i < servers->count; i++) {
		size_t index = (try->first + i) % servers->count;

		if (try->asked >> index & 1)
			continue;
		if (!servers->items[index].silent)
			return (int)index;
		if (silent < 0)
			silent = (int)index;
	}
	return silent;
}

/* Some drop what they do not know: the rounds behind the first are as libc asks. */
static void try_choose_edns(const struct resolve_servers *servers, struct resolve_try *try)
{
	try->edns = !servers->items[try->server].plain && !try->plain && !try->rounds;
}

bool resolve_try_next(const struct resolve_servers *servers, struct resolve_try *try)
{
	int index = -1;

	if (!try->again) {
		while (try->rounds < servers->attempts && (index = server_next(servers, try)) < 0) {
			try->rounds++;
			try->asked = try->spent;
		}
		if (try->rounds >= servers->attempts || try->probe)
			return false;
		try->server = (uint8_t)index;
		try->asked |= (uint8_t)(1u << index);
		try->tcp = try->plain = false;
	}
	try->again = false;
	try_choose_edns(servers, try);
	return true;
}

bool resolve_try_brief(const struct resolve_servers *servers, const struct resolve_try *try)
{
	bool others = try->asked != (1u << servers->count) - 1;

	return others && !try->tcp && !try->probe && try->rounds + 1u < servers->attempts && !servers->items[try->server].heard_at;
}

static void server_heard(struct resolve_server *server, const struct resolve_try *try, enum dns_status status, int64_t now)
{
	server->silent = false;
	server->heard_at = now;
	if (status == DNS_NO_EDNS)
		return; /* it may be the name's: of that it says what those say whom it asks */
	if (try->edns)
		server->deaf = 0;
	else if (!try->tcp && server->deaf < DEAF)
		server->deaf++;
	server->plain = server->plain || server->deaf == DEAF;
}

bool resolve_try_answered(struct resolve_servers *servers, struct resolve_try *try, enum dns_status status, int64_t now)
{
	server_heard(&servers->items[try->server], try, status, now);
	if (try->probe || status == DNS_FOUND || status == DNS_NO_DATA || status == DNS_NO_NAME)
		return true;
	try->again = (status == DNS_CUT && !try->tcp) || (status == DNS_NO_EDNS && try->edns);
	try->plain = try->plain || status == DNS_NO_EDNS;
	if (status == DNS_CUT)
		try->tcp = true;
	if (!try->again)
		try->spent |= (uint8_t)(1u << try->server);
	return false;
}

/* One that has answered others meanwhile is not silent: then it is the name that hangs. */
void resolve_try_unheard(struct resolve_servers *servers, const struct resolve_try *try)
{
	struct resolve_server *server = &servers->items[try->server];

	if (!try->tcp && server->heard_at <= try->sent_at)
		server->silent = true;
}

bool resolve_try_probe(struct resolve_servers *servers, const struct resolve_try *try, int64_t now, struct resolve_try *probe)
{
	for (size_t i = 0; i < servers->count && !try->rounds && !try->probe; i++) {
		struct resolve_server *server = &servers->items[i];

		if (!server->silent || (try->asked >> i & 1) || now - server->probed_at < PROBE_MS)
			continue;
		server->probed_at = now;
		*probe = (struct resolve_try){ .server = (uint8_t)i, .again = true, .probe = true };
		return true;
	}
	return false;
}
