#include "base.h"
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "net.h"
#include "service_option.h"
#include "socks.h"
#include "sys.h"
#include "tag.h"
#include "wish.h"

#define JOINED_MAX 200 /* bytes that are shown of a value that many tags make up */

static void put_refusal(struct buf *out, const struct admit_refusal *no)
{
	buf_puts_visible(out, "refused by ", no->rule);
	buf_puts_visible(out, ": ", no->why);
	buf_puts_visible(out, "; accepted would be ", no->accepted);
	buf_puts(out, "\n");
}

static int by_sharing_name(const void *name, const void *item)
{
	return strcmp(name, *(const char *const *)item);
}

/* Whether the service does not have the listener that it asks for. */
static bool has_lost(const struct explain *explain, const struct net_addr *addr, const char *service)
{
	const struct route_entry *entry = explain->table ? route_find(explain->table, addr) : NULL;

	return explain->table && !(entry && bsearch(service, entry->names, entry->name_count, sizeof *entry->names, by_sharing_name));
}

/* What the table refuses of a service under this text, each after `before`. False: nothing. */
static bool put_refusals(const struct explain *explain, const struct service *service, const char *text,
                         const char *before, struct buf *out)
{
	const struct route_table *table = explain->table;
	const struct route_refusal *first = table ? route_refused(table, service->name, text) : NULL;

	for (const struct route_refusal *at = first; at && at < table->refused + table->refused_count &&
	                                             strcmp(at->service, service->name) == 0 && strcmp(at->wish, text) == 0; at++) {
		buf_puts_visible(out, before, at->rule);
		buf_puts_visible(out, ": ", at->reason);
		buf_puts(out, "\n");
	}
	return first;
}

/* Addresses of the service that it may not have. */
static void explain_backends(const struct explain *explain, const struct service *service, struct buf *out)
{
	const struct socks_url *proxy = &service->options->proxy;

	for (size_t i = 0; i < (proxy->host ? 1 : service->backend_count); i++) {
		struct buf text = { 0 }, before = { 0 };

		buf_puts(&text, proxy->host ? "proxy " : "");
		net_put_host_port(&text, proxy->host ? proxy->host : service->backends[i].host,
		                  proxy->host ? proxy->port : service->backends[i].port);
		buf_printf(&before, "    %s%s: refused by ", proxy->host ? "" : "backend ", text.data);
		put_refusals(explain, service, text.data, before.data, out);
		buf_free(&text);
		buf_free(&before);
	}
}

/* Where an accepted wish stands in the table. */
static void explain_state(const struct explain *explain, const struct net_addr *addr, struct buf *out)
{
	const struct route_entry *entry = explain->table ? route_find(explain->table, addr) : NULL;
	int error = entry ? route_listener_error(entry->listener) : 0;
	char text[NET_TEXT];

	net_print(addr, text);
	buf_printf(out, "accepted: %s", text);
	if (entry && !error && atomic_load(&entry->listener->fd) >= 0)
		buf_puts(out, entry->count ? ", which is open" : ", which is open, but no address of its backends is known");
	else if (entry)
		buf_printf(out, ", but it cannot listen there: %s (retrying)", strerror(error));
	else if (explain->table)
		buf_puts(out, ", which is not in force");
	buf_puts(out, "\n");
	if (entry && entry->conflict)
		buf_puts_visible(out, "      note: ", entry->conflict);
	if (entry && entry->conflict)
		buf_puts(out, "\n");
}

/* The service that is explained, and what that takes. */
struct subject {
	const struct explain *explain;
	const struct service *service;
	const struct service_list *list;
	struct arena *memory;
	bool contested; /* see is_contested() */
	struct buf *joined; /* of each option, once it is needed: its value as it may be shown */
};

/* The pattern of listeners.bind that grants the wish; nothing where there is no policy, or it does not count. */
static void put_pattern(const struct subject *subject, const struct wish *wish, struct buf *out)
{
	const struct bind_table *bind = subject->list->trusted ? NULL : subject->explain->rules->bind;
	const char *pattern = bind_granting(bind, subject->service->name, wish->host, wish->port);

	if (pattern)
		buf_puts_visible(out, "      granted by listeners.bind: \"", pattern);
	buf_puts(out, pattern ? "\"\n" : "");
}

