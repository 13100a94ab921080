#include "base.h"
#include "admit.h"

#include <stdio.h>
#include <string.h>

#include "service_option.h"
#include "text.h"
#include "wish.h"

static const struct option_label *find_label(const struct admit_rules *rules, struct slice name)
{
	for (size_t i = 0; i < rules->labels->count; i++)
		if (slice_is(name, rules->labels->items[i].name))
			return &rules->labels->items[i];
	return NULL;
}

static const char *all_labels(const struct admit_rules *rules, struct arena *memory)
{
	struct buf names = { 0 };
	const char *text;

	buf_puts(&names, rules->labels->count ? "" : "none: listeners.allowed is empty");
	for (size_t i = 0; i < rules->labels->count; i++)
		buf_printf(&names, "%s%s", i ? ", " : "one of ", rules->labels->items[i].name);
	text = arena_dup(memory, names.data, names.len);
	buf_free(&names);
	return text;
}

static void refuse_label(const struct admit_rules *rules, struct slice label, struct arena *memory,
                         struct admit_refusal *no)
{
	no->rule = "listeners.allowed";
	no->why = text_printf(memory, "label \"%.*s\" is not in listeners.allowed", (int)label.len, label.at);
	no->accepted = all_labels(rules, memory);
}

static void refuse_port(const struct admit_rules *rules, bool below, struct arena *memory, struct admit_refusal *no)
{
	no->rule = below ? "listeners.port_min" : "listeners.port_max";
	no->why = text_printf(memory, "port %s %s %ld", below ? "below" : "above", no->rule,
	                      below ? rules->port_min : rules->port_max);
	no->accepted = text_printf(memory, "a port from %ld to %ld", rules->port_min, rules->port_max);
}

bool admit_wish(const struct admit_rules *rules, const struct wish *wish, bool trusted, struct arena *memory,
                struct net_addr *out, struct admit_refusal *no)
{
	const struct option_label *label;

	if (wish->why) {
		*no = (struct admit_refusal){ .rule = "listener", .why = wish->why, .accepted = "label:port, such as local:5432" };
		if (slice_starts(slice_of(no->why), "is not "))
			no->why += strlen("is "); /* it follows no value here */
		return false;
	}
	label = find_label(rules, wish->host);
	if (!label && trusted && net_local(wish->host, wish->port, out))
		return true;
	if (!label) {
		refuse_label(rules, wish->host, memory, no);
	} else if (wish->port < rules->port_min || wish->port > rules->port_max) {
		refuse_port(rules, wish->port < rules->port_min, memory, no);
	} else {
		*out = label->addr;
		net_set_port(out, wish->port);
		return true;
	}
	return false;
}

struct admit_refusal admit_setting(const struct service_setting *setting)
{
	return (struct admit_refusal){
		service_option_name(setting->option), setting->why, service_option_accepted(setting->option)
	};
}

/* -t */

static void print_field(const struct service *service, const char *field, struct buf *values, const char *origin)
{
	struct buf line = { 0 };

	buf_puts_visible(&line, "services.", service->name);
	buf_printf(&line, ".%s = ", field);
	buf_visible(&line, values->data, values->len);
	buf_printf(&line, "  # %s", origin);
	puts(line.data);
	buf_free(&line);
	values->len = 0;
}

static void print_service(const struct service *service)
{
	struct buf values = { 0 };

	for (size_t i = 0; i < service->wish_count; i++)
		buf_printf(&values, "%s%s", i ? ", " : "", service->wishes[i].text);
	print_field(service, "listener", &values, service->wishes[0].origin);
	for (size_t i = 0; i < service->backend_count; i++) {
		buf_puts(&values, i ? ", " : "");
		net_put_host_port(&values, service->backends[i].host, service->backends[i].port);
	}
	print_field(service, "backends", &values, service->backends_origin);
	for (size_t i = 0; i < service->setting_count; i++) {
		service_option_mask(service->settings[i].option, service->settings[i].value, &values);
		print_field(service, service_option_name(service->settings[i].option), &values, service->settings[i].origin);
	}
	buf_free(&values);
}

static void print_verdict(const struct service *service, const char *wish, const char *why, const struct net_addr *addr)
{
	struct buf line = { 0 };
	char text[NET_TEXT];

	buf_puts_visible(&line, "# ", service->name);
	buf_puts_visible(&line, ": ", wish);
	if (why) {
		buf_printf(&line, " is refused: %s", why);
	} else {
		net_print(addr, text);
		buf_printf(&line, " is accepted: %s", text);
	}
	puts(line.data);
	buf_free(&line);
}

static void print_admission(const struct admit_rules *rules, const struct service *service, bool trusted,
                            struct arena *memory)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < service->setting_count; i++) {
		if (!service->settings[i].why)
			continue;
		text.len = 0;
		service_put_setting(&service->settings[i], &text);
		print_verdict(service, text.data, service->settings[i].why, NULL);
	}
	buf_free(&text);
	for (size_t i = 0; !service->wrong && i < service->wish_count; i++) {
		struct admit_refusal no;
		struct net_addr addr;
		bool fine = admit_wish(rules, &service->wishes[i], trusted, memory, &addr, &no);

		print_verdict(service, service->wishes[i].text, fine ? NULL : no.why, &addr);
	}
}

void admit_print(const struct admit_rules *rules, const struct service_list *list)
{
	struct arena memory = { 0 };

	for (size_t i = 0; i < list->count; i++)
		print_service(list->items[i]);
	for (size_t i = 0; i < list->count; i++)
		print_admission(rules, list->items[i], list->trusted, &memory);
	arena_free(&memory);
}
