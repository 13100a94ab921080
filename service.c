#include "base.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "socks.h"

#define SHOWN_MAX 512 /* bytes of a strange text that lists, pages and the log have room for */

const char *service_text(struct service *service, const char *text)
{
	return text ? arena_dup(&service->memory, text, strlen(text)) : NULL;
}

uint64_t service_since(const struct service *service)
{
	return service->since ? service->since : service->created;
}

/* How much of the text is shown: whole characters. */
static size_t shown_len(const char *text, size_t len)
{
	if (len <= SHOWN_MAX)
		return len;
	for (len = SHOWN_MAX; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

/* No label and no host is as long as that: it is refused, and as it is only listed, its beginning will do. */
static const char *keep_wish(struct service *service, struct slice wish)
{
	size_t len = shown_len(wish.at, wish.len);

	return len == wish.len ? arena_dup(&service->memory, wish.at, len)
	                       : text_printf(&service->memory, "%.*s...", (int)len, wish.at);
}

void service_wish(struct service *service, struct slice wish, const char *origin)
{
	ARENA_GROW(&service->memory, service->wishes, service->wish_count, service->wish_cap);
	service->wishes[service->wish_count++] = wish_parse(keep_wish(service, wish), origin, &service->memory);
}

void service_backend(struct service *service, struct slice host, uint16_t port, uint16_t weight)
{
	ARENA_GROW(&service->memory, service->backends, service->backend_count, service->backend_cap);
	service->backends[service->backend_count++] = (struct service_backend){
		.host = arena_dup(&service->memory, host.at, host.len), .port = port, .weight = weight
	};
}

void service_put_backend(const struct service_backend *backend, struct buf *out)
{
	if (service_asks_srv(backend))
		buf_visible(out, backend->host, strlen(backend->host));
	else
		net_put_host_port(out, backend->host, backend->port);
	if (backend->last)
		buf_printf(out, "-%u", backend->last);
}

void service_put_dialled(const struct service *service, const struct service_backend *backend, struct buf *out)
{
	const struct socks_url *proxy = &service->options->proxy;

	if (!proxy->host) {
		service_put_backend(backend, out);
		return;
	}
	buf_puts(out, "proxy ");
	net_put_host_port(out, proxy->host, proxy->port);
}

struct service_setting *service_setting(const struct service *service, int option)
{
	for (size_t i = 0; i < service->setting_count; i++)
		if (service->settings[i].option == option)
			return &service->settings[i];
	return NULL;
}

void service_set(struct service *service, int option, struct slice value, const char *origin)
{
	struct service_setting *setting = service_setting(service, option);

	if (!setting) {
		ARENA_GROW(&service->memory, service->settings, service->setting_count, service->setting_cap);
		setting = &service->settings[service->setting_count++];
	}
	*setting = (struct service_setting){
		.option = option, .value = service_option_tidy(option, value, &service->memory), .origin = origin
	};
}

static int by_option(const void *a, const void *b)
{
	return ((const struct service_setting *)a)->option - ((const struct service_setting *)b)->option;
}

static const char *mismatch_of(struct service *service, const struct service_backend *backend, const struct wish *wish)
{
	int has = backend->last - backend->port + 1, needs = wish->last - wish->port + 1;

	if (wish->why)
		return NULL;
	if (service_asks_srv(backend))
		return needs == 1 ? NULL
		     : text_printf(&service->memory, "has the SRV name %s, which says its targets' ports, and a listener with a range of ports, %s",
		                   backend->host, wish->text);
	return !backend->last || has == needs ? NULL
	     : text_printf(&service->memory, "has a backend with a range of %d port%s, at %s, and a listener with %d, %s",
	                   has, text_s((unsigned)has), backend->host, needs, wish->text);
}

const char *service_mismatch(struct service *service)
{
	const char *why = NULL;

	for (size_t i = 0; i < service->backend_count; i++)
		for (size_t k = 0; k < service->wish_count && !why; k++)
			why = mismatch_of(service, &service->backends[i], &service->wishes[k]);
	return why;
}

/* Why the backends of its longest listener would go beyond the last port, or have ports of their own; NULL: neither. */
static const char *lacks_ports(struct service *service, uint16_t first)
{
	unsigned most = 1;

	for (size_t i = 0; i < service->backend_count; i++)
		if (service_asks_srv(&service->backends[i]))
			return text_printf(&service->memory, "not beside the SRV name %s, which says its targets' ports", service->backends[i].host);
	for (size_t i = 0; i < service->wish_count; i++)
		if (!service->wishes[i].why && service->wishes[i].last - service->wishes[i].port + 1u > most)
			most = service->wishes[i].last - service->wishes[i].port + 1u;
	return first + most - 1 <= UINT16_MAX ? NULL
	     : text_printf(&service->memory, "no room for a range of %u ports, since 65535 is the last one", most);
}

void service_seal(struct service *service)
{
	struct service_options *options;

	service->options = &service_options_none;
	if (!service->setting_count)
		return;
	service->options = options = arena_alloc(&service->memory, sizeof *options);
	*options = service_options_none;
	if (service->setting_count > 1)
		qsort(service->settings, service->setting_count, sizeof *service->settings, by_option);
	for (size_t i = 0; i < service->setting_count; i++) {
		struct service_setting *setting = &service->settings[i];

		setting->why = service_option_parse(setting->option, setting->value, &service->memory, options);
		if (!setting->why && setting->option == SERVICE_PORTS)
			setting->why = lacks_ports(service, options->ports);
		service->wrong = service->wrong || (setting->why && service_option_vital(setting->option, setting->value));
	}
}

void service_put_setting(const struct service_setting *setting, struct buf *out)
{
	size_t from, len;

	buf_printf(out, "%s=", service_option_name(setting->option));
	from = out->len;
	service_option_mask(setting->option, setting->value, out);
	len = shown_len(out->data + from, out->len - from);
	if (from + len < out->len) {
		out->len = from + len;
		buf_puts(out, "...");
	}
}

struct service *service_ref(struct service *service)
{
	atomic_fetch_add(&service->refs, 1);
	return service;
}

void service_unref(struct service *service)
{
	struct arena memory;

	if (atomic_fetch_sub(&service->refs, 1) != 1)
		return;
	memory = service->memory; /* the service is in there */
	if (service->original)
		service_unref(service->original);
	arena_free(&memory);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_wishes(const struct service *a, const struct service *b)
{
	for (size_t i = 0; i < a->wish_count; i++)
		if (strcmp(a->wishes[i].text, b->wishes[i].text) != 0)
			return false;
	return true;
}

static bool same_backends(const struct service *a, const struct service *b)
{
	for (size_t i = 0; i < a->backend_count; i++) {
		const struct service_backend *x = &a->backends[i], *y = &b->backends[i];

		if (x->port != y->port || x->last != y->last || x->weight != y->weight || strcmp(x->host, y->host) != 0)
			return false;
	}
	return true;
}

static bool same_settings(const struct service *a, const struct service *b)
{
	for (size_t i = 0; i < a->setting_count; i++)
		if (a->settings[i].option != b->settings[i].option || strcmp(a->settings[i].value, b->settings[i].value) != 0)
			return false;
	return true;
}

static bool same_tags(const struct service *a, const struct service *b)
{
	if (!a->tags != !b->tags || a->tag_count != b->tag_count)
		return false;
	for (size_t i = 0; i < a->tag_count; i++)
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	return true;
}

bool service_same(const struct service *a, const struct service *b)
{
	if (a == b)
		return true;
	if (!same_text(a->name, b->name) || !same_text(a->node, b->node) || !same_text(a->instance, b->instance) ||
	    !same_text(a->absent, b->absent) || !same_text(a->fault, b->fault))
		return false;
	if (a->created != b->created || a->since != b->since || a->wish_count != b->wish_count || a->backend_count != b->backend_count || a->setting_count != b->setting_count)
		return false;
	return (a->held || b->held || same_tags(a, b)) && same_wishes(a, b) && same_backends(a, b) &&
	       same_settings(a, b);
}

bool service_written_alike(const struct service *a, const struct service *b)
{
	if (!same_text(a->origin, b->origin) || !same_text(a->backends_origin, b->backends_origin))
		return false;
	for (size_t i = 0; i < a->wish_count; i++)
		if (!same_text(a->wishes[i].origin, b->wishes[i].origin))
			return false;
	for (size_t i = 0; i < a->setting_count; i++)
		if (!same_text(a->settings[i].origin, b->settings[i].origin))
			return false;
	return true;
}