static void explain_wish(const struct subject *subject, const struct wish *wish, struct buf *out)
{
	const struct service *service = subject->service;
	struct admit_refusal no;
	struct net_addr addr;
	bool fine = admit_wish(subject->explain->rules, service->name, wish, subject->list->trusted, subject->memory, &addr,
	                       &no);

	if (!fine && !no.accepted)
		no.accepted = admit_granted(subject->explain->rules, service->name, wish, subject->memory);
	if (!fine)
		put_refusal(out, &no);
	else if (service->absent)
		buf_puts(out, "acceptable, but this instance has no part in the routing\n");
	else if (service->fault)
		buf_printf(out, "refused: %s\n", service->fault);
	else if (service->wrong)
		buf_puts(out, "acceptable, but the service is not routed without its option\n");
	else if (!(has_lost(subject->explain, &addr, service->name) &&
	           put_refusals(subject->explain, service, wish->text, "refused by ", out)))
		explain_state(subject->explain, &addr, out);
	if (fine)
		put_pattern(subject, wish, out);
}

/* Whether the service shares a listener with one that comes first and has another balance. */
static bool is_contested(const struct subject *subject)
{
	const struct explain *explain = subject->explain;
	const struct service *service = subject->service;

	for (size_t i = 0; explain->table && i < service->wish_count; i++) {
		const struct route_entry *entry;
		struct admit_refusal no;
		struct net_addr addr;

		if (!admit_wish(explain->rules, service->name, &service->wishes[i], subject->list->trusted, subject->memory, &addr,
		                &no))
			continue;
		entry = route_find(explain->table, &addr);
		if (entry && entry->conflict && strcmp(entry->owner.service->name, service->name) != 0)
			return true;
	}
	return false;
}

/* Two tags for one option make one value, the two joined. Of thousands only the beginning is shown, at each of them. */
static void put_twice(const struct subject *subject, const struct service_setting *setting, struct buf *out)
{
	struct buf *shown = &subject->joined[setting->option];
	size_t len;

	if (!shown->data)
		service_option_mask(setting->option, setting->value, shown);
	len = strnlen(shown->data, JOINED_MAX);
	buf_puts_visible(out, "refused by ", service_option_name(setting->option));
	buf_puts(out, ": with other tags of that name it says ");
	buf_visible(out, shown->data, len);
	buf_puts_visible(out, shown->data[len] ? "..., which is " : ", which is ", setting->why);
	buf_puts(out, "\n");
}

/* `value` is what this tag says. The service's own setting may be longer, when several tags were joined. An absent
 * service has no settings, only tags. */
static void explain_option(const struct subject *subject, int option, const char *value, struct buf *out)
{
	const struct service_setting *setting = service_setting(subject->service, option);
	size_t len = strlen(value);
	struct service_options options = service_options_none;
	struct service_setting asked = { .option = option, .value = value };
	struct admit_refusal no;

	if (setting && option != SERVICE_PROXY && strnlen(setting->value, len + 1) > len)
		asked = *setting;
	else
		asked.why = service_option_parse(option, value, subject->memory, &options);
	no = admit_setting(&asked);
	if (asked.why && asked.value != value)
		put_twice(subject, &asked, out);
	else if (asked.why)
		put_refusal(out, &no);
	else if (option == SERVICE_BALANCE && subject->contested)
		buf_puts(out, "accepted, but see the note at the listener that it shares\n");
	else
		buf_puts(out, "accepted\n");
}

static void put_asked(const char *text, struct buf *out)
{
	buf_puts_visible(out, "    ", text);
	buf_puts(out, ": ");
}

/* The tag, with its secrets masked. `value` is what follows its '=', and begins at `value_at` in it. */
static void put_tag_text(struct slice tag, enum tag_kind kind, const char *value_at, const char *value, struct buf *out)
{
	struct buf shown = { 0 };
	size_t open = kind >= TAG_LISTENER ? (size_t)(value_at - tag.at) : tag_harmless_len(tag);

	buf_add(&shown, tag.at, open);
	if (kind >= TAG_OPTION)
		service_option_mask((int)kind - TAG_OPTION, value, &shown);
	else if (kind == TAG_LISTENER)
		buf_masked(&shown, value);
	else if (open < tag.len)
		buf_puts(&shown, "...");
	put_asked(shown.data, out);
	buf_free(&shown);
}

static void explain_unknown(struct slice tag, const char *word, struct buf *out)
{
	buf_puts(out, "refused, and its instance with it: it is ");
	tag_put_unknown(tag, word, out);
	buf_puts(out, "\n");
}

