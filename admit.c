#include "base.h"
#include "admit.h"

#include <string.h>

#include "service_option.h"
#include "text.h"
#include "wish.h"

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
	no->why = text_printf(memory, below ? "port below listeners.port_min %ld" : "port above listeners.port_max %ld",
	                      below ? rules->port_min : rules->port_max);
	no->accepted = text_printf(memory, "a port from %ld to %ld", rules->port_min, rules->port_max);
}

static void refuse_bind(const char *service, const struct wish *wish, struct arena *memory, struct admit_refusal *no)
{
	no->rule = "listeners.bind";
	no->why = text_printf(memory, "no pattern of listeners.bind grants %s to %s", wish->text, service);
	no->accepted = NULL;
}

const char *admit_granted(const struct admit_rules *rules, const char *service, const struct wish *wish,
                          struct arena *memory)
{
	const char *other = bind_naming(rules->bind, wish->host, wish->port, wish->last), *text;
	struct buf granted = { 0 };

	bind_put_granted(rules->bind, service, &granted);
	if (other)
		buf_printf(&granted, "; %s is for \"%s\"", wish->text, other);
	text = arena_dup(memory, granted.data, granted.len);
	buf_free(&granted);
	return text;
}

bool admit_wish(const struct admit_rules *rules, const char *service, const struct wish *wish, bool trusted,
                struct arena *memory, struct net_addr *out, struct admit_refusal *no)
{
	const struct option_label *label;

	if (wish->why) {
		*no = (struct admit_refusal){ .rule = "listener", .why = wish->why, .accepted = "label:port, such as local:5432" };
		if (slice_starts(slice_of(no->why), "is not "))
			no->why += strlen("is "); /* it follows no value here */
		return false;
	}
	label = option_find_label(rules->labels, wish->host);
	if (!label && trusted && net_local(wish->host, wish->port, out))
		return true;
	if (!label) {
		refuse_label(rules, wish->host, memory, no);
	} else if (wish->port < rules->port_min || wish->last > rules->port_max) {
		refuse_port(rules, wish->port < rules->port_min, memory, no);
	} else if (!trusted && !bind_grants(rules->bind, service, wish->host, wish->port, wish->last)) {
		refuse_bind(service, wish, memory, no);
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
