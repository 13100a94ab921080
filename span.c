#include "base.h"
#include "span.h"

#include <string.h>

#include "log.h"
#include "log_line.h"
#include "net.h"
#include "route.h"
#include "socks.h"
#include "text.h"

struct span span_of(struct route_entry *const *at)
{
	return (struct span){ at, 1 };
}

bool span_add(struct span *span, struct route_entry *const *at, bool same)
{
	const struct route_entry *last, *entry = *at;
	struct net_addr behind;

	if (!span->count || !same || at != span->first + span->count)
		return false;
	last = at[-1];
	if (strcmp(last->owner.wish->text, entry->owner.wish->text) != 0 || last->balance != entry->balance ||
	    strcmp(last->services, entry->services) != 0)
		return false;
	behind = last->listener->addr;
	net_set_port(&behind, (uint16_t)(net_addr_port(&behind) + 1));
	if (net_compare(&behind, &entry->listener->addr) != 0)
		return false;
	span->count++;
	return true;
}

/* The same backend, `by` ports further. */
static bool same_backend(const struct route_backend *a, const struct route_backend *b, unsigned by)
{
	struct net_addr addr = a->addr;
	struct socks_target socks;

	if (a->socks) {
		socks = *a->socks;
		socks.port = (uint16_t)(socks.port + by);
	} else {
		net_set_port(&addr, (uint16_t)(net_addr_port(&addr) + by));
	}
	return atomic_load(&a->unhealthy) == atomic_load(&b->unhealthy) &&
	       route_target_order(&addr, a->socks ? &socks : NULL, &b->addr, b->socks) == 0;
}

/* The one that its service listens on. */
static uint16_t port_of(const struct route_backend *backend)
{
	return backend->socks ? backend->socks->port : net_addr_port(&backend->addr);
}

/* How far a backend's port moves from the first listener of a span to its second: 0 or 1. */
static unsigned step_of(const struct span *span, unsigned index)
{
	return span->count > 1 && port_of(span->first[0]->backends[index]) != port_of(span->first[1]->backends[index]);
}

/* Of a name as it was written, and the port behind it; 0: it has none. */
static struct slice host_of(const char *name, long *port)
{
	const char *colon = strrchr(name, ':');

	if (!colon || text_number(slice_of(colon + 1), 1, 65535, port))
		*port = 0;
	return (struct slice){ name, *port ? (size_t)(colon - name) : strlen(name) };
}

/* The same name, `by` ports further. */
static bool same_name(const struct route_target *a, const struct route_target *b, unsigned by)
{
	long port, other;
	struct slice host = host_of(a->name, &port), its = host_of(b->name, &other);

	return a->state == b->state && route_order_words(a->why, b->why) == 0 && port + (port ? (long)by : 0) == other &&
	       host.len == its.len && memcmp(host.at, its.at, host.len) == 0;
}

static unsigned name_step_of(const struct span *span, unsigned index)
{
	return span->count > 1 && strcmp(span->first[0]->targets[index].name, span->first[1]->targets[index].name) != 0;
}

static bool names_alike(const struct span *span, const struct route_entry *last, const struct route_entry *entry)
{
	if (last->target_count != entry->target_count || !last->target_of != !entry->target_of ||
	    (last->target_of && memcmp(last->target_of, entry->target_of, entry->count * sizeof *entry->target_of) != 0))
		return false;
	for (unsigned i = 0; i < entry->target_count; i++)
		if (!same_name(&last->targets[i], &entry->targets[i], name_step_of(span, i)))
			return false;
	return true;
}

static bool terms_alike(const struct route_entry *a, const struct route_entry *b)
{
	if (!a->terms_of != !b->terms_of || a->term_count != b->term_count ||
	    (a->terms_of && memcmp(a->terms_of, b->terms_of, a->count * sizeof *a->terms_of) != 0))
		return false;
	for (unsigned i = 0; i < a->term_count; i++)
		if (a->terms[i].options != b->terms[i].options)
			return false;
	return true;
}

static bool same_state(const struct route_entry *a, const struct route_entry *b)
{
	if (!a->conflict != !b->conflict || (a->conflict && strcmp(a->conflict, b->conflict) != 0))
		return false;
	return route_listener_error(a->listener) == route_listener_error(b->listener) && route_waits(a) == route_waits(b) &&
	       (atomic_load(&a->listener->fd) < 0) == (atomic_load(&b->listener->fd) < 0);
}

/* Whether an entry looks like the last one of a span, which it is to follow. */
static bool looks_alike(const struct span *span, struct route_entry *const *at)
{
	const struct route_entry *last = at[-1], *entry = *at;
	struct span both = { at - 1, 2 };
	const struct span *from = span->count > 1 ? span : &both;

	if (last->count != entry->count || !same_state(last, entry) ||
	    (entry->count && memcmp(last->weights, entry->weights, entry->count * sizeof *entry->weights) != 0) ||
	    !terms_alike(last, entry) || !names_alike(from, last, entry))
		return false;
	for (unsigned i = 0; i < entry->count; i++)
		if (!same_backend(last->backends[i], entry->backends[i], step_of(from, i)))
			return false;
	return true;
}

struct span span_at(const struct route_table *table, size_t place)
{
	struct route_entry *const *end = table->entries + table->count, *const *next = table->entries + place + 1;
	struct span span = span_of(&table->entries[place]);

	while (next < end && looks_alike(&span, next) && span_add(&span, next, true))
		next++;
	return span;
}

void span_put_address(const struct span *span, struct buf *out)
{
	buf_puts(out, span->first[0]->listener->name);
	if (span->count > 1)
		buf_printf(out, "-%u", net_addr_port(&span->first[span->count - 1]->listener->addr));
}

void span_put_backend(const struct span *span, unsigned index, struct buf *out)
{
	const struct route_backend *first = span->first[0]->backends[index], *last = span->first[span->count - 1]->backends[index];

	buf_puts(out, first->name);
	if (step_of(span, index))
		buf_printf(out, "-%u", port_of(last));
}

void span_put_name(const struct span *span, const struct route_target *target, struct buf *out)
{
	const struct route_entry *first = span->first[0], *last = span->first[span->count - 1];
	unsigned index = (unsigned)(target - first->targets);
	long port;

	buf_puts_visible(out, "", target->name);
	if (!name_step_of(span, index))
		return;
	host_of(last->targets[index].name, &port);
	buf_printf(out, "-%ld", port);
}

void span_audit(const char *what, const struct span *span, const char *why)
{
	const struct route_entry *entry = span->count ? span->first[0] : NULL;
	const struct route_owner *owner = entry ? &entry->owner : NULL;
	struct buf address = { 0 };
	struct log_line line;

	if (!owner || !log_on(LOG_INFO))
		return;
	span_put_address(span, &address);
	log_event(&line, LOG_INFO, what);
	log_line_text(&line, "address", address.data);
	log_line_text(&line, "service", entry->services);
	log_line_text(&line, "instance", owner->service->instance);
	log_line_text(&line, "node", owner->service->node);
	log_line_text(&line, "tag", owner->service->tags ? owner->wish->origin : owner->wish->text);
	log_line_text(&line, "source", owner->source);
	log_line_text(&line, "why", why);
	log_end_audit(&line);
	buf_free(&address);
}
