#include "base.h"
#include "claims.h"

#include "http_url.h"
#include "net.h"
#include "option.h"
#include "source.h"
#include "sources.h"
#include "text.h"

static void add_reserved(struct route_claims *claims, struct arena *memory, struct route_reserved reserved)
{
	ARENA_GROW(memory, claims->reserved, claims->reserved_count, claims->reserved_cap);
	claims->reserved[claims->reserved_count++] = reserved;
}

/* localhost is both loopback addresses, and no host all addresses of both families. */
static void reserve_host(struct route_claims *claims, struct arena *memory, struct slice host, struct route_reserved reserved)
{
	bool local = slice_is_nocase(host, "localhost"), both = local || !host.len;
	struct slice hosts[2] = {
		both ? slice_of(local ? "127.0.0.1" : "0.0.0.0") : host, slice_of(local ? "::1" : "::")
	};

	for (int i = 0; i < 1 + both; i++) {
		bool numeric = net_numeric(hosts[i], reserved.port, &reserved.addr);

		reserved.host = numeric ? NULL : arena_dup(memory, hosts[i].at, hosts[i].len);
		add_reserved(claims, memory, reserved);
	}
}

static void reserve_server(struct route_claims *claims, struct arena *memory, const char *where, const char *rule,
                           const char *why)
{
	struct route_reserved reserved = { .rule = rule, .why = why };
	struct slice host;

	if (!*where)
		return;
	net_split(slice_of(where), &host, &reserved.port);
	net_local(host, reserved.port, &reserved.addr);
	add_reserved(claims, memory, reserved);
}

static void reserve_listed(struct route_claims *claims, struct arena *memory, const char *list)
{
	struct route_reserved reserved = { .rule = "listeners.reserved", .why = "is in listeners.reserved" };
	struct slice rest = slice_of(list), part, host;

	while (slice_next(&rest, ',', &part))
		if (part.len && !net_split(part, &host, &reserved.port))
			reserve_host(claims, memory, host, reserved);
}

/* Whom a source asks. A socket of the file system takes no address. */
static void reserve_url(struct route_claims *claims, struct arena *memory, const struct http_url *url, const char *rule)
{
	if (url->scheme != HTTP_UNIX)
		reserve_host(claims, memory, slice_of(url->host), (struct route_reserved){
			.port = url->port, .rule = rule, .why = text_printf(memory, "is %s", rule), .dialled = true
		});
}

static void reserve_more(struct route_claims *claims, struct arena *memory, const struct source_kind *kind)
{
	const char *variable;
	struct http_url url;

	for (size_t n = 0; n < kind->asks_too; n++)
		if (kind->asked(kind->name, n, &url, &variable))
			reserve_url(claims, memory, &url, variable);
}

static void reserve_asked(struct route_claims *claims, const struct config *config, struct arena *memory)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < source_count; i++) {
		const char *key = sources[i]->asks;
		struct config_table *table = NULL;
		const struct option *row = key && config->uses[i] ? config_find(config, key, &table) : NULL;
		struct http_url url;

		if (!row)
			continue;
		text.len = 0;
		option_put(row, table->values, &text);
		if (!http_url_parse(&url, text.data, sources[i]->asks_port))
			reserve_url(claims, memory, &url, key);
		reserve_more(claims, memory, sources[i]);
	}
	buf_free(&text);
}

struct route_claims claims_of(const struct config *config, struct arena *memory)
{
	struct route_claims claims = { .by_name = config->share, .per_service = (size_t)config->max_per_service };

	reserve_asked(&claims, config, memory);
	reserve_server(&claims, memory, config->peek_listener, "peek.listener", "is Peek's, peek.listener");
	reserve_server(&claims, memory, config->status_listener, "status.listener", "is the status server's, status.listener");
	reserve_listed(&claims, memory, config->reserved);
	return claims;
}
