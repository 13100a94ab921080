#include "base.h"
#include "explain.h"

#include <string.h>

#include "consul_instance.h"

static void put_visible(struct buf *out, const char *before, const char *text)
{
	buf_puts(out, before);
	buf_visible(out, text, strlen(text));
}

static void put_refusal(struct buf *out, const struct admit_refusal *no)
{
	put_visible(out, "refused by ", no->rule);
	put_visible(out, ": ", no->why);
	put_visible(out, "; accepted would be ", no->accepted);
	buf_puts(out, "\n");
}

/* What has become of an accepted wish. */
static void put_state(const struct explain *x, const struct net_addr *addr, struct buf *out)
{
	const struct route_entry *e = x->table ? route_find(x->table, addr) : NULL;
	char text[NET_TEXT];

	net_print(addr, text);
	buf_printf(out, "accepted: %s", text);
	if (e && atomic_load(&e->listener->fd) >= 0)
		buf_puts(out, e->count ? ", which is open" : ", which is open, but no address of its backends is known");
	else if (e)
		buf_printf(out, ", but it cannot listen there: %s (it is tried again)", strerror(e->listener->error));
	else if (x->table)
		buf_puts(out, ", which is not in force");
	buf_puts(out, "\n");
	if (e && e->conflict)
		put_visible(out, "      note: ", e->conflict);
	if (e && e->conflict)
		buf_puts(out, "\n");
}

/* One service, its list, and whether its options leave it routable. */
struct subject {
	const struct explain *x;
	const struct service *service;
	const struct service_list *list;
	struct arena *memory;
	bool routable;
};

static void put_wish(const struct subject *s, const char *wish, struct buf *out)
{
	struct admit_refusal no;
	struct net_addr addr;

	if (!admit_wish(s->x->rules, wish, s->list->trusted, s->memory, &addr, &no))
		put_refusal(out, &no);
	else if (s->service->absent)
		buf_puts(out, "acceptable, but this instance has no part in the routing\n");
	else if (s->service->fault)
		buf_printf(out, "refused: %s\n", s->service->fault);
	else if (!s->routable)
		buf_puts(out, "acceptable, but the service is not routed without its option\n");
	else
		put_state(s->x, &addr, out);
}

/* Whether it shares a listener with a service that comes first, and wants something else. */
static bool is_contested(const struct subject *s)
{
	for (size_t i = 0; s->x->table && i < s->service->wish_count; i++) {
		const struct route_entry *e;
		struct admit_refusal no;
		struct net_addr addr;

		if (!admit_wish(s->x->rules, s->service->wishes[i], s->list->trusted, s->memory, &addr, &no))
			continue;
		e = route_find(s->x->table, &addr);
		if (e && e->conflict && strcmp(e->names[0], s->service->name) != 0)
			return true;
	}
	return false;
}

/* An option with two tags has one value, of both. */
static void put_twice(const struct admit_refusal *no, const char *value, struct buf *out)
{
	put_visible(out, "refused by ", no->rule);
	put_visible(out, ": with other tags of that name it says ", value);
	put_visible(out, ", which is ", no->why);
	buf_puts(out, "\n");
}

/* `value` stands for what the service has: an absent one keeps nothing but its tags. */
static void put_option(const struct subject *s, int option, const char *value, struct buf *out)
{
	const char *whole = s->service->options[option];
	struct service asked = *s->service;
	struct admit_options options = ADMIT_OPTIONS;
	struct admit_refusal no;
	bool twice = whole && option != SERVICE_PROXY && strlen(whole) > strlen(value), fine;

	asked.options[option] = twice ? whole : value;
	fine = admit_option(&asked, option, s->memory, &options, &no);
	if (!fine && twice)
		put_twice(&no, whole, out);
	else if (!fine)
		put_refusal(out, &no);
	else if (is_contested(s))
		buf_puts(out, "accepted, but see the note at the listener that it shares\n");
	else
		buf_puts(out, "accepted\n");
}

static void put_subject(const char *text, struct buf *out)
{
	put_visible(out, "    ", text);
	buf_puts(out, ": ");
}

/* How much may be shown of a tag that is not understood: what stands before its '=', and before a login. */
static size_t harmless(struct slice tag)
{
	const char *equals = memchr(tag.at, '=', tag.len), *at = memchr(tag.at, '@', tag.len);
	size_t open = equals ? (size_t)(equals + 1 - tag.at) : tag.len, login = at ? strcspn(tag.at, ":@") : tag.len;

	return open < login ? open : login;
}