/* What a tag says, as a service would keep it. */
static const char *keep_value(const struct subject *subject, enum tag_kind kind, struct slice value)
{
	struct buf tidy = { 0 };
	const char *text;

	if (kind < TAG_OPTION)
		return arena_dup(subject->memory, value.at, value.len);
	service_option_tidy((int)kind - TAG_OPTION, value, &tidy);
	text = arena_dup(subject->memory, tidy.data, tidy.len);
	buf_free(&tidy);
	return text;
}

static void explain_tag(const struct subject *subject, struct slice tag, struct buf *out)
{
	struct slice value = { NULL, 0 };
	enum tag_kind kind = tag_read(tag, subject->list->word, &value);
	const char *text = keep_value(subject, kind, value);
	struct wish wish = wish_parse(text, NULL);

	put_tag_text(tag, kind, value.at, text, out);
	if (kind == TAG_FOREIGN)
		buf_puts(out, "not for dill\n");
	else if (kind == TAG_MARK)
		buf_puts(out, "accepted: it marks the service\n");
	else if (kind == TAG_UNKNOWN)
		explain_unknown(tag, subject->list->word, out);
	else if (kind == TAG_LISTENER)
		explain_wish(subject, &wish, out);
	else
		explain_option(subject, (int)kind - TAG_OPTION, text, out);
}

static void explain_tags(const struct subject *subject, struct buf *out)
{
	const char *word = subject->list->word;
	bool listens = false;

	for (size_t i = 0; i < subject->service->tag_count; i++) {
		struct slice tag = slice_of(subject->service->tags[i]), value;

		listens = listens || tag_read(tag, word, &value) == TAG_LISTENER;
		explain_tag(subject, tag, out);
	}
	if (!listens)
		buf_printf(out, "    it has no tag %s.listener=label:port, which says where it wants to be reached\n", word);
}

/* A service without tags: from a file, the environment or a URL. */
static void explain_fields(const struct subject *subject, struct buf *out)
{
	const struct service *service = subject->service;
	struct buf text = { 0 };

	for (size_t i = 0; i < service->setting_count; i++) {
		text.len = 0;
		service_put_setting(&service->settings[i], &text);
		put_asked(text.data, out);
		explain_option(subject, service->settings[i].option, service->settings[i].value, out);
	}
	for (size_t i = 0; i < service->wish_count; i++) {
		text.len = 0;
		buf_puts(&text, "listener ");
		buf_masked(&text, service->wishes[i].text);
		put_asked(text.data, out);
		explain_wish(subject, &service->wishes[i], out);
	}
	buf_free(&text);
}

/* The first line: which service, found where; and whether it is still there. */
static void put_service(const struct service_list *list, const struct service *service, struct buf *out)
{
	buf_puts_visible(out, "", service->name);
	buf_puts_visible(out, " in ", list->source);
	if (service->instance)
		buf_puts_visible(out, ", instance ", service->instance);
	if (service->node)
		buf_puts_visible(out, " on node ", service->node);
	if (service->origin)
		buf_puts_visible(out, ", ", service->origin);
	for (size_t i = 0; i < service->backend_count && !service->absent; i++) {
		buf_puts(out, i ? ", " : ", backend ");
		net_put_host_port(out, service->backends[i].host, service->backends[i].port);
	}
	if (service->absent)
		buf_puts_visible(out, "\n  not routed: ", service->absent);
	else if (service->held)
		buf_printf(out, "\n  gone from %s; it closes when a second look says so, too", list->title);
	else if (list->remembered)
		buf_printf(out, "\n  from state.path: %s has not answered yet", list->title);
	buf_puts(out, "\n");
}

size_t explain_list(const struct explain *explain, const struct service_list *list, const char *name, struct buf *out)
{
	size_t found = 0;

	for (size_t i = 0; list && i < list->count; i++) {
		struct arena memory = { 0 };
		struct buf joined[SERVICE_OPTIONS] = { 0 };
		struct subject subject = {
			.explain = explain, .service = list->items[i], .list = list, .memory = &memory, .joined = joined
		};

		if (strcmp(subject.service->name, name) != 0)
			continue;
		subject.contested = is_contested(&subject);
		put_service(list, subject.service, out);
		if (!list->trusted && !subject.service->absent)
			explain_backends(explain, subject.service, out);
		if (subject.service->tags)
			explain_tags(&subject, out);
		else
			explain_fields(&subject, out);
		for (int option = 0; option < SERVICE_OPTIONS; option++)
			buf_free(&joined[option]);
		arena_free(&memory);
		found++;
	}
	return found;
}
