#include "base.h"
#include "admit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *print(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

static const char *print(struct arena *a, const char *fmt, ...)
{
	struct buf b = { 0 };
	const char *text;
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	text = arena_dup(a, b.data, b.len);
	buf_free(&b);
	return text;
}

/* Wishes. */

static const struct admit_label *find_label(const struct admit_rules *rules, struct slice name)
{
	for (size_t i = 0; i < rules->label_count; i++)
		if (slice_is(name, rules->labels[i].name))
			return &rules->labels[i];
	return NULL;
}

static const char *all_labels(const struct admit_rules *rules, struct arena *memory)
{
	struct buf names = { 0 };
	const char *text;

	buf_puts(&names, rules->label_count ? "" : "none: listeners.allowed is empty");
	for (size_t i = 0; i < rules->label_count; i++)
		buf_printf(&names, "%s%s", i ? ", " : "one of ", rules->labels[i].name);
	text = arena_dup(memory, names.data, names.len);
	buf_free(&names);
	return text;
}

bool admit_wish(const struct admit_rules *rules, const char *wish, bool trusted, struct arena *memory,
                struct net_addr *out, struct admit_refusal *no)
{
	const struct admit_label *label;
	struct slice host;
	uint16_t port;
	const char *why = net_split(slice_of(wish), &host, &port);

	*no = (struct admit_refusal){ .rule = "listener", .why = why, .accepted = "label:port, such as local:5432" };
	if (why && strcmp(why, "is not host:port") == 0)
		no->why = "not label:port";
	if (why)
		return false;
	label = find_label(rules, host);
	if (!label && trusted && net_local(host, port, out))
		return true;
	if (label && port >= rules->port_min && port <= rules->port_max) {
		*out = label->addr;
		net_set_port(out, port);
		return true;
	}
	if (!label) {
		no->rule = "listeners.allowed";
		no->why = print(memory, "label \"%.*s\" is not in listeners.allowed", (int)host.len, host.at);
		no->accepted = all_labels(rules, memory);
		return false;
	}
	no->rule = port < rules->port_min ? "listeners.port_min" : "listeners.port_max";
	no->why = print(memory, "port %s %s %ld", port < rules->port_min ? "below" : "above", no->rule,
	                port < rules->port_min ? rules->port_min : rules->port_max);
	no->accepted = print(memory, "a port from %ld to %ld", rules->port_min, rules->port_max);
	return false;
}

/* Options. */

const char *admit_ranges(struct slice list, struct arena *memory, struct admit_ranges *out)
{
	struct slice rest = list, part;
	const char *why;
	size_t most = 0;

	*out = (struct admit_ranges){ 0 };
	while (slice_next(&rest, ',', &part))
		most++;
	out->items = arena_alloc(memory, (most + 1) * sizeof *out->items);
	while (slice_next(&list, ',', &part))
		if (part.len && (why = net_range(part, &out->items[out->count++])))
			return why;
	return NULL;
}

bool admit_client(const struct admit_ranges *ranges, const struct net_addr *client)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (net_in_range(&ranges->items[i], client))
			return true;
	return false;
}

/* What is wrong with the value; NULL: nothing. */
static const char *read_option(int option, const char *value, struct arena *memory, struct admit_options *out)
{
	const char *why;

	switch (option) {
	case SERVICE_BALANCE:
		out->balance = service_balance(value);
		return out->balance < 0 ? "not one of round_robin, random, p2c, least_conn" : NULL;
	case SERVICE_PROXY_PROTOCOL:
		out->proxy_protocol = slice_is_nocase(slice_of(value), "v1") ? 1 : slice_is_nocase(slice_of(value), "v2") ? 2 : 0;
		return out->proxy_protocol ? NULL : "not v1 or v2";
	case SERVICE_PROXY:
		why = socks_parse(slice_of(value), memory, &out->proxy);
		out->through = !why;
		return why;
	case SERVICE_ALLOW:
		why = admit_ranges(slice_of(value), memory, &out->allow);
		out->limited = true;
		return why || out->allow.count ? why : "names no network";
	default:
		why = admit_ranges(slice_of(value), memory, &out->deny);
		return why || out->deny.count ? why : "names no network";
	}
}

