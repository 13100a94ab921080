#include "base.h"
#include "span.h"

#include <string.h>

#include "log.h"
#include "log_line.h"
#include "net.h"
#include "socks.h"

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

	if (last->count != entry->count || !same_state(last, entry) ||
	    (entry->count && memcmp(last->weights, entry->weights, entry->count * sizeof *entry->weights) != 0) ||
	    !terms_alike(last, entry))
		return false;
	for (unsigned i = 0; i < entry->count; i++) {
		unsigned step = step_of(span->count > 1 ? span : &both, i);

		if (!same_backend(last->backends[i], entry->backends[i], step))
			return false;
	}
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
