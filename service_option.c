#include "base.h"
#include "service_option.h"

#include <string.h>

#define NETWORKS_MAX 256 /* in an option: each new client is compared with all of them */
#define NETWORKS_TEXT_MAX 16384 /* bytes: more than so many take, with a blank behind each comma */

const char *const service_balance_names[] = { "round_robin", "random", "p2c", "least_conn", NULL };

const struct service_options service_options_none = { .balance = -1 };

bool service_options_equal(const struct service_options *left, const struct service_options *right)
{
	return left->proxy_protocol == right->proxy_protocol && left->limited == right->limited &&
	       net_ranges_equal(&left->allow, &right->allow) && net_ranges_equal(&left->deny, &right->deny);
}

bool service_options_asked(const struct service_options *options)
{
	return options->proxy_protocol || options->limited || options->deny.count;
}

static const char *parse_balance(const char *value, struct arena *memory, struct service_options *out)
{
	(void)memory;
	for (int i = 0; service_balance_names[i]; i++)
		if (slice_is_nocase(slice_of(value), service_balance_names[i])) {
			out->balance = i;
			return NULL;
		}
	return "not one of round_robin, random, p2c, least_conn";
}

static const char *parse_proxy(const char *value, struct arena *memory, struct service_options *out)
{
	return socks_parse(slice_of(value), memory, &out->proxy);
}

static const char *parse_proxy_protocol(const char *value, struct arena *memory, struct service_options *out)
{
	(void)memory;
	if (!slice_is_nocase(slice_of(value), "v1") && !slice_is_nocase(slice_of(value), "v2"))
		return "not v1 or v2";
	out->proxy_protocol = value[1] - '0';
	return NULL;
}

/* NULL, or why nothing is made of the value at all: whoever may register a service could have megabytes kept. */
static const char *refuse_size(const char *value)
{
	struct slice rest = slice_of(value), part;
	size_t count = 0;

	if (rest.len > NETWORKS_TEXT_MAX)
		return "longer than 16384 bytes";
	while (slice_next(&rest, ',', &part))
		count += part.len != 0;
	return count > NETWORKS_MAX ? "more than 256 networks" : NULL;
}

static const char *parse_networks(const char *value, struct arena *memory, struct net_ranges *out)
{
	struct net_ranges ranges = { 0 };
	const char *why = refuse_size(value);

	if (!why)
		why = net_ranges_parse(slice_of(value), memory, &ranges);
	if (!why && !ranges.count)
		why = "names no network";
	if (!why)
		*out = ranges;
	return why;
}

/* Even when the value is wrong, access stays restricted. */
static const char *parse_allow(const char *value, struct arena *memory, struct service_options *out)
{
	out->limited = true;
	return parse_networks(value, memory, &out->allow);
}

static const char *parse_deny(const char *value, struct arena *memory, struct service_options *out)
{
	return parse_networks(value, memory, &out->deny);
}

static const char *parse_ports(const char *value, struct arena *memory, struct service_options *out)
{
	(void)memory;
	return net_port(slice_of(value), &out->ports) ? "not one port (1-65535)" : NULL;
}

static const struct {
	const char *name, *accepted;
	bool vital;
	const char *(*parse)(const char *value, struct arena *memory, struct service_options *out);
} rows[SERVICE_OPTIONS] = {
	[SERVICE_BALANCE] = { "balance", "round_robin, random, p2c or least_conn", false, parse_balance },
	[SERVICE_PROXY] = { "proxy", "socks5://[user:password@]host:port", true, parse_proxy },
	[SERVICE_PROXY_PROTOCOL] = { "proxy_protocol", "v1 or v2", true, parse_proxy_protocol },
	[SERVICE_ALLOW] = { "allow", "networks, such as 10.0.0.0/8,2001:db8::/32", true, parse_allow },
	[SERVICE_DENY] = { "deny", "networks, such as 10.0.0.0/8,2001:db8::/32", true, parse_deny },
	[SERVICE_PORTS] = { "ports", "one port, the first of the backends'", true, parse_ports },
};

int service_option_find(struct slice name)
{
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (slice_is(name, rows[i].name))
			return i;
	return -1;
}

const char *service_option_name(int option)
{
	return rows[option].name;
}

const char *service_option_accepted(int option)
{
	return rows[option].accepted;
}

/* Any strategy serves who asks for one that is misspelled, but for who needs each client to come back to its backend. A
 * control byte in a value is no misspelling. */
bool service_option_vital(int option, const char *value)
{
	return rows[option].vital || text_controls(slice_of(value)) || (option == SERVICE_BALANCE && slice_is_nocase(slice_trim(slice_of(value)), "source"));
}

bool service_option_is_list(int option)
{
	return option == SERVICE_ALLOW || option == SERVICE_DENY;
}

const char *service_option_tidy(int option, struct slice value, struct arena *memory)
{
	struct slice rest = slice_trim(value), part;
	char *tidy, *to;

	if (!service_option_is_list(option))
		return arena_dup(memory, rest.at, rest.len);
	tidy = to = arena_alloc(memory, rest.len + 1); /* of zeroes: the last one ends it */
	while (slice_next(&rest, ',', &part)) {
		if (!part.len)
			continue;
		if (to > tidy)
			*to++ = ',';
		memcpy(to, part.at, part.len);
		to += part.len;
	}
	return tidy;
}

const char *service_option_parse(int option, const char *value, struct arena *memory, struct service_options *out)
{
	if (text_controls(slice_of(value))) {
		out->limited = out->limited || option == SERVICE_ALLOW;
		return "has a control character";
	}
	return rows[option].parse(value, memory, out);
}

void service_option_mask(int option, const char *value, struct buf *out)
{
	const char *scheme = slice_find(slice_of(value), slice_of("://")), *at = strrchr(value, '@');
	const char *end = at ? at + 1 : scheme ? scheme + 3 : value;
	struct arena memory = { 0 };
	struct socks_url url;
	struct slice host;
	uint16_t port;

	/* What follows a colon, or an '@', may be a password whose host was forgotten. */
	if (option == SERVICE_PROXY && (at ? net_split(slice_of(end), &host, &port) != NULL : strchr(end, ':') != NULL) &&
	    socks_parse(slice_of(value), &memory, &url))
		buf_puts(out, "********");
	else
		buf_masked(out, value);
	arena_free(&memory);
}
