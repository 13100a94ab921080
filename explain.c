#include "base.h"
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "net.h"
#include "resolve_answer.h"
#include "route.h"
#include "service.h"
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

/* Whether one of the services that share a listener is this one. The configuration's may have its name, and share with no
 * stranger. */
static bool has_part(const struct route_entry *entry, const struct service_list *list, const char *service)
{
	return (list->trusted || strcmp(entry->owner.source, "static") != 0) &&
	       bsearch(service, entry->names, entry->name_count, sizeof *entry->names, by_sharing_name);
}

/* The wish is acceptable, but it is refused for what others have. NULL: the service has it. */
static const struct route_refusal *find_loss(const struct explain *explain, const struct route_entry *entry,
                                             const struct service_list *list, const char *service, const char *wish)
{
	if (!explain->table || (entry && has_part(entry, list, service)))
		return NULL;
	return route_refused(explain->table, service, wish);
}

/* What the table refuses of a backend: addresses that the service may not have. */
static void explain_backend(const struct explain *explain, const struct service *service,
                            const struct service_backend *backend, struct buf *out)
{
	const struct route_table *table = explain->table;
	const struct route_refusal *at;
	struct buf text = { 0 };

	service_put_dialled(service, backend, &text);
	at = route_refused(table, service->name, text.data);
	for (; at && at < table->refused + table->refused_count && strcmp(at->service, service->name) == 0 &&
	       strcmp(at->wish, text.data) == 0; at++) {
		buf_puts_visible(out, service->options->proxy.host ? "    " : "    backend ", text.data);
		buf_puts_visible(out, ": refused by ", at->rule);
		buf_puts_visible(out, ": ", at->reason);
		buf_puts(out, "\n");
	}
	buf_free(&text);
}

static void explain_backends(const struct explain *explain, const struct service *service, struct buf *out)
{
	uint32_t count = service->options->proxy.host && service->backend_count ? 1 : service->backend_count;

	for (uint32_t i = 0; explain->table && i < count; i++)
		explain_backend(explain, service, &service->backends[i], out);
}

/* The first listener that the service has in the table. */
static const struct route_entry *find_entry(const struct explain *explain, const struct service_list *list,
                                            const struct service *service, struct arena *memory)
{
	for (uint32_t i = 0; explain->table && i < service->wish_count; i++) {
		const struct route_entry *entry;
		struct admit_refusal no;
		struct net_addr addr;

		if (!admit_wish(explain->rules, service->name, &service->wishes[i], list->trusted, memory, &addr, &no))
			continue;
		entry = route_find(explain->table, &addr);
		if (entry && has_part(entry, list, service->name))
			return entry;
	}
	return NULL;
}

/* The names that a service has written for its backends. */
struct written {
	struct buf proxy;   /* how they begin, where they are reached through one */
	const char **hosts; /* sorted */
	size_t count;
	bool all; /* among them SRV names, and nobody else has written any: their targets are the service's as well */
};