/* As it may be shown. `value` is all behind its '='. */
static void put_tag_text(struct slice tag, enum instance_tag kind, const char *value, struct buf *out)
{
	struct buf shown = { 0 };
	size_t open = kind >= INSTANCE_LISTENER ? tag.len - strlen(value) : harmless(tag);

	buf_add(&shown, tag.at, open);
	if (kind >= INSTANCE_OPTION)
		admit_mask(&shown, (int)kind - INSTANCE_OPTION, value);
	else if (kind == INSTANCE_LISTENER)
		buf_masked(&shown, value);
	else if (open < tag.len)
		buf_puts(&shown, "...");
	put_subject(shown.data, out);
	buf_free(&shown);
}

static void put_tag(const struct subject *s, struct slice tag, struct buf *out)
{
	const char *word = s->x->tag;
	struct slice value = { NULL, 0 };
	enum instance_tag kind = instance_tag(tag, word, &value);
	const char *text = arena_dup(s->memory, value.at, value.len);

	put_tag_text(tag, kind, text, out);
	if (kind == INSTANCE_FOREIGN)
		buf_puts(out, "not for dill\n");
	else if (kind == INSTANCE_MARK)
		buf_puts(out, "accepted: it marks the service\n");
	else if (kind == INSTANCE_UNKNOWN)
		buf_printf(out, "not understood; there are %s.listener, .balance, .proxy, .proxy_protocol, .allow and .deny\n", word);
	else if (kind == INSTANCE_LISTENER)
		put_wish(s, text, out);
	else
		put_option(s, (int)kind - INSTANCE_OPTION, text, out);
}

static void put_tags(const struct subject *s, struct buf *out)
{
	struct slice rest = slice_of(s->service->tags), tag;
	bool listens = false;

	while (slice_next(&rest, '\n', &tag)) {
		struct slice value;

		if (!tag.len)
			continue;
		listens = listens || instance_tag(tag, s->x->tag, &value) == INSTANCE_LISTENER;
		put_tag(s, tag, out);
	}
	if (!listens)
		buf_printf(out, "    it has no tag %s.listener=label:port, which says where it wants to be reached\n", s->x->tag);
}

/* A service that somebody has written in a file, the environment, or at a URL. */
static void put_fields(const struct subject *s, struct buf *out)
{
	struct buf text = { 0 };

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		if (!s->service->options[i])
			continue;
		text.len = 0;
		admit_print_option(s->service, i, &text);
		put_subject(text.data, out);
		put_option(s, i, s->service->options[i], out);
	}
	for (size_t i = 0; i < s->service->wish_count; i++) {
		text.len = 0;
		buf_printf(&text, "listener %s", s->service->wishes[i]);
		put_subject(text.data, out);
		put_wish(s, s->service->wishes[i], out);
	}
	buf_free(&text);
}

static bool is_routable(const struct service *s, struct arena *memory)
{
	struct admit_options options = ADMIT_OPTIONS;
	struct admit_refusal no;

	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (!admit_option(s, i, memory, &options, &no) && admit_needs(i))
			return false;
	return true;
}

static void put_service(const struct explain *x, const struct service_list *list, const struct service *service,
                        struct buf *out)
{
	struct arena memory = { 0 };
	struct subject s = {
		.x = x, .service = service, .list = list, .memory = &memory, .routable = is_routable(service, &memory)
	};

	put_visible(out, "", service->name);
	put_visible(out, " in ", list->source ? list->source : "the configuration");
	if (service->instance)
		put_visible(out, ", instance ", service->instance);
	if (service->node)
		put_visible(out, " on node ", service->node);
	if (service->origin)
		put_visible(out, ", ", service->origin);
	for (size_t i = 0; i < service->backend_count; i++) {
		bool v6 = strchr(service->backends[i].host, ':');

		buf_puts(out, i ? ", " : ", backend ");
		put_visible(out, v6 ? "[" : "", service->backends[i].host);
		buf_printf(out, v6 ? "]:%u" : ":%u", service->backends[i].port);
	}
	if (service->absent)
		put_visible(out, "\n  not routed: ", service->absent);
	else if (service->held)
		buf_puts(out, "\n  gone from Consul; it closes when a second look says so, too");
	else if (list->remembered)
		buf_puts(out, "\n  from state.path: Consul has not answered yet");
	buf_puts(out, "\n");
	if (service->tags)
		put_tags(&s, out);
	else
		put_fields(&s, out);
	arena_free(&memory);
}

size_t explain_list(const struct explain *x, const struct service_list *list, const char *name, struct buf *out)
{
	size_t found = 0;

	for (size_t i = 0; list && i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0) {
			put_service(x, list, &list->items[i], out);
			found++;
		}
	return found;
}

void explain_nothing(const struct explain *x, const char *name, struct buf *out)
{
	put_visible(out, "", name);
	buf_puts(out, ": no source has a service of this name.");
	if (x->consul)
		buf_printf(out, " In Consul it must be registered, and have the tag %s.", x->tag);
	buf_puts(out, "\n");
}
