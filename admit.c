#include "base.h"
#include "admit.h"

#include <stdio.h>
#include <string.h>

static const char *print(struct arena *a, const char *fmt, const char *word, long number)
{
	struct buf b = { 0 };
	const char *text;

	buf_printf(&b, fmt, word, number);
	text = arena_dup(a, b.data, b.len);
	buf_free(&b);
	return text;
}

static const struct admit_label *find_label(const struct admit_rules *rules, struct slice name)
{
	for (size_t i = 0; i < rules->label_count; i++)
		if (slice_is(name, rules->labels[i].name))
			return &rules->labels[i];
	return NULL;
}

const char *admit_wish(const struct admit_rules *rules, const char *wish, bool trusted, struct arena *memory,
                       struct net_addr *out)
{
	const struct admit_label *label;
	struct slice host;
	uint16_t port;
	const char *why = net_split(slice_of(wish), &host, &port);

	if (why)
		return strcmp(why, "is not host:port") == 0 ? "not label:port" : why;
	label = find_label(rules, host);
	if (!label && trusted && net_local(host, port, out))
		return NULL;
	if (!label)
		return print(memory, "label \"%s\" is not in listeners.allowed", arena_dup(memory, host.at, host.len), 0);
	if (port < rules->port_min)
		return print(memory, "port below %s %ld", "listeners.port_min", rules->port_min);
	if (port > rules->port_max)
		return print(memory, "port above %s %ld", "listeners.port_max", rules->port_max);
	*out = label->addr;
	net_set_port(out, port);
	return NULL;
}

static const char *judge_option(int option, const char *value)
{
	if (option != SERVICE_BALANCE)
		return "this version cannot honour it, so the service is not routed";
	return service_balance(value) < 0 ? "not one of round_robin, random, p2c, least_conn" : NULL;
}

const char *admit_option(const struct service *s, int option, struct buf *text)
{
	const char *why = s->options[option] ? judge_option(option, s->options[option]) : NULL;

	text->len = 0;
	if (why) {
		buf_printf(text, "%s=", service_option_names[option]);
		buf_masked(text, s->options[option]);
	}
	return why;
}

bool admit_needs(int option)
{
	return option != SERVICE_BALANCE;
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
			buf_masked(&values, s->options[i]);
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
	struct buf text = { 0 };
	bool routable = true;

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		const char *why = admit_option(s, i, &text);

		if (why) {
			print_verdict(s, text.data, why, NULL);
			routable = routable && !admit_needs(i);
		}
	}
	buf_free(&text);
	for (size_t i = 0; routable && i < s->wish_count; i++) {
		struct net_addr addr;
		const char *why = admit_wish(rules, s->wishes[i], trusted, memory, &addr);

		print_verdict(s, s->wishes[i], why, &addr);
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