static int by_host(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_host(const void *key, const void *item)
{
	const struct slice *host = key;
	const char *other = *(const char *const *)item;
	int order = strncmp(host->at, other, host->len);

	return order ? order : -(other[host->len] != '\0');
}

static struct written written_by(const struct route_entry *entry, const struct service *service)
{
	const struct socks_url *proxy = &service->options->proxy;
	struct written written = { .hosts = sys_alloc(service->backend_count * sizeof *written.hosts) };

	if (proxy->host) {
		buf_puts(&written.proxy, "socks5://");
		net_put_host_port(&written.proxy, proxy->host, proxy->port);
		buf_puts(&written.proxy, " ");
	}
	for (uint32_t i = 0; i < service->backend_count; i++) {
		written.hosts[written.count++] = service->backends[i].host;
		written.all = written.all || (entry->name_count == 1 && service_asks_srv(&service->backends[i]));
	}
	if (written.count)
		qsort(written.hosts, written.count, sizeof *written.hosts, by_host);
	return written;
}

static bool has_written(const struct written *written, const struct route_target *target)
{
	const char *colon = strrchr(target->name, ':'); /* an SRV name has none */
	struct slice host = { target->name, colon ? (size_t)(colon - target->name) : strlen(target->name) };

	if (written->all || written->proxy.len)
		return written->all || slice_starts(slice_of(target->name), written->proxy.data);
	return written->count && bsearch(&host, written->hosts, written->count, sizeof *written->hosts, find_host);
}

static void put_named(const struct route_target *target, struct buf *out)
{
	buf_puts_visible(out, "    backend ", target->name);
	buf_puts(out, target->why ? ": cannot resolve its name: " : ": its name is being resolved");
	buf_puts(out, target->why ? target->why : "");
	buf_puts(out, target->state == RESOLVE_KEPT ? "; its last addresses are used\n" : "\n");
}

/* Names that have no address, or only their last ones. */
static void explain_names(const struct route_entry *entry, const struct service *service, struct buf *out)
{
	struct written written;

	if (!entry || !entry->target_count)
		return;
	written = written_by(entry, service);
	for (unsigned i = 0; i < entry->target_count; i++)
		if (entry->targets[i].state != RESOLVE_GOOD && has_written(&written, &entry->targets[i]))
			put_named(&entry->targets[i], out);
	buf_free(&written.proxy);
	free(written.hosts);
}

/* How an accepted listener stands in the table; NULL: there is no table. */
static const char *state_at(const struct explain *explain, const struct route_entry *entry, bool lost, int *error)
{
	*error = entry && !lost ? route_listener_error(entry->listener) : 0;
	if (lost)
		return ", which it does not get";
	if (!entry)
		return explain->table ? ", which is not in force" : NULL;
	if (*error)
		return ", but it cannot listen there: ";
	if (atomic_load(&entry->listener->fd) < 0)
		return route_waits(entry) ? ", which waits for the first answer about its names" : ", which is not open yet";
	return entry->count ? ", which is open" : ", which is open, but no address of its backends is known";
}

static void put_state(const struct net_addr *first, unsigned last, const char *state, int error, struct buf *out)
{
	net_put_ports(out, first, last);
	buf_puts(out, state ? state : "");
	if (error)
		buf_printf(out, "%s (retrying)", strerror(error));
}

static void put_note(const char *before, const char *note, struct buf *out)
{
	if (!note)
		return;
	buf_puts_visible(out, before, note);
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

/* Where an accepted wish stands in the table: its ports, those together that stand alike. */
static void explain_state(const struct subject *subject, const struct wish *wish, const struct net_addr *addr, struct buf *out)
{
	const struct explain *explain = subject->explain;
	const struct route_refusal *lost = NULL;
	const char *state, *before = NULL, *conflict = NULL;
	struct net_addr first = *addr, at = *addr;
	struct buf states = { 0 };
	unsigned losses = 0;
	int error, error_before = 0;

	for (unsigned port = wish->port; port <= wish->last; port++) {
		const struct route_entry *entry;
		const struct route_refusal *loss;

		net_set_port(&at, (uint16_t)port);
		entry = explain->table ? route_find(explain->table, &at) : NULL;
		loss = find_loss(explain, entry, subject->list, subject->service->name, wish->text);
		state = state_at(explain, entry, loss, &error);
		conflict = entry && !conflict ? entry->conflict : conflict;
		lost = loss ? loss : lost;
		losses += loss != NULL;
		if (port > wish->port && (state != before || error != error_before)) {
			put_state(&first, port - 1, before, error_before, &states);
			buf_puts(&states, "; ");
			first = at;
		}
		before = state;
		error_before = error;
	}
	put_state(&first, wish->last, before, error_before, &states);
	if (losses <= (unsigned)(wish->last - wish->port)) {
		buf_printf(out, "accepted: %s\n", states.data);
		put_note("      note: ", conflict, out);
	}
	if (losses)
		buf_printf(out, losses > (unsigned)(wish->last - wish->port) ? "refused by %s: " : "      refused by %s: ", lost->rule);
	put_note("", lost ? lost->reason : NULL, out);
	buf_free(&states);
}

/* The patterns of listeners.bind that grant the wish, for a range there may be several; nothing where there is no policy, or
 * it does not count. */
static void put_patterns(const struct subject *subject, const struct wish *wish, struct buf *out)
{
	const struct bind_table *bind = subject->list->trusted ? NULL : subject->explain->rules->bind;
	const char *last = NULL;

	for (unsigned port = wish->port; port <= wish->last && bind && bind->count; port++) {
		const char *pattern = bind_granting(bind, subject->service->name, wish->host, (uint16_t)port);

		if (pattern && pattern != last)
			buf_puts_visible(out, last ? "\", \"" : "      granted by listeners.bind: \"", pattern);
		last = pattern ? pattern : last;
	}
	buf_puts(out, last ? "\"\n" : "");
}

static void explain_wish(const struct subject *subject, const struct wish *wish, struct buf *out)
{
	const struct service *service = subject->service;
	struct admit_refusal no;
	struct net_addr addr;
	bool fine = admit_wish(subject->explain->rules, service->name, wish, subject->list->trusted, subject->memory, &addr,
	                       &no);

	if (wish->why && wish->why == service->fault) { /* there is no good wish to name */
		buf_puts_visible(out, "refused: ", service->fault);
		buf_puts(out, "\n");
		return;
	}
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
	else
		explain_state(subject, wish, &addr, out);
	if (fine)
		put_patterns(subject, wish, out);
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
		for (unsigned port = service->wishes[i].port; port <= service->wishes[i].last; port++) {
			net_set_port(&addr, (uint16_t)port);
			entry = route_find(explain->table, &addr);
			if (entry && entry->conflict && strcmp(entry->owner.service->name, service->name) != 0)
				return true;
		}
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
	else if (setting && strcmp(setting->value, value) == 0)
		asked.why = setting->why; /* which may be of its listeners, too */
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
	return kind < TAG_OPTION ? arena_dup(subject->memory, value.at, value.len)
	                         : service_option_tidy((int)kind - TAG_OPTION, value, subject->memory);
}

static void explain_tag(const struct subject *subject, struct slice tag, struct buf *out)
{
	struct slice value = { NULL, 0 };
	enum tag_kind kind = tag_read(tag, subject->list->word, &value);
	const char *text = keep_value(subject, kind, value);
	struct wish wish = wish_parse(text, NULL, subject->memory);

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
static void put_service(const struct service_list *list, size_t number, struct buf *out)
{
	const struct service *service = list->items[number];

	buf_puts_visible(out, "", service->name);
	buf_puts_visible(out, " in ", list->source);
	if (service->instance)
		buf_puts_visible(out, ", instance ", service->instance);
	if (service->node)
		buf_puts_visible(out, " on node ", service->node);
	if (service->origin)
		buf_puts_visible(out, ", ", service->origin);
	if (list->document) {
		buf_puts_visible(out, ", ", list->document);
		buf_printf(out, ":%d", list->lines[number]);
	}
	for (size_t i = 0; i < service->backend_count && !service->absent; i++) {
		buf_puts(out, i ? ", " : ", backend ");
		service_put_backend(&service->backends[i], out);
	}
	if (service->absent)
		buf_puts_visible(out, "\n  not routed: ", service->absent);
	else if (service->held)
		buf_printf(out, "\n  gone from %s; it closes when a second look says so, too", list->title);
	else if (list->remembered)
		buf_printf(out, "\n  from state.path: %s has not answered yet", list->title);
	buf_puts(out, "\n");
}

void explain_service(const struct explain *explain, const struct service_list *list, size_t index, struct buf *out)
{
	struct arena memory = { 0 };
	struct buf joined[SERVICE_OPTIONS] = { 0 };
	struct subject subject = {
		.explain = explain, .service = list->items[index], .list = list, .memory = &memory, .joined = joined
	};

	subject.contested = is_contested(&subject);
	put_service(list, index, out);
	if (!list->trusted && !subject.service->absent)
		explain_backends(explain, subject.service, out);
	if (!subject.service->absent)
		explain_names(find_entry(explain, list, subject.service, &memory), subject.service, out);
	if (subject.service->tags)
		explain_tags(&subject, out);
	else
		explain_fields(&subject, out);
	for (int option = 0; option < SERVICE_OPTIONS; option++)
		buf_free(&joined[option]);
	arena_free(&memory);
}

size_t explain_find(const struct service_list *list, size_t from, const char *name)
{
	while (list && from < list->count && strcmp(list->items[from]->name, name) != 0)
		from++;
	return list && from < list->count ? from : SIZE_MAX;
}

size_t explain_list(const struct explain *explain, const struct service_list *list, const char *name, struct buf *out)
{
	size_t found = 0;

	for (size_t at = explain_find(list, 0, name); at != SIZE_MAX; at = explain_find(list, at + 1, name), found++)
		explain_service(explain, list, at, out);
	return found;
}