bool admit_option(const struct service *s, int option, struct arena *memory, struct admit_options *out,
                  struct admit_refusal *no)
{
	static const char *const accepted[SERVICE_OPTIONS] = {
		[SERVICE_BALANCE] = "round_robin, random, p2c or least_conn",
		[SERVICE_PROXY] = "socks5://[user:password@]host:port",
		[SERVICE_PROXY_PROTOCOL] = "v1 or v2",
		[SERVICE_ALLOW] = "networks, such as 10.0.0.0/8,2001:db8::/32",
		[SERVICE_DENY] = "networks, such as 10.0.0.0/8,2001:db8::/32",
	};
	const char *why = s->options[option] ? read_option(option, s->options[option], memory, out) : NULL;

	if (why)
		*no = (struct admit_refusal){ service_option_names[option], why, accepted[option] };
	return !why;
}

bool admit_needs(int option)
{
	return option != SERVICE_BALANCE;
}

void admit_mask(struct buf *out, int option, const char *value)
{
	const char *scheme = strstr(value, "://");
	struct arena memory = { 0 };
	struct socks_url url;

	/* What follows a colon may be a password whose host was forgotten. */
	if (option == SERVICE_PROXY && !strchr(value, '@') && strchr(scheme ? scheme + 3 : value, ':') &&
	    socks_parse(slice_of(value), &memory, &url))
		buf_puts(out, "********");
	else
		buf_masked(out, value);
	arena_free(&memory);
}

void admit_print_option(const struct service *s, int option, struct buf *out)
{
	buf_printf(out, "%s=", service_option_names[option]);
	admit_mask(out, option, s->options[option]);
}

/* -t */

static void put_list(const struct service *s, const char *field, struct buf *values)
{
	struct buf line = { 0 };

	buf_puts(&line, "services.");
	buf_visible(&line, s->name, strlen(s->name));
	buf_printf(&line, ".%s = ", field);
	buf_visible(&line, values->data, values->len);
	buf_printf(&line, "  # %s", s->origin);
	puts(line.data);
	buf_free(&line);
	values->len = 0;
}

static void print_service(const struct service *s)
{
	struct buf values = { 0 };

	for (size_t i = 0; i < s->wish_count; i++)
		buf_printf(&values, "%s%s", i ? ", " : "", s->wishes[i]);
	put_list(s, "listener", &values);
	for (size_t i = 0; i < s->backend_count; i++)
		buf_printf(&values, strchr(s->backends[i].host, ':') ? "%s[%s]:%u" : "%s%s:%u", i ? ", " : "",
		           s->backends[i].host, s->backends[i].port);
	put_list(s, "backends", &values);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (s->options[i]) {
			admit_mask(&values, i, s->options[i]);
			put_list(s, service_option_names[i], &values);
		}
	buf_free(&values);
}

static void print_verdict(const struct service *s, const char *wish, const char *why, const struct net_addr *addr)
{
	struct buf line = { 0 };
	char text[NET_TEXT];

	buf_puts(&line, "# ");
	buf_visible(&line, s->name, strlen(s->name));
	buf_puts(&line, ": ");
	buf_visible(&line, wish, strlen(wish));
	if (why) {
		buf_printf(&line, " is refused: %s", why);
	} else {
		net_print(addr, text);
		buf_printf(&line, " is accepted: %s", text);
	}
	puts(line.data);
	buf_free(&line);
}

static void print_admission(const struct admit_rules *rules, const struct service *s, bool trusted,
                            struct arena *memory)
{
	struct admit_options options = ADMIT_OPTIONS;
	struct admit_refusal no;
	struct buf text = { 0 };
	bool routable = true;

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		if (admit_option(s, i, memory, &options, &no))
			continue;
		text.len = 0;
		admit_print_option(s, i, &text);
		print_verdict(s, text.data, no.why, NULL);
		routable = routable && !admit_needs(i);
	}
	buf_free(&text);
	for (size_t i = 0; routable && i < s->wish_count; i++) {
		struct net_addr addr;
		bool fine = admit_wish(rules, s->wishes[i], trusted, memory, &addr, &no);

		print_verdict(s, s->wishes[i], fine ? NULL : no.why, &addr);
	}
}

void admit_print(const struct admit_rules *rules, const struct service_list *list)
{
	struct arena memory = { 0 };

	for (size_t i = 0; i < list->count; i++)
		print_service(&list->items[i]);
	for (size_t i = 0; i < list->count; i++)
		print_admission(rules, &list->items[i], list->trusted, &memory);
	arena_free(&memory);
}
